"""Presets of GANs and VAE-GANs."""


def _adam(learning_rate, beta_1=0.5, beta_2=0.999, average=None):
    """Adam; `average` is the momentum of a moving average of the weights, or None."""
    config = {"learning_rate": learning_rate, "beta_1": beta_1, "beta_2": beta_2}
    if average is not None:
        config |= {"use_ema": True, "ema_momentum": average}
    return {"class_name": "Adam", "config": config}


def _digits(summary, model, networks, batch_size=64, **entries):
    """A preset on the embedded digits."""
    dataset = {"name": "digits", "batch_size": batch_size}
    if entries.get("arguments", {}).get("discriminator_steps", 1) > 1:
        dataset["drop_remainder"] = True
    return {
        "summary": summary,
        "model": model,
        "networks": networks,
        "latent_dim": 32,
        "dataset": dataset,
        "epochs": 120,
        **entries,
    }


def _generator(**options):
    return {"builder": "dcgan.generator", "filters": [128, 64], **options}


def _discriminator(**options):
    return {"builder": "dcgan.discriminator", "filters": [64, 128], **options}


#: A discriminator whose gradient is penalised image by image, or which is normalised spectrally.
_PLAIN = {"normalization": None}
_SPECTRAL = {"normalization": None, "spectral_normalization": True}

GANS = {
    "gan": _digits(
        "GAN with fully connected networks",
        "GAN",
        {
            "generator": {"builder": "mlp.generator", "units": [256, 256]},
            "discriminator": {"builder": "mlp.discriminator", "units": [256, 128], "dropout": 0.3},
        },
        epochs=200,
    ),
    "dcgan": _digits("DCGAN", "GAN", {"generator": _generator(), "discriminator": _discriminator()}),
    "lsgan": _digits("Least squares GAN", "LSGAN", {"generator": _generator(), "discriminator": _discriminator()}),
    "wgan": _digits(
        "Wasserstein GAN with weight clipping",
        "WGAN",
        {"generator": _generator(), "discriminator": _discriminator()},
        batch_size=160,
        arguments={"discriminator_steps": 5},
        optimizer={"class_name": "RMSprop", "config": {"learning_rate": 5e-4}},
        epochs=600,
    ),
    "wgan_gp": _digits(
        "Wasserstein GAN with gradient penalty",
        "WGANGP",
        {"generator": _generator(), "discriminator": _discriminator(normalization="layer")},
        batch_size=160,
        arguments={"discriminator_steps": 5},
        optimizer=_adam(4e-4, 0.0, 0.9),
        epochs=400,  # The generator makes 8 steps in each.
    ),
    "sngan": _digits(
        "GAN with spectral normalisation and hinge loss",
        "SNGAN",
        {"generator": _generator(), "discriminator": _discriminator(**_SPECTRAL)},
        arguments={"discriminator_steps": 1},
        optimizer=_adam(4e-4, 0.0, 0.9),
    ),
    "relativistic_gan": _digits(
        "Relativistic GAN with the penalties R1 and R2",
        "RelativisticGAN",
        {"generator": _generator(), "discriminator": _discriminator(**_PLAIN)},
        optimizer=_adam(4e-4, 0.0, 0.99),
    ),
    "conditional_gan": _digits(
        "Conditional GAN",
        "ConditionalGAN",
        {"generator": _generator(), "discriminator": _discriminator()},
        conditional=True,
    ),
    "projection_gan": _digits(
        "GAN with a projection discriminator",
        "ProjectionGAN",
        {
            "generator": _generator(conditioning="batch_normalization"),
            "discriminator": _discriminator(conditioning="projection", **_SPECTRAL),
        },
        conditional=True,
        arguments={"discriminator_steps": 1},
        optimizer=_adam(4e-4, 0.0, 0.9),
    ),
    "acgan": _digits(
        "GAN with an auxiliary classifier",
        "ACGAN",
        {
            "generator": _generator(),
            "discriminator": _discriminator(num_classes=None, auxiliary_outputs="num_classes"),
        },
        conditional=True,
    ),
    "infogan": _digits(
        "InfoGAN, a category of ten and two numbers",
        "InfoGAN",
        {"generator": _generator(), "discriminator": _discriminator(auxiliary_outputs=12)},
        arguments={"categorical": [10], "continuous": 2},
        latent_dim=44,
    ),
    "bigan": _digits(
        "Bidirectional GAN",
        "BiGAN",
        {
            "generator": _generator(),
            "encoder": {"builder": "conv.encoder", "filters": [64, 128]},
            "discriminator": _discriminator(latent_dim="latent_dim"),
        },
        latent_dim=16,
    ),
    "vae_gan": _digits(
        "VAE-GAN",
        "VAEGAN",
        {
            "encoder": {"builder": "conv.encoder", "filters": [64, 128], "posterior": "gaussian"},
            "decoder": _generator(name="decoder"),
            "discriminator": _discriminator(),
        },
        # `R` sums 512 features here; with 256 the fourth tutorial found 1 to do well, and 0.01 to do badly.
        arguments={"gamma": 0.5},
        latent_dim=16,
    ),
    "adversarial_autoencoder": _digits(
        "Adversarial autoencoder",
        "AdversarialAutoencoder",
        {
            "encoder": {"builder": "mlp.encoder", "units": [256, 128]},
            "decoder": {"builder": "mlp.decoder", "units": [128, 256]},
            "discriminator": {"builder": "mlp.discriminator", "image_shape": ["latent_dim"], "units": [128, 128]},
        },
        latent_dim=8,
    ),
    "star_gan": {
        "summary": "StarGAN that recolours the embedded digits",
        "model": "StarGAN",
        # Twice the paper's share for what is not adversarial (see the notes of StarGAN): few steps, small images.
        "arguments": {
            "discriminator_steps": 1,
            "classification_weight": 1.0,
            "cycle_weight": 20.0,
            "penalty_weight": 10.0,
        },
        "networks": {
            "generator": {
                "builder": "stargan.generator",
                "filters": [32, 64],
                "residual_blocks": 2,
                # Without, colours come out right, and shapes as other digits or as negatives: see the tenth tutorial.
                "residual": True,
            },
            "discriminator": {"builder": "stargan.discriminator", "filters": [32, 64]},
        },
        "latent_dim": None,
        "conditional": True,
        "dataset": {"name": "coloured_digits", "batch_size": 64},
        "optimizer": _adam(1e-3, 0.5, 0.99),
        "epochs": 20,
    },
    "dcgan_mnist": {
        "summary": "DCGAN on MNIST, with resize-convolutions",
        "model": "GAN",
        "networks": {
            "generator": {
                "builder": "dcgan.generator",
                "upsampling": "resize",
                "filters": [128, 128, 64],
                "kernel_size": 3,
                "normalize_start": False,
            },
            "discriminator": {
                "builder": "dcgan.discriminator",
                "filters": [32, 64, 128, 256],
                "strides": [2, 2, 2, 1],
                "kernel_size": 3,
                "dropout": 0.25,
            },
        },
        "latent_dim": 100,
        "dataset": {"name": "mnist", "batch_size": 64},
        "optimizer": _adam(2e-4, 0.5),
        "epochs": 8,
    },
    "gan_mnist": {
        "summary": "GAN on MNIST with fully connected networks, 64-256-784 and 784-128-1",
        "model": "GAN",
        "networks": {
            "generator": {"builder": "mlp.generator", "units": [256]},
            "discriminator": {"builder": "mlp.discriminator", "units": [128]},
        },
        "latent_dim": 64,
        "dataset": {"name": "mnist", "batch_size": 64},
        "optimizer": _adam(2e-4, 0.5),
        "epochs": 30,
    },
    "gan_imagenette": {
        "summary": "DCGAN on Imagenette, 64x64",
        "model": "GAN",
        "networks": {
            "generator": {"builder": "dcgan.generator", "filters": [256, 128, 64, 32]},
            "discriminator": {"builder": "dcgan.discriminator", "filters": [32, 64, 128, 256]},
        },
        "latent_dim": 128,
        "dataset": {"name": "imagenette/160px-v2", "image_size": 64, "batch_size": 32},
        "optimizer": _adam(2e-4, 0.5),
        "epochs": 15,
    },
    "vae_gan_imagenette": {
        "summary": "VAE-GAN on Imagenette, 64x64",
        "model": "VAEGAN",
        "arguments": {"gamma": 0.01},
        "networks": {
            "encoder": {
                "builder": "conv.encoder",
                "filters": [32, 64, 128, 256],
                "normalization": "batch",
                "posterior": "gaussian",
            },
            "decoder": {
                "builder": "dcgan.generator",
                "filters": [256, 128, 64, 32],
                "normalization": "layer",
                "name": "decoder",
            },
            "discriminator": {
                "builder": "dcgan.discriminator",
                "filters": [32, 64, 128, 128],
                "normalization": "batch",
            },
        },
        "latent_dim": 64,
        "dataset": {"name": "imagenette/160px-v2", "image_size": 64, "batch_size": 32},
        # With the rates of `vae_gan_mnist`, and its layer normalisation, the discriminator won: grey after four epochs.
        "optimizer": {
            "encoder": _adam(2e-4),
            "decoder": _adam(2e-4, average=0.998),
            "discriminator": _adam(2e-4),
        },
        "epochs": 15,
    },
    "vae_gan_celeba": {
        "summary": "VAE-GAN on CelebA, 64x64, with the networks of a published script",
        "model": "VAEGAN",
        "networks": {
            # Batch normalisation after the activation, and a dense layer without: a layout says it.
            "encoder": {
                "builder": "layout.encoder",
                "layout": ",".join(
                    [
                        *(f"CONV|{filters}|5|5|2|2|2|2|LEAKYRELU,BNORM" for filters in (32, 64, 128, 256)),
                        "RESHAPE|FLAT,DENSE|2048|RELU,DENSE|512|LINEAR",
                    ]
                ),
                "posterior": "gaussian",
            },
            # The script's description names batch normalisation after the dense layer; here it is after the transposed
            # convolutions, too, as in the DCGAN.
            "decoder": {"builder": "dcgan.generator", "filters": [256, 128, 64, 32], "name": "decoder"},
            "discriminator": {"builder": "dcgan.discriminator", "filters": [64, 128, 256, 256], "kernel_size": 5},
        },
        "arguments": {"gamma": 0.01},
        "latent_dim": 512,
        "dataset": {"name": "celeb_a", "image_size": 64, "crop": True, "label": "Smiling", "batch_size": 512},
        "optimizer": _adam(3e-4, 0.9),
        "epochs": 50,
    },
    "relativistic_gan_mnist": {
        "summary": "Relativistic GAN on MNIST, R1 and R2, of given digits",
        "instead_of": ["gan", "dcgan", "relativistic_gan", "conditional_gan", "projection_gan", "sngan", "wgan_gp"],
        "model": "RelativisticGAN",
        "arguments": {"penalty_weight": 0.5},
        "networks": {
            # Without batch statistics, which averaged weights would not match.
            "generator": {"builder": "dcgan.generator", "normalization": "layer"},
            "discriminator": {"builder": "dcgan.discriminator", "normalization": None, "conditioning": "projection"},
        },
        "latent_dim": 64,
        "conditional": True,
        "dataset": {"name": "mnist", "batch_size": 64},
        "optimizer": {
            "discriminator": _adam(3e-4, 0.0, 0.99),
            "generator": _adam(3e-4, 0.0, 0.99, average=0.999),
        },
        "epochs": 6,
    },
    "vae_gan_mnist": {
        "summary": "VAE-GAN on MNIST, of given digits",
        "instead_of": ["vae_gan"],
        "model": "VAEGAN",
        "arguments": {"gamma": 0.01},
        "networks": {
            "encoder": {"builder": "conv.encoder", "filters": [32, 64], "posterior": "gaussian"},
            "decoder": {
                "builder": "dcgan.generator",
                "filters": [64, 32],
                "normalization": "layer",
                "name": "decoder",
            },
            # Three levels leave 1,024 features: with more of them reconstruction outweighs the divergence, and latents
            # leave the prior.
            "discriminator": {
                "builder": "dcgan.discriminator",
                "filters": [32, 64, 64],
                "normalization": "layer",
                "conditioning": "projection",
            },
        },
        "latent_dim": 16,
        "conditional": True,
        "dataset": {"name": "mnist", "batch_size": 64},
        "optimizer": {
            "encoder": _adam(5e-4, 0.5, 0.99, average=0.998),
            "decoder": _adam(5e-4, 0.5, 0.99, average=0.998),
            "discriminator": _adam(1e-3, 0.5, 0.99),
        },
        "epochs": 10,
    },
}
