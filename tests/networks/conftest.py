"""Fixtures for networks that are only looked at."""

import keras
import numpy as np
import pytest


@pytest.fixture
def zero_weights(monkeypatch):
    """Networks whose kernels start at zero: for tests of shapes and names.

    JAX compiles a program for each new shape that is drawn, 0.3 s each, which is nearly all that building costs there.
    """

    def zeros(self, shape, dtype=None):
        return np.zeros(shape, dtype)

    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)
