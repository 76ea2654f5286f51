import numpy as np
import pytest

from kerasgen.samplers import GaussianMixture

MEANS = np.array([[-5.0, 0.0], [5.0, 2.0]])
ROOT = np.array([[1.0, 0.0], [0.8, 0.3]])


def blobs(count=4000, seed=0):
    """A quarter of the points around the second mean, the others around the first, with covariance ROOT ROOT'."""
    component = (np.arange(count) % 4 == 0).astype(int)
    noise = np.random.default_rng(seed).normal(size=(count, 2))
    return (MEANS[component] + noise @ ROOT.T).astype("float32")


@pytest.mark.parametrize("seed", range(3))
def test_recovers_two_blobs(seed):
    """They are 22 standard deviations apart, so that the fit is the moments of each, whatever was drawn."""
    latents = blobs(seed=seed)
    sampler = GaussianMixture(2).fit(latents)
    order = np.argsort(sampler.means[:, 0])
    parts = [latents[latents[:, 0] < 0], latents[latents[:, 0] > 0]]
    np.testing.assert_allclose(sampler.weights[order], [0.75, 0.25], atol=1e-4)
    np.testing.assert_allclose(sampler.means[order], [part.mean(axis=0) for part in parts], atol=1e-4)
    np.testing.assert_allclose(sampler.covariances[order], [np.cov(part.T, bias=True) for part in parts], atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_samples_are_distributed_as_the_mixture(seed):
    """Within five standard errors: of a share p, of a mean, and of a covariance of Gaussians."""
    sampler, count = GaussianMixture(2), 4000
    covariance = ROOT @ ROOT.T
    sampler.weights, sampler.means, sampler.covariances = np.array([0.75, 0.25]), MEANS, np.array([covariance] * 2)
    latents = sampler.sample(count, seed=seed)
    assert latents.shape == (count, 2) and latents.dtype == "float32"
    left = latents[:, 0] < 0
    for part in (left, left[: count // 2]):  # in random order
        assert abs(part.mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / len(part))
    for part, mean in ((latents[left], MEANS[0]), (latents[~left], MEANS[1])):
        variances = np.diag(covariance)
        assert (np.abs(part.mean(axis=0) - mean) < 5 * np.sqrt(variances / len(part))).all()
        error = np.sqrt((np.outer(variances, variances) + covariance**2) / len(part))
        assert (np.abs(np.cov(part.T) - covariance) < 5 * error).all()


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


def test_a_damaged_file_is_named_with_what_to_do(tmp_path):
    file = tmp_path / "mixture.npz"
    GaussianMixture(3).fit(blobs(400)).save(file)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    whole = file.read_bytes()
    with np.load(file) as arrays:
        parts = dict(arrays)

    def flipped():
        place = whole.index(parts["means"].tobytes())
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])

    for damage in (
        lambda: file.write_bytes(whole[: len(whole) // 2]),
        lambda: file.write_bytes(b""),
        lambda: file.write_text("a page", encoding="utf-8"),
        lambda: np.save(file.with_suffix(".npy"), np.zeros(3)) or file.with_suffix(".npy").replace(file),
        lambda: np.savez(file, x=np.zeros(3)),
        lambda: np.savez(file, **{**parts, "weights": np.ones(5)}),
        lambda: np.savez(file, **{**parts, "means": parts["means"] * np.nan}),
        lambda: np.savez_compressed(file, **parts, more=np.zeros(10**6)),
        flipped,
    ):
        damage()
        with pytest.raises(ValueError, match=r"damaged, or holds no mixture: fit one anew.*mixture\.npz$") as error:
            GaussianMixture.load(file)
        assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError):
        GaussianMixture.load(tmp_path / "nowhere.npz")


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
