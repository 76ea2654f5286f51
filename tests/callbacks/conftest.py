"""Small VAEs, and a run of `fit` without a model."""

import keras
import pytest

import kerasgen as kg


@pytest.fixture(scope="session")
def make_vae():
    """Function that builds a compiled VAE for digits, the same at each call."""

    def make(latent_dim=3, num_classes=None, seed=0):
        keras.utils.set_random_seed(seed)
        net = kg.networks.mlp
        sizes = {"units": (16,), "num_classes": num_classes}
        encoder = net.encoder((8, 8, 1), latent_dim, posterior="gaussian", **sizes)
        model = kg.models.VAE(encoder, net.decoder((8, 8, 1), latent_dim, **sizes))
        # XLA where it must be, for it takes seconds to compile.
        model.compile(jit_compile=keras.backend.backend() == "jax")
        return model

    return make


@pytest.fixture(scope="session")
def play():
    """Function that calls callbacks as `fit` does, with given logs: `play(callbacks, [logs of an epoch, ...])`.

    Without `end` it stops in the middle, as if killed.
    """

    def play(callbacks, logs, initial_epoch=0, end=True):
        callbacks = keras.callbacks.CallbackList(callbacks, epochs=initial_epoch + len(logs) + (not end))
        callbacks.on_train_begin()
        for epoch, epoch_logs in enumerate(logs, initial_epoch):
            callbacks.on_epoch_begin(epoch)
            callbacks.on_epoch_end(epoch, dict(epoch_logs))
        if end:
            callbacks.on_train_end()

    return play
