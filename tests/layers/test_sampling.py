"""Sampling: the moments of its draws, its gradients, its seed."""

import keras
import numpy as np
from keras import ops

from kerasgen.engine import input_gradient
from kerasgen.layers import Sampling


def draws(layer, mean, log_variance):
    return ops.convert_to_numpy(layer([ops.convert_to_tensor(mean), ops.convert_to_tensor(log_variance)]))


def test_moments():
    """`N(m, v)`: the mean within five standard errors `sqrt(v / n)`, the variance within five of `v sqrt(2 / n)`."""
    count, mean, log_variance = 20_000, np.float32([-3.0, 0.0, 2.0]), np.float32([-2.0, 0.0, 1.5])
    found = draws(Sampling(seed=0), np.tile(mean, (count, 1)), np.tile(log_variance, (count, 1)))
    variance = np.exp(log_variance)
    assert (np.abs(found.mean(0) - mean) < 5 * np.sqrt(variance / count)).all()
    assert (np.abs(found.var(0) - variance) < 5 * variance * np.sqrt(2 / count)).all()


def test_the_draw_is_the_formula_and_gradients_flow():
    """`dz / dm = 1` and `dz / d log v = (z - m) / 2`."""
    mean, log_variance = (np.random.default_rng(i).standard_normal((4, 3)).astype("float32") for i in (0, 1))
    drawn = draws(Sampling(seed=3), mean, log_variance)
    noise = draws(Sampling(seed=3), 0 * mean, 0 * log_variance)
    np.testing.assert_allclose(drawn, mean + np.exp(log_variance / 2) * noise, rtol=1e-5)
    variance = ops.convert_to_tensor(log_variance)
    by_mean = input_gradient(lambda m: ops.sum(Sampling(seed=3)([m, variance]), axis=1), ops.convert_to_tensor(mean))
    np.testing.assert_allclose(ops.convert_to_numpy(by_mean), 1.0)
    centre = ops.convert_to_tensor(mean)
    by_variance = input_gradient(lambda v: ops.sum(Sampling(seed=3)([centre, v]), axis=1), variance)
    np.testing.assert_allclose(ops.convert_to_numpy(by_variance), (drawn - mean) / 2, rtol=1e-4, atol=1e-6)


def test_each_call_draws_anew_and_the_seed_fixes_the_first():
    parameters = np.zeros((2, 3), "float32"), np.zeros((2, 3), "float32")
    layer = Sampling(seed=1)
    first, second = draws(layer, *parameters), draws(layer, *parameters)
    assert (first != second).all()
    again = Sampling.from_config(layer.get_config())
    np.testing.assert_array_equal(draws(again, *parameters), first)
    generator = keras.random.SeedGenerator(1)
    shared = Sampling.from_config(Sampling(seed=generator).get_config())
    np.testing.assert_array_equal(draws(shared, *parameters), first)


def test_half_precision_keeps_the_digits_of_the_draw():
    layer = Sampling(seed=0, dtype="mixed_float16")
    mean, log_variance = np.zeros((1, 2), "float32"), np.full((1, 2), 30.0, "float32")
    inputs = [keras.Input((2,)), keras.Input((2,))]
    assert keras.Model(inputs, layer(inputs)).outputs[0].dtype == "float16"
    wide = draws(Sampling(seed=0), mean, log_variance)
    found = draws(Sampling(seed=0, dtype="mixed_float16"), mean, log_variance - 26)
    np.testing.assert_allclose(found, wide * np.exp(-13.0), rtol=2e-3)
