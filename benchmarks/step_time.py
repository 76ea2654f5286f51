"""Time of a train step of the MLP VAE (784-512-256-16) or of a DCGAN for MNIST, batch 64, beside PyTorch and the floor.

    KERAS_BACKEND=tensorflow python benchmarks/step_time.py vae
    KERAS_BACKEND=tensorflow python benchmarks/step_time.py dcgan

The DCGAN is that of `pytorch_dcgan.py`; both loops draw fresh latents for each player's step.

Both loops run in this process, in turn, on the same random images. kerasgen's is `model.fit` with the defaults of
`compile()`; PyTorch's is written by hand, as short as it gets, with its eager Adam. The floor is what the arithmetic
and the memory traffic of a step cost at the speeds of matrix product and copy measured here: operations / (operations
a second) + bytes / (bytes a second). Prints medians and ratios; ratios hold when the machine's speed drifts.
"""

import argparse
import math
import statistics
import sys
import time

import keras
import numpy as np

import kerasgen

BATCH, PIXELS, HIDDEN, LATENTS = 64, 784, (512, 256), 16


def kerasgen_dcgan(images):
    net = kerasgen.networks.dcgan
    generator, discriminator = net.generator((28, 28, 1), latent_dim=100), net.discriminator((28, 28, 1))
    model = kerasgen.models.GAN(generator, discriminator, seed=0)
    model.compile()
    data = kerasgen.datasets.load((images, np.zeros(len(images), "int32")), batch_size=BATCH)
    # The discriminator's step: generator forward, discriminator forward and backward (twice its cost) on real and fake;
    # the generator's: both forward, the discriminator back to its input, the generator backward.
    operations = 4 * multiplications(generator) + 8 * multiplications(discriminator)
    return lambda: model.fit(data.train, epochs=1, verbose=0), model.count_params(), 2 * operations * BATCH


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


def torch_dcgan(images):
    import pytorch_dcgan
    import torch

    torch.manual_seed(0)
    step = pytorch_dcgan.trainer(*pytorch_dcgan.networks())
    images = torch.from_numpy(np.moveaxis(images, -1, 1) * 2 - 1)

    def epoch():
        for batch in torch.randperm(len(images)).split(BATCH):
            step(images[batch])

    return epoch


def kerasgen_vae(images):
    net = kerasgen.networks.mlp
    model = kerasgen.models.VAE(
        net.encoder((28, 28, 1), LATENTS, units=HIDDEN, posterior="gaussian"),
        net.decoder((28, 28, 1), LATENTS, units=HIDDEN[::-1]),
        seed=0,
    )
    model.compile()
    data = kerasgen.datasets.load((images, np.zeros(len(images), "int32")), batch_size=BATCH)
    parameters = model.count_params()
    # Forward, and backward twice its cost.
    return lambda: model.fit(data.train, epochs=1, verbose=0), parameters, 3 * 2 * parameters * BATCH


def torch_vae(images):
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            a, b = HIDDEN
            self.encoder = nn.Sequential(nn.Linear(PIXELS, a), nn.ReLU(), nn.Linear(a, b), nn.ReLU())
            self.mean, self.log_variance = nn.Linear(b, LATENTS), nn.Linear(b, LATENTS)
            self.decoder = nn.Sequential(
                nn.Linear(LATENTS, b), nn.ReLU(), nn.Linear(b, a), nn.ReLU(), nn.Linear(a, PIXELS)
            )

        def loss(self, x):
            hidden = self.encoder(x)
            mean, log_variance = self.mean(hidden), self.log_variance(hidden)
            logits = self.decoder(mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean))
            nll = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            return (nll + 0.5 * torch.sum(mean**2 + log_variance.exp() - 1 - log_variance)) / len(x)

    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    flat = torch.from_numpy(images.reshape(len(images), -1))

    def epoch():
        order = torch.randperm(len(flat))
        for start in range(0, len(flat), BATCH):
            loss = network.loss(flat[order[start : start + BATCH]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def floor_of_step(parameters, operations):
    """Seconds: the operations, and Adam's traffic (weights, gradients, two moments read and written)."""
    size = 1024
    a, b = (np.random.default_rng(0).standard_normal((size, size)).astype("float32") for _ in range(2))
    source, target = np.ones(2**25, "float32"), np.empty(2**25, "float32")
    product = min(timed(lambda: a @ b) for _ in range(10))
    copy = min(timed(lambda: np.copyto(target, source)) for _ in range(10))
    operations_a_second = 2 * size**3 / product
    bytes_a_second = 2 * source.nbytes / copy
    traffic = 4 * parameters * 7
    print(f"machine: {operations_a_second / 1e9:.0f} GFLOP/s matrix product, {bytes_a_second / 1e9:.1f} GB/s copy")
    return operations / operations_a_second + traffic / bytes_a_second


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=["vae", "dcgan"], nargs="?", default="vae")
    parser.add_argument("--rounds", type=int, default=7, help="counted epochs of each loop, in turn")
    parser.add_argument("--steps", type=int, default=200, help="steps an epoch")
    options = parser.parse_args()
    images = np.random.default_rng(0).random((options.steps * BATCH, 28, 28, 1), "float32")
    kerasgen_loop, torch_loop = {"vae": (kerasgen_vae, torch_vae), "dcgan": (kerasgen_dcgan, torch_dcgan)}[
        options.model
    ]
    ours, parameters, operations = kerasgen_loop(images)
    loops = {f"kerasgen on {keras.backend.backend()}": ours}
    try:
        loops["PyTorch by hand"] = torch_loop(images)
    except ImportError:
        print("PyTorch is not installed: no comparison", file=sys.stderr)
    times = {name: [] for name in loops}
    for name, loop in loops.items():
        print(f"{name}: first epoch {timed(loop):.1f} s, compilation included")
    for _ in range(options.rounds):
        for name, loop in loops.items():
            times[name].append(timed(loop) / options.steps)
    floor = floor_of_step(parameters, operations)
    print(f"\n{parameters:,} parameters, {operations / 1e9:.2f} GFLOP a step, batch {BATCH}, ", end="")
    print(f"median of {options.rounds} epochs of {options.steps} steps")
    print(f"{'floor':28s} {1e3 * floor:6.2f} ms")
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        print(f"{name:28s} {1e3 * middle:6.2f} ms   {middle / floor:.2f} x floor   (min {1e3 * min(seconds):.2f})")
    if len(times) == 2:
        pairs = [a / b for a, b in zip(*times.values())]
        print(f"\nratio kerasgen / PyTorch, pair by pair: median {statistics.median(pairs):.2f}", end="")
        print(f" (from {min(pairs):.2f} to {max(pairs):.2f})")


if __name__ == "__main__":
    main()
