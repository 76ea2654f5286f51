"""Autoencoders whose targets are not their inputs: `fit(x, y)`."""

import math
import warnings

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import metrics, models, networks
from kerasgen.losses.likelihoods import Gaussian

JAX = keras.backend.backend() == "jax"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32") * 3
Y = (X @ RNG.normal(size=(4, 2)) + 1).astype("float32")
QUICK = {"jit_compile": JAX}


def squared_error():
    """Of variance 1/2: the sum of squared errors, and a constant."""
    return Gaussian(math.sqrt(0.5), link="identity")


def build(kind=models.Autoencoder, posterior=None, units=(8,), likelihood=None, **arguments):
    keras.utils.set_random_seed(3)
    return kind(
        networks.mlp.encoder((4,), 3, units=units, posterior=posterior),
        networks.mlp.decoder((2,), 3, units=units),
        likelihood=likelihood or squared_error(),
        target="y",
        **arguments,
    )


def test_a_step_is_that_of_a_plain_keras_model():
    model = build()
    stack = [keras.layers.Dense(8, "relu"), keras.layers.Dense(3), keras.layers.Dense(8, "relu"), keras.layers.Dense(2)]
    plain = keras.Sequential([keras.Input((4,)), *stack])
    weights = [*model.encoder.get_weights(), *model.decoder.get_weights()]
    plain.set_weights([np.array(weight) for weight in weights])
    plain.compile(
        keras.optimizers.SGD(1e-3), loss=lambda y, outputs: ops.sum(ops.square(y - outputs), axis=-1), **QUICK
    )
    model.compile(keras.optimizers.SGD(1e-3), **QUICK)
    for each in (model, plain):
        each.fit(X, Y, batch_size=64, epochs=2, shuffle=False, verbose=0)
    mine = [*model.encoder.get_weights(), *model.decoder.get_weights()]
    for a, b in zip(mine, plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(X, verbose=0), plain.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.predict(X, verbose=0), model.reconstruct(X), rtol=1e-5, atol=1e-6)


def test_a_linear_relation_is_found():
    model = build(units=())
    model.compile(keras.optimizers.Adam(0.05), **QUICK)
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["mean_squared_error"] > 1
    model.fit(np.tile(X, (300, 1)), np.tile(Y, (300, 1)), batch_size=64, shuffle=False, verbose=0)
    figures = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert figures["mean_squared_error"] < 1e-3
    constant = Y.shape[1] * 0.5 * math.log(math.pi)
    assert figures["reconstruction"] == pytest.approx(constant, abs=1e-2)


@pytest.mark.parametrize("kind", [models.VAE, models.AdversarialAutoencoder])
def test_the_others_of_the_family_take_targets_too(kind, tmp_path):
    posterior, more = (
        ("gaussian", {}) if kind is models.VAE else (None, {"discriminator": networks.mlp.discriminator((3,))})
    )
    model = build(kind, posterior, **more)
    model.compile(**QUICK)
    logs = model.fit(X, Y, batch_size=32, verbose=0).history
    assert np.isfinite(logs["reconstruction"]).all()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.target == "y"
    np.testing.assert_array_equal(again.reconstruct(X), model.reconstruct(X))
    assert model.evaluate(X, Y, verbose=0, return_dict=True) == again.evaluate(X, Y, verbose=0, return_dict=True)


def test_images_are_targets_too_with_their_weights(digits):
    """Of two targets for the same images, the one with the weight is learned."""
    images = digits[0][:64]
    bright, dark = np.ones_like(images), np.zeros_like(images)
    model = models.Autoencoder(
        networks.mlp.encoder((8, 8, 1), 2, units=(8,)), networks.mlp.decoder((8, 8, 1), 2, units=(8,)), target="y"
    )
    model.compile(keras.optimizers.Adam(0.05), **QUICK)
    x, y = np.concatenate([images, images]), np.concatenate([bright, dark])
    model.fit(x, y, sample_weight=np.repeat([1.0, 0.0], 64), epochs=30, verbose=0)
    assert model.reconstruct(images).mean() > 0.9


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X,), "there must be targets: pass `fit\\(x, y\\)`"),
        ((X, Y[:, :1]), r"shape.*\(64, 1\)"),
        ((X[:, :3], Y), r"shape.*\(64, 3\)"),
        ((X, Y * np.nan), "finite numbers"),
    ],
)
def test_wrong_targets_are_refused(data, message):
    model = build()
    model.compile(**QUICK)
    with pytest.raises(ValueError, match=message):
        model.fit(*data, verbose=0)


def test_targets_of_a_bounded_likelihood_are_in_range():
    model = build(likelihood="bernoulli")
    model.compile(**QUICK)
    with pytest.raises(
        ValueError, match=r'target="y" expects values in \[0, 1\].*Gaussian\(link="identity"\).*Received: '
    ):
        model.fit(X, 3 + np.abs(Y), verbose=0)
    model.fit(X, 1 / (1 + np.exp(-Y)), verbose=0)  # While `x` is any number.


def test_rows_of_a_bounded_likelihood_are_in_range():
    """What to do is the same without targets."""
    model = models.Autoencoder(networks.mlp.encoder((4,), 3, units=(8,)), networks.mlp.decoder((4,), 3, units=(8,)))
    for method in (model.reconstruct, lambda rows: model.check_data(rows, None, None)):
        with pytest.raises(ValueError, match=r'(reconstruct|fit) expects values in \[0, 1\].*link="identity"'):
            method(X)


@pytest.mark.parametrize("likelihood", ["squared_error", "bernoulli", Gaussian(link="identity")])
def test_images_to_images(likelihood, digits):
    """Noisy and small to clean, as `fit(noisy, clean)`: what is measured, predicted and reconstructed is one thing."""
    clean = digits[0][:64]
    noisy = clean[:, ::2, ::2] + RNG.normal(scale=0.5, size=(64, 4, 4, 1)).astype("float32")
    model = models.Autoencoder(
        networks.mlp.encoder((4, 4, 1), 8, units=(32,)),
        networks.mlp.decoder((8, 8, 1), 8, units=(32,)),
        likelihood=likelihood,
        target="y",
    )
    model.compile(keras.optimizers.Adam(0.01), **QUICK)
    history = model.fit(noisy, clean, epochs=8, batch_size=32, verbose=0, validation_data=(noisy, clean)).history
    assert history["val_mean_squared_error"][-1] < history["val_mean_squared_error"][0]
    found = model.reconstruct(noisy)
    assert found.shape == clean.shape
    np.testing.assert_allclose(model.predict(noisy, verbose=0), found, atol=1e-5)
    figures = model.evaluate(noisy, clean, verbose=0, return_dict=True)
    error = np.mean((clean - found) ** 2)
    assert figures["mean_squared_error"] == pytest.approx(error, rel=1e-4)
    if model.bounded:
        assert metrics.mean_squared_error(clean, found).mean() == pytest.approx(error, rel=1e-4)
    assert figures["reconstruction"] == pytest.approx(history["val_reconstruction"][-1], rel=1e-4)
    with pytest.raises(ValueError, match=r'fit with target="y" expects images of shape \(8, 8, 1\)'):
        model.fit(clean[:, ::2, ::2], noisy, verbose=0)


def test_what_predict_gives_is_told_apart_from_what_it_takes():
    """Targets of other numbers than [0, 1] for images: nothing warns of a range that is none."""
    model = build()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert model.reconstruct(X).shape == Y.shape


def test_what_does_not_go_together_is_refused():
    encoder, decoder = networks.mlp.encoder((4,), 3), networks.mlp.decoder((2,), 3)
    with pytest.raises(ValueError, match="decoder must map"):
        models.Autoencoder(encoder, decoder)
    with pytest.raises(ValueError, match=r"target must be one of \['x', 'y'\]. Received: 'z'"):
        models.Autoencoder(encoder, decoder, target="z")
    labelled = networks.mlp.encoder((4,), 3, num_classes=2)
    with pytest.raises(ValueError, match=r"are no labels\. Received: networks that take labels"):
        models.Autoencoder(labelled, decoder, target="y")
    with pytest.raises(ValueError, match=r'Received: a VAE with target="y"'):
        build(models.VAE, "gaussian").log_likelihood(X)
