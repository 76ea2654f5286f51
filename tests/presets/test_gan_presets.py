import keras
import numpy as np
import pytest

from kerasgen import datasets, presets
from kerasgen.presets.gans import GANS

EMBEDDED = [name for name, preset in GANS.items() if preset["dataset"]["name"] == "digits"]


def quick(name):
    """The config of a preset with XLA only where the backend has nothing else."""
    return {**presets.get(name), "jit_compile": keras.backend.backend() == "jax"}


def test_there_is_a_preset_of_each_gan():
    from kerasgen import models

    trained = {preset["model"] for preset in GANS.values()}
    assert trained == set(models.__all__) - {"Autoencoder", "VAE"}


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="slow without compilation: tests/models has each on JAX")
@pytest.mark.parametrize("name", EMBEDDED)
def test_a_preset_builds_trains_and_generates(name):
    config = quick(name)
    model, data = presets.load(config)
    model.compile(config["optimizer"], run_eagerly=True)  # Quicker than to trace a function for a single step.
    images, labels = data.arrays("train", config["dataset"]["batch_size"])
    logs = model.train_on_batch(images, labels, return_dict=True)
    assert np.isfinite(list(logs.values())).all()
    assert model.generate(3, seed=0).shape == (3, *data.image_shape)


@pytest.mark.parametrize("name", EMBEDDED)
def test_no_batch_of_a_preset_is_too_small_for_its_steps(name):
    config = presets.get(name)
    steps = config["arguments"].get("discriminator_steps", 1)
    size, rest = config["dataset"]["batch_size"], datasets.load("digits").sizes["train"]
    assert config["dataset"].get("drop_remainder") or rest % size == 0 or rest % size >= steps
    assert size % steps == 0


def test_words_in_options_stand_for_numbers():
    config = presets.override(quick("adversarial_autoencoder"), "latent_dim", 5)
    model, _ = presets.load(config)
    assert model.discriminator.inputs[0].shape == (None, 5)
    model, data = presets.load(quick("acgan"))
    assert model.discriminator.outputs[1].shape == (None, data.num_classes)
    assert model.num_classes == 10 and len(model.discriminator.inputs) == 1


def test_a_learning_rate_is_that_of_each_player():
    config = presets.get("dcgan")
    config["optimizer"] = {
        player: {"class_name": "Adam", "config": {"learning_rate": rate}}
        for player, rate in (("generator", 1e-4), ("discriminator", 4e-4))
    }
    changed = presets.override(config, "learning_rate", 0.01)
    assert {each["config"]["learning_rate"] for each in changed["optimizer"].values()} == {0.01}
    changed = presets.override(config, "optimizer.generator.config.beta_1", 0.5)
    assert changed["optimizer"]["generator"]["config"] == {"learning_rate": 1e-4, "beta_1": 0.5}
    assert changed["optimizer"]["discriminator"] == config["optimizer"]["discriminator"]
    with pytest.raises(ValueError, match="beta_9"):
        presets.override(config, "optimizer.generator.config.beta_9", 0.5)


def test_what_does_better_on_some_data_is_recommended_there():
    on_mnist = {
        name: presets.override(presets.get(name), "dataset.name", "mnist") for name in ("gan", "vae", "vae_gan")
    }
    found = {name: presets.recommended(config) for name, config in on_mnist.items()}
    assert found == {"gan": "relativistic_gan_mnist", "vae": None, "vae_gan": "vae_gan_mnist"}
    assert presets.recommended(presets.get("gan")) is None


def test_the_published_dcgan_is_built_as_written():
    """Layers counted by hand: dense 100 -> 128 * 49, convolutions 3x3 without bias before batch normalisation."""
    pytest.importorskip("tensorflow")
    generator = 101 * 128 * 49 + 9 * 128 * 128 + 4 * 128 + 9 * 128 * 64 + 4 * 64 + 9 * 64 + 1
    discriminator = 9 * 32 + 32 + sum(9 * a * b + 4 * b for a, b in ((32, 64), (64, 128), (128, 256))) + 4 * 4 * 256 + 1
    config = quick("dcgan_mnist")
    images = np.zeros((4, 28, 28, 1), "float32")
    config["dataset"] = {"name": (images, np.arange(4)), "batch_size": 4, "validation": None, "test": None}
    model, _ = presets.load(config)
    assert (model.generator.count_params(), model.discriminator.count_params()) == (generator, discriminator)


def test_the_published_vae_gan_of_faces_has_the_weights_counted_by_hand():
    """The encoder's convolutions have biases; no bias stands before batch normalisation."""
    encoder = sum(25 * a * b + b + 4 * b for a, b in ((3, 32), (32, 64), (64, 128), (128, 256)))
    encoder += 4097 * 2048 + 2 * 2049 * 512
    start = 512 * 4096 + 4 * 4096
    decoder = start + sum(16 * a * b + 4 * b for a, b in ((256, 128), (128, 64), (64, 32))) + 16 * 32 * 3 + 3
    discriminator = 25 * 3 * 64 + 64 + sum(25 * a * b + 4 * b for a, b in ((64, 128), (128, 256), (256, 256)))
    discriminator += 4 * 4 * 256 + 1
    assert presets.expected("vae_gan_celeba")["parameters"] == encoder + decoder + discriminator
