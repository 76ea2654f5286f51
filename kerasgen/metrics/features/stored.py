"""Classifiers of ten classes whose weights lie beside their files: figures that need no download."""

import functools
import pathlib

import numpy as np

from kerasgen.metrics.features.base import FeatureNetwork, hash_arrays, run

#: Arguments of layers that leave nothing to the user's settings: of all layers, and of those with an image's axes.
FIXED = {"dtype": "float32"}
IMAGE = {**FIXED, "data_format": "channels_last"}


class StoredClassifier(FeatureNetwork):
    """A network `NAME.py` in this folder, with its weights, `NAME.npz`, and its card, `NAME.md`.

    A subclass names itself and the shape of its images, and gives `build`. Figures on it are named after it ("Frechet
    distance (mnist_classifier)"): they are no FID, and compare only with figures on it. On other images of this shape,
    such as clothes beside digits, its features still tell sets apart, but know nothing of their classes.

    Attributes:
        image_shape: tuple `(height, width, channels)`, of the images that it takes.
    """

    cacheable = True
    layers = {"features": "features", "logits": "logits"}
    image_shape = None

    @staticmethod
    def build(initializer="glorot_uniform"):
        """The network, untrained: images `(batch, *image_shape)` to `[features (batch, d), logits (batch, 10)]`.

        Images are in [0, 1]. Whatever the user's settings, it runs in float32 with channels last: a figure must not
        depend on them.

        Args:
            initializer: Of the kernels. Zeros, where weights are loaded, draw from no random state.

        Returns:
            `keras.Model`.
        """
        raise NotImplementedError

    @classmethod
    def file(cls, suffix):
        """The path of its file of a suffix: ".npz", the weights, or ".md", the card."""
        return pathlib.Path(__file__).with_name(f"{cls.name}{suffix}")

    def _compute(self, images, layers):
        if images.shape[1:] != self.image_shape:
            height, width, channels = self.image_shape
            raise ValueError(
                f"{self.name} takes {'grey' if channels == 1 else 'colour'} images of {height}x{width}; for others "
                f"there are fid_inception, pixels and random_projection. Received: images {images.shape[1:]}"
            )
        found = dict(zip(self.layers, run(self.model, images)))
        return {layer: found[layer] for layer in layers}

    @functools.cached_property
    def model(self):
        """The network with its weights, built at the first call."""
        model = self.build("zeros")
        with np.load(self.file(".npz"), allow_pickle=False) as file:
            model.set_weights([file[str(index)].astype("float32") for index in range(len(model.weights))])
        return model

    @functools.cached_property
    def weights_hash(self):
        """SHA-256 of the weights."""
        return hash_arrays(self.model.get_weights())
