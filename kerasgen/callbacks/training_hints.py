"""What the logs of a training say of its health, in words."""

import math
import warnings

import keras

#: The share of images, real and generated, that a discriminator judges rightly where it has won.
WON = 0.99
#: The share of either that it judges rightly where it tells the images of training apart well,
SURE = 0.8
#: and the part of the distance of their logits that must be left between held-out images and generated ones.
LEFT = 0.5
#: The gradient norm below which a player learns nothing.
DEAD = 1e-6
#: The KL divergence, in nats an image, below which a posterior carries nothing.
COLLAPSED = 0.1


class TrainingHints(keras.callbacks.Callback):
    """Warns in words when the logs show that a training goes wrong, and says what to try; of each trouble once.

    It looks at the logs of epochs, by their names, and knows these troubles:

        the discriminator wins    real_accuracy and fake_accuracy of 0.99 or more: what it tells the generator is of
                                  little use. Not of Wasserstein critics, which shall win.
        images known by heart     real_accuracy and fake_accuracy of 0.8 or more, and on the validation data less than
                                  half of the distance of logits that there is in training:
                                  val_real_logit - val_fake_logit < (real_logit - fake_logit) / 2
        a dead player             PLAYER_gradient_norm below 1e-6
        posterior collapse        kl below 0.1 nats

    Differences of logits are compared, and no logits or accuracies of real images alone, since the moving statistics of
    a batch normalisation shift both logits. On the embedded digits (1,437 images) the discriminator of the preset
    `dcgan` has lost half of the distance after 60 epochs; those of eleven other GANs never have, or tell images of
    training apart less well.

    A trouble must be there for `patience` epochs in a row. There is no rule for a discriminator that is lost, with both
    accuracies near 0.5: so it is, too, where the generator is perfect.

    Args:
        patience: int. Epochs in a row.

    Raises:
        ValueError: If `patience` is less than 1.

    Example:
        >>> model.fit(data.train, epochs=20, callbacks=[kerasgen.callbacks.TrainingHints()])

    Reference:
        Arjovsky and Bottou, "Towards Principled Methods for Training Generative Adversarial Networks", 2017
        (the gradient of the generator under a perfect discriminator). https://arxiv.org/abs/1701.04862
        Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020 (section 3.1: held-out images
        move to the generated ones where a discriminator overfits). https://arxiv.org/abs/2006.06676
        Bowman et al., "Generating Sentences from a Continuous Space", 2016 (posterior collapse).
        https://arxiv.org/abs/1511.06349
    """

    #: Where several processes train together, the first alone has it.
    looks_on = True

    def __init__(self, patience=3):
        super().__init__()
        if patience < 1:
            raise ValueError(f"`patience` must be one epoch or more. Received: {patience}")
        self.patience = patience
        self._in_a_row = {}
        self._told = set()

    def on_train_begin(self, logs=None):
        """Start anew."""
        self._in_a_row, self._told = {}, set()

    def on_epoch_end(self, epoch, logs=None):
        """Look at the logs of the epoch."""
        troubles = dict(self._troubles(logs or {}))
        self._in_a_row = {trouble: self._in_a_row.get(trouble, 0) + 1 for trouble in troubles}
        for trouble, text in troubles.items():
            if self._in_a_row[trouble] >= self.patience and trouble not in self._told:
                self._told.add(trouble)
                warnings.warn(f"Epoch {epoch + 1}: {text}", stacklevel=2)

    def _troubles(self, logs):
        """Pairs of a trouble that the logs show and what to say of it. Of NaN each comparison is false."""
        lasting = "for an epoch" if self.patience == 1 else f"for {self.patience} epochs"
        accuracies = [logs[name] for name in ("real_accuracy", "fake_accuracy") if name in logs]
        if len(accuracies) == 2 and min(accuracies) >= WON and not _is_critic(self.model):
            yield (
                "discriminator wins",
                f"the discriminator has told nearly all images apart {lasting} (real_accuracy {accuracies[0]:.3f}, "
                f"fake_accuracy {accuracies[1]:.3f}): from one so sure the generator learns little, by the minimax "
                "objective nothing. What helps: a smaller learning rate or fewer steps for the discriminator; "
                "spectral_normalization, dropout or input_noise in it; a gradient penalty (WGANGP); more training "
                "images, if it knows them by heart.",
            )
        if len(accuracies) == 2 and min(accuracies) >= SURE:
            distance, held_out = _distance(logs), _distance(logs, "val_")
            if None not in (distance, held_out) and held_out < LEFT * distance:
                yield (
                    "known by heart",
                    f"the discriminator has known its training images by heart {lasting}: it tells those from "
                    f"generated ones by logits {distance:.2f} apart, held-out images by {held_out:.2f} (real_accuracy "
                    f"{accuracies[0]:.2f}, val_real_accuracy {logs.get('val_real_accuracy', math.nan):.2f}). What "
                    "helps: more training images, or augmented ones; dropout or input_noise in the discriminator; a "
                    "penalty of its gradient (R1 in RelativisticGAN, or WGANGP); a smaller discriminator; fewer "
                    "epochs.",
                )
        for name, norm in logs.items():
            if name.endswith("_gradient_norm") and not name.startswith("val_") and norm < DEAD:
                player = name.removesuffix("_gradient_norm")
                yield (
                    name,
                    f"the {player} has had no gradient {lasting} ({name} {norm:.1e}): it learns nothing. A loss may be "
                    "flat where the other player has won, or units dead: start anew with a smaller learning rate, "
                    "leaky activations, another objective (non_saturating, hinge, wasserstein).",
                )
        if logs.get("kl", COLLAPSED) < COLLAPSED:
            if hasattr(self.model, "beta"):
                helps = (
                    'a smaller beta; one that grows from 0 (kerasgen.callbacks.Annealing("beta", '
                    "kerasgen.callbacks.linear_schedule(10))); free_bits; a smaller decoder"
                )
                likelihood = getattr(self.model, "likelihood", None)
                if getattr(likelihood, "link", None) == "sigmoid" and likelihood.density:
                    # Where a pixel is said to be black, a location has no gradient: d sigmoid(o) / do = m (1 - m).
                    helps = (
                        'of images that are mostly black, likelihood="bernoulli" (--likelihood bernoulli), whose '
                        f"gradient m - x does not vanish where the decoder says black; {helps}"
                    )
            else:  # A VAE-GAN, whose reconstruction is measured in a discriminator.
                helps = (
                    "an earlier or wider `feature_layer` of the discriminator, in which images differ by more; a "
                    "larger gamma; a smaller learning rate"
                )
            yield (
                "posterior collapse",
                f"the posterior has been the prior {lasting} (kl {logs['kl']:.3f} nats): latents carry nothing of the "
                f"images, and all samples look alike. What helps: {helps}.",
            )


def _distance(logs, prefix=""):
    """How far the mean logits of real and of generated images are apart, or None where they are not logged."""
    names = [f"{prefix}real_logit", f"{prefix}fake_logit"]
    return logs[names[0]] - logs[names[1]] if all(name in logs for name in names) else None


def _is_critic(model):
    """Whether logits mean something only up to a constant, each by itself: those of a Wasserstein critic."""
    objective = getattr(model, "objective", None)
    return getattr(objective, "threshold", 0.0) is None and not objective.compares
