"""The five systems of `systems.py` as a user of kerasgen builds them: functions of an image's shape and a seed."""

from benchmarks.systems import CONV, DCGAN, GAMMA, MLP, VAE_GAN, WGAN
from kerasgen import models, networks


def mlp_vae(shape, seed):
    units, latents = MLP["units"], MLP["latents"]
    return models.VAE(
        networks.mlp.encoder(shape, latents, units=units, posterior="gaussian"),
        networks.mlp.decoder(shape, latents, units=units[::-1]),
        seed=seed,
    )


def conv_vae(shape, seed):
    filters, latents = CONV["filters"], CONV["latents"]
    return models.VAE(
        networks.conv.encoder(shape, latents, filters=filters, posterior="gaussian"),
        networks.conv.decoder(shape, latents, filters=filters[::-1]),
        seed=seed,
    )


def dcgan(shape, seed):
    return models.GAN(
        networks.dcgan.generator(shape, DCGAN["latents"], filters=DCGAN["up"]),
        networks.dcgan.discriminator(shape, filters=DCGAN["down"]),
        seed=seed,
    )


def wgan_gp(shape, seed):
    return models.WGANGP(
        networks.dcgan.generator(shape, WGAN["latents"], filters=WGAN["up"]),
        networks.dcgan.discriminator(shape, filters=WGAN["down"], normalization=None),
        seed=seed,
    )


def vae_gan(shape, seed):
    latents = VAE_GAN["latents"]
    encoder = networks.conv.encoder(
        shape, latents, filters=VAE_GAN["encoder"], normalization="batch", posterior="gaussian"
    )
    return models.VAEGAN(
        encoder,
        networks.dcgan.generator(shape, latents, filters=VAE_GAN["up"], name="decoder"),
        networks.dcgan.discriminator(shape, filters=VAE_GAN["down"]),
        gamma=GAMMA,
        seed=seed,
    )
