"""Self-attention over positions."""

from numbers import Integral

import keras
from keras import layers, ops

from kerasgen.layers.spectral_normalization import SpectralNormalization


@keras.saving.register_keras_serializable("kerasgen")
class SelfAttention(layers.Layer):
    """Attention between the positions of feature maps: for what lies further apart than a convolution reaches.

        y = x + gamma W_o (softmax(q k^T) v),    q = W_q x,    k = pool(W_k x),    v = pool(W_v x)

    The W are 1x1 convolutions without bias, to an eighth of the channels for queries and keys, to half of them for
    values, and back to all of them. `gamma` is learned and starts at 0: the layer starts as the identity.

    Args:
        spectral_normalization: bool. Whether the four convolutions are spectrally normalised. Defaults to False.
        pool_size: int. Windows of the max pooling of keys and values; 1 for none. The last window of a row or a column
            may be smaller: maps of any size go. Defaults to 2.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Input and output: `(batch, height, width, channels)`. The weights of the attention, in float32 whatever the dtype
    policy, are `(batch, height * width, height * width / pool_size^2)` numbers: 64x64 maps take 16 MiB an image.

    Raises:
        ValueError: If `pool_size` is not a positive int, or the features are not maps.

    Example:
        >>> SelfAttention()(keras.ops.ones((8, 32, 32, 64))).shape
        (8, 32, 32, 64)

    Notes:
        The paper's text has neither the pooling nor `C / 2` values; its code has both.

    Reference:
        Zhang et al., "Self-Attention Generative Adversarial Networks", 2019. https://arxiv.org/abs/1805.08318
    """

    def __init__(self, spectral_normalization=False, pool_size=2, **kwargs):
        if not isinstance(pool_size, Integral) or pool_size < 1:
            raise ValueError(f"pool_size must be a positive int. Received: {pool_size!r}")
        super().__init__(**kwargs)
        self.spectral_normalization = bool(spectral_normalization)
        self.pool_size = int(pool_size)

    def build(self, input_shape):
        """Build the convolutions."""
        if len(input_shape) != 4:
            raise ValueError(f"Features must be (batch, height, width, channels). Received: shape {tuple(input_shape)}")
        *sizes, channels = input_shape
        narrow, half = max(channels // 8, 1), max(channels // 2, 1)
        self.query = self._convolution("query", narrow, input_shape)
        self.key = self._convolution("key", narrow, input_shape)
        self.value = self._convolution("value", half, input_shape)
        self.output_convolution = self._convolution("output", channels, (*sizes, half))
        self.gamma = self.add_weight((), "zeros", name="gamma")

    def call(self, inputs, training=False):
        """Add what the attention gathers."""
        query = _positions(self.query(inputs, training=training))
        key = _positions(self._pool(self.key(inputs, training=training)))
        value = _positions(self._pool(self.value(inputs, training=training)))
        scores = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
        weights = ops.softmax(ops.cast(scores, "float32"))
        gathered = ops.matmul(ops.cast(weights, value.dtype), value)
        gathered = ops.reshape(gathered, (*ops.shape(inputs)[:3], value.shape[-1]))
        return inputs + self.gamma * self.output_convolution(gathered, training=training)

    def compute_output_shape(self, input_shape):
        """As the input."""
        return input_shape

    def get_config(self):
        """Config of the layer."""
        config = {"spectral_normalization": self.spectral_normalization, "pool_size": self.pool_size}
        return {**super().get_config(), **config}

    def _convolution(self, name, filters, input_shape):
        layer = layers.Conv2D(
            filters, 1, use_bias=False, data_format="channels_last", dtype=self.dtype_policy, name=name
        )
        layer = SpectralNormalization(layer) if self.spectral_normalization else layer
        layer.build(input_shape)
        return layer

    def _pool(self, maps):
        size = (self.pool_size, self.pool_size)
        return ops.max_pool(maps, size, size, padding="same", data_format="channels_last")


def _positions(maps):
    """Maps as `(batch, positions, channels)`."""
    batch, height, width, channels = ops.shape(maps)
    return ops.reshape(maps, (batch, height * width, channels))
