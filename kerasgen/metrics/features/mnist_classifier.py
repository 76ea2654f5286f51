"""A small classifier of MNIST digits, whose features and logits make figures for grey 28x28 images possible offline."""

import functools
import pathlib

import keras
import numpy as np
from keras import layers

from kerasgen.metrics.features.base import FeatureNetwork, hash_arrays, run

WEIGHTS = pathlib.Path(__file__).with_name("mnist_classifier.npz")


class MNISTClassifier(FeatureNetwork):
    """Features and logits of a small convolutional classifier, trained on MNIST's training split.

    Its card, `mnist_classifier.md` beside this file, gives its accuracy and how it was trained. Figures on it are named
    after it ("Frechet distance (mnist_classifier)"): they are no FID, and compare only with figures on it. On other
    grey images of 28x28, such as clothes, its features still tell sets apart, but know nothing of their classes.

    Example:
        >>> network = kerasgen.metrics.features.MNISTClassifier()
        >>> network(images, ("logits",))["logits"].argmax(axis=1)       # the digits
    """

    name = "mnist_classifier"
    cacheable = True
    layers = {"features": "features", "logits": "logits"}
    image_shape = (28, 28, 1)

    def _compute(self, images, layers):
        if images.shape[1:] != self.image_shape:
            raise ValueError(
                "mnist_classifier takes grey images of 28x28; for others there are fid_inception, pixels and "
                f"random_projection. Received: images {images.shape[1:]}"
            )
        found = dict(zip(self.layers, run(self.model, images)))
        return {layer: found[layer] for layer in layers}

    @functools.cached_property
    def model(self):
        """The network with its weights, built at the first call."""
        model = build("zeros")
        with np.load(WEIGHTS, allow_pickle=False) as file:
            model.set_weights([file[str(index)].astype("float32") for index in range(len(model.weights))])
        return model

    @functools.cached_property
    def weights_hash(self):
        """SHA-256 of the weights."""
        return hash_arrays(self.model.get_weights())


def build(initializer="glorot_uniform"):
    """The network, untrained: images `(batch, 28, 28, 1)` in [0, 1] to `[features (batch, 64), logits (batch, 10)]`.

    Whatever the user's settings, it runs in float32 with channels last: a figure must not depend on them.

    Args:
        initializer: Of the kernels. Zeros, where weights are loaded, draw from no random state.
    """
    inputs = keras.Input(MNISTClassifier.image_shape, dtype="float32")
    fixed = {"dtype": "float32"}
    kernels = {**fixed, "kernel_initializer": initializer}
    last = {"data_format": "channels_last"}
    x = inputs
    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, **kernels, **last)(x)
        x = layers.BatchNormalization(axis=-1, **fixed)(x)
        x = layers.Activation("relu", **fixed)(x)
        x = layers.MaxPooling2D(**fixed, **last)(x)
    x = layers.Dropout(0.3, **fixed)(layers.Flatten(**fixed, **last)(x))
    features = layers.Dense(64, activation="relu", name="features", **kernels)(x)
    logits = layers.Dense(10, name="logits", **kernels)(layers.Dropout(0.3, **fixed)(features))
    return keras.Model(inputs, [features, logits], name=MNISTClassifier.name)
