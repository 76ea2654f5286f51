"""200 steps of the named autoencoders are those of plain Keras from the same initial weights."""

import importlib.util
import pathlib

import keras
import numpy as np
import pytest

PATH = pathlib.Path(__file__).parents[1] / "benchmarks" / "plain_keras.py"
STEPS, BATCH = 200, 16


@pytest.fixture(scope="module")
def plain_keras():
    spec = importlib.util.spec_from_file_location("plain_keras", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def images():
    """Blurry blobs of 28 x 28: what is compared needs no digits."""
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid(np.arange(28), np.arange(28), indexing="ij"), axis=-1)
    centres = rng.uniform(6, 22, (STEPS * BATCH * 10 // 9 + 1, 1, 1, 2))  # A tenth is held out.
    return np.exp(-((places - centres) ** 2).sum(axis=-1) / 20)[..., None].astype("float32")


@pytest.mark.parametrize(
    "name",
    [
        "vae_mnist_2d",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("autoencoder_mnist", "vae_binary_mnist")),
    ],
)
def test_losses_are_those_of_plain_keras(name, plain_keras, images):
    # The density of a Gaussian has a constant that a squared error has not.
    constant = 0 if name == "vae_binary_mnist" else 784 * 0.5 * np.log(np.pi)
    check_losses(plain_keras, name, images, BATCH, STEPS, constant)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() == "jax", reason="a step of these convolutions takes seconds on a CPU")
def test_losses_of_convolutions_are_those_of_plain_keras(plain_keras, images):
    # Fewer steps of fewer images: these networks take long.
    squares = np.pad(images[:100], ((0, 0), (18, 18), (18, 18), (0, 0))).repeat(3, axis=-1)
    check_losses(plain_keras, "vae_imagenette", squares, batch=4, steps=20)


def check_losses(plain_keras, name, images, batch, steps, constant=0.0):
    pytest.importorskip("tensorflow")
    model, plain, data, _ = plain_keras.pair(name, {"name": images, "batch_size": batch})
    if keras.backend.backend() == "tensorflow":
        for each in (model, plain):
            each.jit_compile = False
    x = data.arrays("train")[0][: steps * batch]
    assert len(x) == steps * batch
    mine = model.fit(x, batch_size=batch, epochs=1, shuffle=False, verbose=0).history["loss"][-1]
    theirs = plain.fit(x, x, batch_size=batch, epochs=1, shuffle=False, verbose=0).history["loss"][-1]
    assert mine - constant == pytest.approx(theirs, rel=1e-3)
    pairs = zip(plain_keras.trainable(model), plain.trainable_variables, strict=True)
    for one, other in (map(keras.ops.convert_to_numpy, pair) for pair in pairs):
        assert np.abs(one - other).max() < 1e-2
