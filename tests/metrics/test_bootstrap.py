"""Intervals of figures of samples: beside the spread over independent sets, which is what they estimate."""

import warnings

import numpy as np
import pytest

from kerasgen import metrics
from kerasgen.metrics import bootstrap
from tests.metrics.error_of_draws import SEED, standard_error

NAMES = ["frechet_distance", "kernel_distance", "precision_recall", "density_coverage"]


def sets(seed, count=300, dimensions=3):
    """Features of real images, the same for all seeds, and of generated ones."""
    real = np.random.default_rng(12345).standard_normal((count, dimensions))
    return real, 1.1 * np.random.default_rng((SEED, seed)).standard_normal((count, dimensions)) + 0.4


def measured(metric, real, generated, resamples):
    """The figures of a metric, with their intervals."""
    metric.update_state(
        **{"real": real, "generated": generated} if len(metric.sides) == 2 else {"generated": generated}
    )
    result = metric.result()
    figures = result if isinstance(result, dict) else {metric.name: result}
    return figures | metric.intervals(figures, generated, resamples, SEED)


def test_an_interval_is_that_of_the_replicates_around_their_mean():
    replicates = 7 + np.arange(1001) / 1000
    assert bootstrap.interval(2.0, replicates) == pytest.approx((1.525, 2.475))


def test_weights_are_shares_of_draws_with_replacement():
    drawn = np.stack(list(bootstrap.weights(50, 4000, SEED)))
    np.testing.assert_allclose(drawn.sum(axis=1), 1)
    np.testing.assert_allclose(drawn * 50, np.round(drawn * 50))
    # Each count is binomial: mean 1, variance 1 - 1 / n.
    variance = 1 - 1 / 50
    assert np.abs(drawn.mean(axis=0) * 50 - 1).max() < 5.5 * np.sqrt(variance / 4000)
    # Of a variance, with the kurtosis of a Poisson's count, 4: sqrt((4 - 1) / 4000) of it.
    assert (drawn * 50).var() == pytest.approx(variance, rel=5 * np.sqrt(3 / 4000))


def test_an_interval_of_a_share_is_the_binomial_one():
    inside = np.arange(400) < 300
    replicates = bootstrap.means(inside, 2000, SEED)
    # The spread of 2,000 replicates has a relative error of 1 / sqrt(2 x 2000).
    assert replicates.std() == pytest.approx(np.sqrt(0.75 * 0.25 / 400), rel=5 / np.sqrt(4000))


def test_intervals_of_gaussians_cover():
    """The expectation of the figure at this count, in 95% of cases.

    The bound is 5 standard errors of a share, and 2% for what a bootstrap of 300 images misses.
    """
    trials = 200
    moments = metrics.Moments(sets(0)[0])
    figures, widths = [], []
    for seed in range(trials):
        metric = metrics.FrechetDistance()
        found = measured(metric, *sets(seed), 100)
        figures.append(found["frechet_distance"])
        widths.append((found["frechet_distance_low"], found["frechet_distance_high"]))
    expected = np.mean([metrics.frechet_distance(moments, sets(1000 + k)[1]) for k in range(1000)])
    inside = [low < expected < high for low, high in widths]
    assert np.mean(inside) > 0.95 - 0.02 - 5 * np.sqrt(0.95 * 0.05 / trials)
    # And they are no wider than they need to be: 2 x 1.96 standard deviations, whose error over 200 sets is 5%.
    assert np.mean(np.diff(widths)) == pytest.approx(3.92 * np.std(figures), rel=5 / np.sqrt(2 * trials))


@pytest.mark.parametrize(
    ("metric", "name"), [(metrics.PrecisionRecall, "precision"), (metrics.DensityCoverage, "density")]
)
def test_what_is_a_mean_over_generated_images_has_the_error_of_a_mean(metric, name):
    real, generated = sets(0)
    metric = metric()
    metric.update_state(real, generated)
    values = metric._parts()[name]
    assert len(values) == len(generated)
    replicates = metric.replicates(generated, 1000, SEED)[name]
    assert replicates.std() == pytest.approx(standard_error(values), rel=5 / np.sqrt(2000))


#: Of what interval, and how much wider or narrower it may be than the spread over independent pairs of sets.
KINDS = {
    "inception_score": (metrics.InceptionScore, 0.9, 1.05),
    "kernel_distance": (lambda: metrics.KernelDistance(subsets=50, subset_size=60), 0.8, 1.6),
}


@pytest.mark.parametrize("name", KINDS)
def test_intervals_are_as_wide_as_independent_sets_spread(name):
    metric, low, high = KINDS[name]
    trials, found = 40, []
    for seed in range(trials):
        generated = sets(seed, count=120)[1]
        real = np.random.default_rng((SEED, 2, seed)).standard_normal(generated.shape)
        found.append(measured(metric(), real, generated, 60))
    spread = np.std([figures[name] for figures in found])
    width = np.mean([figures[f"{name}_high"] - figures[f"{name}_low"] for figures in found]) / 3.92
    # The spread over so many sets has a relative error of 1 / sqrt(2 x 40).
    error = 5 / np.sqrt(2 * trials)
    assert low * (1 - error) < width / spread < high * (1 + error)


def test_intervals_shrink_with_the_number_of_images():
    """By the root of it: four times as many, half as wide."""
    widths = []
    for count in (200, 800):
        real, generated = sets(0, count)
        found = measured(metrics.FrechetDistance(), real, generated, 400)
        widths.append(found["frechet_distance_high"] - found["frechet_distance_low"])
    # Of a quantile of 400 replicates, a relative error of about 0.09; two of them, and the sets' own spread.
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.6)


def test_a_comparison_gives_intervals_if_asked():
    rng = np.random.default_rng(0)
    real, generated = rng.random((120, 28, 28, 1), "float32"), 0.9 * rng.random((90, 28, 28, 1), "float32")
    names = [*NAMES, "inception_score", "class_shares"]
    found = {}
    for resamples in (0, 50):
        compare = metrics.Comparison(names, "mnist_classifier", bootstrap=resamples)
        compare.set_real(real)
        found[resamples] = compare(generated)
        assert compare.protocol().get("intervals") == ({"bootstrap": 50, "level": 0.95} if resamples else None)
    figures = found[0]
    assert {name: found[50][name] for name in figures} == pytest.approx(figures)
    intervals = found[50].keys() - figures.keys()
    of = ["frechet_distance", "kernel_distance", "precision", "density"]
    assert intervals == {f"{name}_{end}" for name in [*of, "inception_score"] for end in ("low", "high")}
    for name in [*of, "inception_score"]:
        low, high = found[50][f"{name}_low"], found[50][f"{name}_high"]
        assert low <= figures[name] <= high
    assert compare(generated) == pytest.approx(found[50]), "the draws are seeded"


def test_what_takes_too_long_or_too_many_images_has_none():
    wide = np.random.default_rng(0).standard_normal((2, 300, 257))
    assert "frechet_distance_low" not in measured(metrics.FrechetDistance(), *wide, 50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        few = np.random.default_rng(0).standard_normal((2, 5, 7))
        assert "frechet_distance_low" not in measured(metrics.FrechetDistance(), *few, 50)
    pair = np.random.default_rng(0).standard_normal((2, 2, 7))
    assert "kernel_distance_low" not in measured(metrics.KernelDistance(), *pair, 50)
    with pytest.raises(ValueError, match=r"40 draws at least.*bootstrap=7"):
        metrics.Comparison(NAMES, "pixels", bootstrap=7)


def test_splits_are_drawn_from_one_by_one():
    logits = 3 * np.random.default_rng(0).standard_normal((400, 5))
    found = measured(metrics.InceptionScore(splits=4), None, logits, 200)
    parts = [measured(metrics.InceptionScore(), None, logits[k::4], 200) for k in range(4)]
    width = found["inception_score_high"] - found["inception_score_low"]
    expected = (
        np.sqrt(np.sum([(part["inception_score_high"] - part["inception_score_low"]) ** 2 for part in parts])) / 4
    )
    # Two widths from quantiles of 200 replicates, each with a relative error of about 0.1.
    assert width == pytest.approx(expected, rel=0.5)
