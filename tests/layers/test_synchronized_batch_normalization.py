"""Batch normalisation over several devices: on one it is Keras's. Several are in tests/devices."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen.engine import replicas
from kerasgen.layers import ConditionalBatchNormalization, SynchronizedBatchNormalization
from kerasgen.networks import conv, layout, mlp

RANDOM = np.random.default_rng(0)
FEATURES = {
    "maps": (2 + 3 * RANDOM.standard_normal((6, 4, 3, 5))).astype("float32"),
    "vectors": (2 + 3 * RANDOM.standard_normal((6, 5))).astype("float32"),
}
each_rank = pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)


def array(value):
    return np.array(ops.convert_to_numpy(ops.cast(value, "float32")))


@each_rank
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9, "epsilon": 1e-5, "scale": False}, {"dtype": "float16"}])
def test_is_that_of_keras_on_one_device(features, options):
    layer, plain = SynchronizedBatchNormalization(**options), layers.BatchNormalization(**options)
    for step in range(3):
        for training in (True, False):
            inputs = features * (1 + step)
            np.testing.assert_array_equal(
                array(layer(inputs, training=training)), array(plain(inputs, training=training))
            )
    for ours, theirs in zip(layer.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(array(ours), array(theirs))


@pytest.fixture
def three_replicas(monkeypatch):
    """Replicas one after the other: what each would gather is collected first, and then given to all."""
    kept = []

    def gathered(tensor):
        kept.append(tensor)
        return ops.stack(kept)

    monkeypatch.setattr(replicas, "count", lambda: 3)
    monkeypatch.setattr(replicas, "gathered", gathered)


@each_rank
@pytest.mark.parametrize("masked", [False, True])
def test_statistics_are_those_of_unequal_parts_together(features, masked, three_replicas):
    """The last of the replicas has them all. Means that are large beside the deviations cost no digits."""
    features = features + 1000
    layer = SynchronizedBatchNormalization()
    layer.build(features.shape)
    mask = RANDOM.random(features.shape[:-1]) < 0.6 if masked else np.ones(features.shape[:-1], bool)
    mask[5:] = not masked  # The last one may have nothing to tell.
    for part in (slice(0, 2), slice(2, 5), slice(5, 6)):
        mean, variance = layer._moments(ops.convert_to_tensor(features[part]), mask[part] if masked else None)
    expected = features[mask].astype("float64")
    np.testing.assert_allclose(array(mean), expected.mean(0), rtol=1e-6)
    np.testing.assert_allclose(array(variance), expected.var(0), rtol=1e-4)


def test_a_replica_alone_gathers_a_row():
    tensor = ops.convert_to_tensor(FEATURES["vectors"])
    np.testing.assert_array_equal(array(replicas.gathered(tensor)), FEATURES["vectors"][None])


def test_is_saved(tmp_path):
    network = keras.Sequential([keras.Input((4, 3, 5)), SynchronizedBatchNormalization(momentum=0.8)])
    network(FEATURES["maps"], training=True)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert type(loaded.layers[0]) is SynchronizedBatchNormalization
    assert loaded.layers[0].momentum == 0.8
    np.testing.assert_array_equal(array(loaded(FEATURES["maps"])), array(network(FEATURES["maps"])))


@pytest.mark.parametrize("synchronized", [False, True])
def test_conditional(synchronized):
    layer = ConditionalBatchNormalization(3, synchronized=synchronized)
    layer.build([(None, 5), (None,)])
    layer = ConditionalBatchNormalization.from_config(layer.get_config())
    layer.build([(None, 5), (None,)])
    kind = SynchronizedBatchNormalization if synchronized else layers.BatchNormalization
    assert type(layer.normalization) is kind


def test_builders_take_its_name():
    """They give it the options that they give batch normalisation."""

    def of(network):
        return [
            (type(layer), layer.momentum) for layer in network.layers if isinstance(layer, layers.BatchNormalization)
        ]

    name = "synchronized_batch"
    encoder = conv.encoder((8, 8, 1), 2, filters=(4, 4), normalization=name)
    assert of(encoder) == [(SynchronizedBatchNormalization, 0.99)] * 2
    generator = mlp.generator((8, 8, 1), 2, units=(4,), normalization=name)
    assert of(generator) == [(SynchronizedBatchNormalization, 0.9)]
    conditional = {"num_classes": 3, "conditioning": "batch_normalization"}
    generator = mlp.generator((8, 8, 1), 2, units=(4,), normalization=name, **conditional)
    found = [layer for layer in generator.layers if isinstance(layer, ConditionalBatchNormalization)]
    assert [layer.synchronized for layer in found] == [True]


def test_layouts_have_a_word_for_it():
    network = layout.network("DENSE|4|RELU,SYNCBNORM", (6,))
    assert type(network.get_layer("2_syncbnorm")) is SynchronizedBatchNormalization
    assert layout.describe(network) == "DENSE|4|RELU,SYNCBNORM"
