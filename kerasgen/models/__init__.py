"""The models: one paper, one file."""

from kerasgen.models.autoencoder import Autoencoder
from kerasgen.models.vae import VAE

__all__ = ["VAE", "Autoencoder"]
