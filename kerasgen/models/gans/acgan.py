"""GAN with an auxiliary classifier."""

import keras
from keras import ops

from kerasgen.models.checks import check_as_many_classes, check_labels_taken, check_not_negative
from kerasgen.models.gans.gan import GAN
from kerasgen.models.terms import cross_entropy


@keras.saving.register_keras_serializable("kerasgen")
class ACGAN(GAN):
    """Auxiliary classifier GAN: the discriminator also tells the class, and both players want it right.

        discriminator   min_D  E_x[softplus(-D(x))] + E_z[softplus(D(G(z, y)))] + w (C_real + C_fake)
        generator       min_G  E_z[softplus(-D(G(z, y)))] + w C_fake
        C_real = E_{x,y}[-log P(y | x)],    C_fake = E_{z,y}[-log P(y | G(z, y))]

    Args:
        generator: `keras.Model`. Latents and labels to images `(batch, height, width, channels)` in [0, 1].
        discriminator: `keras.Model`. Images to `[logits, class logits]`, these `(batch, classes)`: the networks of
            kerasgen with `auxiliary_outputs=classes`. It takes no labels.
        classification_weight: float. The weight `w`. Defaults to 1.
        **kwargs: `objective`, `discriminator_steps`, `seed`, `name`, `dtype` of `kerasgen.models.GAN`.

    Raises:
        ValueError: If the generator takes no labels, or `classification_weight` is negative; see also `GAN`.

    Logs:
        real_classification, fake_classification: Cross-entropies of the discriminator's step, nats an image.
        generator_classification: That of the generator's step. The others are those of `GAN`.

    Example:
        >>> net = kerasgen.networks.dcgan
        >>> model = kerasgen.models.ACGAN(net.generator((28, 28, 1), latent_dim=100, num_classes=10),
        ...                               net.discriminator((28, 28, 1), auxiliary_outputs=10))
        >>> model.compile()
        >>> model.fit(images, labels, batch_size=64, epochs=20)
        >>> model.classify(images)

    Reference:
        Odena et al., "Conditional Image Synthesis with Auxiliary Classifier GANs", 2017, eq. 2 and 3.
        https://arxiv.org/abs/1610.09585
    """

    terms = {
        "discriminator": (*GAN.terms["discriminator"], "real_classification", "fake_classification"),
        "generator": (*GAN.terms["generator"], "generator_classification"),
    }
    discriminator_inputs = ()
    discriminator_outputs = ("logits", "class logits (`auxiliary_outputs=`)")

    def __init__(self, generator, discriminator, classification_weight=1.0, **kwargs):
        check_not_negative(classification_weight=classification_weight)
        check_labels_taken(generator, type(self).__name__)
        super().__init__(generator, discriminator, **kwargs)
        check_as_many_classes(discriminator, self.num_classes, " (`auxiliary_outputs=`)")
        self.classification_weight = classification_weight

    @property
    def term_weights(self):
        """The weight of the classification."""
        names = ("real_classification", "fake_classification", "generator_classification")
        return {**super().term_weights, **dict.fromkeys(names, self.classification_weight)}

    def discriminator_loss(self, real, labels, training):
        """The discriminator's terms."""
        fake = ops.stop_gradient(self.fake(real, labels, training))
        real_logits, real_classes = self.logits(real, None, training)
        fake_logits, fake_classes = self.logits(fake, None, training)
        return {
            **self.compare(real_logits, fake_logits),
            "real_classification": cross_entropy(labels, real_classes),
            "fake_classification": cross_entropy(labels, fake_classes),
        }

    def generator_loss(self, real, labels, training):
        """The generator's terms."""
        fake_logits, fake_classes = self.logits(self.fake(real, labels, training), None, training)
        real_logits = self.logits(real, None, training)[0] if self.objective.compares else None
        return {
            "generator_loss": self.objective.generator(real_logits, fake_logits),
            "generator_classification": cross_entropy(labels, fake_classes),
        }

    def classify(self, images):
        """What the discriminator takes images for.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].

        Returns:
            float32 NumPy array `(n, classes)`: probabilities.
        """
        logits = self.infer(self.discriminator, self.incoming(images, "classify"))[1]
        return ops.convert_to_numpy(ops.softmax(logits))
