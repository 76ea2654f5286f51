"""GAN with a projection discriminator."""

import keras

from kerasgen.models.checks import check_labels_taken
from kerasgen.models.gans.sngan import SNGAN


@keras.saving.register_keras_serializable("kerasgen")
class ProjectionGAN(SNGAN):
    """Class-conditional GAN with the projection discriminator, and hinge loss.

    The log ratio of two conditional densities is a part that asks whether an image is real, and one that asks whether
    it is of its class. The discriminator has this form, with features `f(x)` and a vector `v_y` a class:

        D(x, y) = w . f(x) + b + v_y . f(x)

        discriminator   min_D  E_{x,y}[max(0, 1 - D(x, y))] + E_{z,y}[max(0, 1 + D(G(z, y), y))]
        generator       min_G  -E_{z,y}[D(G(z, y), y)]

    That is the network's part: build it with `conditioning="projection"`, and the generator, as in the paper, with
    `conditioning="batch_normalization"`.

    Args, logs and errors: those of `kerasgen.models.SNGAN`; networks that take no labels are refused.

    Example:
        >>> net = kerasgen.networks.resnet
        >>> model = kerasgen.models.ProjectionGAN(
        ...     net.generator((32, 32, 3), latent_dim=128, num_classes=10, conditioning="batch_normalization"),
        ...     net.discriminator((32, 32, 3), num_classes=10, conditioning="projection", normalization=None,
        ...                       spectral_normalization=True))
        >>> model.compile()
        >>> model.fit(images, labels, batch_size=5 * 64, epochs=20)

    Reference:
        Miyato and Koyama, "cGANs with Projection Discriminator", 2018, eq. 6. https://arxiv.org/abs/1802.05637
    """

    def __init__(self, generator, discriminator, **kwargs):
        for network in (generator, discriminator):
            check_labels_taken(network, type(self).__name__)
        super().__init__(generator, discriminator, **kwargs)
