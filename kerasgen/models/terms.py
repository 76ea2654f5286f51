"""Terms that losses of several families are made of. All are means over the batch."""

import keras
from keras import ops

from kerasgen.engine import global_mean


def batch_mean(values, weights=None):
    """Mean over the batch, weighted by `sample_weight` where there is one: `mean(w v) / mean(w)`."""
    if weights is None:
        return ops.mean(values, axis=0)
    rows = ops.shape(weights)[0]
    weighted = ops.reshape(weights, (-1,) + (1,) * (len(values.shape) - 1)) * values
    return ops.divide_no_nan(ops.mean(weighted, axis=0), global_mean(ops.mean(weights), rows))


def draw_posterior(mean, log_variance, noise):
    """The reparameterised draw `m + sqrt(v) e`."""
    return mean + ops.exp(0.5 * log_variance) * noise


def cross_entropy(labels, logits):
    """Mean of `-log P(y)` with `P = softmax(logits)`, nats an image."""
    return ops.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def comparison(objective, real_logits, fake_logits):
    """What a discriminator minimises, and how it does: the terms `discriminator_loss` and those of `WATCHED`.

    Args:
        objective: `kerasgen.losses.adversarial.AdversarialLoss`.
        real_logits: Tensor `(batch, ...)`.
        fake_logits: Tensor of the same shape.

    Returns:
        Dict of scalars.
    """
    real_accuracy, fake_accuracy = objective.accuracies(real_logits, fake_logits)
    return {
        "discriminator_loss": objective.discriminator(real_logits, fake_logits),
        "real_accuracy": real_accuracy,
        "fake_accuracy": fake_accuracy,
        "real_logit": ops.mean(real_logits),
        "fake_logit": ops.mean(fake_logits),
    }


#: Terms that say how a discriminator does, and are neither good nor bad where they are low.
WATCHED = ("real_accuracy", "fake_accuracy", "real_logit", "fake_logit")
