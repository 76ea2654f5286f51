"""What models that make images of latents have in common, whatever trains them. No paper: parts of several families."""

import warnings

import numpy as np
from keras import ops

from kerasgen.engine import input_specs
from kerasgen.engine.checks import check_count, check_latents, check_seed, warn_of_range
from kerasgen.models.images import TakesImages


class DecodesLatents(TakesImages):
    """The public methods of a model that has a network from latents to images: a `decoder`, or a GAN's `generator`.

    Beside `kerasgen.engine.GenerativeModel`.
    """

    #: The attribute that holds this network. It has no second name, for Keras would save it under both.
    decodes_with = "decoder"

    #: Whether the model is trained to place its latents where the prior N(0, I) draws them.
    generates = True

    @property
    def latent_dim(self):
        """The size of the latents."""
        return self.decoding_network().inputs[0].shape[-1]

    @property
    def image_shape(self):
        """The shape of the images, `(height, width, channels)`."""
        return tuple(self.decoding_network().outputs[0].shape[1:])

    def decoding_network(self):
        """The network from latents to what `images_of` maps to images."""
        return getattr(self, self.decodes_with)

    def inputs_of(self, latents):
        """Map latents, normal ones, to what the decoder takes."""
        return latents

    def images_of(self, outputs):
        """Map what the decoder gives to images."""
        return outputs

    def decode(self, latents, labels=None):
        """Map latents to images.

        Args:
            latents: Array `(n, latent_dim)`.
            labels: int array `(n,)` where the decoder takes labels.

        Returns:
            float32 NumPy array `(n, height, width, channels)` in [0, 1].
        """
        latents = self.inputs_of(check_latents(latents, self.latent_dim))
        outputs = self.infer(self.decoding_network(), ops.convert_to_numpy(latents), labels)
        images = ops.convert_to_numpy(self.images_of(outputs))
        if self.bounded:
            warn_of_range(images)
        return images

    def generate(self, count, labels=None, seed=None, sampler=None):
        """Decode latents drawn at random, in inference mode.

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
        check_seed(seed)
        if sampler is not None:
            return sampler.sample(count, seed)
        if not self.generates:
            warnings.warn(
                "An autoencoder is not trained to place its latents where N(0, I) draws them, so these images may be "
                "no images. Pass `sampler=kerasgen.samplers.GaussianMixture(10).fit(model.encode(images))`, or train "
                "a VAE.",
                stacklevel=3,
            )
        return np.random.default_rng(seed).standard_normal((count, self.latent_dim), "float32")

    def signatures(self):
        """What `kerasgen.export` offers elsewhere: functions of tensors, in inference mode.

        Returns:
            Dict from name to `(function, inputs)`, inputs a list of `keras.InputSpec` with names. A function returns a
            dict of tensors. The first is the one that is served by default.
        """

        def generate(latents, labels=None):
            return {"images": self.images_of(self.run(self.decoding_network(), self.inputs_of(latents), labels))}

        return {"generate": (generate, input_specs("latents", (self.latent_dim,), self.decoding_network()))}
