"""The models by family; one paper is one file. Each is `kerasgen.models.NAME`, wherever its file stands."""

from kerasgen.models.autoencoders import VAE, Autoencoder
from kerasgen.models.gans import (
    ACGAN,
    GAN,
    LSGAN,
    SNGAN,
    WGAN,
    WGANGP,
    ConditionalGAN,
    InfoGAN,
    ProjectionGAN,
    RelativisticGAN,
)
from kerasgen.models.hybrids import VAEGAN, AdversarialAutoencoder, BiGAN
from kerasgen.models.translation import StarGAN

__all__ = [
    "ACGAN",
    "GAN",
    "LSGAN",
    "SNGAN",
    "VAE",
    "VAEGAN",
    "WGAN",
    "WGANGP",
    "AdversarialAutoencoder",
    "Autoencoder",
    "BiGAN",
    "ConditionalGAN",
    "InfoGAN",
    "ProjectionGAN",
    "RelativisticGAN",
    "StarGAN",
]
