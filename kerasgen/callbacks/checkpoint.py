"""Checkpoints from which a run goes on as if it had never stopped."""

import json
import os
from pathlib import Path

import keras

from kerasgen.metrics.comparison import DIRECTIONS

SUFFIX = ".weights.h5"


class Checkpoint(keras.callbacks.Callback):
    """Writes the whole state of training at the end of epochs: weights, averages of them, optimizers, random state.

        run_dir/checkpoints/epoch-0001.weights.h5     the newest ones
        run_dir/checkpoints/best.weights.h5           where `monitor` was best

    A file is written beside and then renamed, so that a run killed at any moment leaves a good one. The weights are
    those that are trained, even where averages of them are kept or shown; `restore` brings all of it back.

    Args:
        run_dir: Path of the run folder.
        every: int. Epochs from one checkpoint to the next; the last epoch always gets one.
        keep: int. How many of the newest are kept.
        monitor: str or None. Name of a log, such as `"val_loss"`, or a figure of `GenerationMetrics`, such as
            `"frechet_distance"`, which then must come before this callback.
        mode: "min", "max" or None. Needed for a log whose direction is not known: it is of the terms of a loss, which
            are best where they are low (or high, where a player raises them), and of the figures of `kerasgen.metrics`.

    Raises:
        ValueError: If `every` or `keep` is below 1, the log does not exist, or its direction is not known.

    Example:
        >>> model.fit(images, epochs=20, callbacks=[kerasgen.callbacks.Checkpoint("runs/vae")])
        >>> epoch = kerasgen.callbacks.restore(model, kerasgen.callbacks.newest_checkpoint("runs/vae"))
        >>> model.fit(images, initial_epoch=epoch, epochs=40)
    """

    #: `fit` calls this one before `keras.callbacks.SwapEMAWeights`, which loses the raw weights after the last epoch.
    needs_raw_weights = True

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
        terms = {name for names in self.model.terms.values() for name in names} | {"loss", "regularization"}
        terms -= set(self.model.watched)
        if self.monitor and not self.mode:
            name = self.monitor.removeprefix("val_")
            # A term that a player raises has a negative weight.
            weight = self.model.term_weights.get(name)
            raised = name in terms and weight is not None and float(weight) < 0
            direction = ("higher" if raised else "lower") if name in terms else DIRECTIONS.get(name)
            if direction is None:
                raise ValueError(
                    f"Whether '{self.monitor}' should fall or rise is not known: pass `mode=`. Received: mode=None"
                )
            self.mode = {"lower": "min", "higher": "max"}[direction]
        self.folder.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.glob(".*" + SUFFIX):
            leftover.unlink()
        best = self.folder / ("best" + SUFFIX)
        if self.monitor and best.exists():
            self.best = _read_state(best)["value"]

    def on_epoch_end(self, epoch, logs=None):
        """Write a checkpoint, drop the oldest."""
        # Figures of generated images may be measured every few epochs; after the last one always.
        absent = self.monitor in DIRECTIONS and self.monitor not in logs and epoch + 1 != self.params["epochs"]
        if self.monitor and not absent:
            if self.monitor not in (logs or {}):
                raise ValueError(
                    f"There is no log '{self.monitor}' to monitor; what gives it must come before this callback. "
                    f"Received: {sorted(logs or {})}"
                )
            value = float(logs[self.monitor])
            if self.best is None or (value < self.best if self.mode == "min" else value > self.best):
                self.best = value
                self._write("best", epoch, value)
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.params["epochs"]:
            self._write(f"epoch-{epoch + 1:04d}", epoch)
            for old in _numbered(self.folder)[: -self.keep]:
                old.unlink()

    def _write(self, name, epoch, value=None):
        import h5py

        beside = self.folder / f".{name}{SUFFIX}"
        with self.model.weights_in_use(averaged=False):
            self.model.save_weights(beside, overwrite=True)
        with h5py.File(beside, "a") as file:
            state = {"epoch": epoch + 1, "value": value, "class": type(self.model).__name__}
            file.attrs["kerasgen"] = json.dumps(state)
            shapes = [list(variable.shape) for variable in _variables(self.model)]
            file.create_dataset("kerasgen_shapes", data=json.dumps(shapes))  # An attribute holds 64 KiB at most.
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, self.folder / f"{name}{SUFFIX}")


def newest_checkpoint(run_dir):
    """The path of the newest checkpoint of a run, or None."""
    numbered = _numbered(Path(run_dir) / "checkpoints")
    return numbered[-1] if numbered else None


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
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if "kerasgen" not in file.attrs:
                raise ValueError(f"This is no checkpoint of kerasgen. Received: {path}")
            # Reads every value, so that a file cut off or damaged anywhere is found before a model is touched.
            file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)
            return {**json.loads(file.attrs["kerasgen"]), "shapes": json.loads(file["kerasgen_shapes"][()])}
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"The checkpoint is damaged ({error}). Delete it to go on from an earlier one. Received: {path}"
        ) from error


def _numbered(folder):
    return sorted(folder.glob("epoch-*" + SUFFIX), key=lambda path: int(path.name.split("-")[1].split(".")[0]))


def _variables(model):
    return [*model.weights, *model.optimizer.variables]
