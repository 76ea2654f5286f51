"""Shared fixtures: real images, quick networks, and the same random state for each test."""

import os
import sys
import tempfile

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

# Tests compile much and run little: nothing is optimised that runs once. On JAX many compile the same step.
os.environ["XLA_FLAGS"] = f"--xla_backend_optimization_level=0 {os.environ.get('XLA_FLAGS', '')}"
if keras.backend.backend() == "jax":
    import jax

    jax.config.update("jax_compilation_cache_dir", tempfile.mkdtemp(prefix="kerasgen-tests-"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})

    def without_autotuning(dataset, iterate=tf.data.Dataset.__iter__):
        """tf.data's autotuning sleeps twice as long each time, and whoever drops an old iterator waits for it."""
        options = tf.data.Options()
        options.autotune.enabled = False
        return iterate(dataset.with_options(options))

    tf.data.Dataset.__iter__ = without_autotuning

# Without and with XLA: on TensorFlow, which compiles for seconds, the latter is slow; kerasgen uses none on PyTorch.
JITTED = [
    False,
    pytest.param(
        True,
        marks={"tensorflow": [pytest.mark.slow], "torch": [pytest.mark.skip("no XLA")]}.get(
            keras.backend.backend(), ()
        ),
    ),
]


# What `tools/shake_tests.py` adds to each seed that a test chooses: a test must not need luck.
SHIFT = int(os.environ.get("KERASGEN_TEST_SEED", "0"))


def shifted(function):
    """A function of a seed that takes another one where a test calls it, not where kerasgen does."""

    def call(seed=None):
        of_a_test = sys._getframe(1).f_globals["__name__"].startswith("tests.")
        return function(seed + SHIFT if of_a_test and isinstance(seed, int) else seed)

    return call


if SHIFT:  # Now, as test modules draw on import.
    np.random.default_rng = shifted(np.random.default_rng)
    keras.utils.set_random_seed = shifted(keras.utils.set_random_seed)


def quick(function):
    """On JAX, the function compiled whole: by itself JAX compiles each operation, once for each shape."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


@pytest.fixture(autouse=True)
def fixed_randomness():
    keras.utils.set_random_seed(20)


@pytest.fixture(scope="session", autouse=True)
def quick_weights():
    """On JAX, NumPy draws kernels: JAX would compile a program for each shape, which takes longer than most tests."""

    def glorot_uniform(self, shape, dtype=None):
        *places, inputs, outputs = shape
        limit = np.sqrt(6 / (np.prod(places) * (inputs + outputs)))
        return np.random.default_rng(self.seed).uniform(-limit, limit, shape).astype(dtype or "float32")

    with pytest.MonkeyPatch.context() as patch:
        if keras.backend.backend() == "jax":
            patch.setattr(keras.initializers.GlorotUniform, "__call__", glorot_uniform)
        yield


@pytest.fixture(scope="session")
def digits():
    """256 handwritten digits, (images, labels): float32 (256, 8, 8, 1) in [0, 1]; int32 (256,)."""
    bunch = load_digits()
    return (bunch.images[:256, ..., None] / 16).astype("float32"), bunch.target[:256].astype("int32")


def state_of(model):
    """Every variable of a model and of its optimizers, as NumPy."""
    variables = [*model.variables, *(model.optimizer.variables if model.compiled else [])]
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assert_same_state(first, second):
    """Bit by bit."""
    first, second = state_of(first), state_of(second)
    assert len(first) == len(second)
    for index, (a, b) in enumerate(zip(first, second)):
        np.testing.assert_array_equal(a, b, err_msg=f"variable {index}")
