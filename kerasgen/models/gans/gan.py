"""Generative adversarial network."""

from numbers import Integral

import keras
import numpy as np
from keras import ops

from kerasgen.engine import GenerativeModel, input_specs, require, takes_labels
from kerasgen.engine.checks import check_count, check_images, check_latents, warn_of_range
from kerasgen.losses import adversarial


@keras.saving.register_keras_serializable("kerasgen")
class GAN(GenerativeModel):
    """Generative adversarial network, and the base of its variants.

    A discriminator `D` learns to tell images from what a generator `G` makes of noise, which learns to deceive it:

        discriminator   min_D  E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))]
        generator       min_G  E_z[softplus(-D(G(z)))],    z ~ N(0, I)

    with logits `D`, so that `-log sigmoid(t) = softplus(-t)`: the cross-entropy of both answers, and the non-saturating
    loss of the generator. For a fixed generator of density `q`, the best discriminator of data of density `p` is
    `log p(x) / q(x)`. It is conditional when its networks take labels: `G(z, y)` and `D(x, y)`.

    Args:
        generator: `keras.Model`. Latents `(batch, latent_dim)` to images `(batch, height, width, channels)` in [0, 1].
        discriminator: `keras.Model`. Images to logits `(batch, ...)`.
        objective: Name, config or `kerasgen.losses.adversarial.AdversarialLoss`. None: the class's
            `default_objective`, here `"non_saturating"`.
        discriminator_steps: int. Steps of the discriminator for each one of the generator. A batch of `fit` holds the
            images of all: `discriminator_steps` x n; each step takes n fresh ones, and fresh latents (what does not
            divide is left out; the terms logged are those of the last one). Defaults to 1.
        **kwargs: `seed`, `name`, `dtype` of `GenerativeModel`.

    Raises:
        ValueError: If `discriminator_steps` is below 1, or the images that the two networks speak of differ in shape.

    Logs:
        discriminator_loss, generator_loss: What the players minimise.
        real_accuracy, fake_accuracy: Shares of images that the discriminator judges rightly; 0.5 each where it is lost.
        real_logit, fake_logit: Means of its logits.
        discriminator_gradient_norm, generator_gradient_norm: In training; see whether a player is dead.

    Example:
        >>> net = kerasgen.networks.dcgan
        >>> model = kerasgen.models.GAN(net.generator((28, 28, 1), latent_dim=100), net.discriminator((28, 28, 1)))
        >>> model.compile()
        >>> model.fit(images, batch_size=64, epochs=20)
        >>> model.generate(64, seed=1)

    Notes:
        Real and generated images go through the discriminator in separate calls, so that batch statistics are of one
        kind. A player's step keeps the new statistics of its own networks only.

    Default optimizer: Adam with learning rate 2e-4 and beta_1 0.5.

    Reference:
        Goodfellow et al., "Generative Adversarial Nets", 2014, Algorithm 1. https://arxiv.org/abs/1406.2661
        Radford et al., 2016 (the optimizer). https://arxiv.org/abs/1511.06434
    """

    watched = ("real_accuracy", "fake_accuracy", "real_logit", "fake_logit")
    terms = {
        "discriminator": ("discriminator_loss", *watched),
        "generator": ("generator_loss",),
    }
    default_optimizer = {"class_name": "Adam", "config": {"learning_rate": 2e-4, "beta_1": 0.5}}
    #: The objective unless the constructor gets another one.
    default_objective = "non_saturating"
    #: Networks that `kerasgen.export` writes to a file each -> the signature that the file holds.
    exported_networks = {"generator": "generate", "discriminator": "discriminate"}
    #: Whether the prior N(0, I) is where latents lie.
    generates = True
    #: What the discriminator takes beside images, and what it gives.
    discriminator_inputs = ("label",)
    discriminator_outputs = ("logits",)

    def __init__(self, generator, discriminator, objective=None, discriminator_steps=1, players=None, **kwargs):
        if not isinstance(discriminator_steps, Integral) or discriminator_steps < 1:
            raise ValueError(f"discriminator_steps must be an int, at least 1. Received: {discriminator_steps}")
        shape, name = tuple(generator.outputs[0].shape[1:]), type(self).__name__
        check_discriminator(discriminator, shape, name, self.discriminator_inputs, self.discriminator_outputs)
        super().__init__(
            players or {"discriminator": {"discriminator": discriminator}, "generator": {"generator": generator}},
            **kwargs,
        )
        self.objective = adversarial.get(self.default_objective if objective is None else objective)
        self.discriminator_steps = discriminator_steps

    @property
    def term_weights(self):
        """What tells how the discriminator does is watched, not minimised."""
        return dict.fromkeys(self.watched)

    @property
    def latent_dim(self):
        """The size of the latents."""
        return self.generator.inputs[0].shape[-1]

    @property
    def image_shape(self):
        """The shape of the images, `(height, width, channels)`."""
        return tuple(self.generator.outputs[0].shape[1:])

    def train_step(self, data):
        """Algorithm 1: `discriminator_steps` steps of the discriminator, one of the generator."""
        images, labels, _ = self.unpack(data)
        for batch in self.discriminator_batches(images, labels):
            terms = self.minimize("discriminator", self.discriminator_loss, *batch)
        terms |= self.minimize("generator", self.generator_loss, *batch)
        return self.log(terms, images)

    def test_step(self, data):
        """The terms of both players on a batch, in inference mode."""
        images, labels, _ = self.unpack(data)
        terms = self.measure("discriminator", self.discriminator_loss, images, labels)
        terms |= self.measure("generator", self.generator_loss, images, labels)
        return self.log(terms, images)

    @property
    def hint_of_trouble(self):
        """A last batch with too few images for the steps of the discriminator is empty for them."""
        return "; or drop a last batch that is too small (`drop_remainder=True`)" * (self.discriminator_steps > 1)

    def discriminator_batches(self, images, labels):
        """Cut a batch: images and labels for each step of the discriminator."""
        count = ops.shape(images)[0]
        require(
            count >= self.discriminator_steps,
            f"A batch holds an image or more for each of the {self.discriminator_steps} steps of the discriminator. "
            "Drop a last one that is too small: `drop_remainder=True` of kerasgen.datasets.load and of tf.data's "
            "`batch`. "
            f"Received: fewer than {self.discriminator_steps} images",
        )
        size = count // self.discriminator_steps
        for step in range(self.discriminator_steps):
            part = slice(step * size, (step + 1) * size)
            yield images[part], None if labels is None else labels[part]

    def discriminator_loss(self, real, labels, training):
        """What the discriminator minimises, and how it does."""
        fake = ops.stop_gradient(self.fake(real, labels, training))
        return self.compare(self.logits(real, labels, training), self.logits(fake, labels, training))

    def generator_loss(self, real, labels, training):
        """What the generator minimises."""
        fake_logits = self.logits(self.fake(real, labels, training), labels, training)
        real_logits = self.logits(real, labels, training) if self.objective.compares else None
        return {"generator_loss": self.objective.generator(real_logits, fake_logits)}

    def fake(self, real, labels, training):
        """As many generated images as there are real ones, from fresh latents."""
        latents = self.draw("normal", (ops.shape(real)[0], self.latent_dim))
        return self.run(self.generator, latents, labels, training)

    def logits(self, images, labels, training):
        """What the discriminator says of images."""
        return self.run(self.discriminator, images, labels, training)

    def compare(self, real_logits, fake_logits):
        """The discriminator's terms."""
        real_accuracy, fake_accuracy = self.objective.accuracies(real_logits, fake_logits)
        return {
            "discriminator_loss": self.objective.discriminator(real_logits, fake_logits),
            "real_accuracy": real_accuracy,
            "fake_accuracy": fake_accuracy,
            "real_logit": ops.mean(real_logits),
            "fake_logit": ops.mean(fake_logits),
        }

    def call(self, inputs, training=False):
        """Generate: latents, or `[latents, labels]` where the generator takes labels, to images in [0, 1]."""
        latents, labels = inputs if isinstance(inputs, (list, tuple)) else (inputs, None)
        return self.run(self.generator, latents, labels, training)

    def generate(self, count, labels=None, seed=None):
        """Generate images, in inference mode.

        Args:
            count: int. How many images.
            labels: int array `(count,)` where the generator takes labels. None: the classes in turn.
            seed: int or None. The same seed gives the same images, whatever was drawn before.

        Returns:
            float32 NumPy array `(count, height, width, channels)` in [0, 1].
        """
        check_count(count)
        latents = np.random.default_rng(seed).standard_normal((count, self.latent_dim), "float32")
        return self.decode(latents, self.labels_for(count, labels))

    def decode(self, latents, labels=None):
        """Map latents to images.

        Args:
            latents: Array `(n, latent_dim)`.
            labels: int array `(n,)` where the generator takes labels.

        Returns:
            float32 NumPy array `(n, height, width, channels)` in [0, 1].
        """
        images = self.infer(self.generator, check_latents(latents, self.latent_dim), labels)
        if self.bounded:
            warn_of_range(images)
        return images

    @property
    def bounded(self):
        """Whether values are in [0, 1]: those of images are, rows of a table may have any range."""
        return len(self.image_shape) == 3

    def discriminate(self, images, labels=None):
        """What the discriminator says of images, in inference mode: the higher, the more real.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)` where the discriminator takes labels.

        Returns:
            float32 NumPy array of logits, `(n, 1)` for the networks of kerasgen.
        """
        check_images(images, self.image_shape, where="this method", bounded=self.bounded)
        return keras.tree.flatten(self.infer(self.discriminator, np.asarray(images, "float32"), labels))[0]

    def signatures(self):
        """What `kerasgen.export` offers elsewhere: functions of tensors, in inference mode.

        Returns:
            Dict from name to `(function, inputs)`, as for autoencoders. The first is the one that is served by default.
        """

        def generate(latents, labels=None):
            return {"images": self.run(self.generator, latents, labels)}

        def discriminate(images, labels=None):
            return {"logits": keras.tree.flatten(self.run(self.discriminator, images, labels))[0]}

        return {
            "generate": (generate, input_specs("latents", (self.latent_dim,), self.generator)),
            "discriminate": (discriminate, input_specs("images", self.image_shape, self.discriminator)),
        }

    def check_data(self, images, labels, weights, where="fit"):
        """Raise a ValueError where images are not of the networks' shape and in [0, 1], or there are weights."""
        check_images(images, self.image_shape, where, self.bounded)
        self.check_labels(labels, where)
        if weights is not None:
            raise ValueError("A GAN draws real images; it cannot weigh them. Received: sample_weight or class_weight")

    def check_inputs(self, inputs, where="predict"):
        """Raise a ValueError where `call` cannot take the inputs: it takes latents."""
        latents, labels = inputs if isinstance(inputs, (list, tuple)) else (inputs, None)
        check_latents(latents, self.latent_dim)
        if takes_labels(self.generator):
            self.check_labels(labels, where)


def check_discriminator(discriminator, image_shape, model, inputs=("label",), outputs=("logits",)):
    """Refuse a discriminator that a model cannot use.

    Args:
        discriminator: `keras.Model`.
        image_shape: Shape of the images that it is to judge.
        model: str. Name of the model, for the errors.
        inputs: Names of what it may take beside images.
        outputs: What it gives.
    """
    if len(discriminator.outputs) != len(outputs):
        raise ValueError(
            f"The discriminator of a {model} gives {' and '.join(outputs)}. Received: '{discriminator.name}' with "
            f"{len(discriminator.outputs)} outputs"
        )
    taken = [tensor.name for tensor in discriminator.inputs[1:]]
    if set(taken) - set(inputs):
        may = f" and {' and '.join(inputs)}" if inputs else " only"
        raise ValueError(
            f"The discriminator of a {model} takes images{may}. Received: '{discriminator.name}' with {taken}"
        )
    seen = tuple(discriminator.inputs[0].shape[1:])
    if seen != tuple(image_shape):
        raise ValueError(f"The discriminator must take what the generator makes. Received: {image_shape} and {seen}")
