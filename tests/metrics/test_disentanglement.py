"""Measures of disentanglement on codes of which the value is known: ideal, random, rotated, doubled, by hand."""

import math

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier

from kerasgen.datasets import shapes
from kerasgen.metrics import disentanglement
from kerasgen.metrics.disentanglement import (
    beta_vae_score,
    dci,
    factor_vae_score,
    mutual_information_gap,
    pairs,
    scores,
    separated_attribute_predictability,
)
from tests.metrics.error_of_draws import SEED

SIZES = (3, 4, 5, 2)
# Every combination, as often as the classifiers need it: all information is then exact.
FACTORS = np.tile(np.stack(np.unravel_index(np.arange(math.prod(SIZES)), SIZES), axis=-1), (20, 1))
# Protocols that are quick, and exact enough for the tolerances below.
FEW = {"train": 1000, "test": 2000, "batch_size": 32}
THRESHOLDS = DecisionTreeClassifier(max_leaf_nodes=5, class_weight="balanced", random_state=0)


class Source:
    """Factors whose images are the factors themselves."""

    def __init__(self, sizes=SIZES):
        self.FACTORS = {f"factor {k}": size for k, size in enumerate(sizes)}
        self.drawn = 0

    def render(self, factors):
        self.drawn += len(factors)
        return factors


def standardised(factors):
    """Of mean 0 and variance 1 over all combinations."""
    sizes = np.array(SIZES)
    return (factors - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12)


def permuted_and_scaled(factors):
    return (standardised(factors) * [1.0, -3.0, 0.7, -1.0] + [5.0, 0.0, -1.0, 0.0])[:, [2, 0, 3, 1]]


def with_a_constant(factors):
    return np.concatenate([np.full((len(factors), 1), 0.1), standardised(factors)], axis=1)


def noise_of(factors, dimensions):
    """A fixed draw for each image."""
    index = np.ravel_multi_index(tuple(np.asarray(factors).T), SIZES)
    return np.random.default_rng((SEED, 0)).normal(size=(math.prod(SIZES), dimensions))[index]


def rotated(factors):
    """The second and the third factor mixed by 45 degrees."""
    codes = standardised(factors)
    codes[:, 1:3] = codes[:, 1:3] @ [[1, 1], [-1, 1]] / np.sqrt(2)
    return codes


@pytest.mark.parametrize("represent", [standardised, permuted_and_scaled, with_a_constant])
def test_ideal_codes_have_the_largest_values(represent):
    codes = represent(FACTORS)
    assert mutual_information_gap(codes, FACTORS) == pytest.approx(1)
    # A second dimension is right by chance.
    ceiling = np.mean([1 - 1 / size for size in SIZES])
    assert separated_attribute_predictability(codes, FACTORS, THRESHOLDS) == pytest.approx(ceiling, abs=0.03)
    expected = {"disentanglement": 1, "completeness": 1, "informativeness": 1}
    assert dci(codes, FACTORS) == pytest.approx(expected)
    assert factor_vae_score(represent, Source(), **FEW) == 1
    assert beta_vae_score(represent, Source(), **FEW) == 1


def test_random_codes_have_the_values_of_chance():
    rng = np.random.default_rng((SEED, 1))
    factors = rng.integers(SIZES, size=(6000, 4))
    codes = rng.normal(size=(6000, 6))
    assert mutual_information_gap(codes, factors) < 0.003
    assert separated_attribute_predictability(codes, factors) < 0.04
    figures = dci(codes, factors)
    assert figures["disentanglement"] < 0.02 and figures["completeness"] < 0.02
    # Five standard deviations of a share of 2000.
    assert figures["informativeness"] == pytest.approx(np.mean([1 / size for size in SIZES]), abs=0.03)

    # Of a set as small as 120 images, a fixed draw for each is a code like others.
    source = Source((10, 9, 11, 10))
    table = rng.normal(size=(9900, 6))

    def represent(images):
        return table[np.ravel_multi_index(tuple(images.T), (10, 9, 11, 10))]

    assert factor_vae_score(represent, source, **FEW) == pytest.approx(1 / 4, abs=0.06)
    assert beta_vae_score(represent, source, **FEW) == pytest.approx(1 / 4, abs=0.06)


def test_a_rotation_spoils_the_axes_and_keeps_the_information():
    codes = rotated(FACTORS)
    # Of two factors, two dimensions tell the same; the other two factors are as before.
    assert mutual_information_gap(codes, FACTORS) < 0.6
    figures = dci(codes, FACTORS)
    assert figures["disentanglement"] < 0.9 and figures["completeness"] < 0.9
    assert figures["informativeness"] > 0.98
    assert separated_attribute_predictability(codes, FACTORS, THRESHOLDS) < 0.5
    # The dimension that varies least is one of two, whichever of the two factors is fixed.
    assert factor_vae_score(rotated, Source(), **FEW) == pytest.approx(3 / 4, abs=0.06)


def test_a_gap_by_hand():
    """Two bits u, v; the codes u and u + v.

    I(u; u) = ln 2. Of u + v, 0 and 2 give both bits away and 1, half of the cases, none: I = ln 2 / 2 for each. The
    gaps are 1 - 1/2 and 1/2 - 0.
    """
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    codes = np.stack([factors[:, 0], factors.sum(axis=1)], axis=1).astype(float)
    assert mutual_information_gap(codes, factors, bins=3) == pytest.approx(1 / 2)
    # With two bins u + v becomes "at least one", of which I = H(1/4) - H(1/2) / 2 in bits.
    information = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)) - 0.5
    assert mutual_information_gap(codes, factors, bins=2) == pytest.approx((1 - information + information) / 2)
    assert mutual_information_gap(codes[:, [1]], factors, bins=2) == pytest.approx(information)


def test_a_doubled_dimension_closes_the_gap_of_its_factor():
    codes = standardised(FACTORS)
    doubled = np.concatenate([codes, -2 * codes[:, [1]]], axis=1)
    assert mutual_information_gap(doubled, FACTORS) == pytest.approx(3 / 4)
    ceiling = np.mean([1 - 1 / SIZES[k] if k != 1 else 0 for k in range(4)])
    assert separated_attribute_predictability(doubled, FACTORS, THRESHOLDS) == pytest.approx(ceiling, abs=0.03)
    figures = dci(doubled, FACTORS)
    assert figures["completeness"] < 0.95
    assert figures["disentanglement"] == pytest.approx(1)  # each of the two still stands for one factor
    assert figures["informativeness"] == 1


def test_importances_by_hand():
    """A classifier that says what it uses: one factor from two dimensions alike, one from one, one from none."""
    importances = np.array([[0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(pairs._concentration(importances), [1, 1, 1, 0])
    np.testing.assert_allclose(pairs._concentration(importances.T), [0.5, 1, 0])
    np.testing.assert_allclose(pairs._concentration(np.array([[0.25, 0.75]])), [1 - 0.811278], atol=1e-6)


def test_noise_in_a_code_is_no_importance():
    """Nearly ideal codes beside dimensions of noise: what is lost is accuracy, not the axes."""
    rng = np.random.default_rng((SEED, 4))
    factors = rng.integers(SIZES, size=(6000, 4))
    codes = rng.normal(size=(6000, 12))
    codes[:, :4] = factors + 0.25 * codes[:, :4]
    figures = dci(codes, factors)
    assert figures["disentanglement"] > 0.95 and figures["completeness"] > 0.95
    # Between two values the nearer one is right: the tail of a normal distribution beyond 1/2 is lost on each side.
    tail = math.erfc(0.5 / 0.25 / math.sqrt(2)) / 2
    expected = np.mean([1 - 2 * tail * (size - 1) / size for size in SIZES])
    assert figures["informativeness"] == pytest.approx(expected, abs=0.02)


def test_values_do_not_depend_on_order_and_unit_of_the_dimensions():
    rng = np.random.default_rng((SEED, 2))
    mixing, order, scale = rng.normal(size=(4, 4)), rng.permutation(4), [-1e3, 1e-3, 0.25, 2.0]

    def represent(factors):
        return standardised(factors) @ mixing + 0.2 * noise_of(factors, 4)

    def other(factors):
        return (represent(factors) * scale)[:, order]

    values = []
    for function in (represent, other):
        codes = function(FACTORS)
        values.append(
            [
                mutual_information_gap(codes, FACTORS),
                separated_attribute_predictability(codes, FACTORS),
                *dci(codes, FACTORS).values(),
                factor_vae_score(function, Source(), threshold=0, **FEW),
                beta_vae_score(function, Source(), **FEW),
            ]
        )
    # Thresholds and bins are closed on one side, and equal splits are drawn by lot.
    np.testing.assert_allclose(*values, atol=0.02)
    assert 0.02 < values[0][0] < 0.9


def test_a_linear_classifier_cannot_cut_out_a_middle():
    """Hence the ceiling of the default classifier, and that of two values."""
    factors = np.tile(np.stack(np.unravel_index(np.arange(64), (8, 2, 4)), axis=-1), (20, 1))
    codes = factors.astype(float)
    assert separated_attribute_predictability(codes[:, [1]], factors[:, [1]]) == pytest.approx(1 / 2)
    assert separated_attribute_predictability(codes[:, [0]], factors[:, [0]]) < 1 / 2
    best = DecisionTreeClassifier(max_leaf_nodes=8)
    assert separated_attribute_predictability(codes[:, [0]], factors[:, [0]], best) == pytest.approx(7 / 8)


def test_the_classifier_of_dci_can_be_another():
    boosted = GradientBoostingClassifier(n_estimators=5, random_state=0)
    figures = dci(permuted_and_scaled(FACTORS), FACTORS, classifier=boosted)
    assert figures == pytest.approx({"disentanglement": 1, "completeness": 1, "informativeness": 1})


def test_scores_are_those_of_each_measure_and_draw_each_image_once():
    source = Source()
    values = scores(rotated, source, samples=10_000, seed=3)
    assert source.drawn == math.prod(SIZES)
    assert set(values) == set(disentanglement.BETTER) and set(disentanglement.BETTER.values()) == {"higher"}
    assert all(type(value) is float for value in values.values())
    assert values["factor_vae_score"] == factor_vae_score(rotated, Source(), seed=3)
    assert values["beta_vae_score"] == beta_vae_score(rotated, Source(), seed=3)
    assert scores(rotated, source, seed=3) == values
    # Bit for bit the figure of all combinations, in any order.
    every = FACTORS[: math.prod(SIZES)]
    assert values["mutual_information_gap"] == pytest.approx(mutual_information_gap(rotated(every), every), abs=1e-12)


@pytest.mark.slow
def test_a_code_read_from_pictures_of_shapes():
    """Four factors of six are read off: the colour, the area, and its centre. Shape and rotation are not."""

    def represent(images):
        cover = images.max(axis=-1)
        area = cover.sum(axis=(1, 2))
        pixels = np.arange(32)
        colours = np.rint(images.max(axis=(1, 2))) @ [1, 2, 4]
        return np.stack(
            [colours, np.log(area), cover.sum(axis=1) @ pixels / area, cover.sum(axis=2) @ pixels / area], 1
        )

    values = scores(represent, shapes, samples=4000)
    assert values["mutual_information_gap"] == pytest.approx(4 / 6, abs=0.02)
    assert values["factor_vae_score"] == pytest.approx(4 / 6, abs=0.03)
    assert values["beta_vae_score"] > 4 / 6
    # At the least: smooth edges tell a forest a little of the other two.
    assert values["dci_informativeness"] > (4 + 1 / 3 + 1 / 8) / 6 - 0.02


def test_dimensions_that_have_collapsed_have_no_vote():
    """Two factors are told by dimensions of a thousandth of the others' size alone."""

    def represent(factors):
        return standardised(factors) * [1e-3, 1e-3, 1, 1]

    assert factor_vae_score(represent, Source(), threshold=0, **FEW) == 1
    # Where one of the two is fixed, the vote goes to one of the others.
    assert factor_vae_score(represent, Source(), **FEW) == pytest.approx(2 / 4, abs=0.06)
    assert beta_vae_score(represent, Source(), **FEW) == 1  # and this score knows no threshold


def test_codes_that_say_nothing_have_the_values_of_chance():
    constant = np.full((len(FACTORS), 3), 0.1)
    assert mutual_information_gap(constant, FACTORS) == 0
    assert separated_attribute_predictability(constant, FACTORS) == 0
    figures = dci(constant, FACTORS)
    assert (figures["disentanglement"], figures["completeness"]) == (0, 0)
    source = Source()
    # Five standard deviations of a share of 2000.
    for score in (factor_vae_score, beta_vae_score):
        value = score(lambda images: np.full((len(images), 3), 0.1), source, **FEW)
        assert value == pytest.approx(1 / 4, abs=0.05)


def test_one_dimension_has_beside_it_one_that_says_nothing():
    codes = standardised(FACTORS)[:, [2]]
    beside = np.concatenate([codes, np.full(codes.shape, 3.0)], axis=1)
    for measure in (mutual_information_gap, separated_attribute_predictability):
        assert measure(codes, FACTORS) == measure(beside, FACTORS) > 0
    assert mutual_information_gap(codes, FACTORS) == pytest.approx(1 / 4)
    assert dci(codes, FACTORS[:, [2]]) == {"disentanglement": 1, "completeness": 1, "informativeness": 1}
    assert factor_vae_score(lambda images: images[:, [2]], Source(), **FEW) == pytest.approx(1 / 4, abs=0.05)


@pytest.mark.parametrize("measure", [mutual_information_gap, separated_attribute_predictability, dci])
@pytest.mark.parametrize(
    "codes, factors, message",
    [
        (np.full((100, 2), np.nan), FACTORS[:100], "finite numbers.* 100 of 100 rows"),
        (np.zeros(100), FACTORS[:100], r"an array \(n, dimensions\). Received: an array of shape \(100,\)"),
        (np.zeros((100, 0)), FACTORS[:100], r"a column at least. Received: shapes \(100, 0\) and \(100, 4\)"),
        (np.zeros((99, 2)), FACTORS[:100], r"one row an image each.* Received: shapes \(99, 2\) and \(100, 4\)"),
        (np.zeros((100, 2)), FACTORS[:100, 0], r"one column a factor. Received: dtype int64, shape \(100,\)"),
        (np.zeros((100, 2)), FACTORS[:100] * 0.5, "Received: dtype float64"),
        (np.zeros((100, 2)), FACTORS[:100] * [1, 0, 1, 0], r"one value in the columns \[1, 3\]"),
        (np.zeros((1, 2)), FACTORS[:1], "take more samples. Received: 1 samples"),
    ],
)
def test_wrong_pairs_of_arrays_are_refused(measure, codes, factors, message):
    with pytest.raises(ValueError, match=message):
        measure(codes, factors)


def test_too_few_samples_are_refused():
    factors = np.array([[0], [1], [1]])
    codes = factors.astype(float)
    with pytest.raises(
        ValueError, match=r"bins must be at least 2, and at most the samples.* Received: bins=20, 3 samples"
    ):
        mutual_information_gap(codes, factors)
    for measure in (separated_attribute_predictability, dci):
        with pytest.raises(ValueError, match=r"Too few samples.* Received: 3 samples, 0 held out"):
            measure(codes, factors, held_out=0.1)
        with pytest.raises(ValueError, match=r"Too few samples.* Received: 3 samples, 2 held out"):
            measure(codes, factors, held_out=0.7)
        with pytest.raises(ValueError, match=r"held_out is a share.* Received: 5000"):
            measure(codes, factors, held_out=5000)


@pytest.mark.parametrize(
    "score, arguments, message",
    [
        (factor_vae_score, {"batch_size": 1}, "must be 2 at least. Received: {'batch_size': 1"),
        (factor_vae_score, {"train": 0}, "must be 1 at least. Received: {'train': 0"),
        (beta_vae_score, {"test": 0}, "must be 1 at least"),
        (beta_vae_score, {"train": 1}, "points of two factors at least. Received: train=1"),
    ],
)
def test_too_few_votes_are_refused(score, arguments, message):
    with pytest.raises(ValueError, match=message):
        score(standardised, Source(), **arguments)


@pytest.mark.parametrize("score", [factor_vae_score, beta_vae_score, scores])
def test_wrong_codes_and_sources_are_refused(score):
    with pytest.raises(ValueError, match="a network that gives NaN"):
        score(lambda images: np.full((len(images), 2), np.nan), Source())
    with pytest.raises(ValueError, match=r"map n images to an array \(n, d\).* Received: shape \(1, 4\)"):
        score(lambda images: standardised(images)[:1], Source())
    with pytest.raises(ValueError, match=r"two values at least.* Received: {'factor 0': 3, 'factor 1': 1}"):
        score(standardised, Source((3, 1)))
