"""Kernel distance (KID): maximum mean discrepancy between the features of two sets of images."""

import math

import keras
import numpy as np

from kerasgen.metrics import bootstrap
from kerasgen.metrics.accumulators import Rows, as_rows, same_dimensions
from kerasgen.metrics.base import SampleMetric

# Rows of a kernel matrix that are held at once.
BLOCK = 2048


def squared_mmd(real, generated):
    """The unbiased estimate of the squared maximum mean discrepancy, with a cubic polynomial kernel.

        k(x, y) = (x.y / dimensions + 1)^3
        mean of k(r_i, r_j) over i != j  +  mean of k(g_i, g_j) over i != j  -  2 mean of k(r_i, g_j)

    Args:
        real: Features `(n, dimensions)`.
        generated: Features `(m, dimensions)`.

    Returns:
        float. Its expectation is 0 for two samples of one distribution: a single estimate may be negative.

    Raises:
        ValueError: If a set has less than two rows, or NaN, or the dimensions differ.

    Example:
        >>> kerasgen.metrics.squared_mmd(real_features[:1000], generated_features[:1000])

    Reference:
        Gretton et al., "A Kernel Two-Sample Test", 2012, eq. 3. https://jmlr.org/papers/v13/gretton12a.html
        Binkowski et al., "Demystifying MMD GANs", 2018. https://arxiv.org/abs/1801.01401
    """
    real, generated = (as_rows(side).astype("float64") for side in (real, generated))
    same_dimensions(real, generated)
    if min(len(real), len(generated)) < 2:
        raise ValueError(f"Two images a set are needed at least. Received: {len(real)} and {len(generated)}")
    within = (_mean_kernel(side, side, without_diagonal=True) for side in (real, generated))
    return float(sum(within) - 2 * _mean_kernel(real, generated))


def _mean_kernel(first, second, without_diagonal=False):
    total = sum(
        np.sum((first[start : start + BLOCK] @ second.T / first.shape[1] + 1) ** 3)
        for start in range(0, len(first), BLOCK)
    )
    if not without_diagonal:
        return total / (len(first) * len(second))
    diagonal = np.sum((np.einsum("ij,ij->i", first, first) / first.shape[1] + 1) ** 3)
    return (total - diagonal) / (len(first) * (len(first) - 1))


def kernel_distance(real, generated, subsets=100, subset_size=1000, seed=0):
    """Kernel distance: `squared_mmd` of random subsets, its mean and spread.

    Args:
        real: Features `(n, dimensions)`.
        generated: Features `(m, dimensions)`.
        subsets: int. How many.
        subset_size: int. Rows of each set in a subset, drawn without replacement. Where a set is smaller, half of it:
            subsets of nearly all rows would hardly differ.
        seed: int. Of the draws.

    Returns:
        Dict of floats: "kernel_distance", and "kernel_distance_std", the standard deviation over the subsets (divided
        by their number, as in torch-fidelity, not by one less). The latter tells how much one subset varies; it is no
        standard error of the mean, as subsets overlap. A set of exactly `subset_size` rows is whole in each subset, and
        adds nothing to it: NaN where both sets are, or where there is one subset.

    Raises:
        ValueError: See `squared_mmd`.

    Example:
        >>> kerasgen.metrics.kernel_distance(real_features, generated_features)["kernel_distance"]

    Reference:
        Binkowski et al., "Demystifying MMD GANs", 2018, section 4. https://arxiv.org/abs/1801.01401
    """
    if subsets < 1 or subset_size < 2:
        raise ValueError(
            f"subsets must be 1 at least, subset_size 2. Received: subsets={subsets}, subset_size={subset_size}"
        )
    real, generated = as_rows(real), as_rows(generated)
    draws = np.random.default_rng(seed)
    size = _size(subset_size, len(real), len(generated))
    if size > min(len(real), len(generated)):
        raise ValueError(f"Two images a set are needed at least. Received: {len(real)} and {len(generated)}")
    values = [
        squared_mmd(*(side[draws.choice(len(side), size, replace=False)] for side in (real, generated)))
        for _ in range(subsets)
    ]
    one = subsets == 1 or size == len(real) == len(generated)
    return {
        "kernel_distance": float(np.mean(values)),
        "kernel_distance_std": math.nan if one else float(np.std(values)),
    }


def _size(subset_size, real, generated):
    """Rows of each set in a subset, of so many."""
    fewest = min(real, generated)
    return subset_size if subset_size <= fewest else max(2, fewest // 2)


@keras.saving.register_keras_serializable("kerasgen")
class KernelDistance(SampleMetric):
    """Streaming `kernel_distance`. Its kernel sees pairs, so it keeps all features, as float32.

    Args:
        features: See `SampleMetric`: None (batches are features), a name, a feature network or a Keras model.
        subsets: int. How many subsets.
        subset_size: int. Rows of each set in a subset.
        seed: int. Of the draws of subsets.
        name: str.

    Raises:
        ValueError: See `kernel_distance`.

    Example:
        >>> metric = kerasgen.metrics.KernelDistance(features="mnist_classifier")
        >>> metric.update_state(real=images, generated=model.generate(1000, seed=0))
        >>> metric.result()["kernel_distance"]

    Reference:
        Binkowski et al., "Demystifying MMD GANs", 2018. https://arxiv.org/abs/1801.01401
    """

    better = {"kernel_distance": "lower"}

    def __init__(self, features=None, subsets=100, subset_size=1000, seed=0, name="kernel_distance"):
        super().__init__(features, name)
        self.subsets = subsets
        self.subset_size = subset_size
        self.seed = seed

    def empty_state(self):
        """The features of both sets."""
        return {"real": Rows(), "generated": Rows()}

    def result(self):
        """Dict: "kernel_distance", "kernel_distance_std"."""
        real, generated = (self.state[side].array for side in self.sides)
        return kernel_distance(real, generated, self.subsets, self.subset_size, self.seed)

    def intervals(self, figures, generated, resamples, seed=0):
        """From the spread over subsets, of both sets: nothing is computed anew.

            standard error = std sqrt(b / (n - b) + 1 / subsets)

        for subsets of b among n images. Of a mean of n values, the mean of b that are drawn without replacement has the
        variance `S^2 (1/b - 1/n)`, and the mean itself `S^2 / n` (the delete-d jackknife); `1 / subsets` is for the
        choice of the subsets.

        Reference:
            Shao and Wu, "A General Theory for Jackknife Variance Estimation", 1989.
        """
        from scipy.special import ndtri

        counts = [self.state[side].count for side in self.sides]
        size = _size(self.subset_size, *counts)
        if size == min(counts) or self.subsets < 2:
            return {}
        error = figures["kernel_distance_std"] * math.sqrt(size / (min(counts) - size) + 1 / self.subsets)
        reach = ndtri((1 + bootstrap.LEVEL) / 2) * error
        distance = figures["kernel_distance"]
        return {"kernel_distance_low": float(distance - reach), "kernel_distance_high": float(distance + reach)}

    def protocol(self, real, generated):
        """With the size of subsets that were really drawn."""
        return {**super().protocol(real, generated), "subset_size": _size(self.subset_size, real, generated)}

    def get_config(self):
        """The constructor's arguments."""
        own = {"subsets": self.subsets, "subset_size": self.subset_size, "seed": self.seed}
        return {**super().get_config(), **own}
