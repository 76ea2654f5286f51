"""VAE-GAN: an autoencoder that learns what to compare from a discriminator."""

import keras
from keras import ops

from kerasgen.engine import GenerativeModel
from kerasgen.losses import adversarial, divergences
from kerasgen.models.adversarial import Discriminates
from kerasgen.models.checks import check_discriminator, check_networks, gaussian_encoder
from kerasgen.models.encoding import GaussianEncoder
from kerasgen.models.ends import check_logits
from kerasgen.models.terms import WATCHED, batch_mean, comparison, draw_posterior


@keras.saving.register_keras_serializable("kerasgen")
class VAEGAN(Discriminates, GaussianEncoder, GenerativeModel):
    """VAE-GAN: a VAE whose error is measured in a hidden layer of a discriminator, which judges what the decoder makes.

    The decoder `G` of a VAE is the generator of a GAN. With the discriminator `D`, the outputs `D_l` of its layer `l`,
    the reconstruction `x' = G(z)` of a draw `z` from the encoder's `q(z | x)`, and a draw `p` from the prior `N(0, I)`:

        encoder         min_E  KL(q(z | x) || N(0, I)) + R
        decoder         min_G  gamma R + softplus(-D(x')) + softplus(-D(G(p)))
        discriminator   min_D  softplus(-D(x)) + softplus(D(x')) + softplus(D(G(p)))
        R = |D_l(x) - D_l(x')|^2 / 2

    each a mean over images. `R` is the negative log-likelihood of a Gaussian of variance 1 in the hidden layer, without
    its constant. The encoder feels nothing of what the discriminator thinks of images, nor the discriminator of `R`.

    Args:
        encoder: `keras.Model`. Images `(batch, height, width, channels)` in [0, 1] to `[mean, log_variance]`, each
            `(batch, latent_dim)`: an encoder with `posterior="gaussian"`.
        decoder: `keras.Model`. A generator: latents `(batch, latent_dim)` to images in [0, 1].
        discriminator: `keras.Model`. Images to logits `(batch, ...)`.
        gamma: float. The weight of the reconstruction in the decoder's objective: the larger, the closer
            reconstructions are; the smaller, the more the discriminator shapes them. Defaults to 0.01.
        feature_layer: Name of the layer `l` of the discriminator. Defaults to `"features"`, which in the networks of
            kerasgen stands before the logit.
        **kwargs: `seed`, `name`, `dtype` of `GenerativeModel`.

    Raises:
        ValueError: If the encoder has one output only, `gamma` is not positive, there is no such layer, or the networks
            do not fit.

    Logs:
        kl: `KL(q(z | x) || N(0, I))`, nats an image.
        feature_reconstruction: `R` in the encoder's step; `decoder_feature_reconstruction` in the decoder's.
        drawn_mean_squared_error: Of the reconstruction of a draw from `q(z | x)`, a pixel, watched only. The metric of
            `kerasgen.metrics` and `evaluate`, `mean_squared_error`, is that of the reconstruction of its mean.
        discriminator_loss, generator_loss: What the discriminator minimises, and the decoder beside `gamma R`.
        real_accuracy, fake_accuracy, real_logit, fake_logit: See `kerasgen.models.GAN`; fake are draws of the prior.

    Example:
        >>> nets, shape = kerasgen.networks, (28, 28, 1)
        >>> model = kerasgen.models.VAEGAN(nets.conv.encoder(shape, latent_dim=32, posterior="gaussian"),
        ...                                nets.dcgan.generator(shape, latent_dim=32, name="decoder"),
        ...                                nets.dcgan.discriminator(shape))
        >>> model.compile()
        >>> model.fit(images, batch_size=64, epochs=20)
        >>> model.reconstruct(images), model.generate(64, seed=1)

    Notes:
        The paper's decoder descends minus the discriminator's loss; here it ascends the log-probability of deceiving
        it, as is usual since Goodfellow et al., 2014: the direction is the same, and it does not vanish. Players step
        in turn, each on what the ones before it have become.

    Default optimizer: Adam with learning rate 3e-4 and beta_1 0.5, where the paper has RMSprop with 3e-4.

    Reference:
        Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016, Algorithm 1.
        https://arxiv.org/abs/1512.09300
    """

    terms = {
        "encoder": ("kl", "feature_reconstruction", "drawn_mean_squared_error"),
        "decoder": ("decoder_feature_reconstruction", "generator_loss"),
        "discriminator": ("discriminator_loss", *WATCHED),
    }
    default_optimizer = {"class_name": "Adam", "config": {"learning_rate": 3e-4, "beta_1": 0.5}}
    exported_networks = {**GaussianEncoder.exported_networks, "discriminator": "discriminate"}

    def __init__(self, encoder, decoder, discriminator, gamma=0.01, feature_layer="features", **kwargs):
        if gamma <= 0:
            raise ValueError(f"gamma must be positive. Received: {gamma}")
        encoder = gaussian_encoder(encoder, "VAE-GAN")
        check_networks(encoder, decoder)
        check_discriminator(discriminator, tuple(decoder.outputs[0].shape[1:]), "VAE-GAN")
        check_logits(discriminator, adversarial.non_saturating)
        if feature_layer not in [layer.name for layer in discriminator.layers]:
            raise ValueError(
                f"The discriminator has the layers {', '.join(layer.name for layer in discriminator.layers)}. "
                f"Received: feature_layer={feature_layer!r}"
            )
        networks = {"encoder": encoder, "decoder": decoder, "discriminator": discriminator}
        super().__init__({name: {name: network} for name, network in networks.items()}, **kwargs)
        self.gamma = gamma
        self.feature_layer = feature_layer

    @property
    def term_weights(self):
        """`gamma` on the reconstruction for the decoder."""
        return {
            **dict.fromkeys((*self.watched, "drawn_mean_squared_error")),
            "decoder_feature_reconstruction": self.gamma,
        }

    def train_step(self, data):
        """Algorithm 1: a step of each player."""
        images, labels, _ = self.unpack(data)
        terms = self.minimize("encoder", self.encoder_loss, images, labels)
        terms |= self.minimize("decoder", self.decoder_loss, images, labels)
        terms |= self.minimize("discriminator", self.discriminator_loss, images, labels)
        return self.log(terms, images)

    def test_step(self, data):
        """The terms of all players on a batch, in inference mode."""
        images, labels, _ = self.unpack(data)
        terms = self.measure("encoder", self.encoder_loss, images, labels)
        terms |= self.measure("decoder", self.decoder_loss, images, labels)
        terms |= self.measure("discriminator", self.discriminator_loss, images, labels)
        return self.log(terms, images)

    def encoder_loss(self, images, labels, training):
        """The encoder's terms."""
        mean, log_variance = self.run(self.encoder, images, labels, training)
        reconstructed = self.redraw(mean, log_variance, labels, training)
        error = ops.square(reconstructed - images)
        return {
            "kl": ops.sum(batch_mean(divergences.kl_standard_normal(mean, log_variance))),
            "feature_reconstruction": self.distance(
                self.judge(images, labels, training)[1], self.judge(reconstructed, labels, training)[1]
            ),
            "drawn_mean_squared_error": ops.mean(error),
        }

    def decoder_loss(self, images, labels, training):
        """The decoder's terms."""
        reconstructed, drawn = self.fakes(images, labels, training)
        logits, features = self.judge(reconstructed, labels, training)
        deceived = adversarial.non_saturating.generator
        drawn_logits = self.judge(drawn, labels, training)[0]
        return {
            "decoder_feature_reconstruction": self.distance(self.judge(images, labels, training)[1], features),
            "generator_loss": deceived(None, logits) + deceived(None, drawn_logits),
        }

    def discriminator_loss(self, images, labels, training):
        """The discriminator's terms."""
        reconstructed, drawn = (ops.stop_gradient(fake) for fake in self.fakes(images, labels, training))
        real, reconstructed, drawn = (self.judge(each, labels, training)[0] for each in (images, reconstructed, drawn))
        terms = comparison(adversarial.non_saturating, real, drawn)
        loss = terms["discriminator_loss"] + ops.mean(ops.softplus(reconstructed))
        return {**terms, "discriminator_loss": loss}

    def redraw(self, mean, log_variance, labels, training):
        """Reconstructions from draws of the posterior."""
        latents = draw_posterior(mean, log_variance, self.draw("normal", ops.shape(mean)))
        return self.run(self.decoder, latents, labels, training)

    def fakes(self, images, labels, training):
        """Reconstructions, and as many images drawn from the prior."""
        mean, log_variance = self.run(self.encoder, images, labels, training)
        drawn = self.run(self.decoder, self.draw("normal", ops.shape(mean)), labels, training)
        return self.redraw(mean, log_variance, labels, training), drawn

    def judge(self, images, labels, training):
        """The discriminator's logits, and the outputs of its hidden layer."""
        return self.run(self.discriminator, images, labels, training, hidden=self.feature_layer)

    @staticmethod
    def distance(features, others):
        """`|f - f'|^2 / 2`, a sum over features, a mean over images."""
        error = ops.square(features - others)
        return 0.5 * ops.mean(ops.sum(error, axis=tuple(range(1, len(error.shape)))))
