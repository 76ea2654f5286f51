"""What models with a discriminator have in common. No paper: parts of several families."""

import keras
from keras import ops

from kerasgen.engine import input_specs, require
from kerasgen.models.terms import WATCHED, comparison


class Discriminates:
    """The public methods of a model that has a `discriminator` of images.

    Beside `kerasgen.engine.GenerativeModel` and `kerasgen.models.images.TakesImages`.
    """

    watched = WATCHED

    def discriminate(self, images, labels=None):
        """What the discriminator says of images, in inference mode: the higher, the more real.

        It knows real images and what is made for it now; of others it can say anything.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)` where the discriminator takes labels.

        Returns:
            float32 NumPy array of logits: `(n, 1)` for most networks of kerasgen, `(n, ...)` for those of patches.
        """
        return _first(self.infer(self.discriminator, self.incoming(images, "discriminate"), labels))

    def signatures(self):
        """Those of the other parts, and `discriminate`: see `kerasgen.models.decoding.DecodesLatents`."""

        def discriminate(images, labels=None):
            return {"logits": _first(self.run(self.discriminator, images, labels))}

        specs = input_specs("images", self.image_shape, self.discriminator)
        return {**super().signatures(), "discriminate": (discriminate, specs)}

    def check_data(self, images, labels, weights, where="fit"):
        """Raise a ValueError where there are data that the networks cannot take, or weights."""
        super().check_data(images, labels, weights, where)
        if weights is not None:
            raise ValueError(
                "A model with a discriminator draws real images; it cannot weigh them. Received: sample_weight or "
                "class_weight"
            )


class TakesTurns(Discriminates):
    """Steps of a model whose players are `discriminator` and `generator`, by their losses.

    The model has `discriminator_steps`, an `objective` (`kerasgen.losses.adversarial.AdversarialLoss`), and the methods
    `discriminator_loss` and `generator_loss` of a batch of images and labels.
    """

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
    def least_images(self):
        """One for each step of the discriminator."""
        return self.discriminator_steps

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

    def compare(self, real_logits, fake_logits):
        """The discriminator's terms."""
        return comparison(self.objective, real_logits, fake_logits)


def _first(outputs):
    """The logits, where a discriminator gives more than these."""
    return keras.tree.flatten(outputs)[0]
