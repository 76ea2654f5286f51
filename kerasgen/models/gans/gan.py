"""Generative adversarial network."""

import keras
from keras import ops

from kerasgen.engine import GenerativeModel, takes_labels
from kerasgen.engine.checks import check_latents
from kerasgen.losses import adversarial
from kerasgen.models.adversarial import TakesTurns
from kerasgen.models.checks import check_discriminator, check_functional, check_steps
from kerasgen.models.decoding import DecodesLatents
from kerasgen.models.ends import check_logits
from kerasgen.models.terms import WATCHED


@keras.saving.register_keras_serializable("kerasgen")
class GAN(TakesTurns, DecodesLatents, GenerativeModel):
    """Generative adversarial network, and the base of its variants.

    A discriminator `D` learns to tell images from what a generator `G` makes of noise, which learns to deceive it:

        discriminator   min_D  E_x[softplus(-D(x))] + E_z[softplus(D(G(z)))]
        generator       min_G  E_z[softplus(-D(G(z)))],    z ~ N(0, I)

    with logits `D`, so that `-log sigmoid(t) = softplus(-t)`: the cross-entropy of both answers, and the non-saturating
    loss of the generator. For a fixed generator of density `q`, the best discriminator of data of density `p` is
    `log p(x) / q(x)`. It is conditional when its networks take labels: `G(z, y)` and `D(x, y)`; else a `y` of class
    numbers, which data sets bring along, is not used.

    Args:
        generator: `keras.Model`. Latents `(batch, latent_dim)` to images `(batch, height, width, channels)` in [0, 1].
        discriminator: `keras.Model`. Images to logits `(batch, ...)`: linear units, and no sigmoid after them.
        objective: Name, config or `kerasgen.losses.adversarial.AdversarialLoss`. None: the class's
            `default_objective`, here `"non_saturating"`.
        discriminator_steps: int. Steps of the discriminator for each one of the generator. A batch of `fit` holds the
            images of all: `discriminator_steps` x n; each step takes n fresh ones, and fresh latents (what does not
            divide is left out; the terms logged are those of the last one). Defaults to 1.
        **kwargs: `seed`, `name`, `dtype` of `GenerativeModel`.

    Raises:
        ValueError: If `discriminator_steps` is below 1, the images that the two networks speak of differ in shape, or
            the discriminator ends in a sigmoid or the like.

    Logs:
        discriminator_loss, generator_loss: What the players minimise.
        real_accuracy, fake_accuracy: Shares of images that the discriminator judges rightly; 0.5 each where it is lost.
        real_logit, fake_logit: Means of its logits.
        discriminator_gradient_norm, generator_gradient_norm: In training; see whether a player is dead.

    Example:
        >>> net = kerasgen.networks.dcgan
        >>> model = kerasgen.models.GAN(net.generator((28, 28, 1), latent_dim=100), net.discriminator((28, 28, 1)))
        >>> model.compile()
        >>> model.fit(images, batch_size=64, epochs=20)
        >>> model.generate(64, seed=1)

    Notes:
        Real and generated images go through the discriminator in separate calls, so that batch statistics are of one
        kind. A player's step keeps the new statistics of its own networks only.
        An optimizer counts the steps of its player: with several of the discriminator a schedule of the learning rate
        runs for it that many times as fast. A dict of optimizers (see `compile`) gives each player its own schedule.

    Default optimizer: Adam with learning rate 2e-4 and beta_1 0.5.

    Reference:
        Goodfellow et al., "Generative Adversarial Nets", 2014, Algorithm 1. https://arxiv.org/abs/1406.2661
        Radford et al., 2016 (the optimizer). https://arxiv.org/abs/1511.06434
    """

    terms = {
        "discriminator": ("discriminator_loss", *WATCHED),
        "generator": ("generator_loss",),
    }
    default_optimizer = {"class_name": "Adam", "config": {"learning_rate": 2e-4, "beta_1": 0.5}}
    decodes_with = "generator"
    #: The objective unless the constructor gets another one.
    default_objective = "non_saturating"
    #: Networks that `kerasgen.export` writes to a file each -> the signature that the file holds.
    exported_networks = {"generator": "generate", "discriminator": "discriminate"}
    #: What the discriminator takes beside images, and what it gives.
    discriminator_inputs = ("label",)
    discriminator_outputs = ("logits",)

    def __init__(self, generator, discriminator, objective=None, discriminator_steps=1, players=None, **kwargs):
        check_steps(discriminator_steps)
        check_functional(generator=generator)
        shape, name = tuple(generator.outputs[0].shape[1:]), type(self).__name__
        check_discriminator(discriminator, shape, name, self.discriminator_inputs, self.discriminator_outputs)
        objective = adversarial.get(self.default_objective if objective is None else objective)
        check_logits(discriminator, objective)
        super().__init__(
            players or {"discriminator": {"discriminator": discriminator}, "generator": {"generator": generator}},
            **kwargs,
        )
        self.objective = objective
        self.discriminator_steps = discriminator_steps

    @property
    def term_weights(self):
        """What tells how the discriminator does is watched, not minimised."""
        return dict.fromkeys(self.watched)

    def discriminator_loss(self, real, labels, training):
        """What the discriminator minimises, and how it does."""
        fake = ops.stop_gradient(self.fake(real, labels, training))
        return self.compare(self.logits(real, labels, training), self.logits(fake, labels, training))

    def generator_loss(self, real, labels, training):
        """What the generator minimises."""
        fake_logits = self.logits(self.fake(real, labels, training), labels, training)
        real_logits = self.logits(real, labels, training) if self.objective.compares else None
        return {"generator_loss": self.objective.generator(real_logits, fake_logits)}

    def fake(self, real, labels, training):
        """As many generated images as there are real ones, from fresh latents."""
        latents = self.draw("normal", (ops.shape(real)[0], self.latent_dim))
        return self.run(self.generator, self.inputs_of(latents), labels, training)

    def logits(self, images, labels, training):
        """What the discriminator says of images."""
        return self.run(self.discriminator, images, labels, training)

    def call(self, inputs, training=False):
        """Generate: latents, or `[latents, labels]` where the generator takes labels, to images in [0, 1]."""
        latents, labels = inputs if isinstance(inputs, (list, tuple)) else (inputs, None)
        return self.run(self.generator, self.inputs_of(latents), labels, training)

    def check_inputs(self, inputs, where="predict"):
        """Raise a ValueError where `call` cannot take the inputs: it takes latents."""
        latents, labels = inputs if isinstance(inputs, (list, tuple)) else (inputs, None)
        check_latents(latents, self.latent_dim)
        if takes_labels(self.generator):
            self.check_labels(labels, where)
