"""The readers: embedded sets, arrays, `.npz` files, folders and TFDS sets, each to a `Source`."""

import functools
import itertools
import math
import os
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasgen.datasets import catalogue, randomness
from kerasgen.datasets import shapes as known_factors
from kerasgen.datasets.images import SUFFIXES
from kerasgen.datasets.splits import Drawn, Files, Memory, Records, tensorflow
from kerasgen.engine.checks import check_images


@dataclass(frozen=True)
class Source:
    """What a reader found.

    Attributes:
        name: string, for titles.
        splits: dict of `Memory`, `Files`, `Drawn` or `Records` under those of "train", "validation",
            "test" that there are.
        class_names: list of strings; empty without labels.
        mixed: bool. Whether the last part of train is a fair sample of it, which a folder read class by class has not.
        scale: float, the stored value that means 1.
        files: the files that hold the images, where there are some.
        stored_size: string, the size of the images as they are stored, where reading changes it; else None.
    """

    name: str
    splits: dict
    class_names: list
    mixed: bool
    scale: float = 255.0
    files: tuple = ()
    stored_size: str | None = None


def digits(geometry):
    """scikit-learn's 1,797 handwritten digits of 8x8."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = _fit(images.reshape(-1, 8, 8, 1).astype("float32") / 16, geometry, "digits")
    everything = Memory(images, labels.astype("int32"))
    splits = {"train": everything.select(range(1437)), "test": everything.select(range(1437, 1797))}
    return Source("digits", splits, [str(k) for k in range(10)], mixed=True, scale=1.0)


def iris(geometry):
    """Fisher's 150 irises: four lengths each, a row of a table as an image of one row of pixels."""
    from sklearn.datasets import load_iris

    table = load_iris()
    # The table goes class by class.
    test = np.arange(len(table.data)) % 5 == 4
    low, high = table.data[~test].min(axis=0), table.data[~test].max(axis=0)
    rows = np.clip((table.data - low) / (high - low), 0, 1).astype("float32")[:, None, :, None]
    rows, labels = _fit(rows, geometry, "iris"), table.target.astype("int32")
    splits = {"train": Memory(rows[~test], labels[~test]), "test": Memory(rows[test], labels[test])}
    return Source("iris", splits, [str(name) for name in table.target_names], mixed=False, scale=1.0)


#: What several labels may combine to.
MOST_CLASSES = 10_000
#: The domains of the coloured digits.
COLOURS = {
    "red": (1.0, 0.25, 0.2),
    "yellow": (1.0, 0.9, 0.2),
    "green": (0.3, 0.9, 0.3),
    "blue": (0.35, 0.5, 1.0),
    "violet": (0.9, 0.4, 1.0),
}


def coloured_digits(geometry):
    """The digits of `digits`, each in one of five colours, drawn at random: the colour is the label."""
    source = digits(geometry)
    colours = np.array(list(COLOURS.values()), "float32")
    splits = {}
    for seed, (split, part) in enumerate(source.splits.items()):
        labels = np.random.default_rng(seed).integers(len(colours), size=len(part)).astype("int32")
        splits[split] = Memory(part.images * colours[labels][:, None, None, :], labels)
    return replace(source, name="coloured_digits", splits=splits, class_names=list(COLOURS))


def shapes(geometry):
    """All combinations of the factors of `kerasgen.datasets.shapes`, in a fixed random order; a tenth is for test."""
    height, width = geometry.size or (32, 32)
    if height != width:
        raise ValueError(f"shapes are drawn on squares; give one int. Received: image_size={geometry.image_size}")
    total = math.prod(known_factors.FACTORS.values())
    factors = known_factors.factors_of(randomness.order(total, seed=0, epoch=0))
    draw = functools.partial(known_factors.render_bytes, image_size=height)
    everything = Drawn(factors, factors[:, 0].astype("int32"), draw, image_shape=draw(factors[:1]).shape[1:])
    train = total - total // 10
    splits = {"train": everything.select(range(train)), "test": everything.select(range(train, total))}
    return Source("shapes", splits, list(known_factors.SHAPES), mixed=True)


#: The sets that need no file.
EMBEDDED = {"digits": digits, "coloured_digits": coloured_digits, "iris": iris, "shapes": shapes}


def arrays(value, geometry):
    """Images, or a tuple of images and labels."""
    images, labels = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
    return _from_arrays("arrays", {"train": (images, labels)}, geometry, mixed=False)


def npz(path, geometry):
    """The arrays of a `.npz` file, by their names."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no such file; check the path. Received: {path}")
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {key: file[key] for key in file.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path.name} cannot be read as a .npz file of plain arrays: {error}. Write it by "
            f"numpy.savez(path, x=images, y=labels); pickled objects are never loaded. Received: {path}"
        ) from error
    found = {}
    for split in ("train", "validation", "test"):
        if f"x_{split}" in content:
            found[split] = content[f"x_{split}"], content.get(f"y_{split}")
    mixed = "train" in found  # else nobody has split the set yet
    for images, labels in (("x", "y"), ("images", "labels"), ("arr_0", "arr_1")):
        if not found and images in content:
            found["train"] = content[images], content.get(labels)
    if "train" not in found:
        raise ValueError(
            "A .npz file must hold the arrays x and y, or images and labels, or x_train, y_train, x_test and y_test "
            f"(labels may be missing). Received: {path} with {sorted(content)}"
        )
    return replace(_from_arrays(path.stem, found, geometry, mixed), files=(path,))


def folder(path, channels, geometry):
    """A folder of images, flat or one sub-folder a class, or such folders under train, validation and test."""
    path = Path(path)
    if not path.is_dir():
        raise ValueError(f"There is no such folder; load reads folders of images and .npz files. Received: {path}")
    if channels not in (1, 3):
        raise ValueError(f"channels must be 3 (colour) or 1 (grey). Received: {channels}")
    parts = {"train": path}
    inside = {part.name: part for part in _subfolders(path)}
    if "train" in inside and set(inside) <= {"train", "validation", "test"} and not _images(path):
        parts = inside
    train = parts["train"]
    class_names = [] if _images(train) else [part.name for part in _subfolders(train)]
    splits = {split: Files(*_index(part, class_names), channels, geometry) for split, part in parts.items()}
    shape = splits["train"].read(0).shape
    splits = {split: replace(files, image_shape=shape) for split, files in splits.items()}
    files = tuple(file for split in splits.values() for file in split.paths)
    return Source(path.resolve().name, splits, class_names, mixed=False, files=files)


def tfds(name, label, geometry, data_dir, download):
    """A set of TensorFlow Datasets, `name[/config][:version]`."""
    info = _builder(name, data_dir, download).info
    image_key = _image_key(name, info.features)
    labels = [_label(name, info.features, each) for each in (label if isinstance(label, list | tuple) else [label])]
    label_paths = tuple((path, len(names)) for path, names in labels if path)
    if math.prod(size for _, size in label_paths) > MOST_CLASSES:
        raise ValueError(f"Labels may combine to {MOST_CLASSES:,} classes at most. Received: label={label!r}")
    class_names = [", ".join(names) for names in itertools.product(*(names for path, names in labels if path))]
    splits = {}
    for split in ("train", "validation", "test"):
        if split in info.splits and info.splits[split].num_examples:
            part = info.splits[split]
            splits[split] = Records(
                name=f"{name}, split {split}",
                files=[str(file) for file in part.filepaths],
                lengths=list(part.shard_lengths),
                record_bytes=part.num_bytes // part.num_examples,
                features=info.features,
                image_key=image_key,
                label_paths=label_paths,
                geometry=geometry,
                span=range(part.num_examples),
            )
    if "train" not in splits:
        raise ValueError(f"{name} has no split train; choose another set. Received: splits {list(info.splits)}")
    if "test" not in splits and "validation" in splits:
        splits["test"] = splits.pop("validation")
    shape, stored_size = info.features[image_key].shape, None
    if geometry.changes(shape):
        shape, stored_size = splits["train"].read(0).shape, _stored_size(splits["train"])
    splits = {split: replace(part, image_shape=tuple(shape)) for split, part in splits.items()}
    # Some sets store binary images as zeros and ones.
    head = splits["train"].select(range(256)).decode()
    files = tuple(file for split in splits.values() for file in split.files)
    return Source(
        name,
        splits,
        class_names if label_paths else [],
        mixed=True,
        scale=255.0 if head.images.max() > 1 else 1.0,
        files=files,
        stored_size=stored_size,
    )


def _stored_size(records):
    """The height and width of the first 256 images, as they are stored."""
    sizes = records.stored_sizes(256)
    low, high = ("x".join(map(str, end)) for end in (sizes.min(axis=0), sizes.max(axis=0)))
    return low if low == high else f"{low} to {high}"


def _from_arrays(name, found, geometry, mixed):
    """A Source of `{split: (images, labels or None)}`."""
    splits = {}
    labelled = found["train"][1] is not None
    for split, (images, labels) in found.items():
        what = "load" if len(found) == 1 else f"load, split {split},"
        images = _as_images(images, what)  # noqa: PLW2901
        if (labels is not None) != labelled:
            raise ValueError(f"Give labels for all splits or for none. Received: {split} differs from train")
        labels = _as_labels(labels, len(images), what) if labelled else np.zeros(len(images), "int32")  # noqa: PLW2901
        splits[split] = Memory(_fit(images, geometry, what), labels)
    kinds = {split: (*memory.image_shape, str(memory.images.dtype)) for split, memory in splits.items()}
    if len(set(kinds.values())) > 1:
        raise ValueError(f"All splits must hold images of one shape and dtype. Received: {kinds}")
    # A uint8 array of zeros and ones is a binary image, not a black one.
    as_bytes = splits["train"].images.dtype == np.uint8 and max(memory.images.max() for memory in splits.values()) > 1
    classes = 1 + max(int(memory.labels.max()) for memory in splits.values()) if labelled else 0
    return Source(name, splits, [str(k) for k in range(classes)], mixed, scale=255.0 if as_bytes else 1.0)


def _as_images(images, what):
    """An array `(count, height, width, channels)`, uint8 or float32 in [0, 1]."""
    images = np.asarray(images)
    if images.dtype == bool:
        images = images.astype("uint8")
    if images.ndim == 3:
        images = images[..., None]
    # Bytes become floating-point numbers batch by batch; they cannot be out of range.
    check_images(images[:1] / 255 if images.dtype == np.uint8 else images, where=what)
    if images.ndim != 4:
        raise ValueError(
            f"{what} expects images of shape (count, height, width) or (count, height, width, channels). "
            f"Received: shape {images.shape}"
        )
    if images.shape[1] in (1, 3) and images.shape[3] > 4:
        raise ValueError(
            f"{what} expects channels last, and these seem to come first: use numpy.moveaxis(x, 1, -1). "
            f"Received: shape {images.shape}"
        )
    return images if images.dtype == np.uint8 else np.clip(images, 0, 1).astype("float32")


def _as_labels(labels, count, what):
    labels = np.asarray(labels)
    if labels.shape not in ((count,), (count, 1)):
        raise ValueError(
            f"{what} expects one label an image, an int array of shape ({count},); labels.argmax(-1) makes it from "
            f"one-hot labels. Received: shape {labels.shape}"
        )
    labels = labels.reshape(count)
    if labels.dtype.kind not in "iub" or labels.min() < 0:
        raise ValueError(
            f"{what} expects labels as integers from 0 on; numpy.unique(labels, return_inverse=True)[1] makes them. "
            f"Received: dtype {labels.dtype}, the first {labels[:3].tolist()}"
        )
    return labels.astype("int32")


def _fit(images, geometry, what):
    if not geometry.changes(images.shape[1:]):
        return images
    return np.stack([geometry(image, f"an image of {what}") for image in images])


def _subfolders(path):
    return sorted(part for part in path.iterdir() if part.is_dir() and not part.name.startswith("."))


def _images(path, pattern="*"):
    """The image files in a folder, sorted, without hidden ones (such as the `._x.png` of macOS)."""
    return sorted(
        str(file)
        for file in path.glob(pattern)
        if file.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )


def _index(path, class_names):
    """Paths and labels: of one sub-folder a class, or of a flat folder where there are no class names."""
    beside = [part.name for part in _subfolders(path) if part.name not in class_names and _images(part, "**/*")]
    if beside or (class_names and _images(path)):
        raise ValueError(
            f"The folder {path} must hold either images or one folder a class, the same classes in each split. "
            f"Move the rest elsewhere. Received: folders {beside or class_names} beside {class_names or 'images'}"
        )
    groups = [_images(path / name, "**/*") for name in class_names] or [_images(path)]
    paths = [file for group in groups for file in group]
    if not paths:
        raise ValueError(
            f"The folder {path} holds no images. Put files {', '.join(SUFFIXES)} into it, or into one sub-folder a "
            f"class. Received: {sorted(part.name for part in path.iterdir())[:5]}"
        )
    return np.array(paths), np.repeat(np.arange(len(groups), dtype="int32"), [len(group) for group in groups])


def _builder(name, data_dir, download):
    """The TFDS builder of a set that is on disk."""
    tensorflow()
    import tensorflow_datasets as tfds

    data_dir = data_dir or os.environ.get("TFDS_DATA_DIR")
    data_dir = os.path.expanduser(data_dir) if data_dir else None
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (ValueError, AssertionError, RuntimeError) as error:  # TFDS's words for a wrong name, config or version
        base = catalogue.base(name)
        known = tfds.list_builders(with_community_datasets=False)
        if base not in known:
            raise ValueError(
                "No image set has this name, and no folder this path. The nearest names are "
                f"{', '.join(catalogue.nearest(name, known))}. Received: {name!r}"
            ) from error
        configs = [f"{base}/{config}" for config in tfds.builder_cls(base).builder_configs]
        raise ValueError(
            f"{base} is a TFDS set, but has no such config or version. It has: {', '.join(configs) or 'no configs'}. "
            f"(A folder of this path is read by './{name}'.) Received: {name!r}"
        ) from error
    if not builder.is_prepared():
        if not download:
            root = Path(builder.data_dir).parents[2 if builder.builder_config else 1]
            infos = root.glob(f"{builder.name}/**/dataset_info.json")
            others = sorted({str(info.parent.parent.relative_to(root)) for info in infos})
            raise ValueError(
                f"{name} is not at {builder.data_dir}. Pass download=True (`--download` on the command line) to fetch "
                "it, or give the folder that holds it as data_dir= or TFDS_DATA_DIR."
                f"{f' There is {others}.' if others else ''} Received: {name!r}"
            )
        try:
            builder.download_and_prepare()
        except ModuleNotFoundError as error:  # TFDS leaves out packages that only preparing needs
            raise ValueError(
                f"TFDS needs the package {error.name} to prepare {name}: pip install {error.name}. Received: {name!r}"
            ) from error
    return builder


def _image_key(name, features):
    from tensorflow_datasets import features as kinds

    images = [key for key, feature in features.items() if isinstance(feature, kinds.Image)]
    key = "image" if "image" in images else images[0] if len(images) == 1 else None
    if key is None or features[key].np_dtype != np.uint8:
        raise ValueError(
            f"{name} must have one image feature, or one called 'image', of 8 bits a channel; choose another set. "
            f"Received: { {key: str(feature) for key, feature in features.items()} }"
        )
    return key


def _label(name, features, label):
    """The keys that lead to the label and its class names: those of `label`, or of the set's own label, or none."""
    from tensorflow_datasets import features as kinds

    found = {}

    def collect(features, path):
        for key, feature in features.items():
            if isinstance(feature, kinds.FeaturesDict):
                collect(feature, (*path, key))
            elif isinstance(feature, kinds.ClassLabel):
                found[(*path, key)] = catalogue.class_names(name, feature.names)
            elif feature.shape == () and feature.np_dtype == np.bool_:
                found[(*path, key)] = [f"not {key}", key]

    collect(features, ())
    if label is None:
        own = [(key,) for key, feature in features.items() if isinstance(feature, kinds.ClassLabel)]
        path = ("label",) if ("label",) in own else own[0] if len(own) == 1 else ()
        return path, found.get(path, [])
    for path, names in found.items():
        if label in (path[-1], "/".join(path)):
            return path, names
    names = sorted("/".join(path) for path in found)
    raise ValueError(
        f"{name} has no such class or yes-no feature. It has: {', '.join(names) or 'none'}. Received: label={label!r}"
    )
