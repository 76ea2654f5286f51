"""The likelihood of images under a model with a decoder: two estimates of log p(x), and streaming metrics of them."""

import itertools
import math
import zlib

import keras
import numpy as np
from keras import ops

from kerasgen.engine import input_gradient
from kerasgen.metrics.accumulators import Moments
from kerasgen.metrics.base import StreamingMetric

# The sigmoid of the schedule runs from -4 to 4, as in Wu et al.
SCHEDULE_REACH = 4.0
# Of the chains that choose the step size: how many an image, the size at first, the acceptance that they seek (Wu et
# al.; Neal, 2011, section 5.4.4) and by how much the logarithm of the size moves with a difference to it.
PILOTS = 4
FIRST_STEP_SIZE = 0.1
ACCEPTANCE = 0.65
ADAPTATION = 0.2
# Values of images that `NegativeLogLikelihood` decodes at once: 64 MB.
VALUES = 1 << 24


def annealed_importance_sampling(
    model, images, labels=None, chains=16, steps=500, leapfrog_steps=10, seed=0, chunk=500
):
    """Estimate `log p(x)` by annealed importance sampling from the prior `N(0, I)`.

    Latents wander from the prior to the posterior through the distributions

        p_t(z) ~ p(z) p(x | z)^b_t,    b_t = (sigmoid(4 (2 t / T - 1)) - sigmoid(-4)) / (sigmoid(4) - sigmoid(-4))

    each by one Hamiltonian Monte Carlo move a temperature, and collect the weight

        log w = sum_{t=1..T} (b_t - b_{t-1}) log p(x | z_{t-1}),    log p(x) >= E[log 1/C sum_c w_c]

    over C independent chains. As `E[w] = p(x)`, the estimate is a lower bound in expectation, tight for many
    temperatures. It needs no encoder, so it measures the decoder alone, and often lies above the importance-weighted
    bound of `VAE.log_likelihood`, which stays loose where the encoder is poor. With one temperature it is plain
    importance sampling from the prior.

    Args:
        model: With a `decoder` from latents to linear units and a `likelihood`: `kerasgen.models.VAE`, or any
            `GenerativeModel` with these two. Its prior is taken to be N(0, I).
        images: Array `(n, height, width, channels)` in [0, 1].
        labels: int array `(n,)` where the decoder takes labels.
        chains: int. The number `C` an image; four more are run to choose the step size.
        steps: int. The number `T` of temperatures above 0.
        leapfrog_steps: int. Of a Hamiltonian move, each at the price of a gradient.
        seed: int. The draws of an image depend on it and on the image: neither on `chunk`, nor on what other images it
            comes with, or in which order.
        chunk: int. How many latents move at once: bounds the memory. One image's chains stay together.

    Returns:
        float64 array `(n,)`, nats.

    Raises:
        ValueError: If `chains`, `steps` or `leapfrog_steps` is below 1, there is no image, values are not finite, or
            labels lack.

    Warns:
        UserWarning: If the likelihood is Bernoulli and the images are grey: a cross-entropy is no density.

    Example:
        >>> binary = (images[:100] > 0.5).astype("float32")
        >>> kerasgen.metrics.annealed_importance_sampling(model, binary).mean()

    Reference:
        Neal, "Annealed Importance Sampling", 2001. https://arxiv.org/abs/physics/9803008
        Wu et al., "On the Quantitative Analysis of Decoder-Based Generative Models", 2017.
        https://arxiv.org/abs/1611.04273

    Notes:
        Wu et al. adapt each chain's step size to its own past, which breaks `E[w] = p(x)` by a little: a chain's move
        must not depend on how it came. Here the pilot chains choose the size for the others, and carry no weight.
    """
    if min(chains, steps, leapfrog_steps) < 1:
        raise ValueError(
            "chains, steps and leapfrog_steps must be at least 1. "
            f"Received: chains={chains}, steps={steps}, leapfrog_steps={leapfrog_steps}"
        )
    images = np.asarray(images, "float32")
    if not images.size or not np.isfinite(images).all():
        raise ValueError(
            "Expected images (n, height, width, channels) of finite numbers, one at least. "
            f"Received: shape {images.shape}, {np.sum(~np.isfinite(images))} values that are not finite"
        )
    if model.conditional and labels is None:
        raise ValueError("The networks of this model take labels: pass `labels=`. Received: labels=None")
    model.likelihood.warn_unless_density(images)
    schedule = 1 / (1 + np.exp(-SCHEDULE_REACH * np.linspace(-1, 1, steps + 1)))
    temperatures = (schedule - schedule[0]) / (schedule[-1] - schedule[0])
    at_once = max(1, chunk // (chains + PILOTS))
    trajectory = _Trajectory(model, leapfrog_steps)
    log_weights = np.empty((len(images), chains))
    with model.weights_in_use(averaged=True):
        for start in range(0, len(images), at_once):
            part = slice(start, start + at_once)
            part_labels = None if labels is None else np.asarray(labels)[part]
            walkers = _Walkers(trajectory, images[part], part_labels, chains + PILOTS, seed)
            log_weights[part] = _anneal(walkers, temperatures, chains)
    return np.logaddexp.reduce(log_weights, axis=1) - math.log(chains)


def _anneal(walkers, temperatures, chains):
    """The logarithms of the weights of all chains but the pilots: array `(n, chains)`."""
    log_weights = np.zeros_like(walkers.log_likelihoods)
    log_sizes = np.full(len(log_weights), math.log(FIRST_STEP_SIZE))
    for before, temperature in itertools.pairwise(temperatures):
        log_weights += (temperature - before) * walkers.log_likelihoods
        if temperature < 1:  # What comes after the last weight does not count.
            acceptance = walkers.move(temperature, np.exp(log_sizes))
            log_sizes += ADAPTATION * (acceptance[:, chains:].mean(axis=1) - ACCEPTANCE)
    return log_weights[:, :chains]


class _Walkers:
    """Latents of `n` images, `count` an image, that move by Hamiltonian Monte Carlo.

    Attributes:
        latents: float32 array `(n, count, latent_dim)`.
        log_likelihoods: float64 array `(n, count)`, `log p(x | z)` of the latents.
        gradients: float32 array of the latents' shape: its gradient.
    """

    def __init__(self, trajectory, images, labels, count, seed):
        self.streams = [np.random.default_rng((seed, zlib.crc32(image.tobytes()))) for image in images]
        self.trajectory = trajectory
        self.data = [np.repeat(images, count, axis=0)]
        if labels is not None:
            self.data.append(np.repeat(labels, count).astype("int32"))
        self.data = [ops.convert_to_tensor(part) for part in self.data]
        self.shape = (len(images), count, trajectory.latent_dim)
        self.latents = self._draw_normal()
        # A trajectory of no length tells how things are where it stands.
        rest = np.zeros_like(self.latents)
        _, _, self.gradients, self.log_likelihoods = self._follow(self.latents, rest, rest, 0.0, np.zeros(len(images)))

    def move(self, temperature, step_sizes):
        """Propose new latents, and accept each or stay (Neal, 2011, section 5.3.2).

        Args:
            temperature: float, the power of the likelihood.
            step_sizes: Array `(n,)`, one an image.

        Returns:
            float64 array `(n, count)`: the probabilities with which the proposals were accepted.
        """
        momenta = self._draw_normal()
        thresholds = np.stack([stream.random(self.shape[1]) for stream in self.streams])
        before = temperature * self.log_likelihoods - _energy(self.latents) - _energy(momenta)
        latents, momenta, gradients, log_likelihoods = self._follow(
            self.latents, momenta, self.gradients, temperature, step_sizes
        )
        # Where a step was far too long the numbers overflow: such proposals are refused.
        with np.errstate(over="ignore", invalid="ignore"):
            after = temperature * log_likelihoods - _energy(latents) - _energy(momenta)
            acceptance = np.nan_to_num(np.exp(np.minimum(after - before, 0)), nan=0)
        accepted = thresholds < acceptance
        self.latents = np.where(accepted[..., None], latents, self.latents)
        self.gradients = np.where(accepted[..., None], gradients, self.gradients)
        self.log_likelihoods = np.where(accepted, log_likelihoods, self.log_likelihoods)
        return acceptance

    def _draw_normal(self):
        return np.stack([stream.standard_normal(self.shape[1:], "float32") for stream in self.streams])

    def _follow(self, latents, momenta, gradients, temperature, step_sizes):
        vectors = [part.reshape(-1, self.shape[-1]) for part in (latents, momenta, gradients)]
        numbers = [np.full(self.shape[:2], temperature), np.repeat(step_sizes, self.shape[1])]
        numbers = [part.reshape(-1, 1).astype("float32") for part in numbers]
        *vectors, log_likelihoods = self.trajectory.predict_on_batch([*vectors, *numbers, *self.data])
        vectors = [part.reshape(self.shape) for part in vectors]
        return *vectors, log_likelihoods.astype("float64").reshape(self.shape[:2])


class _Trajectory(keras.Model):
    """Leapfrog steps in the potential `|z|^2 / 2 - b log p(x | z)`: a Keras model, so that Keras compiles it.

    It maps latents, momenta, gradients of `log p(x | z)` there, powers `b` and step sizes `(batch, 1)`, images and,
    where the decoder takes some, labels, to latents, momenta and gradients at the end, and `log p(x | z)` there.
    """

    def __init__(self, model, leapfrog_steps):
        super().__init__(name="trajectory", dtype="float32")
        self.model = model
        self.leapfrog_steps = leapfrog_steps
        self.latent_dim = model.decoder.inputs[0].shape[-1]
        self.built = True

    def call(self, inputs):
        latents, momenta, gradients, power, step, images, *labels = inputs

        def log_likelihood(latents):
            outputs = self.model.run(self.model.decoder, latents, *labels)
            return -self.model.likelihood.negative_log_likelihood(outputs, images)

        def leap(_, state):
            latents, momenta, gradients = state
            momenta = momenta + 0.5 * step * (power * gradients - latents)
            latents = latents + step * momenta
            gradients = input_gradient(log_likelihood, latents)
            momenta = momenta + 0.5 * step * (power * gradients - latents)
            return latents, momenta, gradients

        state = ops.fori_loop(0, self.leapfrog_steps, leap, (latents, momenta, gradients))
        return *state, log_likelihood(state[0])


def _energy(vectors):
    return 0.5 * np.sum(vectors.astype("float64") ** 2, axis=-1)


class _LikelihoodMetric(StreamingMetric):
    """What the two metrics share: a model, and the moments over images of an estimate of log p(x)."""

    #: The name of the figure; with "_error" that of its standard error.
    figure = None

    def __init__(self, model, seed, name):
        super().__init__(name)
        self.model = model
        self.seed = seed

    def empty_state(self):
        """Moments of log p(x)."""
        return {"log_likelihoods": Moments()}

    def estimate(self, images, labels):
        """Estimates of log p(x), an array `(n,)`, nats."""
        raise NotImplementedError

    def update_state(self, images, labels=None):
        """Take in a batch of images `(n, height, width, channels)`, with labels where the model takes some."""
        images = ops.convert_to_numpy(images) if ops.is_tensor(images) else np.asarray(images)
        labels = ops.convert_to_numpy(labels) if ops.is_tensor(labels) else labels
        self.state["log_likelihoods"].add(self.estimate(images, labels)[:, None])

    def result(self):
        """Dict of floats: the figure, and its standard error over images, NaN for a single one."""
        moments = self.state["log_likelihoods"]
        if not moments.count:
            raise ValueError("There must be an image to measure. Received: none")
        error = math.sqrt(moments.variance[0] / moments.count) if moments.count > 1 else math.nan
        return {self.figure: -float(moments.mean[0]), f"{self.figure}_error": error}

    def get_config(self):
        """The constructor's arguments but the model, which has a file of its own."""
        return {**super().get_config(), "seed": self.seed}


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
    better = {"negative_log_likelihood": "lower"}

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
    """Streaming mean of `-annealed_importance_sampling`, in nats an image.

    It costs `(chains + 4) * steps * leapfrog_steps` gradients of the decoder an image: for 100 images of MNIST and a
    dense decoder of 16-256-512-784 units two to eight minutes on two CPU cores. Hence it is for some hundred images.

    Args:
        model: With a `decoder` and a `likelihood`.
        chains: int. Chains an image.
        steps: int. Temperatures.
        leapfrog_steps: int. Of a Hamiltonian move.
        seed: int. Of the draws.
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
    better = {"negative_log_likelihood_ais": "lower"}

    def __init__(self, model, chains=16, steps=500, leapfrog_steps=10, seed=0, name="annealed_importance_sampling"):
        super().__init__(model, seed, name)
        self.chains = chains
        self.steps = steps
        self.leapfrog_steps = leapfrog_steps

    def estimate(self, images, labels):
        """See `annealed_importance_sampling`."""
        return annealed_importance_sampling(
            self.model, images, labels, self.chains, self.steps, self.leapfrog_steps, self.seed
        )

    def get_config(self):
        """The constructor's arguments but the model, which has a file of its own."""
        own = {"chains": self.chains, "steps": self.steps, "leapfrog_steps": self.leapfrog_steps}
        return {**super().get_config(), **own}
