"""Minibatch standard deviation: closed forms, any size of batch, gradients."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen.engine import input_gradient
from kerasgen.layers import MinibatchStandardDeviation
from tests.conftest import JITTED, quick

MAPS = np.random.default_rng(0).standard_normal((9, 3, 2, 5)).astype("float32")


def array(value):
    return np.array(ops.convert_to_numpy(ops.cast(value, "float32")))


def reference(features, group_size):
    """The added channel, one number a sample, by a loop over the groups."""
    count = len(features)
    groups = int(np.ceil(count / group_size))
    members = int(np.ceil(count / groups))
    channel = np.zeros(count)
    for group in range(groups):
        inside = [(group + member * groups) % count for member in range(members)]
        assert len(set(inside)) == members
        deviation = np.sqrt(np.var(features[inside].astype("float64"), axis=0) + 1e-8).mean()
        channel[np.arange(count) % groups == group] = deviation
    return channel


def test_closed_form():
    """Two groups of two: (0, 4) and (10, 12) in the first feature, (1, 1) and (0, 6) in the second."""
    features = np.array([[0, 1], [10, 0], [4, 1], [12, 6]], "float32")
    outputs = array(MinibatchStandardDeviation(group_size=2)(features))
    np.testing.assert_array_equal(outputs[:, :2], features)
    np.testing.assert_allclose(outputs[:, 2], [(2 + 0) / 2, (1 + 3) / 2] * 2, rtol=1e-4)


@pytest.mark.parametrize("group_size", [2, 3, 4, 16])
def test_any_size_of_batch(group_size):
    layer = MinibatchStandardDeviation(group_size)
    for count in (1, 3, 4, 7, 9):
        for features in (MAPS[:count], MAPS[:count, 0, 0]):
            outputs = array(quick(layer)(features))
            np.testing.assert_array_equal(outputs[..., :-1], features)
            expected = reference(features, group_size).reshape(-1, *[1] * (features.ndim - 2))
            np.testing.assert_allclose(outputs[..., -1], np.broadcast_to(expected, outputs.shape[:-1]), rtol=1e-5)


@pytest.mark.parametrize("jitted", JITTED)
def test_remainders_in_a_compiled_step(jitted):
    """The size of the batch is then unknown when TensorFlow traces."""
    inputs = keras.Input(MAPS.shape[1:])
    model = keras.Model(inputs, MinibatchStandardDeviation()(inputs))
    assert model.output_shape == (None, 3, 2, 6)
    model.compile(jit_compile=jitted)
    outputs = model.predict(MAPS, batch_size=5, verbose=0)
    expected = np.concatenate([reference(MAPS[:5], 4), reference(MAPS[5:], 4)])
    np.testing.assert_allclose(outputs[:, 1, 1, -1], expected, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 3, 4, 6])
def test_equal_images_have_no_deviation_and_a_finite_gradient(count):
    layer = MinibatchStandardDeviation()
    images = np.repeat(MAPS[:1], count, axis=0)
    channel = array(layer(images))[..., -1]
    assert ((channel >= 0) & (channel < 1.1e-4)).all()
    gradient = array(quick(lambda images: input_gradient(lambda x: layer(x)[..., -1], images))(images))
    np.testing.assert_allclose(gradient, 0, atol=1e-2)
    assert np.isfinite(gradient).all()


def test_order_and_origin_mean_nothing_and_scale_scales():
    layer = MinibatchStandardDeviation(group_size=5)
    images = MAPS[:5]
    channel = array(layer(images))[..., -1]
    order = [3, 0, 4, 1, 2]
    np.testing.assert_allclose(array(layer(images[order]))[..., -1], channel, rtol=1e-5)
    np.testing.assert_allclose(array(layer(images + 2.5))[..., -1], channel, rtol=1e-4)
    np.testing.assert_allclose(array(layer(3 * images))[..., -1], 3 * channel, rtol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    layer = MinibatchStandardDeviation(dtype=policy)
    images = 1000 * MAPS  # Their squares are beyond float16.
    outputs = layer(images)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(array(outputs)[:, 0, 0, -1], reference(images, 4), rtol=0.02)


def test_saves_and_loads(tmp_path):
    model = keras.Sequential([keras.Input((5,)), MinibatchStandardDeviation(group_size=3), layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[0].group_size == 3
    np.testing.assert_array_equal(array(again(MAPS[:, 0, 0])), array(model(MAPS[:, 0, 0])))


@pytest.mark.parametrize("group_size", [1, 0, 2.5, "4"])
def test_refuses_other_sizes(group_size):
    with pytest.raises(ValueError, match=r"group_size must be an int of 2 or more. Received: "):
        MinibatchStandardDeviation(group_size)


def test_refuses_other_ranks():
    with pytest.raises(ValueError, match=r"Features must be .*Received: shape"):
        MinibatchStandardDeviation()(np.ones((2, 3, 4), "float32"))
