"""Runs in folders: a run that is killed and resumed ends as one that was not."""

import json
import pathlib
import random
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from kerasgen import callbacks, cards, evaluation, presets, runs
from kerasgen.reports import card_text
from kerasgen.runs import looking

# Few pictures, no XLA, a short run: what is tested is what remains of it.
TINY = {
    **presets.get("vae"),
    "epochs": 25,
    "jit_compile": keras.backend.backend() == "jax",
    "pictures_every": 100,
    "networks": {
        "encoder": {"builder": "mlp.encoder", "units": [16], "posterior": "gaussian", "dropout": 0.1},
        "decoder": {"builder": "mlp.decoder", "units": [16], "normalization": "batch"},
    },
    "latent_dim": 2,
    "dataset": {"name": "digits", "batch_size": 128},
    "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.001, "use_ema": True}},
}

SPECTRAL = {"normalization": None, "spectral_normalization": True, "dropout": 0.1}
TINY_GAN = {
    **TINY,
    "model": "SNGAN",
    "arguments": {"discriminator_steps": 2},
    "networks": {
        "generator": {"builder": "mlp.generator", "units": [16], "normalization": "batch"},
        "discriminator": {"builder": "mlp.discriminator", "units": [16], **SPECTRAL},
    },
}
TINY_VAE_GAN = {
    **TINY,
    "model": "VAEGAN",
    "arguments": {},
    "networks": {
        "encoder": TINY["networks"]["encoder"],
        "decoder": {"builder": "mlp.generator", "units": [16], "normalization": "batch", "name": "decoder"},
        "discriminator": {"builder": "mlp.discriminator", "units": [16], **SPECTRAL},
    },
}

CHILD = """
import json, sys
from kerasgen import runs
config, folder, resumed = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3] == "resume"
runs.resume(folder, verbose=0) if resumed else runs.train(config, folder, verbose=0)
"""


def start(config, folder, how="train"):
    return subprocess.Popen([sys.executable, "-c", CHILD, json.dumps(config), str(folder), how])


def everything(folder):
    model = keras.models.load_model(folder / "model.keras")
    variables = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(v) for v in variables], (folder / "history.csv").read_bytes()


# The model of most players and states; where the test is not slow, that which compiles at once. `tools/kill_test.py`
# kills the others.
KILLED = pytest.param(TINY_VAE_GAN, id="vae_gan", marks=pytest.mark.slow)
if keras.backend.backend() != "tensorflow":
    KILLED = pytest.param(TINY, id="vae")


@pytest.mark.parametrize("config", [KILLED])
def test_killed_at_random_moments_and_resumed_a_run_ends_bit_equal(config, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(config, whole).wait() == 0
    rng = random.Random(0)
    how = "train"
    for _ in range(2):
        child = start(config, killed, how)
        before = callbacks.newest_checkpoint(killed)
        while child.poll() is None and callbacks.newest_checkpoint(killed) == before:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        child.kill()
        assert child.wait() != 0, "the run ended before it was killed: make it longer"
        how = "resume"
    done = callbacks.newest_checkpoint(killed).name
    assert "epoch-0025" not in done
    assert start(config, killed, "resume").wait() == 0
    (first, table), (second, other) = everything(whole), everything(killed)
    assert table == other
    for a, b in zip(first, second):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = {**TINY, "epochs": 2, "pictures_every": 1}
    return runs.train(config, tmp_path_factory.mktemp("runs") / "vae", verbose=0)


def test_a_run_leaves_everything_in_its_folder(run):
    names = {path.name for path in run.path.iterdir()}
    assert {"config.json", "history.csv", "metrics.json", "model.keras", "pictures", "checkpoints"} <= names
    config = json.loads((run.path / "config.json").read_text(encoding="utf-8"))
    assert config["environment"]["backend"] == keras.backend.backend()
    assert config["environment"]["steps_per_execution"] == run.model.steps_per_execution
    assert config["networks"] == TINY["networks"]
    figures = json.loads((run.path / "metrics.json").read_text(encoding="utf-8"))["figures"]
    assert figures["negative_elbo"] == pytest.approx(figures["reconstruction"] + figures["kl"])
    pictures = {path.name for path in run.pictures}
    assert {"reconstructions.png", "latent_scatter.png", "samples.png", "learning_curves.png"} <= pictures
    assert not list(run.path.rglob(".tmp-*"))


def test_the_functions_on_a_run(run):
    assert runs.info(run.path)["epochs"] == 2
    assert runs.generate(run.path, count=9).exists()
    assert runs.reconstruct(run.path).exists()
    png, gif = runs.interpolate(run.path, 0, 3, steps=5, method="spherical")
    assert png.exists() and gif.exists()
    measured = evaluation.evaluate(run.path, metrics=["terms"])["figures"]
    assert measured["negative_elbo"] == pytest.approx(run.metrics["figures"]["negative_elbo"], rel=1e-6)
    with pytest.raises(ValueError, match="format must be one of"):
        runs.export(run.path, "pickle")


def test_a_published_run_has_a_card_and_loads(run, tmp_path):
    card = cards.publish(run.path, tmp_path / "vae", draws=2)
    text = card.read_text(encoding="utf-8")
    figures = json.loads((run.path / "metrics.json").read_text(encoding="utf-8"))["figures"]
    assert f"{figures['negative_elbo']:.2f}" in text
    assert f"{run.model.count_params():,} parameters" in text and "CC BY 4.0" in text
    assert {path.name for path in card.parent.iterdir()} >= {"model.keras", "saved_model", "samples.png"}
    again = keras.models.load_model(card.parent / "model.keras")
    assert np.abs(again.generate(3, seed=0) - run.model.generate(3, seed=0)).max() < 0.01
    assert all((value == value.astype("float16")).all() for value in again.get_weights())
    assert "no value of 64 samples and 64 reconstructions by more than" in text
    assert "--metrics terms," in text and "--features" not in text
    whole = sum(value.nbytes for value in again.get_weights())
    [stored] = (card.parent / "saved_model" / "variables").glob("*.data*")
    assert stored.stat().st_size < 0.5 * whole + 3_000  # names and places of variables, too
    import tensorflow as tf

    latents = np.random.default_rng(0).normal(size=(3, again.latent_dim)).astype("float32")
    images = tf.saved_model.load(card.parent / "saved_model").signatures["decode"](latents=latents)["images"]
    np.testing.assert_allclose(images, again.decode(latents), atol=1e-6)


@pytest.mark.slow
def test_a_gan_of_given_classes_runs_and_is_published(tmp_path):
    config = {**presets.get("conditional_gan"), **{key: TINY[key] for key in ("jit_compile", "pictures_every")}}
    config["networks"] = {
        "generator": {"builder": "mlp.generator", "units": [16], "normalization": "batch"},
        "discriminator": {"builder": "mlp.discriminator", "units": [16]},
    }
    config["arguments"] = {"discriminator_steps": 2}
    run = runs.train({**config, "epochs": 1, "metrics_every": 1, "pictures_every": 1}, tmp_path / "run", verbose=0)
    names = {picture.name for picture in run.pictures}
    assert {"learning_curves.png", "samples.png"} <= names
    history = callbacks.read_history(run.path / "history.csv")
    assert {"discriminator_loss", "val_generator_loss", "sample_diversity", "frechet_distance"} <= set(history)
    text = cards.publish(run.path, tmp_path / "gan").read_text(encoding="utf-8")
    assert "generator" in text and "discriminator" in text and "moving statistics" in text
    assert "32 latents, discriminator steps 2." in text
    # The card's own words work.
    line = next(line for line in text.splitlines() if "model.generate(" in line)
    scope = {"model": keras.models.load_model(tmp_path / "gan" / "model.keras")}
    exec(line.strip(), scope)
    assert scope["images"].shape == (16, 8, 8, 1)
    line = next(line for line in text.splitlines() if "signatures" in line)
    import tensorflow as tf

    scope = {"tf": tf, "model": tf.saved_model.load(tmp_path / "gan" / "saved_model")}
    exec(line.strip(), scope)
    assert scope["images"].shape == (16, 8, 8, 1)


def test_a_card_says_why_published_figures_do_not_compare():
    from types import SimpleNamespace

    data = SimpleNamespace(name="imagenette/160px-v2", stored_size="96x96", image_shape=(64, 64, 3))
    text = " ".join(card_text._published("mine", "vae_imagenette", data, {"features": "random_projection"}).split())
    for said in ("FID of 330.25", "`random_projection`", "squares of 96x96 pixels", "non-commercial research"):
        assert said in text
    assert card_text._stored(data) == ", pictures of 96x96 pixels on disk read as 64x64"
    data.stored_size = "160x160 to 640x480"
    text = card_text._published("mine", "gan_imagenette", data, {"features": "fid_inception"})
    assert "about 230" in text and "96x96" not in text and "do not compare" not in text
    assert card_text._published("mine", "vae_mnist", data, {}) == ""


def test_published_figures_stand_beside_the_same_data_only():
    from types import SimpleNamespace

    data = SimpleNamespace(name="photos", stored_size=None, image_shape=(64, 64, 3))
    assert card_text._published("mine", "vae_imagenette", data, {"features": "random_projection"}) == ""


def test_a_run_is_that_of_a_config_or_of_another(run, tmp_path):
    config = json.loads((run.path / "config.json").read_text(encoding="utf-8"))
    asked = {**TINY, "epochs": 2}
    assert not runs.complete(asked, run.path)
    # Where data come from is no other training.
    assert not runs.complete({**asked, "dataset": {**asked["dataset"], "download": True}}, run.path)
    # A setting that only one of both names is one.
    config["dataset"]["binarize"] = "threshold"
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ValueError, match=r"another config \(dataset.binarize\)"):
        runs.complete(asked, tmp_path)


@pytest.mark.slow
def test_a_star_gan_is_measured_and_published(tmp_path):
    config = {**presets.get("star_gan"), "epochs": 1, "jit_compile": TINY["jit_compile"]}
    config["networks"] = {
        "generator": {"builder": "stargan.generator", "filters": [4], "residual_blocks": 1},
        "discriminator": {"builder": "stargan.discriminator", "filters": [4]},
    }
    config["dataset"] = {**config["dataset"], "batch_size": 479}
    with pytest.raises(ValueError, match="metrics_every measures images that are drawn from latents"):
        runs.train({**config, "metrics_every": 1}, tmp_path / "refused", verbose=0)
    run = runs.train(config, tmp_path / "run", verbose=0)
    figures = evaluation.evaluate(run.path)["figures"]
    assert figures["cycle_reconstruction"] > 0 and "frechet_distance" not in figures
    with pytest.raises(ValueError, match="frechet_distance needs a model that draws images from latents"):
        evaluation.evaluate(run.path, metrics=["frechet_distance"])
    text = cards.publish(run.path, tmp_path / "published").read_text(encoding="utf-8")
    assert "model.translate(images, 3)" in text and "translations.png" in text
    assert "with changes" in text and "generator `stargan.generator` (filters [4], residual blocks 1)" in text


def decoded(monkeypatch, path, **arguments):
    """What `interpolate` decoded: pairs of the latents on the way and of the class they were decoded as."""
    seen = []
    model = runs.load(path)
    decode = model.decode

    def look(latents, labels=None):
        seen.append((latents, None if labels is None else int(labels[0])))
        return decode(latents, labels)

    monkeypatch.setattr(model, "decode", look)
    with monkeypatch.context() as patch:
        patch.setattr(looking, "load", lambda _: model)
        png, gif = runs.interpolate(path, steps=3, **arguments)
    assert png.exists() and gif.exists()
    return [each for each in seen if len(each[0]) == 3], model


def test_a_class_is_looked_for_in_data_that_are_in_its_order(monkeypatch):
    """Not among the first images only, which are of another one."""
    from types import SimpleNamespace

    from kerasgen import datasets

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 300)
    images = (0.8 * labels[:, None, None, None] + 0.2 * rng.random((600, 4, 4, 1))).astype("float32")
    data = datasets.load((images, labels), test=0.1)
    monkeypatch.setattr(looking, "LOOKED_AT", 200)
    shown = np.linspace(0, 1, looking.GENERATED, dtype="float32")
    model = SimpleNamespace(
        latent_dim=1, conditional=False, decode=lambda _: np.broadcast_to(shown[:, None, None, None], (1000, 4, 4, 1))
    )
    latents, _ = looking._generated_ends(model, data, None, (0, 1), seed=0)
    drawn = np.random.default_rng(0).standard_normal((looking.GENERATED, 1), "float32")
    dark, bright = (shown[np.flatnonzero(drawn[:, 0] == latent)[0]] for latent in latents[:, 0])
    assert dark < 0.3 and bright > 0.7


def test_interpolates_between_test_images_of_two_classes(run, monkeypatch):
    images, labels = runs.data_of(run.path).arrays("test")
    [(way, _)], model = decoded(monkeypatch, run.path, labels=(2, 8))
    ends = model.encode(images[[list(labels).index(2), list(labels).index(8)]])
    np.testing.assert_allclose(way, [ends[0], ends.mean(axis=0), ends[1]], atol=1e-5)
    [(way, _)], _ = decoded(monkeypatch, run.path, start=4, end=9)
    np.testing.assert_allclose(way[[0, 2]], model.encode(images[[4, 9]]), atol=1e-5)
    for arguments, message in (
        ({"labels": (2, 10)}, r"digits has 10 classes.*\(2, 10\)"),
        ({"end": 360}, "There are 360 test images.*0 and 360"),
        ({"method": "curved"}, "method must be"),
    ):
        with pytest.raises(ValueError, match=message):
            runs.interpolate(run.path, **arguments)


@pytest.mark.slow
def test_interpolates_between_samples_of_a_gan(tmp_path, monkeypatch):
    """Where classes are asked for: latents whose images are most like those of the class."""
    path = tmp_path / "gan"
    runs.train({**TINY_GAN, "epochs": 1, "dataset": {**TINY["dataset"], "drop_remainder": True}}, path, verbose=0)
    latents = np.random.default_rng(3).standard_normal((looking.GENERATED, 2), "float32")
    [(way, label)], _ = decoded(monkeypatch, path, start=5, end=7, seed=3)
    np.testing.assert_allclose(way, [latents[5], latents[[5, 7]].mean(axis=0), latents[7]], atol=1e-6)
    assert label is None
    with pytest.raises(ValueError, match="None of 1000 generated images looks like this class"):
        runs.interpolate(path, labels=(0, 1))
    text = cards.publish(path, tmp_path / "published").read_text(encoding="utf-8")
    assert "between latents of two samples" in text  # of no class, where none looks like one
    assert """--set 'model="SNGAN"'""" in text and "--set 'epochs=1'" in text
    assert "distance to training images" in text
    images, labels = runs.data_of(path).arrays("test")

    def perfect(model, latents, labels=None):
        """A GAN that makes the test images in turn."""
        return images[np.arange(len(latents)) % len(images)]

    monkeypatch.setattr(type(runs.load(path)), "decode", perfect)
    found, _ = looking._generated_ends(runs.load(path), runs.data_of(path), None, (2, 8), seed=3)
    indices = [next(index for index, latent in enumerate(latents) if (latent == end).all()) for end in found]
    assert [labels[index % len(images)] for index in indices] == [2, 8]


def test_a_finished_run_can_go_on(run):
    before = run.model.optimizer.iterations
    longer = runs.resume(run.path, epochs=3, verbose=0)
    assert int(longer.model.optimizer.iterations) == int(before) // 2 * 3
    assert (run.metrics["protocol"]["epochs_timed"], longer.metrics["protocol"]["epochs_timed"]) == (2, 3)
    # The seconds are those of both parts.
    parts = json.loads((run.path / "seconds.json").read_text(encoding="utf-8"))
    assert list(parts) == ["1", "2", "3"] and min(parts.values()) > 0
    assert longer.metrics["protocol"]["seconds"] == pytest.approx(sum(parts.values()), abs=0.1)
    assert run.metrics["protocol"]["seconds"] == pytest.approx(parts["1"] + parts["2"], abs=0.1)
    assert callbacks.read_history(run.path / "history.csv")["epoch"] == [1, 2, 3]
    with pytest.raises(ValueError, match="already"):
        runs.resume(run.path, epochs=1, verbose=0)


def test_two_runs_never_share_a_folder(run, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="taken"):
        runs.train(TINY, run.path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "vae-1").mkdir(parents=True)
    (tmp_path / "runs" / "vae-1" / "config.json").write_text("{}", encoding="utf-8")
    ended = runs.train({**TINY, "epochs": 1}, verbose=0)
    assert ended.path == pathlib.Path("runs/vae-2")
    with runs.lock(ended.path), pytest.raises(ValueError, match="Another process"):
        runs.resume(ended.path, epochs=2)


@pytest.mark.slow
def test_a_run_that_is_refused_leaves_its_folder_free(tmp_path):
    # Targets that are no images are seen by `fit` alone.
    path = tmp_path / "run"
    with pytest.raises(Exception, match=r"shape|size"):
        runs.train({**TINY, "arguments": {"target": "y"}}, path, verbose=0)
    assert not path.exists()


def test_a_set_without_test_split_gets_one_held_out(tmp_path, monkeypatch, digits):
    np.savez(tmp_path / "x.npz", x=digits[0][:60])
    monkeypatch.chdir(tmp_path)
    ended = runs.train({**TINY, "epochs": 1, "dataset": {"name": "x.npz", "batch_size": 32}}, "run", verbose=0)
    assert ended.data.sizes["test"] == 6
    monkeypatch.chdir("/")
    assert runs.reconstruct(tmp_path / "run", count=3).exists()


def test_damaged_and_foreign_checkpoints_are_refused_by_name(run, tmp_path):
    model = run.model
    newest = callbacks.newest_checkpoint(run.path)
    content = newest.read_bytes()
    before = model.get_weights()
    for length in (0, 100, len(content) // 2, len(content) - 1):
        broken = tmp_path / f"epoch-{length:04d}.weights.h5"
        broken.write_bytes(content[:length])
        with pytest.raises(ValueError, match=broken.name):
            callbacks.restore(model, broken)
    model.save_weights(tmp_path / "plain.weights.h5")
    with pytest.raises(ValueError, match=r"no checkpoint of kerasgen.*plain"):
        callbacks.restore(model, tmp_path / "plain.weights.h5")
    other, _ = presets.load({**TINY, "latent_dim": 3})
    with pytest.raises(ValueError, match=newest.name):
        callbacks.restore(other, newest)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_what_is_no_run_is_refused(tmp_path):
    for function in (runs.load, runs.info, runs.resume):
        with pytest.raises(ValueError, match="There is no run here"):
            function(tmp_path)


def test_presets_are_data():
    assert presets.get("vae") == json.loads(json.dumps(presets.get("vae")))
    with pytest.raises(ValueError, match="vae_mnist"):
        presets.get("vae_minst")
    config = presets.get("vae_mnist")
    config["networks"]["encoder"]["unit"] = [3]
    with pytest.raises(ValueError, match="unit"):
        presets.load({**config, "dataset": {"name": "digits"}})
