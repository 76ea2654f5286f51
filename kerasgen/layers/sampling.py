"""Draws from Gaussians, differentiable in their parameters."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("kerasgen")
class Sampling(layers.Layer):
    """Draws from Gaussians by the reparameterisation trick, in training and in inference.

        z = m + exp(log v / 2) e,    e ~ N(0, I)

    so that `z ~ N(m, diag v)`, and gradients flow to mean and log variance.

    Args:
        seed: int, `keras.random.SeedGenerator` or None. The first draw is fixed by it; each call draws anew.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Input: `[mean, log_variance]`, two tensors of one shape `(batch, ...)`. The draw is computed in float32 whatever the
    dtype policy.
    Output: a tensor of that shape.

    Example:
        >>> image = keras.Input((784,))
        >>> hidden = keras.layers.Dense(256, "relu")(image)
        >>> mean, log_variance = keras.layers.Dense(2)(hidden), keras.layers.Dense(2)(hidden)
        >>> z = Sampling()([mean, log_variance])
        >>> encoder = keras.Model(image, [mean, log_variance, z])

    Notes:
        `kerasgen.models.VAE` draws by itself, from noise that a resumed run continues: of an encoder whose third output
        is such a draw of the first two, it uses these. The layer is for functional models of one's own.

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, section 2.4. https://arxiv.org/abs/1312.6114
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        # Half precision would lose digits of the inputs before the draw.
        self.autocast = False
        self.seed = seed
        self.seed_generator = seed if isinstance(seed, keras.random.SeedGenerator) else keras.random.SeedGenerator(seed)

    def call(self, inputs):
        """Draw."""
        mean, log_variance = (ops.cast(each, "float32") for each in inputs)
        noise = keras.random.normal(ops.shape(mean), dtype="float32", seed=self.seed_generator)
        return ops.cast(mean + ops.exp(0.5 * log_variance) * noise, self.compute_dtype)

    def compute_output_spec(self, inputs):
        """A tensor like the mean."""
        return keras.KerasTensor(inputs[0].shape, self.compute_dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "seed": keras.saving.serialize_keras_object(self.seed)}

    @classmethod
    def from_config(cls, config):
        """The layer of a config."""
        return cls(**{**config, "seed": keras.saving.deserialize_keras_object(config["seed"])})
