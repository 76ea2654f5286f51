"""Frechet distance between the features of two sets of images."""

import warnings

import keras
import numpy as np

from kerasgen.metrics import bootstrap
from kerasgen.metrics.accumulators import Moments, same_dimensions
from kerasgen.metrics.base import SampleMetric

#: Features up to which there is an interval: each draw takes a covariance and its singular values.
MOST_FOR_INTERVAL = 256


def frechet_distance(real, generated):
    """The squared 2-Wasserstein distance of two Gaussians with the means and covariances of two sets of features.

        |m_r - m_g|^2 + tr(C_r + C_g - 2 (C_r C_g)^(1/2))

    With factors `C = L L^T`, the eigenvalues of `(C_r C_g)^(1/2)` are the singular values of `L_r^T L_g`. So its trace
    comes from pivoted Cholesky factors, which exist for singular covariances too, and no root of a matrix is taken.

    Only on the features of `fid_inception` is this the Frechet inception distance (FID). It falls with the number of
    samples: compare figures of equal counts alone.

    Args:
        real: Features `(n, dimensions)`, or their `Moments`.
        generated: Features `(m, dimensions)`, or their `Moments`.

    Returns:
        float, not negative; 0 for two sets of the same moments.

    Raises:
        ValueError: If a set has less than two rows, or NaN, or the dimensions differ.

    Warns:
        UserWarning: If a set has no more rows than dimensions: its covariance is singular, and the distance is biased.

    Example:
        >>> kerasgen.metrics.frechet_distance(real_features, generated_features)

    Reference:
        Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017, eq. 6.
        https://arxiv.org/abs/1706.08500
    """
    from scipy.linalg import svdvals

    real, generated = (side if isinstance(side, Moments) else Moments(side) for side in (real, generated))
    for name, side in (("real", real), ("generated", generated)):
        if side.count < 2:
            raise ValueError(f"A covariance needs two images at least. Received: {side.count} {name}")
    same_dimensions(real.mean, generated.mean)
    fewest = min(real.count, generated.count)
    if fewest <= len(real.mean):
        warnings.warn(
            f"{fewest} images for {len(real.mean)} features: the covariance is singular and the Frechet distance "
            "biased. Use more images than features, or compare only with figures of the same counts.",
            stacklevel=2,
        )
    shift = real.mean - generated.mean
    spread = np.trace(real.covariance) + np.trace(generated.covariance)
    common = svdvals(_factor(real.covariance).T @ _factor(generated.covariance)).sum()
    # Rounding may leave a few 1e-16 of the spread below zero.
    return max(0.0, float(shift @ shift + spread - 2 * common))


def _factor(covariance):
    """`L` with `L L^T = C`, of a symmetric positive semidefinite `C`: columns beyond the rank are zero."""
    from scipy.linalg.lapack import dpstrf

    packed, pivots, rank, _ = dpstrf(covariance, lower=1)
    lower = np.tril(packed)
    lower[:, rank:] = 0
    factor = np.empty_like(lower)
    factor[pivots - 1] = lower
    return factor


@keras.saving.register_keras_serializable("kerasgen")
class FrechetDistance(SampleMetric):
    """Streaming `frechet_distance`: it keeps two means and covariances in float64, whatever the number of images.

    Args:
        features: See `SampleMetric`: None (batches are features), a name, a feature network or a Keras model.
        name: str.

    Raises:
        ValueError: See `frechet_distance`.

    Example:
        >>> metric = kerasgen.metrics.FrechetDistance(features="mnist_classifier")
        >>> for images, _ in data.test:
        ...     metric.update_state(real=images)
        >>> metric.update_state(generated=model.generate(10_000, seed=0))
        >>> metric.result()

    Reference:
        Heusel et al., 2017, eq. 6. https://arxiv.org/abs/1706.08500
    """

    better = {"frechet_distance": "lower"}

    def __init__(self, features=None, name="frechet_distance"):
        super().__init__(features, name)

    def empty_state(self):
        """Moments of both sets."""
        return {"real": Moments(), "generated": Moments()}

    def result(self):
        """The distance, a float."""
        return frechet_distance(**self.state)

    def replicates(self, generated, resamples, seed):
        """The distances from the real moments to those of the draws; none above 256 features, or of too few images."""
        count, dimensions = generated.shape
        if dimensions > MOST_FOR_INTERVAL or count <= dimensions:
            return {}
        centre = generated.mean(axis=0, dtype="float64")
        rows = generated - centre
        distances = []
        for weight in bootstrap.weights(count, resamples, seed):
            mean = weight @ rows
            scatter = count * ((rows * weight[:, None]).T @ rows - np.outer(mean, mean))
            moments = {"count": np.array(count), "mean": centre + mean, "scatter": scatter}
            distances.append(frechet_distance(self.state["real"], Moments.from_arrays(moments)))
        return {"frechet_distance": np.array(distances)}
