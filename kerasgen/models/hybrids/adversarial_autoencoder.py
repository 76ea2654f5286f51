"""Adversarial autoencoder."""

import keras
from keras import ops

from kerasgen.engine import input_specs
from kerasgen.losses import adversarial
from kerasgen.models.adversarial import Discriminates
from kerasgen.models.autoencoders.autoencoder import Autoencoder
from kerasgen.models.checks import check_functional, check_no_posterior, check_not_negative
from kerasgen.models.ends import check_logits
from kerasgen.models.terms import WATCHED, comparison


@keras.saving.register_keras_serializable("kerasgen")
class AdversarialAutoencoder(Discriminates, Autoencoder):
    """Adversarial autoencoder: a discriminator in latent space brings the codes of images to the prior.

    A discriminator `D` of latents tells draws of the prior from codes `f(x)`; the encoder `f` deceives it, while
    encoder and decoder `g` reconstruct:

        autoencoder     min_{f,g}  E_x[-log p(x | g(f(x)))] + w E_x[softplus(-D(f(x)))]
        discriminator   min_D      E_z[softplus(-D(z))] + E_x[softplus(D(f(x)))],    z ~ N(0, I)

    Args:
        encoder: `keras.Model`. Images `(batch, height, width, channels)` in [0, 1] to latents `(batch, latent_dim)`: an
            encoder without posterior. It is the generator of the adversarial game.
        decoder: `keras.Model`. Latents to linear units of the images' shape; the likelihood maps them to images.
        discriminator: `keras.Model`. Latents to logits: `kerasgen.networks.mlp.discriminator((latent_dim,))`.
        adversarial_weight: float. The weight `w` beside a reconstruction term in nats an image. Defaults to 10.
        **kwargs: `likelihood`, `input_noise`, `target`, `seed`, `name`, `dtype` of `kerasgen.models.Autoencoder`.

    Raises:
        ValueError: If `adversarial_weight` is negative, or the networks do not fit.

    Logs:
        reconstruction, mean_squared_error: See `kerasgen.models.Autoencoder`.
        generator_loss: `E_x[softplus(-D(f(x)))]`, of the encoder.
        discriminator_loss, real_accuracy, fake_accuracy, real_logit, fake_logit: See `kerasgen.models.GAN`; real are
            draws of the prior, fake the codes of images.

    Example:
        >>> net = kerasgen.networks.mlp
        >>> model = kerasgen.models.AdversarialAutoencoder(
        ...     net.encoder((28, 28, 1), latent_dim=8), net.decoder((28, 28, 1), latent_dim=8),
        ...     net.discriminator((8,), units=(256, 256)))
        >>> model.compile()
        >>> model.fit(images, epochs=30)
        >>> model.generate(64, seed=1)

    Notes:
        The paper alternates a step of reconstruction and one of regularisation, each with an optimizer of its own; here
        the encoder makes one step on the weighted sum. Its deterministic encoder is the first of the paper's three.

    Default optimizer: Adam with learning rate 1e-3.

    Reference:
        Makhzani et al., "Adversarial Autoencoders", 2016, section 2. https://arxiv.org/abs/1511.05644
    """

    terms = {
        "discriminator": ("discriminator_loss", *WATCHED),
        "autoencoder": (*Autoencoder.terms["autoencoder"], "generator_loss"),
    }
    generates = True
    exported_networks = {**Autoencoder.exported_networks, "discriminator": "discriminate"}

    def __init__(self, encoder, decoder, discriminator, adversarial_weight=10.0, **kwargs):
        check_not_negative(adversarial_weight=adversarial_weight)
        check_no_posterior(encoder, "adversarial autoencoder")
        check_functional(decoder=decoder, discriminator=discriminator)
        if tuple(discriminator.inputs[0].shape[1:]) != tuple(decoder.inputs[0].shape[1:]):
            raise ValueError(
                "The discriminator judges latents. Received: latents of shape "
                f"{tuple(decoder.inputs[0].shape[1:])}, a discriminator of {tuple(discriminator.inputs[0].shape[1:])}"
            )
        if len(discriminator.outputs) != 1:
            raise ValueError(
                f"The discriminator of an adversarial autoencoder gives logits. Received: '{discriminator.name}' with "
                f"{len(discriminator.outputs)} outputs"
            )
        check_logits(discriminator, adversarial.non_saturating)
        players = {"discriminator": {"discriminator": discriminator}}
        super().__init__(encoder, decoder, players=players, **kwargs)
        self.adversarial_weight = adversarial_weight

    @property
    def term_weights(self):
        """The weight of the encoder's adversarial term."""
        watched = dict.fromkeys(self.watched)
        return {**super().term_weights, **watched, "generator_loss": self.adversarial_weight}

    def train_step(self, data):
        """A step of the discriminator, and one of encoder and decoder."""
        images, labels, weights = self.unpack(data)
        terms = self.minimize("discriminator", self.discriminator_loss, images, labels)
        terms |= self.minimize("autoencoder", self.autoencoder_loss, images, labels, weights)
        return self.log(terms, images, weights)

    def test_step(self, data):
        """The terms of both players on a batch, in inference mode."""
        images, labels, weights = self.unpack(data)
        terms = self.measure("discriminator", self.discriminator_loss, images, labels)
        terms |= self.measure("autoencoder", self.autoencoder_loss, images, labels, weights)
        return self.log(terms, images, weights)

    def discriminate(self, images, labels=None):
        """What the discriminator says of the codes of images: the higher, the more they look like the prior's draws.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)` where the networks take labels.

        Returns:
            float32 NumPy array of logits, `(n, 1)` for the networks of kerasgen.
        """
        codes = self.encode(self.incoming(images, "discriminate"), labels)
        return self.infer(self.discriminator, codes, labels)

    def signatures(self):
        """Those of an autoencoder, and `discriminate`."""

        def discriminate(images, labels=None):
            return {"logits": self.run(self.discriminator, self.run(self.encoder, images, labels), labels)}

        specs = input_specs("images", self.image_shape, self.encoder, self.discriminator)
        return {**super().signatures(), "discriminate": (discriminate, specs)}

    def discriminator_loss(self, images, labels, training):
        """The discriminator's terms."""
        codes = ops.stop_gradient(self.run(self.encoder, self.noisy(images, training), labels, training))
        prior = self.draw("normal", ops.shape(codes))
        real, fake = (self.run(self.discriminator, each, labels, training) for each in (prior, codes))
        return comparison(adversarial.non_saturating, real, fake)

    def autoencoder_loss(self, images, labels, weights, training):
        """The terms of encoder and decoder."""
        codes = self.run(self.encoder, self.noisy(images, training), labels, training)
        logits = self.run(self.discriminator, codes, labels, training)
        return {
            **self.errors(codes, self.targets(images, labels), labels, weights, training),
            "generator_loss": adversarial.non_saturating.generator(None, logits),
        }
