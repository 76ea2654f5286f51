"""What is measured: a run, a SavedModel, or images."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from kerasgen import datasets
from kerasgen.datasets import catalogue
from kerasgen.export.saved_model import sampler
from kerasgen.runs.folder import find

#: Images that are generated at once.
CHUNK = 1000
EXPECTED = "Expected a run, a SavedModel, a folder of images, an .npy or .npz file, or the name of a data set."


@dataclasses.dataclass
class Subject:
    """What is measured.

    Attributes:
        kind: str, for the protocol.
        name: str.
        output: Path of the JSON file, where none is given.
        images: Function `(count, seed, labels)` that gives batches of images: so many in all.
        available: int, how many there are; None: as many as one likes.
        takes_labels: bool. Whether images are drawn of given labels.
        model: The model of a run, else None.
        data: Function that gives the data of a run, or None.
        sampling: Dict for the protocol: how images are drawn.
        training: Dict for the protocol: what only the training knows.
    """

    kind: str
    name: str
    output: Path
    images: Callable
    available: int | None = None
    takes_labels: bool = False
    model: keras.Model | None = None
    data: Callable | None = None
    sampling: dict = dataclasses.field(default_factory=dict)
    training: dict = dataclasses.field(default_factory=dict)


def subject_of(subject, compared, reading):
    """What is measured.

    Args:
        subject: As of `kerasgen.evaluation.evaluate`.
        compared: bool. Whether real images are named to compare with; else they are those of the subject.
        reading: Dict of "image_size", "crop" and "channels", how the real images are read, as far as is known.

    Returns:
        `Subject`.

    Raises:
        ValueError: If there is nothing of this name, or it does not tell what to compare with.
    """
    if isinstance(subject, datasets.Data):
        return _stored("training images", subject.name, Path(f"{subject.name.replace('/', '-')}.metrics.json"), subject)
    if not isinstance(subject, (str, os.PathLike)):
        raise ValueError(f"{EXPECTED} Received: {subject!r}")
    path = Path(subject)
    folder = find(subject)
    if folder.exists:
        return _run(folder)
    # Images are read as the real ones are; files of a folder are grey or in colour as one reads them.
    size = {key: value for key, value in reading.items() if key != "channels"}
    # As in `load`, a known name wins over a folder, which is reached as "./mnist".
    if not path.exists() or catalogue.is_known(os.fspath(subject)):
        try:
            return subject_of(datasets.load(str(subject), test=0.1, **size), compared, reading)
        except ValueError as error:
            raise ValueError(f"{EXPECTED} {error}") from error
    if not compared:
        raise ValueError(
            "Images alone do not tell what they should look like: name the real ones, `against` a data set, a folder "
            f"or a run (--against). Received: {path} against None"
        )
    beside = path.with_name(f"{path.name}.metrics.json")
    if (path / "saved_model.pb").exists():
        draw = sampler(path)
        mode = dict.fromkeys(("batch_normalization", "weights", "truncation"), "as exported")
        return Subject("SavedModel", str(path), beside, _drawn(draw), takes_labels=draw.takes_labels, sampling=mode)
    if path.suffix == ".npy":
        return _stored("images", str(path), beside, datasets.load(_array(path), **size))
    said = reading if path.is_dir() else size
    return _stored("images", str(path), beside, datasets.load(os.path.abspath(path), **said))


def _stored(kind, name, output, data):
    """The training images of a data set: all of them, or a choice, in random order, since a folder may be sorted."""
    available = data.sizes["train"]

    def images(count, seed, labels):
        order = np.random.default_rng(seed).permutation(available)[:count]
        return (images for images, _ in data.batches("train", CHUNK, order))

    return Subject(kind, name, output, images, available=available, data=lambda: data)


def _run(folder):
    model = folder.load()
    kept = (folder.metrics() or {"protocol": {}})["protocol"]
    averages = folder.averaged() if folder.published else getattr(model.optimizer, "keeps_averages", False)
    batch = any(isinstance(layer, keras.layers.BatchNormalization) for layer in model._flatten_layers())
    return Subject(
        "published model" if folder.published else "run",
        str(folder.path),
        Path(f"{folder.path.name}.metrics.json") if folder.published else folder.metrics_file,
        _drawn(getattr(model, "generate", None)),
        takes_labels=model.conditional,
        model=model,
        data=folder.data,
        sampling={
            "batch_normalization": "moving statistics" if batch else None,
            "weights": "moving averages (EMA)" if averages else "as trained",
            "truncation": None,
        },
        training={key: kept[key] for key in ("curves", "epochs", "seconds", "epochs_timed") if key in kept},
    )


def _drawn(draw):
    """Images of a function `(count, labels, seed)`, in chunks that bound the memory."""

    def images(count, seed, labels):
        starts = range(0, count, CHUNK)
        # Each chunk has a seed of its own; consecutive ones would give seed 1 the images that seed 0 gave second.
        seeds = np.random.SeedSequence(seed).generate_state(len(starts)) >> 1
        for start, chunk_seed in zip(starts, seeds):
            stop = min(count, start + CHUNK)
            yield draw(stop - start, labels=None if labels is None else labels[start:stop], seed=int(chunk_seed))

    return images


def _array(path):
    try:
        # Mapped first, so that a header which asks for more than the file holds takes no memory.
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise ValueError("it is an archive: name it .npz")
        return np.array(found)
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # a damaged file may raise anything
        raise ValueError(f"This is no .npy file of plain numbers ({error}). Received: {path}") from error


def real_data(against, reading):
    """The real images: of a run, as it was trained on them, or of a data set, read as is asked for."""
    if isinstance(against, datasets.Data):
        refuse(reading, against)
        return against
    if isinstance(against, (str, os.PathLike)) and find(against).exists:
        refuse(reading, f"run {against}")
        return find(against).data()
    return datasets.load(against, **reading)


def refuse(reading, whose):
    """Refuse to read images otherwise that were read before: those of a run as it was trained on them."""
    if reading:
        raise ValueError(f"The images of {whose} are read as they were before. Received: {reading}")
