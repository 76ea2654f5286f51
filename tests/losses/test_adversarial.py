"""Adversarial losses on a world of five things, where every expectation is a finite sum."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from kerasgen.engine import input_gradient
from kerasgen.losses import adversarial
from kerasgen.losses.adversarial import LOSSES, AdversarialLoss

# Probabilities as counts of twentieths, so that a batch may hold each thing as often as it is likely.
COUNTS = np.array([[8, 5, 4, 2, 1], [2, 5, 1, 4, 8]])
P, Q = COUNTS / 20
REAL, FAKE = (part.ravel() for part in np.meshgrid(*(np.repeat(np.arange(5), c) for c in COUNTS), indexing="ij"))
RNG = np.random.default_rng(0)

# The table of the module: the best discriminator, and the value of its loss there.
LOG_RATIO = np.log(P / Q)
MIDDLE = (P + Q) / 2
JENSEN_SHANNON = 0.5 * np.sum(P * np.log(P / MIDDLE)) + 0.5 * np.sum(Q * np.log(Q / MIDDLE))
PAIRS = np.sum(P[:, None] * Q * np.logaddexp(0, LOG_RATIO - LOG_RATIO[:, None]))
OPTIMA = {
    "minimax": (LOG_RATIO, 2 * np.log(2) - 2 * JENSEN_SHANNON),
    "non_saturating": (LOG_RATIO, 2 * np.log(2) - 2 * JENSEN_SHANNON),
    "least_squares": (P / (P + Q), 0.5 * np.sum(P * Q / (P + Q))),
    "relativistic": (LOG_RATIO + 3.0, PAIRS),
}


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, "float64")))


def tensor(values):
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def value_of(function, real, fake):
    return float(function(None if real is None else tensor(real), tensor(fake)))


def expected(name, logits):
    """The loss of a discriminator that gives each of the five things a logit: a mean over all pairs."""
    return value_of(LOSSES[name].discriminator, np.asarray(logits)[REAL], np.asarray(logits)[FAKE])


def gradient(function, logits):
    return ops.convert_to_numpy(input_gradient(function, tensor(logits)))


def expected_gradient(name, logits):
    def loss(logits):
        return LOSSES[name].discriminator(ops.take(logits, REAL), ops.take(logits, FAKE))

    return gradient(loss, logits)


@pytest.mark.parametrize("name", OPTIMA)
def test_the_optimal_discriminator_is_the_tables(name):
    optimum, value = OPTIMA[name]
    np.testing.assert_allclose(expected_gradient(name, optimum), 0, atol=1e-6)
    assert expected(name, optimum) == pytest.approx(value, rel=1e-5)
    # It is the lowest: the losses are convex in the logits.
    for size in (0.1, 1.0, 10.0):
        assert expected(name, optimum + size * RNG.standard_normal(5)) > value


def test_the_relativistic_optimum_has_a_free_constant():
    for constant in (-7.0, 0.0, 2.0):
        np.testing.assert_allclose(expected_gradient("relativistic", LOG_RATIO + constant), 0, atol=1e-6)


def test_hinge_is_lowest_at_the_sign_and_flat_between_the_margins_where_densities_agree():
    """At the margins the loss has a kink: there is no gradient to be 0, but nothing is lower."""
    sign = np.sign(P - Q)
    total_variation = 0.5 * np.abs(P - Q).sum()
    assert expected("hinge", sign) == pytest.approx(2 - 2 * total_variation, rel=1e-6)
    assert sign[1] == 0
    for agreed in (-1.0, -0.3, 1.0):
        assert expected("hinge", np.where(sign == 0, agreed, sign)) == pytest.approx(2 - 2 * total_variation, rel=1e-6)
    for _ in range(20):
        assert expected("hinge", sign + RNG.standard_normal(5)) >= 2 - 2 * total_variation - 1e-6
    # Between the margins the slope is the difference of the densities, which leads to the sign.
    np.testing.assert_allclose(expected_gradient("hinge", 0.5 * RNG.uniform(-1, 1, 5)), Q - P, atol=1e-6)


def test_wasserstein_has_the_same_slope_everywhere_and_under_a_bound_is_minus_the_distance():
    """Without a bound on the critic there is no optimum."""
    for scale in (0.0, 1.0, 100.0):
        logits = scale * RNG.standard_normal(5)
        np.testing.assert_allclose(expected_gradient("wasserstein", logits), Q - P, atol=1e-6)
    places = np.array([0.0, 1.0, 1.5, 4.0, 6.0])
    distance = stats.wasserstein_distance(places, places, P, Q)

    def critic(slopes):
        return np.concatenate([[0.0], np.cumsum(slopes * np.diff(places))])

    best = critic(np.sign(np.cumsum(Q - P)[:-1] - np.cumsum(P - Q)[:-1]))
    assert expected("wasserstein", best) == pytest.approx(-distance, rel=1e-5)
    for _ in range(20):
        assert expected("wasserstein", critic(RNG.uniform(-1, 1, 4))) >= -distance - 1e-6


@pytest.mark.parametrize(
    ("name", "logit", "value"),
    [
        ("minimax", 0.0, 2 * np.log(2)),
        ("non_saturating", 0.0, 2 * np.log(2)),
        ("least_squares", 0.5, 0.25),
        ("relativistic", 5.0, np.log(2)),
        ("wasserstein", 5.0, 0.0),
        ("hinge", 0.5, 2.0),
    ],
)
def test_where_nothing_tells_real_from_fake_a_constant_is_best(name, logit, value):
    def loss(logits):
        return LOSSES[name].discriminator(ops.take(logits, REAL), ops.take(logits, REAL[::-1]))

    constant = np.full(5, logit)
    assert float(loss(tensor(constant))) == pytest.approx(value, abs=1e-6)
    np.testing.assert_allclose(gradient(loss, constant), 0, atol=1e-6)


R, F = RNG.standard_normal((2, 6)) * 3
GENERATOR_GRADIENTS = {
    "minimax": -sigmoid(F),
    "non_saturating": -sigmoid(-F),
    "least_squares": F - 1,
    "wasserstein": -np.ones(6),
    "hinge": -np.ones(6),
    "relativistic": -sigmoid(R - F),
}
DISCRIMINATOR_GRADIENTS = {
    "minimax": (-sigmoid(-R), sigmoid(F)),
    "non_saturating": (-sigmoid(-R), sigmoid(F)),
    "least_squares": (R - 1, F),
    "wasserstein": (-np.ones(6), np.ones(6)),
    "hinge": (np.where(R < 1, -1.0, 0.0), np.where(F > -1, 1.0, 0.0)),
    "relativistic": (-sigmoid(F - R), sigmoid(F - R)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_the_formulas(name):
    loss, real, fake = LOSSES[name], tensor(R), tensor(F)
    of_fake = gradient(lambda fake: loss.generator(real, fake), F)
    np.testing.assert_allclose(of_fake, GENERATOR_GRADIENTS[name] / 6, rtol=1e-5, atol=1e-7)
    pair = gradient(lambda x: loss.discriminator(x, fake), R), gradient(lambda x: loss.discriminator(real, x), F)
    for found, formula in zip(pair, DISCRIMINATOR_GRADIENTS[name]):
        np.testing.assert_allclose(found, formula / 6, rtol=1e-5, atol=1e-7)
    if name != "least_squares":  # It also pulls down what is above 1.
        assert (of_fake < 0).all()
        assert (pair[0] <= 0).all() and (pair[1] >= 0).all()


def test_minimax_saturates_where_the_discriminator_is_sure_and_non_saturating_does_not():
    sure = np.full(4, -30.0)
    steep = {name: np.abs(gradient(lambda f, n=name: LOSSES[n].generator(f, f), sure)).sum() for name in LOSSES}
    assert 0 < steep["minimax"] < 1e-12
    assert steep["non_saturating"] == pytest.approx(1.0)
    assert steep["least_squares"] == pytest.approx(31.0)


def test_the_minimax_generator_minimises_what_the_discriminator_of_fakes_gains():
    loss = LOSSES["minimax"]
    both = value_of(loss.discriminator, R, F)
    of_real = np.mean(np.logaddexp(0, -R))
    assert value_of(loss.generator, None, F) == pytest.approx(of_real - both, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_only_the_relativistic_generator_looks_at_real_logits(name):
    loss = LOSSES[name]
    assert loss.compares == (name == "relativistic")
    if not loss.compares:
        assert value_of(loss.generator, None, F) == value_of(loss.generator, R, F)
    else:
        assert value_of(loss.generator, R + 1, F) != pytest.approx(value_of(loss.generator, R, F))


@pytest.mark.parametrize("name", LOSSES)
def test_any_shape_gives_the_mean(name):
    """One logit an image, or a map of them; and a batch twice over leaves the loss."""
    real, fake = RNG.standard_normal((2, 24))
    for function in (LOSSES[name].discriminator, LOSSES[name].generator):
        single = np.mean([value_of(function, real[i : i + 1], fake[i : i + 1]) for i in range(24)])
        for shape in ((24,), (24, 1), (6, 2, 2, 1), (2, 3, 4)):
            found = function(tensor(real.reshape(shape)), tensor(fake.reshape(shape)))
            assert tuple(found.shape) == ()
            assert float(found) == pytest.approx(single, rel=1e-5)
        assert value_of(function, np.tile(real, 2), np.tile(fake, 2)) == pytest.approx(single, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_logits_of_ten_thousand_are_no_trouble(name):
    loss = LOSSES[name]
    for r, f in ((1e4, -1e4), (-1e4, 1e4), (1e4, 1e4)):
        values = [value_of(each, [r, r], [f, f]) for each in (loss.discriminator, loss.generator)]
        slopes = [
            gradient(lambda x, f=f: loss.discriminator(x, tensor([f, f])), [r, r]),
            gradient(lambda x, r=r: loss.generator(tensor([r, r]), x), [f, f]),
        ]
        assert np.isfinite(values).all() and np.isfinite(slopes).all()
    exact = {"minimax": 2e4, "non_saturating": 2e4, "hinge": 2e4 + 2, "relativistic": 2e4, "wasserstein": 2e4}
    if name in exact:
        assert value_of(loss.discriminator, [-1e4], [1e4]) == pytest.approx(exact[name])
    if name == "non_saturating":
        assert value_of(loss.generator, None, [-1e4]) == pytest.approx(1e4)


@pytest.mark.parametrize("name", LOSSES)
def test_a_constant_added_to_all_logits_means_nothing_where_there_is_no_threshold(name):
    loss = LOSSES[name]
    same = value_of(loss.discriminator, R + 5, F + 5) == pytest.approx(value_of(loss.discriminator, R, F), abs=1e-5)
    assert same == (name in ("relativistic", "wasserstein"))
    assert (loss.threshold is None) == same
    counted = [[float(share) for share in loss.accuracies(tensor(R + shift), tensor(F + shift))] for shift in (0, 5)]
    assert (counted[0] == counted[1]) == same
    if same:
        slopes = [gradient(lambda f, s=shift: loss.generator(tensor(R + s), f), F + shift) for shift in (0.0, 5.0)]
        np.testing.assert_allclose(*slopes, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "real", "fake", "shares"),
    [
        ("non_saturating", [1, 2, -1, 3], [-1, 1], (0.75, 0.5)),
        ("hinge", [0.5, -0.5], [-0.5, -2], (0.5, 1.0)),
        ("least_squares", [1, 0.6, 0.4, 0.2], [0.1, 0.4, 0.6, 0.7], (0.5, 0.5)),
        # The mean of 15 and 5 is 10.
        ("wasserstein", [9, 21], [1, 9], (0.5, 1.0)),
        ("relativistic", [[9], [21]], [[1], [9]], (0.5, 1.0)),
    ],
)
def test_accuracies_count_logits_on_the_right_side(name, real, fake, shares):
    assert tuple(float(share) for share in LOSSES[name].accuracies(tensor(real), tensor(fake))) == shares


@pytest.mark.parametrize("name", LOSSES)
def test_found_by_name_object_and_config(name):
    loss = LOSSES[name]
    assert adversarial.get(name) is loss and adversarial.get(loss) is loss
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(loss)))
    again = adversarial.get(config)
    assert isinstance(again, AdversarialLoss)
    assert (again.discriminator, again.generator) == (loss.discriminator, loss.generator)
    assert (again.threshold, again.compares) == (loss.threshold, loss.compares)


@keras.saving.register_keras_serializable("kerasgen_tests")
def cubic_discriminator(real_logits, fake_logits):
    return ops.mean(fake_logits**3) - ops.mean(real_logits**3)


@keras.saving.register_keras_serializable("kerasgen_tests")
def cubic_generator(real_logits, fake_logits):
    return ops.mean(real_logits**3) - ops.mean(fake_logits**3)


def test_a_loss_of_ones_own_round_trips():
    loss = AdversarialLoss(cubic_discriminator, cubic_generator, threshold=None, compares=True)
    assert adversarial.get(loss) is loss
    again = adversarial.get(json.loads(json.dumps(keras.saving.serialize_keras_object(loss))))
    assert again.get_config() == loss.get_config()
    assert value_of(again.generator, [2.0], [1.0]) == 7.0
    assert again.threshold is None and again.compares


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("non_saturatin", r"the nearest: non_saturating.*Received: 'non_saturatin'"),
        ("hinge_loss", r"the nearest: hinge.*Received: 'hinge_loss'"),
        ("xyz", r"the nearest: minimax, non_saturating, least_squares, .*Received: 'xyz'"),
        (None, "Received: None"),
        (3, "Received: 3"),
    ],
)
def test_other_names_are_refused(identifier, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        adversarial.get(identifier)


@pytest.mark.parametrize("shapes", [((4, 1), (3, 1)), ((4, 1), (4,)), ((4, 2, 2), (4, 1, 2))])
def test_relativistic_pairs_are_asked_for(shapes):
    real, fake = (ops.zeros(shape) for shape in shapes)
    for function in (LOSSES["relativistic"].discriminator, LOSSES["relativistic"].generator):
        with pytest.raises(ValueError, match=r"as many fake ones as real ones.*Received: shapes"):
            function(real, fake)
