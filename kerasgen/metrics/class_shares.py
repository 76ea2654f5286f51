"""Shares of classes among generated images: is one missing, or does one crowd out the others?"""

import keras
import numpy as np

from kerasgen.metrics.accumulators import as_rows, same_dimensions
from kerasgen.metrics.base import SampleMetric


def class_shares(real, generated):
    """How often each class is recognised among generated images, and how far that is from the real images.

        q_k = share of generated images whose largest logit is k,    p_k = the same of the real images

        smallest_class_share    min_k q_k, over the classes k with p_k > 0
        largest_class_share     max_k q_k, over all classes
        class_share_distance    1/2 sum_k |p_k - q_k|, the total variation distance, in [0, 1]

    The real shares are those that the same classifier sees, not those of labels: its errors are on both sides. A class
    that it recognises in no real image cannot be missing. Where all K classes are equally frequent, the first two are
    at best 1 / K.

    Finite sets differ by chance: two of n and m images of one distribution are about
    `sum_k sqrt(p_k (1 - p_k) (1 / n + 1 / m) / (2 pi))` apart, that is 0.05 for ten even classes and n = m = 1000.

    Args:
        real: Array `(n, classes)`: what a classifier says of real images, logits or probabilities.
        generated: Array `(m, classes)`: the same of generated images.

    Returns:
        Dict of floats in [0, 1]: "smallest_class_share", "largest_class_share", "class_share_distance".

    Raises:
        ValueError: If a set is empty, holds NaN, or the numbers of classes differ.

    Example:
        >>> network = kerasgen.metrics.features.get("mnist_classifier")
        >>> logits = [network(images, ("logits",))["logits"] for images in (real_images, generated_images)]
        >>> kerasgen.metrics.class_shares(*logits)["smallest_class_share"]

    Reference:
        Santurkar et al., "A Classification-Based Study of Covariate Shift in GAN Distributions", 2018 (shares
        of classes, by a classifier). https://arxiv.org/abs/1711.00970
    """
    metric = ClassShares()
    metric.update_state(real, generated)
    return metric.result()


@keras.saving.register_keras_serializable("kerasgen")
class ClassShares(SampleMetric):
    """Streaming `class_shares`. It keeps a count a class.

    Args:
        features: See `SampleMetric`: None (batches are logits), or a network with a layer "logits":
            `"mnist_classifier"`, `"fid_inception"` (whose 1008 classes suit few data sets).
        name: str.

    Raises:
        ValueError: See `class_shares`.

    Example:
        >>> metric = kerasgen.metrics.ClassShares(features="mnist_classifier")
        >>> metric.update_state(real=images, generated=model.generate(1000, seed=0))
        >>> metric.result()["class_share_distance"]
        >>> metric.shares("generated")                  # of each digit

    Reference:
        Santurkar et al., 2018. https://arxiv.org/abs/1711.00970
    """

    layer = "logits"
    better = {"smallest_class_share": "higher", "largest_class_share": "lower", "class_share_distance": "lower"}

    def __init__(self, features=None, name="class_shares"):
        super().__init__(features, name)

    def empty_state(self):
        """Counts of both sets."""
        return {"real": ClassCounts(), "generated": ClassCounts()}

    def shares(self, side):
        """The share of each class.

        Args:
            side: "real" or "generated".

        Returns:
            float64 array `(classes,)`, whose sum is 1.

        Raises:
            ValueError: If there are no images of that side yet.
        """
        counts = self.state[side]
        if not counts.count:
            raise ValueError(f"Shares need an image. Received: 0 {side} images")
        return counts.array / counts.count

    def result(self):
        """Dict: "smallest_class_share", "largest_class_share", "class_share_distance"."""
        real, generated = self.shares("real"), self.shares("generated")
        same_dimensions(real, generated)
        return {
            "smallest_class_share": float(generated[real > 0].min()),
            "largest_class_share": float(generated.max()),
            "class_share_distance": float(np.abs(real - generated).sum() / 2),
        }


class ClassCounts:
    """How often each column of rows holds the largest value; of equal ones the first counts.

    Attributes:
        array: int64 array `(classes,)`, or None while there are no rows.
    """

    def __init__(self, array=None):
        self.array = array

    @property
    def count(self):
        """The number of rows."""
        return 0 if self.array is None else int(self.array.sum())

    def add(self, rows):
        """Take in rows `(n, classes)`."""
        rows = as_rows(rows)
        if len(rows):
            self._add(np.bincount(rows.argmax(axis=1), minlength=rows.shape[1]))

    def merge(self, other):
        """Take in what another one has seen."""
        if other.count:
            self._add(other.array)

    def arrays(self):
        """All that it holds, as a dict of arrays."""
        return {"counts": self.array}

    @classmethod
    def from_arrays(cls, arrays):
        """The counts that gave `arrays`."""
        return cls(arrays["counts"])

    def _add(self, counts):
        if self.array is not None:
            same_dimensions(self.array, counts)
            counts = self.array + counts
        self.array = counts
