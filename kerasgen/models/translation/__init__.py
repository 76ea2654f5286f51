"""Translation: models that make images of images."""

from kerasgen.models.translation.star_gan import StarGAN

__all__ = ["StarGAN"]
