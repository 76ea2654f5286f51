"""Errors of reconstructions: closed forms, and streaming against one shot."""

import numpy as np
import pytest
from keras import ops

from kerasgen.metrics.reconstruction import (
    ReconstructionError,
    mean_squared_error,
    peak_signal_to_noise_ratio,
    sharpness,
)
from kerasgen.metrics.structural_similarity import structural_similarity


@pytest.fixture
def pair(digits):
    images = digits[0][:23]
    noise = np.random.default_rng(0).random(images.shape)
    return images, (0.8 * images + 0.2 * noise).astype("float32")


def test_a_constant_error_is_known():
    images = np.full((2, 12, 12, 3), 0.25, "float32")
    reconstructions = images + np.array([0.1, 0.5], "float32")[:, None, None, None]
    np.testing.assert_allclose(mean_squared_error(images, reconstructions), [0.01, 0.25], rtol=1e-6)
    np.testing.assert_allclose(peak_signal_to_noise_ratio(images, reconstructions), [20, 6.0206], rtol=1e-5)
    black, white = np.zeros((1, 8, 8, 1), "uint8"), np.full((1, 8, 8, 1), 255, "uint8")
    assert mean_squared_error(black, white) == 1
    assert peak_signal_to_noise_ratio(black, white) == 0


def test_figures_are_means_over_images_however_they_are_cut(pair):
    images, reconstructions = pair
    expected = {
        "mean_squared_error": mean_squared_error(images, reconstructions).mean(),
        "peak_signal_to_noise_ratio": peak_signal_to_noise_ratio(images, reconstructions).mean(),
        "structural_similarity": structural_similarity(images, reconstructions).mean(),
        "sharpness": sharpness(images, reconstructions),
    }
    for cuts in ([], [1, 2, 9], [20]):
        metric = ReconstructionError()
        for batch in zip(np.split(images, cuts), np.split(reconstructions, cuts)):
            metric.update_state(*(ops.convert_to_tensor(side) for side in batch))
        assert metric.result() == pytest.approx(expected, rel=1e-12)
    assert set(ReconstructionError.better) == set(expected) - {"sharpness"}  # Noise would be sharpest.
    parts = [ReconstructionError(), ReconstructionError()]
    parts[0].update_state(images[:5], reconstructions[:5])
    parts[1].update_state(images[5:], reconstructions[5:])
    parts[0].merge_state(parts[1:])
    assert parts[0].result() == pytest.approx(expected, rel=1e-12)


def test_sharpness_is_1_for_the_originals_and_known_for_blur(pair):
    images, noisy = pair
    assert sharpness(images, images) == 1
    assert sharpness(images, 1 - images) == pytest.approx(1)
    assert sharpness(images, images / 2) == pytest.approx(1 / 4)
    # An edge of height 1 in a row of pixels, and the same edge as a ramp of two steps of 1/2.
    edge = np.zeros((1, 1, 6, 1), "float32")
    edge[:, :, 3:] = 1
    ramp = edge.copy()
    ramp[:, :, 3] = 0.5
    assert sharpness(edge, ramp) == pytest.approx(1 / 2)
    assert sharpness(edge, 0 * edge) == 0
    assert sharpness(0 * edge, edge) == np.inf
    assert np.isnan(sharpness(0 * edge, 0 * edge))
    both = np.concatenate([images, np.zeros_like(images[:3])])  # Flat images weigh nothing.
    assert sharpness(both, np.concatenate([noisy, both[-3:]])) == pytest.approx(sharpness(images, noisy))


def test_directions_are_those_of_less_noise(pair):
    images, worse = pair
    figures = []
    for reconstructions in (worse, 0.5 * (images + worse)):
        metric = ReconstructionError()
        metric.update_state(images, reconstructions)
        figures.append(metric.result())
    for name, direction in ReconstructionError.better.items():
        assert (figures[1][name] > figures[0][name]) == (direction == "higher")


def test_an_exact_image_makes_the_mean_ratio_infinite_and_nothing_else(pair):
    images, reconstructions = pair
    reconstructions = np.concatenate([images[:1], reconstructions[1:]])
    np.testing.assert_array_equal(np.isinf(peak_signal_to_noise_ratio(images, reconstructions)), [True] + 22 * [False])
    metric = ReconstructionError()
    metric.update_state(images[:1], reconstructions[:1])
    assert metric.result()["mean_squared_error"] == 0
    assert metric.result()["structural_similarity"] == pytest.approx(1)
    metric.update_state(images[1:], reconstructions[1:])
    result = metric.result()
    assert result["peak_signal_to_noise_ratio"] == np.inf
    assert result["mean_squared_error"] == pytest.approx(mean_squared_error(images, reconstructions).mean())
    assert 0 < result["structural_similarity"] < 1


def test_errors_name_what_came(pair):
    images, reconstructions = pair
    metric = ReconstructionError()
    with pytest.raises(ValueError, match="Received: none"):
        metric.result()
    with pytest.raises(ValueError, match=r"one shape.*\(23, 8, 8, 1\) and \(22, 8, 8, 1\)"):
        metric.update_state(images, reconstructions[1:])
    with pytest.raises(ValueError, match="nan"):
        metric.update_state(images, np.full_like(images, np.nan))
    assert ReconstructionError.from_config(metric.get_config()).name == "reconstruction_error"
