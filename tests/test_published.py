"""Published models and trained presets are looked at and measured as runs are, and nothing is written beside them."""

import contextlib
import json
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from kerasgen import cards, datasets, evaluation, presets, runs
from kerasgen.evaluation.words import label
from kerasgen.presets import trained
from kerasgen.reports import card_text
from kerasgen.runs.folder import RunFolder

ROOT = pathlib.Path(__file__).parents[1]
PUBLISHED = sorted((ROOT / "saved_models").iterdir())
NAMES = [folder.name for folder in PUBLISHED]

TINY = {
    **presets.get("vae"),
    "epochs": 1,
    "jit_compile": keras.backend.backend() == "jax",
    "pictures_every": 1,
    "networks": {
        "encoder": {"builder": "mlp.encoder", "units": [4], "posterior": "gaussian"},
        "decoder": {"builder": "mlp.decoder", "units": [4]},
    },
    "latent_dim": 2,
    "dataset": {"name": "digits", "batch_size": 480},
    "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.5}},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return runs.train(TINY, tmp_path_factory.mktemp("runs") / "run", verbose=0)


@pytest.fixture(scope="module")
def published(run, tmp_path_factory):
    return cards.publish(run.path, tmp_path_factory.mktemp("published") / "mine", draws=2).parent


def test_what_is_published_is_looked_at_and_measured_as_a_run_is(run, published, tmp_path, monkeypatch):
    before = {path: path.read_bytes() for path in published.rglob("*") if path.is_file()}
    monkeypatch.chdir(tmp_path)
    about = runs.info(published)
    assert about["finished"] and about["epochs"] == about["model_epochs"] == 1
    assert runs.generate(published, count=4) == pathlib.Path("mine-generated.png")
    assert runs.reconstruct(published, count=4) == pathlib.Path("mine-reconstructed.png")
    assert [path.name for path in runs.interpolate(published)] == ["mine-interpolation.png", "mine-interpolation.gif"]
    asked = ["terms", "reconstruction", "latent", "frechet_distance"]
    measured = evaluation.evaluate(published, metrics=asked)
    assert measured["output"] == pathlib.Path("mine.metrics.json")
    assert measured["protocol"]["kind"] == "published model"
    assert measured["protocol"]["sampling"]["weights"] == "moving averages (EMA)"
    card = json.loads((published / "metrics.json").read_text(encoding="utf-8"))
    for name, value in measured["figures"].items():
        assert value == pytest.approx(card["figures"][name], rel=0.02), name
    # The images of the run, from weights of half precision: the averages, too.
    np.testing.assert_allclose(runs.load(published).generate(9, seed=0), run.model.generate(9, seed=0), atol=0.01)
    assert {path: path.read_bytes() for path in published.rglob("*") if path.is_file()} == before
    text = (published / "README.md").read_text(encoding="utf-8")
    command = re.search(r"`kerasgen evaluate saved_models/mine --metrics (\S+)`", text)
    assert set(asked) <= set(command[1].split(","))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports from other backends take a process each")
def test_what_is_published_is_exported_beside_the_work(published, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert runs.export(published) == pathlib.Path("mine-saved_model") and pathlib.Path("mine-saved_model").is_dir()


def test_an_older_publication_is_replaced_as_a_whole(run, published, tmp_path, monkeypatch):
    """Killed, or failed, half way it is the older one, and not a model of one run with figures of another."""
    target = tmp_path / "mine"
    shutil.copytree(published, target)
    (target / ".tmp-1-model.keras").write_bytes(b"half")
    (target / "translations.png").write_bytes(b"of an older model")
    before = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}

    def fails(*arguments, **options):
        raise OSError("No space left on device")

    def writes(model, path, **options):
        path.mkdir()

    for attempt in (fails, writes):
        monkeypatch.setattr(cards.export, "saved_model", attempt)
        with pytest.raises(OSError, match="No space") if attempt is fails else contextlib.nullcontext():
            cards.publish(run.path, target, draws=2)
        assert [path.name for path in tmp_path.iterdir()] == ["mine"]
        if attempt is fails:
            assert {path: path.read_bytes() for path in target.rglob("*") if path.is_file()} == before
    assert {path.name for path in target.iterdir()} == {path.name for path in published.iterdir()}


def test_a_folder_that_holds_other_things_is_not_replaced(run, tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    for target in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(ValueError, match=r"(holds other things|is a folder).*Received: .*notes\.txt$"):
            cards.publish(run.path, target)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.slow
def test_an_ascii_locale_publishes(run, tmp_path):
    """There are arrows in a card."""
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    code = "import sys; from kerasgen_cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "publish", str(run.path), "mine"]
    environment = {**os.environ, **ascii_only, "KERAS_BACKEND": keras.backend.backend()}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="ascii", check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "\N{DOWNWARDS ARROW}" in (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")


def test_what_is_published_is_no_run(published, tmp_path):
    with pytest.raises(ValueError, match=r"no checkpoints to go on from.*Received: "):
        runs.resume(published, epochs=2)
    with pytest.raises(ValueError, match="published already"):
        cards.publish(published, tmp_path / "again")
    with pytest.raises(ValueError, match="This folder is taken"):
        runs.train(TINY, published)


def test_a_published_model_says_what_its_figures_need(published):
    model = keras.models.load_model(published / "model.keras")
    images = datasets.load("digits").arrays("test", 20)[0]
    with pytest.raises(ValueError, match="compile"):
        model.evaluate(images, verbose=0)
    model.compile(jit_compile=TINY["jit_compile"])
    assert np.isfinite(model.evaluate(images, verbose=0, return_dict=True)["loss"])


def test_the_name_of_a_preset_is_its_trained_model(tmp_path, monkeypatch):
    monkeypatch.setitem(presets.PRESETS, "tiny", {key: value for key, value in TINY.items() if key != "preset"})
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"`kerasgen train tiny` does it\. Received: 'tiny'"):
        runs.generate("tiny")
    ended = runs.train({**presets.get("tiny"), "pictures_every": 100}, "run", verbose=0)
    assert runs.generate("tiny", count=4) == pathlib.Path("tiny-generated.png")
    measured = evaluation.evaluate("tiny", metrics="terms")
    assert measured["output"] == pathlib.Path("tiny.metrics.json")
    assert measured["figures"]["kl"] == pytest.approx(ended.metrics["figures"]["kl"], rel=1e-4)
    assert runs.info("tiny")["config"]["preset"] == "tiny" and runs.info("tiny")["finished"]
    # A folder hides the name only if there is a run in it.
    (tmp_path / "tiny").mkdir()
    assert runs.info("tiny")["finished"]
    (tmp_path / "tiny" / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="This file is no config of a run"):
        runs.generate("tiny")


@pytest.mark.parametrize("name", NAMES)
def test_a_published_folder_keeps_what_its_card_says(name):
    folder = RunFolder(PUBLISHED[NAMES.index(name)])
    assert folder.published and folder.finished
    assert trained.trained_on(folder.config()) | {"seed": 0} == trained.trained_on(presets.get(name)) | {"seed": 0}
    card = (folder.path / "README.md").read_text(encoding="utf-8")
    found = folder.metrics()
    for key, value in found["figures"].items():
        said = re.escape(f"| {label(key, found['protocol'])}{evaluation.arrow(key)} |")
        row = re.search(rf"^{said} (.*)\|$", card, re.M)[1].split("|")
        assert float(row[0]) == float(f"{value:.4f}")
        if "intervals" in found:
            assert row[1].strip() == card_text.interval(found["intervals"], key)
    rows = re.search(r"\| figure \| value \|.*?\n\|---.*?\n(.*?)\n\n", card, re.S)[1].splitlines()
    assert len(rows) == len(found["figures"])
    environment = folder.config()["environment"]
    for said in (environment["machine"], f"{environment['backend']} backend", f"seed {folder.config()['seed']}"):
        assert said in card
    assert all(f"{package} {version}" in card for package, version in environment["versions"].items())
    assert re.search(rf"`kerasgen evaluate saved_models/{name} --metrics \S+", card)


def test_intervals_of_cards_are_those_of_the_benchmark():
    """It has measured the weights as stored, the card those before: no interval stands beside another figure."""
    results = json.loads((ROOT / "benchmarks" / "two_feature_spaces.json").read_text(encoding="utf-8"))
    drawing = [folder for folder in PUBLISHED if "samples" in RunFolder(folder).metrics()["protocol"]]
    assert drawing and {folder.name for folder in drawing} <= set(results)
    for folder in drawing:
        card = RunFolder(folder).metrics()
        measured = results[folder.name][card["protocol"]["features"]]
        for key, value in measured["figures"].items():
            assert value == pytest.approx(card["figures"][key], rel=0.02, abs=0.02), (folder.name, key)
        for key, (low, high) in card.get("intervals", {}).items():
            assert low <= card["figures"][key] <= high, (folder.name, key)
            figure, again = card["figures"][key], measured["figures"][key]
            assert card_text.number(figure) == card_text.number(again) or abs(figure - again) <= 0.05 * (high - low)
            assert card_text.interval(measured["intervals"], key) == card_text.interval(card["intervals"], key)


def test_intervals_are_written_onto_a_card_once():
    write = runpy.run_path(str(ROOT / "tools" / "write_intervals.py"))["with_intervals"]
    folder = RunFolder(PUBLISHED[NAMES.index("vae_mnist")])
    found = folder.metrics() | {"intervals": {"frechet_distance": [50.0, 60.0]}}
    card = (folder.path / "README.md").read_text(encoding="utf-8")
    once = write(card, found)
    assert once == write(once, found)
    row = re.search(r"^\| Frechet distance \(mnist_classifier\) ↓ \| (\S+) \| (.*?) \| (.*?) \|$", once, re.M)
    assert row[1] == card_text.number(found["figures"]["frechet_distance"])
    assert row[2] == "50 to 60" and "±" in row[3]
    assert "95% interval | mean ± standard deviation over 3 seeds |\n|---|---|---|---|\n" in once


def test_the_figures_of_a_card_are_repeated_by_its_command(tmp_path, monkeypatch):
    folder = PUBLISHED[NAMES.index("autoencoder_iris")]
    monkeypatch.chdir(tmp_path)
    measured = evaluation.evaluate(folder, metrics=["terms"])["figures"]
    for key, value in RunFolder(folder).metrics()["figures"].items():
        assert measured[key] == pytest.approx(value, rel=0.01)
