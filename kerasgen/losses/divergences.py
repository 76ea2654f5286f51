"""Kullback-Leibler divergences between Gaussians with diagonal covariance, in closed form.

Variances come as logarithms, as encoders give them. Everything is computed in float32, per dimension: the sum over the
last axis is the divergence in nats. Written with `expm1(d) - d`, which is never negative and keeps its digits where the
variances are nearly equal.
"""

from keras import ops


def kl_standard_normal(mean, log_variance):
    """KL divergence from a Gaussian to the standard normal, `KL(N(m, v) || N(0, 1))`, per dimension.

        KL = (m^2 + v - 1 - log v) / 2

    Args:
        mean: Tensor `(batch, latent_dim)`, `m`.
        log_variance: Tensor `(batch, latent_dim)`, `log v`.

    Returns:
        Tensor `(batch, latent_dim)`, float32, nats.

    Example:
        >>> kl_standard_normal(ops.zeros((1, 2)), ops.zeros((1, 2)))
        [[0.0, 0.0]]

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, Appendix B. https://arxiv.org/abs/1312.6114
    """
    mean, log_variance = (ops.cast(value, "float32") for value in (mean, log_variance))
    return 0.5 * (ops.square(mean) + ops.expm1(log_variance) - log_variance)


def kl_gaussians(mean, log_variance, other_mean, other_log_variance):
    """KL divergence from one Gaussian to another, `KL(N(m, v) || N(n, w))`, per dimension.

        KL = (v / w - 1 - log(v / w) + (m - n)^2 / w) / 2

    Args:
        mean: Tensor `(batch, latent_dim)`, `m`.
        log_variance: Tensor `(batch, latent_dim)`, `log v`.
        other_mean: Tensor that broadcasts to the same shape, `n`.
        other_log_variance: Tensor that broadcasts to the same shape, `log w`.

    Returns:
        Tensor `(batch, latent_dim)`, float32, nats.

    Example:
        >>> kl_gaussians(ops.ones((1, 2)), ops.zeros((1, 2)), ops.zeros((1, 2)), ops.zeros((1, 2)))
        [[0.5, 0.5]]
    """
    mean, log_variance, other_mean, other_log_variance = (
        ops.cast(value, "float32") for value in (mean, log_variance, other_mean, other_log_variance)
    )
    log_ratio = log_variance - other_log_variance
    distance = ops.square(mean - other_mean) * ops.exp(-other_log_variance)
    return 0.5 * (ops.expm1(log_ratio) - log_ratio + distance)
