"""Checkpoints from which a run goes on as if it had never stopped."""

import hashlib
import io
import json
import math
import os
import warnings
from pathlib import Path

import keras

from kerasgen.files import replace
from kerasgen.metrics.comparison import DIRECTIONS

SUFFIX = ".weights.h5"
#: A file ends with this mark and the SHA-256 of all bytes before it. HDF5 reads no further than its own end.
_MARK, _DIGEST = b"kerasgen sha256 ", 32


class Checkpoint(keras.callbacks.Callback):
    """Writes the whole state of training at the end of epochs: weights, averages of them, optimizers, random state.

        run_dir/checkpoints/epoch-0001.weights.h5     the newest ones
        run_dir/checkpoints/best.weights.h5           where `monitor` was best

    A file is written beside and then renamed, so that a run killed at any moment, or a full disk, leaves a good one. It
    ends with a checksum, by which `restore` and `newest_checkpoint` know one that was damaged. The weights are those
    that are trained, even where averages of them are kept or shown; `restore` brings all of it back.

    Args:
        run_dir: Path of the run folder.
        every: int. Epochs from one checkpoint to the next; the last epoch always gets one.
        keep: int. How many of the newest are kept.
        monitor: str or None. Name of a log, such as `"val_loss"`, or a figure of `GenerationMetrics`, such as
            `"frechet_distance"`, which then must come before this callback. NaN is never the best.
        mode: "min", "max" or None. Needed for a log whose direction is not known: it is of the terms of a loss, which
            are best where they are low (or high, where a player raises them), and of the figures of `kerasgen.metrics`.

    Raises:
        ValueError: If `every` or `keep` is below 1, the direction of the log is not known, or, after the first epoch,
            there is no such log.
        OSError: If a checkpoint cannot be written: the disk is full. Those written before are kept.

    Example:
        >>> model.fit(images, epochs=20, callbacks=[kerasgen.callbacks.Checkpoint("runs/vae")])
        >>> epoch = kerasgen.callbacks.restore(model, kerasgen.callbacks.newest_checkpoint("runs/vae"))
        >>> model.fit(images, initial_epoch=epoch, epochs=40)
    """

    #: `fit` calls this one before `keras.callbacks.SwapEMAWeights`, which loses the raw weights after the last epoch.
    needs_raw_weights = True

    #: Where several processes train together, the first alone has it.
    looks_on = True

    def __init__(self, run_dir, every=1, keep=2, monitor=None, mode=None):
        super().__init__()
        if every < 1 or keep < 1:
            raise ValueError(f"every and keep must be at least 1. Received: every={every}, keep={keep}")
        if mode not in (None, "min", "max"):
            raise ValueError(f'mode must be "min", "max" or None. Received: {mode!r}')
        self.folder = Path(run_dir) / "checkpoints"
        self.every = every
        self.keep = keep
        self.monitor = monitor
        self.mode = mode
        self.best = None

    def on_train_begin(self, logs=None):
        """Find the direction of the log, and the best value so far where a run goes on."""
        if self.monitor and not self.mode:
            self.mode = self._direction()
        self.folder.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.glob(".*" + SUFFIX):
            leftover.unlink()
        best = self.folder / ("best" + SUFFIX)
        if self.monitor and best.exists():
            self.best = _read_state(best)["value"]

    def on_epoch_end(self, epoch, logs=None):
        """Write a checkpoint, drop the oldest."""
        logs = logs or {}
        last = epoch + 1 == self.params["epochs"]
        if self.monitor and (self.monitor in logs or last or self.monitor not in self.params.get("figures", ())):
            if self.monitor not in logs:
                raise ValueError(
                    f"There is no log '{self.monitor}' to monitor; what gives it must come before this callback. "
                    f"Received: {sorted(logs)}"
                )
            value = float(logs[self.monitor])
            if self._is_best(value):
                self.best = value
                self._write("best", epoch, value)
        if (epoch + 1) % self.every == 0 or last:
            self._write(f"epoch-{epoch + 1:04d}", epoch)
            for old in _numbered(self.folder)[: -self.keep]:
                old.unlink()

    def _direction(self):
        """Whether the log is best where it is low, "min", or where it is high, "max"."""
        terms = {name for names in self.model.terms.values() for name in names} | {"regularization"}
        terms -= set(self.model.watched)
        if len(self.model.players) == 1:
            terms.add("loss")
        name = self.monitor.removeprefix("val_")
        if name in terms:
            # A term that a player raises has a negative weight.
            weight = self.model.term_weights.get(name)
            return "max" if weight is not None and float(weight) < 0 else "min"
        if name in DIRECTIONS:
            return {"lower": "min", "higher": "max"}[DIRECTIONS[name]]
        raise ValueError(
            f"Whether '{self.monitor}' should fall or rise is not known. The terms of this model are {sorted(terms)}; "
            "of a log that another callback gives, pass `mode=`. Received: mode=None"
        )

    def _is_best(self, value):
        """Whether a value is better than all before. NaN never is, and one that an earlier version kept counts not."""
        if math.isnan(value):
            return False
        if self.best is None or math.isnan(self.best):
            return True
        return value < self.best if self.mode == "min" else value > self.best

    def _write(self, name, epoch, value=None):
        import h5py

        # To memory first: where the disk is full, HDF5 fails once more when it closes the file, and ends the process.
        memory = _Memory()
        with self.model.weights_in_use(averaged=False):
            self.model.save_weights(memory)
        with h5py.File(memory, "a") as file:
            state = {"epoch": epoch + 1, "value": value, "class": type(self.model).__name__, "checksum": True}
            file.attrs["kerasgen"] = json.dumps(state)
            shapes = [list(variable.shape) for variable in _variables(self.model)]
            file.create_dataset("kerasgen_shapes", data=json.dumps(shapes))  # An attribute holds 64 KiB at most.

        def write(temporary):
            with open(temporary, "wb") as file:
                file.write(memory.getbuffer())
                file.write(_MARK + hashlib.sha256(memory.getbuffer()).digest())
                file.flush()
                os.fsync(file.fileno())

        replace(self.folder / f"{name}{SUFFIX}", write)


class _Memory(io.BytesIO):
    """A file in memory; Keras knows by its name that it is for weights."""

    def __str__(self):
        return "memory" + SUFFIX


def newest_checkpoint(run_dir):
    """The path of the newest good checkpoint of a run, or None.

    Args:
        run_dir: Path of the run folder.

    Returns:
        `pathlib.Path`, or None where there is no checkpoint. A warning names those that are damaged and newer.

    Raises:
        ValueError: If there are checkpoints, and all are damaged.
    """
    damaged = []
    for path in reversed(_numbered(Path(run_dir) / "checkpoints")):
        try:
            _read_state(path)
        except ValueError as error:
            damaged.append(str(error))
        else:
            for text in damaged:
                warnings.warn(f"An older checkpoint is used, {path.name}. {text}", stacklevel=2)
            return path
    if damaged:
        raise ValueError(f"No checkpoint of this run is good: train anew in another folder. {damaged[0]}")
    return None


def restore(model, path):
    """Put the state of a checkpoint into a compiled model.

    Args:
        model: `GenerativeModel`, compiled, with the networks and optimizers of the one that was saved.
        path: Path of a checkpoint.

    Returns:
        int, how many epochs it was trained: the `initial_epoch` of the `fit` that goes on.

    Raises:
        ValueError: If the file is damaged, is no checkpoint of kerasgen, or is one of another model. The message names
            it; the model is as it was.
    """
    state = _read_state(path)
    shapes = [list(variable.shape) for variable in _variables(model)]
    if (state["class"], state["shapes"]) != (type(model).__name__, shapes):
        raise ValueError(
            f"The checkpoint is of another model: expected {type(model).__name__} with {len(shapes)} variables of its "
            f"shapes. Received: {state['class']} with {len(state['shapes'])} variables in {path}"
        )
    model.load_weights(path)
    return state["epoch"]


def _read_state(path):
    """What `Checkpoint` wrote beside the weights, after a look at each byte of the file."""
    import h5py

    try:
        content = Path(path).read_bytes()
        end = max(0, len(content) - len(_MARK) - _DIGEST)
        marked = content[end:-_DIGEST] == _MARK
        if marked and hashlib.sha256(memoryview(content)[:end]).digest() != content[-_DIGEST:]:
            raise OSError("its checksum differs")
        with h5py.File(io.BytesIO(content), "r") as file:
            if "kerasgen" not in file.attrs:
                raise ValueError(f"This is no checkpoint of kerasgen. Received: {path}")
            state = json.loads(file.attrs["kerasgen"])
            if state.get("checksum") and not marked:
                raise OSError("its checksum is missing")
            # Version 0.1.0 wrote none. Each value is read, so that a file cut off is found before a model is touched.
            file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)
            return {**state, "shapes": json.loads(file["kerasgen_shapes"][()])}
    except (OSError, KeyError, RuntimeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"The checkpoint is damaged ({error}). Delete it to go on without it. Received: {path}"
        ) from error


def _numbered(folder):
    """The checkpoints of epochs, from old to new."""
    return sorted(folder.glob("epoch-*" + SUFFIX), key=lambda path: int(path.name.split("-")[1].split(".")[0]))


def _variables(model):
    return [*model.weights, *model.optimizer.variables]
