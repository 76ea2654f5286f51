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
SYNCHRONIZED = "synchronized_batch"
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


def gan(model=kg.models.GAN, normalization=None, of_discriminator=None, **arguments):
    return model(
        mlp.generator(SHAPE, latent_dim=3, units=(12,), normalization=normalization),
        mlp.discriminator(SHAPE, units=(12,), normalization=of_discriminator),
        seed=1,
        **arguments,
    )


def conditional_gan():
    """Batch statistics of all devices, and a scale and an offset a class."""
    conditional = {"normalization": SYNCHRONIZED, "num_classes": 3}
    return kg.models.ConditionalGAN(
        mlp.generator(SHAPE, latent_dim=3, units=(12,), conditioning="batch_normalization", **conditional),
        mlp.discriminator(SHAPE, units=(12,), **conditional),
        seed=1,
    )


def vae_gan(normalization=None):
    return kg.models.VAEGAN(
        mlp.encoder(SHAPE, latent_dim=3, units=(12,), posterior="gaussian", normalization=normalization),
        mlp.decoder(SHAPE, latent_dim=3, units=(12,), normalization=normalization),
        mlp.discriminator(SHAPE, units=(12,), normalization=normalization),
        seed=1,
    )


def star_gan():
    return kg.models.StarGAN(
        kg.networks.stargan.generator(SHAPE, num_classes=3, filters=(8, 8), residual_blocks=1),
        kg.networks.stargan.discriminator(SHAPE, num_classes=3, filters=(8, 8)),
        discriminator_steps=2,
        seed=1,
    )


def exact_moments(layer, inputs, mask):
    """What `keras.layers.BatchNormalization` takes the moments to be, in a form that can be differentiated twice."""
    mean = keras.ops.mean(inputs, axis=layer._reduction_axes, keepdims=True)
    variance = keras.ops.mean(keras.ops.square(inputs - mean), axis=layer._reduction_axes)
    return keras.ops.squeeze(mean, layer._reduction_axes), variance


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
    "gan_synchronized": (lambda: gan(normalization=SYNCHRONIZED, of_discriminator=SYNCHRONIZED), sgd(0.1)),
    "vae_gan_synchronized": (lambda: vae_gan(SYNCHRONIZED), sgd(1e-3)),
    "wgan_gp_synchronized": (
        lambda: gan(kg.models.WGANGP, normalization=SYNCHRONIZED, discriminator_steps=2),
        sgd(1e-3),
    ),
    # No sensible model, since it penalises gradients that depend on the batch, but one that differentiates statistics
    # twice. TensorFlow does so wrongly on one device (`tf.nn.moments` holds the mean fixed): see `exact_moments`.
    "penalty_synchronized": (
        lambda: gan(kg.models.WGANGP, of_discriminator=SYNCHRONIZED, discriminator_steps=1),
        sgd(1e-4),
    ),
    "conditional_synchronized": (conditional_gan, sgd(0.1)),
}
MOMENTS = keras.layers.BatchNormalization._moments
#: Images and batch size. PyTorch's convolutions of fewer than 16 images on one core cannot be differentiated twice.
SIZES = {"star_gan": (128, 64)}
LABELLED = ("star_gan", "conditional_synchronized")


def main(out, *names):
    """Train and write."""
    if os.environ.get("DEVICES"):
        devices = os.environ["DEVICES"]
        kg.devices.use(devices if devices == "all" else int(devices))
    results = {}
    for name in names or CASES:
        build, optimizer = CASES[name]
        keras.layers.BatchNormalization._moments = exact_moments if name == "penalty_synchronized" else MOMENTS
        keras.utils.set_random_seed(3)
        keras.config.set_dtype_policy("mixed_float16" if name == "float16" else "float32")
        model = build()
        model.compile(optimizer, jit_compile="auto")
        count, size = SIZES.get(name, (37, 8))
        x, y = images(count), np.arange(count) % 3 if name in LABELLED else None
        weights = np.linspace(0.1, 2, 37, dtype="float32") if name == "weights" else None
        held_out = (images(11, 1), np.arange(11) % 3 if y is not None else None)
        history = model.fit(
            x, y, batch_size=size, epochs=2, shuffle=False, verbose=0, sample_weight=weights, validation_data=held_out
        ).history
        figures = model.evaluate(*held_out, batch_size=8, verbose=0, return_dict=True)
        for index, variable in enumerate(model.trainable_variables):
            results[f"{name}/weights/{index}"] = keras.ops.convert_to_numpy(variable)
        statistics = [v for v in model.non_trainable_variables if v.name in ("moving_mean", "moving_variance")]
        for index, variable in enumerate(statistics):
            results[f"{name}/statistics/{index}"] = keras.ops.convert_to_numpy(variable)
        for log, values in history.items():
            results[f"{name}/history/{log}"] = np.asarray(values)
        for log, value in figures.items():
            results[f"{name}/evaluate/{log}"] = np.asarray(value)
    if kg.devices.is_first():
        np.savez(out, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
