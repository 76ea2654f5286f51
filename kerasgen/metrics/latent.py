"""What the latent dimensions of a VAE carry."""

import numpy as np


def kl_per_dimension(mean, log_variance):
    """KL divergence of each latent dimension's posterior to the standard normal prior, averaged over the images.

        KL_j = E_x[ (mean_j^2 + exp(log_variance_j) - 1 - log_variance_j) / 2 ]

    Args:
        mean: Array `(n, latent_dim)`, the posterior means of n images.
        log_variance: Array `(n, latent_dim)`, the logarithms of their variances.

    Returns:
        float64 array `(latent_dim,)`, nats an image. Its sum is the KL term of the evidence lower bound.

    Raises:
        ValueError: If the two differ in shape, or are no matrices.

    Example:
        >>> kl = kerasgen.metrics.latent.kl_per_dimension(*model.posterior(images))

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, appendix B. https://arxiv.org/abs/1312.6114
    """
    mean, log_variance = _matrix(mean), _matrix(log_variance)
    if mean.shape != log_variance.shape:
        raise ValueError(
            f"Means and log-variances must have the same shape. Received: {mean.shape} and {log_variance.shape}"
        )
    return np.mean(0.5 * (mean**2 + np.expm1(log_variance) - log_variance), axis=0)


def active_units(mean, threshold=0.01):
    """The number of latent dimensions that depend on the image: `active_dimensions`, counted.

    Args:
        mean: Array `(n, latent_dim)`, the posterior means of n images.
        threshold: float. The variance above which a dimension counts as active.

    Returns:
        int.

    Raises:
        ValueError: If `mean` is no matrix.

    Example:
        >>> kerasgen.metrics.latent.active_units(model.encode(images))

    Reference:
        Burda et al., "Importance Weighted Autoencoders", 2016, section 5.2. https://arxiv.org/abs/1509.00519
    """
    return int(active_dimensions(mean, threshold).sum())


def active_dimensions(mean, threshold=0.01):
    """Which latent dimensions depend on the image: the variance of their posterior mean is above a threshold.

    Args:
        mean: Array `(n, latent_dim)`, the posterior means of n images.
        threshold: float.

    Returns:
        bool array `(latent_dim,)`.

    Raises:
        ValueError: If `mean` is no matrix.

    Example:
        >>> kerasgen.metrics.latent.active_dimensions(model.encode(images))

    Reference:
        Burda et al., "Importance Weighted Autoencoders", 2016, section 5.2. https://arxiv.org/abs/1509.00519
    """
    return np.var(_matrix(mean), axis=0) > threshold


def _matrix(values):
    values = np.asarray(values, "float64")
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(f"Posterior parameters must be an array (n, latent_dim). Received: shape {values.shape}")
    return values
