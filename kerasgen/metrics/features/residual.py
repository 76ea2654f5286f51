"""The residual network of the stored classifiers that are one."""

import keras
from keras import layers

from kerasgen.metrics.features.stored import FIXED, IMAGE


def network(classifier, filters, blocks, top, initializer):
    """A small residual network: images in [0, 1] to features and logits of ten classes.

    A 5x5 convolution of stride 2, residual blocks, a 1x1 convolution, each with batch normalisation and SiLU; means
    over places, the features; a dense layer, the logits.

    Args:
        classifier: `StoredClassifier`, whose name and shape of images it takes.
        filters: int. Of the first convolution.
        blocks: Pairs of filters and stride, a residual block of two 3x3 convolutions each.
        top: int. Filters of the last convolution, and so the number of features.
        initializer: Of the kernels.

    Returns:
        `keras.Model`, as of `StoredClassifier.build`.

    Example:
        >>> network(MNISTResNet, 24, ((24, 1), (48, 2)), 96, "he_normal").count_params()
        50050

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016. https://arxiv.org/abs/1512.03385
    """
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

    inputs = keras.Input(classifier.image_shape, dtype="float32")
    x = active(convolution(inputs, filters, 5, 2))
    for block_filters, strides in blocks:
        x = block(x, block_filters, strides)
    x = active(convolution(x, top, 1))
    features = layers.GlobalAveragePooling2D(name="features", **IMAGE)(x)
    logits = layers.Dense(10, name="logits", **kernels, **FIXED)(features)
    return keras.Model(inputs, [features, logits], name=classifier.name)
