"""Frechet distance, kernel distance, inception score, precision and recall, density and coverage."""

import json
import pathlib
import warnings

import keras
import numpy as np
import pytest

from kerasgen import metrics
from tests.metrics.error_of_draws import SEED, standard_error

REFERENCES = pathlib.Path(__file__).parent / "references"
ALL = [
    metrics.FrechetDistance,
    metrics.KernelDistance,
    metrics.InceptionScore,
    metrics.PrecisionRecall,
    metrics.DensityCoverage,
]
OF_PAIRS = [metric for metric in ALL if metric is not metrics.InceptionScore]


@pytest.fixture(scope="module")
def inputs():
    with np.load(REFERENCES / "metric_inputs.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCES / "metric_reference.json").read_text(encoding="utf-8"))


def gaussian(count, mean, covariance, seed=0):
    return np.random.default_rng(seed).multivariate_normal(mean, covariance, count)


def exact(mean, covariance):
    """Moments of exactly these values, as if of very many samples."""
    count = 10**9
    arrays = {"count": np.array(count), "mean": np.array(mean, "float64")}
    return metrics.Moments.from_arrays(arrays | {"scatter": np.array(covariance, "float64") * (count - 1)})


def figures(metric, **batches):
    """What a metric makes of whole sets."""
    metric = metric()
    metric.update_state(**{side: batches[side] for side in metric.sides})
    result = metric.result()
    return result if isinstance(result, dict) else {metric.name: result}


# ---- parity with torch-fidelity


def test_frechet_distance_is_the_reference(inputs, reference):
    found = metrics.frechet_distance(inputs["real"], inputs["generated"])
    np.testing.assert_allclose(found, reference["frechet"], rtol=1e-5)


def test_squared_mmd_is_the_reference(inputs, reference):
    found = metrics.squared_mmd(inputs["real"][:400], inputs["generated"][:400])
    np.testing.assert_allclose(found, reference["kernel_unbiased_mmd2_first_400_rows_each"], rtol=1e-5)


def test_precision_and_recall_are_the_reference(inputs, reference):
    found = metrics.precision_recall(inputs["real"], inputs["generated"], neighbours=3)
    for name in ("precision", "recall", "f_score"):
        np.testing.assert_allclose(found[name], reference[name], rtol=1e-5)


def test_inception_score_is_the_reference(inputs, reference):
    found = metrics.inception_score(inputs["logits"])
    np.testing.assert_allclose(found["inception_score"], reference["inception_score_mean"], rtol=1e-5)


# ---- Frechet distance


def test_frechet_distance_of_gaussians_that_commute():
    """|m - n|^2 + sum (s_i - t_i)^2 for diagonal covariances."""
    first = exact([0, 1, 2], np.diag([4.0, 1.0, 9.0]))
    second = exact([1, 1, 0], np.diag([1.0, 1.0, 25.0]))
    np.testing.assert_allclose(metrics.frechet_distance(first, second), 5 + (1 + 0 + 4), rtol=1e-8)


def test_frechet_distance_of_gaussians_that_do_not_commute():
    """tr (A B)^(1/2) of 2x2 matrices is sqrt(tr AB + 2 sqrt(det AB))."""
    a, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[5.0, -2.0], [-2.0, 1.0]])
    product = a @ b
    common = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(a) + np.trace(b) - 2 * common
    np.testing.assert_allclose(metrics.frechet_distance(exact([0, 0], a), exact([0, 0], b)), expected, rtol=1e-8)


def test_frechet_distance_agrees_with_a_matrix_square_root(inputs):
    from scipy.linalg import sqrtm

    real, generated = (inputs[side].astype("float64") for side in ("real", "generated"))
    c, d = np.cov(real, rowvar=False), np.cov(generated, rowvar=False)
    shift = real.mean(0) - generated.mean(0)
    expected = shift @ shift + np.trace(c + d - 2 * sqrtm(c @ d).real)
    np.testing.assert_allclose(metrics.frechet_distance(real, generated), expected, rtol=1e-9)


def test_frechet_distance_of_singular_covariances():
    """Constant features and fewer images than features: the rank is less than the dimension."""
    rows = np.random.default_rng(0).standard_normal((6, 10))
    with pytest.warns(UserWarning, match="singular"):
        assert metrics.frechet_distance(rows, rows) == pytest.approx(0, abs=1e-10)
    with pytest.warns(UserWarning, match="singular"):
        assert metrics.frechet_distance(rows, rows + 2) == pytest.approx(40)
    constant = np.full((20, 3), 7.0)
    assert metrics.frechet_distance(constant, constant) == 0
    assert metrics.frechet_distance(constant, constant + 1) == pytest.approx(3)
    # A Gaussian and a point: |m|^2 + tr C.
    assert metrics.frechet_distance(exact([0, 0, 0], np.eye(3)), constant) == pytest.approx(3 * 49 + 3)


def test_frechet_distance_stands_a_large_mean():
    rows = np.random.default_rng(0).standard_normal((500, 4))
    far = metrics.frechet_distance(rows + 1e6, 2 * rows + 1e6)
    np.testing.assert_allclose(far, metrics.frechet_distance(rows, 2 * rows), rtol=1e-6)


def test_frechet_distance_is_a_squared_metric(inputs):
    a, b = inputs["real"], inputs["generated"]
    c = a[:300] * 0.5
    ab, bc, ac = (metrics.frechet_distance(*pair) ** 0.5 for pair in ((a, b), (b, c), (a, c)))
    assert ab == pytest.approx(metrics.frechet_distance(b, a) ** 0.5)
    assert ac <= ab + bc


# ---- kernel distance


def test_squared_mmd_is_the_sum_over_pairs():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((4, 3)) + 1

    def kernel(a, b):
        return (a @ b / 3 + 1) ** 3

    def within(rows):
        return np.mean([kernel(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j])

    expected = within(x) + within(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])
    np.testing.assert_allclose(metrics.squared_mmd(x, y), expected, rtol=1e-12)


def test_squared_mmd_is_unbiased():
    """Of two samples of one distribution it is 0 in expectation: a biased one would be about 0.2 here."""
    values = [metrics.squared_mmd(*np.random.default_rng((SEED, k)).standard_normal((2, 50, 8))) for k in range(400)]
    assert abs(np.mean(values)) < 5 * standard_error(values)


def test_squared_mmd_does_not_depend_on_blocks(inputs, monkeypatch):
    whole = metrics.squared_mmd(inputs["real"], inputs["generated"])
    monkeypatch.setattr("kerasgen.metrics.kernel.BLOCK", 7)
    np.testing.assert_allclose(metrics.squared_mmd(inputs["real"], inputs["generated"]), whole, rtol=1e-12)


def test_kernel_distance_is_the_mean_over_subsets(inputs):
    real, generated = inputs["real"], inputs["generated"]
    found = metrics.kernel_distance(real, generated, subsets=40, subset_size=200, seed=SEED)
    # Each subset is unbiased for the same quantity as the whole.
    whole = metrics.squared_mmd(real, generated)
    assert abs(found["kernel_distance"] - whole) < 5 * found["kernel_distance_std"] / np.sqrt(40)
    assert found["kernel_distance_std"] > 0
    assert found == metrics.kernel_distance(real, generated, subsets=40, subset_size=200, seed=SEED)
    assert found != metrics.kernel_distance(real, generated, subsets=40, subset_size=200, seed=SEED + 1)


def test_kernel_distance_of_small_sets_takes_half(inputs):
    real, generated = inputs["real"][:50], inputs["generated"][:60]
    found = metrics.kernel_distance(real, generated)
    assert found == metrics.kernel_distance(real, generated, subset_size=25)
    assert abs(found["kernel_distance"] - metrics.squared_mmd(real, generated)) < found["kernel_distance_std"]


def test_the_spread_of_subsets_that_do_not_differ_is_not_known(inputs):
    """It was 0, or what rounding leaves."""
    real, generated = inputs["real"][:50], inputs["generated"][:50]
    for arguments in ({"subset_size": 50}, {"subsets": 1}):
        found = metrics.kernel_distance(real, generated, **arguments)
        assert np.isfinite(found["kernel_distance"]) and np.isnan(found["kernel_distance_std"])
    assert metrics.kernel_distance(real[:40], generated, subsets=5, subset_size=40)["kernel_distance_std"] > 0
    of_two = metrics.kernel_distance(real, generated, subsets=2, subset_size=25, seed=SEED)
    draws = np.random.default_rng(SEED)
    values = [
        metrics.squared_mmd(*(side[draws.choice(50, 25, replace=False)] for side in (real, generated)))
        for _ in range(2)
    ]
    assert of_two["kernel_distance_std"] == pytest.approx(abs(values[0] - values[1]) / 2)


# ---- inception score


def test_inception_score_of_certain_and_even_predictions_is_the_number_of_classes():
    logits = 1000.0 * np.eye(10)[np.arange(100) % 10]
    assert metrics.inception_score(logits)["inception_score"] == pytest.approx(10)


def test_inception_score_of_one_class_or_of_ignorance_is_one():
    collapsed = 1000.0 * np.eye(10)[np.zeros(100, int)]
    assert metrics.inception_score(collapsed)["inception_score"] == pytest.approx(1)
    assert metrics.inception_score(np.zeros((100, 10)))["inception_score"] == pytest.approx(1)


def test_inception_score_by_splits(inputs):
    logits = inputs["logits"]
    found = metrics.inception_score(logits, splits=4)
    parts = [metrics.inception_score(logits[split::4])["inception_score"] for split in range(4)]
    assert found["inception_score"] == pytest.approx(np.mean(parts))
    assert found["inception_score_std"] == pytest.approx(np.std(parts))


# ---- precision and recall, density and coverage


def naive_balls(real, generated, neighbours):
    def distances(a, b):
        return np.linalg.norm(a[:, None] - b[None], axis=-1)

    radii = np.sort(distances(real, real), axis=1)[:, neighbours]
    return distances(generated, real) <= radii


@pytest.mark.parametrize("neighbours", [1, 3, 5])
def test_they_are_the_shares_of_their_definitions(inputs, neighbours):
    real, generated = (inputs[side][:150].astype("float64") for side in ("real", "generated"))
    inside, other = naive_balls(real, generated, neighbours), naive_balls(generated, real, neighbours)
    found = metrics.precision_recall(real, generated, neighbours)
    assert found["precision"] == inside.any(axis=1).mean()
    assert found["recall"] == other.any(axis=1).mean()
    found = metrics.density_coverage(real, generated, neighbours)
    assert found["density"] == pytest.approx(inside.sum() / (neighbours * len(generated)))
    assert found["coverage"] == inside.any(axis=0).mean()


def test_equal_sets_are_perfect(inputs):
    real = inputs["real"]
    found = metrics.precision_recall(real, real)
    assert found == {"precision": 1, "recall": 1, "f_score": 1}
    assert metrics.density_coverage(real, real)["coverage"] == 1


def test_sets_far_apart_have_nothing_in_common(inputs):
    found = metrics.precision_recall(inputs["real"], inputs["real"] + 1e4)
    assert found == {"precision": 0, "recall": 0, "f_score": 0}
    assert metrics.density_coverage(inputs["real"], inputs["real"] + 1e4) == {"density": 0, "coverage": 0}


def test_collapse_keeps_precision_and_loses_recall_and_coverage(inputs):
    real = inputs["real"]
    collapsed = real[:1] + 1e-3 * np.random.default_rng(0).standard_normal((400, real.shape[1]))
    found = metrics.precision_recall(real, collapsed)
    assert found["precision"] == 1
    assert found["recall"] < 0.02
    assert metrics.density_coverage(real, collapsed)["coverage"] < 0.1


def test_density_and_coverage_of_equal_distributions():
    """Naeem et al., 2020: density 1 in expectation, and coverage 1 - (1/2)^k for equal counts, about."""
    found = [
        metrics.density_coverage(*np.random.default_rng((SEED, k)).standard_normal((2, 300, 4)), neighbours=2)
        for k in range(30)
    ]
    density, coverage = ([figures[name] for figures in found] for name in ("density", "coverage"))
    assert abs(np.mean(density) - 1) < 5 * standard_error(density)
    # Of n and n images, exactly: 1 - (n - 1) (n - 2) / ((2 n - 1) (2 n - 2)).
    expected = 1 - 299 * 298 / (599 * 598)
    assert abs(np.mean(coverage) - expected) < 5 * standard_error(coverage)


@pytest.mark.parametrize("dimensions", [8, 784, 2048])
def test_copies_lie_in_their_balls(dimensions):
    """Seven images, twenty times each: the radii are 0, and rounding must not matter."""
    rows = np.tile(np.random.default_rng(0).standard_normal((7, dimensions)), (20, 1))
    assert metrics.precision_recall(rows, rows) == {"precision": 1, "recall": 1, "f_score": 1}
    assert metrics.density_coverage(rows, rows)["coverage"] == 1


def test_constant_features_lie_in_each_other(inputs):
    constant = np.full((20, 3), 7.3)
    assert metrics.precision_recall(constant, constant)["precision"] == 1
    assert metrics.precision_recall(constant, constant + 1)["precision"] == 0


def test_precision_does_not_depend_on_the_origin(inputs):
    real, generated = (inputs[side].astype("float64") for side in ("real", "generated"))
    found = metrics.precision_recall(real, generated)
    assert metrics.precision_recall(real + 1e5, generated + 1e5) == found


def test_nearest_neighbours_finds_copies(inputs):
    real = inputs["real"]
    order = np.random.default_rng(0).permutation(len(real))[:20]
    distances, indices = metrics.nearest_neighbours(real[order], real, count=2)
    np.testing.assert_array_equal(indices[:, 0], order)
    np.testing.assert_array_equal(distances[:, 0], 0)
    assert (distances[:, 1] > 0.1).all()


# ---- streaming


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("size", [1, 7, 64, 400])
def test_results_do_not_depend_on_batches(inputs, metric, size):
    sets = sets_of(metric, inputs)
    whole = figures(metric, **sets)
    streaming = metric()
    for start in range(0, 400, size):
        streaming.update_state(**{side: rows[start : start + size] for side, rows in sets.items()})
    result = streaming.result()
    result = result if isinstance(result, dict) else {streaming.name: result}
    assert result == pytest.approx(whole, rel=1e-12)


def sets_of(metric, inputs):
    sides = {"real": inputs["real"][:400], "generated": inputs["generated"]}
    return {"generated": inputs["logits"][:400]} if metric is metrics.InceptionScore else sides


@pytest.mark.parametrize("metric", ALL)
def test_metrics_merge_and_start_again(inputs, metric):
    sets = sets_of(metric, inputs)
    whole = figures(metric, **sets)
    parts = [metric() for _ in range(3)]
    for part, cut in zip(parts, (slice(0, 101), slice(101, 250), slice(250, 400))):
        part.update_state(**{side: rows[cut] for side, rows in sets.items()})
    parts[0].merge_state(parts[1:])
    result = parts[0].result()
    result = result if isinstance(result, dict) else {parts[0].name: result}
    assert result == pytest.approx(whole, rel=1e-9)
    parts[0].reset_state()
    parts[0].update_state(**sets)
    again = parts[0].result()
    assert (again if isinstance(again, dict) else {parts[0].name: again}) == pytest.approx(whole, rel=1e-12)


def test_merging_keeps_the_order_of_splits(inputs):
    logits = inputs["logits"]
    first, second, whole = (metrics.InceptionScore(splits=4) for _ in range(3))
    first.update_state(generated=logits[:101])
    second.update_state(generated=logits[101:500])
    first.merge_state([second])
    whole.update_state(generated=logits[:500])
    assert first.result() == pytest.approx(whole.result())


@pytest.mark.parametrize("metric", OF_PAIRS)
def test_results_do_not_depend_on_the_order_of_images(inputs, metric):
    rng = np.random.default_rng(0)
    shuffled = {side: rng.permutation(inputs[side]) for side in ("real", "generated")}
    before, after = (figures(metric, **sets) for sets in (inputs, shuffled))
    for name in metric.better:
        # The draws of its 100 subsets see other rows: two means of as many.
        error = 5 * before["kernel_distance_std"] * np.sqrt(2 / 100) if metric is metrics.KernelDistance else 0
        assert after[name] == pytest.approx(before[name], rel=1e-6, abs=error)


@pytest.mark.parametrize("metric", ALL)
def test_tensors_are_taken(inputs, metric):
    sets = sets_of(metric, inputs)
    tensors = {side: keras.ops.convert_to_tensor(rows) for side, rows in sets.items()}
    assert figures(metric, **tensors) == pytest.approx(figures(metric, **sets))


@pytest.mark.parametrize("metric", ALL)
def test_configs(metric):
    made = metric(name="mine")
    again = keras.metrics.deserialize(keras.metrics.serialize(made))
    assert type(again) is metric
    assert again.get_config() == made.get_config()
    assert again.name == "mine"


def test_features_without_a_name_are_not_saved():
    made = metrics.FrechetDistance(features=metrics.features.RandomProjection(7, 3))
    with pytest.raises(ValueError, match="an object"):
        keras.metrics.deserialize(keras.metrics.serialize(made))


def test_memory_does_not_grow_with_images():
    metric = metrics.FrechetDistance()
    for k in range(50):
        metric.update_state(generated=np.random.default_rng(k).standard_normal((100, 4)))
    moments = metric.state["generated"]
    assert moments.count == 5000
    assert sum(map(len, moments._waiting)) < moments.block


# ---- degenerate inputs


@pytest.mark.parametrize("metric", OF_PAIRS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(inputs, metric, bad):
    rows = inputs["real"].copy()
    rows[3, 2] = bad
    with pytest.raises(ValueError, match=r"finite.*Received: 1 of 500 rows.*first at 3"):
        figures(metric, real=rows, generated=inputs["generated"])


@pytest.mark.parametrize("metric", OF_PAIRS)
def test_one_image_is_refused(inputs, metric):
    with pytest.raises(ValueError, match=r"Received: .*1"):
        figures(metric, real=inputs["real"], generated=inputs["generated"][:1])


@pytest.mark.parametrize("metric", ALL)
def test_no_image_is_refused(metric):
    with pytest.raises(ValueError, match=r"Received: .*0"):
        metric().result()


@pytest.mark.parametrize("metric", OF_PAIRS)
def test_other_dimensions_are_refused(inputs, metric):
    with pytest.raises(ValueError, match="16 and 15"):
        figures(metric, real=inputs["real"], generated=inputs["generated"][:, :15])


@pytest.mark.parametrize("metric", ALL)
def test_images_in_place_of_features_are_refused(metric):
    with pytest.raises(ValueError, match="Expected rows"):
        metric().update_state(generated=np.zeros((4, 8, 8, 1)))


def test_wrong_arguments_are_refused(inputs):
    with pytest.raises(ValueError, match="subsets"):
        metrics.kernel_distance(inputs["real"], inputs["generated"], subsets=0)
    with pytest.raises(ValueError, match="splits"):
        metrics.InceptionScore(splits=0)
    with pytest.raises(ValueError, match="Each split needs an image"):
        metrics.inception_score(inputs["logits"][:3], splits=4)
    with pytest.raises(ValueError, match="neighbours=0"):
        metrics.precision_recall(inputs["real"], inputs["generated"], neighbours=0)
    with pytest.raises(ValueError, match="count"):
        metrics.nearest_neighbours(inputs["generated"], inputs["real"], count=501)
    with pytest.raises(ValueError, match="real images"):
        metrics.InceptionScore().update_state(real=inputs["logits"])


def test_enough_images_bring_no_warning(inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics.frechet_distance(inputs["real"], inputs["generated"])
