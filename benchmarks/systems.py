"""What `python -m benchmarks` measures: five systems, as a user of kerasgen builds them, and what a step of them costs.

Operations of a step are those of its passes, a multiplication and an addition counted as two. A pass back through a
network costs as much as one forward for the gradients of its inputs, and as much again for those of its weights.
"""

import dataclasses
import math
from collections.abc import Callable

import keras

import kerasgen

networks, models = kerasgen.networks, kerasgen.models

#: Sizes that the versions by hand share.
MLP = {"units": (512, 256), "latents": 16}
CONV = {"filters": (32, 64, 128, 256), "latents": 64}
DCGAN = {"up": (128, 64), "down": (64, 128), "latents": 100}
WGAN = {"up": (256, 128, 64), "down": (64, 128, 256), "latents": 128}
VAE_GAN = {"encoder": (32, 64, 128, 256), "up": (256, 128, 64, 32), "down": (32, 64, 128, 128), "latents": 64}
GAMMA = 0.01


@dataclasses.dataclass(frozen=True)
class System:
    """One system.

    Attributes:
        title: What it is, in a table.
        shape: `(height, width, channels)` of an image.
        batch: Images that each player sees in a step of it.
        build: Function of the image's shape that gives the model, compiled with its defaults.
        passes: Attribute of a network -> its passes over a batch in a train step.
        critic_steps: Steps of the discriminator in a train step: the batch that `fit` gets is so many times `batch`.
        turn: Steps that are timed at once: some seconds on two cores.
    """

    title: str
    shape: tuple
    batch: int
    build: Callable
    passes: dict
    turn: int
    critic_steps: int = 1

    @property
    def images_of_step(self):
        """Real images that a train step takes."""
        return self.batch * self.critic_steps

    def model(self, shape=None, seed=0, **arguments):
        """The model, compiled; `arguments` are those of `compile`."""
        model = self.build(self.shape if shape is None else shape, seed)
        model.compile(**arguments)
        return model

    def operations(self, model):
        """Floating-point operations of a train step."""
        return (
            2 * self.batch * sum(times * multiplications(getattr(model, name)) for name, times in self.passes.items())
        )

    def moves(self, model):
        """Weights that optimizers move in a train step: a critic's at each of its steps."""
        times = {"discriminator": self.critic_steps}
        return sum(times.get(name, 1) * getattr(model, name).count_params() for name in self.passes)


def multiplications(network):
    """Multiplications of a forward pass of an image, of dense layers and convolutions."""
    total = 0
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Dense):
            total += math.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Conv2D):
            total += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
        elif isinstance(layer, keras.layers.Conv2DTranspose):
            total += math.prod(layer.kernel.shape) * math.prod(layer.input.shape[1:3])
    return total


def mlp_vae(shape, seed):
    units, latents = MLP["units"], MLP["latents"]
    return models.VAE(
        networks.mlp.encoder(shape, latents, units=units, posterior="gaussian"),
        networks.mlp.decoder(shape, latents, units=units[::-1]),
        seed=seed,
    )


def conv_vae(shape, seed):
    filters, latents = CONV["filters"], CONV["latents"]
    return models.VAE(
        networks.conv.encoder(shape, latents, filters=filters, posterior="gaussian"),
        networks.conv.decoder(shape, latents, filters=filters[::-1]),
        seed=seed,
    )


def dcgan(shape, seed):
    return models.GAN(
        networks.dcgan.generator(shape, DCGAN["latents"], filters=DCGAN["up"]),
        networks.dcgan.discriminator(shape, filters=DCGAN["down"]),
        seed=seed,
    )


def wgan_gp(shape, seed):
    return models.WGANGP(
        networks.dcgan.generator(shape, WGAN["latents"], filters=WGAN["up"]),
        networks.dcgan.discriminator(shape, filters=WGAN["down"], normalization=None),
        seed=seed,
    )


def vae_gan(shape, seed):
    latents = VAE_GAN["latents"]
    encoder = networks.conv.encoder(
        shape, latents, filters=VAE_GAN["encoder"], normalization="batch", posterior="gaussian"
    )
    return models.VAEGAN(
        encoder,
        networks.dcgan.generator(shape, latents, filters=VAE_GAN["up"], name="decoder"),
        networks.dcgan.discriminator(shape, filters=VAE_GAN["down"]),
        gamma=GAMMA,
        seed=seed,
    )


SYSTEMS = {
    "mlp_vae": System("MLP VAE 28x28x1", (28, 28, 1), 64, mlp_vae, {"encoder": 3, "decoder": 3}, 400),
    "conv_vae": System("convolutional VAE 64x64x3", (64, 64, 3), 64, conv_vae, {"encoder": 3, "decoder": 3}, 20),
    # The discriminator's step: the generator forward, the discriminator forward and back on real and on generated
    # images. The generator's: both forward, the discriminator back to its inputs, the generator back.
    "dcgan": System("DCGAN 28x28x1", (28, 28, 1), 64, dcgan, {"generator": 1 + 3, "discriminator": 6 + 2}, 40),
    # Each critic step has the penalty, too: forward, back to the images, and both back to the weights, at twice their
    # cost.
    "wgan_gp": System(
        "WGAN-GP 32x32x3, 5 critic steps",
        (32, 32, 3),
        64,
        wgan_gp,
        {"generator": 5 * 1 + 3, "discriminator": 5 * (6 + 6) + 2},
        4,
        critic_steps=5,
    ),
    # The encoder's step goes back through decoder and discriminator to their inputs, the decoder's through the
    # discriminator for two kinds of images; the discriminator's sees three kinds.
    "vae_gan": System(
        "VAE-GAN 64x64x3",
        (64, 64, 3),
        64,
        vae_gan,
        {"encoder": 3 + 1 + 1, "decoder": 2 + 6 + 2, "discriminator": (1 + 2) + (1 + 2 + 2) + 9},
        6,
    ),
}
