"""The models: one paper, one file."""

from kerasgen.models.acgan import ACGAN
from kerasgen.models.adversarial_autoencoder import AdversarialAutoencoder
from kerasgen.models.autoencoder import Autoencoder
from kerasgen.models.bigan import BiGAN
from kerasgen.models.conditional_gan import ConditionalGAN
from kerasgen.models.gan import GAN
from kerasgen.models.infogan import InfoGAN
from kerasgen.models.lsgan import LSGAN
from kerasgen.models.projection_gan import ProjectionGAN
from kerasgen.models.relativistic_gan import RelativisticGAN
from kerasgen.models.sngan import SNGAN
from kerasgen.models.star_gan import StarGAN
from kerasgen.models.vae import VAE
from kerasgen.models.vae_gan import VAEGAN
from kerasgen.models.wgan import WGAN
from kerasgen.models.wgan_gp import WGANGP

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
