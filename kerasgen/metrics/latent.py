"""What the latent dimensions of a VAE carry."""

import keras
import numpy as np

from kerasgen.metrics.accumulators import Mean, Moments
from kerasgen.metrics.base import StreamingMetric


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
    return np.mean(_divergences(mean, log_variance), axis=0)


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


@keras.saving.register_keras_serializable("kerasgen")
class KLPerDimension(StreamingMetric):
    """Streaming `kl_per_dimension`.

    Args:
        name: str.

    Raises:
        ValueError: See `kl_per_dimension`; or if there was no image.

    Example:
        >>> metric = kerasgen.metrics.KLPerDimension()
        >>> metric.update_state(*model.posterior(images))
        >>> metric.result()["kl"], metric.per_dimension()

    Reference:
        Kingma and Welling, 2014, appendix B. https://arxiv.org/abs/1312.6114
    """

    def __init__(self, name="kl_per_dimension"):
        super().__init__(name)

    def empty_state(self):
        """The mean over images of each dimension's divergence."""
        return {"kl": Mean()}

    def update_state(self, mean, log_variance):
        """Take in the posteriors of a batch of images: two arrays `(n, latent_dim)`."""
        self.state["kl"].add(_divergences(mean, log_variance))

    def per_dimension(self):
        """What `kl_per_dimension` gives for all batches so far: float64 array `(latent_dim,)`, nats an image."""
        if not self.state["kl"].count:
            raise ValueError("There must be an image to measure. Received: none")
        return self.state["kl"].mean

    def result(self):
        """Dict: "kl", the sum over dimensions, nats an image."""
        return {"kl": float(self.per_dimension().sum())}


@keras.saving.register_keras_serializable("kerasgen")
class ActiveUnits(StreamingMetric):
    """Streaming `active_units`.

    Args:
        threshold: float. The variance above which a dimension counts as active.
        name: str.

    Raises:
        ValueError: If the means are no matrix or not finite; or if there was no image.

    Example:
        >>> metric = kerasgen.metrics.ActiveUnits()
        >>> metric.update_state(model.encode(images))
        >>> metric.result()["active_units"]

    Reference:
        Burda et al., 2016, section 5.2. https://arxiv.org/abs/1509.00519
    """

    def __init__(self, threshold=0.01, name="active_units"):
        super().__init__(name)
        self.threshold = threshold

    def empty_state(self):
        """Moments of the posterior means."""
        return {"mean": Moments()}

    def update_state(self, mean):
        """Take in the posterior means of a batch of images, an array `(n, latent_dim)`."""
        self.state["mean"].add(mean)

    def result(self):
        """Dict: "active_units", a whole number as a float."""
        moments = self.state["mean"]
        if not moments.count:
            raise ValueError("There must be an image to measure. Received: none")
        # The variance of these very images, as `active_dimensions` takes it, and not an estimate for others.
        variance = np.diagonal(moments.arrays()["scatter"]) / moments.count
        return {"active_units": float(np.sum(variance > self.threshold))}

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "threshold": self.threshold}


def _divergences(mean, log_variance):
    """The divergence of each image and dimension, `(n, latent_dim)`."""
    mean, log_variance = _matrix(mean), _matrix(log_variance)
    if mean.shape != log_variance.shape:
        raise ValueError(
            f"Means and log-variances must have the same shape. Received: {mean.shape} and {log_variance.shape}"
        )
    return 0.5 * (mean**2 + np.expm1(log_variance) - log_variance)


def _matrix(values):
    values = np.asarray(keras.ops.convert_to_numpy(values) if keras.ops.is_tensor(values) else values, "float64")
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(f"Posterior parameters must be an array (n, latent_dim). Received: shape {values.shape}")
    return values
