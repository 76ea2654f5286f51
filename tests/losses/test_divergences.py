import numpy as np
import pytest
from keras import ops
from scipy import stats

from kerasgen.engine import input_gradient
from kerasgen.losses import divergences

RNG = np.random.default_rng(0)
MEAN, LOG_VARIANCE, OTHER_MEAN, OTHER_LOG_VARIANCE = RNG.normal(size=(4, 3, 5)).astype("float32")


def standard(*arguments):
    return ops.convert_to_numpy(divergences.kl_standard_normal(*map(ops.convert_to_tensor, arguments)))


def gaussians(*arguments):
    return ops.convert_to_numpy(divergences.kl_gaussians(*map(ops.convert_to_tensor, arguments)))


def test_equals_monte_carlo():
    scale, other_scale = np.exp(0.5 * LOG_VARIANCE), np.exp(0.5 * OTHER_LOG_VARIANCE)
    z = MEAN + scale * RNG.normal(size=(200_000, *MEAN.shape))
    own = stats.norm.logpdf(z, MEAN, scale)
    for kl, other in (
        (standard(MEAN, LOG_VARIANCE), stats.norm.logpdf(z)),
        (
            gaussians(MEAN, LOG_VARIANCE, OTHER_MEAN, OTHER_LOG_VARIANCE),
            stats.norm.logpdf(z, OTHER_MEAN, other_scale),
        ),
    ):
        error = np.std(own - other, axis=0) / np.sqrt(len(z))
        assert kl.shape == MEAN.shape and kl.dtype == "float32"
        assert (np.abs(kl - np.mean(own - other, axis=0)) < 5 * error).all()


def test_zero_at_equality_and_never_negative():
    assert (gaussians(MEAN, LOG_VARIANCE, MEAN, LOG_VARIANCE) == 0).all()
    assert (standard(np.zeros((1, 3), "float32"), np.zeros((1, 3), "float32")) == 0).all()
    log_variance = np.concatenate([np.linspace(-60, 60, 1001), np.linspace(-1e-3, 1e-3, 1001)]).astype("float32")
    kl = standard(np.zeros_like(log_variance), log_variance)
    assert np.isfinite(kl).all() and (kl >= 0).all()


def test_keeps_its_digits_where_variances_are_nearly_equal():
    # exp(d) - 1 - d in float32 would be 0 or 1e-7 here, where d^2 / 2 is 5e-7.
    assert standard(np.zeros((1, 1)), np.full((1, 1), 1e-3)).item() == pytest.approx(2.5e-7, rel=1e-3)


def test_standard_normal_is_the_other_one_at_zero():
    zeros = np.zeros_like(MEAN)
    np.testing.assert_allclose(gaussians(MEAN, LOG_VARIANCE, zeros, zeros), standard(MEAN, LOG_VARIANCE), rtol=1e-5)


def test_gradient_reaches_every_argument():
    arguments = np.concatenate([MEAN, LOG_VARIANCE, OTHER_MEAN, OTHER_LOG_VARIANCE], axis=-1)
    gradient = input_gradient(lambda x: divergences.kl_gaussians(*ops.split(x, 4, axis=-1)), arguments)
    mean, log_variance, other_mean, other_log_variance = np.split(ops.convert_to_numpy(gradient), 4, axis=-1)
    v, w, distance = np.exp(LOG_VARIANCE), np.exp(OTHER_LOG_VARIANCE), MEAN - OTHER_MEAN
    np.testing.assert_allclose(mean, distance / w, rtol=1e-4)
    np.testing.assert_allclose(other_mean, -distance / w, rtol=1e-4)
    np.testing.assert_allclose(log_variance, (v / w - 1) / 2, rtol=1e-4)
    np.testing.assert_allclose(other_log_variance, (1 - v / w - distance**2 / w) / 2, rtol=1e-4, atol=1e-6)


def test_half_precision_is_left_first():
    assert standard(np.full((1, 1), 300.0, "float16"), np.zeros((1, 1), "float16")).item() == 45_000.0
