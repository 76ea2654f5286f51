"""Autoencoder: plain, denoising, or from one thing to another."""

import keras
import numpy as np
from keras import ops

from kerasgen.engine import GenerativeModel
from kerasgen.losses import likelihoods
from kerasgen.models.checks import check_networks, check_no_posterior, check_not_negative
from kerasgen.models.encoding import EncoderDecoder
from kerasgen.models.ends import check_units
from kerasgen.models.images import check_targets
from kerasgen.models.terms import batch_mean


@keras.saving.register_keras_serializable("kerasgen")
class Autoencoder(EncoderDecoder, GenerativeModel):
    """Autoencoder: an encoder `f` and a decoder `g` that minimise the error of reconstruction.

        min_{f, g}  E_x[-log p(x | g(f(x + s e)))],    e ~ N(0, I)

    With the default likelihood, a Gaussian of variance 1/2, this is the squared error summed over the pixels plus the
    constant `log(pi) / 2` a pixel. With `s > 0` it is a denoising autoencoder, which reconstructs the clean image.
    With `target="y"` what comes out is compared with the `y` of `fit(x, y)` in the place of `x`: noisy images to clean
    ones, grey ones to colour, rows to numbers (regression). Without it and without networks that take labels, a `y` of
    class numbers, which data sets bring along, is not used, and any other `y` than `x` itself is refused.

    Args:
        encoder: `keras.Model`. Images `(batch, height, width, channels)` in [0, 1] to latents `(batch, latent_dim)`.
        decoder: `keras.Model`. Latents to linear units of the images' shape; the likelihood maps them to images. With
            the link `"identity"` it does not, and a decoder may end in a sigmoid.
        likelihood: Name, config or `kerasgen.losses.likelihoods.Likelihood`. Defaults to `"squared_error"`.
        input_noise: float. The standard deviation `s` of the noise on the encoder's input in training. Defaults to 0.
        target: `"x"`: the images themselves. `"y"`: the `y` of `fit(x, y)`, float `(batch, ...)` of the shape that the
            decoder gives; `x` may then have any range, and the networks take no labels. Targets outside of [0, 1] need
            the link `"identity"`. Defaults to `"x"`.
        **kwargs: `seed`, `name`, `dtype` of `GenerativeModel`.

    Raises:
        ValueError: If `input_noise` is negative, `target` is none of these, the two networks do not fit (latent sizes
            or image shapes differ), are not functional, or the decoder ends in what the likelihood does itself.

    Logs:
        reconstruction: Negative log-likelihood, nats an image.
        mean_squared_error: A pixel, watched only.

    Example:
        >>> net = kerasgen.networks.mlp
        >>> model = kerasgen.models.Autoencoder(net.encoder((8, 8, 1), latent_dim=2),
        ...                                     net.decoder((8, 8, 1), latent_dim=2))
        >>> model.compile()
        >>> model.fit(images, epochs=20)

        Rows of four numbers to two others:

        >>> encoder, decoder = net.encoder((4,), latent_dim=8), net.decoder((2,), latent_dim=8)
        >>> likelihood = kerasgen.losses.likelihoods.Gaussian(link="identity", scale="learned")
        >>> model = kerasgen.models.Autoencoder(encoder, decoder, likelihood, target="y")
        >>> model.compile()
        >>> model.fit(x, y, epochs=20)
        >>> model.predict(x)    # (n, 2)

    Default optimizer: Adam with learning rate 1e-3.

    Reference:
        Vincent et al., "Stacked Denoising Autoencoders", 2010, section 3.3 (Gaussian noise).
        https://www.jmlr.org/papers/v11/vincent10a.html
    """

    terms = {"autoencoder": ("reconstruction", "mean_squared_error")}
    generates = False

    def __init__(
        self, encoder, decoder, likelihood="squared_error", input_noise=0.0, target="x", players=None, **kwargs
    ):
        check_not_negative(input_noise=input_noise)
        if target not in ("x", "y"):
            raise ValueError(f"target must be one of ['x', 'y']. Received: {target!r}")
        if not hasattr(type(self), "posterior"):
            check_no_posterior(encoder, "plain autoencoder")
        check_networks(encoder, decoder, same_shape=target == "x")
        likelihood = likelihoods.get(likelihood)
        check_units(decoder, likelihood)
        networks = {"encoder": encoder, "decoder": decoder, "likelihood": likelihood}
        super().__init__({**(players or {}), "autoencoder": networks}, **kwargs)
        self.input_noise = input_noise
        self.target = target
        if target == "y" and self.conditional:
            raise ValueError('With target="y" the `y` of `fit` are no labels. Received: networks that take labels')

    @property
    def term_weights(self):
        """The mean squared error is watched, not minimised."""
        return {"mean_squared_error": None}

    @property
    def bounded(self):
        """Whether values are in [0, 1]: with the identity link they may be any."""
        return self.likelihood.link != "identity"

    def unpack(self, data):
        """As `GenerativeModel.unpack`; with `target="y"` these stand in the place of the labels."""
        images, labels, weights = super().unpack(data)
        if self.target == "y":
            labels = ops.cast(keras.utils.unpack_x_y_sample_weight(data)[1], "float32")
        return images, labels, weights

    def targets(self, images, labels):
        """What is to come out."""
        return labels if self.target == "y" else images

    def check_incoming(self, images, where):
        """As `TakesImages.check_incoming`; with `target="y"` they may have any range."""
        if self.target == "x" and len(self.image_shape) == 3:
            super().check_incoming(images, where)
        else:
            check_targets(images, self.image_shape, where, self.bounded and self.target == "x")

    def check_data(self, images, labels, weights, where="fit"):
        """Raise a ValueError where images, labels or targets are none that the networks can take."""
        super().check_data(images, labels if self.target == "x" else None, weights, where)
        if self.target == "y" and labels is None:
            raise ValueError(f'With target="y" there must be targets: pass `{where}(x, y)`. Received: x only')
        if self.target == "y":
            shape = tuple(self.decoder.outputs[0].shape[1:])
            check_targets(labels, shape, f'{where} with target="y"', self.bounded)

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
        return self.errors(codes, self.targets(images, labels), labels, weights, training)

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

    def generate(self, count, labels=None, seed=None, sampler=None, draw_pixels=False):
        """Decode latents drawn at random.

        Args:
            count: int. How many images.
            labels: int array `(count,)` where the decoder takes labels. None: the classes in turn.
            seed: int or None. The same seed gives the same images, whatever was drawn before.
            sampler: Object with `sample(count, seed)` that gives latents `(count, latent_dim)`, such as
                `kerasgen.samplers.GaussianMixture(10).fit(model.encode(images))`. None: the standard normal.
            draw_pixels: bool. Draw each pixel from the likelihood, binary ones from a Bernoulli, in the place of its
                mean.

        Returns:
            float32 NumPy array `(count, height, width, channels)`; means are in [0, 1].
        """
        latents, labels = self.draw_latents(count, seed, sampler), self.labels_for(count, labels)
        if not draw_pixels:
            return self.decode(latents, labels)
        outputs = self.infer(self.decoder, latents, labels)
        # A stream of its own: the latents are those of the means.
        draws = np.random.default_rng(None if seed is None else (seed, 1)).random(outputs.shape, "float32")
        return ops.convert_to_numpy(self.likelihood.quantile(outputs, draws))

    def images_of(self, outputs):
        """The mean of the likelihood."""
        return self.likelihood.mean(outputs)
