"""Likelihoods where the answer is known: linear decoders in closed form, two latent dimensions by quadrature."""

import warnings

import numpy as np
import pytest
from keras import ops
from scipy import stats

from kerasgen import models
from kerasgen.losses.likelihoods import Gaussian
from kerasgen.metrics.likelihood import AnnealedImportanceSampling, NegativeLogLikelihood, annealed_importance_sampling
from kerasgen.networks import mlp

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


def test_annealing_meets_the_exact_likelihood(problem):
    model, x, _, exact = problem
    estimate = annealed_importance_sampling(model, x, steps=50, leapfrog_steps=5)
    assert estimate.shape == (30,)
    assert estimate.dtype == "float64"
    assert np.mean(estimate - exact) == pytest.approx(0, abs=0.04)
    assert np.abs(estimate - exact).max() < 0.6


def test_weights_are_unbiased_for_few_temperatures(problem):
    """`E[w] = p(x)`, while the step size is still being chosen."""
    model, x, _, exact = problem
    ratios = np.exp(annealed_importance_sampling(model, x, chains=100, steps=50, leapfrog_steps=5) - exact)
    assert ratios.mean() == pytest.approx(1, abs=5 * ratios.std() / np.sqrt(len(x)))
    assert ratios.std() < 0.12  # So that the line above means something.


def test_estimate_rises_with_temperatures_and_spreads_less(problem):
    model, x, _, exact = problem
    estimates = [
        annealed_importance_sampling(model, x, chains=4, steps=steps, leapfrog_steps=4) for steps in (1, 5, 25)
    ]
    errors = [np.mean(estimate - exact) for estimate in estimates]
    assert errors[0] + 0.3 < errors[1] < errors[2] < 0.1
    assert np.std(estimates[2] - exact) < np.std(estimates[1] - exact) < np.std(estimates[0] - exact)


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
    images = (digits[0][:12] > 0.5).astype("float32")
    axis = np.linspace(-6, 6, 121)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    logits = ops.convert_to_numpy(decoder(grid.astype("float32"))).reshape(len(grid), 1, -1).astype("float64")
    log_joint = np.sum(images.reshape(1, 12, -1) * logits - np.logaddexp(0, logits), axis=-1)
    log_joint += stats.norm.logpdf(grid).sum(axis=-1, keepdims=True)
    exact = np.logaddexp.reduce(log_joint, axis=0) + 2 * np.log(axis[1] - axis[0])
    estimate = annealed_importance_sampling(model, images, chains=32, steps=60, leapfrog_steps=5)
    assert np.mean(estimate - exact) == pytest.approx(0, abs=0.05)
    assert np.abs(estimate - exact).max() < 0.5


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
    model = linear_gaussian(num_classes=3)
    x, labels, exact = linear_gaussian_data(model)
    arguments = {"steps": 20, "leapfrog_steps": 5}
    estimate = annealed_importance_sampling(model, x, labels, chunk=300, **arguments)
    assert np.abs(np.mean(estimate - exact)) < 0.1
    metric = AnnealedImportanceSampling(model, **arguments)
    metric.update_state(x[:11], labels[:11])
    metric.update_state(x[11:], labels[11:])
    assert metric.result()["negative_log_likelihood_ais"] == pytest.approx(-estimate.mean(), abs=0.01)
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
    with pytest.raises(ValueError, match="one shape"):
        annealed_importance_sampling(model, x[:, :5])


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
    model, x, _, exact = problem
    figures = []
    for samples in (1, 10, 2000):
        metric = NegativeLogLikelihood(model, samples=samples)
        metric.update_state(x)
        figures.append(metric.result()["negative_log_likelihood"])
    assert figures[0] > figures[1] + 0.5 > figures[2] + 0.5
    assert -figures[2] == pytest.approx(exact.mean(), abs=0.1)
    assert -figures[1] < exact.mean()


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
    x, labels, exact = linear_gaussian_data(model)
    metric = NegativeLogLikelihood(model, samples=2000)
    metric.update_state(x[:9], labels[:9])
    metric.update_state(x[9:], ops.convert_to_tensor(labels[9:]))
    assert -metric.result()["negative_log_likelihood"] == pytest.approx(exact.mean(), abs=0.15)


def test_configs_hold_all_but_the_model(problem):
    model = problem[0]
    for metric in (
        NegativeLogLikelihood(model, samples=7, seed=3),
        AnnealedImportanceSampling(model, chains=2, steps=3, leapfrog_steps=4, seed=5),
    ):
        config = metric.get_config()
        again = type(metric)(model, **config)
        assert again.get_config() == config
        assert {metric.figure: "lower"} == metric.better


@pytest.mark.filterwarnings("ignore:invalid value")
def test_bad_numbers_of_a_model_are_an_error(problem):
    model, x, _, _ = problem
    model.decoder.set_weights([np.nan * weight for weight in model.decoder.get_weights()])
    for metric in (NegativeLogLikelihood(model, samples=1), AnnealedImportanceSampling(model, chains=1, steps=2)):
        with pytest.raises(ValueError, match="cannot be measured"):
            metric.update_state(x)
