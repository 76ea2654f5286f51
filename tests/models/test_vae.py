"""The VAE where the answer is known: a linear decoder with Gaussian noise has a marginal likelihood in closed form."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import stats

from kerasgen import models, networks
from kerasgen.losses import divergences
from kerasgen.losses.likelihoods import Gaussian

FEATURES, LATENTS, SCALE = 6, 2, 0.5


@pytest.fixture
def problem():
    """A decoder `x = W z + b + s e` whose `W` has orthogonal columns, so that the posterior is diagonal; and data."""
    rng = np.random.default_rng(0)
    orthogonal = np.linalg.qr(rng.standard_normal((FEATURES, LATENTS)))[0]
    weights, bias = orthogonal * [1.5, 0.7], rng.standard_normal(FEATURES)
    x = rng.standard_normal((40, LATENTS)) @ weights.T + bias + SCALE * rng.standard_normal((40, FEATURES))
    marginal = stats.multivariate_normal(bias, weights @ weights.T + SCALE**2 * np.eye(FEATURES))
    return weights, bias, x.astype("float32"), marginal.logpdf(x)


def linear_gaussian(weights, bias, off=0.0):
    """A VAE with the exact posterior, or one whose mean is `off` too large and whose variance doubles with it."""
    precision = 1 + np.sum(weights**2, axis=0) / SCALE**2
    encoder = networks.mlp.encoder((FEATURES,), LATENTS, units=(), posterior="gaussian")
    decoder = networks.mlp.decoder((FEATURES,), LATENTS, units=())
    to_mean = weights / SCALE**2 / precision
    encoder.get_layer("mean").set_weights([to_mean, -bias @ to_mean + off])
    log_variance = np.full(LATENTS, -np.log(precision) + (np.log(2) if off else 0))
    encoder.get_layer("log_variance").set_weights([np.zeros((FEATURES, LATENTS)), log_variance])
    [dense] = [layer for layer in decoder.layers if isinstance(layer, layers.Dense)]
    dense.set_weights([weights.T, bias])
    return models.VAE(encoder, decoder, Gaussian(scale=SCALE, link="identity"))


def divergence_when_off(weights, off):
    """KL(N(m + off, 2 v) || N(m, v)), summed over dimensions."""
    precision = 1 + np.sum(weights**2, axis=0) / SCALE**2
    return np.sum(0.5 * (2 - 1 - np.log(2) + off**2 * precision))


def test_exact_posterior_gives_the_marginal_likelihood_with_one_draw(problem):
    weights, bias, x, exact = problem
    estimate = linear_gaussian(weights, bias).log_likelihood(x, samples=1)
    np.testing.assert_allclose(estimate, exact, rtol=1e-4)


def test_importance_bound_rises_to_the_marginal_likelihood(problem):
    weights, bias, x, exact = problem
    model = linear_gaussian(weights, bias, off=0.4)
    # The mean over seeds is what rises, here by ten of its standard errors; a single estimate has noise.
    bounds = [[model.log_likelihood(x, samples=k, seed=s).mean() for s in range(50)] for k in (1, 3, 10)]
    means, errors = np.mean(bounds, axis=1) - exact.mean(), np.std(bounds, axis=1) / np.sqrt(50)
    assert means[0] < means[1] < means[2] < 0
    assert means[0] == pytest.approx(-divergence_when_off(weights, 0.4), abs=5 * errors[0])
    # The error of a mean of 3000 weights is that of one of 10 divided by 17, and here no seeds are averaged.
    error = errors[2] * np.sqrt(50 * 10 / 3000)
    assert model.log_likelihood(x, samples=3000).mean() == pytest.approx(exact.mean(), abs=5 * error)


def test_elbo_lies_below_and_is_the_marginal_likelihood_less_the_divergence(problem):
    weights, bias, x, exact = problem
    for off, divergence in ((0.0, 0.0), (0.4, divergence_when_off(weights, 0.4))):
        model = linear_gaussian(weights, bias, off)
        model.compile()
        figures = model.evaluate(np.repeat(x, 200, axis=0), batch_size=8000, verbose=0, return_dict=True)
        # Of a draw for each image the density is what has noise: its standard error, by draws of our own.
        mean, log_variance = model.posterior(x)
        latents = mean + np.exp(0.5 * log_variance) * np.random.default_rng(1).standard_normal((500, *mean.shape))
        spread = np.std(np.sum((x - bias - latents @ weights.T) ** 2, axis=-1) / (2 * SCALE**2), axis=0)
        error = np.sqrt(np.mean(spread**2) / 8000)
        assert -figures["loss"] == pytest.approx(exact.mean() - divergence, abs=5 * error)


def test_bound_does_not_depend_on_the_chunk_and_uses_as_many_samples_as_asked(problem):
    weights, bias, x, _ = problem
    model = linear_gaussian(weights, bias, off=0.4)
    whole = model.log_likelihood(x, samples=7, chunk=10_000)
    np.testing.assert_allclose(whole, model.log_likelihood(x, samples=7, chunk=40), rtol=1e-5)
    assert (whole != model.log_likelihood(x, samples=8)).all()
    assert (whole != model.log_likelihood(x, samples=7, seed=1)).any()
    with pytest.raises(ValueError, match="at least 1"):
        model.log_likelihood(x, samples=0)


def test_gradient_descends_to_the_exact_posterior(problem):
    """With the decoder frozen, the bound's optimum over encoders of this form is the posterior."""
    weights, bias, x, _ = problem
    exact, model = linear_gaussian(weights, bias), linear_gaussian(weights, bias, off=0.4)
    model.decoder.trainable = False
    model.compile(keras.optimizers.Adam(0.02))

    def divergence():
        kl = divergences.kl_gaussians(*model.posterior(x), *exact.posterior(x))
        return float(ops.mean(ops.sum(kl, axis=-1)))

    assert divergence() > 1
    model.fit(np.repeat(x, 25, axis=0), batch_size=1000, epochs=80, verbose=0)
    assert divergence() < 0.03  # One draw an image leaves some noise.


def small_vae(**arguments):
    net = networks.mlp
    return models.VAE(
        net.encoder((8, 8, 1), 3, units=(12,), posterior="gaussian"),
        net.decoder((8, 8, 1), 3, units=(12,)),
        **arguments,
    )


def test_free_bits_floor_each_dimension_in_the_gradient_not_in_the_log(digits):
    """Below the floor of every dimension the divergence has no gradient: the step is that of beta 0."""
    x = digits[0][:64]
    moved = {}
    for name, arguments in {"floored": {"free_bits": 50.0}, "without": {"beta": 0.0}, "plain": {}}.items():
        keras.utils.set_random_seed(0)
        model = small_vae(**arguments, seed=4)
        model.compile(keras.optimizers.SGD(0.01), jit_compile=keras.backend.backend() == "jax")
        logs = model.train_on_batch(x, return_dict=True)
        moved[name] = model.get_weights(), logs["kl"]
    for a, b in zip(moved["floored"][0], moved["without"][0]):
        np.testing.assert_allclose(a, b, atol=1e-7)
    assert any(np.abs(a - b).max() > 1e-5 for a, b in zip(moved["floored"][0], moved["plain"][0]))
    assert moved["floored"][1] == pytest.approx(moved["plain"][1], rel=1e-6)


def test_grey_values_warn_that_bernoulli_is_no_density(digits):
    model = small_vae()
    with pytest.warns(UserWarning, match="cross-entropy, not a density"):
        model.log_likelihood(digits[0][:4], samples=2)


def test_networks_that_do_not_fit_are_refused():
    net = networks.mlp
    with pytest.raises(ValueError, match="posterior="):
        models.VAE(net.encoder((8, 8, 1), 3), net.decoder((8, 8, 1), 3))
    with pytest.raises(ValueError, match="must map the encoder's latents"):
        models.VAE(net.encoder((8, 8, 1), 3, posterior="gaussian"), net.decoder((8, 8, 1), 4))
    with pytest.raises(ValueError, match="must map the encoder's latents"):
        models.VAE(net.encoder((8, 8, 1), 3, posterior="gaussian"), net.decoder((9, 8, 1), 3))
    with pytest.raises(ValueError, match="must not be negative"):
        small_vae(beta=-1.0)


def test_conv_networks_train(digits):
    net = networks.conv
    model = models.VAE(
        net.encoder((8, 8, 1), 2, filters=(8, 16), posterior="gaussian"), net.decoder((8, 8, 1), 2, filters=(16, 8))
    )
    model.compile()
    assert model.jit_compile == (keras.backend.backend() == "jax")
    history = model.fit(digits[0], epochs=3, batch_size=64, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_float32_terms_under_float16(digits):
    """In float16 a sum of hundreds of nats times the loss scale overflows."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = small_vae()
        terms = model.autoencoder_loss(ops.convert_to_tensor(digits[0][:8]), None, None, training=False)
    finally:
        keras.config.set_dtype_policy(before)
    assert {name: keras.backend.standardize_dtype(term.dtype) for name, term in terms.items()} == {
        "reconstruction": "float32",
        "kl": "float32",
    }


def test_an_autoencoder_warns_of_the_prior_and_takes_a_sampler(digits):
    from kerasgen.samplers import GaussianMixture

    net = networks.mlp
    model = models.Autoencoder(net.encoder((8, 8, 1), 3, units=(12,)), net.decoder((8, 8, 1), 3, units=(12,)))
    with pytest.warns(UserWarning, match="sampler="):
        model.generate(2, seed=0)
    sampler = GaussianMixture(2).fit(model.encode(digits[0]))
    images = model.generate(5, seed=0, sampler=sampler)
    np.testing.assert_allclose(images, model.decode(sampler.sample(5, 0)), atol=1e-5)


def test_input_noise_is_drawn_in_training_only(digits):
    net = networks.mlp
    model = models.Autoencoder(
        net.encoder((8, 8, 1), 3, units=(12,)), net.decoder((8, 8, 1), 3, units=(12,)), input_noise=0.5
    )
    x = ops.convert_to_tensor(digits[0][:16])
    noisy = [
        float(
            ops.convert_to_numpy(
                ops.stop_gradient(model.autoencoder_loss(x, None, None, training=True)["reconstruction"])
            )
        )
        for _ in range(2)
    ]
    clean = [
        float(
            ops.convert_to_numpy(
                ops.stop_gradient(model.autoencoder_loss(x, None, None, training=False)["reconstruction"])
            )
        )
        for _ in range(2)
    ]
    assert noisy[0] != noisy[1]
    assert clean[0] == clean[1]


def test_squared_error_is_the_gaussian_of_variance_one_half(digits):
    net = networks.mlp
    model = models.Autoencoder(net.encoder((8, 8, 1), 3, units=(12,)), net.decoder((8, 8, 1), 3, units=(12,)))
    model.compile()
    figures = model.evaluate(digits[0], verbose=0, return_dict=True)
    error = np.mean((model.reconstruct(digits[0]) - digits[0]) ** 2)
    assert figures["mean_squared_error"] == pytest.approx(error, rel=1e-4)
    assert figures["reconstruction"] == pytest.approx(64 * (error + 0.5 * np.log(np.pi)), rel=1e-4)


def test_drawn_pixels_are_binary_and_their_mean_is_the_mean():
    model = models.VAE(networks.mlp.encoder((8, 8, 1), 2, posterior="gaussian"), networks.mlp.decoder((8, 8, 1), 2))

    class Same:
        """One latent, again and again."""

        def sample(self, count, seed):
            return np.full((count, 2), 0.5, "float32")

    drawn = model.generate(3000, seed=1, sampler=Same(), draw_pixels=True)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    mean = model.generate(1, seed=1, sampler=Same())[0]
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=5 * np.sqrt(0.25 / 3000))
    np.testing.assert_array_equal(drawn, model.generate(3000, seed=1, sampler=Same(), draw_pixels=True))
    assert (drawn != model.generate(3000, seed=2, sampler=Same(), draw_pixels=True)).any()


def test_the_likelihood_of_averages_has_the_averaged_scale(digits):
    """Decoder and learned scale are averaged together: half of each belongs to no model."""
    images = digits[0][:16]
    net = networks.mlp
    encoder = net.encoder((8, 8, 1), 2, units=(8,), posterior="gaussian")
    model = models.VAE(encoder, net.decoder((8, 8, 1), 2, units=(8,)), Gaussian(scale="learned"), seed=0)
    model.compile(
        keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.99), jit_compile=keras.backend.backend() == "jax"
    )
    found = []

    def look(epoch, logs):
        found.append(model.log_likelihood(images, samples=3))
        with model.weights_in_use(averaged=True):
            found.append(model.log_likelihood(images, samples=3))

    callback = keras.callbacks.LambdaCallback(on_epoch_end=look)
    model.fit(images, batch_size=16, epochs=4, verbose=0, callbacks=[callback])
    np.testing.assert_allclose(found[-2], found[-1], rtol=1e-5)
