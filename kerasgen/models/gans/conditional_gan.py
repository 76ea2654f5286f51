"""Conditional GAN."""

import keras

from kerasgen.models.checks import check_labels_taken
from kerasgen.models.gans.gan import GAN


@keras.saving.register_keras_serializable("kerasgen")
class ConditionalGAN(GAN):
    """Conditional GAN: both players know the class.

        discriminator   min_D  E_{x,y}[softplus(-D(x, y))] + E_{z,y}[softplus(D(G(z, y), y))]
        generator       min_G  E_{z,y}[softplus(-D(G(z, y), y))]

    The labels `y` of generated images are those of the batch. Any GAN of kerasgen is conditional when its networks take
    labels; this one asks for them.

    Args, logs and errors: those of `kerasgen.models.GAN`; networks that take no labels are refused.

    Example:
        >>> net = kerasgen.networks.dcgan
        >>> model = kerasgen.models.ConditionalGAN(net.generator((28, 28, 1), latent_dim=100, num_classes=10),
        ...                                        net.discriminator((28, 28, 1), num_classes=10))
        >>> model.compile()
        >>> model.fit(images, labels, batch_size=64, epochs=20)
        >>> model.generate(10, labels=range(10))

    Reference:
        Mirza and Osindero, "Conditional Generative Adversarial Nets", 2014. https://arxiv.org/abs/1411.1784
    """

    def __init__(self, generator, discriminator, **kwargs):
        for network in (generator, discriminator):
            check_labels_taken(network, type(self).__name__)
        super().__init__(generator, discriminator, **kwargs)
