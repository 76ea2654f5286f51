"""A Gaussian mixture fitted to latents: what makes a plain autoencoder generate."""

import zipfile
from pathlib import Path

import numpy as np

from kerasgen.files import replace


class GaussianMixture:
    """Mixture of Gaussians with full covariances, fitted to the latents of training images.

        p(z) = sum_k weights[k] N(z; means[k], covariances[k])

    A plain autoencoder's latents follow no known distribution, so draws from a standard normal fall where its decoder
    has never been. This mixture is fitted to them after training. It serves any decoder.

    Args:
        components: int. Gaussians in the mixture. Defaults to 10.

    Attributes:
        weights: NumPy array `(components,)`, or None before `fit`.
        means: NumPy array `(components, latent_dim)`, or None before `fit`.
        covariances: NumPy array `(components, latent_dim, latent_dim)`, or None before `fit`.

    Raises:
        ValueError: If `components` is not positive.

    Example:
        >>> sampler = GaussianMixture(10).fit(model.encode(images))
        >>> pictures = model.generate(64, sampler=sampler)

    Reference:
        Ghosh et al., "From Variational to Deterministic Autoencoders", 2020 (section 4: ex-post density
        estimation, with 10 components). https://arxiv.org/abs/1903.12436
    """

    def __init__(self, components=10):
        if components < 1:
            raise ValueError(f"components must be a positive int. Received: {components!r}")
        self.components = components
        self.weights = self.means = self.covariances = None

    def fit(self, latents, seed=0):
        """Fit the mixture by expectation maximisation (scikit-learn).

        Args:
            latents: Array `(n, latent_dim)`, at least as many rows as components.
            seed: int. Seed of the first guess. Defaults to 0.

        Returns:
            The sampler itself.

        Raises:
            ValueError: If the latents are not a finite matrix with enough rows.
        """
        from sklearn import mixture

        latents = np.asarray(latents, "float64")
        if latents.ndim != 2 or len(latents) < self.components or not np.isfinite(latents).all():
            raise ValueError(
                f"A mixture of {self.components} needs finite latents (n, latent_dim), n >= {self.components}: pass "
                f"those of training images, as model.encode gives them. Received: shape {latents.shape}, "
                f"{np.count_nonzero(~np.isfinite(latents))} values not finite"
            )
        fitted = mixture.GaussianMixture(self.components, random_state=seed).fit(latents)
        self.weights, self.means, self.covariances = fitted.weights_, fitted.means_, fitted.covariances_
        return self

    def sample(self, count, seed=None):
        """Draw latents.

        Args:
            count: int. How many.
            seed: int or None. Equal seeds give equal latents; None gives new ones at each call.

        Returns:
            NumPy array `(count, latent_dim)`, float32, in random order of the components.

        Raises:
            ValueError: If the mixture is not fitted.
        """
        self.check_fitted()
        generator = np.random.default_rng(seed)
        component = generator.choice(self.components, size=count, p=self.weights)
        noise = generator.standard_normal((count, self.means.shape[1]))
        latents = self.means[component]
        for index, root in enumerate(np.linalg.cholesky(self.covariances)):
            chosen = component == index
            latents[chosen] += noise[chosen] @ root.T
        return latents.astype("float32")

    def save(self, path):
        """Write the fitted mixture to `path`, an `.npz` file of plain arrays.

        Raises:
            ValueError: If the mixture is not fitted.
        """
        self.check_fitted()

        def write(beside):
            with open(beside, "wb") as file:  # Given a name, NumPy would add an ending to it.
                np.savez(file, weights=self.weights, means=self.means, covariances=self.covariances)

        replace(path, write)

    @classmethod
    def load(cls, path):
        """Read a mixture that `save` wrote. Nothing pickled is read.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged, or no file of a mixture.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                # `save` packs nothing: a few packed bytes can ask for all memory.
                if sum(member.file_size for member in archive.infolist()) > Path(path).stat().st_size:
                    raise ValueError("it unpacks to more than it holds")
            with np.load(path, allow_pickle=False) as file:
                weights, means, covariances = (file[name] for name in ("weights", "means", "covariances"))
            count, size = means.shape
            if (weights.shape, covariances.shape) != ((count,), (count, size, size)):
                raise ValueError(f"shapes {weights.shape}, {means.shape} and {covariances.shape}")
            if not all(np.isfinite(part).all() for part in (weights, means, covariances)):
                raise ValueError("numbers that are not finite")
        except (FileNotFoundError, PermissionError):
            raise
        except Exception as error:  # a damaged file may raise anything
            raise ValueError(
                "This file is damaged, or holds no mixture: fit one anew, and `save` it "
                f"({' '.join(str(error).split()) or type(error).__name__}). Received: {path}"
            ) from error
        sampler = cls(count)
        sampler.weights, sampler.means, sampler.covariances = weights, means, covariances
        return sampler

    def check_fitted(self):
        """Raise a `ValueError` before `fit`."""
        if self.weights is None:
            raise ValueError(
                "The mixture knows no latents yet: call fit(model.encode(images)) first. "
                f"Received: GaussianMixture(components={self.components}) before fit"
            )
