"""What models with an encoder and a decoder have in common, whatever trains them. No paper: parts of the families."""

from kerasgen.engine import input_specs
from kerasgen.engine.checks import check_pair
from kerasgen.models.decoding import DecodesLatents


class EncoderDecoder(DecodesLatents):
    """The public methods of a model that has an `encoder` and a `decoder`.

    Beside `kerasgen.engine.GenerativeModel`; the model has the two networks as attributes.
    """

    #: Networks that `kerasgen.export` writes to a file each -> the signature that the file holds.
    exported_networks = {"encoder": "encode", "decoder": "decode"}

    @property
    def image_shape(self):
        """The shape of the images, `(height, width, channels)`."""
        return tuple(self.encoder.inputs[0].shape[1:])

    def call(self, inputs, training=False):
        """Reconstruct: images, or `[images, labels]` where the networks take labels, to images in [0, 1]."""
        images, labels = inputs if self.conditional else (inputs, None)
        return self.images_of(
            self.run(self.decoding_network(), self.latents(images, labels, training), labels, training)
        )

    def check_inputs(self, inputs, where="predict"):
        """Raise a ValueError where `call` cannot take the inputs."""
        images, labels = check_pair(inputs, where) if self.conditional else (inputs, None)
        self.check_incoming(images, where)
        self.check_labels(labels, where)

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
        return self.infer(self.encoder, self.incoming(images, "encode"), labels)

    def reconstruct(self, images, labels=None):
        """Encode and decode images.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)` where the networks take labels.

        Returns:
            float32 NumPy array of the same shape, in [0, 1].
        """
        return self.decode(self.encode(self.incoming(images, "reconstruct"), labels), labels)

    def signatures(self):
        """As `DecodesLatents.signatures`, and what the encoder does."""

        def encode(images, labels=None):
            return {"latents": self.latents(images, labels, training=False)}

        def reconstruct(images, labels=None):
            return decode(self.latents(images, labels, training=False), labels)

        others = super().signatures()
        decode = others["generate"][0]
        return {
            "reconstruct": (
                reconstruct,
                input_specs("images", self.image_shape, self.encoder, self.decoding_network()),
            ),
            "encode": (encode, input_specs("images", self.image_shape, self.encoder)),
            "decode": others["generate"],
            **others,
        }


class GaussianEncoder(EncoderDecoder):
    """The same where the encoder gives `[mean, log_variance]` of a Gaussian posterior `q(z | x)`."""

    def latents(self, images, labels, training):
        """The posterior mean: `call` reconstructs without noise."""
        return self.run(self.encoder, images, labels, training)[0]

    def signatures(self):
        """As `EncoderDecoder.signatures`; `encode` gives both parameters of the posterior."""

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
        mean, log_variance = self.infer(self.encoder, self.incoming(images, "posterior"), labels)
        return mean, log_variance

    def encode(self, images, labels=None):
        """Map images to the means of their posteriors: see `EncoderDecoder.encode`."""
        return self.posterior(self.incoming(images, "encode"), labels)[0]
