"""The yardstick of the zoo's GANs: a DCGAN for MNIST written by hand in PyTorch, as short as it gets.

    python benchmarks/pytorch_dcgan.py samples.npy --seed 0 --epochs 8
    kerasgen evaluate samples.npy --against mnist --metrics frechet_distance,precision_recall,class_shares

Trains on MNIST's 60,000 training images with Adam 2e-4, beta1 0.5, batches of 64; real and generated images go through
the discriminator in separate calls, and the generator's step draws latents anew. PyTorch's default initialisation.
Writes 10,000 samples, drawn in inference mode, float32 `(10000, 28, 28, 1)` in [0, 1].
"""

import argparse
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

LATENTS, BATCH = 100, 64


def networks():
    """The generator, which ends in tanh, and the discriminator, which gives logits."""
    generator = nn.Sequential(
        nn.Linear(LATENTS, 7 * 7 * 128, bias=False),
        nn.BatchNorm1d(7 * 7 * 128),
        nn.ReLU(),
        nn.Unflatten(1, (128, 7, 7)),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    )
    return generator, discriminator


def trainer(generator, discriminator, latents=LATENTS):
    """A function that does one step on images `(batch, channels, height, width)` in [-1, 1]."""
    generator_optimizer = torch.optim.Adam(generator.parameters(), 2e-4, betas=(0.5, 0.999))
    discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), 2e-4, betas=(0.5, 0.999))

    def step(images):
        with torch.no_grad():
            fake = generator(torch.randn(len(images), latents))
        loss = softplus(-discriminator(images)).mean() + softplus(discriminator(fake)).mean()
        discriminator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        discriminator_optimizer.step()
        discriminator.requires_grad_(False)
        loss = softplus(-discriminator(generator(torch.randn(len(images), latents)))).mean()
        generator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        generator_optimizer.step()
        discriminator.requires_grad_(True)

    return step


def main():
    """Train, sample, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()

    import kerasgen

    images, _ = kerasgen.datasets.load("mnist").arrays("train")
    images = torch.from_numpy(np.moveaxis(images, -1, 1) * 2 - 1)
    torch.manual_seed(arguments.seed)
    generator, discriminator = networks()
    step = trainer(generator, discriminator)
    started = time.perf_counter()
    for epoch in range(arguments.epochs):
        for batch in torch.randperm(len(images)).split(BATCH):
            step(images[batch])
        print(f"epoch {epoch + 1}: {time.perf_counter() - started:.0f} s", flush=True)
    generator.eval()
    with torch.no_grad():
        samples = torch.cat([generator(torch.randn(500, LATENTS)) for _ in range(20)])
    np.save(arguments.output, np.moveaxis((samples.numpy() + 1) / 2, 1, -1))


if __name__ == "__main__":
    main()
