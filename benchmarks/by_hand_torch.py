"""The five systems of `systems.py` written by hand in PyTorch, as short and as fast as they get.

    step = by_hand_torch.steps("dcgan")     # one train step on images (batch, channels, height, width) in [0, 1]

The same networks, losses and optimizers, and in the same order; what a player's step does not differentiate runs
without a tape. PyTorch's own initial weights. Nothing here imports Keras.
"""

import itertools

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from benchmarks.systems import CONV, DCGAN, GAMMA, MLP, VAE_GAN, WGAN

#: What the fastest loop is looked for among: as one writes it, with the memory format in which convolutions are faster,
#: and with all that PyTorch has beside that, compiled losses and an Adam of one kernel.
VARIANTS = ("eager", "channels_last", "compiled")


class Down(nn.Module):
    """Convolutions of stride 2, flattened: the features of encoders and discriminators."""

    def __init__(self, shape, filters, activation, normalized=(), biased=False, rescale=False):
        super().__init__()
        height, width, channels = shape
        layers = []
        for index, (a, b) in enumerate(itertools.pairwise([channels, *filters])):
            layers.append(nn.Conv2d(a, b, 4, 2, 1, bias=biased or index not in normalized))
            if index in normalized:
                layers.append(nn.BatchNorm2d(b))
            layers.append(activation())
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.rescale = rescale
        halvings = 2 ** len(filters)
        self.size = filters[-1] * (height // halvings) * (width // halvings)

    def forward(self, images):
        return self.layers(2 * images - 1 if self.rescale else images)


class Up(nn.Module):
    """A dense layer and transposed convolutions of stride 2: decoders and generators."""

    def __init__(self, shape, latents, filters, normalized, tanh):
        super().__init__()
        height, width, channels = shape
        halvings = 2 ** len(filters)
        start = (filters[0], height // halvings, width // halvings)
        size = start[0] * start[1] * start[2]
        layers = [nn.Linear(latents, size, bias=not normalized)]
        layers += [nn.BatchNorm1d(size)] * normalized + [nn.ReLU(), nn.Unflatten(1, start)]
        for a, b in itertools.pairwise(filters):
            layers.append(nn.ConvTranspose2d(a, b, 4, 2, 1, bias=not normalized))
            layers += [nn.BatchNorm2d(b)] * normalized + [nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(filters[-1], channels, 4, 2, 1))
        self.tanh = tanh

    def forward(self, latents):
        outputs = self.layers(latents)
        return (torch.tanh(outputs) + 1) / 2 if self.tanh else outputs


class Encoder(nn.Module):
    """Features to mean and log variance."""

    def __init__(self, features, size, latents):
        super().__init__()
        self.features = features
        self.mean, self.log_variance = nn.Linear(size, latents), nn.Linear(size, latents)

    def forward(self, images):
        features = self.features(images)
        return self.mean(features), self.log_variance(features)


class Discriminator(nn.Module):
    """Logits, and the features before them."""

    def __init__(self, down):
        super().__init__()
        self.down, self.logits = down, nn.Linear(down.size, 1)

    def forward(self, images):
        features = self.down(images)
        return self.logits(features), features


def discriminator(shape, filters, normalized=True):
    """The first convolution is not normalised, as in a DCGAN."""
    batch_normalized = range(1, len(filters)) if normalized else ()
    return Discriminator(Down(shape, filters, lambda: nn.LeakyReLU(0.2), batch_normalized, rescale=True))


def draw(mean, log_variance):
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def divergence(mean, log_variance):
    return 0.5 * torch.sum(mean**2 + log_variance.exp() - 1 - log_variance) / len(mean)


def mlp_vae(shape, tools):
    pixels = shape[0] * shape[1] * shape[2]
    a, b = MLP["units"]
    features = nn.Sequential(nn.Flatten(), nn.Linear(pixels, a), nn.ReLU(), nn.Linear(a, b), nn.ReLU())
    decoder = nn.Sequential(
        nn.Linear(MLP["latents"], b),
        nn.ReLU(),
        nn.Linear(b, a),
        nn.ReLU(),
        nn.Linear(a, pixels),
        nn.Unflatten(1, shape),
    )
    return of_vae(Encoder(features, b, MLP["latents"]), decoder, tools, flat=True)


def conv_vae(shape, tools):
    down = Down(shape, CONV["filters"], nn.ReLU)
    decoder = Up(shape, CONV["latents"], CONV["filters"][::-1], normalized=False, tanh=False)
    return of_vae(Encoder(down, down.size, CONV["latents"]), decoder, tools)


def of_vae(encoder, decoder, tools, flat=False):
    tools.prepare(encoder, decoder)
    optimizer = tools.adam([encoder, decoder], 1e-3)

    @tools.compiled
    def loss(images):
        mean, log_variance = encoder(images)
        logits = decoder(draw(mean, log_variance))
        images = images.reshape(logits.shape) if flat else images
        error = binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)
        return error + divergence(mean, log_variance)

    return {"encoder": encoder, "decoder": decoder}, lambda images: tools.descend(optimizer, loss, images)


def dcgan(shape, tools):
    generator = Up(shape, DCGAN["latents"], DCGAN["up"], normalized=True, tanh=True)
    critic = discriminator(shape, DCGAN["down"])
    tools.prepare(generator, critic)
    optimizers = [tools.adam([network], 2e-4, (0.5, 0.999)) for network in (critic, generator)]

    @tools.compiled
    def critic_loss(images, latents):
        with torch.no_grad():
            fake = generator(latents)
        return softplus(-critic(images)[0]).mean() + softplus(critic(fake)[0]).mean()

    @tools.compiled
    def generator_loss(latents):
        return softplus(-critic(generator(latents))[0]).mean()

    def step(images):
        shape = (len(images), DCGAN["latents"])
        tools.descend(optimizers[0], critic_loss, images, torch.randn(shape, device=images.device))
        with Frozen(critic):
            tools.descend(optimizers[1], generator_loss, torch.randn(shape, device=images.device))

    return {"generator": generator, "discriminator": critic}, step


def wgan_gp(shape, tools):
    generator = Up(shape, WGAN["latents"], WGAN["up"], normalized=True, tanh=True)
    critic = discriminator(shape, WGAN["down"], normalized=False)
    tools.prepare(generator, critic)
    optimizers = [tools.adam([network], 1e-4, (0.0, 0.9)) for network in (critic, generator)]

    # A gradient of a gradient is beyond `torch.compile`: this loss stays eager in all variants.
    def critic_loss(images, latents):
        with torch.no_grad():
            fake = generator(latents)
        mix = torch.rand(len(images), 1, 1, 1, device=images.device)
        between = (mix * images + (1 - mix) * fake).requires_grad_()
        gradient = torch.autograd.grad(critic(between)[0].sum(), between, create_graph=True)[0]
        penalty = ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()
        return critic(fake)[0].mean() - critic(images)[0].mean() + 10 * penalty

    @tools.compiled
    def generator_loss(latents):
        return -critic(generator(latents))[0].mean()

    def step(images):
        parts = images.chunk(5)
        for part in parts:
            latents = torch.randn(len(part), WGAN["latents"], device=images.device)
            tools.descend(optimizers[0], critic_loss, part, latents)
        with Frozen(critic):
            latents = torch.randn(len(parts[0]), WGAN["latents"], device=images.device)
            tools.descend(optimizers[1], generator_loss, latents)

    return {"generator": generator, "discriminator": critic}, step


def vae_gan(shape, tools):
    down = Down(shape, VAE_GAN["encoder"], nn.ReLU, normalized=range(4), biased=True)
    encoder = Encoder(down, down.size, VAE_GAN["latents"])
    decoder = Up(shape, VAE_GAN["latents"], VAE_GAN["up"], normalized=True, tanh=True)
    judge = discriminator(shape, VAE_GAN["down"])
    tools.prepare(encoder, decoder, judge)
    optimizers = [tools.adam([network], 3e-4, (0.5, 0.999)) for network in (encoder, decoder, judge)]

    def distance(features, others):
        return 0.5 * ((features - others) ** 2).sum(1).mean()

    @tools.compiled
    def encoder_loss(images):
        mean, log_variance = encoder(images)
        with torch.no_grad():
            real = judge(images)[1]
        return divergence(mean, log_variance) + distance(real, judge(decoder(draw(mean, log_variance)))[1])

    @tools.compiled
    def decoder_loss(images):
        with torch.no_grad():
            mean, log_variance = encoder(images)
            real = judge(images)[1]
        logits, features = judge(decoder(draw(mean, log_variance)))
        drawn = judge(decoder(torch.randn_like(mean)))[0]
        return GAMMA * distance(real, features) + softplus(-logits).mean() + softplus(-drawn).mean()

    @tools.compiled
    def judge_loss(images):
        with torch.no_grad():
            mean, log_variance = encoder(images)
            fakes = decoder(draw(mean, log_variance)), decoder(torch.randn_like(mean))
        return softplus(-judge(images)[0]).mean() + sum(softplus(judge(fake)[0]).mean() for fake in fakes)

    def step(images):
        with Frozen(decoder), Frozen(judge):
            tools.descend(optimizers[0], encoder_loss, images)
        with Frozen(judge):
            tools.descend(optimizers[1], decoder_loss, images)
        tools.descend(optimizers[2], judge_loss, images)

    return {"encoder": encoder, "decoder": decoder, "discriminator": judge}, step


class Frozen:
    """While in the context, a network's weights need no gradients."""

    def __init__(self, network):
        self.network = network

    def __enter__(self):
        self.network.requires_grad_(False)

    def __exit__(self, *_):
        self.network.requires_grad_(True)


class Tools:
    """What a variant changes: the memory format, whether losses are compiled; and the device and its precision."""

    def __init__(self, variant, device="cpu", dtype=None):
        if variant not in VARIANTS:
            raise ValueError(f"A variant is one of {', '.join(VARIANTS)}. Received: {variant!r}")
        self.variant, self.device, self.dtype = variant, torch.device(device), dtype

    def prepare(self, *networks):
        """Move networks to the device and into the memory format."""
        for network in networks:
            network.to(self.device)
            if self.variant != "eager":
                network.to(memory_format=torch.channels_last)

    def incoming(self, images):
        """Images `(batch, height, width, channels)` of NumPy as the step takes them."""
        images = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2)  # in memory the channels stay last
        return images.contiguous() if self.variant == "eager" else images

    def compiled(self, loss):
        """The loss, compiled where the variant says so."""
        return torch.compile(loss, dynamic=False) if self.variant == "compiled" else loss

    def adam(self, networks, rate, betas=(0.9, 0.999)):
        """Adam on the weights of networks."""
        weights = [weight for network in networks for weight in network.parameters()]
        fused = self.device.type == "cuda" or self.variant == "compiled"
        return torch.optim.Adam(weights, rate, betas, fused=fused or None)

    def descend(self, optimizer, loss, *batch):
        """One step of an optimizer."""
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, self.dtype or torch.bfloat16, enabled=self.dtype is not None):
            value = loss(*batch)
        value.backward()
        optimizer.step()


BUILDERS = {each.__name__: each for each in (mlp_vae, conv_vae, dcgan, wgan_gp, vae_gan)}


def steps(name, shape, variant="eager", device="cpu", dtype=None):
    """The networks of a system by name, a function that does a step on images, and one that prepares NumPy images."""
    tools = Tools(variant, device, dtype)
    networks, step = BUILDERS[name](shape, tools)
    return networks, step, tools.incoming
