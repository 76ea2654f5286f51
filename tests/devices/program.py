"""Trains small models and writes what came out: run by the tests on one device and on several.

    python program.py OUT.npz [CASE ...]

How many devices do it is said by the environment: DEVICES (threads of one process), or a launcher's variables.
"""

import os
import sys

import keras
import numpy as np

import kerasgen as kg

SHAPE = (8, 8, 1)
mlp = kg.networks.mlp


def images(count, seed=0):
    """Some images."""
    return np.random.default_rng(seed).random((count, *SHAPE), "float32")


def vae(**arguments):
    return kg.models.VAE(
        mlp.encoder(SHAPE, latent_dim=3, units=(12,), posterior="gaussian"),
        mlp.decoder(SHAPE, latent_dim=3, units=(12,)),
        seed=1,
        **arguments,
    )


def gan(model=kg.models.GAN, normalization=None, **arguments):
    return model(
        mlp.generator(SHAPE, latent_dim=3, units=(12,), normalization=normalization),
        mlp.discriminator(SHAPE, units=(12,)),
        seed=1,
        **arguments,
    )


def vae_gan():
    return kg.models.VAEGAN(
        mlp.encoder(SHAPE, latent_dim=3, units=(12,), posterior="gaussian"),
        mlp.decoder(SHAPE, latent_dim=3, units=(12,)),
        mlp.discriminator(SHAPE, units=(12,)),
        seed=1,
    )


def star_gan():
    return kg.models.StarGAN(
        kg.networks.stargan.generator(SHAPE, num_classes=3, filters=(8, 8), residual_blocks=1),
        kg.networks.stargan.discriminator(SHAPE, num_classes=3, filters=(8, 8)),
        discriminator_steps=2,
        seed=1,
    )


def sgd(rate, **arguments):
    """A config: an optimizer would begin to compute before there are several devices."""
    return {"class_name": "SGD", "config": {"learning_rate": rate, **arguments}}


CASES = {
    "vae": (vae, sgd(1e-3)),
    "vae_adam": (lambda: vae(free_bits=0.3), {"class_name": "Adam", "config": {"learning_rate": 1e-2}}),
    "gan": (gan, sgd(0.1)),
    "wgan_gp": (lambda: gan(kg.models.WGANGP, discriminator_steps=2), sgd(1e-3)),
    "vae_gan": (vae_gan, sgd(1e-2)),
    "star_gan": (star_gan, sgd(1e-3)),
    "ema": (vae, sgd(1e-3, use_ema=True, ema_momentum=0.9)),
    "accumulation": (vae, sgd(1e-3, gradient_accumulation_steps=2)),
    "clipping": (vae, sgd(1e-3, clipnorm=0.5)),
    "float16": (vae, sgd(1e-3)),
    "weights": (vae, sgd(1e-3)),
}


def main(out, *names):
    """Train and write."""
    if os.environ.get("DEVICES"):
        devices = os.environ["DEVICES"]
        kg.devices.use(devices if devices == "all" else int(devices))
    results = {}
    for name in names or CASES:
        build, optimizer = CASES[name]
        keras.utils.set_random_seed(3)
        keras.config.set_dtype_policy("mixed_float16" if name == "float16" else "float32")
        model = build()
        model.compile(optimizer, jit_compile="auto")
        x, y = images(37), np.arange(37) % 3 if name == "star_gan" else None
        weights = np.linspace(0.1, 2, 37, dtype="float32") if name == "weights" else None
        held_out = (images(11, 1), np.arange(11) % 3 if y is not None else None)
        history = model.fit(
            x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, sample_weight=weights, validation_data=held_out
        ).history
        figures = model.evaluate(*held_out, batch_size=8, verbose=0, return_dict=True)
        for index, variable in enumerate(model.trainable_variables):
            results[f"{name}/weights/{index}"] = keras.ops.convert_to_numpy(variable)
        for log, values in history.items():
            results[f"{name}/history/{log}"] = np.asarray(values)
        for log, value in figures.items():
            results[f"{name}/evaluate/{log}"] = np.asarray(value)
    if kg.devices.is_first():
        np.savez(out, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
