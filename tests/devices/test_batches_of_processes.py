"""What several processes say of their batches before they share them."""

import zlib

import numpy as np
import pytest

from kerasgen.engine import processes, sharing


class Batches:
    """One global batch, as Keras's adapters give it."""

    def __init__(self, images):
        self._images = images

    def get_numpy_iterator(self):
        yield (self._images,)


@pytest.mark.parametrize("upper", [False, True], ids=["below 2**31", "from 2**31"])
def test_equal_batches_are_equal_where_only_32_bits_are_handed_on(upper, monkeypatch):
    monkeypatch.setattr(processes, "processes", lambda: 2)
    monkeypatch.setattr(processes, "of_first", lambda array: array.astype("int32"))  # as JAX does without 64 bits
    batches = (np.random.default_rng(seed).random((4, 8, 8, 1), "float32") for seed in range(64))
    images = next(batch for batch in batches if (zlib.crc32(batch) >= 2**31) == upper)
    state = np.random.get_state()
    try:
        [(found,)] = sharing.Shared(Batches(images), 1)._alike()
    finally:
        np.random.set_state(state)
    assert found is images
