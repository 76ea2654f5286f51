import math

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from kerasgen.engine import input_gradient
from kerasgen.losses import likelihoods

RNG = np.random.default_rng(0)
OUTPUTS = RNG.normal(size=(5, 4, 3, 2)).astype("float32")
BINARY = RNG.integers(0, 2, size=OUTPUTS.shape).astype("float32")
GREY = (RNG.integers(0, 256, size=OUTPUTS.shape) / 255).astype("float32")
GREY[0, 0, 0], GREY[1, 0, 0] = 0.0, 1.0  # The open end bins are among them.


def nll(likelihood, outputs, targets):
    return ops.convert_to_numpy(likelihood.negative_log_likelihood(ops.convert_to_tensor(outputs), targets))


def all_likelihoods():
    return [
        likelihoods.Bernoulli(),
        likelihoods.Gaussian(scale=0.3),
        likelihoods.Gaussian(scale="learned", link="identity"),
        likelihoods.Laplace(scale=0.2, link="identity"),
        likelihoods.Laplace(scale="learned"),
        likelihoods.DiscretizedLogistic(),
        likelihoods.DiscretizedLogistic(scale=0.05, levels=16),
    ]


def logistic_bins(outputs, targets, scale, levels=256):
    """Differences of the logistic distribution function in float64, as the paper writes them."""
    location, half = special.expit(outputs.astype("float64")), 0.5 / (levels - 1)
    upper = np.where(targets >= 1, 1.0, stats.logistic.cdf(targets + half, location, scale))
    lower = np.where(targets <= 0, 0.0, stats.logistic.cdf(targets - half, location, scale))
    return np.log(upper - lower)


@pytest.mark.parametrize(
    ("likelihood", "targets", "reference"),
    [
        (likelihoods.Bernoulli(), BINARY, stats.bernoulli.logpmf(BINARY, special.expit(OUTPUTS.astype("float64")))),
        (likelihoods.Gaussian(0.3), GREY, stats.norm.logpdf(GREY, special.expit(OUTPUTS), 0.3)),
        (likelihoods.Gaussian(2.0, "identity"), GREY, stats.norm.logpdf(GREY, OUTPUTS, 2.0)),
        (likelihoods.Laplace(0.3), GREY, stats.laplace.logpdf(GREY, special.expit(OUTPUTS), 0.3)),
        (likelihoods.Laplace(2.0, "identity"), GREY, stats.laplace.logpdf(GREY, OUTPUTS, 2.0)),
        (likelihoods.DiscretizedLogistic(0.1), GREY, logistic_bins(OUTPUTS, GREY, 0.1)),
        (likelihoods.DiscretizedLogistic(2.0), GREY, logistic_bins(OUTPUTS, GREY, 2.0)),
    ],
)
def test_equals_scipy(likelihood, targets, reference):
    np.testing.assert_allclose(nll(likelihood, OUTPUTS, targets), -reference.sum(axis=(1, 2, 3)), rtol=2e-5)


@pytest.mark.parametrize("scale", [1e-4, 0.01, 0.1, 10.0])
@pytest.mark.parametrize("levels", [2, 256])
def test_probabilities_of_all_levels_add_up_to_one(scale, levels):
    outputs, targets = np.meshgrid([-20.0, -1.3, 0.0, 0.4, 20.0], np.linspace(0, 1, levels))
    outputs, targets = (each.reshape(-1, 1).astype("float32") for each in (outputs, targets))
    values = nll(likelihoods.DiscretizedLogistic(scale, levels), outputs, targets).astype("float64")
    np.testing.assert_allclose(np.exp(-values).reshape(levels, -1).sum(axis=0), 1.0, atol=2e-4)


def test_discretized_logistic_is_exact_far_in_the_tails():
    # At 500 scales from the location the distribution function is 0 or 1 in any float, its differences are nothing.
    likelihood = likelihoods.DiscretizedLogistic(0.001)
    location, x, half = special.expit(-5.0), 128 / 255, 0.5 / 255
    exact = (x - half - location) / 0.001 - np.log(-np.expm1(-2 * half / 0.001))
    assert nll(likelihood, np.full((1, 1), -5.0, "float32"), np.full((1, 1), x, "float32"))[0] == pytest.approx(exact)


@pytest.mark.parametrize("likelihood", all_likelihoods())
def test_values_and_gradients_are_finite_everywhere(likelihood):
    outputs, targets = np.meshgrid([-1e4, -80.0, -5.0, 0.0, 5.0, 80.0, 1e4], [0.0, 1 / 255, 0.5, 1.0])
    outputs, targets = (each.reshape(-1, 1).astype("float32") for each in (outputs, targets))
    gradient = input_gradient(lambda x: likelihood.negative_log_likelihood(x, ops.convert_to_tensor(targets)), outputs)
    assert np.isfinite(nll(likelihood, outputs, targets)).all()
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


@pytest.mark.parametrize("likelihood", [likelihoods.Bernoulli(), likelihoods.DiscretizedLogistic(0.01)])
def test_gradient_pulls_a_wrong_output_towards_its_target(likelihood):
    outputs, targets = np.array([[-5.0], [5.0]], "float32"), np.array([[1.0], [0.0]], "float32")
    gradient = input_gradient(lambda x: likelihood.negative_log_likelihood(x, ops.convert_to_tensor(targets)), outputs)
    assert (np.sign(ops.convert_to_numpy(gradient)) == [[-1], [1]]).all()


@pytest.mark.parametrize("identifier", ["squared_error", likelihoods.Gaussian(scale=math.sqrt(0.5))])
def test_variance_one_half_is_squared_error_and_a_constant(identifier):
    likelihood = likelihoods.get(identifier)
    squared = np.square(GREY - special.expit(OUTPUTS)).sum(axis=(1, 2, 3))
    constant = 0.5 * math.log(math.pi) * GREY[0].size
    np.testing.assert_allclose(nll(likelihood, OUTPUTS, GREY), squared + constant, rtol=1e-5)


def test_bernoulli_is_least_at_the_grey_value():
    outputs = special.logit(np.linspace(0.05, 0.95, 19))[:, None].astype("float32")
    assert np.argmin(nll(likelihoods.Bernoulli(), outputs, np.full_like(outputs, 0.3))) == 5


@pytest.mark.parametrize("likelihood", all_likelihoods())
def test_an_image_is_worth_the_same_in_any_batch(likelihood):
    once = nll(likelihood, OUTPUTS, GREY)
    assert once.shape == (5,) and once.dtype == "float32"
    twice = nll(likelihood, np.concatenate([OUTPUTS, OUTPUTS]), np.concatenate([GREY, GREY]))
    np.testing.assert_allclose(twice, np.concatenate([once, once]), rtol=1e-5)


def test_any_rank():
    likelihood = likelihoods.Gaussian()
    flat = nll(likelihood, OUTPUTS.reshape(5, 24), GREY.reshape(5, 24))
    np.testing.assert_allclose(flat, nll(likelihood, OUTPUTS, GREY), rtol=1e-5)


@pytest.mark.parametrize("likelihood", all_likelihoods())
def test_mean_follows_the_link(likelihood):
    mean = ops.convert_to_numpy(likelihood.mean(ops.convert_to_tensor(OUTPUTS)))
    identity = getattr(likelihood, "link", "sigmoid") == "identity"
    np.testing.assert_allclose(mean, OUTPUTS if identity else special.expit(OUTPUTS), rtol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(likelihood(ops.convert_to_tensor(OUTPUTS))), mean)


@pytest.mark.parametrize("likelihood", all_likelihoods())
def test_half_precision_is_left_before_the_sum(likelihood):
    outputs, targets = np.full((1, 128, 128, 3), 30.0, "float16"), np.zeros((1, 128, 128, 3), "float16")
    value = likelihood.negative_log_likelihood(ops.convert_to_tensor(outputs), ops.convert_to_tensor(targets))
    value = ops.convert_to_numpy(value)
    assert value.dtype == "float32" and np.isfinite(value).all() and value > 3e4
    assert keras.backend.standardize_dtype(likelihood.mean(ops.convert_to_tensor(outputs)).dtype) == "float32"


@pytest.mark.parametrize(
    ("kind", "best"), [(likelihoods.Gaussian, np.sqrt(2.5)), (likelihoods.Laplace, 1.5)], ids=["rms", "mean absolute"]
)
def test_learned_scale_is_best_at_the_size_of_the_error(kind, best):
    likelihood = kind(scale="learned", link="identity")
    (log_scale,) = likelihood.trainable_variables
    values = []
    for factor in (0.9, 1.0, 1.1):
        log_scale.assign(math.log(best * factor))
        values.append(nll(likelihood, np.array([[1.0, -2.0]], "float32"), np.zeros((1, 2), "float32"))[0])
    assert values[1] < values[0] and values[1] < values[2]


def test_learned_scale_is_a_weight_that_is_built_and_saved(tmp_path):
    likelihood = likelihoods.Gaussian(scale="learned")
    assert likelihood.built and likelihood.log_scale.numpy() == pytest.approx(math.log(0.1))
    likelihood.log_scale.assign(-1.7)
    keras.Sequential([keras.Input((4,)), likelihood]).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    assert loaded.scale == "learned" and loaded.log_scale.numpy() == pytest.approx(-1.7)
    assert not likelihoods.Gaussian(scale=1.0).variables


@pytest.mark.parametrize("likelihood", all_likelihoods())
def test_config_round_trip(likelihood):
    config = keras.saving.serialize_keras_object(likelihood)
    for copy in (keras.saving.deserialize_keras_object(config), likelihoods.get(config)):
        assert type(copy) is type(likelihood) and copy.get_config() == likelihood.get_config()
        np.testing.assert_array_equal(nll(copy, OUTPUTS, GREY), nll(likelihood, OUTPUTS, GREY))


def test_densities_integrate_to_one_and_bernoulli_on_grey_values_does_not():
    line = np.linspace(-40, 40, 400_001, dtype="float32")[:, None]
    for likelihood in (likelihoods.Gaussian(0.5, "identity"), likelihoods.Laplace(0.5, "identity")):
        assert likelihood.density
        assert np.exp(-nll(likelihood, np.ones_like(line), line)).sum() * 80 / 400_000 == pytest.approx(1, rel=1e-3)
    bernoulli = likelihoods.Bernoulli()
    grey, binary = np.linspace(0, 1, 1001, dtype="float32")[:, None], np.array([[0.0], [1.0]], "float32")
    assert not bernoulli.density
    assert np.exp(-nll(bernoulli, np.full_like(binary, 2.0), binary)).sum() == pytest.approx(1)
    assert np.exp(-nll(bernoulli, np.full_like(grey, 2.0), grey)).mean() < 0.5


@pytest.mark.parametrize("name", ["bernoulli", "gaussian", "squared_error", "laplace", "discretized_logistic"])
def test_get_by_name(name):
    assert isinstance(likelihoods.get(name), likelihoods.Likelihood)


def test_get_returns_an_object_as_it_is():
    likelihood = likelihoods.Laplace()
    assert likelihoods.get(likelihood) is likelihood


@pytest.mark.parametrize("identifier", ["gausian", 3, None, likelihoods.Gaussian, keras.layers.ReLU()])
def test_unknown_likelihood_names_the_known_ones(identifier):
    with pytest.raises(ValueError, match=r"bernoulli.*discretized_logistic.*Received: "):
        likelihoods.get(identifier)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 0.0}, "scale must be .*Received: 0.0"),
        ({"scale": float("nan")}, "scale must be .*Received: nan"),
        ({"scale": "fixed"}, "scale must be .*Received: 'fixed'"),
        ({"link": "tanh"}, "link must be .*Received: 'tanh'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        likelihoods.Gaussian(**arguments)


def test_bad_levels():
    with pytest.raises(ValueError, match=r"levels .*Received: 1"):
        likelihoods.DiscretizedLogistic(levels=1)


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"one shape.*Received"):
        nll(likelihoods.Gaussian(), OUTPUTS, GREY[..., :1])
    with pytest.raises(ValueError, match=r"one shape.*Received"):
        nll(likelihoods.Gaussian(), OUTPUTS[..., 0], GREY)


@pytest.mark.parametrize("likelihood", all_likelihoods())
def test_quantiles_of_uniform_draws_are_draws(likelihood):
    """Their share of each value, or their distribution, is that of the density."""
    output = 0.3
    uniform = (np.arange(20_000, dtype="float32") + 0.5) / 20_000
    outputs = np.full((20_000, 1), output, "float32")
    draws = ops.convert_to_numpy(likelihood.quantile(outputs, uniform[:, None]))[:, 0]
    location = float(ops.convert_to_numpy(likelihood.mean(np.array([[output]], "float32")))[0, 0])
    bin_width = 1 / (getattr(likelihood, "levels", 256) - 1)
    assert np.median(draws) == pytest.approx(location, abs=bin_width / 2 + 1e-3) or set(draws) <= {0.0, 1.0}
    values, counts = np.unique(draws, return_counts=True)
    if len(values) < 300:  # Some levels: their shares are their probabilities.
        nll = likelihood.negative_log_likelihood(np.full((len(values), 1), output, "float32"), values[:, None])
        np.testing.assert_allclose(counts / len(draws), np.exp(-ops.convert_to_numpy(nll)), atol=2e-4)
        return
    assert (np.diff(draws) >= 0).all()
    # Of a density `f`, draws at equal steps of the probability lie `1 / (n f)` apart.
    inner = draws[1000:-1000:500]
    nll = likelihood.negative_log_likelihood(np.full((len(inner), 1), output, "float32"), inner[:, None])
    steps = (draws[1010:-990:500] - draws[990:-1010:500])[: len(inner)]
    np.testing.assert_allclose(steps * np.exp(-ops.convert_to_numpy(nll)) * 1000, 1, rtol=0.03)


def test_pixels_that_are_certain_are_drawn_so():
    """Generators draw from [0, 1), and 0 is a draw like any other."""
    outputs = np.array([[200.0, 200.0, 0.0, 0.0, -200.0, -200.0]], "float32")
    draws = np.array([[0.0, 1.0, 0.0, 0.5, 0.0, 1.0]], "float32")
    found = ops.convert_to_numpy(likelihoods.Bernoulli().quantile(outputs, draws))
    assert found.tolist() == [[1, 1, 0, 1, 0, 0]]


@pytest.mark.parametrize("likelihood", all_likelihoods())
def test_quantiles_at_the_ends_are_finite(likelihood):
    found = ops.convert_to_numpy(likelihood.quantile(np.zeros((1, 2), "float32"), np.array([[0.0, 1.0]], "float32")))
    assert np.isfinite(found).all() and found[0, 0] < found[0, 1]
