"""Precision and recall, density and coverage: fidelity and diversity as two numbers, from nearest neighbours."""

import keras
import numpy as np

from kerasgen.metrics import bootstrap
from kerasgen.metrics.accumulators import Rows, as_rows, same_dimensions
from kerasgen.metrics.base import SampleMetric


def precision_recall(real, generated, neighbours=3):
    """Improved precision and recall.

    The manifold of a set is the union of balls around its points, each as wide as the distance to its k-th neighbour.
    Precision is the share of generated points in the real manifold, recall the share of real points in the generated
    one.

    Args:
        real: Features `(n, dimensions)`.
        generated: Features `(m, dimensions)`.
        neighbours: int. The number k.

    Returns:
        Dict of floats in [0, 1]: "precision" (fidelity), "recall" (diversity), "f_score" (their harmonic mean).

    Raises:
        ValueError: If a set has no more than `neighbours` rows, or NaN, or the dimensions differ.

    Example:
        >>> kerasgen.metrics.precision_recall(real_features, generated_features)

    Reference:
        Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019.
        https://arxiv.org/abs/1904.06991
    """
    return _means(_precision_recall_parts(real, generated, neighbours))


def _precision_recall_parts(real, generated, neighbours):
    """What precision and recall are the means of: whether each image lies in the manifold of the other set."""
    real, generated = _pair(real, generated, neighbours)
    return {
        "precision": _balls(generated, real, neighbours)[0] > 0,
        "recall": _balls(real, generated, neighbours)[0] > 0,
    }


def density_coverage(real, generated, neighbours=5):
    """Density and coverage: as precision and recall, but outliers among the real points count less.

    Of the balls around real points, each as wide as the distance to its k-th neighbour: density is the number of balls
    that a generated point is in, on average, divided by k; coverage is the share of balls that hold a generated point.

    Args:
        real: Features `(n, dimensions)`.
        generated: Features `(m, dimensions)`.
        neighbours: int. The number k.

    Returns:
        Dict of floats: "density" (1 in expectation for equal distributions, and not bounded by it), "coverage" in
        [0, 1] (for equal distributions and counts, about `1 - 2^-k`).

    Raises:
        ValueError: If a set has no more than `neighbours` rows, or NaN, or the dimensions differ.

    Example:
        >>> kerasgen.metrics.density_coverage(real_features, generated_features)

    Reference:
        Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", 2020.
        https://arxiv.org/abs/2002.09797
    """
    return _means(_density_coverage_parts(real, generated, neighbours))


def _density_coverage_parts(real, generated, neighbours):
    """What density and coverage are the means of: balls of each generated image, and whether each ball is reached."""
    real, generated = _pair(real, generated, neighbours)
    inside, reached = _balls(generated, real, neighbours)
    return {"density": inside / neighbours, "coverage": reached}


def _means(parts):
    return _figures({name: float(np.mean(values)) for name, values in parts.items()})


def _figures(means):
    """The means, with the harmonic mean of precision and recall where these are among them."""
    if "precision" not in means:
        return means
    precision, recall = means["precision"], means["recall"]
    return {**means, "f_score": 2 * precision * recall / (precision + recall or 1)}


def nearest_neighbours(generated, real, count=1):
    """The real images nearest to generated ones: to see whether a model copies.

    Args:
        generated: Features `(m, dimensions)`.
        real: Features `(n, dimensions)`, best of the training images.
        count: int. Neighbours an image.

    Returns:
        Euclidean distances, float64 `(m, count)`, ascending, and the indices of the real images, int64 `(m, count)`.

    Raises:
        ValueError: If there are fewer real images than `count`, or the features do not fit.

    Example:
        >>> distances, indices = kerasgen.metrics.nearest_neighbours(generated_features, training_features, count=5)
        >>> kerasgen.plots.neighbours(generated_images, training_images[indices])
    """
    from sklearn.neighbors import NearestNeighbors

    real, generated = _centred(real, generated)
    if not 1 <= count <= len(real):
        raise ValueError(f"count must be between 1 and the {len(real)} real images. Received: {count}")
    indices = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(real).kneighbors(generated)[1]
    # From the differences, so that a copy has the distance 0: scikit-learn's scalar products leave some rounding.
    columns = [np.linalg.norm(generated - real[indices[:, rank]], axis=1) for rank in range(count)]
    return np.column_stack(columns), indices


def _pair(real, generated, neighbours):
    real, generated = _centred(real, generated)
    if neighbours < 1 or min(len(real), len(generated)) <= neighbours:
        raise ValueError(
            "Each set needs more images than neighbours, and there must be one at least. "
            f"Received: {len(real)} real, {len(generated)} generated, neighbours={neighbours}"
        )
    return real, generated


def _centred(real, generated):
    """Both sets in float64 around the real mean: distances come from scalar products, and lose digits far from 0."""
    real, generated = as_rows(real).astype("float64"), as_rows(generated).astype("float64")
    same_dimensions(real, generated)
    if not len(real) or not len(generated):
        raise ValueError(f"Each set needs an image. Received: {len(real)} real and {len(generated)} generated")
    centre = real.mean(axis=0)
    return real - centre, generated - centre


def _balls(points, centres, neighbours):
    """How many balls each point is in, `(points,)`, and whether each ball holds a point, `(centres,)`.

    Distances are taken block by block: memory does not grow with the product of the counts.
    """
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.neighbors import NearestNeighbors

    # Without an argument, `kneighbors` leaves out each point itself.
    search = NearestNeighbors(n_neighbors=neighbours, algorithm="brute", metric="sqeuclidean").fit(centres)
    # Squared distances come from scalar products, whose rounding must not put a copy of a point out of its ball.
    longest = max(np.einsum("ij,ij->i", rows, rows).max() for rows in (points, centres))
    limits = search.kneighbors()[0][:, -1] + 64 * np.finfo("float64").eps * longest
    reached = np.zeros(len(centres), bool)

    def look(distances, _):
        inside = distances <= limits
        np.logical_or(reached, inside.any(axis=0), out=reached)
        return inside.sum(axis=1)

    # Not "sqeuclidean", which scikit-learn leaves to a loop of scipy's, twenty times slower.
    squares = {"metric": "euclidean", "squared": True, "working_memory": 64}
    blocks = pairwise_distances_chunked(points, centres, reduce_func=look, **squares)
    return np.concatenate(list(blocks)), reached


class _NeighbourMetric(SampleMetric):
    """What the two metrics share: they keep all features, and a number of neighbours."""

    #: The figure that is a mean over generated images.
    of_generated = None

    def __init__(self, features, neighbours, name):
        super().__init__(features, name)
        self.neighbours = neighbours

    def empty_state(self):
        """The features of both sets."""
        return {"real": Rows(), "generated": Rows()}

    def result(self):
        """Dict of floats."""
        return _means(self._parts())

    def replicates(self, generated, resamples, seed):
        """The figure that is a mean over generated images, of draws among these."""
        return {self.of_generated: bootstrap.means(self._parts()[self.of_generated], resamples, seed)}

    def reset_state(self):
        """Forget all batches."""
        super().reset_state()
        self._known = None

    def _parts(self):
        """What the figures are means of: found once for the figures and their intervals, as it takes long."""
        counts = [self.state[side].count for side in self.sides]
        if self._known is None or self._known[0] != counts:
            arrays = (self.state[side].array for side in self.sides)
            self._known = counts, self.parts(*arrays, self.neighbours)
        return self._known[1]

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "neighbours": self.neighbours}


@keras.saving.register_keras_serializable("kerasgen")
class PrecisionRecall(_NeighbourMetric):
    """Streaming `precision_recall`. It looks for neighbours among all images, so it keeps all features, as float32.

    Args:
        features: See `SampleMetric`: None (batches are features), a name, a feature network or a Keras model.
        neighbours: int. The number k.
        name: str.

    Raises:
        ValueError: See `precision_recall`.

    Example:
        >>> metric = kerasgen.metrics.PrecisionRecall(features="mnist_classifier")
        >>> metric.update_state(real=images, generated=model.generate(1000, seed=0))
        >>> metric.result()["recall"]

    Reference:
        Kynkaanniemi et al., 2019. https://arxiv.org/abs/1904.06991
    """

    better = {"precision": "higher", "recall": "higher", "f_score": "higher"}
    parts = staticmethod(_precision_recall_parts)
    of_generated = "precision"
    limits = (0, 1)

    def __init__(self, features=None, neighbours=3, name="precision_recall"):
        super().__init__(features, neighbours, name)


@keras.saving.register_keras_serializable("kerasgen")
class DensityCoverage(_NeighbourMetric):
    """Streaming `density_coverage`. It looks for neighbours among all images, so it keeps all features, as float32.

    Args:
        features: See `SampleMetric`: None (batches are features), a name, a feature network or a Keras model.
        neighbours: int. The number k.
        name: str.

    Raises:
        ValueError: See `density_coverage`.

    Example:
        >>> metric = kerasgen.metrics.DensityCoverage(features="mnist_classifier")
        >>> metric.update_state(real=images, generated=model.generate(1000, seed=0))
        >>> metric.result()["coverage"]

    Reference:
        Naeem et al., 2020. https://arxiv.org/abs/2002.09797
    """

    better = {"density": "higher", "coverage": "higher"}
    parts = staticmethod(_density_coverage_parts)
    of_generated = "density"

    def __init__(self, features=None, neighbours=5, name="density_coverage"):
        super().__init__(features, neighbours, name)
