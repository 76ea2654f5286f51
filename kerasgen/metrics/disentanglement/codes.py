"""Codes of the images that a source makes of factors."""

import math

import numpy as np

from kerasgen.metrics.accumulators import as_rows

# Images that are drawn and encoded at once.
_IMAGES = 1024


class Codes:
    """The codes of factors. Each image is drawn and encoded at first use, and never again.

    Attributes:
        sizes: tuple, how many values each factor has.
    """

    def __init__(self, represent, source):
        self.sizes = tuple(source.FACTORS.values())
        if not self.sizes or min(self.sizes) < 2:
            raise ValueError(
                f"Every factor needs two values at least; leave out the others. Received: {source.FACTORS}"
            )
        self._represent = represent
        self._source = source
        self._known = np.zeros(math.prod(self.sizes), bool)
        self._table = None

    def __call__(self, factors):
        """Codes `(..., d)` of factors, an int array `(..., k)`."""
        index = np.ravel_multi_index(tuple(np.moveaxis(factors, -1, 0)), self.sizes)
        new = np.unique(index[~self._known[index]])
        for start in range(0, len(new), _IMAGES):
            self._encode(new[start : start + _IMAGES])
        return self._table[index]

    def _encode(self, index):
        factors = np.stack(np.unravel_index(index, self.sizes), axis=-1)
        codes = as_rows(self._represent(self._source.render(factors)))
        if self._table is None:
            self._table = np.empty((len(self._known), codes.shape[1]), codes.dtype)
        if codes.shape != (len(index), self._table.shape[1]):
            raise ValueError(
                "represent must map n images to an array (n, d), with one d for all. "
                f"Received: shape {codes.shape} for {len(index)} images"
            )
        self._table[index] = codes
        self._known[index] = True
