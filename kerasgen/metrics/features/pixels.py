"""Features without training: the pixels, and a random projection of them."""

import numpy as np

from kerasgen.metrics.features.base import FeatureNetwork


class Pixels(FeatureNetwork):
    """The values of an image, as they are: `(n, height * width * channels)`."""

    name = "pixels"
    layers = {"features": "pixels"}
    cacheable = True

    def _compute(self, images, layers):
        return {"features": images.reshape(len(images), -1)}


class RandomProjection(FeatureNetwork):
    """A Gaussian random projection of the pixels, the same for all images of a size.

        f(x) = W x,    W_ij ~ N(0, 1 / dimensions)

    Distances between images are kept up to about `sqrt(2 / dimensions)` (Johnson and Lindenstrauss, 1984), so it is a
    cheap stand-in for the pixels where these are too many for a covariance.

    Args:
        dimensions: int. Number of features.
        seed: int. Of the projection.

    Example:
        >>> network = kerasgen.metrics.features.RandomProjection(dimensions=128)
    """

    name = "random_projection"
    layers = {"features": "projection"}
    cacheable = True

    def __init__(self, dimensions=64, seed=0):
        if dimensions < 1:
            raise ValueError(f"dimensions must be at least 1. Received: {dimensions}")
        self.dimensions = dimensions
        self.seed = seed
        self._matrix = None

    def _compute(self, images, layers):
        flat = images.reshape(len(images), -1)
        if self._matrix is None or len(self._matrix) != flat.shape[1]:
            draws = np.random.default_rng(self.seed).standard_normal((flat.shape[1], self.dimensions))
            self._matrix = (draws / np.sqrt(self.dimensions)).astype("float32")
        return {"features": flat @ self._matrix}

    def protocol(self, layers=("features",)):
        """As of any network, with what the projection depends on."""
        return {**super().protocol(layers), "dimensions": self.dimensions, "seed": self.seed}
