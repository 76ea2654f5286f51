"""Bidirectional GAN."""

import keras
from keras import ops

from kerasgen.models.checks import check_functional, check_networks, check_no_posterior
from kerasgen.models.encoding import EncoderDecoder
from kerasgen.models.gans.gan import GAN


@keras.saving.register_keras_serializable("kerasgen")
class BiGAN(EncoderDecoder, GAN):
    """Bidirectional GAN (adversarially learned inference): a generator `G` and an encoder `E` that inverts it.

    The discriminator sees pairs of image and latents, and tells `(x, E(x))` from `(G(z), z)`:

        discriminator           min_D     E_x[softplus(-D(x, E(x)))] + E_z[softplus(D(G(z), z))]
        generator and encoder   min_{G,E} E_x[softplus(D(x, E(x)))] + E_z[softplus(-D(G(z), z))]

    At the optimum the joint distributions agree, and `E` and `G` invert each other. Nothing compares pixels, so
    reconstructions keep what matters to the discriminator, and may be another image of the kind.

    Args:
        generator: `keras.Model`. Latents `(batch, latent_dim)` to images `(batch, height, width, channels)` in [0, 1].
        encoder: `keras.Model`. Images to latents `(batch, latent_dim)`: an encoder without posterior.
        discriminator: `keras.Model`. `[images, latents]` to logits: the networks of kerasgen with `latent_dim=`.
        **kwargs: `objective`, `discriminator_steps`, `seed`, `name`, `dtype` of `kerasgen.models.GAN`.

    Raises:
        ValueError: If the discriminator takes no latents, or the networks do not fit; see also `GAN`.

    Logs: those of `kerasgen.models.GAN`; `real_logit` is of pairs `(x, E(x))`.

    Example:
        >>> nets = kerasgen.networks
        >>> model = kerasgen.models.BiGAN(nets.dcgan.generator((28, 28, 1), latent_dim=50),
        ...                               nets.conv.encoder((28, 28, 1), latent_dim=50),
        ...                               nets.dcgan.discriminator((28, 28, 1), latent_dim=50))
        >>> model.compile()
        >>> model.fit(images, batch_size=64, epochs=20)
        >>> model.reconstruct(images)

    Notes:
        As in the paper's implementation, generator and encoder minimise the discriminator's loss with the answers
        exchanged, which does not saturate: the generator's function of an objective is not used.

    Reference:
        Donahue et al., "Adversarial Feature Learning", 2017, eq. 2 and section 3.4. https://arxiv.org/abs/1605.09782
        Dumoulin et al., "Adversarially Learned Inference", 2017. https://arxiv.org/abs/1606.00704
    """

    discriminator_inputs = ("latents", "label")
    exported_networks = {**GAN.exported_networks, "encoder": "encode"}

    def __init__(self, generator, encoder, discriminator, **kwargs):
        check_no_posterior(encoder, "BiGAN")
        check_functional(generator=generator, discriminator=discriminator)
        check_networks(encoder, generator)
        taken = {tensor.name: tuple(tensor.shape[1:]) for tensor in discriminator.inputs}
        if taken.get("latents") != tuple(generator.inputs[0].shape[1:]):
            raise ValueError(
                "The discriminator of a BiGAN takes images and latents: build it with `latent_dim=`. "
                f"Received: '{discriminator.name}' with the inputs {taken}"
            )
        players = {
            "discriminator": {"discriminator": discriminator},
            "generator": {"generator": generator, "encoder": encoder},
        }
        super().__init__(generator, discriminator, players=players, **kwargs)

    def discriminator_loss(self, real, labels, training):
        """The discriminator's terms."""
        return self.compare(*self.pair_logits(real, labels, training))

    @property
    def decoder(self):
        """The generator, under the name by which files have held its weights since version 0.1.0."""
        return self.generator

    def generator_loss(self, real, labels, training):
        """What generator and encoder minimise: the discriminator's loss with the answers exchanged."""
        real_logits, fake_logits = self.pair_logits(real, labels, training)
        return {"generator_loss": self.objective.discriminator(fake_logits, real_logits)}

    def pair_logits(self, real, labels, training):
        """The logits of pairs `(x, E(x))`, and of pairs `(G(z), z)`."""
        latents = self.draw("normal", (ops.shape(real)[0], self.latent_dim))
        fake = self.run(self.generator, latents, labels, training)
        encoded = self.run(self.encoder, real, labels, training)
        return self.logits([real, encoded], labels, training), self.logits([fake, latents], labels, training)

    def discriminate(self, images, labels=None):
        """What the discriminator says of images beside their latents `E(x)`: see `GAN.discriminate`."""
        images = self.incoming(images, "discriminate")
        return self.infer(self.discriminator, [images, self.encode(images, labels)], labels)

    def signatures(self):
        """Those of an autoencoder, and `discriminate`."""

        def discriminate(images, labels=None):
            encoded = self.run(self.encoder, images, labels)
            return {"logits": self.run(self.discriminator, [images, encoded], labels)}

        signatures = super().signatures()
        return {**signatures, "discriminate": (discriminate, signatures["discriminate"][1])}
