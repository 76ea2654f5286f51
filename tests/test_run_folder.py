"""A run's folder: what is finished, who writes it, and what is said of files that are gone, damaged or not writable."""

import errno
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from kerasgen import cards, evaluation, export, files, presets, runs
from kerasgen.runs.folder import RunFolder
from kerasgen_cli.main import main

TINY = {
    **presets.get("autoencoder"),
    "epochs": 2,
    "jit_compile": keras.backend.backend() == "jax",
    "pictures_every": 100,
    "networks": {
        "encoder": {"builder": "mlp.encoder", "units": [4]},
        "decoder": {"builder": "mlp.decoder", "units": [4]},
    },
    "latent_dim": 2,
    "dataset": {"name": "digits", "batch_size": 480},
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    return runs.train(TINY, tmp_path_factory.mktemp("runs") / "run", verbose=0).path


@pytest.fixture
def run(ended, tmp_path):
    """A copy of a run that has ended, to damage."""
    return RunFolder(shutil.copytree(ended, tmp_path / "run"))


class Killed(keras.callbacks.Callback):
    """Ends a training as a kill does, after an epoch whose checkpoint is written."""

    needs_raw_weights = True

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def one_line(error):
    return "\n" not in str(error.value)


# ---- finished


def test_a_run_that_goes_on_is_not_finished_before_its_new_last_epoch(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        runs.resume(run.path, epochs=5, callbacks=[Killed(3)], verbose=0)
    about = runs.info(run.path)
    assert (about["finished"], about["epochs"], about["model_epochs"], about["config"]["epochs"]) == (False, 3, 2, 5)
    with pytest.warns(UserWarning, match="model of epoch 2: the run has trained for 3 of 5 epochs"):
        runs.reconstruct(run.path, count=2)
    with pytest.raises(ValueError, match="published when it has ended"):
        cards.publish(run.path, tmp_path / "published")
    assert runs.complete({**TINY, "epochs": 5}, run.path, verbose=0)
    about = runs.info(run.path)
    assert (about["finished"], about["model_epochs"]) == (True, 5)
    assert not runs.complete({**TINY, "epochs": 5}, run.path, verbose=0)
    # What is measured later does not forget it.
    evaluation.evaluate(run.path, metrics=["terms"])
    assert runs.info(run.path)["finished"]


@pytest.mark.parametrize("missing", [["metrics.json"], ["model.keras", "metrics.json"]])
def test_a_kill_between_two_files_at_the_end_is_completed(missing, run):
    before = run.metrics()["figures"]
    for name in missing:
        (run.path / name).unlink()
    assert not run.finished
    runs.resume(run.path, verbose=0)
    assert run.finished and run.metrics()["figures"] == pytest.approx(before, rel=1e-5)


def test_a_kill_before_the_figures_of_a_longer_run_is_completed(run):
    """Its model is the new one, and its figures are those of the old one."""
    old = run.metrics_file.read_text(encoding="utf-8")
    runs.resume(run.path, epochs=3, verbose=0)
    run.metrics_file.write_text(old, encoding="utf-8")
    assert not run.finished
    runs.resume(run.path, verbose=0)
    assert run.finished and run.metrics()["protocol"]["epochs"] == 3


def test_a_run_of_version_0_1_0_is_finished_where_its_history_is_whole(run):
    metrics = run.metrics()
    del metrics["protocol"]["epochs"]
    files.write_json(run.metrics_file, metrics)
    assert run.finished
    files.write_json(run.config_file, {**run.config(), "epochs": 30})
    assert not run.finished


def test_a_cache_that_cannot_be_written_only_warns(tmp_path, monkeypatch):
    monkeypatch.setitem(presets.PRESETS, "tiny", {key: value for key, value in TINY.items() if key != "preset"})
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="not kept for `from_preset`.*could not be written"):
        ended = runs.train({**presets.get("tiny"), "pictures_every": 100}, tmp_path / "run", verbose=0)
    assert RunFolder(ended.path).finished


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (runs.generate, {"count": 0}, "count is a whole number, at least 1. Received: count=0"),
        (runs.generate, {"count": "4"}, "Received: count='4'"),
        (runs.generate, {"labels": ["three"]}, "labels is a list of whole numbers.*Received: labels="),
        (runs.generate, {"labels": [0.5]}, "labels is a list of whole numbers"),
        (runs.reconstruct, {"count": 2.5}, "count is a whole number"),
        (runs.interpolate, {"steps": 1}, "steps is a whole number, at least 2. Received: steps=1"),
        (runs.resume, {"epochs": 0}, "epochs is a whole number, at least 1. Received: epochs=0"),
        (runs.resume, {"epochs": "9"}, "Received: epochs='9'"),
    ],
)
def test_numbers_and_labels_that_cannot_be_meant_are_refused(function, arguments, message, ended):
    with pytest.raises(ValueError, match=message) as error:
        function(ended, **arguments)
    assert one_line(error)


# ---- export


def test_a_run_is_quantised_on_its_training_images(run, monkeypatch):
    called = []
    monkeypatch.setattr(export, "litert", lambda model, folder, **options: called.append(options))
    runs.export(run.path, "litert", quantize="int8")
    images = called[0].pop("calibration")
    assert images.shape == (200, 8, 8, 1) and 0 <= images.min() < images.max() <= 1
    assert main(["export", str(run.path), "--format", "litert", "--quantize", "float16"]) == 0
    runs.export(run.path, "litert")
    assert called == [{"quantize": "int8"}, {"quantize": "float16"}, {}]


# ---- the lock


def test_a_lock_changes_no_file_of_others(run, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("precious", encoding="utf-8")
    lock = run.path / ".lock"
    for make in (lambda: lock.symlink_to(mine), lambda: os.link(mine, lock), lambda: lock.symlink_to("nowhere")):
        lock.unlink(missing_ok=True)
        make()
        with pytest.raises(ValueError, match=r"A lock is an empty file.*\.lock"):
            runs.resume(run.path, epochs=3, verbose=0)
        assert mine.read_text(encoding="utf-8") == "precious" and not (run.path / "nowhere").exists()


def test_another_process_is_kept_out_and_its_end_lets_go(run):
    # The file alone, since `import kerasgen` takes seconds.
    code = "import sys; import files\nwith files.lock(sys.argv[1]): print('held', flush=True); input()"
    command = [sys.executable, "-c", code, str(run.path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    child = subprocess.Popen(command, cwd=os.path.dirname(files.__file__), **pipes)
    assert child.stdout.readline() == "held\n"
    with pytest.raises(ValueError, match="Another process is writing this run"), files.lock(run.path):
        pass
    child.kill()
    child.communicate()
    with files.lock(run.path):
        pass


def test_what_a_killed_process_was_writing_is_cleared_and_is_no_picture(run):
    left = [run.pictures_folder / ".tmp-1-samples.png", run.path / ".tmp-1-model.keras"]
    for file in left:
        file.write_text("half", encoding="utf-8")
    assert left[0] not in runs.info(run.path)["pictures"]
    with run.writing():
        assert not any(file.exists() for file in left)


# ---- files that are gone


def test_checkpoints_that_are_gone_are_said(run):
    shutil.rmtree(run.checkpoints_folder)
    with pytest.raises(ValueError, match=r"checkpoints are gone.*--restart.*0 epochs in the checkpoint, 2 in the hist"):
        runs.resume(run.path, epochs=3, verbose=0)
    before = run.metrics()["figures"]
    runs.resume(run.path, verbose=0, restart=True)
    assert run.finished and run.history()["epoch"] == [1, 2]
    assert run.metrics()["figures"] == pytest.approx(before, rel=1e-4)


def test_rows_of_the_history_that_are_gone_are_said(run):
    whole = run.history_file.read_text(encoding="utf-8").splitlines(keepends=True)
    for rows in ([*whole[:1], *whole[2:]], whole[:2]):
        run.history_file.write_text("".join(rows), encoding="utf-8")
        with pytest.raises(ValueError, match=r"Rows of history.csv are gone.*2 epochs in the checkpoint, 1 in"):
            runs.resume(run.path, epochs=3, verbose=0)
    run.history_file.unlink()
    with pytest.raises(ValueError, match="2 epochs in the checkpoint, 0 in the history"):
        runs.resume(run.path, epochs=3, verbose=0)


@pytest.mark.parametrize("row", [1, 2])
def test_a_run_that_lacks_a_row_is_told_so(row, run, capsys):
    """It said `finished, 1 of 2 epochs`."""
    assert not runs.info(run.path)["rows_gone"]
    whole = run.history_file.read_text(encoding="utf-8").splitlines(keepends=True)
    run.history_file.write_text("".join(whole[:row] + whole[row + 1 :]), encoding="utf-8")
    about = runs.info(run.path)
    assert about["rows_gone"] and about["finished"] and about["epochs"] == 1
    assert main(["info", str(run.path)]) == 0
    assert "finished; rows of history.csv are gone, it has 1 of 2 epochs" in capsys.readouterr().out


def test_a_run_killed_before_its_first_checkpoint_begins_again(run):
    """A row is written before the checkpoint of its epoch."""
    run.restart()
    run.history_file.write_text("epoch,loss\n1,0.5\n", encoding="utf-8")
    runs.resume(run.path, verbose=0)
    assert run.finished and run.history()["epoch"] == [1, 2]


# ---- files that are damaged


def truncated(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def emptied(file):
    file.write_bytes(b"")


def of_another_kind(file):
    file.write_text('["a list"]', encoding="utf-8")


def no_text(file):
    file.write_bytes(b"\xff\xfe\x00\x81" * 9)


def a_folder(file):
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [truncated, emptied, of_another_kind, no_text, a_folder])
@pytest.mark.parametrize("name", ["config.json", "metrics.json", "seconds.json", "model.keras", "history.csv"])
def test_a_damaged_file_is_named_with_what_to_do(name, damage, run):
    asked = {
        "config.json": (runs.info, runs.load, runs.resume),
        "metrics.json": (runs.info, runs.load),
        "seconds.json": (runs.resume,),
        "model.keras": (runs.load, runs.reconstruct),
        "history.csv": (runs.info, runs.resume),
    }[name]
    if name == "history.csv" and damage is truncated:
        with open(run.history_file, "a", encoding="utf-8") as file:
            file.write("1,2,3,4,5,6")  # It ends within a row.
    else:
        damage(run.path / name)
    for function in asked:
        with pytest.raises(ValueError, match=rf"(damaged|no config of a run), (delete|bring).*{name}$") as error:
            function(run.path)
        assert one_line(error)


def test_a_model_of_another_kind_is_named_with_what_to_do(run, tmp_path):
    """An archive that is whole, but no model, or that of another class."""
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.save(tmp_path / "other.keras")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    for file, reason in (
        ("other.keras", "expected Autoencoder, found Sequential"),
        ("other.npz", "it lacks config.json"),
    ):
        shutil.copyfile(tmp_path / file, run.model_file)
        with pytest.raises(ValueError, match=rf"writes it anew \({reason}.*model\.keras$") as error:
            runs.load(run.path)
        assert one_line(error)


def test_the_damaged_model_of_a_preset_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(presets.trained, "SAVED_MODELS", tmp_path)
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "model.keras").write_bytes(b"PK cut")
    with pytest.raises(ValueError, match=r"delete it, and `kerasgen train vae` makes it anew.*model\.keras$") as error:
        presets.trained.from_preset("vae")
    assert one_line(error)


def test_a_config_without_its_environment_cannot_go_on(run):
    config = run.config()
    del config["environment"]
    files.write_json(run.config_file, config)
    with pytest.raises(ValueError, match=r"lacks backend, jit_compile, steps_per_execution.*config\.json"):
        runs.resume(run.path)


# ---- files that cannot be written


@pytest.fixture
def full_disk(monkeypatch):
    """A disk on which no byte is left once it is filled."""
    filled = []
    replaced = os.replace

    def replace(source, target):
        if filled and filled[0] in str(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))
        return replaced(source, target)

    monkeypatch.setattr(os, "replace", replace)
    return filled


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("model.keras", "history.csv", "metrics.json", "seconds.json")
        ),
    ],
)
def test_a_full_disk_keeps_the_last_good_files(name, run, full_disk):
    before = {file: file.read_bytes() for file in run.path.iterdir() if file.is_file()}
    full_disk.append(name)
    with pytest.raises(OSError, match=rf"could not be written and is as it was \(No space left.*{name}$") as error:
        runs.resume(run.path, epochs=3, verbose=0)
    if name == "metrics.json":  # Gone before the new model was written, whose figures it did not hold.
        assert one_line(error) and not run.metrics_file.exists()
    else:
        assert one_line(error) and (run.path / name).read_bytes() == before[run.path / name]
    assert not list(run.path.rglob(".tmp-*"))
    full_disk.clear()
    runs.resume(run.path, epochs=3, verbose=0)
    assert run.finished


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no limit on the size of a file")
def test_a_model_that_finds_no_space_leaves_the_old_one(run):
    import resource

    model, old = runs.load(run.path), run.model_file.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(OSError, match=r"could not be written and is as it was.*model\.keras$") as error:
            files.replace(run.model_file, model.save)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert one_line(error) and run.model_file.read_bytes() == old
    assert not list(run.path.glob(".tmp-*"))


def test_a_folder_in_the_place_of_a_file_is_said(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match=r"could not be written.*file/x\.json$") as error:
        files.write_json(tmp_path / "file" / "x.json", {})
    assert one_line(error)
    with pytest.raises(OSError, match=r"could not be written"):
        files.write_json(tmp_path, {})
