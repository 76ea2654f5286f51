"""Batch normalisation over the images of all devices that share a step."""

import math

import keras
from keras import layers, ops

from kerasgen.engine import replicas


@keras.saving.register_keras_serializable("kerasgen")
class SynchronizedBatchNormalization(layers.BatchNormalization):
    """Batch normalisation whose mean and variance, in training, are over the images of all devices.

    Replica `r` has `n_r` values of a channel, of mean `m_r` and variance `v_r`. Those of all replicas are

        n = sum_r n_r,    mean = sum_r n_r m_r / n,    variance = sum_r n_r (v_r + (m_r - mean)^2) / n

    in one exchange, for parts of any sizes, and without differences of large numbers. Gradients pass through it
    (`kerasgen.engine.replicas`), so that training on several devices is training on one. On one device, and in
    inference, it is `keras.layers.BatchNormalization`; so it is on JAX, where a batch is one array whichever devices
    hold it.

    On PyTorch all processes must call it in training, and as often, as in a step of `fit`; one alone would wait for the
    others.

    Args:
        *args: As `keras.layers.BatchNormalization`, whose own `synchronized` is not needed: it is for TensorFlow alone,
            and takes replicas to have as many images each.
        **kwargs: Likewise.

    Input: `(batch, ..., channels)`.
    Output: as the input.

    Example:
        >>> SynchronizedBatchNormalization(momentum=0.9)(keras.ops.ones((8, 4, 4, 16))).shape
        (8, 4, 4, 16)

    Reference:
        Ioffe and Szegedy, "Batch Normalization", 2015. https://arxiv.org/abs/1502.03167
        Chan et al., "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
        http://i.stanford.edu/pub/cstr/reports/cs/tr/79/773/CS-TR-79-773.pdf
    """

    def _moments(self, inputs, mask):
        if replicas.count() == 1:
            return super()._moments(inputs, mask)
        if mask is None:
            # Not `ops.moments`: TensorFlow's is wrong if differentiated twice, since it holds the mean fixed there.
            mean = ops.mean(inputs, axis=self._reduction_axes, keepdims=True)
            variance = ops.mean(ops.square(inputs - mean), axis=self._reduction_axes)
            number = math.prod(ops.shape(inputs)[axis] for axis in self._reduction_axes)
        else:  # The mask has no axis of channels.
            mean, variance = super()._moments(inputs, mask)
            number = ops.sum(ops.cast(mask, mean.dtype))
        own = [ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,)), ops.reshape(ops.cast(number, mean.dtype), (1,))]
        rows = replicas.gathered(ops.concatenate(own))
        channels = (rows.shape[1] - 1) // 2
        means, variances, numbers = rows[:, :channels], rows[:, channels:-1], rows[:, -1:]
        weights = numbers / ops.maximum(ops.sum(numbers), 1)  # None where everything is masked.
        mean = ops.sum(weights * means, axis=0)
        variance = ops.sum(weights * (variances + ops.square(means - mean)), axis=0)
        return mean, variance
