"""What the streaming metrics have in common."""

import keras
import numpy as np

from kerasgen.metrics import bootstrap
from kerasgen.metrics import features as feature_networks


class StreamingMetric(keras.metrics.Metric):
    """A Keras metric whose state is NumPy's: sums in float64 on every backend, outside of compiled steps.

    `update_state` takes a batch in, `result` gives the value of all batches so far, `merge_state` takes in what other
    metrics of the kind have seen (other processes, other files), `reset_state` starts again. A result does not depend
    on how the data was cut into batches.

    A subclass gives its empty state, a dict of accumulators (`kerasgen.metrics.accumulators`), and its `result`: a
    float, or a dict of floats by name.
    """

    #: Whether each figure of the result is better "lower" or "higher".
    better = {}

    def __init__(self, name=None):
        super().__init__(name=name)
        self.reset_state()

    def empty_state(self):
        """The state before any batch: dict of accumulators."""
        raise NotImplementedError

    def reset_state(self):
        """Forget all batches."""
        self.state = self.empty_state()

    def merge_state(self, metrics):
        """Take in what other metrics have seen, as if their batches had been this one's, in this order.

        Args:
            metrics: List of metrics of the same class.
        """
        for metric in metrics:
            for key, accumulator in self.state.items():
                accumulator.merge(metric.state[key])

    def get_config(self):
        """The constructor's arguments."""
        return {"name": self.name}

    def protocol(self, real, generated):
        """What a figure of so many real and generated images depends on: dict of plain values."""
        return {key: value for key, value in self.get_config().items() if key not in ("name", "features")}


class SampleMetric(StreamingMetric):
    """Measures generated images, or how two sets of them differ, on the features that a network gives.

    Batches of either set come in any order and size: `update_state(real=..., generated=...)`, with one or both.

    Args:
        features: Name of a feature network, the network itself (`kerasgen.metrics.features`) or a Keras model. The
            batches are then images `(n, height, width, channels)` in [0, 1]. None: the batches are features already,
            `(n, dimensions)`.
        name: str or None.
    """

    #: Of the feature network: "features", or "logits" of a classifier.
    layer = "features"
    #: The lowest and highest number that its figures may be.
    limits = (0, np.inf)
    #: The sets that are looked at.
    sides = ("real", "generated")

    def __init__(self, features=None, name=None):
        super().__init__(name=name)
        self.features = features
        self.network = None if features is None else feature_networks.get(features)

    def update_state(self, real=None, generated=None):
        """Take in a batch of real images (or features), of generated ones, or of both."""
        for side, batch in (("real", real), ("generated", generated)):
            if batch is not None:
                if side not in self.sides:
                    raise ValueError(f"{type(self).__name__} looks at {self.sides} only. Received: {side} images")
                rows = batch if self.network is None else self.network(batch, (self.layer,))[self.layer]
                self.state[side].add(rows)

    def intervals(self, figures, generated, resamples, seed=0):
        """Where the figures would lie, had other images been looked at: see `kerasgen.metrics.bootstrap`.

        Args:
            figures: Dict of floats, what `result` gave.
            generated: Array `(m, dimensions)`, the rows of all generated images.
            resamples: int.
            seed: int. Of the draws.

        Returns:
            Dict of floats, "NAME_low" and "NAME_high", of the figures that have an interval.
        """
        found = {}
        for name, replicates in self.replicates(generated, resamples, seed).items():
            ends = bootstrap.interval(figures[name], replicates)
            found[f"{name}_low"], found[f"{name}_high"] = (float(np.clip(end, *self.limits)) for end in ends)
        return found

    def replicates(self, generated, resamples, seed):
        """Its figures of draws with replacement: dict of float arrays `(resamples,)`, empty where there are none."""
        return {}

    def get_config(self):
        """The constructor's arguments. Of features that are an object only the name is in it, and loading says so."""
        known = self.features is None or isinstance(self.features, str)
        return {**super().get_config(), "features": self.features if known else f"{self.network.name} (an object)"}
