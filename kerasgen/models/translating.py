"""What models that make images of images have in common. No paper: parts of the family."""

import numpy as np

from kerasgen.engine import input_specs
from kerasgen.engine.checks import check_pair, warn_of_range
from kerasgen.models.images import TakesImages


class TranslatesImages(TakesImages):
    """The public methods of a model whose `generator` maps images and labels, the domains asked for, to images.

    Beside `kerasgen.engine.GenerativeModel`.
    """

    #: It makes images of images, and none of noise.
    generates = False

    @property
    def image_shape(self):
        """The shape of the images, `(height, width, channels)`."""
        return tuple(self.generator.inputs[0].shape[1:])

    def call(self, inputs, training=False):
        """Translate: `[images, labels]` to images in [0, 1]."""
        images, labels = inputs
        return self.run(self.generator, images, labels, training)

    def translate(self, images, labels):
        """Translate images, in inference mode.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)`, the domains asked for, or one int for all.

        Returns:
            float32 NumPy array of the same shape, in [0, 1].
        """
        images = self.incoming(images, "translate")
        labels = self.labels_for(len(images), np.full(len(images), labels) if np.ndim(labels) == 0 else labels)
        translated = self.infer(self.generator, images, labels)
        warn_of_range(translated)
        return translated

    def translations(self, images):
        """Translate images to every domain, in inference mode.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].

        Returns:
            float32 NumPy array `(n, domains, height, width, channels)`, in [0, 1].
        """
        return np.stack([self.translate(images, domain) for domain in range(self.num_classes)], axis=1)

    def check_inputs(self, inputs, where="predict"):
        """Raise a ValueError where `call` cannot take the inputs: it takes images and labels."""
        images, labels = check_pair(inputs, where)
        self.check_incoming(images, where)
        self.check_labels(labels, where)

    def signatures(self):
        """What `kerasgen.export` offers elsewhere: see `kerasgen.models.decoding.DecodesLatents`."""

        def translate(images, labels):
            return {"images": self.run(self.generator, images, labels)}

        return {"translate": (translate, input_specs("images", self.image_shape, self.generator))}
