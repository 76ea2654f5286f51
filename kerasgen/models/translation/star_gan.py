"""StarGAN: one generator for all translations among several domains."""

import keras
from keras import ops

from kerasgen.engine import GenerativeModel
from kerasgen.losses import adversarial, penalties
from kerasgen.models.adversarial import TakesTurns
from kerasgen.models.checks import (
    check_as_many_classes,
    check_discriminator,
    check_functional,
    check_not_negative,
    check_steps,
    warn_of_batch_layers,
)
from kerasgen.models.ends import check_logits
from kerasgen.models.terms import WATCHED, cross_entropy
from kerasgen.models.translating import TranslatesImages


@keras.saving.register_keras_serializable("kerasgen")
class StarGAN(TakesTurns, TranslatesImages, GenerativeModel):
    """StarGAN: one generator translates an image into any of several domains.

    A generator `G(x, t)` changes an image `x` of domain `y` into one of the domain `t`; a discriminator says whether an
    image is real, `D(x)`, and of which domain, `P(y | x)`. No image is paired with its translation: what must come back
    when a translation is translated back keeps all else as it was.

        discriminator   min_D  E[D(G(x, t))] - E[D(x)] + w_p E_u[(|grad D(u)| - 1)^2] + w_c E[-log P(y | x)]
        generator       min_G  -E[D(G(x, t))] + w_c E[-log P(t | G(x, t))] + w_r E[|x - G(G(x, t), y)|]
        u = a x + (1 - a) G(x, t),   a ~ Uniform(0, 1), one an image;   t ~ Uniform(domains)

    with the mean absolute error of a value in the last term, as in the paper: other than in the terms of other models,
    which are sums over an image, its weight is one for images of any size.

    Args:
        generator: `keras.Model`. Images `(batch, height, width, channels)` and labels, the domains asked for, to images
            of the same shape in [0, 1]: `kerasgen.networks.stargan.generator`.
        discriminator: `keras.Model`. Images to `[logits, domain logits]`, logits of any shape `(batch, ...)`, domain
            logits `(batch, domains)`: `kerasgen.networks.stargan.discriminator`. It takes no labels.
        classification_weight: float. The weight `w_c`. Defaults to 0.5.
        cycle_weight: float. The weight `w_r`. Defaults to 10.
        penalty_weight: float. The weight `w_p`. Defaults to 5.
        objective: Name, config or `kerasgen.losses.adversarial.AdversarialLoss`. Defaults to `"wasserstein"`.
        discriminator_steps: int. Steps of the discriminator for each one of the generator, on fresh images: see
            `kerasgen.models.GAN`. Defaults to 5.
        **kwargs: `seed`, `name`, `dtype` of `GenerativeModel`.

    Raises:
        ValueError: If a weight is negative, `discriminator_steps` is below 1, or the networks do not fit.

    Logs:
        cycle_reconstruction: Mean absolute error of a value after both ways.
        real_classification, fake_classification: Cross-entropies, nats an image: the discriminator's of real images,
            and the generator's of its own.
        gradient_penalty: Unweighted.
        discriminator_loss, generator_loss, real_accuracy, fake_accuracy, real_logit, fake_logit: See
            `kerasgen.models.GAN`.

    Example:
        >>> net = kerasgen.networks.stargan
        >>> model = kerasgen.models.StarGAN(net.generator((64, 64, 3), num_classes=5),
        ...                                 net.discriminator((64, 64, 3), num_classes=5))
        >>> model.compile()
        >>> model.fit(images, domains, batch_size=5 * 16, epochs=20)
        >>> model.translate(images, 3)

    Notes:
        The weights are the paper's 1, 10 and 10, which are for images in [-1, 1]. Here a slope of 1 is one in [0, 1]:
        logits are half as steep as there, so that the adversarial term is half as large, and so is an absolute error.
        The weights of the other two terms are halved with them; Adam does not see that the whole is.
        An image belongs to one domain. Of several yes-or-no attributes, such as CelebA's, each combination is a domain.
        Target domains are drawn uniformly; the paper's implementation shuffles those of the batch.
        What is kept is up to the form of the generator: any translation that can be undone satisfies all terms, if it
        makes real images of real images. Small images want `residual=True` of `stargan.generator`.

    Default optimizer: Adam with learning rate 1e-4 and beta_1 0.5.

    Reference:
        Choi et al., "StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation",
        2018, eq. 1 to 6 and 8. https://arxiv.org/abs/1711.09020
    """

    terms = {
        "discriminator": ("discriminator_loss", *WATCHED, "gradient_penalty", "real_classification"),
        "generator": ("generator_loss", "fake_classification", "cycle_reconstruction"),
    }
    default_optimizer = {"class_name": "Adam", "config": {"learning_rate": 1e-4, "beta_1": 0.5}}
    exported_networks = {"generator": "translate", "discriminator": "discriminate"}

    def __init__(
        self,
        generator,
        discriminator,
        classification_weight=0.5,
        cycle_weight=10.0,
        penalty_weight=5.0,
        objective="wasserstein",
        discriminator_steps=5,
        **kwargs,
    ):
        check_not_negative(
            classification_weight=classification_weight, cycle_weight=cycle_weight, penalty_weight=penalty_weight
        )
        check_steps(discriminator_steps)
        check_functional(generator=generator)
        shapes = [tuple(tensor.shape[1:]) for tensor in (generator.inputs[0], generator.outputs[0])]
        if len(shapes[0]) != 3 or shapes[0] != shapes[1] or len(generator.inputs) != 2:
            raise ValueError(
                "The generator of a StarGAN maps images and labels to images of one shape. Received: "
                f"'{generator.name}' with the inputs {[each.name for each in generator.inputs]} and shapes {shapes}"
            )
        outputs = ("logits", "domain logits")
        check_discriminator(discriminator, shapes[0], "StarGAN", inputs=(), outputs=outputs)
        objective = adversarial.get(objective)
        check_logits(discriminator, objective)
        warn_of_batch_layers(discriminator)
        players = {"discriminator": {"discriminator": discriminator}, "generator": {"generator": generator}}
        super().__init__(players, **kwargs)
        check_as_many_classes(discriminator, self.num_classes)
        self.classification_weight = classification_weight
        self.cycle_weight = cycle_weight
        self.penalty_weight = penalty_weight
        self.objective = objective
        self.discriminator_steps = discriminator_steps

    @property
    def term_weights(self):
        """The weights of penalty, classification and cycle."""
        return {
            **dict.fromkeys(self.watched),
            "gradient_penalty": self.penalty_weight,
            "real_classification": self.classification_weight,
            "fake_classification": self.classification_weight,
            "cycle_reconstruction": self.cycle_weight,
        }

    def discriminator_loss(self, real, labels, training):
        """The discriminator's terms."""
        fake = ops.stop_gradient(self.run(self.generator, real, self.targets(real), training))

        def critic(images):
            return self.run(self.discriminator, images, None, training)[0]

        real_logits, real_domains = self.run(self.discriminator, real, None, training)
        mix = self.draw("uniform", (ops.shape(real)[0],))
        return {
            **self.compare(real_logits, critic(fake)),
            "gradient_penalty": penalties.gradient_penalty(critic, real, fake, mix),
            "real_classification": cross_entropy(labels, real_domains),
        }

    def generator_loss(self, real, labels, training):
        """The generator's terms."""
        targets = self.targets(real)
        fake = self.run(self.generator, real, targets, training)
        fake_logits, fake_domains = self.run(self.discriminator, fake, None, training)
        real_logits = self.run(self.discriminator, real, None, training)[0] if self.objective.compares else None
        back = self.run(self.generator, fake, labels, training)
        return {
            "generator_loss": self.objective.generator(real_logits, fake_logits),
            "fake_classification": cross_entropy(targets, fake_domains),
            "cycle_reconstruction": ops.mean(ops.abs(real - back)),
        }

    def targets(self, images):
        """A domain for each image, any with the same probability."""
        draws = self.draw("uniform", (ops.shape(images)[0],))
        return ops.minimum(ops.cast(draws * self.num_classes, "int32"), self.num_classes - 1)

    def classify(self, images):
        """Which domains the discriminator takes images for.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].

        Returns:
            float32 NumPy array `(n, domains)`: probabilities.
        """
        logits = self.infer(self.discriminator, self.incoming(images, "classify"))[1]
        return ops.convert_to_numpy(ops.softmax(logits))

    def signatures(self):
        """As those of its parts; `discriminate` gives domains, too."""

        def discriminate(images):
            logits, domains = self.run(self.discriminator, images)
            return {"logits": logits, "domains": ops.softmax(domains)}

        signatures = super().signatures()
        return {**signatures, "discriminate": (discriminate, signatures["discriminate"][1])}
