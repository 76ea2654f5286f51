"""Each model against the checks that all models must pass."""

import dataclasses
import re

import keras
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


def generator(num_classes=None, **options):
    return networks.dcgan.generator(IMAGE_SHAPE, LATENTS, filters=(8,), num_classes=num_classes, **options)


def discriminator(num_classes=None, **options):
    options = {"filters": (4, 8), "dropout": 0.1, "num_classes": num_classes, **options}
    return networks.dcgan.discriminator(IMAGE_SHAPE, **options)


def gan(num_classes):
    return models.GAN(generator(num_classes), discriminator(num_classes))


def vae_gan(num_classes):
    options = {"units": (8,), "normalization": "batch", "num_classes": num_classes}
    return models.VAEGAN(
        networks.mlp.encoder(IMAGE_SHAPE, LATENTS, posterior="gaussian", **options),
        networks.mlp.generator(IMAGE_SHAPE, LATENTS, name="decoder", **options),
        networks.mlp.discriminator(IMAGE_SHAPE, dropout=0.1, **options),
    )


def dense(kind, discriminator=None, generator=None, **arguments):
    """How a GAN of small dense networks is built, with these options: quick to compile."""

    def build(num_classes):
        options = {"num_classes": num_classes, "units": (8,)}
        made = networks.mlp.generator(IMAGE_SHAPE, LATENTS, **{**options, **(generator or {})})
        judge = networks.mlp.discriminator(IMAGE_SHAPE, dropout=0.1, **{**options, **(discriminator or {})})
        return kind(made, judge, **arguments)

    return build


def bigan(num_classes):
    encoder = networks.mlp.encoder(IMAGE_SHAPE, LATENTS, units=(8,), num_classes=num_classes)
    return dense(lambda *networks: models.BiGAN(networks[0], encoder, networks[1]), {"latent_dim": LATENTS})(
        num_classes
    )


def adversarial_autoencoder(num_classes):
    discriminator = networks.mlp.discriminator((3,), units=(8,), num_classes=num_classes)
    return models.AdversarialAutoencoder(*_networks(num_classes), discriminator)


def projection_gan(num_classes):
    spectral = {"normalization": None, "spectral_normalization": True}
    return models.ProjectionGAN(
        generator(10, conditioning="batch_normalization"),
        discriminator(10, filters=(4,), conditioning="projection", **spectral),
        discriminator_steps=1,
    )


def star_gan(num_classes):
    """Of ten domains, whatever is asked for: it has no other kind."""
    return models.StarGAN(
        networks.stargan.generator(IMAGE_SHAPE, num_classes=10, filters=(4,), residual_blocks=1),
        networks.stargan.discriminator(IMAGE_SHAPE, num_classes=10, filters=(4,)),
        discriminator_steps=2,
    )


LATENTS = 4
CLASSES = {"num_classes": 10}
SPECTRAL = {"spectral_normalization": True}
# Their losses see differences of logits only, or weigh real and fake ones alike within the margins.
FREE = {"unmoved": ("logits/bias",)}

FULL = {"vae": Case(vae), "gan": Case(gan), "vae_gan": Case(vae_gan, conformance.EAGERLY)}
GANS = {
    "lsgan": Case(dense(models.LSGAN)),
    "wgan": Case(dense(models.WGAN, discriminator_steps=2), **FREE),
    "wgan_gp": Case(dense(models.WGANGP, {"normalization": "layer"}, discriminator_steps=2), **FREE),
    "sngan": Case(dense(models.SNGAN, SPECTRAL, discriminator_steps=2), **FREE),
    "relativistic_gan": Case(dense(models.RelativisticGAN), **FREE),
    "conditional_gan": Case(dense(models.ConditionalGAN, CLASSES, CLASSES)),
    "projection_gan": Case(projection_gan, **FREE),
    "acgan": Case(dense(models.ACGAN, {"auxiliary_outputs": 10, "num_classes": None}, CLASSES)),
    "infogan": Case(dense(models.InfoGAN, {"auxiliary_outputs": 3}, categorical=(2,), continuous=1)),
    "bigan": Case(bigan),
    "adversarial_autoencoder": Case(adversarial_autoencoder),
}
LIGHT = {
    **GANS,
    "star_gan": Case(star_gan),
    "autoencoder": Case(autoencoder),
    "denoising": Case(lambda num_classes: autoencoder(num_classes, input_noise=0.3)),
    "beta_vae": Case(lambda num_classes: vae(num_classes, beta=4.0, free_bits=0.1)),
    "learned_scale": Case(lambda num_classes: vae(num_classes, likelihood=likelihoods.Gaussian(scale="learned"))),
    "discretized_logistic": Case(lambda num_classes: vae(num_classes, likelihood="discretized_logistic")),
}


# Saved and loaded states are the engine's and quick enough with one family; of the others they are slow.
STATES = [pytest.mark.slow, pytest.mark.each_backend]
LONG = [*conformance.STATE, conformance.check_mixed_precision]


def test_every_model_is_checked_and_one_of_each_family_in_full():
    """More than one in full would cost minutes, as the zoo grows; a family is a folder of `kerasgen.models`."""
    kinds = {name: type(case.build(None)) for name, case in {**FULL, **LIGHT}.items()}
    assert {kind.__name__ for kind in kinds.values()} == set(models.__all__)
    families = {name: kind.__module__.split(".")[2] for name, kind in kinds.items()}
    # StarGAN has no latents: `test_a_model_without_latents_keeps_its_state` is what it can be asked for.
    assert sorted(families[name] for name in (*FULL, "star_gan")) == sorted(set(families.values()))


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param(name, check, id=f"{name}-{check.__name__}", marks=STATES if long else ())
        for name in FULL
        for check in conformance.FULL
        for long in [name != "vae" and check in LONG]
    ],
)
def test_full(name, check, digits, tmp_path):
    check(FULL[name], digits, tmp_path)


@pytest.mark.parametrize("check", conformance.LIGHT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", LIGHT)
def test_light(name, check, digits, tmp_path):
    case = LIGHT[name]
    check(dataclasses.replace(case, compile={**conformance.EAGERLY, **case.compile}), digits, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere test_light takes the step as users do")
@pytest.mark.parametrize("name", LIGHT)
def test_a_traced_step(name, digits, tmp_path):
    conformance.check_one_step_moves_every_player_and_is_saved(LIGHT[name], digits, tmp_path)


@pytest.mark.slow
@pytest.mark.each_backend
@pytest.mark.parametrize("check", conformance.STATE, ids=lambda check: check.__name__)
def test_a_model_without_latents_keeps_its_state(check, digits, tmp_path):
    check(Case(star_gan, conformance.EAGERLY), digits, tmp_path)


@pytest.mark.parametrize("name", GANS)
def test_takes_labels(name, digits, tmp_path):
    conformance.check_takes_labels(GANS[name], digits, tmp_path)


@pytest.mark.parametrize("name", models.__all__)
def test_the_default_optimizer_is_named_where_it_is_chosen(name):
    """In the docstring of the nearest class that chooses one; autoencoders take that of the engine."""
    kind = getattr(models, name)
    choosing = [base for base in kind.__mro__ if "default_optimizer" in vars(base) and base.__name__ in models.__all__]
    [line] = re.findall(r"Default optimizer: (.*)", (choosing[0] if choosing else kind).__doc__)
    optimizer = kind.default_optimizer
    assert line.startswith(f"{optimizer['class_name']} with learning rate ")
    assert {float(number) for number in re.findall(r"(?:rate|beta_\d) (\d[-\de.]*\d|\d)", line)} == set(
        optimizer["config"].values()
    )
