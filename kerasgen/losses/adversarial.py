"""Adversarial losses: what discriminator and generator minimise, given the logits of real and of generated images.

A loss is a pair of pure functions of `(real_logits, fake_logits)`, tensors of any one shape `(batch, ...)`: one logit
an image, or a map of them (patch discriminators). Each returns a scalar, the mean over all logits. With `r` for a real
logit and `f` for a fake one, and `softplus(t) = log(1 + exp(t))`, so that `-log sigmoid(t) = softplus(-t)`:

    name            discriminator minimises                   generator minimises        optimal discriminator
    minimax         E softplus(-r) + E softplus(f)            -E softplus(f)             log p(x) / q(x)
    non_saturating  E softplus(-r) + E softplus(f)            E softplus(-f)             log p(x) / q(x)
    least_squares   E (r - 1)^2 / 2 + E f^2 / 2               E (f - 1)^2 / 2            p(x) / (p(x) + q(x))
    wasserstein     E f - E r                                 -E f                       a 1-Lipschitz potential
    hinge           E max(0, 1 - r) + E max(0, 1 + f)         -E f                       sign(p(x) - q(x))
    relativistic    E softplus(f - r)                         E softplus(r - f)          log p(x) / q(x) + constant

The relativistic loss compares pairs, the i-th real logit with the i-th fake one.
"""

import difflib

import keras
from keras import ops

from kerasgen.engine import global_mean


def _named(function):
    return keras.saving.register_keras_serializable("kerasgen")(function)


@_named
def minimax_discriminator(real_logits, fake_logits):
    """`E softplus(-r) + E softplus(f)`: the cross-entropy of telling real from generated."""
    return ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits))


@_named
def minimax_generator(real_logits, fake_logits):
    """`E log(1 - sigmoid(f)) = -E softplus(f)`: what the discriminator gains. Flat where it is sure of a fake."""
    return -ops.mean(ops.softplus(fake_logits))


@_named
def non_saturating_generator(real_logits, fake_logits):
    """`-E log sigmoid(f) = E softplus(-f)`: steep where the discriminator is sure of a fake."""
    return ops.mean(ops.softplus(-fake_logits))


@_named
def least_squares_discriminator(real_logits, fake_logits):
    """`E (r - 1)^2 / 2 + E f^2 / 2`."""
    return 0.5 * ops.mean(ops.square(real_logits - 1)) + 0.5 * ops.mean(ops.square(fake_logits))


@_named
def least_squares_generator(real_logits, fake_logits):
    """`E (f - 1)^2 / 2`."""
    return 0.5 * ops.mean(ops.square(fake_logits - 1))


@_named
def wasserstein_discriminator(real_logits, fake_logits):
    """`E f - E r`: minus the distance that a 1-Lipschitz critic sees."""
    return ops.mean(fake_logits) - ops.mean(real_logits)


@_named
def wasserstein_generator(real_logits, fake_logits):
    """`-E f`."""
    return -ops.mean(fake_logits)


@_named
def hinge_discriminator(real_logits, fake_logits):
    """`E max(0, 1 - r) + E max(0, 1 + f)`: no gradient from logits beyond the margins."""
    return ops.mean(ops.relu(1 - real_logits)) + ops.mean(ops.relu(1 + fake_logits))


@_named
def relativistic_discriminator(real_logits, fake_logits):
    """`E softplus(f - r)`, over pairs."""
    _check_pairs(real_logits, fake_logits)
    return ops.mean(ops.softplus(fake_logits - real_logits))


@_named
def relativistic_generator(real_logits, fake_logits):
    """`E softplus(r - f)`, over pairs."""
    _check_pairs(real_logits, fake_logits)
    return ops.mean(ops.softplus(real_logits - fake_logits))


def _check_pairs(real_logits, fake_logits):
    shapes = tuple(real_logits.shape), tuple(fake_logits.shape)
    if len(shapes[0]) != len(shapes[1]) or any(None not in pair and pair[0] != pair[1] for pair in zip(*shapes)):
        raise ValueError(
            "The relativistic loss compares logits pair by pair: there must be as many fake ones as real ones. "
            f"Received: shapes {shapes[0]} and {shapes[1]}"
        )


@keras.saving.register_keras_serializable("kerasgen")
class AdversarialLoss:
    """A pair of functions that discriminator and generator minimise.

    Args:
        discriminator: Function of `(real_logits, fake_logits)`, giving a scalar.
        generator: Function of `(real_logits, fake_logits)`, giving a scalar.
        threshold: float or None. The logit above which an image counts as real, for the logged accuracies. None: logits
            mean something only up to a constant, and are compared with the mean of the real and of the fake ones.
            With another threshold than 0 or None a discriminator may end in an activation: a loss of probabilities has
            the threshold 0.5.
        compares: bool. Whether the generator's function looks at real logits; else it may get None for them.

    Example:
        >>> loss = AdversarialLoss(my_discriminator_loss, my_generator_loss)
        >>> model = kerasgen.models.GAN(generator, discriminator, objective=loss)

    To be saved with a model, functions of your own are registered: `@keras.saving.register_keras_serializable()`.
    """

    def __init__(self, discriminator, generator, threshold=0.0, compares=False):
        self.discriminator = discriminator
        self.generator = generator
        self.threshold = threshold
        self.compares = compares

    def accuracies(self, real_logits, fake_logits):
        """The shares of real logits above the threshold and of fake ones below it, two scalars."""
        threshold = self.threshold
        if threshold is None:
            between = 0.5 * (ops.mean(real_logits) + ops.mean(fake_logits))
            threshold = global_mean(between, ops.shape(real_logits)[0])
        return (
            ops.mean(ops.cast(real_logits > threshold, "float32")),
            ops.mean(ops.cast(fake_logits < threshold, "float32")),
        )

    def get_config(self):
        """Return the constructor's arguments."""
        functions = {"discriminator": self.discriminator, "generator": self.generator}
        functions = {name: keras.saving.serialize_keras_object(function) for name, function in functions.items()}
        return {**functions, "threshold": self.threshold, "compares": self.compares}

    @classmethod
    def from_config(cls, config):
        """The loss of a config."""
        functions = {
            name: keras.saving.deserialize_keras_object(config[name]) for name in ("discriminator", "generator")
        }
        return cls(**{**config, **functions})


#: Goodfellow et al., "Generative Adversarial Nets", 2014, eq. 1. https://arxiv.org/abs/1406.2661
minimax = AdversarialLoss(minimax_discriminator, minimax_generator)
#: Goodfellow et al., 2014, section 3: the generator maximises `log D(G(z))`.
non_saturating = AdversarialLoss(minimax_discriminator, non_saturating_generator)
#: Mao et al., "Least Squares Generative Adversarial Networks", 2017, eq. 9 (a = 0, b = c = 1).
#: https://arxiv.org/abs/1611.04076
least_squares = AdversarialLoss(least_squares_discriminator, least_squares_generator, threshold=0.5)
#: Arjovsky et al., "Wasserstein GAN", 2017. https://arxiv.org/abs/1701.07875
wasserstein = AdversarialLoss(wasserstein_discriminator, wasserstein_generator, threshold=None)
#: Lim and Ye, "Geometric GAN", 2017; Miyato et al., 2018, eq. 16 and 17. https://arxiv.org/abs/1705.02894
hinge = AdversarialLoss(hinge_discriminator, wasserstein_generator)
#: Jolicoeur-Martineau, "The relativistic discriminator", 2018; paired, Huang et al., "The GAN is dead", 2024, eq. 2.
#: https://arxiv.org/abs/1807.00734, https://arxiv.org/abs/2501.05441
relativistic = AdversarialLoss(relativistic_discriminator, relativistic_generator, threshold=None, compares=True)

LOSSES = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "least_squares": least_squares,
    "wasserstein": wasserstein,
    "hinge": hinge,
    "relativistic": relativistic,
}


def get(identifier):
    """Return an adversarial loss.

    Args:
        identifier: A name of `LOSSES`, a config, or an `AdversarialLoss`.

    Returns:
        `AdversarialLoss`.

    Raises:
        ValueError: If there is no such loss; names the nearest.
    """
    if isinstance(identifier, AdversarialLoss):
        return identifier
    if isinstance(identifier, dict):
        return keras.saving.deserialize_keras_object(identifier)
    if not isinstance(identifier, str):
        raise ValueError(f"Expected a name, or an AdversarialLoss of two functions. Received: {identifier!r}")
    if identifier not in LOSSES:
        near = difflib.get_close_matches(str(identifier), LOSSES, n=3, cutoff=0.4) or list(LOSSES)
        raise ValueError(f"There is no such adversarial loss; the nearest: {', '.join(near)}. Received: {identifier!r}")
    return LOSSES[identifier]
