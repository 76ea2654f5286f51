"""Checkpoints: the best is a number, a damaged file is found, and a full disk takes no good one."""

import errno
import json
import pathlib
import shutil
import subprocess
import sys
import warnings

import h5py
import numpy as np
import pytest

from kerasgen import callbacks, models, networks

NAN = float("nan")
FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def play_with(make_vae, play):
    """Function that calls a `Checkpoint`, and what comes before it, with given logs: the epoch of the best."""

    def play_with(folder, logs, before=(), model=None, initial_epoch=0, **arguments):
        checkpoint = callbacks.Checkpoint(folder, **arguments)
        for callback in (*before, checkpoint):
            callback.set_model(model or make_vae())
        play([*before, checkpoint], logs, initial_epoch=initial_epoch)
        best = folder / "checkpoints" / "best.weights.h5"
        return callbacks.restore(make_vae(), best) if best.exists() else None

    return play_with


@pytest.fixture
def saved(make_vae, tmp_path, play_with):
    """A run of two checkpoints: its folder."""
    play_with(tmp_path, [{}] * 2)
    return tmp_path


# ---- the best


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    ("values", "best"),
    [([NAN, 2.0, 2.0], 2), ([NAN, NAN, 3.0], 3), ([1.0, NAN, 1.0], 1), ([NAN, NAN], None)],
)
def test_nan_is_never_the_best(tmp_path, play_with, mode, values, best):
    logs = [{"val_loss": value} for value in values]
    assert play_with(tmp_path, logs, monitor="val_loss", mode=mode) == best


def test_a_best_that_is_nan_counts_not_when_a_run_goes_on(tmp_path, play_with):
    """As an earlier version kept it."""
    play_with(tmp_path, [{"val_loss": 5.0}], monitor="val_loss")
    best = tmp_path / "checkpoints" / "best.weights.h5"
    best.write_bytes(best.read_bytes()[:-48])  # the checksum
    with h5py.File(best, "a") as file:
        state = json.loads(file.attrs["kerasgen"])
        del state["checksum"]
        file.attrs["kerasgen"] = json.dumps({**state, "value": NAN})
    assert play_with(tmp_path, [{"val_loss": 9.0}], monitor="val_loss", initial_epoch=1) == 2


def test_what_the_model_never_logs_is_told_in_the_first_epoch(tmp_path, play_with):
    with pytest.raises(ValueError, match=r"no log 'val_loss'.*Received: \['loss'\]"):
        play_with(tmp_path, [{"loss": 1.0}] * 3, monitor="val_loss")
    with pytest.raises(ValueError, match=r"no log 'frechet_distance'.*must come before"):
        play_with(tmp_path, [{"loss": 1.0}] * 3, monitor="frechet_distance")
    assert not list(tmp_path.rglob("*.h5"))


def test_what_is_known_never_to_come_is_told_before(tmp_path, play_with):
    with pytest.raises(ValueError, match=r"terms of this model are .*'kl'.*pass `mode=`"):
        play_with(tmp_path, [], monitor="generator_loss")
    net = networks.mlp
    gan = models.GAN(net.generator((8, 8, 1), 2, units=(4,)), net.discriminator((8, 8, 1), units=(4,)))
    with pytest.raises(ValueError, match="terms of this model are"):
        play_with(tmp_path, [], monitor="val_loss", model=gan)


def test_figures_that_come_every_few_epochs_are_waited_for(tmp_path, play_with, digits):
    """By whoever gives them, whatever their names; not those that nobody gives."""
    images = digits[0]
    measure = callbacks.GenerationMetrics(images, ["precision_recall"], samples=20, every=2)
    look = callbacks.PosteriorMonitor(images, tmp_path, every=2)
    assert play_with(tmp_path, [{}] * 2, [measure], monitor="recall") == 2
    assert play_with(tmp_path / "posterior", [{}] * 2, [look], monitor="active_units", mode="max") == 2
    with pytest.raises(ValueError, match="no log 'coverage'"):
        play_with(tmp_path, [{}] * 2, [measure], monitor="coverage")


# ---- damage


def flipped(path, place):
    """Flip all bits of one byte."""
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


def test_each_flipped_byte_is_found(saved, make_vae):
    """Wherever it is: in values, in what HDF5 writes about them, in the checksum, and in the mark before it."""
    newest = callbacks.newest_checkpoint(saved)
    good = newest.read_bytes()
    places = [*np.linspace(0, len(good) - 1, 40, dtype=int), len(good) - 33, len(good) - 40, len(good) - 48]
    model = make_vae()
    for place in places:
        newest.write_bytes(good)
        flipped(newest, place)
        with pytest.raises(ValueError, match=rf"is damaged \(.*Received: .*{newest.name}"):
            callbacks.restore(model, newest)
    for length in (0, 1, len(good) // 2, len(good) - 1, len(good) - 48):
        newest.write_bytes(good[:length])
        with pytest.raises(ValueError, match="is damaged"):
            callbacks.restore(model, newest)
    newest.write_bytes(good)
    assert callbacks.restore(model, newest) == 2


def test_the_checkpoint_before_a_damaged_one_is_used_and_it_is_said(saved):
    newest = callbacks.newest_checkpoint(saved)
    flipped(newest, 5000)
    with pytest.warns(UserWarning, match=rf"epoch-0001.*checksum differs.*Received: .*{newest.name}"):
        older = callbacks.newest_checkpoint(saved)
    assert older.name == "epoch-0001.weights.h5"
    flipped(older, 5000)
    with pytest.raises(ValueError, match="No checkpoint of this run is good"):
        callbacks.newest_checkpoint(saved)
    assert callbacks.newest_checkpoint(saved / "elsewhere") is None


def test_a_copy_and_a_checkpoint_of_an_earlier_version_are_good(saved, make_vae, tmp_path):
    copy = shutil.copy(callbacks.newest_checkpoint(saved), tmp_path / "copy.weights.h5")
    assert callbacks.restore(make_vae(), copy) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert callbacks.newest_checkpoint(FIXTURES / "vae").name == "epoch-0002.weights.h5"


# ---- a full disk


def test_a_full_disk_is_one_line_and_takes_no_checkpoint(saved, make_vae, monkeypatch):
    before = {path.name: path.read_bytes() for path in (saved / "checkpoints").iterdir()}
    checkpoint = callbacks.Checkpoint(saved)
    checkpoint.set_model(make_vae(seed=1))
    checkpoint.set_params({"epochs": 9})
    checkpoint.on_train_begin()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        checkpoint.on_epoch_end(2, {})
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in (saved / "checkpoints").iterdir()} == before


FULL = """
import sys
import keras, numpy as np
from kerasgen import callbacks, models, networks
net = networks.mlp
encoder = net.encoder((8, 8, 1), 2, units=(150,), posterior="gaussian")
model = models.VAE(encoder, net.decoder((8, 8, 1), 2, units=(150,)))
model.compile(jit_compile=False)
try:
    model.fit(np.zeros((8, 8, 8, 1)), epochs=9, verbose=0, callbacks=[callbacks.Checkpoint(sys.argv[1], keep=9)])
except OSError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
@pytest.mark.parametrize("size", ["16k", "1200k"])
def test_a_disk_that_is_full(tmp_path, size):
    """HDF5 ended the process by a segmentation fault after it had failed to close its file."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", tmp_path], check=False)
    if mounted.returncode:
        pytest.skip("only root mounts a small disk")
    try:
        done = subprocess.run(
            [sys.executable, "-c", FULL, tmp_path], capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 7, done.stderr[-2000:]
        assert "No space left on device" in done.stdout and done.stdout.count("\n") == 1
        left = sorted(path.name for path in (tmp_path / "checkpoints").glob("*"))
        assert left == [] if size == "16k" else left[:1] == ["epoch-0001.weights.h5"]
        assert not any(name.startswith(".") for name in left)
        newest = callbacks.newest_checkpoint(tmp_path)
        assert newest is None if size == "16k" else newest.name == left[-1]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_what_was_killed_while_writing_is_cleared(saved, play_with):
    for name in (".tmp-1-epoch-0003.weights.h5", ".best.weights.h5"):
        (saved / "checkpoints" / name).write_bytes(b"half")
    assert callbacks.newest_checkpoint(saved).name == "epoch-0002.weights.h5"
    play_with(saved, [{}], initial_epoch=2)
    assert not list((saved / "checkpoints").glob(".*"))
