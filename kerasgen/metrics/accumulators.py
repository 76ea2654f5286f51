"""What streaming metrics keep between batches: sums in float64, or rows where sums are not enough.

Each has `add` (a batch), `merge` (another one of its kind) and `count`, and ends the same, up to rounding, however the
rows were cut into batches.
"""

import numpy as np


class Mean:
    """Count and mean of vectors.

    Rows are summed in blocks of a fixed length, so that a result is the same to the last bit however they were cut into
    batches, and small batches cost no more than large ones.

    Attributes:
        count: int.
    """

    #: Rows that are summed at once.
    block = 1024

    def __init__(self, rows=None):
        self._summed = 0
        self._mean = None
        self._waiting = []
        if rows is not None:
            self.add(rows)

    @property
    def count(self):
        """The number of rows."""
        return self._summed + sum(map(len, self._waiting))

    @property
    def mean(self):
        """The mean, float64 `(dimensions,)`; None while there are no rows."""
        self._sum(everything=True)
        return self._mean

    def add(self, rows):
        """Take in rows `(n, dimensions)`."""
        rows = as_rows(rows)
        if len(rows):
            known = self._waiting[0][0] if self._waiting else self._mean
            if known is not None:
                same_dimensions(known, rows)
            self._waiting.append(rows)
            self._sum()

    def merge(self, other):
        """Take in what another one has seen."""
        if other.count:
            mean, scatter = other.mean, other._scatter()
            self._sum(everything=True)
            self._join(other.count, mean, scatter)

    def _sum(self, everything=False):
        if not self._waiting or not (everything or sum(map(len, self._waiting)) >= self.block):
            return
        rows = np.concatenate(self._waiting)
        stop = len(rows) if everything else len(rows) - len(rows) % self.block
        for start in range(0, stop, self.block):
            part = rows[start : min(stop, start + self.block)].astype("float64")
            mean = part.mean(axis=0)
            self._join(len(part), mean, self._scatter(part - mean))
        # A copy: a view would keep the whole batch alive.
        self._waiting = [rows[stop:].copy()] if stop < len(rows) else []

    def _join(self, count, mean, scatter):
        if self._mean is None:
            self._mean = np.zeros_like(mean)
        same_dimensions(self._mean, mean)
        delta = mean - self._mean
        before, self._summed = self._summed, self._summed + count
        self._mean = self._mean + delta * (count / self._summed)
        self._add_scatter(scatter, delta * np.sqrt(before * (count / self._summed)))

    def _scatter(self, centred=None):
        """What `Moments` sums besides."""

    def _add_scatter(self, scatter, between):
        """What `Moments` sums besides."""


class Moments(Mean):
    """Count, mean and covariance of vectors.

    The scatter `sum (x - mean)(x - mean)^T` is updated around the running mean (Chan et al., 1983): a large mean costs
    no digits, as it would in `E[x x^T] - E[x] E[x]^T`.

    Example:
        >>> moments = kerasgen.metrics.Moments(features)                       # or batch by batch, by `add`
        >>> kerasgen.metrics.frechet_distance(moments, other_features)
    """

    def __init__(self, rows=None):
        self._sums = None
        super().__init__(rows)

    @property
    def covariance(self):
        """The unbiased covariance, float64 `(dimensions, dimensions)`. It needs two rows."""
        self._sum(everything=True)
        return self._sums / (self.count - 1)

    @property
    def variance(self):
        """The unbiased variance of each dimension, float64 `(dimensions,)`."""
        self._sum(everything=True)
        return np.diagonal(self._sums) / (self.count - 1)

    def arrays(self):
        """All that it holds, as a dict of arrays."""
        return {"count": np.array(self.count), "mean": self.mean, "scatter": self._sums}

    @classmethod
    def from_arrays(cls, arrays):
        """The moments that gave `arrays`."""
        moments = cls()
        moments._join(int(arrays["count"]), arrays["mean"], arrays["scatter"])
        return moments

    def _scatter(self, centred=None):
        return self._sums if centred is None else centred.T @ centred

    def _add_scatter(self, scatter, between):
        scatter = scatter + np.outer(between, between)
        self._sums = scatter if self._sums is None else self._sums + scatter


class Rows:
    """The rows themselves, as float32.

    Attributes:
        count: int.
    """

    def __init__(self, rows=None):
        self.count = 0
        self._parts = []
        if rows is not None:
            self.add(rows)

    @property
    def array(self):
        """All rows, float32 `(count, dimensions)`."""
        self._parts = [np.concatenate(self._parts)] if self._parts else []
        return self._parts[0] if self._parts else np.zeros((0, 0), "float32")

    def add(self, rows):
        """Take in rows `(n, dimensions)`."""
        rows = as_rows(rows)
        if len(rows):
            if self._parts:
                same_dimensions(self._parts[0][0], rows[0])
            self._parts.append(rows)
            self.count += len(rows)

    def merge(self, other):
        """Take in what another one has seen."""
        self.add(other.array)

    def arrays(self):
        """All that it holds, as a dict of arrays."""
        return {"rows": self.array}

    @classmethod
    def from_arrays(cls, arrays):
        """The rows that gave `arrays`."""
        return cls(arrays["rows"])


def as_rows(values):
    """Rows as a NumPy array `(n, dimensions)`: float64 where they were, else float32.

    Raises:
        ValueError: If they are no matrix, or hold NaN or infinities.
    """
    import keras

    values = np.asarray(keras.ops.convert_to_numpy(values) if keras.ops.is_tensor(values) else values)
    values = values if values.dtype == np.float64 else values.astype("float32")
    if values.ndim != 2:
        raise ValueError(f"Expected rows, an array (n, dimensions). Received: an array of shape {values.shape}")
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise ValueError(
            "Expected finite numbers; a network that gives NaN or infinity cannot be measured. "
            f"Received: {np.sum(~finite)} of {len(values)} rows with such values, the first at {np.argmin(finite)}"
        )
    return values


def same_dimensions(first, second):
    """Refuse rows of different lengths.

    Raises:
        ValueError: If they differ.
    """
    if np.shape(first)[-1] != np.shape(second)[-1]:
        raise ValueError(
            "All rows must come from the same layer of the same network, and have one length. "
            f"Received: {np.shape(first)[-1]} and {np.shape(second)[-1]} dimensions"
        )
