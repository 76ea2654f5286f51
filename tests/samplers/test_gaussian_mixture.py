import numpy as np
import pytest

from kerasgen.samplers import GaussianMixture

RNG = np.random.default_rng(0)
MEANS = np.array([[-5.0, 0.0], [5.0, 2.0]])
ROOT = np.array([[1.0, 0.0], [0.8, 0.3]])


def blobs(count=4000):
    """Three quarters of the points around the first mean, one around the second, both with covariance ROOT ROOT'."""
    component = (np.arange(count) % 4 == 0).astype(int)
    return (MEANS[component] + RNG.normal(size=(count, 2)) @ ROOT.T).astype("float32")


def test_recovers_two_blobs():
    sampler = GaussianMixture(2).fit(blobs())
    order = np.argsort(sampler.means[:, 0])
    np.testing.assert_allclose(sampler.weights[order], [0.75, 0.25], atol=0.02)
    np.testing.assert_allclose(sampler.means[order], MEANS, atol=0.1)
    np.testing.assert_allclose(sampler.covariances[order], [ROOT @ ROOT.T] * 2, atol=0.1)


def test_samples_are_distributed_as_what_it_was_fitted_to():
    latents = GaussianMixture(2).fit(blobs()).sample(4000, seed=1)
    assert latents.shape == (4000, 2) and latents.dtype == "float32"
    left = latents[:, 0] < 0
    assert left.mean() == pytest.approx(0.75, abs=0.03) and left[:2000].mean() == pytest.approx(0.75, abs=0.04)
    np.testing.assert_allclose(latents[left].mean(axis=0), MEANS[0], atol=0.15)
    np.testing.assert_allclose(np.cov(latents[left].T), ROOT @ ROOT.T, atol=0.15)


def test_seed():
    sampler = GaussianMixture(2).fit(blobs(400))
    np.testing.assert_array_equal(sampler.sample(5, seed=1), sampler.sample(5, seed=1))
    assert (sampler.sample(5, seed=1) != sampler.sample(5, seed=2)).any()
    assert (sampler.sample(5) != sampler.sample(5)).any()


def test_saved_and_loaded_draws_the_same(tmp_path):
    sampler = GaussianMixture(3).fit(blobs(400))
    sampler.save(tmp_path / "mixture")
    loaded = GaussianMixture.load(tmp_path / "mixture")
    assert loaded.components == 3
    np.testing.assert_array_equal(loaded.sample(50, seed=1), sampler.sample(50, seed=1))


def test_loading_executes_nothing_pickled(tmp_path):
    np.savez(tmp_path / "mixture.npz", weights=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="pickle"):
        GaussianMixture.load(tmp_path / "mixture.npz")


def test_unfitted(tmp_path):
    with pytest.raises(ValueError, match=r"fit.*Received"):
        GaussianMixture().sample(3)
    with pytest.raises(ValueError, match=r"fit.*Received"):
        GaussianMixture().save(tmp_path / "mixture.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "latents", [np.zeros((9, 2)), np.zeros(100), np.full((100, 2), np.nan)], ids=["too few", "rank", "nan"]
)
def test_bad_latents(latents):
    with pytest.raises(ValueError, match="Received: shape"):
        GaussianMixture(10).fit(latents)


def test_bad_components():
    with pytest.raises(ValueError, match=r"components .*Received: 0"):
        GaussianMixture(0)
