"""Shares of classes among generated images."""

import keras
import numpy as np
import pytest

from kerasgen import evaluation, metrics
from kerasgen.metrics import comparison
from tests.metrics.error_of_draws import SEED, standard_error

FIGURES = ["smallest_class_share", "largest_class_share", "class_share_distance"]


def logits_of(classes, count=10, seed=0):
    """Logits whose largest is that of the class, by little."""
    rows = np.random.default_rng(seed).standard_normal((len(classes), count)).astype("float32")
    rows[np.arange(len(classes)), classes] = rows.max(axis=1) + 0.1
    return rows


EVEN = np.arange(100) % 10


def test_shares_are_counts():
    real, generated = [0, 0, 1, 2], [0, 0, 0, 0, 1, 1, 2, 3, 3, 3]
    found = metrics.class_shares(logits_of(real, 4), logits_of(generated, 4))
    # 1/2 (|.5 - .4| + |.25 - .2| + |.25 - .1| + |0 - .3|)
    assert found == pytest.approx(
        {"smallest_class_share": 0.1, "largest_class_share": 0.4, "class_share_distance": 0.3}
    )
    metric = metrics.ClassShares()
    metric.update_state(logits_of(real, 4), logits_of(generated, 4))
    np.testing.assert_allclose(metric.shares("real"), [0.5, 0.25, 0.25, 0])
    np.testing.assert_allclose(metric.shares("generated"), [0.4, 0.2, 0.1, 0.3])


def test_equal_sets_are_at_no_distance():
    found = metrics.class_shares(logits_of(EVEN), logits_of(EVEN[::-1], seed=1))
    assert found == pytest.approx(dict(zip(FIGURES, (0.1, 0.1, 0))))


def test_collapse_to_one_class():
    found = metrics.class_shares(logits_of(EVEN), logits_of(np.full(50, 3)))
    assert found == pytest.approx(dict(zip(FIGURES, (0, 1, 0.9))))


def test_sets_of_other_classes_are_farthest():
    assert metrics.class_shares(logits_of(EVEN % 5), logits_of(5 + EVEN % 5))["class_share_distance"] == 1


def test_a_class_without_real_images_cannot_be_missing():
    """Of digits 0 to 4 alone, the others are no loss; where they come up, they are at a distance."""
    assert metrics.class_shares(logits_of(EVEN % 5), logits_of(EVEN % 5))["smallest_class_share"] == 0.2
    other = np.where(EVEN == 0, 9, EVEN % 5)
    assert metrics.class_shares(logits_of(EVEN % 5), logits_of(other))["class_share_distance"] == pytest.approx(0.1)


def test_two_sets_of_one_distribution_differ_by_chance():
    """As much as the docstring says."""
    draws = np.random.default_rng(SEED)
    pairs = [[logits_of(draws.integers(0, 10, 1000)) for _ in range(2)] for _ in range(30)]
    distances = [metrics.class_shares(*pair)["class_share_distance"] for pair in pairs]
    expected = 10 * np.sqrt(0.1 * 0.9 * 2 / 1000 / (2 * np.pi))
    # The docstring's is a limit for many images; 2% are for what 1,000 are short of it.
    assert abs(np.mean(distances) - expected) < 5 * standard_error(distances) + 0.02 * expected


def test_probabilities_do_as_well_as_logits():
    from scipy.special import softmax

    real, generated = logits_of(EVEN), logits_of(EVEN**2 % 10)
    assert metrics.class_shares(softmax(real, axis=1), softmax(generated, axis=1)) == metrics.class_shares(
        real, generated
    )


@pytest.mark.parametrize("size", [1, 7, 100])
def test_results_do_not_depend_on_batches_and_order(size):
    real, generated = logits_of(EVEN), logits_of(EVEN**2 % 10)
    metric = metrics.ClassShares()
    for start in range(0, 100, size):
        metric.update_state(generated=generated[::-1][start : start + size])
    for start in range(0, 100, size):
        metric.update_state(real=keras.ops.convert_to_tensor(real[start : start + size]))
    assert metric.result() == metrics.class_shares(real, generated)


def test_metrics_merge_and_start_again():
    real, generated = logits_of(EVEN), logits_of(EVEN**2 % 10)
    parts = [metrics.ClassShares() for _ in range(3)]
    parts[1].update_state(real, generated[:30])
    parts[2].update_state(generated=generated[30:])
    parts[0].merge_state(parts[1:])
    assert parts[0].result() == metrics.class_shares(real, generated)
    parts[0].reset_state()
    parts[0].update_state(real, real)
    assert parts[0].result()["class_share_distance"] == 0
    assert parts[1].shares("real").sum() == 1, "merging changes nothing in the others"


def test_a_comparison_gives_them_and_their_shares():
    draws = np.random.default_rng(0)
    real, generated = draws.random((2, 60, 28, 28, 1), "float32")
    metric = metrics.ClassShares()
    compare = metrics.Comparison(["frechet_distance", metric], "mnist_classifier")
    compare.set_real(real)
    with pytest.warns(UserWarning, match="singular"):
        found = compare(np.array_split(generated, 7))
    logits = [compare.network(images, ("logits",))["logits"] for images in (real, generated)]
    assert {name: found[name] for name in FIGURES} == metrics.class_shares(*logits)
    np.testing.assert_array_equal(metric.shares("generated"), np.bincount(logits[1].argmax(axis=1), minlength=10) / 60)
    assert compare.protocol()["layer"]["logits"] == "logits"
    assert len(compare.protocol()["weights_sha256"]) == 64


def test_real_counts_are_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path))
    real, generated = np.random.default_rng(0).random((2, 20, 28, 28, 1), "float32")
    found = []
    for images in (real, iter([])):
        compare = metrics.Comparison(["class_shares"], "mnist_classifier")
        compare.set_real(images, 20, key={"data": "mine"})
        found.append(compare(generated))
    assert found[0] == found[1]


def test_they_need_a_classifier():
    assert "class_shares" in comparison.available("mnist_classifier")
    assert "class_shares" not in comparison.available("pixels")
    with pytest.raises(ValueError, match="logits"):
        metrics.Comparison(["class_shares"], "pixels")


def test_directions_are_known():
    ways = [evaluation.DIRECTIONS[name] for name in FIGURES]
    assert ways == ["higher", "lower", "lower"]
    protocol = {"features": "mnist_classifier"}
    assert evaluation.label("class_share_distance", protocol).endswith("(total variation) (mnist_classifier)")


def test_configs():
    made = metrics.ClassShares(features="mnist_classifier", name="mine")
    again = keras.metrics.deserialize(keras.metrics.serialize(made))
    assert type(again) is metrics.ClassShares
    assert again.get_config() == made.get_config()


def counted(rows):
    metric = metrics.ClassShares()
    metric.update_state(generated=rows)
    return metric


def test_degenerate_inputs_are_refused():
    rows = logits_of(EVEN)
    with pytest.raises(ValueError, match="Received: 0 real"):
        metrics.ClassShares().result()
    with pytest.raises(ValueError, match="Received: 0 generated"):
        metrics.class_shares(rows, rows[:0])
    with pytest.raises(ValueError, match="10 and 9 dimensions"):
        metrics.class_shares(rows, rows[:, :9])
    with pytest.raises(ValueError, match="10 and 9 dimensions"):
        metrics.ClassShares().merge_state([counted(rows), counted(rows[:, :9])])
    with pytest.raises(ValueError, match="Expected rows"):
        metrics.class_shares(rows, np.zeros((4, 8, 8, 1)))
    rows[3, 2] = np.nan
    with pytest.raises(ValueError, match="finite"):
        metrics.class_shares(rows, rows)
