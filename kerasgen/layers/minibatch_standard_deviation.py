"""Minibatch standard deviation."""

from numbers import Integral

import keras
from keras import layers, ops

# Inside the root, whose gradient at 0 is infinite.
EPSILON = 1e-8


@keras.saving.register_keras_serializable("kerasgen")
class MinibatchStandardDeviation(layers.Layer):
    """Adds one channel that says how much the samples of a batch differ.

        s = mean over features of sqrt(variance over the samples of a group + 1e-8),    one number a group

    With it a discriminator can tell a batch of fakes that are all alike from one of real images, as it sees each image
    beside others. It computes in float32 whatever the dtype policy.

    Args:
        group_size: int, at least 2. Most samples of a group. Defaults to 4.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Input: features `(batch, features)` or `(batch, height, width, channels)`. A batch of any size is cut into as few
    groups as will do, all of one size: with `m` groups, sample `i` is in group `i mod m`. Where samples are lacking for
    that, the first ones of the batch join a second group.
    Output: the same with `s` of its group as each sample's last feature or channel.

    Raises:
        ValueError: If `group_size` is not an int of 2 or more, or the features have another rank.

    Example:
        >>> MinibatchStandardDeviation()(keras.ops.ones((8, 4, 4, 512))).shape
        (8, 4, 4, 513)

    Notes:
        The output for a sample depends on the others of its group. A penalty on one gradient a sample then measures the
        gradient of the whole group's outputs. A batch of one has no deviation: its channel holds 1e-4, the root of
        the epsilon, as do groups of equal samples.

    Reference:
        Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018, section 3.
        https://arxiv.org/abs/1710.10196
    """

    def __init__(self, group_size=4, **kwargs):
        if not isinstance(group_size, Integral) or group_size < 2:
            raise ValueError(f"group_size must be an int of 2 or more. Received: {group_size!r}")
        super().__init__(**kwargs)
        self.group_size = int(group_size)

    def build(self, input_shape):
        """Check the rank."""
        if len(input_shape) not in (2, 4):
            raise ValueError(
                "Features must be (batch, features) or (batch, height, width, channels). "
                f"Received: shape {tuple(input_shape)}"
            )

    def call(self, inputs):
        """Add the channel."""
        count, *sizes = ops.shape(inputs)
        # Numbers of groups and members, rounded up; tensors where TensorFlow does not know the batch yet.
        groups = -(-count // self.group_size)
        members = -(-count // groups)
        filled = ops.take(ops.cast(inputs, "float32"), ops.arange(groups * members) % count, axis=0)
        filled = ops.reshape(filled, (members, groups, *sizes))
        deviations = ops.sqrt(ops.var(filled, axis=0) + EPSILON)
        deviations = ops.mean(deviations, axis=tuple(range(1, len(sizes) + 1)), keepdims=True)
        of_samples = ops.take(deviations, ops.arange(count) % groups, axis=0)
        channel = ops.broadcast_to(of_samples, (count, *sizes[:-1], 1))
        return ops.concatenate([inputs, ops.cast(channel, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        """One channel more."""
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        """Config of the layer."""
        return {**super().get_config(), "group_size": self.group_size}
