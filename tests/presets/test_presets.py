"""Each preset builds what it says, and a trained one is found again."""

import pathlib
import re

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen import cards, evaluation, presets, runs
from kerasgen.presets import trained
from kerasgen.reports import card_text

ROOT = pathlib.Path(__file__).parents[2]
SHAPES = {"mnist": (28, 28, 1), "imagenette": (64, 64, 3), "celeb_a": (64, 64, 3)}


def on_black_images(name):
    """The config of a preset on a few images of the shape of its data, so that the data need not be there."""
    config = {**presets.get(name), "jit_compile": keras.backend.backend() == "jax"}
    shape = SHAPES.get(config["dataset"]["name"].split("/")[0])
    if shape:  # Others come with the package.
        images = np.zeros((20, *shape), "float32")
        config["dataset"] = {"name": (images, np.arange(20) % 10), "batch_size": 10}
    return config


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="the same networks, built slowly")
@pytest.mark.parametrize("name", presets.names())
def test_has_the_parameters_that_it_says(name):
    pytest.importorskip("tensorflow")
    model, _ = presets.load(on_black_images(name))
    assert model.count_params() == presets.expected(name)["parameters"]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("vae_mnist", 1_079_600),
        ("vae_binary_mnist", 793_294),
        ("vae_imagenette", 4_348_547),
        ("gan_mnist", 218_128 + 100_609),
    ],
)
def test_parameters_are_the_published_ones(name, count):
    assert presets.expected(name)["parameters"] == count


def test_expected_figures_are_those_of_the_cards():
    with_figures = [name for name in presets.names() if presets.expected(name)["figures"]]
    assert {path.name for path in (ROOT / "saved_models").iterdir()} == set(with_figures)
    for name in with_figures:
        card = (ROOT / "saved_models" / name / "README.md").read_text(encoding="utf-8")
        expected = presets.expected(name)
        for key, value in expected["figures"].items():
            label = evaluation.label(key, {"features": expected["features"]})
            _, figure, *more = re.search(rf"^\| ({re.escape(label)} [↓↑] .*) \|$", card, re.M)[1].split(" | ")
            assert float(figure) == value
            spread = [cell for cell in more if "±" in cell]
            over_seeds = expected["over_seeds"].get(key)
            assert spread == [over_seeds] * (over_seeds is not None), "of several seeds, all have mean and spread"


def test_trained_models_are_small_enough_for_a_checkout():
    sizes = {
        folder.name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in (ROOT / "saved_models").iterdir()
    }
    assert max(sizes.values()) < 20e6 and sum(sizes.values()) < 80e6, sizes


@pytest.mark.parametrize("card", sorted((ROOT / "saved_models").glob("*/README.md")), ids=lambda card: card.parent.name)
def test_a_card_is_as_cards_are_written_today_and_its_pictures_are_there(card):
    text = card.read_text(encoding="utf-8")
    said = [line[: line.index("{")] for line in card_text.CARD.splitlines() if line.startswith("- ")]
    assert len(said) > 5 and all(f"\n{each}" in text for each in said)
    pictures = re.findall(r"\]\((\S+\.(?:png|gif))\)", text)
    assert {"learning_curves.png", "interpolation.png", "interpolation.gif"} <= set(pictures)
    assert all((card.parent / picture).stat().st_size > 1_000 for picture in pictures)


def test_the_table_of_the_readme_is_made_of_the_presets():
    assert cards.zoo() in (ROOT / "ZOO.md").read_text(encoding="utf-8"), "write it by `python tools/write_zoo.py`"


def test_a_preset_that_is_not_there_names_the_nearest():
    for function in (presets.get, presets.expected, presets.load, kerasgen.from_preset):
        with pytest.raises(ValueError, match="nearest: vae_mnist"):
            function("vae_minst")


# ---- trained


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A preset that trains at once, and a cache of its own."""
    config = {
        **presets.PRESETS["autoencoder"],
        "networks": {"encoder": {"builder": "mlp.encoder", "units": [4]}, "decoder": {"builder": "mlp.decoder"}},
        "epochs": 1,
    }
    monkeypatch.setitem(presets.PRESETS, "tiny", config)
    monkeypatch.setitem(presets.EXPECTED, "tiny", {"parameters": 0})
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path / "cache"))
    return {**presets.get("tiny"), "pictures_every": 10}


def test_a_trained_preset_is_found_again_until_it_is_changed(tiny, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"`kerasgen train tiny` does it\. Received: 'tiny'"):
        kerasgen.from_preset("tiny")
    runs.train({**tiny, "seed": 1}, tmp_path / "other", verbose=0)
    with pytest.raises(ValueError, match="not trained yet"):
        kerasgen.from_preset("tiny")
    model = runs.train(tiny, tmp_path / "run", verbose=0).model
    found = kerasgen.from_preset("tiny")
    for one, other in zip(model.get_weights(), found.get_weights()):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setitem(presets.PRESETS, "tiny", {**presets.PRESETS["tiny"], "latent_dim": 3})
    with pytest.raises(ValueError, match="not trained yet"):
        kerasgen.from_preset("tiny")


def test_what_came_with_kerasgen_is_found(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "SAVED_MODELS", tmp_path)
    model, _ = presets.load(tiny)
    (tmp_path / "tiny").mkdir()
    model.save(tmp_path / "tiny" / "model.keras")
    found = kerasgen.from_preset("tiny")
    assert not found.compiled
    for one, other in zip(model.get_weights(), found.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_the_published_decoder_starts_without_a_relu():
    config = presets.override(presets.get("vae_imagenette"), "dataset.name", "shapes")
    model, _ = presets.load(presets.override(config, "dataset.in_memory", False))
    activations = [layer.activation.__name__ for layer in model.decoder.layers if hasattr(layer, "activation")]
    assert model.count_params() == 4_348_547
    assert [name for name in activations if name != "linear"] == 3 * ["relu"]


def test_labels_for_a_layout_are_refused():
    config = presets.override(presets.get("autoencoder_iris"), "conditional", True)
    with pytest.raises(ValueError, match=r"layout.encoder takes .* Received: \['num_classes'\]"):
        presets.load(config)
