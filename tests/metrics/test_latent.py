"""Measures of a posterior: closed forms, sampling, and the definition of Burda et al."""

import numpy as np
import pytest
from keras import ops

from kerasgen.losses import divergences
from kerasgen.metrics.latent import ActiveUnits, KLPerDimension, active_dimensions, active_units, kl_per_dimension
from tests.metrics.error_of_draws import SEED


def test_kl_is_zero_for_the_prior_and_known_for_a_shift():
    kl = kl_per_dimension(np.array([[0.0, 3.0]]), np.zeros((1, 2)))
    np.testing.assert_allclose(kl, [0.0, 4.5])


def test_kl_equals_the_mean_of_log_ratios_over_samples():
    rng = np.random.default_rng(SEED)
    mean, log_variance = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    noise = rng.normal(size=(200_000, 3, 4))
    samples = mean + np.exp(log_variance / 2) * noise
    log_ratio = (samples**2 - noise**2 - log_variance) / 2  # log q - log p; the constants cancel
    error = np.sqrt(log_ratio.var(axis=0).mean(axis=0) / (3 * 200_000))
    difference = kl_per_dimension(mean, log_variance) - log_ratio.mean(axis=(0, 1))
    assert np.all(np.abs(difference) < 5 * error)


def test_kl_agrees_with_the_loss_that_is_trained():
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(size=(2, 16, 4)).astype("float32")
    loss = ops.convert_to_numpy(divergences.kl_standard_normal(mean, log_variance)).mean(axis=0)
    np.testing.assert_allclose(kl_per_dimension(mean, log_variance), loss, rtol=1e-5)


def test_a_tiny_kl_is_not_rounded_away():
    np.testing.assert_allclose(kl_per_dimension(np.zeros((1, 1)), np.full((1, 1), 1e-6)), [2.5e-13], rtol=1e-3)


def test_a_dimension_is_active_if_its_mean_varies():
    """A mean of plus or minus a has the variance a squared; its level does not count."""
    levels = np.sqrt([0.0099, 0.0101, 4.0, 0.0])
    mean = np.array([[1.0], [-1.0]] * 10) * levels + [5.0, -5.0, 0.0, 7.0]
    np.testing.assert_array_equal(active_dimensions(mean), [False, True, True, False])
    assert active_units(mean) == 2
    assert active_units(mean, threshold=0.001) == 3


def test_errors_name_what_came():
    with pytest.raises(ValueError, match=r"Received: \(2, 3\) and \(2, 4\)"):
        kl_per_dimension(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"Received: shape \(3,\)"):
        active_units(np.zeros(3))


def test_streaming_is_one_shot_however_the_posteriors_are_cut():
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(50, 5)) * np.sqrt([1, 0.02, 0.0101, 0.0099, 1e-6]) + 100.0
    mean[:, 2:4] = 7 + np.where(np.arange(50) % 2, 1, -1)[:, None] * np.sqrt([0.0101, 0.0099])
    log_variance = rng.normal(size=(50, 5))
    for cuts in ([], [1, 2, 30], [49]):
        units, kl = ActiveUnits(), KLPerDimension()
        for part in np.split(np.arange(50), cuts):
            units.update_state(mean[part])
            kl.update_state(mean[part], log_variance[part])
        assert units.result() == {"active_units": active_units(mean)} == {"active_units": 3.0}
        np.testing.assert_allclose(kl.per_dimension(), kl_per_dimension(mean, log_variance), rtol=1e-12)
        assert kl.result() == pytest.approx({"kl": kl_per_dimension(mean, log_variance).sum()}, rel=1e-12)


def test_merging_is_as_if_all_had_come_to_one():
    """Neither part varies; together they do."""
    parts = [ActiveUnits(), ActiveUnits(), ActiveUnits()]
    for part, level in zip(parts, (0.0, 1.0, 1.0)):
        part.update_state(ops.convert_to_tensor(np.full((4, 2), [level, 3.0], "float32")))
        assert part.result() == {"active_units": 0.0}
    parts[0].merge_state(parts[1:])
    assert parts[0].result() == {"active_units": 1.0}
    first, second = KLPerDimension(), KLPerDimension()
    first.update_state(np.zeros((3, 1)), np.zeros((3, 1)))
    second.update_state(np.full((1, 1), 2.0), np.zeros((1, 1)))
    first.merge_state([second])
    assert first.result() == {"kl": 0.5}
    first.reset_state()
    with pytest.raises(ValueError, match="Received: none"):
        first.result()


def test_the_threshold_is_an_argument_and_survives_a_config():
    metric = ActiveUnits.from_config(ActiveUnits(threshold=4.5).get_config())
    with pytest.raises(ValueError, match="Received: none"):
        metric.result()
    metric.update_state(np.array([[2.0, 2.2], [-2.0, -2.2]]))
    assert metric.result() == {"active_units": 1.0}
    with pytest.raises(ValueError, match="with such values"):
        metric.update_state(np.full((2, 2), np.nan))
