"""Each model against the checks that all models must pass."""

import pytest

from kerasgen import models, networks
from kerasgen.losses import likelihoods
from tests import conformance
from tests.conformance import IMAGE_SHAPE, Case


def _networks(num_classes, posterior=None):
    options = {"units": (16,), "normalization": "batch", "dropout": 0.1, "num_classes": num_classes}
    return (
        networks.mlp.encoder(IMAGE_SHAPE, latent_dim=3, posterior=posterior, **options),
        networks.mlp.decoder(IMAGE_SHAPE, latent_dim=3, **options),
    )


def vae(num_classes, **arguments):
    return models.VAE(*_networks(num_classes, "gaussian"), **arguments)


def autoencoder(num_classes, **arguments):
    return models.Autoencoder(*_networks(num_classes), **arguments)


FULL = {"vae": Case(vae)}
LIGHT = {
    "autoencoder": Case(autoencoder),
    "denoising": Case(lambda num_classes: autoencoder(num_classes, input_noise=0.3)),
    "beta_vae": Case(lambda num_classes: vae(num_classes, beta=4.0, free_bits=0.1)),
    "learned_scale": Case(lambda num_classes: vae(num_classes, likelihood=likelihoods.Gaussian(scale="learned"))),
    "discretized_logistic": Case(lambda num_classes: vae(num_classes, likelihood="discretized_logistic")),
}


@pytest.mark.parametrize("check", conformance.FULL, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", FULL)
def test_full(name, check, digits, tmp_path):
    check(FULL[name], digits, tmp_path)


@pytest.mark.parametrize("check", conformance.LIGHT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", LIGHT)
def test_light(name, check, digits, tmp_path):
    check(LIGHT[name], digits, tmp_path)
