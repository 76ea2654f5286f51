"""Wasserstein GAN with gradient penalty."""

import keras
from keras import ops

from kerasgen.losses import penalties
from kerasgen.models.checks import check_not_negative, warn_of_batch_layers
from kerasgen.models.gans.gan import GAN


@keras.saving.register_keras_serializable("kerasgen")
class WGANGP(GAN):
    """Wasserstein GAN with gradient penalty.

    The critic `D` estimates the Wasserstein distance between real and generated images. It is kept 1-Lipschitz by a
    penalty on the norm of its gradient at points between the two:

        critic      min_D  E_z[D(G(z))] - E_x[D(x)] + w E_u[(|grad D(u)| - 1)^2]
        generator   min_G  -E_z[D(G(z))]
        u = a x + (1 - a) G(z),   a ~ Uniform(0, 1), one an image

    Args:
        generator: `keras.Model`. Latents `(batch, latent_dim)` to images `(batch, height, width, channels)` in [0, 1].
        discriminator: `keras.Model`. Images to logits `(batch, ...)`. Without batch normalisation: the penalty is a
            statement about each image alone.
        penalty_weight: float. The weight `w`. Defaults to 10, as in the paper. Less for data of few dimensions, on
            which slopes are steep: 0.1 for points in a unit square.
        discriminator_steps: int. Critic steps for each generator step, each on fresh images. Defaults to 5.
        **kwargs: `objective`, `seed`, `name`, `dtype` of `kerasgen.models.GAN`.

    Raises:
        ValueError: If `penalty_weight` is negative; see also `GAN`.

    Logs:
        gradient_penalty: Unweighted; the others are those of `GAN`. `real_logit - fake_logit` estimates the distance.

    Example:
        >>> net = kerasgen.networks.dcgan
        >>> model = kerasgen.models.WGANGP(net.generator((28, 28, 1), latent_dim=100),
        ...                                net.discriminator((28, 28, 1), normalization="layer"))
        >>> model.compile()
        >>> model.fit(images, batch_size=5 * 64, epochs=20)

    Notes:
        The norm is that of the gradient with respect to images in [0, 1]; the paper's are in [-1, 1].

    Default optimizer: Adam with learning rate 1e-4, beta_1 0 and beta_2 0.9.

    Reference:
        Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, Algorithm 1. https://arxiv.org/abs/1704.00028
    """

    terms = {**GAN.terms, "discriminator": (*GAN.terms["discriminator"], "gradient_penalty")}
    default_objective = "wasserstein"
    default_optimizer = {"class_name": "Adam", "config": {"learning_rate": 1e-4, "beta_1": 0.0, "beta_2": 0.9}}

    def __init__(self, generator, discriminator, penalty_weight=10.0, discriminator_steps=5, **kwargs):
        check_not_negative(penalty_weight=penalty_weight)
        super().__init__(generator, discriminator, discriminator_steps=discriminator_steps, **kwargs)
        warn_of_batch_layers(discriminator)
        self.penalty_weight = penalty_weight

    @property
    def term_weights(self):
        """The penalty's weight."""
        return {**super().term_weights, "gradient_penalty": self.penalty_weight}

    def discriminator_loss(self, real, labels, training):
        """The critic's terms."""
        fake = ops.stop_gradient(self.fake(real, labels, training))

        def critic(images):
            return self.logits(images, labels, training)

        mix = self.draw("uniform", (ops.shape(real)[0],))
        penalty = penalties.gradient_penalty(critic, real, fake, mix)
        return {**self.compare(critic(real), critic(fake)), "gradient_penalty": penalty}
