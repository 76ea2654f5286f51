"""Relativistic GAN with zero-centred gradient penalties (R3GAN's loss)."""

import keras
from keras import ops

from kerasgen.losses import penalties
from kerasgen.models.checks import check_not_negative, warn_of_batch_layers
from kerasgen.models.gans.gan import GAN


@keras.saving.register_keras_serializable("kerasgen")
class RelativisticGAN(GAN):
    """Relativistic pairing GAN with the penalties R1 and R2.

    The discriminator says which of two images, one real and one generated, is more real; its gradient is drawn to zero
    at both. The loss has no local minima where modes are dropped, and with the penalties it converges locally.

        discriminator   min_D  E_{x,z}[softplus(D(G(z)) - D(x))] + g/2 (E_x[|grad D(x)|^2] + E_z[|grad D(G(z))|^2])
        generator       min_G  E_{x,z}[softplus(D(x) - D(G(z)))]

    Args:
        generator: `keras.Model`. Latents `(batch, latent_dim)` to images `(batch, height, width, channels)` in [0, 1].
        discriminator: `keras.Model`. Images to logits `(batch, ...)`. Without batch normalisation: the penalties are
            statements about each image alone.
        penalty_weight: float. The weight `g`, for images in [0, 1]. Defaults to 1. Less for data of few dimensions, on
            which slopes are steep: 0.003 for points in a unit square.
        **kwargs: `objective`, `discriminator_steps`, `seed`, `name`, `dtype` of `kerasgen.models.GAN`.

    Raises:
        ValueError: If `penalty_weight` is negative; see also `GAN`.

    Logs:
        real_gradient_penalty, fake_gradient_penalty: R1 and R2, unweighted; the others are those of `GAN`. Here logits
        mean something only up to a constant: accuracies compare them with the mean of both kinds.

    Example:
        >>> net = kerasgen.networks.dcgan
        >>> model = kerasgen.models.RelativisticGAN(net.generator((28, 28, 1), latent_dim=100),
        ...                                         net.discriminator((28, 28, 1), normalization=None))
        >>> model.compile()
        >>> model.fit(images, batch_size=64, epochs=20)

    Notes:
        The paper trains networks of its own, without normalisation, and lets `g` and the optimizer's settings decay.

    Default optimizer: Adam with learning rate 2e-4, beta_1 0 and beta_2 0.99.

    Reference:
        Huang et al., "The GAN is dead; long live the GAN!", 2024, eq. 2 and 5. https://arxiv.org/abs/2501.05441
        Jolicoeur-Martineau, "The relativistic discriminator", 2018. https://arxiv.org/abs/1807.00734
    """

    terms = {
        **GAN.terms,
        "discriminator": (*GAN.terms["discriminator"], "real_gradient_penalty", "fake_gradient_penalty"),
    }
    default_objective = "relativistic"
    default_optimizer = {"class_name": "Adam", "config": {"learning_rate": 2e-4, "beta_1": 0.0, "beta_2": 0.99}}

    def __init__(self, generator, discriminator, penalty_weight=1.0, **kwargs):
        check_not_negative(penalty_weight=penalty_weight)
        super().__init__(generator, discriminator, **kwargs)
        warn_of_batch_layers(discriminator)
        self.penalty_weight = penalty_weight

    @property
    def term_weights(self):
        """Half the weight `g` on each penalty."""
        names = ("real_gradient_penalty", "fake_gradient_penalty")
        return {**super().term_weights, **dict.fromkeys(names, 0.5 * self.penalty_weight)}

    def discriminator_loss(self, real, labels, training):
        """The discriminator's terms."""
        fake = ops.stop_gradient(self.fake(real, labels, training))

        def critic(images):
            return self.logits(images, labels, training)

        return {
            **self.compare(critic(real), critic(fake)),
            "real_gradient_penalty": penalties.zero_centred_gradient_penalty(critic, real),
            "fake_gradient_penalty": penalties.zero_centred_gradient_penalty(critic, fake),
        }
