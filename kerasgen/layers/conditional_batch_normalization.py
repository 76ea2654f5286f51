"""Batch normalisation with a scale and an offset for each class."""

from numbers import Integral

import keras
from keras import layers, ops

from kerasgen.layers.synchronized_batch_normalization import SynchronizedBatchNormalization


@keras.saving.register_keras_serializable("kerasgen")
class ConditionalBatchNormalization(layers.Layer):
    """Batch normalisation whose scale and offset depend on the label.

        y = scale[label] * (x - mean) / sqrt(variance + epsilon) + offset[label]

    Mean and variance are over batch and positions, of all classes together: moving averages in inference, as in
    `keras.layers.BatchNormalization`. Where several devices share a step they are, but on JAX, those of a device's own
    images, unless they are `synchronized`. Scales start at 1 and offsets at 0, where the labels change nothing.

    Args:
        num_classes: int.
        momentum: float. Of the moving averages. Defaults to 0.9.
        epsilon: float. Defaults to 1e-5.
        synchronized: bool. Whether statistics are over the images of all devices, as in
            `SynchronizedBatchNormalization`. Defaults to False.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Input: `[features, labels]`, features `(batch, ..., channels)`, labels an int32 `(batch,)` from 0 to
    `num_classes - 1`.
    Output: as the features.

    Raises:
        ValueError: If `num_classes` is not a positive int, or the input is not features and labels.

    Example:
        >>> ConditionalBatchNormalization(10)([keras.ops.ones((8, 4, 4, 16)), keras.ops.arange(8)]).shape
        (8, 4, 4, 16)

    Reference:
        de Vries et al., "Modulating early visual processing by language", 2017. https://arxiv.org/abs/1707.00683
        Miyato and Koyama, "cGANs with Projection Discriminator", 2018. https://arxiv.org/abs/1802.05637
    """

    def __init__(self, num_classes, momentum=0.9, epsilon=1e-5, synchronized=False, **kwargs):
        if not isinstance(num_classes, Integral) or num_classes < 1:
            raise ValueError(f"num_classes must be a positive int. Received: {num_classes!r}")
        super().__init__(**kwargs)
        self.num_classes = int(num_classes)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.synchronized = bool(synchronized)

    def build(self, input_shape):
        """Build the statistics and the tables."""
        if len(input_shape) != 2 or not isinstance(input_shape[0], (tuple, list)):
            raise ValueError(f"The input must be [features, labels]. Received: shapes {input_shape!r}")
        features, _ = input_shape
        # float32 whatever the dtype policy, as Keras's own batch normalisation.
        kind = SynchronizedBatchNormalization if self.synchronized else layers.BatchNormalization
        self.normalization = kind(
            momentum=self.momentum,
            epsilon=self.epsilon,
            center=False,
            scale=False,
            dtype="float32",
            name="normalization",
        )
        self.normalization.build(features)
        self.scale = layers.Embedding(self.num_classes, features[-1], "ones", dtype="float32", name="scale")
        self.offset = layers.Embedding(self.num_classes, features[-1], "zeros", dtype="float32", name="offset")
        self.scale.build()
        self.offset.build()

    def call(self, inputs, training=False):
        """Normalise, then scale and shift by the label."""
        features, labels = inputs
        shape = (-1, *[1 for _ in features.shape[1:-1]], features.shape[-1])
        scale, offset = (ops.reshape(table(labels), shape) for table in (self.scale, self.offset))
        outputs = scale * self.normalization(features, training=training) + offset
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """As the features."""
        return tuple(input_shape[0])

    def get_config(self):
        """Config of the layer."""
        names = ("num_classes", "momentum", "epsilon", "synchronized")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
