"""The KL divergence to the standard normal, as a loss that a layer adds."""

import math
from numbers import Real

import keras
from keras import layers, ops

from kerasgen.losses.divergences import kl_standard_normal


@keras.saving.register_keras_serializable("kerasgen")
class KLDivergence(layers.Layer):
    """Adds the KL divergence from Gaussians to the standard normal to the loss of the model that it sits in.

        weight * mean over the batch of KL(N(m, diag v) || N(0, I)),    KL = sum (m^2 + v - 1 - log v) / 2

    in nats, summed over all axes but the batch. What it is called on passes unchanged: the layer can stand after the
    two heads of any encoder, of a plain `keras.Model` too, and turns an autoencoder into a variational one. The
    gradient flows to both inputs: `weight * m / n` and `weight * (v - 1) / (2 n)` for a batch of `n`.

    Args:
        weight: float, not negative. With 1 and a loss of the model in nats an image the sum is the negative evidence
            lower bound; where that loss is a mean over pixels, as Keras's are, 1 / pixels keeps the proportion.
            Defaults to 1.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Input: `[mean, log_variance]`, two tensors of one shape `(batch, ...)`. The divergence is computed in float32
    whatever the dtype policy.
    Output: a list of the same two, in the dtypes that they came in. What follows must use these, and not the layer's
    inputs: Keras keeps no layer in a functional model whose outputs lead nowhere.

    Raises:
        ValueError: If `weight` is negative or no finite number, or the input is not two tensors of one shape.

    Example:
        >>> image = keras.Input((784,))
        >>> hidden = keras.layers.Dense(256, "relu")(image)
        >>> heads = [keras.layers.Dense(2)(hidden), keras.layers.Dense(2)(hidden)]
        >>> mean, log_variance = KLDivergence(weight=1 / 784)(heads)
        >>> noise = keras.layers.GaussianNoise(1.0)(keras.ops.zeros_like(mean))  # Drawn in training, else 0.
        >>> latents = mean + keras.ops.exp(0.5 * log_variance) * noise
        >>> pixels = keras.layers.Dense(784)(keras.layers.Dense(256, "relu")(latents))
        >>> vae = keras.Model(image, pixels)
        >>> vae.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))    # A mean over pixels.
        >>> vae.fit(images, images)

    Notes:
        Keras adds the losses of layers in `fit` and in `evaluate`; they know nothing of `sample_weight`. In a model of
        kerasgen the divergence is part of its term `regularization`. `kerasgen.models.VAE` has its own one, and takes
        an encoder without this layer.

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, Appendix B. https://arxiv.org/abs/1312.6114
    """

    def __init__(self, weight=1.0, **kwargs):
        if not isinstance(weight, Real) or not 0 <= weight < math.inf:
            raise ValueError(f"weight must be a finite number, 0 or more. Received: {weight!r}")
        super().__init__(**kwargs)
        # Half precision would lose digits of the inputs before the divergence sees them, and of what is passed on.
        self.autocast = False
        self.weight = float(weight)

    def build(self, input_shape):
        """Check the shapes."""
        pair = isinstance(input_shape, (tuple, list)) and len(input_shape) == 2
        if not pair or not all(isinstance(shape, (tuple, list)) for shape in input_shape):
            raise ValueError(f"The input must be [mean, log_variance]. Received: shapes {input_shape!r}")
        mean, log_variance = map(tuple, input_shape)
        if len(mean) < 2 or mean[1:] != log_variance[1:]:
            raise ValueError(
                f"Mean and log variance must have one shape, (batch, ...). Received: shapes {mean} and {log_variance}"
            )

    def call(self, inputs):
        """Add the loss, and pass the inputs on."""
        mean, log_variance = inputs
        divergence = kl_standard_normal(mean, log_variance)
        per_sample = ops.sum(divergence, axis=tuple(range(1, len(divergence.shape))))
        self.add_loss(self.weight * ops.mean(per_sample))
        return [mean, log_variance]

    def compute_output_spec(self, inputs):
        """As the inputs, dtypes included."""
        return [keras.KerasTensor(each.shape, each.dtype) for each in inputs]

    def get_config(self):
        """Config of the layer."""
        return {**super().get_config(), "weight": self.weight}
