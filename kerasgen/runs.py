"""Runs: a training and what became of it, in a folder. The command line is a thin layer over these functions.

run_dir/config.json        everything to repeat the run: preset, data, seeds, versions, XLA, steps an execution
run_dir/history.csv        a row an epoch
run_dir/seconds.json       how long each epoch took, with its pictures
run_dir/metrics.json       figures at the end, with their protocol
run_dir/model.keras        the trained model
run_dir/pictures/          what the callbacks drew
run_dir/checkpoints/       the newest states of training, for `resume`
"""

import contextlib
import dataclasses
import json
import os
import time
from pathlib import Path

import keras
import numpy as np

from kerasgen import callbacks as callbacks_module
from kerasgen import evaluation, plots, presets
from kerasgen import export as export_module
from kerasgen.callbacks.data import one_of_each
from kerasgen.files import replace
from kerasgen.presets import trained
from kerasgen.samplers import interpolation

#: Images that are generated to find one of a class, and training images that they are compared with.
GENERATED, LOOKED_AT = 1000, 5000
#: How the words of a config.json are meant: 1, which it does not say, where binarize="static" is a threshold.
FORMAT = 2


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
        callbacks: Further callbacks.
        verbose: As in `keras.Model.fit`.

    Returns:
        `Run`.

    Raises:
        ValueError: If the folder is taken, or the config names what does not exist.

    Example:
        >>> run = kerasgen.runs.train("vae", "runs/my-vae")
        >>> run.metrics["figures"]["negative_elbo"]
    """
    config = presets.get(config) if isinstance(config, str) else config
    with _precision(config):
        keras.utils.set_random_seed(config["seed"])
        model, data = presets.load(config)
        # The absolute path of a folder: a run is looked at from other places, too.
        config = {**config, "dataset": {**config["dataset"], "name": data.config["name"]}}
        environment = {**_environment(model), "steps_per_execution": "auto"}
        path = _claim(run_dir, {**config, "environment": environment})
        with lock(path):
            try:
                return _fit(model, data, config, path, 0, callbacks, verbose)
            except Exception:
                _release(path)
                raise


def resume(run_dir, epochs=None, callbacks=(), verbose="auto"):
    """Go on with a run from its newest checkpoint, as if it had never stopped.

    On the backend that it was trained on, the weights, optimizers and history become those of an uninterrupted run, bit
    by bit (on PyTorch where its kernels are deterministic). A run that has ended may go on for more epochs.

    Args:
        run_dir: Path of the run.
        epochs: int or None. How many epochs in all. None: as many as the run was meant to have.
        callbacks: Further callbacks, those that `train` was given.
        verbose: As in `keras.Model.fit`.

    Returns:
        `Run`.

    Raises:
        ValueError: If there is no such run, another process is writing it, its checkpoint is damaged, or it was trained
            on another backend.
    """
    path = Path(run_dir)
    config = _config(path)
    environment = config.pop("environment")
    if environment["backend"] != keras.backend.backend():
        raise ValueError(
            f"Random numbers differ between backends: go on under KERAS_BACKEND={environment['backend']}. "
            f"Received: {keras.backend.backend()}"
        )
    config["epochs"] = epochs or config["epochs"]
    with _precision(config), lock(path):
        keras.utils.set_random_seed(config["seed"])
        # What "auto" meant then: XLA draws other random numbers.
        chosen = {**config, "jit_compile": environment["jit_compile"]}
        model, data = presets.load(chosen, environment["steps_per_execution"])
        newest = callbacks_module.newest_checkpoint(path)
        # Killed before its first checkpoint, a run starts again: from its seed, hence with the same numbers.
        done = callbacks_module.restore(model, newest) if newest else 0
        if config["epochs"] < done:
            raise ValueError(f"The run has trained for {done} epochs already. Received: epochs={config['epochs']}")
        return _fit(model, data, config, path, done, callbacks, verbose)


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
    config = presets.get(config) if isinstance(config, str) else config
    path = Path(run_dir)
    if not (path / "config.json").exists():
        train(config, path, callbacks, verbose)
        return True
    check(config, path)
    if info(path)["finished"]:
        return False
    resume(path, callbacks=callbacks, verbose=verbose)
    return True


def check(config, run_dir):
    """Refuse to go on with a run that was made by another config.

    Args:
        config: Dict, as `kerasgen.presets.get` gives it.
        run_dir: Path of the run.

    Raises:
        ValueError: If there is no such run, or its config differs.
    """
    path = Path(run_dir)
    made = _config(path)
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
            f"Received: {path}"
        )


def load(run_dir):
    """Load the trained model of a run.

    Args:
        run_dir: Path of the run.

    Returns:
        The model, compiled, with its optimizers and random state.

    Raises:
        ValueError: If there is no such run, or it has not ended.
    """
    path = Path(run_dir)
    _config(path)
    if not (path / "model.keras").exists():
        raise ValueError(f"This run has not ended; `kerasgen resume {path}` goes on with it. Received: {path}")
    return keras.models.load_model(path / "model.keras")


def data_of(run_dir):
    """Load the data of a run, as `kerasgen.datasets.load` gave it."""
    return presets.load_data(_config(Path(run_dir)))


def generate(run_dir, count=64, labels=None, seed=0, output=None, columns=None, draw_pixels=False):
    """Draw images that the model of a run generates.

    Args:
        run_dir: Path of the run.
        count: int. How many.
        labels: List of int or None. Classes, one an image, where the model takes labels.
        seed: int.
        output: Path of the PNG. None: `run_dir/pictures/generated.png`.
        columns: int or None. Images a row. None: a square.
        draw_pixels: bool. Draw each pixel from the likelihood of an autoencoder or VAE, in the place of its mean.

    Returns:
        Path of the PNG.

    Raises:
        ValueError: If there is no such run, its model makes images of images (see `translate`), or pixels are to be
            drawn and it has no likelihood.
    """
    labels = None if labels is None else np.asarray(labels, "int32")
    model = _able(run_dir, "generate", "draws images from latents")
    if draw_pixels and not hasattr(model, "likelihood"):
        raise ValueError(f"Pixels are drawn from a likelihood. Received: {type(model).__name__}, which has none")
    images = model.generate(count, labels=labels, seed=seed, **({"draw_pixels": True} if draw_pixels else {}))
    return plots.save(plots.grid(images, columns, title="Samples"), _output(run_dir, "generated.png", output))


def reconstruct(run_dir, count=20, output=None):
    """Draw test images above what the model of a run makes of them.

    Args:
        run_dir: Path of the run.
        count: int. How many, one of each class in turn.
        output: Path of the PNG. None: `run_dir/pictures/reconstructed.png`.

    Returns:
        Path of the PNG.
    """
    model, data = _able(run_dir, "reconstruct", "has an encoder"), data_of(run_dir)
    images, labels = held_out_images(data, count)
    reconstructed = model.reconstruct(images, labels if model.conditional else None)
    return plots.save(plots.reconstructions(images, reconstructed), _output(run_dir, "reconstructed.png", output))


def translate(run_dir, count=8, output=None):
    """Draw test images, and what the model of a run makes of each in every domain.

    Args:
        run_dir: Path of the run.
        count: int. How many, one of each domain in turn.
        output: Path of the PNG. None: `run_dir/pictures/translated.png`.

    Returns:
        Path of the PNG.

    Raises:
        ValueError: If there is no such run, or its model does not translate.
    """
    model, data = _able(run_dir, "translate", "translates images between domains"), data_of(run_dir)
    images, _ = held_out_images(data, count)
    figure = plots.translations(images, model.translations(images), data.class_names)
    return plots.save(figure, _output(run_dir, "translated.png", output))


def interpolate(run_dir, start=0, end=1, steps=10, method="linear", labels=None, seed=0, output=None):
    """Draw the way from one image to another through latent space.

    Where there is an encoder the two are test images. A model without one generates them: the two are among a thousand
    that it draws from `seed`; asked for classes, those of which most of the ten nearest training images are of the
    class. A model that takes labels decodes the whole way once as each of the two classes, a row each: the class does
    not change along a row.

    Args:
        run_dir: Path of the run.
        start: int. Index of a test image, or of a generated one.
        end: int. Index of a test image, or of a generated one.
        steps: int. Images on the way, both ends included.
        method: "linear" or "spherical".
        labels: Pair of ints or None. The classes of the two, in place of their indices.
        seed: int. Of the generated images.
        output: Path of the PNG; the GIF stands beside it. None: `run_dir/pictures/interpolation.png`.

    Returns:
        Paths of the PNG and of the GIF.

    Raises:
        ValueError: If there is no such image, class or method, the model has no latents, or it generates no image of a
            class.

    Example:
        >>> kerasgen.runs.interpolate("runs/vae_mnist-1", labels=(2, 8))
    """
    ways = {"linear": interpolation.linear, "spherical": interpolation.spherical}
    if method not in ways:
        raise ValueError(f"method must be one of {sorted(ways)}. Received: {method!r}")
    model, data = _able(run_dir, "decode", "has a latent space"), data_of(run_dir)
    if labels is not None and not all(0 <= label < (data.num_classes or 0) for label in labels):
        raise ValueError(f"{data.name} has {data.num_classes or 'no'} classes, from 0 on. Received: {tuple(labels)}")
    ends = _encoded_ends if hasattr(model, "encode") else _generated_ends
    latents, classes = ends(model, data, (start, end), labels, seed)
    way = ways[method](*latents, steps)
    rows = [model.decode(way, None if label is None else np.full(steps, label)) for label in classes]
    names = [data.class_names[label] for label in classes] if model.conditional else None
    figure = plots.interpolation(np.stack(rows), row_names=names)
    path = plots.save(figure, _output(run_dir, "interpolation.png", output))
    frames = np.concatenate(rows, axis=2)
    frames = frames.repeat(max(1, 256 // frames.shape[1]), axis=1).repeat(max(1, 256 // frames.shape[1]), axis=2)
    return path, plots.gif([*frames, *frames[-2:0:-1]], path.with_suffix(".gif"))


def _encoded_ends(model, data, indices, labels, seed):
    """The latents of two test images, and the classes to decode the way as."""
    if labels is not None:
        # The first of each class; labels are known with the images only.
        classes = np.concatenate([labels for _, labels in data.batches(_held_out(data))])
        indices = [int(np.argmax(classes == label)) for label in labels]
        if any(classes[index] != label for index, label in zip(indices, labels)):
            raise ValueError(f"The test images have none of such a class. Received: {tuple(labels)}")
    indices = _checked(indices, data.sizes[_held_out(data)], "test images")
    images, classes = (np.concatenate(parts) for parts in zip(*(_read(data, [index]) for index in indices)))
    own = classes if model.conditional else None
    return model.encode(images, own), [None] if own is None else list(dict.fromkeys(own.tolist()))


def _generated_ends(model, data, indices, labels, seed):
    """The latents of two generated images, and the classes to decode the way as."""
    latents = np.random.default_rng(seed).standard_normal((GENERATED, model.latent_dim), "float32")
    if model.conditional:
        indices = _checked(indices, GENERATED, "generated images")
        return latents[indices], list(dict.fromkeys(labels or range(min(2, model.num_classes))))
    if labels is not None:
        # Any of them: a folder is in the order of its classes.
        chosen = np.random.default_rng(seed).permutation(data.sizes["train"])[:LOOKED_AT]
        training = _read(data, chosen, "train")
        indices = [_most_like(label, model.decode(latents), *training) for label in labels]
    return latents[_checked(indices, GENERATED, "generated images")], [None]


def _most_like(label, images, real, classes):
    """The index of the image with most neighbours of a class among real images; the one next to them, of several."""
    from sklearn.neighbors import NearestNeighbors

    neighbours = NearestNeighbors(n_neighbors=min(10, len(real))).fit(real.reshape(len(real), -1))
    distances, indices = neighbours.kneighbors(images.reshape(len(images), -1))
    votes = (classes[indices] == label).mean(axis=1)
    if votes.max() <= 1 / 2:
        raise ValueError(f"None of {len(images)} generated images looks like this class. Received: {label}")
    return int(np.lexsort((distances.mean(axis=1), -votes))[0])


def _checked(indices, count, what):
    if not all(0 <= index < count for index in indices):
        raise ValueError(f"There are {count} {what}, from 0 on. Received: {' and '.join(map(str, indices))}")
    return list(indices)


def export(run_dir, format="saved_model", output=None):
    """Write the model of a run for use elsewhere.

    Args:
        run_dir: Path of the run.
        format: "saved_model", "onnx" or "litert".
        output: Path. None: `run_dir/FORMAT`.

    Returns:
        Path of what was written.

    Raises:
        ValueError: If there is no such format.
    """
    if format not in export_module.__all__:
        raise ValueError(f"format must be one of {sorted(export_module.__all__)}. Received: {format!r}")
    target = Path(run_dir) / format if output is None else Path(output)
    getattr(export_module, format)(load(run_dir), target)
    return target


def held_out_images(data, count):
    """A few held-out images to look at: of a random choice, since a folder is in the order of its classes.

    Args:
        data: `kerasgen.datasets.Data`. Its test split is read, else its validation split.
        count: int. How many, at most.

    Returns:
        Tuple of images and labels, one of each class in turn; the same whenever it is called.
    """
    order = np.random.default_rng(0).permutation(data.sizes[_held_out(data)])
    return one_of_each(*_read(data, order[: 100 * count]), count)


def info(run_dir):
    """What is known of a run, without loading its model.

    Args:
        run_dir: Path of the run.

    Returns:
        Dict: "config", "epochs" (trained), "finished" (whether all of them are), "metrics" (or None), "pictures" and
        "checkpoints" (paths).
    """
    path = Path(run_dir)
    config = _config(path)
    history = path / "history.csv"
    metrics = path / "metrics.json"
    return {
        "config": config,
        "epochs": len(callbacks_module.read_history(history)["epoch"]) if history.exists() else 0,
        "finished": (path / "model.keras").exists(),
        "metrics": json.loads(metrics.read_text()) if metrics.exists() else None,
        "pictures": _pictures(path),
        "checkpoints": sorted((path / "checkpoints").glob("epoch-*")),
    }


def _fit(model, data, config, path, done, callbacks, verbose):
    names = ("validation", data.validation) if data.validation is not None else ("test", data.test)

    # How many steps an execution holds is known when `fit` has seen the callbacks.
    def record(_):
        evaluation.write_json(path / "config.json", {**config, "environment": _environment(model)})

    recorder = keras.callbacks.LambdaCallback(on_train_begin=record)
    seconds = _Seconds(path / "seconds.json", done)
    model.fit(
        data.train,
        validation_data=names[1],
        initial_epoch=done,
        epochs=config["epochs"],
        callbacks=[recorder, *_callbacks(model, data, config, path, callbacks), seconds],
        verbose=verbose,
    )
    replace(path / "model.keras", model.save)
    trained.keep(config, path / "model.keras")
    split = "test" if data.test is not None else "validation"
    metrics = {
        "figures": evaluation.terms(model, data, split),
        "protocol": {
            "data": data.name,
            "split": split,
            "images": data.sizes[split],
            "curves": f"{names[0]} split",
            "seconds": round(sum(seconds.of_epochs.values()), 1),
            "epochs_timed": len(seconds.of_epochs),
        },
    }
    evaluation.write_json(path / "metrics.json", metrics)
    return Run(path, model, data, metrics, _pictures(path))


class _Seconds(keras.callbacks.Callback):
    """Keeps how long each epoch took, over all parts of a run that was stopped and went on."""

    def __init__(self, path, done):
        super().__init__()
        self.path = path
        before = json.loads(path.read_text()) if path.exists() else {}
        self.of_epochs = {epoch: seconds for epoch, seconds in before.items() if int(epoch) <= done}
        self.since = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Write the epoch's seconds. It comes last: what the other callbacks took is in them."""
        now = time.perf_counter()
        self.of_epochs[str(epoch + 1)] = round(now - self.since, 2)
        self.since = now
        evaluation.write_json(self.path, self.of_epochs)


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
    curves = callbacks_module.LearningCurves(
        path, every=every, held_out="validation split" if on_validation else "test split"
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
    hints = callbacks_module.TrainingHints()
    return [*others, *pictures, hints, curves, *trackers, callbacks_module.Checkpoint(path)]


def _held_out(data):
    """The name of the split that is looked at."""
    return "test" if data.test is not None else "validation"


def _read(data, indices, split=None):
    """Images and labels of a split, by default the held-out one."""
    parts = data.batches(split or _held_out(data), indices=np.asarray(indices))
    return tuple(np.concatenate(columns) for columns in zip(*parts))


def _able(run_dir, method, what):
    model = load(run_dir)
    if not hasattr(model, method):
        able = [name for name in ("generate", "reconstruct", "translate") if hasattr(model, name)]
        raise ValueError(
            f"This needs a model that {what}; this one can be asked to {' or '.join(able)}. "
            f"Received: {type(model).__name__} in {run_dir}"
        )
    return model


def _same(made, key, value):
    """A run keeps the name of a data set, or the whole path of a folder or file."""
    return made.get(key) == value or (key == "name" and made.get(key) == os.path.abspath(os.path.expanduser(value)))


def _environment(model):
    chosen = {
        "jit_compile": model.jit_compile,
        "steps_per_execution": model.steps_per_execution,
        "format": FORMAT,
    }
    return {**evaluation.environment(), **chosen}


def _claim(run_dir, config):
    """Make the run's folder. Its config is created exclusively: of two runs, one gets the folder."""
    if run_dir is not None:
        path = Path(run_dir)
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()) or not _create(path, config):
            raise ValueError(f"This folder is taken; choose another, or `kerasgen resume` it. Received: {path}")
        return path
    number = 1
    while True:
        path = Path("runs") / f"{config.get('preset', config['model'].lower())}-{number}"
        path.mkdir(parents=True, exist_ok=True)
        if _create(path, config):
            return path
        number += 1


def _create(path, config):
    try:
        with open(path / "config.json", "x", encoding="utf-8") as file:
            json.dump(config, file, indent=2)
    except FileExistsError:
        return False
    return True


def _release(path):
    """Free the folder of a run that was refused before it left anything but its config."""
    files = [path / ".lock", path / "config.json"]
    if sorted(path.iterdir()) == files:
        for file in files:
            file.unlink()
        path.rmdir()


@contextlib.contextmanager
def lock(path):
    """Hold a run's folder for this process; the system lets it go when the process ends, however it ends."""
    import fcntl

    with open(path / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ValueError(f"Another process is writing this run. Received: {path}") from error
        yield


@contextlib.contextmanager
def _precision(config):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config["mixed_precision"] or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _config(path):
    try:
        config = json.loads((path / "config.json").read_text())
    except FileNotFoundError as error:
        raise ValueError(f"There is no run here: it would hold a config.json. Received: {path}") from error
    if config.get("environment", {}).get("format", 1) < 2 and config["dataset"].get("binarize") == "static":
        config["dataset"]["binarize"] = "threshold"  # what the word meant then
    return config


def _output(run_dir, name, output):
    return Path(run_dir) / "pictures" / name if output is None else Path(output)


def _pictures(path):
    return sorted([*(path / "pictures").glob("*.png"), *(path / "pictures").glob("*.gif")])
