"""Crossings: models that encode as an autoencoder does, and are trained against a discriminator."""

from kerasgen.models.hybrids.adversarial_autoencoder import AdversarialAutoencoder
from kerasgen.models.hybrids.bigan import BiGAN
from kerasgen.models.hybrids.vae_gan import VAEGAN

__all__ = ["VAEGAN", "AdversarialAutoencoder", "BiGAN"]
