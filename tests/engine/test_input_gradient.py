"""The gradient of a function with respect to its input."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen.engine import input_gradient
from tests.conftest import JITTED
from tests.engine.test_players import Duel, X, compiled, values


def test_of_a_cube():
    x = np.array([[1.0, 2.0], [3.0, -1.0]], "float32")
    np.testing.assert_allclose(ops.convert_to_numpy(input_gradient(lambda x: x**3, x)), 3 * x**2, rtol=1e-6)


def test_one_a_sample():
    kernel = np.array([[1.0], [2.0], [-2.0]], "float32")
    x = np.random.default_rng(0).standard_normal((5, 3)).astype("float32")
    gradient = ops.convert_to_numpy(input_gradient(lambda x: ops.matmul(x, kernel), x))
    np.testing.assert_allclose(gradient, np.repeat(kernel.T, 5, axis=0), rtol=1e-6)


def test_of_a_constant_is_zero():
    np.testing.assert_array_equal(
        ops.convert_to_numpy(input_gradient(lambda x: ops.ones((2, 1)) + 0 * x, ops.ones((2, 3)))), 0
    )


def test_drops_what_layers_assign():
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    before = values(layer.variables)
    input_gradient(lambda x: layer(x, training=True) ** 2, ops.convert_to_tensor(X[:, :3]))
    for a, b in zip(values(layer.variables), before):
        np.testing.assert_array_equal(a, b)


class Penalised(Duel):
    """The first player minimises half the squared norm of its gradient: for a linear map, that of its kernel."""

    def first_loss(self, x, training):
        gradient = input_gradient(lambda x: self.run(self.first, x, training=training), x)
        return {"attack": 0.5 * ops.mean(ops.sum(ops.square(gradient), axis=-1))}


def linear(name):
    inputs = layers.Input((4,))
    return keras.Model(inputs, layers.Dense(1)(inputs), name=name)


@pytest.mark.parametrize("jitted", JITTED)
def test_can_be_differentiated_again(jitted):
    """`d/dw |w|^2 / 2 = w`: SGD with rate 0.25 leaves 3/4 of the kernel, and the bias as it was."""
    keras.utils.set_random_seed(0)
    model = Penalised(linear("one"), linear("two"))
    model.compile(keras.optimizers.SGD(0.25), jit_compile=jitted)
    kernel = np.array(model.first.layers[-1].kernel)
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(UserWarning)  # The bias has no gradient.
        model.train_on_batch(X)
    np.testing.assert_allclose(np.array(model.first.layers[-1].kernel), 0.75 * kernel, rtol=1e-5)


def test_works_in_evaluation():
    model = compiled(Penalised)
    assert np.isfinite(model.evaluate(X, verbose=0, return_dict=True)["attack"])
