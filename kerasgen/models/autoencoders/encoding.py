"""What models with an encoder and a decoder have in common, whatever trains them. No paper: parts of the family."""

import warnings

import numpy as np
from keras import ops

from kerasgen.engine import input_specs
from kerasgen.engine.checks import check_count, check_images, check_latents, check_pair, warn_of_range


class EncoderDecoder:
    """The public methods of a model that has an `encoder` and a `decoder`.

    Beside `kerasgen.engine.GenerativeModel`; the model has the two networks as attributes.
    """

    #: Networks that `kerasgen.export` writes to a file each -> the signature that the file holds.
    exported_networks = {"encoder": "encode", "decoder": "decode"}
    #: Whether the model is trained to place its latents where the prior N(0, I) draws them.
    generates = True

    @property
    def bounded(self):
        """Whether values are in [0, 1]: those of images are, rows of a table may have any range."""
        return len(self.image_shape) == 3

    def images_of(self, outputs):
        """Map what the decoder gives to images."""
        return outputs

    @property
    def latent_dim(self):
        """The size of the latents."""
        return self.decoder.inputs[0].shape[-1]

    @property
    def image_shape(self):
        """The shape of the images, `(height, width, channels)`."""
        return tuple(self.encoder.inputs[0].shape[1:])

    def call(self, inputs, training=False):
        """Reconstruct: images, or `[images, labels]` where the networks take labels, to images in [0, 1]."""
        images, labels = inputs if self.conditional else (inputs, None)
        return self.images_of(self.run(self.decoder, self.latents(images, labels, training), labels, training))

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
        outputs = self.infer(self.decoder, check_latents(latents, self.latent_dim), labels)
        images = ops.convert_to_numpy(self.images_of(outputs))
        if self.bounded:
            warn_of_range(images)
        return images

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
        return self.decode(self.draw_latents(count, seed, sampler), self.labels_for(count, labels))

    def draw_latents(self, count, seed=None, sampler=None):
        """The latents that `generate` decodes: see there."""
        check_count(count)
        if sampler is None:
            if not self.generates:
                warnings.warn(
                    "An autoencoder is not trained to place its latents where N(0, I) draws them, so these images may "
                    "be no images. Pass `sampler=kerasgen.samplers.GaussianMixture(10).fit(model.encode(images))`, or "
                    "train a VAE.",
                    stacklevel=3,
                )
            return np.random.default_rng(seed).standard_normal((count, self.latent_dim), "float32")
        return sampler.sample(count, seed)

    def signatures(self):
        """What `kerasgen.export` offers elsewhere: functions of tensors, in inference mode.

        Returns:
            Dict from name to `(function, inputs)`, inputs a list of `keras.InputSpec` with names. A function returns a
            dict of tensors. The first is the one that is served by default.
        """

        def encode(images, labels=None):
            return {"latents": self.latents(images, labels, training=False)}

        def decode(latents, labels=None):
            return {"images": self.images_of(self.run(self.decoder, latents, labels))}

        def reconstruct(images, labels=None):
            return decode(self.latents(images, labels, training=False), labels)

        return {
            "reconstruct": (reconstruct, input_specs("images", self.image_shape, self.encoder, self.decoder)),
            "encode": (encode, input_specs("images", self.image_shape, self.encoder)),
            "decode": (decode, input_specs("latents", (self.latent_dim,), self.decoder)),
            "generate": (decode, input_specs("latents", (self.latent_dim,), self.decoder)),
        }

    def check_data(self, images, labels, weights, where="fit"):
        """Raise a ValueError where images are not of the encoder's shape and in [0, 1]."""
        check_images(images, self.image_shape, where, self.bounded)
        self.check_labels(labels, where)

    def check_inputs(self, inputs, where="predict"):
        """Raise a ValueError where `call` cannot take the inputs."""
        images, labels = check_pair(inputs, where) if self.conditional else (inputs, None)
        check_images(images, self.image_shape, where, self.bounded)
        self.check_labels(labels, where)

    def _images(self, images):
        check_images(images, self.image_shape, where="this method", bounded=False)
        return np.asarray(images, "float32")


class GaussianEncoder(EncoderDecoder):
    """The same where the encoder gives `[mean, log_variance]` of a Gaussian posterior `q(z | x)`."""

    def latents(self, images, labels, training):
        """The posterior mean: `call` reconstructs without noise."""
        return self.run(self.encoder, images, labels, training)[0]

    def signatures(self):
        """As `Autoencoder.signatures`; `encode` gives both parameters of the posterior."""

        def encode(images, labels=None):
            mean, log_variance = self.run(self.encoder, images, labels)
            return {"latents": mean, "log_variance": log_variance}

        signatures = super().signatures()
        return {**signatures, "encode": (encode, signatures["encode"][1])}

    def posterior(self, images, labels=None):
        """The Gaussian `q(z | x)` of each image.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)` where the encoder takes labels.

        Returns:
            Mean and log variance, float32 NumPy arrays `(n, latent_dim)`.
        """
        mean, log_variance = self.infer(self.encoder, self._images(images), labels)
        return mean, log_variance

    def encode(self, images, labels=None):
        """Map images to the means of their posteriors: see `Autoencoder.encode`."""
        return self.posterior(images, labels)[0]


def draw_posterior(mean, log_variance, noise):
    """The reparameterised draw `m + sqrt(v) e`."""
    return mean + ops.exp(0.5 * log_variance) * noise


def check_posterior(encoder, model):
    """Refuse an encoder that gives no `[mean, log_variance]`."""
    if len(encoder.outputs) != 2:
        raise ValueError(
            f'The encoder of a {model} gives [mean, log_variance]: build it with `posterior="gaussian"`. '
            f"Received: encoder '{encoder.name}' with {len(encoder.outputs)} output"
        )


def check_networks(encoder, decoder, same_shape=True):
    """Refuse a decoder that does not map the encoder's latents, to images of the encoder's shape if it must be so."""
    codes = [tuple(output.shape[1:]) for output in encoder.outputs]
    images = tuple(encoder.inputs[0].shape[1:])
    other_shape = same_shape and images != tuple(decoder.outputs[0].shape[1:])
    if other_shape or any(code != tuple(decoder.inputs[0].shape[1:]) for code in codes):
        raise ValueError(
            "The decoder must map the encoder's latents to its images. Received: an encoder from "
            f"{images} to {codes}, a decoder from {decoder.inputs[0].shape[1:]} to {decoder.outputs[0].shape[1:]}"
        )


def check_no_posterior(encoder, model):
    """Refuse an encoder that gives more than latents."""
    if len(encoder.outputs) != 1:
        raise ValueError(
            f"The encoder of a {model} gives latents: build it without `posterior=`. "
            f"Received: encoder '{encoder.name}' with {len(encoder.outputs)} outputs"
        )
