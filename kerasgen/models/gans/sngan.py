"""Spectrally normalised GAN."""

import warnings

import keras

from kerasgen.layers import SpectralNormalization
from kerasgen.models.gans.gan import GAN


@keras.saving.register_keras_serializable("kerasgen")
class SNGAN(GAN):
    """GAN with the hinge loss and a spectrally normalised discriminator.

        discriminator   min_D  E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))]
        generator       min_G  -E_z[D(G(z))]

    Each layer of `D` has its kernel divided by the kernel's spectral norm, so that the slopes of `D` stay bounded. That
    is the network's part: build it with `spectral_normalization=True`.

    Args:
        generator: `keras.Model`. Latents `(batch, latent_dim)` to images `(batch, height, width, channels)` in [0, 1].
        discriminator: `keras.Model`. Images to logits `(batch, ...)`. A warning says so if it has no spectral
            normalisation.
        discriminator_steps: int. Steps of the discriminator for each one of the generator. Defaults to 5, as in the
            paper for these optimizer settings.
        **kwargs: `objective`, `seed`, `name`, `dtype` of `kerasgen.models.GAN`.

    Logs and errors: those of `kerasgen.models.GAN`.

    Example:
        >>> net = kerasgen.networks.resnet
        >>> model = kerasgen.models.SNGAN(
        ...     net.generator((32, 32, 3), latent_dim=128),
        ...     net.discriminator((32, 32, 3), normalization=None, spectral_normalization=True))
        >>> model.compile()
        >>> model.fit(images, batch_size=5 * 64, epochs=20)

    Default optimizer: Adam with learning rate 2e-4, beta_1 0 and beta_2 0.9.

    Reference:
        Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018, eq. 16 and 17.
        https://arxiv.org/abs/1802.05957
    """

    default_objective = "hinge"
    default_optimizer = {"class_name": "Adam", "config": {"learning_rate": 2e-4, "beta_1": 0.0, "beta_2": 0.9}}

    def __init__(self, generator, discriminator, discriminator_steps=5, **kwargs):
        super().__init__(generator, discriminator, discriminator_steps=discriminator_steps, **kwargs)
        if not any(isinstance(layer, SpectralNormalization) for layer in discriminator._flatten_layers()):
            warnings.warn(
                "The discriminator of an SNGAN is spectrally normalised: build it with `spectral_normalization=True`. "
                f"Received: '{discriminator.name}' without",
                stacklevel=2,
            )
