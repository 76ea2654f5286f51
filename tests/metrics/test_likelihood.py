"""Likelihoods where the answer is known: linear decoders in closed form, two latent dimensions by quadrature.

Annealed chains accept or refuse moves, so that another rounding makes other draws: what is asked of them holds for any,
up to five standard errors.
"""

import warnings

import numpy as np
import pytest
from keras import ops
from scipy import stats

from kerasgen import models
from kerasgen.losses.likelihoods import DiscretizedLogistic, Gaussian
from kerasgen.metrics import (
    AnnealedImportanceSampling,
    NegativeLogLikelihood,
    annealed_importance_sampling,
    bidirectional_monte_carlo,
    bits_per_dimension,
)
from kerasgen.networks import mlp
from tests.metrics.error_of_draws import SEED, standard_error

FEATURES, LATENTS, SCALE = 6, 2, 0.5


def linear_gaussian(num_classes=None):
    """A VAE `x = W z + b_y + s e` with some weights, whose encoder answers with the prior, whatever the image."""
    encoder = mlp.encoder((FEATURES,), LATENTS, units=(), posterior="gaussian", num_classes=num_classes)
    decoder = mlp.decoder((FEATURES,), LATENTS, units=(), num_classes=num_classes)
    encoder.set_weights([np.zeros(weight.shape) for weight in encoder.weights])
    rng = np.random.default_rng(7)
    decoder.set_weights([0.6 * rng.standard_normal(weight.shape) for weight in decoder.weights])
    return models.VAE(encoder, decoder, Gaussian(scale=SCALE, link="identity"))


def linear_gaussian_data(model, count=30, seed=0):
    """Rows of the model (and labels), and `log p(x)` of each: its decoder is read off at 0 and the unit vectors."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(model.num_classes, size=count) if model.conditional else None
    zeros = np.zeros((count, LATENTS))
    biases = model.decode(zeros, labels)
    weights = np.stack([(model.decode(zeros + unit, labels) - biases)[0] for unit in np.eye(LATENTS)])
    noise = rng.standard_normal((count, LATENTS)) @ weights + SCALE * rng.standard_normal((count, FEATURES))
    covariance = weights.T @ weights + SCALE**2 * np.eye(FEATURES)
    return (biases + noise).astype("float32"), labels, stats.multivariate_normal(cov=covariance).logpdf(noise)


@pytest.fixture
def problem():
    model = linear_gaussian()
    return model, *linear_gaussian_data(model)


# ---- annealed importance sampling


def assert_unbiased(estimate, exact):
    """`E[w] = p(x)`: the mean of `w / p(x)` over images is 1."""
    ratios = np.exp(estimate - exact)
    assert abs(ratios.mean() - 1) < 5 * standard_error(ratios)


def test_weights_are_unbiased_for_few_temperatures(problem):
    """While the step size is still being chosen."""
    model, x, _, exact = problem
    estimate = annealed_importance_sampling(model, x, chains=100, steps=50, leapfrog_steps=5, seed=SEED)
    assert estimate.shape == (30,)
    assert estimate.dtype == "float64"
    assert_unbiased(estimate, exact)
    assert standard_error(np.exp(estimate - exact)) < 0.04, "so that the line above means something"


def test_estimate_rises_with_temperatures_and_spreads_less(problem):
    """`E[log w] <= log p(x)`; with few temperatures by whole nats."""
    model = problem[0]
    x, _, exact = linear_gaussian_data(model, count=120, seed=SEED)
    errors = [
        annealed_importance_sampling(model, x, chains=1, steps=steps, leapfrog_steps=4, seed=SEED) - exact
        for steps in (1, 5, 50)
    ]
    assert all(error.mean() < 5 * standard_error(error) for error in errors)
    assert errors[0].mean() < errors[2].mean() - 5 * standard_error(errors[2])
    assert np.std(errors[2]) < np.std(errors[0])


def test_one_temperature_is_importance_sampling_from_the_prior(problem):
    """A VAE whose posterior is the prior draws the same latents."""
    model, x, _, _ = problem
    annealed = annealed_importance_sampling(model, x, chains=50, steps=1, seed=3)
    np.testing.assert_allclose(annealed, model.log_likelihood(x, samples=50, seed=3), rtol=1e-5)


def test_annealing_meets_quadrature_where_the_posterior_is_no_gaussian(digits):
    decoder = mlp.decoder((8, 8, 1), 2, units=(8,), activation="tanh")
    rng = np.random.default_rng(3)
    decoder.set_weights([0.5 * rng.standard_normal(weight.shape) for weight in decoder.weights])
    model = models.VAE(mlp.encoder((8, 8, 1), 2, units=(8,), posterior="gaussian"), decoder)
    images = (digits[0][:30] > 0.5).astype("float32")
    axis = np.linspace(-6, 6, 121)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    logits = ops.convert_to_numpy(decoder(grid.astype("float32"))).reshape(len(grid), -1).astype("float64")
    log_joint = logits @ images.reshape(30, -1).T - np.logaddexp(0, logits).sum(axis=-1, keepdims=True)
    log_joint += stats.norm.logpdf(grid).sum(axis=-1, keepdims=True)
    exact = np.logaddexp.reduce(log_joint, axis=0) + 2 * np.log(axis[1] - axis[0])
    estimate = annealed_importance_sampling(model, images, chains=32, steps=60, leapfrog_steps=5, seed=SEED)
    assert_unbiased(estimate, exact)
    assert standard_error(np.exp(estimate - exact)) < 0.1


# ---- bounds from both sides


def simulated(model, monkeypatch, **arguments):
    """Both bounds of images that are drawn from the model, and the exact `log p(x)` of these."""
    drawn, quantile = [], model.likelihood.quantile
    monkeypatch.setattr(model.likelihood, "quantile", lambda *given: drawn.append(quantile(*given)) or drawn[-1])
    bounds = bidirectional_monte_carlo(model, leapfrog_steps=4, seed=SEED, **arguments)
    zeros = np.zeros((1, LATENTS))
    bias = model.decode(zeros)
    weights = np.concatenate([model.decode(zeros + unit) - bias for unit in np.eye(LATENTS)])
    normal = stats.multivariate_normal(bias[0], weights.T @ weights + SCALE**2 * np.eye(FEATURES))
    return *bounds, normal.logpdf(ops.convert_to_numpy(drawn[0]))


def test_bounds_enclose_the_exact_likelihood_and_meet(monkeypatch):
    gaps = []
    for steps in (1, 7, 50):
        with monkeypatch.context() as patch:
            lower, upper, exact = simulated(linear_gaussian(), patch, count=120, chains=2, steps=steps)
        assert lower.shape == upper.shape == (120,)
        assert np.mean(lower - exact) < 5 * standard_error(lower - exact)
        assert np.mean(exact - upper) < 5 * standard_error(exact - upper)
        gaps.append(upper - lower)
    # Each by more than its error; the first is several nats.
    assert gaps[0].mean() > 1 > gaps[2].mean() + 5 * standard_error(gaps[2])
    assert gaps[0].mean() - gaps[1].mean() > 0


def test_inverse_weights_are_unbiased(monkeypatch):
    """`E[1 / w] = 1 / p(x)` backwards. A step size, temperature or weight of another place than forwards breaks it."""
    lower, upper, exact = simulated(linear_gaussian(), monkeypatch, count=100, chains=16, steps=60)
    assert_unbiased(lower, exact)
    assert_unbiased(-upper, -exact)
    assert standard_error(np.exp(exact - upper)) < 0.06


def test_one_step_back_is_the_likelihood_of_the_latent(problem):
    """With one temperature nothing moves: the upper bound is `log p(x | z)` of the latent that the image came from."""
    model = problem[0]
    draws = np.random.default_rng((SEED, 2))
    latents = draws.standard_normal((7, LATENTS), "float32")
    noise = stats.norm.ppf(draws.random((7, FEATURES), "float32"))
    _, upper = bidirectional_monte_carlo(model, count=7, chains=2, steps=1, leapfrog_steps=1, seed=SEED)
    expected = stats.norm(scale=SCALE).logpdf(SCALE * noise).sum(axis=1)
    np.testing.assert_allclose(upper, expected, rtol=1e-4)
    assert len(latents) == len(upper)


def test_bounds_are_reproducible_in_any_chunks():
    model = linear_gaussian(num_classes=3)
    arguments = {"count": 9, "labels": np.arange(9) % 3, "chains": 3, "steps": 4, "leapfrog_steps": 2}
    whole = bidirectional_monte_carlo(model, **arguments)
    np.testing.assert_allclose(whole, bidirectional_monte_carlo(model, **arguments, chunk=20), rtol=1e-4)
    other = bidirectional_monte_carlo(model, **arguments, seed=SEED + 1)
    assert all((first != second).all() for first, second in zip(whole, other))
    # The classes in turn, unless labels are given.
    np.testing.assert_array_equal(whole, bidirectional_monte_carlo(model, **arguments | {"labels": None}))
    with pytest.raises(ValueError, match=r"count, chains, steps and leapfrog_steps must be at least 1.*count=0"):
        bidirectional_monte_carlo(model, count=0)
    with pytest.raises(ValueError, match="a label for each of 9 images"):
        bidirectional_monte_carlo(model, **arguments | {"labels": [1]})


def test_the_gap_stands_beside_the_figure(problem):
    model, x, _, _ = problem
    settings = {"chains": 2, "steps": 3, "leapfrog_steps": 2}
    metric = AnnealedImportanceSampling(model, **settings, simulated=5)
    metric.update_state(x)
    lower, upper = bidirectional_monte_carlo(model, count=5, **settings)
    found = metric.result()
    assert found["negative_log_likelihood_ais_gap"] == pytest.approx(np.mean(upper - lower), rel=1e-4)
    error = standard_error(upper - lower)
    assert found["negative_log_likelihood_ais_gap_error"] == pytest.approx(error, rel=1e-3)


# ---- annealing


def test_annealing_depends_on_image_and_seed_alone(problem):
    model, x, _, _ = problem
    arguments = {"chains": 4, "steps": 5, "leapfrog_steps": 2}
    whole = annealed_importance_sampling(model, x, **arguments)
    np.testing.assert_array_equal(whole, annealed_importance_sampling(model, x, **arguments))
    # Sums of other lengths round differently.
    np.testing.assert_allclose(whole, annealed_importance_sampling(model, x, chunk=20, **arguments), rtol=1e-4)
    np.testing.assert_allclose(whole[::-1], annealed_importance_sampling(model, x[::-1], **arguments), rtol=1e-4)
    assert (whole != annealed_importance_sampling(model, x, seed=1, **arguments)).all()


def test_labels_reach_a_conditional_decoder():
    """Those of an image explain it, and others do not."""
    model = linear_gaussian(num_classes=3)
    x, labels, exact = linear_gaussian_data(model, seed=SEED)
    arguments = {"steps": 50, "leapfrog_steps": 5, "seed": SEED}
    estimate = annealed_importance_sampling(model, x, labels, chunk=300, **arguments)
    assert_unbiased(estimate, exact)
    loss = estimate - annealed_importance_sampling(model, x, (labels + 1) % 3, **arguments)
    assert loss.mean() > 5 * standard_error(loss)
    metric = AnnealedImportanceSampling(model, simulated=0, **arguments)
    metric.update_state(x[:11], labels[:11])
    metric.update_state(x[11:], labels[11:])
    # The chains are the same, unless a rounding turns the acceptance of a move.
    found = metric.result()["negative_log_likelihood_ais"]
    assert abs(found + estimate.mean()) < 5 * standard_error(estimate - exact) + 1e-3
    with pytest.raises(ValueError, match="pass `labels=`"):
        annealed_importance_sampling(model, x)


def test_a_model_without_a_posterior_is_measured_too(problem):
    model, x, _, _ = problem
    arguments = {"chains": 3, "steps": 4, "leapfrog_steps": 2}
    expected = annealed_importance_sampling(model, x, **arguments)
    plain = models.Autoencoder(mlp.encoder((FEATURES,), LATENTS, units=()), model.decoder, model.likelihood)
    np.testing.assert_array_equal(annealed_importance_sampling(plain, x, **arguments), expected)


def test_grey_values_warn_that_bernoulli_is_no_density(digits):
    model = models.VAE(mlp.encoder((8, 8, 1), 2, units=(), posterior="gaussian"), mlp.decoder((8, 8, 1), 2, units=()))
    arguments = {"chains": 1, "steps": 1}
    with pytest.warns(UserWarning, match="cross-entropy, not a density"):
        annealed_importance_sampling(model, digits[0][:2], **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        annealed_importance_sampling(model, np.round(digits[0][:2]), **arguments)


def test_annealing_refuses_what_it_cannot_measure(problem):
    model, x, _, _ = problem
    for argument in ("chains", "steps", "leapfrog_steps"):
        with pytest.raises(ValueError, match=rf"at least 1.*{argument}=0"):
            annealed_importance_sampling(model, x, **{argument: 0})
    with pytest.raises(ValueError, match="1 values that are not finite"):
        annealed_importance_sampling(model, np.array([[np.nan] + 5 * [0]]))
    with pytest.raises(ValueError, match=r"Received: shape \(0, 6\)"):
        annealed_importance_sampling(model, x[:0])
    with pytest.raises(ValueError, match=r"annealed_importance_sampling .*Received: .*\b5\b"):
        annealed_importance_sampling(model, x[:, :5])


def test_annealing_refuses_images_that_fit_refuses(digits):
    model = models.VAE(mlp.encoder((8, 8, 1), 2, units=(), posterior="gaussian"), mlp.decoder((8, 8, 1), 2, units=()))
    x = digits[0][:2]
    for images, message in (
        ((255 * x).astype("uint8"), "Divide them by.*Received: dtype uint8"),
        (255 * x, "Divide them by 255"),
        (2 * x - 1, r"Map \[-1, 1\] there"),
    ):
        with pytest.raises(ValueError, match=f"annealed_importance_sampling expects.*{message}"):
            annealed_importance_sampling(model, images, chains=1, steps=1)


# ---- the importance-weighted bound


def test_bound_of_an_image_does_not_depend_on_its_companions(problem):
    model, x, _, _ = problem
    whole = model.log_likelihood(x, samples=7)
    alone = np.concatenate([model.log_likelihood(x[i : i + 1], samples=7) for i in range(len(x))])
    np.testing.assert_allclose(whole, alone, rtol=1e-5)
    np.testing.assert_allclose(whole[::-1], model.log_likelihood(x[::-1], samples=7), rtol=1e-5)
    np.testing.assert_allclose(whole, model.log_likelihood(x, samples=7, chunk=1), rtol=1e-5)
    assert len(set(model.log_likelihood(x, samples=1) - model.log_likelihood(x, samples=1, seed=1))) > 1


def test_bound_rises_with_samples_and_stays_below_the_exact_likelihood(problem):
    model = problem[0]
    x, _, exact = linear_gaussian_data(model, count=200, seed=SEED)
    errors = [model.log_likelihood(x, samples=samples, seed=SEED) - exact for samples in (1, 10, 2000)]
    assert all(error.mean() < 5 * standard_error(error) for error in errors)
    assert errors[0].mean() + 5 * standard_error(errors[0]) < 0
    assert np.mean(errors[1] - errors[0]) > 0
    assert_unbiased(errors[2], 0)
    assert standard_error(np.exp(errors[2])) < 0.1


@pytest.mark.parametrize("cuts", [[], [1, 2, 17], [29]])
def test_figures_are_the_mean_and_its_error_however_the_images_are_cut(problem, cuts):
    model, x, _, _ = problem
    values = model.log_likelihood(x, samples=5, seed=2)
    metric = NegativeLogLikelihood(model, samples=5, seed=2)
    for batch in np.split(x, cuts):
        metric.update_state(ops.convert_to_tensor(batch))
    expected = {
        "negative_log_likelihood": -values.mean(),
        "negative_log_likelihood_error": values.std(ddof=1) / np.sqrt(30),
    }
    assert metric.result() == pytest.approx(expected, rel=1e-5)


def test_merging_and_the_error_of_one_image(problem):
    model, x, _, _ = problem
    whole, first, second = (NegativeLogLikelihood(model, samples=3) for _ in range(3))
    with pytest.raises(ValueError, match="Received: none"):
        first.result()
    first.update_state(x[:1])
    assert np.isnan(first.result()["negative_log_likelihood_error"])
    second.update_state(x[1:])
    first.merge_state([second])
    whole.update_state(x)
    assert first.result() == pytest.approx(whole.result(), rel=1e-5)


def test_labels_reach_a_conditional_vae():
    model = linear_gaussian(num_classes=3)
    x, labels, exact = linear_gaussian_data(model, seed=SEED)
    assert_unbiased(model.log_likelihood(x, labels, samples=2000, seed=SEED), exact)
    metric = NegativeLogLikelihood(model, samples=2000, seed=SEED)
    metric.update_state(x[:9], labels[:9])
    metric.update_state(x[9:], ops.convert_to_tensor(labels[9:]))
    expected = -model.log_likelihood(x, labels, samples=2000, seed=SEED).mean()
    assert metric.result()["negative_log_likelihood"] == pytest.approx(expected, rel=1e-4)


def test_configs_hold_all_but_the_model(problem):
    model = problem[0]
    for metric in (
        NegativeLogLikelihood(model, samples=7, seed=3),
        AnnealedImportanceSampling(model, chains=2, steps=3, leapfrog_steps=4, simulated=6, seed=5),
    ):
        config = metric.get_config()
        again = type(metric)(model, **config)
        assert again.get_config() == config
        assert {metric.figure, metric.bits} <= set(metric.better)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_bad_numbers_of_a_model_are_an_error(problem):
    model, x, _, _ = problem
    model.decoder.set_weights([np.nan * weight for weight in model.decoder.get_weights()])
    for metric in (
        NegativeLogLikelihood(model, samples=1),
        AnnealedImportanceSampling(model, chains=1, steps=2, simulated=0),
    ):
        with pytest.raises(ValueError, match="cannot be measured"):
            metric.update_state(x)


# ---- bits a dimension


def test_bits_of_a_probability():
    """256 equally probable levels are 8 bits each."""
    assert bits_per_dimension(784 * np.log(256), 784) == pytest.approx(8)
    with pytest.raises(ValueError, match="dimensions=0"):
        bits_per_dimension(1.0, 0)
    with pytest.raises(ValueError, match="levels=1"):
        bits_per_dimension(1.0, 784, levels=1)


@pytest.mark.parametrize("scale", [0.002, 0.01, 0.3])
def test_bits_of_a_density_are_not_below_those_of_the_levels(scale):
    """Jensen, by quadrature over the bins; the two meet where the density is flat over a bin."""
    density = stats.norm(0.3, scale)
    edges = np.arange(257) / 256
    probability = np.diff(density.cdf(edges))
    inside = (np.arange(1000) + 0.5) / 1000
    nats = -density.logpdf(edges[:-1, None] + inside / 256).mean(axis=1)
    bits = bits_per_dimension(nats, 1, levels=256)
    exact = bits_per_dimension(-np.log(np.maximum(probability, 1e-300)), 1)
    near = probability > 1e-12
    assert (bits[near] > exact[near] - 1e-6).all()
    gap = np.sum(probability * (bits - exact))
    # -E_u[log p] + log P / h is about (h / s)^2 / 24 nats at the mean of a Gaussian, and more away from it.
    assert gap < (1 / 256 / scale) ** 2 / np.log(2)


def test_bits_stand_beside_probabilities_of_levels_only(digits):
    images = digits[0][:6]
    found = {}
    for likelihood in (DiscretizedLogistic(levels=17), Gaussian()):
        encoder = mlp.encoder((8, 8, 1), 2, units=(), posterior="gaussian")
        model = models.VAE(encoder, mlp.decoder((8, 8, 1), 2, units=()), likelihood)
        metrics = NegativeLogLikelihood(model, samples=2), AnnealedImportanceSampling(model, 1, 2, 1, simulated=0)
        for metric in metrics:
            metric.update_state(images)
            found[type(likelihood), metric.figure] = metric.result()
    for figure, bits in (
        ("negative_log_likelihood", "bits_per_dimension"),
        ("negative_log_likelihood_ais", "bits_per_dimension_ais"),
    ):
        figures = found[DiscretizedLogistic, figure]
        assert figures[bits] == pytest.approx(figures[figure] / 64 / np.log(2))
        assert bits not in found[Gaussian, figure]
