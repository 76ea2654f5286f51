import numpy as np
import pytest

from kerasgen.samplers import Prior


@pytest.mark.parametrize("seed", range(3))
def test_standard_normal(seed):
    """Within five standard errors: 1 / sqrt(n) of a mean and a covariance, sqrt(2 / n) of a variance."""
    count = 50_000
    latents = Prior(3).sample(count, seed=seed)
    assert latents.shape == (count, 3) and latents.dtype == "float32"
    assert (np.abs(latents.mean(axis=0)) < 5 / np.sqrt(count)).all()
    assert (np.abs(np.cov(latents.T) - np.eye(3)) < 5 * np.sqrt((1 + np.eye(3)) / count)).all()


def test_it_is_a_mixture_of_one():
    prior = Prior(3)
    np.testing.assert_array_equal(prior.weights, [1])
    np.testing.assert_array_equal(prior.means, np.zeros((1, 3)))
    np.testing.assert_array_equal(prior.covariances, [np.eye(3)])


def test_seed():
    prior = Prior(2)
    np.testing.assert_array_equal(prior.sample(5, seed=1), prior.sample(5, seed=1))
    assert (prior.sample(5, seed=1) != prior.sample(5, seed=2)).any()
    assert (prior.sample(5) != prior.sample(5)).any()


def test_bad_dimension():
    with pytest.raises(ValueError, match=r"latent_dim .*Received: 0"):
        Prior(0)
