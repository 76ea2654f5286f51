"""Autoencoders and VAEs: an encoder and a decoder that one player trains."""

from kerasgen.models.autoencoders.autoencoder import Autoencoder
from kerasgen.models.autoencoders.vae import VAE

__all__ = ["VAE", "Autoencoder"]
