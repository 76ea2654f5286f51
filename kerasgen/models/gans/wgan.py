"""Wasserstein GAN with weight clipping."""

import keras

from kerasgen.losses import penalties
from kerasgen.models.gans.gan import GAN


@keras.saving.register_keras_serializable("kerasgen")
class WGAN(GAN):
    """Wasserstein GAN: the critic estimates the Wasserstein distance, its weights clipped to a box.

        critic      min_D  E_z[D(G(z))] - E_x[D(x)],    each weight of D in [-c, c]
        generator   min_G  -E_z[D(G(z))]

    The box makes `D` K-Lipschitz for some unknown K: `real_logit - fake_logit` follows K times the distance.

    Args:
        generator: `keras.Model`. Latents `(batch, latent_dim)` to images `(batch, height, width, channels)` in [0, 1].
        discriminator: `keras.Model`. Images to logits `(batch, ...)`. Its weights are clipped, and get a constraint
            (`kerasgen.losses.penalties.WeightClipping`) that Keras applies after each step.
        clip: float. The bound `c`. Defaults to 0.01, as in the paper.
        discriminator_steps: int. Critic steps for each generator step. Defaults to 5.
        **kwargs: `objective`, `seed`, `name`, `dtype` of `kerasgen.models.GAN`.

    Raises:
        ValueError: If `clip` is not positive; see also `GAN`.

    Logs: those of `kerasgen.models.GAN`.

    Example:
        >>> net = kerasgen.networks.dcgan
        >>> model = kerasgen.models.WGAN(net.generator((28, 28, 1), latent_dim=100), net.discriminator((28, 28, 1)))
        >>> model.compile()
        >>> model.fit(images, batch_size=5 * 64, epochs=20)

    Notes:
        The paper names RMSprop and its rate. Keras averages squares of gradients over about 10 steps (`rho` 0.9), the
        authors' implementation over about 100 (PyTorch's 0.99): `compile(keras.optimizers.RMSprop(5e-5, rho=0.99))`
        is theirs.

    Default optimizer: RMSprop with learning rate 5e-5.

    Reference:
        Arjovsky et al., "Wasserstein GAN", 2017, Algorithm 1. https://arxiv.org/abs/1701.07875
    """

    default_objective = "wasserstein"
    default_optimizer = {"class_name": "RMSprop", "config": {"learning_rate": 5e-5}}

    def __init__(self, generator, discriminator, clip=0.01, discriminator_steps=5, **kwargs):
        super().__init__(generator, discriminator, discriminator_steps=discriminator_steps, **kwargs)
        self.clip = clip
        for weight in self.discriminator.trainable_variables:
            weight.constraint = penalties.WeightClipping(clip)
            # From the start: averages of weights begin with these.
            weight.assign(weight.constraint(weight.value))
