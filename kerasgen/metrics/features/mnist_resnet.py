"""A small residual classifier of MNIST digits: a second opinion beside `mnist_classifier`."""

import keras
from keras import layers

from kerasgen.metrics.features.stored import FIXED, IMAGE, StoredClassifier


class MNISTResNet(StoredClassifier):
    """Features and logits of a small residual network, trained on MNIST's training split.

    It has in common with `mnist_classifier` the digits alone: residual blocks and strides, no dense layer and no
    dropout, another activation, and 96 features that are averages over places. A figure that holds in the features of
    both is no whim of one network. Its card is `mnist_resnet.md` beside this file.

    Example:
        >>> compare = kerasgen.metrics.Comparison(["frechet_distance"], features="mnist_resnet")

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016. https://arxiv.org/abs/1512.03385
    """

    name = "mnist_resnet"

    @staticmethod
    def build(initializer="he_normal"):
        """See `StoredClassifier.build`; the features are 96."""
        kernels = {"kernel_initializer": initializer}

        def convolution(x, filters, size, strides=1):
            x = layers.Conv2D(filters, size, strides, "same", use_bias=False, **kernels, **IMAGE)(x)
            return layers.BatchNormalization(axis=-1, **FIXED)(x)

        def active(x):
            return layers.Activation("silu", **FIXED)(x)

        def block(x, filters, strides):
            changes = strides > 1 or x.shape[-1] != filters
            shortcut = convolution(x, filters, 1, strides) if changes else x
            x = convolution(active(convolution(x, filters, 3, strides)), filters, 3)
            return active(layers.Add(**FIXED)([x, shortcut]))

        inputs = keras.Input(StoredClassifier.image_shape, dtype="float32")
        x = active(convolution(inputs, 24, 5, 2))
        x = block(block(x, 24, 1), 48, 2)
        x = active(convolution(x, 96, 1))
        features = layers.GlobalAveragePooling2D(name="features", **IMAGE)(x)
        logits = layers.Dense(10, name="logits", **kernels, **FIXED)(features)
        return keras.Model(inputs, [features, logits], name=MNISTResNet.name)
