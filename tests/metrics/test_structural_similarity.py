"""Structural similarity: closed forms, another implementation by its definition, and those of Keras and TensorFlow."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.metrics.structural_similarity import (
    MultiscaleSSIM,
    multiscale_structural_similarity,
    similarity_protocol,
    structural_similarity,
)


def images(count, *shape, seed=0, smooth=True):
    """Blobs and stripes with some noise, or noise alone."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    noise = rng.random((count, *shape))
    if not smooth:
        return noise.astype("float32")
    phase, pitch = rng.random((2, count, 1, 1, channels))
    y, x = np.mgrid[:height, :width]
    stripes = 0.5 + 0.5 * np.sin(y[None, ..., None] * (0.2 + pitch) + x[None, ..., None] * 0.3 + 7 * phase)
    return (0.8 * stripes + 0.2 * noise).astype("float32")


def by_definition(first, second, window=11):
    """SSIM and contrast-structure of each image and channel: each window by itself, moments around its mean."""
    offsets = np.arange(window) - window // 2
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()

    def windows(values):
        return np.lib.stride_tricks.sliding_window_view(values.astype("float64"), (window, window), axis=(1, 2))

    def mean(values):
        return np.sum(weights * values, axis=(-2, -1))

    a, b = windows(first), windows(second)
    mean_a, mean_b = mean(a), mean(b)
    a, b = a - mean_a[..., None, None], b - mean_b[..., None, None]
    contrast = (2 * mean(a * b) + 0.03**2) / (mean(a * a) + mean(b * b) + 0.03**2)
    luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    return (luminance * contrast).mean(axis=(1, 2)), contrast.mean(axis=(1, 2))


def multiscale_by_definition(first, second, weights):
    if len(weights) == 1:
        return by_definition(first, second)[0].clip(0) ** weights[0]
    contrast = by_definition(first, second)[1].clip(0) ** weights[0]
    first, second = ((x[:, ::2] + x[:, 1::2]) / 2 for x in (first, second))
    first, second = ((x[:, :, ::2] + x[:, :, 1::2]) / 2 for x in (first, second))
    return contrast * multiscale_by_definition(first, second, weights[1:])


@pytest.mark.parametrize("shape, window", [((28, 28, 1), 11), ((16, 23, 3), 11), ((8, 8, 1), 7), ((30, 5, 2), 5)])
def test_similarity_by_its_definition(shape, window):
    for smooth in (True, False):
        first, second = images(3, *shape, smooth=smooth), images(3, *shape, seed=1, smooth=smooth)
        expected = by_definition(first, second, window)[0].mean(axis=-1)
        np.testing.assert_allclose(structural_similarity(first, second), expected, rtol=1e-10, atol=1e-12)
    assert similarity_protocol(shape)["window"] == window


@pytest.mark.parametrize("shape, scales", [((48, 44, 3), 3), ((28, 28, 1), 2), ((176, 192, 1), 5)])
def test_multiscale_similarity_by_its_definition(shape, scales):
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales])
    weights = weights if scales == 5 else weights / weights.sum()
    first = images(2, *shape)
    second = (0.7 * first + 0.3 * images(2, *shape, seed=1)).astype("float32")
    result = multiscale_structural_similarity(first, second)
    assert (result > 0.1).all()
    expected = multiscale_by_definition(first, second, weights).mean(axis=-1)
    np.testing.assert_allclose(result, expected, rtol=1e-6)  # The reference pools in float32.
    np.testing.assert_allclose(similarity_protocol(shape)["scale_weights"], weights)


def test_similarity_is_keras_s_where_that_is_exact():
    first, second = images(4, 32, 40, 3), images(4, 32, 40, 3, seed=1)
    expected = ops.convert_to_numpy(ops.image.ssim(first, second, data_format="channels_last"))
    np.testing.assert_allclose(structural_similarity(first, second), expected, atol=2e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's own, on its backend")
@pytest.mark.parametrize("shape", [(176, 176, 3), (181, 190, 1)])
def test_similarities_are_tensorflow_s(shape):
    import tensorflow as tf

    first = images(3, *shape)
    second = (0.5 * first + 0.5 * images(3, *shape, seed=1)).astype("float32")
    np.testing.assert_allclose(structural_similarity(first, second), tf.image.ssim(first, second, 1.0), atol=2e-5)
    multiscale = tf.image.ssim_multiscale(first, second, 1.0)
    np.testing.assert_allclose(multiscale_structural_similarity(first, second), multiscale, atol=2e-5)


@pytest.mark.parametrize("function", [structural_similarity, multiscale_structural_similarity])
@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 45, 3)])
def test_similarity_is_one_for_equal_images_symmetric_and_falls_with_noise(function, shape):
    first, second = images(3, *shape), images(3, *shape, seed=1)
    np.testing.assert_allclose(function(first, first), 1, rtol=1e-12)
    np.testing.assert_array_equal(function(first, second), function(second, first))
    noise = images(3, *shape, seed=2, smooth=False) - first
    falling = [function(first, first + amount * noise) for amount in (0, 0.1, 0.3, 0.6)]
    assert (np.diff(falling, axis=0) < 0).all()
    eighth = (first * 255).astype("uint8")
    np.testing.assert_allclose(function(eighth, (second * 255).astype("uint8")), function(first, second), atol=0.02)


def test_flat_images_differ_by_luminance_alone():
    first, second = (np.full((1, 16, 16, 1), level, "float32") for level in (0.25, 0.75))
    exact = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    np.testing.assert_allclose(structural_similarity(first, second), exact, rtol=1e-12)
    # Rounding must not lift a figure above 1, as it does in float32.
    bright = 1 - 1e-4 * images(5, 32, 32, 1, smooth=False)
    assert (structural_similarity(bright, bright[::-1]) <= 1).all()


def test_opposed_images_have_multiscale_similarity_zero():
    first = images(2, 28, 28, 1, smooth=False)
    assert (structural_similarity(first, 1 - first) < 0).all()
    np.testing.assert_array_equal(multiscale_structural_similarity(first, 1 - first), 0)


def test_scales_are_as_many_as_leave_eleven_pixels():
    sides = {1: 1, 8: 1, 21: 1, 22: 2, 28: 2, 32: 2, 64: 3, 128: 4, 175: 4, 176: 5, 1024: 5}
    for side, scales in sides.items():
        protocol = similarity_protocol((side, side + 5, 3))
        assert len(protocol["scale_weights"]) == scales
        assert sum(protocol["scale_weights"]) == pytest.approx(1, abs=1.1e-4)
    assert similarity_protocol((256, 256, 3))["scale_weights"] == [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]


def test_one_scale_is_the_similarity_itself():
    first = images(3, 8, 8, 1)
    second = (first + images(3, 8, 8, 1, seed=1)) / 2
    np.testing.assert_allclose(
        multiscale_structural_similarity(first, second), structural_similarity(first, second), rtol=1e-12
    )


def test_large_sets_are_cut_into_blocks():
    first, second = images(40_000, 8, 8, 1, smooth=False), images(40_000, 8, 8, 1, seed=1, smooth=False)
    whole = structural_similarity(first, second)
    assert whole.shape == (40_000,)
    some = slice(32_000, 33_000)  # A block ends here.
    np.testing.assert_allclose(whole[some], structural_similarity(first[some], second[some]), rtol=1e-12)


def test_images_that_do_not_fit_are_refused():
    first = images(2, 16, 32, 1)
    with pytest.raises(ValueError, match=r"one shape.*Received: shapes \(2, 16, 32, 1\) and \(1, 16, 32, 1\)"):
        structural_similarity(first, first[:1])
    with pytest.raises(ValueError, match="one shape"):
        multiscale_structural_similarity(first, first.transpose(0, 2, 1, 3))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        structural_similarity(first, 2 * first)


@pytest.mark.parametrize("cuts", [[1, 2, 3, 4, 5, 6, 7, 8], [3, 6], [8]])
def test_diversity_does_not_depend_on_the_batches(cuts):
    data = images(9, 28, 28, 1)
    metric = MultiscaleSSIM()
    for batch in np.split(data, cuts):
        metric.update_state(generated=ops.convert_to_tensor(batch))
    expected = multiscale_structural_similarity(data[:8:2], data[1:8:2]).mean()  # The ninth has no partner.
    assert metric.result() == pytest.approx(expected, rel=1e-12)
    metric.reset_state()
    metric.update_state(generated=data[:2])
    assert metric.result() == pytest.approx(multiscale_structural_similarity(data[:1], data[1:2])[0], rel=1e-12)


def test_merged_diversity_has_the_pairs_of_both_and_one_of_what_is_left():
    data = images(8, 28, 28, 1)
    first, second = MultiscaleSSIM(), MultiscaleSSIM()
    first.update_state(generated=data[:3])
    second.update_state(generated=data[3:])
    first.merge_state([second])
    pairs = [(0, 1), (3, 4), (5, 6), (2, 7)]
    left, right = (data[[pair[side] for pair in pairs]] for side in (0, 1))
    assert first.result() == pytest.approx(multiscale_structural_similarity(left, right).mean(), rel=1e-12)
    assert first.state["generated"].count == 8


def test_diversity_tells_a_collapsed_generator_from_data(digits):
    def diversity(generated):
        metric = MultiscaleSSIM()
        metric.update_state(generated=generated)
        return metric.result()

    data = digits[0]
    collapsed = np.clip(data[:1] + 0.02 * (images(64, 8, 8, 1, smooth=False) - 0.5), 0, 1)
    assert diversity(np.repeat(data[:1], 4, axis=0)) == pytest.approx(1)
    assert diversity(collapsed) > 0.9 > diversity(data)


def test_diversity_refuses_what_it_cannot_measure():
    metric = MultiscaleSSIM()
    with pytest.raises(ValueError, match=r"generated.*Received: real"):
        metric.update_state(real=images(2, 8, 8, 1))
    metric.update_state(generated=images(1, 8, 8, 1))
    with pytest.raises(ValueError, match=r"two images\. Received: 1"):
        metric.result()
    with pytest.raises(ValueError, match="one shape"):
        metric.update_state(generated=images(2, 9, 8, 1))
    assert MultiscaleSSIM.from_config(metric.get_config()).name == "multiscale_ssim"
