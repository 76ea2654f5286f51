"""Autoencoder, plain or denoising."""

import keras
from keras import ops

from kerasgen.engine import GenerativeModel
from kerasgen.losses import likelihoods
from kerasgen.models.encoding import EncoderDecoder, check_networks


@keras.saving.register_keras_serializable("kerasgen")
class Autoencoder(EncoderDecoder, GenerativeModel):
    """Autoencoder: an encoder `f` and a decoder `g` that minimise the error of reconstruction.

        min_{f, g}  E_x[-log p(x | g(f(x + s e)))],    e ~ N(0, I)

    With the default likelihood, a Gaussian of variance 1/2, this is the squared error summed over the pixels plus the
    constant `log(pi) / 2` a pixel. With `s > 0` it is a denoising autoencoder, which reconstructs the clean image.

    Args:
        encoder: `keras.Model`. Images `(batch, height, width, channels)` in [0, 1] to latents `(batch, latent_dim)`.
        decoder: `keras.Model`. Latents to linear units of the images' shape; the likelihood maps them to images.
        likelihood: Name, config or `kerasgen.losses.likelihoods.Likelihood`. Defaults to `"squared_error"`.
        input_noise: float. The standard deviation `s` of the noise on the encoder's input in training. Defaults to 0.
        **kwargs: `seed`, `name`, `dtype` of `GenerativeModel`.

    Raises:
        ValueError: If `input_noise` is negative, or the two networks do not fit: latent sizes or image shapes differ.

    Logs:
        reconstruction: Negative log-likelihood, nats an image.
        mean_squared_error: A pixel, watched only.

    Example:
        >>> net = kerasgen.networks.mlp
        >>> model = kerasgen.models.Autoencoder(net.encoder((8, 8, 1), latent_dim=2),
        ...                                     net.decoder((8, 8, 1), latent_dim=2))
        >>> model.compile()
        >>> model.fit(images, epochs=20)

    Default optimizer: Adam with learning rate 1e-3.

    Reference:
        Vincent et al., "Stacked Denoising Autoencoders", 2010, section 3.3 (Gaussian noise).
        https://www.jmlr.org/papers/v11/vincent10a.html
    """

    terms = {"autoencoder": ("reconstruction", "mean_squared_error")}
    generates = False

    def __init__(self, encoder, decoder, likelihood="squared_error", input_noise=0.0, players=None, **kwargs):
        if input_noise < 0:
            raise ValueError(f"input_noise must not be negative. Received: {input_noise}")
        check_networks(encoder, decoder)
        networks = {"encoder": encoder, "decoder": decoder, "likelihood": likelihoods.get(likelihood)}
        super().__init__({**(players or {}), "autoencoder": networks}, **kwargs)
        self.input_noise = input_noise

    @property
    def term_weights(self):
        """The mean squared error is watched, not minimised."""
        return {"mean_squared_error": None}

    @property
    def bounded(self):
        """Whether values are in [0, 1]: with the identity link they may be any."""
        return getattr(self.likelihood, "link", "sigmoid") != "identity"

    def train_step(self, data):
        """One step on a batch: the gradient of the loss for encoder and decoder together."""
        images, labels, weights = self.unpack(data)
        terms = self.minimize("autoencoder", self.autoencoder_loss, images, labels, weights)
        return self.log(terms, images, weights)

    def test_step(self, data):
        """The terms on a batch, in inference mode."""
        images, labels, weights = self.unpack(data)
        terms = self.measure("autoencoder", self.autoencoder_loss, images, labels, weights)
        return self.log(terms, images, weights)

    def autoencoder_loss(self, images, labels, weights, training):
        """The terms of the objective on a batch, each a weighted mean over its images."""
        codes = self.run(self.encoder, self.noisy(images, training), labels, training)
        return self.errors(codes, images, labels, weights, training)

    def noisy(self, images, training):
        """Images as the encoder sees them."""
        noise = self.draw("normal", ops.shape(images)) if training and self.input_noise else 0.0
        return images + self.input_noise * noise

    def errors(self, latents, images, labels, weights, training):
        """How far what is decoded from latents is from images."""
        outputs = self.run(self.decoder, latents, labels, training)
        error = ops.square(self.likelihood.mean(outputs) - images)
        return {
            "reconstruction": batch_mean(self.likelihood.negative_log_likelihood(outputs, images), weights),
            "mean_squared_error": batch_mean(ops.mean(error, axis=tuple(range(1, len(images.shape)))), weights),
        }

    def images_of(self, outputs):
        """The mean of the likelihood."""
        return self.likelihood.mean(outputs)


def batch_mean(values, weights=None):
    """Mean over the batch, weighted by `sample_weight` where there is one: `sum(w v) / sum(w)`."""
    if weights is None:
        return ops.mean(values, axis=0)
    weights = ops.reshape(weights, (-1,) + (1,) * (len(values.shape) - 1))
    return ops.divide_no_nan(ops.sum(weights * values, axis=0), ops.sum(weights))
