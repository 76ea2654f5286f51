"""Spectral normalisation: the norm, the gradient, and which state moves when."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen.engine import GenerativeModel, input_gradient
from kerasgen.layers import SpectralNormalization
from tests.conftest import JITTED

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.standard_normal((5, 7)).astype("float32")
MAPS = RANDOM.standard_normal((3, 5, 6, 4)).astype("float32")

# Kind -> a layer and its inputs. The biases are not zero: they must be left out of the division.
CASES = {
    "dense": (lambda **options: layers.Dense(6, bias_initializer="ones", **options), VECTORS),
    "conv": (lambda **options: layers.Conv2D(6, 3, 2, "same", bias_initializer="ones", **options), MAPS),
    "transposed": (lambda **options: layers.Conv2DTranspose(3, 4, 2, "same", bias_initializer="ones", **options), MAPS),
    "embedding": (lambda **options: layers.Embedding(9, 4, **options), np.array([0, 3, 8, 3], "int32")),
}
each_kind = pytest.mark.parametrize("kind", CASES)


def build(kind, iterations=1, **options):
    make, inputs = CASES[kind]
    layer = SpectralNormalization(make(**options), iterations)
    layer.build(inputs.shape)
    return layer, ops.convert_to_tensor(inputs)


def array(value):
    return np.array(ops.convert_to_numpy(ops.cast(value, "float32")))


def matrix(layer, kernel=None):
    """The kernel as (output channels, rest), where the vectors say how long each is."""
    kernel = array(layer.kernel) if kernel is None else kernel
    if isinstance(layer.layer, layers.Conv2DTranspose):
        kernel = kernel.transpose(0, 1, 3, 2)
    return kernel.reshape(-1, kernel.shape[-1]).T


def norm(layer):
    return np.linalg.svd(matrix(layer), compute_uv=False)[0]


def sigma(layer):
    return array(layer.vector_u) @ matrix(layer) @ array(layer.vector_v)


def bias(layer):
    return 0.0 if isinstance(layer.layer, layers.Embedding) else array(layer.layer.bias)


def vectors(layer):
    return [array(layer.vector_u), array(layer.vector_v)]


def assert_vectors(layer, expected, same):
    assert all(np.array_equal(vector, other) for vector, other in zip(vectors(layer), expected)) == same


def spread(layer):
    """Give the layer a kernel of well separated singular values, up to 2, on which the iteration is quick.

    Its first singular vectors are those that were the last ones. The error of sigma falls with the fourth power of the
    ratio of the second value to the first.
    """
    left, values, right = np.linalg.svd(matrix(layer), full_matrices=False)
    kernel = ((left * np.geomspace(0.1, 2.0, len(values))) @ right).T
    if isinstance(layer.layer, layers.Conv2DTranspose):
        height, width, outputs, channels = layer.kernel.shape
        kernel = kernel.reshape(height, width, channels, outputs).transpose(0, 1, 3, 2)
    layer.kernel.assign(kernel.reshape(layer.kernel.shape))


@each_kind
def test_the_norm_is_that_of_the_singular_value_decomposition(kind):
    layer, inputs = build(kind, iterations=40)
    spread(layer)
    outputs = layer(inputs, training=True)
    assert norm(layer) == pytest.approx(2.0, rel=1e-5)
    assert sigma(layer) == pytest.approx(norm(layer), rel=1e-5)
    divided = array(layer.layer(inputs)) - bias(layer)
    np.testing.assert_allclose(array(outputs) - bias(layer), divided / norm(layer), rtol=1e-4, atol=1e-5)


@each_kind
def test_one_iteration_a_call_is_enough_in_time(kind):
    layer, inputs = build(kind)
    spread(layer)
    for _ in range(20):
        layer(inputs, training=True)
    assert sigma(layer) == pytest.approx(2.0, rel=1e-3)


@each_kind
def test_near_the_norm_from_the_start(kind):
    layer, _ = build(kind)
    assert 0.9 * norm(layer) < sigma(layer) <= 1.0001 * norm(layer)
    for vector in vectors(layer):
        assert np.linalg.norm(vector) == pytest.approx(1, rel=1e-5)


def test_no_difference_grows():
    layer, inputs = build("dense", iterations=40)
    spread(layer)
    others = np.roll(VECTORS, 1, axis=0)  # No vector beside itself, where rounding is all that differs.
    one, other = array(layer(inputs, training=True)), array(layer(others, training=True))
    assert (np.linalg.norm(one - other, axis=1) <= 1.0001 * np.linalg.norm(VECTORS - others, axis=1)).all()


@each_kind
@pytest.mark.parametrize("training", [True, False])
def test_the_length_of_the_kernel_means_nothing(kind, training):
    layer, inputs = build(kind)
    before = array(layer(inputs, training=training))
    layer.kernel.assign(100 * array(layer.kernel))
    np.testing.assert_allclose(array(layer(inputs)), before, rtol=1e-4, atol=1e-5)


def gradient_of_kernel(layer, kernel, inputs, **arguments):
    """Gradient of some smooth function of a layer's outputs with respect to its kernel."""

    def loss(value):
        with keras.StatelessScope([(kernel, value)]):
            outputs = ops.reshape(layer(inputs, **arguments), (-1,))
        return ops.sum(ops.tanh(outputs) * ops.sin(ops.arange(outputs.shape[0], dtype=outputs.dtype)))

    return array(input_gradient(loss, ops.convert_to_tensor(array(kernel))))


@each_kind
@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_is_that_of_the_paper_and_orthogonal_to_the_kernel(kind, training):
    """Equation 10: `(G - <G, W / sigma> u v^T) / sigma`, with G the gradient at the divided kernel."""
    layer, inputs = build(kind)
    gradient = matrix(layer, gradient_of_kernel(layer, layer.kernel, inputs, training=training))
    layer(inputs, training=training)
    length, (u, v) = sigma(layer), vectors(layer)
    product = np.sum(gradient * matrix(layer))
    assert abs(product) < 1e-5 * np.linalg.norm(gradient) * np.linalg.norm(matrix(layer))

    layer.kernel.assign(array(layer.kernel) / length)
    plain = matrix(layer, gradient_of_kernel(layer.layer, layer.kernel, inputs))
    expected = (plain - np.sum(plain * matrix(layer)) * np.outer(u, v)) / length
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


@keras.saving.register_keras_serializable("kerasgen_tests")
class Regression(GenerativeModel):
    """One network that learns ones, with a penalty on its gradient: a step differentiates twice."""

    terms = {"player": ("error",)}

    def __init__(self, network, **kwargs):
        super().__init__({"player": {"network": network}}, **kwargs)

    def train_step(self, data):
        x, _, _ = self.unpack(data)
        return self.log(self.minimize("player", self.error, x), x)

    def error(self, x, training):
        outputs = self.run(self.network, x, training=training)
        slopes = input_gradient(lambda x: self.run(self.network, x, training=training), x)
        penalty = ops.mean(ops.sum(ops.square(slopes), axis=(1, 2, 3)))
        return {"error": ops.mean(ops.square(outputs - 1.0)) + 0.1 * penalty}


def network():
    inputs = keras.Input((5, 6, 4))
    features = SpectralNormalization(layers.Conv2D(6, 3, 2, "same"), name="down")(inputs)
    features = layers.Flatten()(layers.LeakyReLU(0.2)(features))
    return keras.Model(inputs, SpectralNormalization(layers.Dense(1, dtype="float32"), name="last")(features))


def normalized(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, SpectralNormalization)]


def regression(optimizer=None, **arguments):
    keras.utils.set_random_seed(1)
    model = Regression(network(), seed=2)
    quick = {"jit_compile": True} if keras.backend.backend() == "jax" else {"run_eagerly": True, "jit_compile": False}
    model.compile(optimizer or keras.optimizers.Adam(0.01), **{**quick, **arguments})
    return model


def fit(model, epochs=1):
    return model.fit(MAPS, batch_size=2, epochs=epochs, shuffle=False, verbose=0).history


@pytest.mark.parametrize("jitted", JITTED)
def test_a_step_moves_kernels_at_right_angles(jitted):
    model = regression(keras.optimizers.SGD(0.1), jit_compile=jitted, run_eagerly=not jitted)
    before = [(matrix(layer), bias(layer), vectors(layer)) for layer in normalized(model)]
    model.train_on_batch(MAPS)
    for layer, (kernel, old_bias, _) in zip(normalized(model), before):
        move = matrix(layer) - kernel
        assert np.linalg.norm(move) > 1e-4
        assert abs(np.sum(move * kernel)) < 1e-4 * np.linalg.norm(move) * np.linalg.norm(kernel)
        assert (bias(layer) != old_bias).any()
    model.train_on_batch(MAPS)
    for layer, (_, _, old_vectors) in zip(normalized(model), before):
        assert_vectors(layer, old_vectors, same=False)


def test_a_training_network_stays_normalized():
    model = regression()
    history = fit(model, epochs=8)
    assert history["error"][-1] < 0.9 * history["error"][0]
    for layer in normalized(model):
        assert sigma(layer) == pytest.approx(norm(layer), rel=0.02)


@each_kind
def test_calls_leave_the_kernel_and_only_training_moves_the_vectors(kind):
    layer, inputs = build(kind)
    spread(layer)  # The vectors start at those of the first kernel, and would hardly move.
    kernel, start = array(layer.kernel), vectors(layer)
    layer(inputs)
    assert_vectors(layer, start, same=True)
    layer(inputs, training=True)
    assert_vectors(layer, start, same=False)
    np.testing.assert_array_equal(array(layer.kernel), kernel)
    moved = vectors(layer)
    layer.trainable = False
    layer(inputs, training=True)
    assert_vectors(layer, moved, same=True)


def test_inference_after_a_training_call_divides_as_that_did():
    layer, inputs = build("conv")
    np.testing.assert_array_equal(array(layer(inputs, training=True)), array(layer(inputs)))


def test_a_scope_keeps_what_it_is_told():
    layer, inputs = build("dense")
    kernel, start = RANDOM.standard_normal((7, 6)).astype("float32"), vectors(layer)
    values = [(layer.kernel, kernel), (layer.layer.bias, 3 * np.ones(6, "float32"))]
    with keras.StatelessScope(values) as scope:
        inside = array(layer(inputs, training=True))
        moved = [array(scope.get_current_value(vector)) for vector in (layer.vector_u, layer.vector_v)]
    assert_vectors(layer, start, same=True)
    for variable, value in values:
        variable.assign(value)
    np.testing.assert_array_equal(array(layer(inputs, training=True)), inside)
    assert_vectors(layer, moved, same=True)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@each_kind
def test_sigma_is_float32_in_mixed_precision(kind, policy):
    full, inputs = build(kind, iterations=3)
    layer, _ = build(kind, iterations=3, dtype=policy)
    kernel = 1e6 * array(full.kernel)  # float16 ends at 65504.
    full.kernel.assign(kernel)
    layer.set_weights(full.get_weights())
    for training in (True, False):
        expected, outputs = full(inputs, training=training), layer(inputs, training=training)
        assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
        np.testing.assert_allclose(array(outputs), array(expected), rtol=0.05, atol=0.05)
    assert {layer.vector_u.dtype, layer.vector_v.dtype, layer.kernel.dtype} == {"float32"}
    for vector, other in zip(vectors(layer), vectors(full)):
        np.testing.assert_allclose(vector, other, atol=1e-6)
    gradient = gradient_of_kernel(layer, layer.kernel, inputs)
    assert np.isfinite(gradient).all()
    assert abs(np.sum(gradient * kernel)) < 0.02 * np.linalg.norm(gradient) * np.linalg.norm(kernel)


def test_trains_in_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = regression()
        history = fit(model, epochs=3)
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(history["error"]).all()
    for layer in normalized(model):
        assert sigma(layer) == pytest.approx(norm(layer), rel=0.2)


def test_saves_and_loads(tmp_path):
    model = regression()
    fit(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(again.network(MAPS)), array(model.network(MAPS)))
    for one, other in zip(normalized(model), normalized(again)):
        assert_vectors(one, vectors(other), same=True)
        assert (one.iterations, one.name) == (other.iterations, other.name)
    assert fit(model) == fit(again)


@pytest.mark.parametrize("epochs", [0, 1])
def test_seeds_give_the_same_run(epochs):
    one, other = regression(), regression()
    for model in (one, other):
        fit(model, epochs)
    for a, b in zip(one.network.weights, other.network.weights):
        np.testing.assert_array_equal(array(a), array(b))


def test_kernels_start_as_without_it():
    keras.utils.set_random_seed(1)
    plain = [layers.Dense(3), layers.Dense(3)]
    for layer in plain:
        layer.build((None, 4))
    keras.utils.set_random_seed(1)
    for layer in plain:
        other = SpectralNormalization(layers.Dense(3))
        other.build((None, 4))
        np.testing.assert_array_equal(array(other.kernel), array(layer.kernel))


@each_kind
def test_single_samples(kind):
    layer, inputs = build(kind, iterations=40)
    spread(layer)
    layer(inputs, training=True)
    for index in range(2):
        np.testing.assert_allclose(
            array(layer(inputs[index : index + 1], training=True))[0], array(layer(inputs))[index], rtol=1e-3, atol=1e-5
        )


class Unbuilt(keras.Model):
    """Its layers are built in `fit`, while the step is traced."""

    def __init__(self):
        super().__init__()
        self.hidden = SpectralNormalization(layers.Conv2D(4, 3))
        self.flatten = layers.Flatten()
        self.last = SpectralNormalization(layers.Dense(1))

    def call(self, inputs, training=False):
        return self.last(self.flatten(self.hidden(inputs, training=training)), training=training)


def test_builds_within_a_traced_step():
    model = Unbuilt()
    model.compile("sgd", "mse", jit_compile=keras.backend.backend() == "jax")
    model.fit(MAPS, np.ones((3, 1)), verbose=0)
    for layer in (model.hidden, model.last):
        assert 0.8 * norm(layer) < sigma(layer) <= 1.0001 * norm(layer)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModels are of TensorFlow")
def test_runs_as_a_saved_model(tmp_path):
    import tensorflow as tf

    model = regression()
    fit(model)
    start = [vectors(layer) for layer in normalized(model)]
    model.network.export(tmp_path / "network", format="tf_saved_model", verbose=False)
    served = tf.saved_model.load(tmp_path / "network")
    for images in (MAPS, MAPS[:1]):
        np.testing.assert_allclose(array(served.serve(images)), array(model.network(images)), atol=1e-6)
    for layer, expected in zip(normalized(model), start):
        assert_vectors(layer, expected, same=True)


def test_a_kernel_of_zeros_stays_and_can_leave():
    layer, inputs = build("dense", kernel_initializer="zeros")
    for training in (True, False):
        np.testing.assert_array_equal(array(layer(inputs, training=training)), 1)
        assert np.isfinite(gradient_of_kernel(layer, layer.kernel, inputs, training=training)).all()
    layer.kernel.assign(np.eye(7, 6))
    layer(inputs, training=True)
    assert sigma(layer) == pytest.approx(1, rel=1e-5)


def test_losses_of_the_layer_are_added():
    dense = layers.Dense(
        6, activity_regularizer=keras.regularizers.L1(0.5), kernel_regularizer=keras.regularizers.L2(2.0)
    )
    layer = SpectralNormalization(dense)
    outputs = array(layer(VECTORS))
    losses = sorted(float(array(loss)) for loss in layer.losses)
    expected = sorted([0.5 * np.abs(outputs).sum() / len(outputs), 2.0 * np.sum(array(layer.kernel) ** 2)])
    assert losses == pytest.approx(expected, rel=1e-5)


def test_takes_the_name_and_the_output_of_the_layer():
    layer = SpectralNormalization(layers.Conv2D(2, 3, dtype="mixed_bfloat16", name="logits"))
    outputs = layer(keras.Input((5, 6, 4)))
    assert (layer.name, outputs.shape, outputs.dtype) == ("logits", (None, 3, 4, 2), "bfloat16")
    assert SpectralNormalization(layers.Dense(1), name="other").name == "other"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((layers.Dense(2, activation="relu"),), "put the activation in a layer after it"),
        ((layers.DepthwiseConv2D(3),), "layer must be one of"),
        ((layers.ReLU(),), "layer must be one of"),
        (("dense",), "layer must be one of"),
        ((layers.Dense(2), 0), "iterations must be a positive int"),
        ((layers.Dense(2), 1.5), "iterations must be a positive int"),
    ],
)
def test_refuses_by_name(arguments, message):
    with pytest.raises(ValueError, match=f"{message}.*Received: "):
        SpectralNormalization(*arguments)
