"""Sweeps: every combination once, resumed where they were stopped, compared in a table and in figures."""

import json
import pathlib

import keras
import numpy as np
import pytest

from kerasgen import evaluation, plots, presets, runs, sweeps
from kerasgen.runs import training

TINY = {
    **presets.get("autoencoder"),
    "epochs": 1,
    "jit_compile": keras.backend.backend() == "jax",
    "pictures_every": 100,
    "networks": {
        "encoder": {"builder": "mlp.encoder", "units": [16]},
        "decoder": {"builder": "mlp.decoder", "units": [16]},
    },
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    asked = []

    def callbacks(path, config):
        asked.append((path.name, config["latent_dim"], config["arguments"]["input_noise"]))
        return []

    settings = {"latent_dim": [1, 12], "input_noise": [0.0, 0.5]}
    return folder, sweeps.run(TINY, settings, folder, callbacks=callbacks, verbose=0), asked, settings


def test_each_combination_is_a_run_of_its_own(swept):
    folder, results, asked, _ = swept
    combinations = [(1, 0.0), (1, 0.5), (12, 0.0), (12, 0.5)]
    assert asked == [(f"latent_dim={size},input_noise={noise}", size, noise) for size, noise in combinations]
    for (size, noise), each in zip(combinations, results):
        assert each["settings"] == {"latent_dim": size, "input_noise": noise}
        model = runs.load(each["run"])
        assert (model.latent_dim, model.input_noise) == (size, noise)
        figures = json.loads(
            (folder / "runs" / pathlib.Path(each["run"]).name / "metrics.json").read_text(encoding="utf-8")
        )["figures"]
        assert each["figures"] == {name: value for name, value in figures.items() if name != "loss"}
    assert json.loads((folder / "results.json").read_text(encoding="utf-8")) == results


def test_what_a_killed_sweep_was_writing_is_cleared(swept):
    folder, _, _, settings = swept
    left = [folder / f".tmp-1-{name}" for name in ("results.json", "results.md", "figures.png")]
    other = folder / ".tmp-1-mine.txt"
    for file in (*left, other):
        file.write_text("half", encoding="utf-8")
    sweeps.run(TINY, settings, folder, verbose=0)
    assert not any(file.exists() for file in left) and other.exists()
    other.unlink()


def test_a_sweep_leaves_a_table_and_figures(swept):
    folder, results, *_ = swept
    lines = (folder / "results.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("| latent_dim | input_noise | mean squared error ↓ |")
    assert lines[2] == f"| 1 | 0.0 | {' | '.join(f'{value:.4g}' for value in results[0]['figures'].values())} |"
    assert len(lines) == 2 + len(results)
    for name in ("figures.png", "reconstructions.png"):
        assert (folder / name).stat().st_size > 1000
    drawn = sweeps._reconstructions(results).axes[0].get_yticklabels()
    assert [text.get_text() for text in drawn] == [
        "test images",
        *(f"latent dim {size}\ninput noise {noise}" for size, noise in ((1, 0.0), (1, 0.5), (12, 0.0), (12, 0.5))),
    ]


@pytest.mark.slow
def test_what_is_done_is_not_done_again_and_the_rest_is(swept, monkeypatch):
    folder, results, _, settings = swept
    trained = []
    train, resume = runs.train, runs.resume
    monkeypatch.setattr(
        training, "train", lambda config, path, *rest: trained.append(path.name) or train(config, path, *rest)
    )
    monkeypatch.setattr(training, "resume", lambda path, **rest: trained.append(path.name) or resume(path, **rest))
    measured, evaluate = [], evaluation.evaluate
    monkeypatch.setattr(
        evaluation, "evaluate", lambda path, **rest: measured.append(path.name) or evaluate(path, **rest)
    )
    (folder / "runs" / "latent_dim=12,input_noise=0.0" / "model.keras").unlink()
    again = sweeps.run(TINY, settings, folder, verbose=0)
    assert trained == ["latent_dim=12,input_noise=0.0"]
    assert measured == trained  # nor is what was measured measured again
    assert [each["figures"] for each in again] == [each["figures"] for each in results]
    more = sweeps.run(TINY, {**settings, "latent_dim": [1, 3]}, folder, verbose=0)
    assert trained[1:] == ["latent_dim=3,input_noise=0.0", "latent_dim=3,input_noise=0.5"]
    assert [each["figures"] for each in more[:2]] == [each["figures"] for each in again[:2]]
    # Former results stay, of whatever values.
    kept = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert [each["settings"]["latent_dim"] for each in kept] == [1, 1, 3, 3, 12, 12]
    held_out = sweeps.run(TINY, {"latent_dim": [1], "input_noise": [0.0]}, folder, verbose=0, split="train")
    assert held_out[0]["protocol"]["split"] == "train" and held_out[0]["figures"] != results[0]["figures"]
    with pytest.raises(ValueError, match=r"made by another config \(epochs\)"):
        sweeps.run({**TINY, "epochs": 3}, settings, folder, verbose=0)


def test_what_cannot_be_swept_is_refused_before_training(tmp_path):
    for settings, message in (
        ({}, "needs settings"),
        ({"latent_dim": []}, "needs settings"),
        ({"latent_dim": [2], "beta": [1.0]}, "no entry 'beta'"),
        ({"latent_dim": [2, "two"]}, "is a number"),
        ({"latent_dim": [2, -3]}, "'latent_dim' is a whole number, at least 1"),
        ({"epochs": [1.5]}, "'epochs' is a whole number, at least 1"),
        ({"latent_dim": [2, 3, 2]}, "Received: latent_dim=2 twice"),
        ({"networks.encoder.units": [[8], [-8]]}, "-8"),
    ):
        with pytest.raises(ValueError, match=message):
            sweeps.run(TINY, settings, tmp_path, verbose=0)
    for asked, message in (
        ({"metrics": ["terms", "recontruction"]}, "Metrics are .* Received: recontruction"),
        ({"metrics": ["negative_log_likelihood"]}, "needs a model with `log_likelihood`. Received: Autoencoder in"),
        ({"split": "validation"}, "has the splits train, test. Received: split='validation'"),
    ):
        with pytest.raises(ValueError, match=message):
            sweeps.run(TINY, {"latent_dim": [2, 3]}, tmp_path, verbose=0, **asked)
    assert not list(tmp_path.rglob("config.json"))
    # Of a run in its place, too, though its turn comes last.
    path = tmp_path / "runs" / "latent_dim=3"
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({**TINY, "latent_dim": 3, "epochs": 2}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"made by another config \(epochs\)"):
        sweeps.run(TINY, {"latent_dim": [2, 3]}, tmp_path, verbose=0)
    assert len(list(tmp_path.rglob("config.json"))) == 1


def test_a_folder_for_each_set_of_settings():
    config = presets.get("vae")
    assert str(sweeps.default_folder(config, {"latent_dim": [2], "beta": [1]})) == "sweeps/vae-latent_dim,beta"
    assert sweeps.default_folder(config, {"latent_dim": [2, 3]}) == sweeps.default_folder(config, {"latent_dim": [4]})
    names = [sweeps._name({"networks.encoder.layout": ",".join([f"DENSE|{size}|RELU"] * 30)}) for size in (2, 3)]
    assert len(set(names)) == 2 and max(map(len, names)) < 255


@pytest.mark.slow
def test_lists_and_words_are_values(tmp_path):
    settings = {"networks.encoder.units": [[8], [8, 4]], "likelihood": ["laplace"]}
    results = sweeps.run(TINY, settings, tmp_path, verbose=0)
    assert [len(runs.load(each["run"]).encoder.layers) for each in results] == [4, 5]
    assert len({each["run"] for each in results}) == 2
    assert "| [8, 4] | laplace |" in sweeps.table(results)


@pytest.mark.slow
def test_images_of_another_kind_are_shown_where_data_are_swept(tmp_path, monkeypatch):
    shown = []
    grid = plots.grid
    monkeypatch.setattr(plots, "grid", lambda images, **rest: shown.append(rest["row_names"]) or grid(images, **rest))
    results = sweeps.run(TINY, {"dataset.binarize": [None, "threshold"]}, tmp_path / "pixels", verbose=0)
    assert len(results) == 2 and (tmp_path / "pixels" / "reconstructions.png").exists()
    assert shown[-1] == ["test images", "dataset binarize\nnull", "test images", "dataset binarize\nthreshold"]
    results = sweeps.run(TINY, {"dataset.image_size": [8, 12]}, tmp_path / "sizes", verbose=0)
    assert len(results) == 2 and (tmp_path / "sizes" / "figures.png").exists()
    assert not (tmp_path / "sizes" / "reconstructions.png").exists()


# ---- the figure


def test_a_line_for_each_of_the_other_settings():
    figures = {"error": {"a": [3, 2, 1], "b": [None, 4, 5]}, "other": [1, 1, 1]}
    canvas = plots.sweep([2, 10, 100], figures, "latent dim")
    error, other = canvas.axes
    assert [line.get_xdata().tolist() for line in error.lines] == [[2, 10, 100], [10, 100]]
    assert [line.get_ydata().tolist() for line in error.lines] == [[3, 2, 1], [4, 5]]
    assert error.get_xscale() == other.get_xscale() == "log"
    assert [text.get_text() for text in canvas.legends[0].get_texts()] == ["a", "b"]
    # A line keeps its colour where another one is missing, and its entry where it is missing in the last panel.
    canvas = plots.sweep([1, 2], {"error": {"a": [1, 2], "b": [3, 4]}, "other": {"b": [1, 1], "a": [None, None]}}, "x")
    [(_, first), [second]] = [axes.lines for axes in canvas.axes]
    assert first.get_color() == second.get_color()
    assert [text.get_text() for text in canvas.legends[0].get_texts()] == ["a", "b"]
    [axes] = plots.sweep(range(1, 13), {"error": range(12)}, "epochs").axes
    assert axes.get_xscale() == "linear"
    # A line goes from left to right, in whatever order the values were asked for.
    [axes] = plots.sweep([10, 2, 40], {"error": [2, 3, 1]}, "latent dim").axes
    assert [axes.lines[0].get_xdata().tolist(), axes.lines[0].get_ydata().tolist()] == [[2, 10, 40], [3, 2, 1]]
    [words] = plots.sweep(["relu", "tanh"], {"error": [1, 2]}, "activation").axes
    np.testing.assert_array_equal(words.get_xticks(), [0, 1])
    assert [tick.get_text() for tick in words.get_xticklabels()] == ["relu", "tanh"]
    for figures, message in (({}, "one figure at least"), ({"error": [1]}, "a value for each")):
        with pytest.raises(ValueError, match=message):
            plots.sweep([1, 2], figures, "beta")
