"""GANs: a generator and a discriminator, each a player."""

from kerasgen.models.gans.acgan import ACGAN
from kerasgen.models.gans.conditional_gan import ConditionalGAN
from kerasgen.models.gans.gan import GAN
from kerasgen.models.gans.infogan import InfoGAN
from kerasgen.models.gans.lsgan import LSGAN
from kerasgen.models.gans.projection_gan import ProjectionGAN
from kerasgen.models.gans.relativistic_gan import RelativisticGAN
from kerasgen.models.gans.sngan import SNGAN
from kerasgen.models.gans.wgan import WGAN
from kerasgen.models.gans.wgan_gp import WGANGP

__all__ = [
    "ACGAN",
    "GAN",
    "LSGAN",
    "SNGAN",
    "WGAN",
    "WGANGP",
    "ConditionalGAN",
    "InfoGAN",
    "ProjectionGAN",
    "RelativisticGAN",
]
