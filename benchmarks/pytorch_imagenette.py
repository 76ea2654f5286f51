"""The yardsticks of the systems for Imagenette: a VAE and a DCGAN written by hand in PyTorch, as short as they get.

The VAE is the published one: convolutions 4x4 of stride 2, 32 latents, transposed convolutions, cross-entropy, Adam
1e-3, batches of 32. The GAN has the networks of the preset `gan_imagenette`. PyTorch's default initialisation.
`imagenette.py` trains and measures them.
"""

import itertools
import time

import numpy as np
import torch
from pytorch_dcgan import trainer
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

import kerasgen

SAMPLES = 3925


class VAE(nn.Module):
    """The published networks."""

    latents = 32
    batch = 32
    scale, shift = 1.0, 0.0

    def __init__(self):
        super().__init__()
        sizes = [3, 32, 64, 128, 256]
        convolutions = [(nn.Conv2d(a, b, 4, 2), nn.ReLU()) for a, b in itertools.pairwise(sizes)]
        self.features = nn.Sequential(*(layer for pair in convolutions for layer in pair), nn.Flatten())
        self.mean, self.log_variance = nn.Linear(1024, 32), nn.Linear(1024, 32)
        self.decode = nn.Sequential(
            nn.Linear(32, 1024),
            nn.Unflatten(1, (1024, 1, 1)),
            nn.ConvTranspose2d(1024, 128, 5, 2),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 5, 2),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 6, 2),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 3, 6, 2),
        )

    def step(self):
        """A function that does one step on images `(batch, 3, 64, 64)` in [0, 1]."""
        optimizer = torch.optim.Adam(self.parameters(), 1e-3)

        def step(images):
            features = self.features(images)
            mean, log_variance = self.mean(features), self.log_variance(features)
            logits = self.decode(mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean))
            divergence = 0.5 * torch.sum(mean**2 + log_variance.exp() - 1 - log_variance)
            loss = binary_cross_entropy_with_logits(logits, images, reduction="sum") + divergence
            optimizer.zero_grad(set_to_none=True)
            (loss / len(images)).backward()
            optimizer.step()

        return step

    def sample(self, latents):
        """Images in [0, 1]."""
        return torch.sigmoid(self.decode(latents))


class GAN(nn.Module):
    """The networks of `gan_imagenette`."""

    latents = 128
    batch = 32
    scale, shift = 2.0, -1.0

    def __init__(self):
        super().__init__()
        up, down = [256, 128, 64, 32], [3, 32, 64, 128, 256]
        layers = [nn.Linear(self.latents, 16 * up[0], bias=False), nn.BatchNorm1d(16 * up[0]), nn.ReLU()]
        layers += [nn.Unflatten(1, (up[0], 4, 4))]
        for a, b in itertools.pairwise(up):
            layers += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        self.generator = nn.Sequential(*layers, nn.ConvTranspose2d(up[-1], 3, 4, 2, 1), nn.Tanh())
        layers = [nn.Conv2d(down[0], down[1], 4, 2, 1), nn.LeakyReLU(0.2)]
        for a, b in itertools.pairwise(down[1:]):
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        self.discriminator = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * down[-1], 1))

    def step(self):
        """A function that does one step on images `(batch, 3, 64, 64)` in [-1, 1]."""
        return trainer(self.generator, self.discriminator, self.latents)

    def sample(self, latents):
        """Images in [0, 1]."""
        return (self.generator(latents) + 1) / 2


def train(name, seed, epochs):
    """Train a system; a generator that gives it after each epoch, ready to be sampled."""
    images, _ = kerasgen.datasets.load("imagenette/160px-v2", image_size=64).arrays("train")
    torch.manual_seed(seed)
    system = {"vae": VAE, "gan": GAN}[name]().to(memory_format=torch.channels_last)
    # A view with the channels in front: that is the memory format which convolutions on a CPU are faster on.
    images = torch.from_numpy(np.moveaxis(images, -1, 1)) * system.scale + system.shift
    step = system.step()
    started = time.perf_counter()
    for epoch in range(epochs):
        for batch in torch.randperm(len(images)).split(system.batch):
            step(images[batch])
        print(f"epoch {epoch + 1}: {time.perf_counter() - started:.0f} s", flush=True)
        system.eval()
        yield system
        system.train()


def draw(system):
    """The samples of seed 0, float32 `(SAMPLES, 64, 64, 3)` in [0, 1], the same latents each time."""
    latents = torch.randn(SAMPLES, system.latents, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        samples = torch.cat([system.sample(part) for part in latents.split(500)])
    return np.moveaxis(samples.numpy(), 1, -1)
