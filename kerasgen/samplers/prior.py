"""The prior of a variational autoencoder as a sampler of latents."""

import numpy as np


class Prior:
    """The standard normal, from which a variational autoencoder's decoder expects its latents.

    Args:
        latent_dim: int. Dimensions of the latent space.

    Attributes:
        weights: NumPy array `(1,)`. These three are those of a `GaussianMixture` of one component.
        means: NumPy array `(1, latent_dim)`.
        covariances: NumPy array `(1, latent_dim, latent_dim)`.

    Raises:
        ValueError: If `latent_dim` is not positive.

    Example:
        >>> Prior(latent_dim=16).sample(64, seed=1).shape
        (64, 16)
    """

    def __init__(self, latent_dim):
        if latent_dim < 1:
            raise ValueError(f"latent_dim must be a positive int. Received: {latent_dim!r}")
        self.latent_dim = latent_dim
        self.weights, self.means, self.covariances = np.ones(1), np.zeros((1, latent_dim)), np.eye(latent_dim)[None]

    def sample(self, count, seed=None):
        """Draw latents.

        Args:
            count: int. How many.
            seed: int or None. Equal seeds give equal latents; None gives new ones at each call.

        Returns:
            NumPy array `(count, latent_dim)`, float32.
        """
        return np.random.default_rng(seed).standard_normal((count, self.latent_dim), dtype="float32")
