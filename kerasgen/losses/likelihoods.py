"""Likelihoods: what a decoder's linear units say about an image.

A decoder ends in linear units. Its likelihood owns the map from them to the mean image and the density of an image
given them, so that a model needs no branch for sigmoid, squared error or a learned scale. All values are nats, summed
over every axis but the batch, constants included: with a KL divergence in nats their sum is the negative evidence lower
bound.
"""

import math
import warnings
from numbers import Integral, Real

import keras
import numpy as np
from keras import ops

LINKS = {"sigmoid": ops.sigmoid, "identity": lambda outputs: outputs}

# Where a learned scale starts: about the error of a blurry reconstruction of an image in [0, 1].
INITIAL_SCALE = 0.1


class Likelihood(keras.layers.Layer):
    """Base of all likelihoods `p(x | outputs)`, factorised over pixels.

    A subclass gives `pointwise(outputs, targets)`, `mean(outputs)` and `quantile(outputs, probabilities)`. It is a
    layer because it may own weights (a learned scale), which are trained with the decoder. It always computes in
    float32: sums over pixels overflow in float16.

    Attributes:
        density: bool. True if `exp(-negative_log_likelihood)` is normalised (a density, or a probability) for every
            target in [0, 1]; False if it is so for binary targets only.
        link: `"sigmoid"` if the likelihood maps the units to [0, 1] itself, so that a decoder must not; None: it is not
            known.

    Args:
        **kwargs: `name` and `trainable` of `keras.layers.Layer`.
    """

    density = True
    link = None

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        # Weights, if any, are made in the constructor, so that a model that holds a likelihood is built at once.
        self.built = True

    def pointwise(self, outputs, targets):
        """Negative log-likelihood of each single value, nats, of the shape of `targets`."""
        raise NotImplementedError

    def mean(self, outputs):
        """Map the decoder's linear units to the mean (or location) of the image, of the same shape."""
        raise NotImplementedError

    def quantile(self, outputs, probabilities):
        """The value of each pixel below which it is with a probability: of uniform draws, a draw of the image.

        Args:
            outputs: Tensor `(batch, ...)`, the decoder's linear units.
            probabilities: Tensor of the same shape, between 0 and 1.

        Returns:
            Tensor of the same shape.
        """
        raise NotImplementedError

    def warn_unless_density(self, targets):
        """Warn where what is called a likelihood is not normalised: Bernoulli on grey values.

        Args:
            targets: NumPy array of images.
        """
        if not self.density and not np.isin(targets, (0.0, 1.0)).all():
            warnings.warn(
                "The Bernoulli likelihood of grey values is a cross-entropy, not a density: these figures compare only "
                "with figures of the same kind. Binarise the images for a likelihood.",
                stacklevel=3,
            )

    def negative_log_likelihood(self, outputs, targets):
        """Negative log-likelihood of each image, `-log p(targets | outputs)`.

        Args:
            outputs: Tensor `(batch, ...)`, the decoder's linear units.
            targets: Tensor of the same shape, in [0, 1] unless the link is `"identity"`.

        Returns:
            Tensor `(batch,)`, float32, nats: the sum over all axes but the first, constants included.

        Raises:
            ValueError: If the shapes differ, which would otherwise broadcast to a wrong sum.
        """
        shapes = tuple(outputs.shape[1:]), tuple(targets.shape[1:])
        if len(shapes[0]) != len(shapes[1]) or any(None not in pair and pair[0] != pair[1] for pair in zip(*shapes)):
            raise ValueError(
                "A likelihood compares value by value: outputs and targets must have one shape, but for the batch. "
                f"Received: outputs of shape {tuple(outputs.shape)}, targets of shape {tuple(targets.shape)}"
            )
        values = self.pointwise(ops.cast(outputs, "float32"), ops.cast(targets, "float32"))
        return ops.sum(values, axis=tuple(range(1, len(values.shape))))

    def call(self, outputs):
        """Return `mean(outputs)`: after a decoder, the layer gives images."""
        return self.mean(outputs)

    def get_config(self):
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["dtype"]  # Always float32, hence not an argument.
        return config


@keras.saving.register_keras_serializable("kerasgen")
class Bernoulli(Likelihood):
    """Bernoulli likelihood of pixels, from logits `l`.

        -log p(x | l) = sum softplus(l) - x l,    mean = sigmoid(l)

    For binary images this is a log-probability. For grey values in [0, 1] it is the cross-entropy between a pixel and
    its mean, the usual objective on MNIST, and not a density: its exponential does not integrate to one over [0, 1].

    Example:
        >>> Bernoulli().negative_log_likelihood(logits, images)    # (batch,) nats
    """

    density = False
    link = "sigmoid"

    def pointwise(self, outputs, targets):
        """`softplus(l) - x l` is `-x log p - (1 - x) log(1 - p)` at `p = sigmoid(l)`, without a logarithm of zero."""
        return ops.softplus(outputs) - targets * outputs

    def mean(self, outputs):
        """`sigmoid(l)`."""
        return ops.sigmoid(ops.cast(outputs, "float32"))

    def quantile(self, outputs, probabilities):
        """1 with the probability `sigmoid(l)`, else 0."""
        mean = self.mean(outputs)
        # A pixel whose mean is 1 is never 0, and one whose mean is 0 is never 1.
        ones = ops.logical_and(ops.greater_equal(probabilities, 1.0 - mean), ops.greater(mean, 0.0))
        return ops.cast(ones, "float32")


class ScaledLikelihood(Likelihood):
    """Base of the likelihoods with a location, `link(outputs)`, and one scale for all pixels.

    Attributes:
        log_scale: The logarithm of the scale: a float, or a scalar weight where the scale is learned.
    """

    def __init__(self, scale, link, **kwargs):
        super().__init__(**kwargs)
        if scale != "learned" and not (isinstance(scale, Real) and 0 < scale < math.inf):
            raise ValueError(f'scale must be a positive finite number or "learned". Received: {scale!r}')
        if link not in LINKS:
            raise ValueError(f"link must be one of {sorted(LINKS)}. Received: {link!r}")
        self.scale = scale
        self.link = link
        if scale == "learned":
            self.log_scale = self.add_weight(
                name="log_scale",
                shape=(),
                initializer=keras.initializers.Constant(math.log(INITIAL_SCALE)),
                autocast=False,
            )
        else:
            self.log_scale = math.log(scale)

    def mean(self, outputs):
        """`link(outputs)`."""
        return LINKS[self.link](ops.cast(outputs, "float32"))

    def quantile(self, outputs, probabilities):
        """The mean, and the scale times the quantile of the standard distribution."""
        inside = ops.clip(probabilities, 1e-7, 1 - 1e-7)
        scale = ops.exp(ops.convert_to_tensor(self.log_scale, dtype="float32"))
        return self.mean(outputs) + scale * self.standard_quantile(inside)

    def standard_quantile(self, probabilities):
        """Quantiles at location 0 and scale 1."""
        raise NotImplementedError

    def standardize(self, values):
        """Divide by the scale."""
        return values * ops.exp(-ops.convert_to_tensor(self.log_scale, dtype="float32"))

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "scale": self.scale, "link": self.link}


@keras.saving.register_keras_serializable("kerasgen")
class Gaussian(ScaledLikelihood):
    """Gaussian likelihood with one standard deviation `s` for all pixels.

        -log p(x | o) = sum (x - m)^2 / (2 s^2) + log s + log(2 pi) / 2,    m = link(o)

    Scale `sqrt(1/2)`, variance 1/2, named `"squared_error"`, is the summed squared error plus the constant
    `log(pi) / 2` a pixel. This is a density on the real line: its negative logarithm may be below zero, and does not
    compare with probabilities of 8-bit images.

    Args:
        scale: Positive float, the standard deviation, or `"learned"`: one trained scalar that starts at 0.1. Defaults
            to 1.
        link: `"sigmoid"` for images in [0, 1], or `"identity"` for unbounded targets. Defaults to `"sigmoid"`.
        **kwargs: `name` and `trainable` of `keras.layers.Layer`.

    Raises:
        ValueError: If `scale` or `link` is none of these.

    Example:
        >>> Gaussian(scale="learned").negative_log_likelihood(outputs, images)    # (batch,) nats

    Reference:
        Rybkin et al., "Simple and Effective VAE Training with Calibrated Decoders", 2021 (the learned scale).
        https://arxiv.org/abs/2006.13202
    """

    def __init__(self, scale=1.0, link="sigmoid", **kwargs):
        super().__init__(scale, link, **kwargs)

    def pointwise(self, outputs, targets):
        """Negative log-density of each value, nats."""
        error = self.standardize(targets - self.mean(outputs))
        return 0.5 * ops.square(error) + self.log_scale + 0.5 * math.log(2 * math.pi)

    def standard_quantile(self, probabilities):
        """`sqrt(2) erfinv(2 p - 1)`."""
        return math.sqrt(2) * ops.erfinv(2 * probabilities - 1)


@keras.saving.register_keras_serializable("kerasgen")
class Laplace(ScaledLikelihood):
    """Laplace likelihood with one scale `b` for all pixels: absolute error, less moved by outliers than the Gaussian.

        -log p(x | o) = sum |x - m| / b + log(2 b),    m = link(o)

    Args:
        scale: Positive float `b` (the mean absolute error), or `"learned"`: one trained scalar, starting at 0.1.
            Defaults to 1.
        link: `"sigmoid"` for images in [0, 1], or `"identity"` for unbounded targets. Defaults to `"sigmoid"`.
        **kwargs: `name` and `trainable` of `keras.layers.Layer`.

    Raises:
        ValueError: If `scale` or `link` is none of these.

    Example:
        >>> Laplace(scale=0.1).negative_log_likelihood(outputs, images)    # (batch,) nats
    """

    def __init__(self, scale=1.0, link="sigmoid", **kwargs):
        super().__init__(scale, link, **kwargs)

    def pointwise(self, outputs, targets):
        """Negative log-density of each value, nats."""
        error = self.standardize(targets - self.mean(outputs))
        return ops.abs(error) + self.log_scale + math.log(2)

    def standard_quantile(self, probabilities):
        """`log 2p` below the median, `-log 2(1 - p)` above."""
        below, above = ops.log(2 * probabilities), -ops.log(2 * (1 - probabilities))
        return ops.where(probabilities < 0.5, below, above)


@keras.saving.register_keras_serializable("kerasgen")
class DiscretizedLogistic(ScaledLikelihood):
    """Probability of an 8-bit pixel under a logistic distribution of its intensity, integrated over the pixel's bin.

        P(x | o) = F((x + h - m) / s) - F((x - h - m) / s),    m = sigmoid(o),    h = 1 / (2 (levels - 1))

    with the logistic function `F`. The first bin is open to the left and the last to the right, so the probabilities of
    all levels add up to one. Targets are rounded to the nearest level. As a probability of a real 8-bit image it
    compares between papers: nats / (dimensions x log 2) is bits a dimension.

    Args:
        scale: Positive float `s`, or `"learned"`: one trained scalar, starting at 0.1. Defaults to `"learned"`.
        levels: int, at least 2. The number of intensities from 0 to 1. Defaults to 256.
        **kwargs: `name` and `trainable` of `keras.layers.Layer`.

    Raises:
        ValueError: If `scale` or `levels` is none of these.

    Example:
        >>> DiscretizedLogistic().negative_log_likelihood(outputs, images)    # (batch,) nats

    Reference:
        Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", 2016 (one component, as here),
        and Salimans et al., "PixelCNN++", 2017, eq. 2 (mixture, open end bins). https://arxiv.org/abs/1701.05517

    Notes:
        `mean` is the location of the logistic, which is the mean of the image up to what the open end bins cut off.
    """

    def __init__(self, scale="learned", levels=256, **kwargs):
        super().__init__(scale, "sigmoid", **kwargs)
        if not isinstance(levels, Integral) or levels < 2:
            raise ValueError(f"levels must be an int of at least 2. Received: {levels!r}")
        self.levels = levels

    def pointwise(self, outputs, targets):
        """Negative log-probability of each value's bin, nats.

        With a = (x + h - m) / s and b = (x - h - m) / s,  F(a) - F(b) = F(a) F(-b) (1 - exp(b - a)).  The logarithm of
        this product has no difference of nearly equal numbers: it is exact however far m is from x.
        """
        steps = self.levels - 1
        level = ops.round(targets * steps)
        centre = level / steps - self.mean(outputs)
        log_below_upper = ops.log_sigmoid(self.standardize(centre + 0.5 / steps))
        log_above_lower = ops.log_sigmoid(-self.standardize(centre - 0.5 / steps))
        log_width = ops.log(-ops.expm1(-self.standardize(1.0 / steps)))
        log_probability = log_below_upper + log_above_lower + log_width
        log_probability = ops.where(level <= 0, log_below_upper, log_probability)
        return -ops.where(level >= steps, log_above_lower, log_probability)

    def standard_quantile(self, probabilities):
        """`log p / (1 - p)`."""
        return ops.log(probabilities) - ops.log1p(-probabilities)

    def quantile(self, outputs, probabilities):
        """That of the logistic, rounded to the nearest of the levels."""
        steps = self.levels - 1
        return ops.round(ops.clip(super().quantile(outputs, probabilities), 0, 1) * steps) / steps

    def get_config(self):
        """Return the constructor's arguments."""
        config = {**super().get_config(), "levels": self.levels}
        del config["link"]  # Intensities have two ends, so the link is always the sigmoid.
        return config


LIKELIHOODS = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "squared_error": lambda: Gaussian(scale=math.sqrt(0.5)),
    "laplace": Laplace,
    "discretized_logistic": DiscretizedLogistic,
}


def get(identifier):
    """Return the likelihood that a name, a config or an object stands for.

    Args:
        identifier: `"bernoulli"`, `"gaussian"`, `"squared_error"` (Gaussian of variance 1/2), `"laplace"` or
            `"discretized_logistic"`, each with its defaults; a dict as `keras.saving.serialize_keras_object` gives it;
            or a `Likelihood`, which is returned as it is.

    Returns:
        A `Likelihood`.

    Raises:
        ValueError: If there is no such likelihood.

    Example:
        >>> get("gaussian").scale
        1.0
    """
    if isinstance(identifier, str) and identifier in LIKELIHOODS:
        return LIKELIHOODS[identifier]()
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, Likelihood):
        return identifier
    raise ValueError(
        f"A likelihood is one of the names {sorted(LIKELIHOODS)}, a config of one or a Likelihood object. "
        f"Received: {identifier!r}"
    )
