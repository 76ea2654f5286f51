import numpy as np
import pytest

from kerasgen.samplers import Prior


def test_standard_normal():
    latents = Prior(3).sample(50_000, seed=0)
    assert latents.shape == (50_000, 3) and latents.dtype == "float32"
    np.testing.assert_allclose(latents.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(latents.T), np.eye(3), atol=0.03)


def test_seed():
    prior = Prior(2)
    np.testing.assert_array_equal(prior.sample(5, seed=1), prior.sample(5, seed=1))
    assert (prior.sample(5, seed=1) != prior.sample(5, seed=2)).any()
    assert (prior.sample(5) != prior.sample(5)).any()


def test_bad_dimension():
    with pytest.raises(ValueError, match=r"latent_dim .*Received: 0"):
        Prior(0)
