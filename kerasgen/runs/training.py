"""Training in a folder: begin, go on, complete."""

import contextlib
import dataclasses
import itertools
import os
import time
from pathlib import Path

import keras

from kerasgen import callbacks as callbacks_module
from kerasgen import devices, presets
from kerasgen.engine import processes, sharing
from kerasgen.files import replace, write_json
from kerasgen.metrics.terms import terms
from kerasgen.presets import trained
from kerasgen.presets.configs import full, whole
from kerasgen.presets.lengths import with_epochs
from kerasgen.runs.environment import environment
from kerasgen.runs.folder import FORMAT, RunFolder


@dataclasses.dataclass
class Run:
    """A run that has ended.

    Attributes:
        path: Path of its folder.
        model: The trained model.
        data: The data it was trained on (`kerasgen.datasets.Data`).
        metrics: Dict of the figures at the end, as in `metrics.json`.
        pictures: List of paths of the pictures.
    """

    path: Path
    model: keras.Model
    data: object
    metrics: dict
    pictures: list


def train(config, run_dir=None, callbacks=(), verbose="auto"):
    """Train a preset, or any config, and leave everything in a folder.

    Args:
        config: Name of a preset, or a dict as `kerasgen.presets.get` gives it.
        run_dir: Path of a folder that is empty or does not exist; None: the next free `runs/PRESET-N`.
        callbacks: Further callbacks. Where several processes train together, those with a true attribute `looks_on`
            (trackers have it) work in the first alone, which writes the folder.
        verbose: As in `keras.Model.fit`.

    Returns:
        `Run`.

    Raises:
        ValueError: If the folder is taken, or the config names what does not exist.

    Example:
        >>> run = kerasgen.runs.train("vae", "runs/my-vae")
        >>> run.metrics["figures"]["negative_elbo"]
    """
    config = full(config)
    processes.begin()
    with _precision(config):
        keras.utils.set_random_seed(config["seed"])
        model, data = presets.load(config)
        config = with_epochs(config, data)
        if not devices.is_first():
            return _fit_beside(model, data, config, RunFolder(processes.text_of_first("")), 0, callbacks)
        # The absolute path of a folder: a run is looked at from other places, too.
        config = {**config, "dataset": {**config["dataset"], "name": data.config["name"]}}
        chosen = {**_environment(model), "steps_per_execution": "auto"}
        folder = _claim(run_dir, {**config, "environment": chosen})
        processes.text_of_first(str(folder.path))
        try:
            with folder.writing():
                return _fit(model, data, config, folder, 0, callbacks, verbose)
        except Exception:
            folder.release()
            raise


def resume(run_dir, epochs=None, callbacks=(), verbose="auto", restart=False):
    """Go on with a run from its newest checkpoint, as if it had never stopped.

    On the backend that it was trained on, the weights, optimizers and history become those of an uninterrupted run, bit
    by bit (on PyTorch where its kernels are deterministic). A run that has ended may go on for more epochs.

    Args:
        run_dir: Path of the run.
        epochs: int or None. How many epochs in all. None: as many as the run was meant to have.
        callbacks: Further callbacks, those that `train` was given.
        verbose: As in `keras.Model.fit`.
        restart: bool. Begin again at the seed, and drop what was trained.

    Returns:
        `Run`.

    Raises:
        ValueError: If there is no such run, another process is writing it, its checkpoint is damaged, it was trained on
            another backend, or its checkpoints or rows of its history are gone.
        OSError: If the folder cannot be written: the disk is full, say. The last good files stay.
    """
    folder = RunFolder(run_dir)
    config = folder.config()
    if folder.published:
        raise ValueError(
            "A published model has no checkpoints to go on from; `kerasgen train` makes a run of its own. "
            f"Received: {folder.path}"
        )
    made = _environment_of(config, folder)
    if made["backend"] != keras.backend.backend():
        raise ValueError(
            f"Random numbers differ between backends: go on under KERAS_BACKEND={made['backend']}. "
            f"Received: {keras.backend.backend()}"
        )
    config["epochs"] = config["epochs"] if epochs is None else whole("epochs", epochs)
    processes.begin()
    first = devices.is_first()
    with _precision(config), folder.writing() if first else contextlib.nullcontext():
        if restart and first:
            folder.restart()
        processes.text_of_first("")  # From here on the folder is what it will be.
        keras.utils.set_random_seed(config["seed"])
        # What "auto" meant then: XLA draws other random numbers.
        model, data = presets.load({**config, "jit_compile": made["jit_compile"]}, made["steps_per_execution"])
        newest = callbacks_module.newest_checkpoint(folder.path)
        # Killed before its first checkpoint, a run starts again: from its seed, hence with the same numbers.
        done = callbacks_module.restore(model, newest) if newest else 0
        _check_history(folder, done)
        if config["epochs"] < done:
            raise ValueError(f"The run has trained for {done} epochs already. Received: epochs={config['epochs']}")
        if not first:
            return _fit_beside(model, data, config, folder, done, callbacks)
        return _fit(model, data, config, folder, done, callbacks, verbose)


def complete(config, run_dir, callbacks=(), verbose="auto"):
    """Train a config, go on with its run if it was stopped, or leave a run that has ended as it is.

    Args:
        config: Name of a preset, or a dict as `kerasgen.presets.get` gives it.
        run_dir: Path of the run's folder.
        callbacks: Further callbacks.
        verbose: As in `keras.Model.fit`.

    Returns:
        bool. Whether anything was trained.

    Raises:
        ValueError: If there is a run of another config in the folder.
    """
    config = full(config)
    folder = RunFolder(run_dir)
    if not folder.exists:
        train(config, folder.path, callbacks, verbose)
        return True
    check(config, folder.path)
    if folder.finished:
        return False
    resume(folder.path, callbacks=callbacks, verbose=verbose)
    return True


def check(config, run_dir):
    """Refuse to go on with a run that was made by another config.

    Args:
        config: Dict, as `kerasgen.presets.get` gives it.
        run_dir: Path of the run.

    Raises:
        ValueError: If there is no such run, or its config differs.
    """
    made, config = RunFolder(run_dir).config(), full(config)
    # Without a number of epochs: whatever the run was given when its data were known.
    config = {**config, "epochs": made["epochs"] if config["epochs"] is None else config["epochs"]}
    beside = (*trained.BESIDE, "dataset")
    different = [key for key in config if key not in beside and made.get(key) != config[key]]
    asked = config["dataset"]
    different += [
        f"dataset.{key}"
        for key in {**asked, **made["dataset"]}
        if key not in trained.BESIDE_DATA and not _same(made["dataset"], key, asked.get(key))
    ]
    if different:
        raise ValueError(
            f"This run was made by another config ({', '.join(different)}); delete it or choose another folder. "
            f"Received: {run_dir}"
        )


def _fit(model, data, config, folder, done, callbacks, verbose):
    names = ("validation", data.validation) if data.validation is not None else ("test", data.test)

    # How many steps an execution holds is known when `fit` has seen the callbacks.
    def record(_):
        write_json(folder.config_file, {**config, "environment": _environment(model)})

    recorder = keras.callbacks.LambdaCallback(on_train_begin=record)
    seconds = _Seconds(folder, done)
    model.fit(
        data.train,
        validation_data=names[1],
        initial_epoch=done,
        epochs=config["epochs"],
        callbacks=[recorder, *_callbacks(model, data, config, folder.path, callbacks), seconds],
        verbose=verbose,
    )
    folder.metrics_file.unlink(missing_ok=True)  # It would say of which epoch the model was before.
    replace(folder.model_file, model.save)
    split = "test" if data.test is not None else "validation"
    metrics = {
        "figures": terms(model, data, split),
        "protocol": {
            "data": data.name,
            "split": split,
            "images": data.sizes[split],
            "curves": f"{names[0]} split",
            "epochs": config["epochs"],
            "seconds": round(sum(seconds.of_epochs.values()), 1),
            "epochs_timed": len(seconds.of_epochs),
        },
    }
    # Last, since they say of which epoch the model is: a run that was killed before is not finished.
    write_json(folder.metrics_file, metrics)
    trained.keep(folder.config(), metrics, folder.model_file)
    return Run(folder.path, model, data, metrics, folder.pictures())


def _fit_beside(model, data, config, folder, done, callbacks):
    """Train as the first process does, which writes what comes of it."""
    held_out = data.validation if data.validation is not None else data.test
    model.fit(
        data.train,
        validation_data=held_out,
        initial_epoch=done,
        epochs=config["epochs"],
        callbacks=list(callbacks),
        verbose=0,
    )
    figures = terms(model, data, "test" if data.test is not None else "validation")
    return Run(folder.path, model, data, {"figures": figures}, [])


class _Seconds(keras.callbacks.Callback):
    """Keeps how long each epoch took, over all parts of a run that was stopped and went on."""

    def __init__(self, folder, done):
        super().__init__()
        self.path = folder.seconds_file
        epochs = {str(epoch) for epoch in range(1, done + 1)}
        self.of_epochs = {epoch: seconds for epoch, seconds in folder.seconds().items() if epoch in epochs}
        self.since = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Write the epoch's seconds. It comes last: what the other callbacks took is in them."""
        now = time.perf_counter()
        self.of_epochs[str(epoch + 1)] = round(now - self.since, 2)
        self.since = now
        write_json(self.path, self.of_epochs)


def _callbacks(model, data, config, path, given):
    every = config.get("pictures_every") or max(1, config["epochs"] // 12)
    on_validation = data.validation is not None
    shown = data.validation if on_validation else data.test
    pictures = []
    if hasattr(model, "reconstruct"):
        pictures.append(callbacks_module.ReconstructionLogger(shown, path, every=every))
        pictures.append(callbacks_module.LatentScatter(shown, path, every=every, class_names=data.class_names))
        if model.latent_dim == 2:
            pictures.append(callbacks_module.LatentManifold(path, every=every))
    if hasattr(model, "posterior"):
        pictures.append(callbacks_module.PosteriorMonitor(shown, path, every=every))
    if model.generates:
        pictures.append(callbacks_module.SampleGrid(path, every=every, class_names=data.class_names))
        if hasattr(model, "discriminate"):
            pictures.append(callbacks_module.CollapseMonitor(shown, path, every=every))
    if hasattr(model, "translate"):
        pictures.append(callbacks_module.TranslationGrid(shown, path, every=every, class_names=data.class_names))
    # The dearest picture, of which no frames are kept: a dozen are enough, however many others there are.
    curves = callbacks_module.LearningCurves(
        path,
        every=max(every, config["epochs"] // 12),
        held_out="validation split" if on_validation else "test split",
    )
    # What adds to the logs comes before what writes them; what hands on pictures comes after what draws them.
    trackers = [callback for callback in given if isinstance(callback, callbacks_module.Tracker)]
    others = [callback for callback in given if callback not in trackers]
    if config.get("metrics_every"):
        if not hasattr(model, "generate"):
            raise ValueError(
                "metrics_every measures images that are drawn from latents. "
                f"Received: {config['metrics_every']} of a {type(model).__name__}"
            )
        others.append(callbacks_module.GenerationMetrics(shown, every=config["metrics_every"]))
    # A training of few epochs, on much data, is warned of what lasts for two.
    hints = callbacks_module.TrainingHints(patience=3 if config["epochs"] > 8 else 2)
    return [*others, *pictures, hints, curves, *trackers, callbacks_module.Checkpoint(path)]


def _same(made, key, value):
    """A run keeps the name of a data set, or the whole path of a folder or file."""
    return made.get(key) == value or (key == "name" and made.get(key) == os.path.abspath(os.path.expanduser(value)))


def _environment_of(config, folder):
    """Take out of a config what the run was trained in."""
    made = config.pop("environment", {})
    missing = [key for key in ("backend", "jit_compile", "steps_per_execution") if key not in made]
    if missing:
        raise ValueError(
            "The config does not say what the run was trained in, bring it back from a copy or train anew (its "
            f"environment lacks {', '.join(missing)}). Received: {folder.config_file}"
        )
    return made


def _check_history(folder, done):
    """Refuse to go on where checkpoints or rows of the history are gone."""
    epochs = folder.history()["epoch"]
    # A row is written before its checkpoint: a run killed between the two has one more.
    gone = not done and (len(epochs) > 1 or folder.model_file.exists())
    if gone or epochs[:done] != list(range(1, done + 1)):
        what = f"Its checkpoints are gone: {folder.checkpoints_folder}" if gone else "Rows of history.csv are gone"
        raise ValueError(
            f"{what}. Bring them back from a copy, or begin again at the seed: `kerasgen resume {folder.path} "
            f"--restart` (restart=True). Received: {done} epochs in the checkpoint, {len(epochs)} in the history"
        )


def _environment(model):
    chosen = {"jit_compile": model.jit_compile, "steps_per_execution": model.steps_per_execution}
    count = sharing.devices_of(model)
    chosen |= {"devices": count} if count > 1 else {}
    return {**environment(), **chosen, "format": FORMAT}


def _claim(run_dir, config):
    """The run's folder, made; where none is named, the next that is free."""
    if run_dir is not None:
        folder = RunFolder(run_dir)
        if not folder.claim(config):
            raise ValueError(f"This folder is taken; choose another, or `kerasgen resume` it. Received: {folder.path}")
        return folder
    name = config.get("preset", config["model"].lower())
    folders = (RunFolder(Path("runs") / f"{name}-{number}") for number in itertools.count(1))
    return next(folder for folder in folders if folder.claim(config))


@contextlib.contextmanager
def _precision(config):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config["mixed_precision"] or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
