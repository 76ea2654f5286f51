"""StarGAN: one generator for all translations among several domains."""

from numbers import Integral

import keras
import numpy as np
from keras import ops

from kerasgen.engine import GenerativeModel, input_specs
from kerasgen.engine.checks import check_images, check_pair, warn_of_range
from kerasgen.losses import adversarial, penalties
from kerasgen.models.gans.acgan import cross_entropy
from kerasgen.models.gans.gan import GAN, check_discriminator
from kerasgen.models.gans.wgan_gp import warn_of_batch_layers


@keras.saving.register_keras_serializable("kerasgen")
class StarGAN(GenerativeModel):
    """StarGAN: one generator translates an image into any of several domains.

    A generator `G(x, t)` changes an image `x` of domain `y` into one of the domain `t`; a discriminator says whether an
    image is real, `D(x)`, and of which domain, `P(y | x)`. No image is paired with its translation: what must come back
    when a translation is translated back keeps all else as it was.

        discriminator   min_D  E[D(G(x, t))] - E[D(x)] + w_p E_u[(|grad D(u)| - 1)^2] + w_c E[-log P(y | x)]
        generator       min_G  -E[D(G(x, t))] + w_c E[-log P(t | G(x, t))] + w_r E[|x - G(G(x, t), y)|]
        u = a x + (1 - a) G(x, t),   a ~ Uniform(0, 1), one an image;   t ~ Uniform(domains)

    with the mean absolute error of a value in the last term.

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

    watched = GAN.watched
    terms = {
        "discriminator": ("discriminator_loss", *watched, "gradient_penalty", "real_classification"),
        "generator": ("generator_loss", "fake_classification", "cycle_reconstruction"),
    }
    default_optimizer = {"class_name": "Adam", "config": {"learning_rate": 1e-4, "beta_1": 0.5}}
    exported_networks = {"generator": "translate", "discriminator": "discriminate"}
    #: It makes images of images, and none of noise.
    generates = False
    #: The order of the steps is a GAN's, the terms are not.
    train_step, test_step, discriminator_batches = GAN.train_step, GAN.test_step, GAN.discriminator_batches
    compare, hint_of_trouble = GAN.compare, GAN.hint_of_trouble

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
        weights = {
            "classification_weight": classification_weight,
            "cycle_weight": cycle_weight,
            "penalty_weight": penalty_weight,
        }
        for name, weight in weights.items():
            if weight < 0:
                raise ValueError(f"{name} must not be negative. Received: {weight}")
        if not isinstance(discriminator_steps, Integral) or discriminator_steps < 1:
            raise ValueError(f"discriminator_steps must be an int, at least 1. Received: {discriminator_steps}")
        shapes = [tuple(tensor.shape[1:]) for tensor in (generator.inputs[0], generator.outputs[0])]
        if len(shapes[0]) != 3 or shapes[0] != shapes[1] or len(generator.inputs) != 2:
            raise ValueError(
                "The generator of a StarGAN maps images and labels to images of one shape. Received: "
                f"'{generator.name}' with the inputs {[each.name for each in generator.inputs]} and shapes {shapes}"
            )
        outputs = ("logits", "domain logits")
        check_discriminator(discriminator, shapes[0], "StarGAN", inputs=(), outputs=outputs)
        warn_of_batch_layers(discriminator)
        players = {"discriminator": {"discriminator": discriminator}, "generator": {"generator": generator}}
        super().__init__(players, **kwargs)
        if discriminator.outputs[1].shape[-1] != self.num_classes:
            raise ValueError(
                "The discriminator tells as many domains as the generator knows. "
                f"Received: {discriminator.outputs[1].shape[-1]} and {self.num_classes}"
            )
        self.classification_weight = classification_weight
        self.cycle_weight = cycle_weight
        self.penalty_weight = penalty_weight
        self.objective = adversarial.get(objective)
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

    @property
    def image_shape(self):
        """The shape of the images, `(height, width, channels)`."""
        return tuple(self.generator.inputs[0].shape[1:])

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

    def call(self, inputs, training=False):
        """Translate: `[images, labels]` to images in [0, 1]."""
        images, labels = inputs
        return self.run(self.generator, images, labels, training)

    def translate(self, images, labels):
        """Translate images, in inference mode.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)`, the domains asked for, or one int for all.

        Returns:
            float32 NumPy array of the same shape, in [0, 1].
        """
        check_images(images, self.image_shape, where="this method")
        labels = self.labels_for(len(images), np.full(len(images), labels) if np.ndim(labels) == 0 else labels)
        translated = self.infer(self.generator, np.asarray(images, "float32"), labels)
        warn_of_range(translated)
        return translated

    def translations(self, images):
        """Translate images to every domain, in inference mode.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].

        Returns:
            float32 NumPy array `(n, domains, height, width, channels)`, in [0, 1].
        """
        return np.stack([self.translate(images, domain) for domain in range(self.num_classes)], axis=1)

    def discriminate(self, images):
        """What the discriminator says of images, in inference mode: the higher, the more real.

        It knows real images and what the generator makes of them now; of others it can say anything.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].

        Returns:
            float32 NumPy array of logits, a map `(n, ...)` of them for the networks of kerasgen.
        """
        return self._judged(images)[0]

    def classify(self, images):
        """Which domains the discriminator takes images for.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].

        Returns:
            float32 NumPy array `(n, domains)`: probabilities.
        """
        return ops.convert_to_numpy(ops.softmax(self._judged(images)[1]))

    def signatures(self):
        """What `kerasgen.export` offers elsewhere: functions of tensors, in inference mode."""

        def translate(images, labels):
            return {"images": self.run(self.generator, images, labels)}

        def discriminate(images):
            logits, domains = self.run(self.discriminator, images)
            return {"logits": logits, "domains": ops.softmax(domains)}

        return {
            "translate": (translate, input_specs("images", self.image_shape, self.generator)),
            "discriminate": (discriminate, input_specs("images", self.image_shape, self.discriminator)),
        }

    def check_data(self, images, labels, weights, where="fit"):
        """Raise a ValueError where images are not of the networks' shape and in [0, 1], or there are weights."""
        check_images(images, self.image_shape, where)
        self.check_labels(labels, where)
        if weights is not None:
            raise ValueError(
                "A StarGAN draws real images, and cannot weigh them. Received: sample_weight or class_weight"
            )

    def check_inputs(self, inputs, where="predict"):
        """Raise a ValueError where `call` cannot take the inputs: it takes images and labels."""
        images, labels = check_pair(inputs, where)
        check_images(images, self.image_shape, where)
        self.check_labels(labels, where)

    def _judged(self, images):
        check_images(images, self.image_shape, where="this method")
        return self.infer(self.discriminator, np.asarray(images, "float32"))
