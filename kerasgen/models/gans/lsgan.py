"""Least squares GAN."""

import keras

from kerasgen.models.gans.gan import GAN


@keras.saving.register_keras_serializable("kerasgen")
class LSGAN(GAN):
    """Least squares GAN: the discriminator regresses to 1 for images and to 0 for generated ones.

        discriminator   min_D  E_x[(D(x) - 1)^2] / 2 + E_z[D(G(z))^2] / 2
        generator       min_G  E_z[(D(G(z)) - 1)^2] / 2

    Its gradient for the generator does not vanish where the discriminator is sure: it grows with the distance. For a
    fixed generator of density `q` the best discriminator is `p(x) / (p(x) + q(x))`.

    Args, logs and errors: those of `kerasgen.models.GAN`. An image counts as real where its logit is above 1/2.

    Example:
        >>> net = kerasgen.networks.dcgan
        >>> model = kerasgen.models.LSGAN(net.generator((28, 28, 1), latent_dim=100), net.discriminator((28, 28, 1)))

    Reference:
        Mao et al., "Least Squares Generative Adversarial Networks", 2017, eq. 9. https://arxiv.org/abs/1611.04076
    """

    default_objective = "least_squares"
