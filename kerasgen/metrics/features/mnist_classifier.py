"""A small convolutional classifier of MNIST digits."""

import keras
from keras import layers

from kerasgen.metrics.features.stored import FIXED, IMAGE, StoredClassifier


class MNISTClassifier(StoredClassifier):
    """Features and logits of a small convolutional classifier, trained on MNIST's training split.

    Three convolutions with max pooling, then a dense layer whose 64 units are the features. Its card,
    `mnist_classifier.md` beside this file, gives its accuracy and how it was trained.

    Example:
        >>> network = kerasgen.metrics.features.MNISTClassifier()
        >>> network(images, ("logits",))["logits"].argmax(axis=1)       # the digits
    """

    name = "mnist_classifier"
    image_shape = (28, 28, 1)

    @staticmethod
    def build(initializer="glorot_uniform"):
        """See `StoredClassifier.build`; the features are 64."""
        inputs = x = keras.Input(MNISTClassifier.image_shape, dtype="float32")
        kernels = {"kernel_initializer": initializer}
        for filters in (16, 32, 64):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False, **kernels, **IMAGE)(x)
            x = layers.BatchNormalization(axis=-1, **FIXED)(x)
            x = layers.Activation("relu", **FIXED)(x)
            x = layers.MaxPooling2D(**IMAGE)(x)
        x = layers.Dropout(0.3, **FIXED)(layers.Flatten(**IMAGE)(x))
        features = layers.Dense(64, activation="relu", name="features", **kernels, **FIXED)(x)
        x = layers.Dropout(0.3, **FIXED)(features)
        logits = layers.Dense(10, name="logits", **kernels, **FIXED)(x)
        return keras.Model(inputs, [features, logits], name=MNISTClassifier.name)
