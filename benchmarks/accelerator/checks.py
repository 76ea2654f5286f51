"""Whether an accelerator computes what a CPU does: train steps of each family, features of a figure, the device's name.

A process on the CPU takes two steps of gradient descent of small networks in float32 and leaves where it began, its
losses and what the steps changed; one on the accelerator begins there and compares, in each precision.
"""

import json
import tempfile
import zlib

import keras
import numpy as np

import kerasgen
from benchmarks.accelerator import device
from kerasgen.engine.hardware import device_name
from kerasgen.metrics.features import FIDInception, inception_network, inception_weights
from kerasgen.runs.environment import environment

networks, models = kerasgen.networks, kerasgen.models
SHAPE, CLASSES, BATCH, STEPS = (16, 16, 3), 3, 32, 2
#: How the names of losses end. An accuracy jumps where a logit changes its sign; a gradient is seen in the changes.
LOSSES = ("loss", "kl", "reconstruction", "classification", "penalty")
#: The loss scale of float16 at the beginning. The usual one is found by skipping steps; here none may be skipped.
LOSS_SCALE = 64.0
#: Features of `fid_inception`, relative to the largest: float32 in another order of sums. TF32 would give 1e-3.
FEATURES = 1e-4


def vae():
    encoder = networks.conv.encoder(SHAPE, 4, filters=(8, 16), posterior="gaussian")
    return models.VAE(encoder, networks.conv.decoder(SHAPE, 4, filters=(16, 8)), seed=1)


def gan():
    discriminator = networks.dcgan.discriminator(SHAPE, filters=(8, 16))
    return models.GAN(networks.dcgan.generator(SHAPE, 4, filters=(16, 8)), discriminator, seed=1)


def wgan_gp():
    discriminator = networks.dcgan.discriminator(SHAPE, filters=(8, 16), normalization=None)
    generator = networks.dcgan.generator(SHAPE, 4, filters=(16, 8))
    return models.WGANGP(generator, discriminator, discriminator_steps=2, seed=1)


def vae_gan():
    encoder = networks.conv.encoder(SHAPE, 4, filters=(8, 16), normalization="batch", posterior="gaussian")
    decoder = networks.dcgan.generator(SHAPE, 4, filters=(16, 8), name="decoder")
    return models.VAEGAN(encoder, decoder, networks.dcgan.discriminator(SHAPE, filters=(8, 16)), seed=1)


def star_gan():
    generator = networks.stargan.generator(SHAPE, num_classes=CLASSES, filters=(8, 8), residual_blocks=1)
    discriminator = networks.stargan.discriminator(SHAPE, num_classes=CLASSES, filters=(8, 8))
    return models.StarGAN(generator, discriminator, discriminator_steps=2, seed=1)


#: Family -> its model, and the rate of its descent: a step must change the losses, and not throw them about.
FAMILIES = {"vae": (vae, 1e-3), "gan": (gan, 1e-2), "wgan_gp": (wgan_gp, 1e-3), "vae_gan": (vae_gan, 1e-3)}
FAMILIES["star_gan"] = (star_gan, 1e-3)

#: Precision -> Keras's policy, whether TF32 is allowed, and by how much losses may differ, relative to their size or 1,
#: and the changes of a network's weights, by the length of the vector. Float32 differs in the order of sums. Of 10 bits
#: (TF32, float16) or 7 (bfloat16) each layer loses some; and relu decides by the sign of numbers near zero, so that
#: parts of a gradient come or go. CPUs, which emulate the lower precisions, give a third of these bounds.
PRECISIONS = {
    "float32": ("float32", False, 1e-4, 1e-2),
    "float32, TF32": ("float32", True, 1e-2, 0.2),
    "mixed_bfloat16": ("mixed_bfloat16", True, 5e-2, 0.5),
    "mixed_float16": ("mixed_float16", True, 1e-2, 0.2),
}


class Noise:
    """In the place of `model.draw`: what a step draws, the same on each device and in each precision."""

    def __init__(self):
        self.drawn = 0

    def __call__(self, distribution, shape):
        rng, self.drawn = np.random.default_rng((5, self.drawn)), self.drawn + 1
        shape = tuple(int(length) for length in shape)
        noise = rng.standard_normal(shape) if distribution == "normal" else rng.random(shape)
        return device.tensor(noise.astype("float32"))


def two_steps(family, policy, begin=None):
    """Two steps of a family, from given weights or from its own.

    Returns:
        The weights before, the losses of each step as a dict, and by network what the steps changed, in a row.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(3)
        build, rate = FAMILIES[family]
        model = build()
    finally:
        keras.config.set_dtype_policy(before)
    model.compile({"class_name": "SGD", "config": {"learning_rate": rate}}, steps_per_execution=1)
    for player in model.players:
        if model.optimizer.scale_of(player) is not None:
            model.optimizer.scale_of(player).assign(LOSS_SCALE)
    if begin is not None:
        for variable, value in zip(model.trainable_variables, begin):
            variable.assign(value)
    begin = [numpy(variable) for variable in model.trainable_variables]
    images = np.random.default_rng(2).random((BATCH, *SHAPE), "float32")
    labels = np.arange(BATCH) % CLASSES if model.conditional else None
    losses, model.draw = {}, Noise()
    for step in range(STEPS):
        model.draw.drawn = 0  # On JAX the noise is a constant of the compiled step.
        model.reset_metrics()
        logs = model.train_on_batch(images, labels, return_dict=True)
        losses |= {f"{name} {step + 1}": float(value) for name, value in logs.items() if name.endswith(LOSSES)}
    numbers = {id(variable): number for number, variable in enumerate(model.trainable_variables)}
    changes = {}
    for player in model.players:
        for attribute, network in zip(model.players[player], model.networks_of(player)):
            parts = [numpy(v) - begin[numbers[id(v)]] for v in network.trainable_variables]
            if parts:  # A likelihood may have nothing to train.
                changes[attribute] = np.concatenate([part.ravel() for part in parts])
    return begin, losses, changes


def numpy(variable):
    return np.array(keras.ops.convert_to_numpy(variable), "float32")


def reference(settings, report):
    """On the CPU: what the others are compared with, into an archive."""
    kept = {}
    for family in settings["families"]:
        begin, losses, changes = two_steps(family, "float32")
        kept |= {f"{family}/begin/{number:03d}": value for number, value in enumerate(begin)}
        kept |= {f"{family}/change/{network}": value for network, value in changes.items()}
        kept[f"{family}/losses"] = np.array(json.dumps(losses))
        report("families", family, "done")
    kept["features"] = features()
    kerasgen.files.replace(settings["reference"], lambda path: save(path, kept))
    report("device", device_name())


def save(path, arrays):
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def compare(settings, report):
    """On the accelerator: the device's name, features, and each family in each precision, beside the CPU."""
    report("device", device_name())
    report("device in protocols", protocol())
    with np.load(settings["reference"]) as file:
        kept = dict(file)
    report("features", compare_features(kept["features"]))
    for precision, (policy, tf32, *bounds) in PRECISIONS.items():
        device.allow_tf32(tf32)
        report("rounding of float32", precision, device.rounding())
        for family in settings["families"]:
            if report.time_left() < 5:
                report("precisions", precision, family, {"skipped": "no time was left"})
                continue
            report("precisions", precision, family, report.tried(of_family, kept, family, policy, bounds))


def of_family(kept, family, policy, bounds):
    begin = [kept[name] for name in sorted(kept) if name.startswith(f"{family}/begin/")]
    expected = json.loads(str(kept[f"{family}/losses"]))
    _, losses, changes = two_steps(family, policy, begin)
    of_losses = {name: abs(losses[name] - value) / max(1.0, abs(value)) for name, value in expected.items()}
    of_changes = {}
    for network, change in changes.items():
        true = kept[f"{family}/change/{network}"]
        of_changes[network] = float(np.linalg.norm(change - true) / np.linalg.norm(true))
    worst = max(of_losses.values()), max(of_changes.values())
    good = all(np.isfinite(found) and found <= bound for found, bound in zip(worst, bounds))
    return {"losses": of_losses, "changes": of_changes, "largest": worst, "bounds": bounds, "good": good}


def compare_features(expected):
    """Features of `fid_inception` while TF32 is allowed, which its own context must switch off, and allow again."""
    device.allow_tf32(True)
    before = device.rounding()
    found = features()
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    return {"error": error, "bound": FEATURES, "good": error <= FEATURES, "settings kept": device.rounding() == before}


def features():
    """Features of four images by the network of the FID, with random weights that keep the size of what passes."""
    shapes = inception_weights.shapes(inception_network.build())
    images = np.random.default_rng(4).random((4, 32, 32, 3), "float32")
    return FIDInception({name: random_weight(name, shape) for name, shape in shapes.items()})(images)["features"]


def random_weight(name, shape):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith(("running_var", "bn.weight")):
        return rng.uniform(0.8, 1.2, shape)
    if len(shape) == 1:
        return 0.1 * rng.standard_normal(shape)
    return rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))


def protocol():
    """The device as the protocol of a figure names it, and a run."""
    rng = np.random.default_rng(6)
    with tempfile.TemporaryDirectory() as folder:
        samples, real = f"{folder}/samples.npy", f"{folder}/real.npz"
        np.save(samples, rng.random((40, 8, 8, 1), "float32"))
        np.savez(real, x=rng.random((40, 8, 8, 1), "float32"))
        found = kerasgen.evaluation.evaluate(
            samples, against=real, metrics=["frechet_distance"], features="pixels", output=f"{folder}/figures.json"
        )
    return {"figure": found["protocol"]["device"], "run": environment()["device"]}
