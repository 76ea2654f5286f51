"""InfoGAN."""

import math

import keras
import numpy as np
from keras import ops

from kerasgen.models.checks import check_not_negative
from kerasgen.models.gans.gan import GAN


@keras.saving.register_keras_serializable("kerasgen")
class InfoGAN(GAN):
    """InfoGAN: a part of the latents, the code, is kept readable in the images.

    The latents of the generator are noise and a code `c` of categories and numbers. A second head of the discriminator
    gives `Q(c | x)`, with which the mutual information of code and image is bounded from below; both players raise it:

        discriminator   min_D  E_x[softplus(-D(x))] + E_z[softplus(D(G(z, c)))] - w L(Q)
        generator       min_G  E_z[softplus(-D(G(z, c)))] - w L(G)
        L = E_{z,c}[log Q(c | G(z, c))] + H(c)  <=  I(c; G(z, c))

    Categories are uniform, with `Q` a softmax; numbers are standard normal, with `Q` a Gaussian of variance 1 about the
    head's output: of one number `L` is 1/2 where it is read without error, of K categories `log K`.

    Args:
        generator: `keras.Model`. `(batch, noise + sum(categorical) + continuous)` to images in [0, 1].
        discriminator: `keras.Model`. Images to `[logits, code]`, the code `(batch, sum(categorical) + continuous)`: the
            networks of kerasgen with `auxiliary_outputs=`.
        categorical: Tuple of ints. The number of categories of each categorical code. Defaults to `(10,)`.
        continuous: int. The number of continuous codes. Defaults to 2.
        information_weight: float. The weight `w`. Defaults to 1, as in the paper for categorical codes.
        **kwargs: `objective`, `discriminator_steps`, `seed`, `name`, `dtype` of `kerasgen.models.GAN`.

    Raises:
        ValueError: If there is no code, or its size is not that of the discriminator's second output, or not below the
            size of the generator's latents; see also `GAN`.

    Logs:
        mutual_information: The bound `L` in the discriminator's step, nats.
        generator_mutual_information: That in the generator's step. The others are those of `GAN`.

    Example:
        >>> net = kerasgen.networks.dcgan
        >>> model = kerasgen.models.InfoGAN(net.generator((28, 28, 1), latent_dim=62 + 12),
        ...                                 net.discriminator((28, 28, 1), auxiliary_outputs=12))
        >>> model.compile()
        >>> model.fit(images, batch_size=64, epochs=20)
        >>> images = model.decode(model.latents_of(noise, categories=[[3]], numbers=[[-1.0, 2.0]]))

    Notes:
        Latents are normal throughout, as in every model: of as many normals as there are categories the greatest says
        which one it is. In the paper the numbers are uniform on [-1, 1], and `Q` is trained with the generator; here
        its head belongs to the discriminator, whose step raises the bound for it.

    Reference:
        Chen et al., "InfoGAN", 2016, eq. 5 and 6. https://arxiv.org/abs/1606.03657
    """

    terms = {
        "discriminator": (*GAN.terms["discriminator"], "mutual_information"),
        "generator": (*GAN.terms["generator"], "generator_mutual_information"),
    }
    discriminator_outputs = ("logits", "the code (`auxiliary_outputs=`)")

    def __init__(self, generator, discriminator, categorical=(10,), continuous=2, information_weight=1.0, **kwargs):
        check_not_negative(information_weight=information_weight)
        super().__init__(generator, discriminator, **kwargs)
        self.categorical = tuple(categorical)
        self.continuous = continuous
        self.information_weight = information_weight
        self.code_dim = sum(categorical) + continuous
        if not 0 < self.code_dim < self.latent_dim or discriminator.outputs[1].shape[-1] != self.code_dim:
            raise ValueError(
                "A code of sum(categorical) + continuous numbers is a part of the generator's latents, and the "
                f"discriminator's second output. Received: a code of {self.code_dim}, {self.latent_dim} latents, "
                f"{discriminator.outputs[1].shape[-1]} outputs"
            )

    @property
    def term_weights(self):
        """The bound is raised: it has a negative weight."""
        names = ("mutual_information", "generator_mutual_information")
        return {**super().term_weights, **dict.fromkeys(names, -self.information_weight)}

    def discriminator_loss(self, real, labels, training):
        """The discriminator's terms."""
        fake, code = self.fake_and_code(real, labels, training)
        fake_logits, read = self.logits(ops.stop_gradient(fake), labels, training)
        terms = self.compare(self.logits(real, labels, training)[0], fake_logits)
        return {**terms, "mutual_information": self.information(code, read)}

    def generator_loss(self, real, labels, training):
        """The generator's terms."""
        fake, code = self.fake_and_code(real, labels, training)
        fake_logits, read = self.logits(fake, labels, training)
        real_logits = self.logits(real, labels, training)[0] if self.objective.compares else None
        return {
            "generator_loss": self.objective.generator(real_logits, fake_logits),
            "generator_mutual_information": self.information(code, read),
        }

    def fake_and_code(self, real, labels, training):
        """Generated images, and the codes that they were made of."""
        latents = self.draw("normal", (ops.shape(real)[0], self.latent_dim))
        inputs = self.code(latents)
        return self.run(self.generator, inputs, labels, training), inputs[:, -self.code_dim :]

    def inputs_of(self, latents):
        """See `code`."""
        return self.code(latents)

    def code(self, latents):
        """Map normal latents `(batch, latent_dim)` to noise and code: the generator's input, of the same shape."""
        latents = ops.convert_to_tensor(latents)
        parts = [latents[:, : -self.code_dim]]
        start = self.latent_dim - self.code_dim
        for size in self.categorical:
            part = latents[:, start : start + size]
            # A comparison, and not `argmax` and `one_hot`: exporters know it.
            parts.append(ops.cast(part >= ops.max(part, axis=-1, keepdims=True), "float32"))
            start += size
        parts.append(latents[:, start:])
        return ops.concatenate(parts, axis=-1)

    def information(self, code, read):
        """The bound `L`, from codes and what the discriminator's head reads, both `(batch, code_dim)`: a scalar."""
        bound, start = 0.0, 0
        for size in self.categorical:
            part = slice(start, start + size)
            bound += math.log(size) + ops.mean(ops.sum(code[:, part] * ops.log_softmax(read[:, part]), axis=-1))
            start += size
        error = ops.sum(ops.square(code[:, start:] - read[:, start:]), axis=-1)
        # The entropy of a standard normal is log(2 pi) / 2 + 1/2, and the constant of `log Q` is -log(2 pi) / 2.
        return bound + 0.5 * self.continuous - 0.5 * ops.mean(error)

    def latents_of(self, noise, categories=None, numbers=None):
        """Latents that stand for given codes.

        Args:
            noise: Array `(n, noise)` of normals.
            categories: int array `(n, len(categorical))`, or None where there are no categorical codes.
            numbers: Array `(n, continuous)`, or None where there are no continuous codes.

        Returns:
            float32 NumPy array `(n, latent_dim)`.

        Raises:
            ValueError: If codes that the model has are missing, or of another shape.
        """
        noise = np.asarray(noise, "float32")
        given = {"categories": (categories, len(self.categorical)), "numbers": (numbers, self.continuous)}
        for name, (values, width) in given.items():
            shape = np.shape(values) if values is not None else None
            if width and shape != (len(noise), width):
                raise ValueError(f"{name} must have the shape ({len(noise)}, {width}). Received: {shape}")
        columns = np.asarray(categories).T if self.categorical else ()
        # A category's normal is above the others: which ones does not matter.
        parts = [np.eye(size, dtype="float32")[column] for size, column in zip(self.categorical, columns)]
        if self.continuous:
            parts.append(np.asarray(numbers, "float32"))
        return np.concatenate([noise, *parts], axis=1).astype("float32")

    def read_code(self, images, labels=None):
        """What the discriminator reads in images.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)` where the discriminator takes labels.

        Returns:
            float32 NumPy array `(n, code_dim)`: probabilities of the categories, means of the numbers.
        """
        read, start = self.infer(self.discriminator, self.incoming(images, "read_code"), labels)[1].copy(), 0
        for size in self.categorical:
            part = slice(start, start + size)
            read[:, part] = ops.convert_to_numpy(ops.softmax(read[:, part]))
            start += size
        return read
