"""Streaming metrics of the likelihood of images under a model with a decoder."""

import math

import keras
import numpy as np
from keras import ops

from kerasgen.metrics.accumulators import Moments
from kerasgen.metrics.annealing import annealed_importance_sampling, bidirectional_monte_carlo
from kerasgen.metrics.base import StreamingMetric

# Values of images that `NegativeLogLikelihood` decodes at once: 64 MB.
VALUES = 1 << 24


def bits_per_dimension(nats, dimensions, levels=None):
    """What an image takes in an ideal code, in bits for each of its values, from its negative log-likelihood.

        bits = nats / (D log 2)                       of a probability of the values, such as `DiscretizedLogistic`
        bits = nats / (D log 2) + log2(levels)        of a density of values in [0, 1)

    The second is for dequantised values, `x = (k + u) / levels` with a level `k` and `u` uniform in [0, 1): a level has
    a bin of the width `1 / levels`, and with the probability `P(k) = int p((k + u) / levels) du / levels` of it,

        E_u[-log p(x)] + D log(levels)  >=  -log P(k)

    by Jensen's inequality, so the figure is not below the bits of the levels themselves. Of values that were not
    dequantised (the images of kerasgen, `k / 255`) a density has no such bound: it can be arbitrarily high at the
    levels. Nor has the Bernoulli likelihood of grey values, which is no density.

    Args:
        nats: float or array. Negative log-likelihood of an image, the sum over its values.
        dimensions: int. The number `D` of values: height x width x channels.
        levels: int or None. Of dequantised values with a density: how many levels [0, 1) was divided into, 256 for 8
            bits. None: `nats` are of a probability.

    Returns:
        Bits a dimension, of the shape of `nats`.

    Raises:
        ValueError: If there is no dimension, or less than two levels.

    Example:
        >>> kerasgen.metrics.bits_per_dimension(1500.0, 28 * 28)
        2.76...

    Reference:
        Theis et al., "A note on the evaluation of generative models", 2016, section 3.1.
        https://arxiv.org/abs/1511.01844
    """
    if dimensions < 1 or (levels is not None and levels < 2):
        raise ValueError(
            f"There must be a dimension, and two levels or None. Received: dimensions={dimensions}, levels={levels}"
        )
    return nats / (dimensions * math.log(2)) + (0 if levels is None else math.log2(levels))


class _LikelihoodMetric(StreamingMetric):
    """What the two metrics share: a model, and the moments over images of an estimate of log p(x)."""

    #: The name of the figure; with "_error" that of its standard error; and of the same in bits a dimension.
    figure = bits = None

    def __init__(self, model, seed, name):
        super().__init__(name)
        self.model = model
        self.seed = seed

    def empty_state(self):
        """Moments of -log p(x)."""
        return {"nats": Moments()}

    def estimate(self, images, labels):
        """Estimates of log p(x), an array `(n,)`, nats."""
        raise NotImplementedError

    def update_state(self, images, labels=None):
        """Take in a batch of images `(n, height, width, channels)`, with labels where the model takes some."""
        images = ops.convert_to_numpy(images) if ops.is_tensor(images) else np.asarray(images)
        labels = ops.convert_to_numpy(labels) if ops.is_tensor(labels) else labels
        self.state["nats"].add(-self.estimate(images, labels)[:, None])

    def result(self):
        """Dict of floats: the figure, its standard error over images (NaN for a single one), and bits a dimension.

        The latter where the likelihood is a probability of levels (`DiscretizedLogistic`): see `bits_per_dimension`.
        """
        moments = self.state["nats"]
        if not moments.count:
            raise ValueError("There must be an image to measure. Received: none")
        figures = _mean_and_error(moments, self.figure)
        if hasattr(self.model.likelihood, "levels"):
            figures[self.bits] = bits_per_dimension(figures[self.figure], math.prod(self.model.image_shape))
        return figures

    def get_config(self):
        """The constructor's arguments but the model, which has a file of its own."""
        return {**super().get_config(), "seed": self.seed}


def _mean_and_error(moments, name):
    """A mean over images, and its standard error."""
    error = math.sqrt(moments.variance[0] / moments.count) if moments.count > 1 else math.nan
    return {name: float(moments.mean[0]), f"{name}_error": error}


@keras.saving.register_keras_serializable("kerasgen")
class NegativeLogLikelihood(_LikelihoodMetric):
    """Streaming mean of `-VAE.log_likelihood`: the importance-weighted bound, in nats an image.

        -E_x log p(x)  <=  -E_x E[log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x)],    z_k ~ q(z | x)

    The result does not depend on how the images are cut into batches or ordered: each image has draws of its own.

    Args:
        model: `kerasgen.models.VAE`, or another model with its `log_likelihood`.
        samples: int. The number `K` of draws an image. The bound rises with it: it belongs beside the figure.
        seed: int. Of the draws.
        name: str.

    Raises:
        ValueError: If `samples` is below 1, or there was no image.

    Example:
        >>> metric = kerasgen.metrics.NegativeLogLikelihood(model, samples=1000)
        >>> for images, _ in data.test:
        ...     metric.update_state(images)
        >>> metric.result()["negative_log_likelihood"]

    Reference:
        Burda et al., "Importance Weighted Autoencoders", 2016, eq. 8. https://arxiv.org/abs/1509.00519
    """

    figure = "negative_log_likelihood"
    bits = "bits_per_dimension"
    better = {"negative_log_likelihood": "lower", "bits_per_dimension": "lower"}

    def __init__(self, model, samples=100, seed=0, name="negative_log_likelihood"):
        super().__init__(model, seed, name)
        self.samples = samples

    def estimate(self, images, labels):
        """See `VAE.log_likelihood`."""
        chunk = max(1, VALUES // math.prod(images.shape[1:]))
        return self.model.log_likelihood(images, labels, samples=self.samples, seed=self.seed, chunk=chunk)

    def get_config(self):
        """The constructor's arguments but the model, which has a file of its own."""
        return {**super().get_config(), "samples": self.samples}


@keras.saving.register_keras_serializable("kerasgen")
class AnnealedImportanceSampling(_LikelihoodMetric):
    """Streaming mean of `-annealed_importance_sampling`, in nats an image, and how far it may be from the truth.

    The latter, "negative_log_likelihood_ais_gap", is the mean gap of `bidirectional_monte_carlo` between bounds from
    both sides, of images that are drawn from the model: in expectation the figure of such images is too high by no more
    than that. Where decoders take labels, these are the classes in turn.

    It costs `(chains + 4) * steps * leapfrog_steps` gradients of the decoder an image: for 100 images of MNIST and a
    dense decoder of 16-256-512-784 units two to eight minutes on two CPU cores. Hence it is for some hundred images.

    Args:
        model: With a `decoder` and a `likelihood`.
        chains: int. Chains an image.
        steps: int. Temperatures.
        leapfrog_steps: int. Of a Hamiltonian move.
        seed: int. Of the draws.
        simulated: int. Images that the gap is measured on, each at the price of two others. 0: no gap.
        name: str.

    Raises:
        ValueError: See `annealed_importance_sampling`; or if there was no image.

    Example:
        >>> metric = kerasgen.metrics.AnnealedImportanceSampling(model)
        >>> metric.update_state(binary_images[:100])
        >>> metric.result()["negative_log_likelihood_ais"]

    Reference:
        Wu et al., "On the Quantitative Analysis of Decoder-Based Generative Models", 2017.
        https://arxiv.org/abs/1611.04273
    """

    figure = "negative_log_likelihood_ais"
    bits = "bits_per_dimension_ais"
    better = {
        "negative_log_likelihood_ais": "lower",
        "negative_log_likelihood_ais_gap": "lower",
        "bits_per_dimension_ais": "lower",
    }

    def __init__(
        self,
        model,
        chains=16,
        steps=500,
        leapfrog_steps=10,
        seed=0,
        simulated=20,
        name="annealed_importance_sampling",
    ):
        super().__init__(model, seed, name)
        self.simulated = simulated
        self.chains = chains
        self.steps = steps
        self.leapfrog_steps = leapfrog_steps

    def estimate(self, images, labels):
        """See `annealed_importance_sampling`."""
        return annealed_importance_sampling(
            self.model, images, labels, self.chains, self.steps, self.leapfrog_steps, self.seed
        )

    def result(self):
        """As of any likelihood, and "negative_log_likelihood_ais_gap" with its standard error over drawn images."""
        figures = super().result()
        if self.simulated:
            settings = (self.chains, self.steps, self.leapfrog_steps, self.seed)
            lower, upper = bidirectional_monte_carlo(self.model, self.simulated, None, *settings)
            gaps = Moments((upper - lower)[:, None])
            figures |= _mean_and_error(gaps, f"{self.figure}_gap")
        return figures

    def get_config(self):
        """The constructor's arguments but the model, which has a file of its own."""
        own = {"chains": self.chains, "steps": self.steps, "leapfrog_steps": self.leapfrog_steps}
        return {**super().get_config(), **own, "simulated": self.simulated}
