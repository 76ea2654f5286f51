"""Spectral normalisation."""

from numbers import Integral

import keras
from keras import layers, ops

# Kinds of layers, and the axis of their kernel that holds the output channels.
OUTPUT_AXES = {
    layers.Dense: -1,
    layers.Embedding: -1,
    layers.Conv1D: -1,
    layers.Conv2D: -1,
    layers.Conv3D: -1,
    layers.Conv1DTranspose: -2,
    layers.Conv2DTranspose: -2,
    layers.Conv3DTranspose: -2,
}
# Power iterations when the layer is built: on the matrices of an initializer sigma is then within some percent.
START_ITERATIONS = 15
# A vector shorter than this has no direction: the kernel is zero.
SHORTEST = 1e-12


@keras.saving.register_keras_serializable("kerasgen")
class SpectralNormalization(layers.Wrapper):
    """Divides the kernel of a linear layer by its spectral norm, its largest singular value.

        kernel used = kernel / sigma,    sigma = u^T W v,    W = the kernel as a matrix (output channels, rest)
        v <- W^T u / |W^T u|,  u <- W v / |W v|    in each training call, on the kernel as a constant

    A dense layer is then 1-Lipschitz, a convolution up to a factor that its kernel size bounds: so a discriminator's
    gradients stay bounded. The gradient with respect to the kernel runs through sigma, `u` and `v` held fixed, and is
    orthogonal to the kernel, whose length has no effect.

    The kernel is never overwritten: the layer runs in a scope in which the divided one stands in its place. Dividing
    the outputs (without the bias) instead would be the same function, but sigma's gradient would then be a sum over
    feature maps, taken in float16 where these are.

    Args:
        layer: The layer to wrap: `Dense`, `Embedding`, a convolution or a transposed one, without an activation.
        iterations: int. Power iterations a training call. Defaults to 1: a step of training moves the kernel little.
        **kwargs: `name` and `trainable` of `keras.layers.Layer`. The name defaults to that of `layer`.

    Input and output: those of `layer`, whose dtype policy counts. Sigma and the vectors are float32 under each.

    Raises:
        ValueError: If this kind of layer has no rule, or an activation, or `iterations` is not positive.

    Example:
        >>> features = SpectralNormalization(keras.layers.Conv2D(64, 4, strides=2, padding="same"))(images)
        >>> features = keras.layers.LeakyReLU(0.2)(features)

    Notes:
        The vectors move in calls with `training=True` while the layer is trainable. In other calls sigma is that of
        the present kernel and the last vectors. The paper starts from a random `u`; here 15 iterations follow, as in
        PyTorch, since a network may be used before it is trained. A kernel of zeros is left as it is.

    Reference:
        Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
        https://arxiv.org/abs/1802.05957
    """

    def __init__(self, layer, iterations=1, **kwargs):
        axes = [axis for kind, axis in OUTPUT_AXES.items() if isinstance(layer, kind)]
        if not axes:
            raise ValueError(f"layer must be one of {[kind.__name__ for kind in OUTPUT_AXES]}. Received: {layer!r}")
        if getattr(layer, "activation", None) not in (None, keras.activations.linear):
            raise ValueError(
                "Only a linear layer has a spectral norm: put the activation in a layer after it. "
                f"Received: {layer!r} with activation={keras.activations.serialize(layer.activation)!r}"
            )
        if not isinstance(iterations, Integral) or iterations < 1:
            raise ValueError(f"iterations must be a positive int. Received: {iterations!r}")
        # The kernel is read here as it is stored, in float32; a layer of a mixed policy would get it cast. The divided
        # kernel and the inputs are cast by `layer`.
        super().__init__(layer, **{"name": layer.name, **kwargs, "dtype": layer.variable_dtype})
        self.autocast = False
        self.iterations = int(iterations)
        self._output_axis = axes[0]
        # `layer` adds its loss in the scope that it runs in, where it is lost: it is added here instead.
        self.activity_regularizer = layer.activity_regularizer

    @property
    def kernel(self):
        """The variable that is divided."""
        return self.layer.embeddings if isinstance(self.layer, layers.Embedding) else self.layer.kernel

    def build(self, input_shape=None):
        """Build the layer and the vectors."""
        super().build(input_shape)

        # Functions of the kernel, and not values: Keras builds variables later where a model is built while traced.
        def start_u(shape, dtype):
            # A fixed seed: where it starts means nothing, and a draw would change the weights of all layers after it.
            u = keras.initializers.RandomNormal(stddev=1.0, seed=0)(shape, dtype)
            return _power_iterations(self._transposed(), u, START_ITERATIONS)[0]

        def start_v(shape, dtype):
            return _unit(ops.matmul(self._transposed(), ops.convert_to_tensor(self.vector_u)))

        options = {"dtype": "float32", "trainable": False, "autocast": False}
        rest, outputs = self._transposed().shape
        self.vector_u = self.add_weight((outputs,), start_u, name="vector_u", **options)
        self.vector_v = self.add_weight((rest,), start_v, name="vector_v", **options)

    def call(self, inputs, training=False):
        """Run the layer with the divided kernel."""
        transposed = self._transposed()
        u, v = ops.convert_to_tensor(self.vector_u), ops.convert_to_tensor(self.vector_v)
        if training and self.trainable:
            u, v = _power_iterations(ops.stop_gradient(transposed), u, self.iterations)
            self.vector_u.assign(u)
            self.vector_v.assign(v)
        sigma = ops.vdot(v, ops.matmul(transposed, u))
        divided = ops.cast(self.kernel, "float32") / ops.where(sigma > SHORTEST, sigma, 1.0)
        # Scopes of Keras do not inherit: the bias may have a value of its own in the one around this.
        values = [(each, divided if each is self.kernel else each.value) for each in self.layer.variables]
        with keras.StatelessScope(values):
            return self.layer(inputs)

    def compute_output_shape(self, input_shape):
        """As `layer`."""
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, training=False):
        """As `layer`: the dtype is its own."""
        return self.layer.compute_output_spec(inputs)

    def get_config(self):
        """Config of the layer."""
        return {**super().get_config(), "iterations": self.iterations}

    def _transposed(self):
        """W^T, the kernel as a matrix (rest, output channels), which is how most kernels lie in memory."""
        kernel = ops.moveaxis(ops.cast(self.kernel, "float32"), self._output_axis, -1)
        return ops.reshape(kernel, (-1, kernel.shape[-1]))


def _power_iterations(transposed, u, iterations):
    """Iterate the vectors of a matrix `(rest, outputs)` from `u`, and return `u` and `v`."""
    start = u
    for _ in range(iterations):
        v = _unit(ops.matmul(transposed, u))
        u = _unit(ops.matmul(v, transposed))
    # A matrix of zeros gives no direction; one kept is ready for when the kernel gets a value.
    return ops.where(ops.any(u != 0), u, start), v


def _unit(vector):
    return vector / ops.maximum(ops.sqrt(ops.sum(ops.square(vector))), SHORTEST)
