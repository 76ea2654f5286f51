"""Autoencoder, plain or denoising."""

import warnings

import keras
import numpy as np
from keras import ops

from kerasgen.engine import GenerativeModel, takes_labels
from kerasgen.engine.checks import check_images
from kerasgen.losses import likelihoods


@keras.saving.register_keras_serializable("kerasgen")
class Autoencoder(GenerativeModel):
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

    Reference:
        Vincent et al., "Stacked Denoising Autoencoders", 2010, section 3.3 (Gaussian noise).
        https://www.jmlr.org/papers/v11/vincent10a.html
    """

    terms = {"autoencoder": ("reconstruction", "mean_squared_error")}
    #: Networks that `kerasgen.export` writes to a file each -> the signature that the file holds.
    exported_networks = {"encoder": "encode", "decoder": "decode"}

    def __init__(self, encoder, decoder, likelihood="squared_error", input_noise=0.0, **kwargs):
        if input_noise < 0:
            raise ValueError(f"input_noise must not be negative. Received: {input_noise}")
        self._check_networks(encoder, decoder)
        networks = {"encoder": encoder, "decoder": decoder, "likelihood": likelihoods.get(likelihood)}
        super().__init__({"autoencoder": networks}, **kwargs)
        self.input_noise = input_noise

    @property
    def term_weights(self):
        """The mean squared error is watched, not minimised."""
        return {"mean_squared_error": None}

    @property
    def latent_dim(self):
        """The size of the latents."""
        return self.decoder.inputs[0].shape[-1]

    @property
    def image_shape(self):
        """The shape of the images, `(height, width, channels)`."""
        return tuple(self.encoder.inputs[0].shape[1:])

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
        inputs = images
        if training and self.input_noise:
            inputs = images + self.input_noise * self.draw("normal", ops.shape(images))
        latents = self.run(self.encoder, inputs, labels, training)
        outputs = self.run(self.decoder, latents, labels, training)
        error = ops.square(self.likelihood.mean(outputs) - images)
        return {
            "reconstruction": batch_mean(self.likelihood.negative_log_likelihood(outputs, images), weights),
            "mean_squared_error": batch_mean(ops.mean(error, axis=tuple(range(1, len(images.shape)))), weights),
        }

    def call(self, inputs, training=False):
        """Reconstruct: images, or `[images, labels]` where the networks take labels, to images in [0, 1]."""
        images, labels = inputs if self.conditional else (inputs, None)
        return self.likelihood.mean(self.run(self.decoder, self.latents(images, labels, training), labels, training))

    def latents(self, images, labels, training):
        """The latents that `call` decodes, as tensors."""
        return self.run(self.encoder, images, labels, training)

    def encode(self, images, labels=None):
        """Map images to latents.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)` where the encoder takes labels.

        Returns:
            float32 NumPy array `(n, latent_dim)`.
        """
        return self.infer(self.encoder, self._images(images), labels)

    def decode(self, latents, labels=None):
        """Map latents to images.

        Args:
            latents: Array `(n, latent_dim)`.
            labels: int array `(n,)` where the decoder takes labels.

        Returns:
            float32 NumPy array `(n, height, width, channels)` in [0, 1].
        """
        latents = np.asarray(latents, "float32")
        if latents.ndim != 2 or latents.shape[1] != self.latent_dim:
            raise ValueError(f"Latents have the shape (n, {self.latent_dim}). Received: shape {latents.shape}")
        return ops.convert_to_numpy(self.likelihood.mean(self.infer(self.decoder, latents, labels)))

    def reconstruct(self, images, labels=None):
        """Encode and decode images.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)` where the networks take labels.

        Returns:
            float32 NumPy array of the same shape, in [0, 1].
        """
        return self.decode(self.encode(images, labels), labels)

    def generate(self, count, labels=None, seed=None, sampler=None):
        """Decode latents drawn at random.

        Args:
            count: int. How many images.
            labels: int array `(count,)` where the decoder takes labels. None: the classes in turn.
            seed: int or None. The same seed gives the same images, whatever was drawn before.
            sampler: Object with `sample(count, seed)` that gives latents `(count, latent_dim)`, such as
                `kerasgen.samplers.GaussianMixture(10).fit(model.encode(images))`. None: the standard normal.

        Returns:
            float32 NumPy array `(count, height, width, channels)` in [0, 1].
        """
        if sampler is None:
            self._warn_of_prior()
            latents = np.random.default_rng(seed).standard_normal((count, self.latent_dim), "float32")
        else:
            latents = sampler.sample(count, seed)
        if labels is None and self.num_classes:
            labels = np.arange(count, dtype="int32") % self.num_classes
        return self.decode(latents, labels)

    def signatures(self):
        """What `kerasgen.export` offers elsewhere: functions of tensors, in inference mode.

        Returns:
            Dict from name to `(function, inputs)`, inputs a list of `keras.InputSpec` with names. A function returns a
            dict of tensors. The first is the one that is served by default.
        """

        def encode(images, labels=None):
            return {"latents": self.latents(images, labels, training=False)}

        def decode(latents, labels=None):
            return {"images": self.likelihood.mean(self.run(self.decoder, latents, labels))}

        def reconstruct(images, labels=None):
            return decode(self.latents(images, labels, training=False), labels)

        def inputs(name, shape, *networks):
            specs = [keras.InputSpec("float32", (None, *shape), name=name)]
            if any(takes_labels(network) for network in networks):
                specs.append(keras.InputSpec("int32", (None,), name="labels"))
            return specs

        return {
            "reconstruct": (reconstruct, inputs("images", self.image_shape, self.encoder, self.decoder)),
            "encode": (encode, inputs("images", self.image_shape, self.encoder)),
            "decode": (decode, inputs("latents", (self.latent_dim,), self.decoder)),
            "generate": (decode, inputs("latents", (self.latent_dim,), self.decoder)),
        }

    def check_data(self, images, labels, weights):
        """Raise a ValueError where images are not of the encoder's shape and in [0, 1]."""
        bounded = getattr(self.likelihood, "link", "sigmoid") != "identity"
        check_images(images, self.image_shape, bounded=bounded)
        if self.conditional and labels is None:
            raise ValueError("The networks of this model take labels: pass `fit(x, y)`. Received: x only")

    def _warn_of_prior(self):
        warnings.warn(
            "An autoencoder is not trained to place its latents where N(0, I) draws them, so these images may be no "
            "images. Pass `sampler=kerasgen.samplers.GaussianMixture(10).fit(model.encode(images))`, or train a VAE.",
            stacklevel=3,
        )

    def _images(self, images):
        check_images(images, self.image_shape, where="this method", bounded=False)
        return np.asarray(images, "float32")

    @staticmethod
    def _check_networks(encoder, decoder):
        codes = [tuple(output.shape[1:]) for output in encoder.outputs]
        images = tuple(encoder.inputs[0].shape[1:])
        if any(code != tuple(decoder.inputs[0].shape[1:]) for code in codes) or images != tuple(
            decoder.outputs[0].shape[1:]
        ):
            raise ValueError(
                "The decoder must map the encoder's latents to its images. Received: an encoder from "
                f"{images} to {codes}, a decoder from {decoder.inputs[0].shape[1:]} to {decoder.outputs[0].shape[1:]}"
            )


def batch_mean(values, weights=None):
    """Mean over the batch, weighted by `sample_weight` where there is one: `sum(w v) / sum(w)`."""
    if weights is None:
        return ops.mean(values, axis=0)
    weights = ops.reshape(weights, (-1,) + (1,) * (len(values.shape) - 1))
    return ops.divide_no_nan(ops.sum(weights * values, axis=0), ops.sum(weights))
