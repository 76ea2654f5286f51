"""Looking at the model of a run: pictures of what it makes, and its export."""

from pathlib import Path

import numpy as np

from kerasgen import export as export_module
from kerasgen import plots
from kerasgen.callbacks.data import one_of_each
from kerasgen.presets.configs import whole
from kerasgen.runs.folder import find
from kerasgen.samplers import interpolation

#: Images that are generated to find one of a class, and training images that they are compared with.
GENERATED, LOOKED_AT = 1000, 5000
#: Training images on which the ranges of int8 are found.
CALIBRATED_ON = 200


def load(run_dir):
    """Load the trained model of a run.

    Args:
        run_dir: Path of the run, or of a published model, or name of a trained preset.

    Returns:
        The model, compiled, with its optimizers and random state.

    Raises:
        ValueError: If there is no such run, or it has not ended.
    """
    return find(run_dir).load()


def data_of(run_dir):
    """Load the data of a run, as `kerasgen.datasets.load` gave it."""
    return find(run_dir).data()


def generate(run_dir, count=64, labels=None, seed=0, output=None, columns=None, draw_pixels=False):
    """Draw images that the model of a run generates.

    Args:
        run_dir: Path of the run, or of a published model, or name of a trained preset.
        count: int. How many.
        labels: List of int or None. Classes, one an image, where the model takes labels.
        seed: int.
        output: Path of the PNG. None: `run_dir/pictures/generated.png`; of a published
            model `NAME-generated.png` in the working directory.
        columns: int or None. Images a row. None: a square.
        draw_pixels: bool. Draw each pixel from the likelihood of an autoencoder or VAE, in the place of its mean.

    Returns:
        Path of the PNG.

    Raises:
        ValueError: If there is no such run, its model makes images of images (see `translate`), or pixels are to be
            drawn and it has no likelihood.
    """
    labels = None if labels is None else _labels(labels)
    count = whole("count", count)
    columns = None if columns is None else whole("columns", columns)
    model = _able(run_dir, "generate", "draws images from latents")
    if draw_pixels and not hasattr(model, "likelihood"):
        raise ValueError(f"Pixels are drawn from a likelihood. Received: {type(model).__name__}, which has none")
    images = model.generate(count, labels=labels, seed=seed, **({"draw_pixels": True} if draw_pixels else {}))
    return plots.save(plots.grid(images, columns, title="Samples"), _output(run_dir, "generated.png", output))


def reconstruct(run_dir, count=20, output=None):
    """Draw test images above what the model of a run makes of them.

    Args:
        run_dir: Path of the run, or of a published model, or name of a trained preset.
        count: int. How many, one of each class in turn.
        output: Path of the PNG. None: as of `generate`, `reconstructed.png`.

    Returns:
        Path of the PNG.
    """
    count = whole("count", count)
    model, data = _able(run_dir, "reconstruct", "has an encoder"), data_of(run_dir)
    images, labels = held_out_images(data, count)
    reconstructed = model.reconstruct(images, labels if model.conditional else None)
    return plots.save(plots.reconstructions(images, reconstructed), _output(run_dir, "reconstructed.png", output))


def translate(run_dir, count=8, output=None):
    """Draw test images, and what the model of a run makes of each in every domain.

    Args:
        run_dir: Path of the run, or of a published model, or name of a trained preset.
        count: int. How many, one of each domain in turn.
        output: Path of the PNG. None: as of `generate`, `translated.png`.

    Returns:
        Path of the PNG.

    Raises:
        ValueError: If there is no such run, or its model does not translate.
    """
    count = whole("count", count)
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
        run_dir: Path of the run, or of a published model, or name of a trained preset.
        start: int. Index of a test image, or of a generated one.
        end: int. Index of a test image, or of a generated one.
        steps: int. Images on the way, both ends included.
        method: "linear" or "spherical".
        labels: Pair of ints or None. The classes of the two, in place of their indices.
        seed: int. Of the generated images.
        output: Path of the PNG; the GIF stands beside it. None: as of `generate`,
            `interpolation.png`.

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
    steps = whole("steps", steps, 2)
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


def export(run_dir, format="saved_model", output=None, quantize=None):
    """Write the model of a run for use elsewhere.

    Args:
        run_dir: Path of the run, or of a published model, or name of a trained preset.
        format: "saved_model", "onnx" or "litert".
        output: Path. None: `run_dir/FORMAT`, of a published model `NAME-FORMAT` in the working directory.
        quantize: None, or with "litert" how numbers are stored: "dynamic", "float16" or "int8", as
            `kerasgen.export.litert` says. The ranges of "int8" are those of 200 training images.

    Returns:
        Path of what was written.

    Raises:
        ValueError: If there is no such format, or it is not quantised so.
    """
    if format not in export_module.__all__:
        raise ValueError(f"format must be one of {sorted(export_module.__all__)}. Received: {format!r}")
    if quantize is not None and format != "litert":
        raise ValueError(f'Files of LiteRT alone are quantised: pass format="litert". Received: format={format!r}')
    folder = find(run_dir)
    beside = Path(f"{folder.path.name}-{format}") if folder.published else folder.path / format
    target = beside if output is None else Path(output)
    options = {} if quantize is None else {"quantize": quantize}
    if quantize == "int8":
        data = folder.data()
        order = np.random.default_rng(0).permutation(data.sizes["train"])[:CALIBRATED_ON]
        options["calibration"], _ = _read(data, order, "train")
    getattr(export_module, format)(load(run_dir), target, **options)
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
        run_dir: Path of the run, or of a published model, or name of a trained preset.

    Returns:
        Dict: "config", "epochs" (trained), "model_epochs" (of which epoch the model is, or None), "finished" (whether
        that is the last one), "rows_gone" (whether the history lacks rows, of which "epochs" then is the number),
        "metrics" (or None), "pictures" and "checkpoints" (paths).
    """
    folder = find(run_dir)
    model_epochs = folder.model_epochs()
    return {
        "config": folder.config(),
        "epochs": model_epochs if folder.published else len(folder.history()["epoch"]),
        "model_epochs": model_epochs,
        "finished": folder.finished,
        "rows_gone": folder.rows_gone(),
        "metrics": folder.metrics(),
        "pictures": folder.pictures(),
        "checkpoints": sorted(folder.checkpoints_folder.glob("epoch-*")),
    }


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


def _labels(labels):
    """Labels as whole numbers."""
    given = np.asarray(labels)
    if given.dtype.kind not in "iu" or given.ndim != 1:
        raise ValueError(f"labels is a list of whole numbers, one an image. Received: labels={labels!r}")
    return given.astype("int32")


def _output(run_dir, name, output):
    return find(run_dir).output(name) if output is None else Path(output)
