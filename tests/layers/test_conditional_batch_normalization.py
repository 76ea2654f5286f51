"""Conditional batch normalisation: Keras's own with a scale and an offset a class."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen.layers import ConditionalBatchNormalization

RANDOM = np.random.default_rng(0)
FEATURES = {
    "maps": (2 + 3 * RANDOM.standard_normal((6, 4, 3, 5))).astype("float32"),
    "vectors": (2 + 3 * RANDOM.standard_normal((6, 5))).astype("float32"),
}
LABELS = np.array([0, 2, 1, 2, 2, 0], "int32")
each_rank = pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)


def array(value):
    return np.array(ops.convert_to_numpy(ops.cast(value, "float32")))


def build(features, num_classes=3, **options):
    layer = ConditionalBatchNormalization(num_classes, **options)
    layer.build([features.shape, (len(features),)])
    return layer


def tables(layer):
    """Give the layer random scales and offsets."""
    shape = layer.scale.embeddings.shape
    scale, offset = (RANDOM.standard_normal(shape).astype("float32") for _ in range(2))
    layer.scale.embeddings.assign(scale)
    layer.offset.embeddings.assign(offset)
    return scale, offset


@each_rank
@pytest.mark.parametrize("options", [{}, {"momentum": 0.7, "epsilon": 0.01}])
def test_one_class_is_batch_normalization(features, options):
    layer = build(features, 1, **options)
    scale, offset = tables(layer)
    plain = layers.BatchNormalization(**{"momentum": 0.9, "epsilon": 1e-5, **options})
    plain.build(features.shape)
    plain.gamma.assign(scale[0])
    plain.beta.assign(offset[0])
    labels = np.zeros(6, "int32")
    for step in range(4):
        for training in (True, False):
            inputs = features * (1 + step)
            outputs = array(layer([inputs, labels], training=training))
            np.testing.assert_allclose(outputs, array(plain(inputs, training=training)), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(array(layer.normalization.moving_mean), array(plain.moving_mean))
        np.testing.assert_array_equal(array(layer.normalization.moving_variance), array(plain.moving_variance))


@each_rank
def test_starts_as_plain_normalization(features):
    layer = build(features)
    outputs = array(layer([features, LABELS], training=True))
    axes = tuple(range(features.ndim - 1))
    np.testing.assert_allclose(outputs.mean(axes), 0, atol=1e-5)
    np.testing.assert_allclose(outputs.var(axes), 1, rtol=1e-4)
    other = array(layer([features, np.zeros(6, "int32")], training=True))
    np.testing.assert_array_equal(other, outputs)


@each_rank
def test_each_label_has_its_scale_and_offset(features):
    layer = build(features)
    scale, offset = tables(layer)
    mean, variance = features.mean(tuple(range(features.ndim - 1))), features.var(tuple(range(features.ndim - 1)))
    shape = (6, *[1] * (features.ndim - 2), 5)
    expected = (features - mean) / np.sqrt(variance + 1e-5)
    expected = scale[LABELS].reshape(shape) * expected + offset[LABELS].reshape(shape)
    outputs = array(layer([features, LABELS], training=True))
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)


def test_a_class_changes_its_own_samples_only():
    features = FEATURES["maps"]
    layer = build(features)
    tables(layer)
    before = array(layer([features, LABELS]))
    offset = array(layer.offset.embeddings)
    offset[2] += 1
    layer.offset.embeddings.assign(offset)
    change = array(layer([features, LABELS])) - before
    np.testing.assert_allclose(change, np.broadcast_to((LABELS == 2)[:, None, None, None], change.shape), atol=1e-5)


def test_moving_statistics_are_those_of_all_classes_and_move_in_training_only():
    features = FEATURES["maps"]
    layer = build(features, momentum=0.9)
    layer([features, LABELS])
    np.testing.assert_array_equal(array(layer.normalization.moving_mean), 0)
    layer([features, LABELS], training=True)
    np.testing.assert_allclose(array(layer.normalization.moving_mean), 0.1 * features.mean((0, 1, 2)), rtol=1e-4)
    expected = 0.9 + 0.1 * features.var((0, 1, 2))
    np.testing.assert_allclose(array(layer.normalization.moving_variance), expected, rtol=1e-4)
    layer.trainable = False
    layer([5 * features, LABELS], training=True)
    np.testing.assert_allclose(array(layer.normalization.moving_variance), expected, rtol=1e-4)


def network():
    features, label = keras.Input((4, 3, 5)), keras.Input((), dtype="int32", name="label")
    outputs = layers.Flatten()(ConditionalBatchNormalization(3)([features, label]))
    return keras.Model([features, label], outputs)


def test_fits_saves_and_loads(tmp_path):
    model = network()
    model.compile("sgd", "mse", jit_compile=keras.backend.backend() == "jax")
    features = FEATURES["maps"]
    model.fit([features, LABELS], np.ones((6, 60)), batch_size=4, verbose=0)
    layer = model.layers[-2]
    assert (array(layer.scale.embeddings) != 1).all() and (array(layer.offset.embeddings) != 0).all()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(again([features, LABELS])), array(model([features, LABELS])))
    assert again.layers[-2].get_config() == layer.get_config()


def test_tells_how_many_classes_there_are():
    """The engine looks for the embeddings of labels."""
    embeddings = [layer for layer in network()._flatten_layers() if isinstance(layer, layers.Embedding)]
    assert {layer.input_dim for layer in embeddings} == {3}


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    features = 1000 * FEATURES["maps"]  # Their squares are beyond float16.
    full, layer = build(features), build(features, dtype=policy)
    for training in (True, False):
        outputs = layer([features, LABELS], training=training)
        assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
        expected = array(full([features, LABELS], training=training))
        np.testing.assert_allclose(array(outputs), expected, rtol=0.02, atol=0.02)
    assert {weight.dtype for weight in layer.weights} == {"float32"}


def test_labels_as_a_column_and_single_samples():
    layer = build(FEATURES["maps"])
    tables(layer)
    expected = array(layer([FEATURES["maps"], LABELS]))
    np.testing.assert_array_equal(array(layer([FEATURES["maps"], LABELS[:, None]])), expected)
    np.testing.assert_allclose(array(layer([FEATURES["maps"][1:2], LABELS[1:2]])), expected[1:2], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("num_classes", [0, 2.5, "3"])
def test_refuses_other_numbers_of_classes(num_classes):
    with pytest.raises(ValueError, match=r"num_classes must be a positive int. Received: "):
        ConditionalBatchNormalization(num_classes)


def test_refuses_features_without_labels():
    with pytest.raises(ValueError, match=r"must be \[features, labels\]. Received: "):
        ConditionalBatchNormalization(3)(FEATURES["vectors"])
