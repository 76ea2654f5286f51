"""What `python -m benchmarks` measures: the sizes of five systems, and what a step of them costs.

`by_kerasgen.py`, `by_hand_keras.py` and `by_hand_torch.py` build them. Nothing is imported here that a loop by hand
would not import: how soon it begins, and how much memory it takes, is measured, too.

Operations of a step are those of its passes, a multiplication and an addition counted as two. A pass back through a
network costs as much as one forward for the gradients of its inputs, and as much again for those of its weights.
"""

import dataclasses
import math

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
        name: Its name, on the command line and of its builders.
        title: What it is, in a table.
        shape: `(height, width, channels)` of an image.
        batch: Images that each player sees in a step of it.
        passes: Attribute of a network -> its passes over a batch in a train step.
        critic_steps: Steps of the discriminator in a train step: the batch that `fit` gets is so many times `batch`.
        turn: Steps that are timed at once: some seconds on two cores.
    """

    name: str
    title: str
    shape: tuple
    batch: int
    passes: dict
    turn: int
    critic_steps: int = 1

    @property
    def images_of_step(self):
        """Real images that a train step takes."""
        return self.batch * self.critic_steps

    def build(self, shape, seed):
        """The model of kerasgen, not compiled."""
        from benchmarks import by_kerasgen

        return getattr(by_kerasgen, self.name)(shape, seed)

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
    import keras

    total = 0
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Dense):
            total += math.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Conv2D):
            total += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3])
        elif isinstance(layer, keras.layers.Conv2DTranspose):
            total += math.prod(layer.kernel.shape) * math.prod(layer.input.shape[1:3])
    return total


SYSTEMS = {
    "mlp_vae": System("mlp_vae", "MLP VAE 28x28x1", (28, 28, 1), 64, {"encoder": 3, "decoder": 3}, 400),
    "conv_vae": System("conv_vae", "convolutional VAE 64x64x3", (64, 64, 3), 64, {"encoder": 3, "decoder": 3}, 20),
    # The discriminator's step: the generator forward, the discriminator forward and back on real and on generated
    # images. The generator's: both forward, the discriminator back to its inputs, the generator back.
    "dcgan": System("dcgan", "DCGAN 28x28x1", (28, 28, 1), 64, {"generator": 1 + 3, "discriminator": 6 + 2}, 40),
    # Each critic step has the penalty, too: forward, back to the images, and both back to the weights, at twice their
    # cost.
    "wgan_gp": System(
        "wgan_gp",
        "WGAN-GP 32x32x3, 5 critic steps",
        (32, 32, 3),
        64,
        {"generator": 5 * 1 + 3, "discriminator": 5 * (6 + 6) + 2},
        4,
        critic_steps=5,
    ),
    # The encoder's step goes back through decoder and discriminator to their inputs, the decoder's through the
    # discriminator for two kinds of images; the discriminator's sees three kinds.
    "vae_gan": System(
        "vae_gan",
        "VAE-GAN 64x64x3",
        (64, 64, 3),
        64,
        {"encoder": 3 + 1 + 1, "decoder": 2 + 6 + 2, "discriminator": (1 + 2) + (1 + 2 + 2) + 9},
        6,
    ),
}
