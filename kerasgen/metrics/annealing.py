"""Annealed importance sampling: the likelihood of images under a decoder, from below and, where exact, from above."""

import itertools
import math
import zlib

import keras
import numpy as np
from keras import ops

from kerasgen.engine import input_gradient

# The sigmoid of the schedule runs from -4 to 4, as in Wu et al.
SCHEDULE_REACH = 4.0
# Of the chains that choose the step size: how many an image, the size at first, the acceptance that they seek (Wu et
# al.; Neal, 2011, section 5.4.4) and by how much the logarithm of the size moves with a difference to it.
PILOTS = 4
FIRST_STEP_SIZE = 0.1
ACCEPTANCE = 0.65
ADAPTATION = 0.2


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
        ValueError: If `chains`, `steps` or `leapfrog_steps` is below 1, there is no image, values are not finite or,
            for a model of images, outside of [0, 1], or labels lack.

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
    _check_counts(chains=chains, steps=steps, leapfrog_steps=leapfrog_steps)
    _check_target(model)
    given, images = images, np.asarray(images, "float32")
    if not images.size or not np.isfinite(images).all():
        raise ValueError(
            "Expected images (n, height, width, channels) of finite numbers, one at least. "
            f"Received: shape {images.shape}, {np.sum(~np.isfinite(images))} values that are not finite"
        )
    if hasattr(model, "check_incoming"):
        model.check_incoming(given, "annealed_importance_sampling")
    if model.conditional and labels is None:
        raise ValueError("The networks of this model take labels: pass `labels=`. Received: labels=None")
    model.likelihood.warn_unless_density(images)
    trajectory = _Trajectory(model, leapfrog_steps)
    log_weights = np.empty((len(images), chains))
    with model.weights_in_use(averaged=True):
        for part in _parts(len(images), chunk, chains):
            walkers = _Walkers(trajectory, images, labels, part, chains + PILOTS, (seed,))
            log_weights[part], _ = _anneal(walkers, _temperatures(steps), chains)
    return _log_mean_exp(log_weights)


def bidirectional_monte_carlo(model, count=20, labels=None, chains=16, steps=500, leapfrog_steps=10, seed=0, chunk=500):
    """Bounds of `log p(x)` from both sides, of images that are drawn from the model.

    Of an image that was drawn as `z ~ N(0, I)`, `x ~ p(x | z)`, the latent is an exact draw of its posterior. So the
    chains of `annealed_importance_sampling` can be followed backwards from it, through the same distributions, from
    `b_T = 1` to 0. As each move is reversible, the path of a chain from `z_{T-1} = z` has the density

        r(z_0, ..., z_{T-1}) = p(z_{T-1} | x) prod_{t=T-1..1} k_t(z_{t-1} | z_t),    r / q = w / p(x)

    where q is that of a chain forwards. Hence the expectation of `1 / w` is `1 / p(x)`, and by Jensen's inequality

        E[log 1/C sum_c w_c]  (forwards)   <=   log p(x)   <=   E[-log 1/C sum_c 1 / w_c]  (backwards)

    The mean gap between them bounds, in expectation, by how much the estimate of images of the model falls short. It
    says nothing certain of other images: where the model does not resemble the data, their gap may be another one.

    Args:
        model: See `annealed_importance_sampling`.
        count: int. Images to draw.
        labels: int array `(count,)` where the decoder takes labels. None: the classes in turn.
        chains: int. The number `C` an image, in each direction.
        steps: int. The number `T` of temperatures above 0.
        leapfrog_steps: int. Of a Hamiltonian move.
        seed: int. Of all draws.
        chunk: int. How many latents move at once: bounds the memory.

    Returns:
        Lower and upper bounds, float64 arrays `(count,)`, nats.

    Raises:
        ValueError: If `count`, `chains`, `steps` or `leapfrog_steps` is below 1, or labels do not fit.

    Example:
        >>> lower, upper = kerasgen.metrics.bidirectional_monte_carlo(model, count=20)
        >>> gap = (upper - lower).mean()

    Reference:
        Grosse et al., "Sandwiching the marginal likelihood using bidirectional Monte Carlo", 2015.
        https://arxiv.org/abs/1511.02543
        Wu et al., "On the Quantitative Analysis of Decoder-Based Generative Models", 2017, section 3.
        https://arxiv.org/abs/1611.04273

    Notes:
        The step sizes backwards are those that the pilots of the forward chains chose: they depend on the image, not on
        the latent that it was drawn from, which else were no draw of the posterior given the sizes.
    """
    _check_counts(count=count, chains=chains, steps=steps, leapfrog_steps=leapfrog_steps)
    _check_target(model)
    labels = model.labels_for(count, labels)
    trajectory = _Trajectory(model, leapfrog_steps)
    draws = np.random.default_rng((seed, 2))
    latents = draws.standard_normal((count, trajectory.latent_dim), "float32")
    forwards, backwards = np.empty((2, count, chains))
    # The images, too, are drawn with the scale that measures them: else the latents were no draws of their posteriors.
    with model.weights_in_use(averaged=True):
        outputs = model.infer(model.decoder, latents, labels)
        images = ops.convert_to_numpy(model.likelihood.quantile(outputs, draws.random(outputs.shape, "float32")))
        for part in _parts(count, chunk, chains):
            walkers = _Walkers(trajectory, images, labels, part, chains + PILOTS, (seed,))
            forwards[part], step_sizes = _anneal(walkers, _temperatures(steps), chains)
            walkers = _Walkers(trajectory, images, labels, part, chains, (seed, 1), latents)
            backwards[part] = _heat(walkers, _temperatures(steps), step_sizes)
    return _log_mean_exp(forwards), -_log_mean_exp(-backwards)


def _check_target(model):
    if getattr(model, "target", "x") == "y":
        raise ValueError('log p(x) is that of a model of x. Received: a model with target="y"')


def _check_counts(**counts):
    if min(counts.values()) < 1:
        *names, last = counts
        given = ", ".join(f"{name}={count}" for name, count in counts.items())
        raise ValueError(f"{', '.join(names)} and {last} must be at least 1. Received: {given}")


def _temperatures(steps):
    """The powers of the likelihood, from 0 to 1: array `(steps + 1,)`."""
    schedule = 1 / (1 + np.exp(-SCHEDULE_REACH * np.linspace(-1, 1, steps + 1)))
    return (schedule - schedule[0]) / (schedule[-1] - schedule[0])


def _parts(count, chunk, chains):
    """Slices of the images whose chains move at once."""
    at_once = max(1, chunk // (chains + PILOTS))
    return [slice(start, start + at_once) for start in range(0, count, at_once)]


def _log_mean_exp(log_weights):
    return np.logaddexp.reduce(log_weights, axis=1) - math.log(log_weights.shape[1])


def _anneal(walkers, temperatures, chains):
    """The logarithms of the weights of all chains but the pilots, `(n, chains)`, and the step sizes of the moves."""
    log_weights = np.zeros_like(walkers.log_likelihoods)
    log_sizes = np.full(len(log_weights), math.log(FIRST_STEP_SIZE))
    step_sizes = []
    for before, temperature in itertools.pairwise(temperatures):
        log_weights += (temperature - before) * walkers.log_likelihoods
        if temperature < 1:  # What comes after the last weight does not count.
            step_sizes.append(np.exp(log_sizes))
            acceptance = walkers.move(temperature, step_sizes[-1])
            log_sizes += ADAPTATION * (acceptance[:, chains:].mean(axis=1) - ACCEPTANCE)
    return log_weights[:, :chains], step_sizes


def _heat(walkers, temperatures, step_sizes):
    """The logarithms of the weights of chains from the posterior to the prior, by the moves of `_anneal` reversed."""
    log_weights = np.zeros_like(walkers.log_likelihoods)
    for temperature, before in itertools.pairwise(temperatures[::-1]):
        log_weights += (temperature - before) * walkers.log_likelihoods
        if before > 0:
            walkers.move(before, step_sizes.pop())
    return log_weights


class _Walkers:
    """Latents of a part of the images, `count` an image, that move by Hamiltonian Monte Carlo.

    They start at draws of the prior, or all those of an image at its latent.

    Attributes:
        latents: float32 array `(n, count, latent_dim)`.
        log_likelihoods: float64 array `(n, count)`, `log p(x | z)` of the latents.
        gradients: float32 array of the latents' shape: its gradient.
    """

    def __init__(self, trajectory, images, labels, part, count, seeds, latents=None):
        images = images[part]
        self.streams = [np.random.default_rng((*seeds, zlib.crc32(image.tobytes()))) for image in images]
        self.trajectory = trajectory
        self.data = [np.repeat(images, count, axis=0)]
        if labels is not None:
            self.data.append(np.repeat(np.asarray(labels)[part], count).astype("int32"))
        self.data = [ops.convert_to_tensor(part) for part in self.data]
        self.shape = (len(images), count, trajectory.latent_dim)
        self.latents = self._draw_normal() if latents is None else np.repeat(latents[part, None], count, axis=1)
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
