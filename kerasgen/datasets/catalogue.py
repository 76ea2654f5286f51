"""The sets that are known by name. No heavy import, so that listing them is quick."""

import difflib
from typing import NamedTuple


class Entry(NamedTuple):
    """One row of `list_names()`."""

    name: str
    description: str
    sizes: str
    source: str


_TFDS = "TensorFlow Datasets"
_ENTRIES = (
    Entry("digits", "handwritten digits, 8x8x1, 10 classes", "train 1,437, test 360", "embedded (scikit-learn)"),
    Entry(
        "coloured_digits",
        "handwritten digits, 8x8x3, of 5 colours",
        "train 1,437, test 360",
        "embedded (scikit-learn)",
    ),
    Entry("iris", "rows of a table, 1x4x1, 3 classes", "train 120, test 30", "embedded (scikit-learn)"),
    Entry(
        "shapes", "one shape with known factors, 32x32x3, 3 classes", "train 33,178, test 3,686", "embedded (computed)"
    ),
    Entry("mnist", "handwritten digits, 28x28x1, 10 classes", "train 60,000, test 10,000", _TFDS),
    Entry("fashion_mnist", "articles of clothing, 28x28x1, 10 classes", "train 60,000, test 10,000", _TFDS),
    Entry("kmnist", "cursive Japanese characters, 28x28x1, 10 classes", "train 60,000, test 10,000", _TFDS),
    Entry("cifar10", "photographs, 32x32x3, 10 classes", "train 50,000, test 10,000", _TFDS),
    Entry("cifar100", "photographs, 32x32x3, 100 classes", "train 50,000, test 10,000", _TFDS),
    Entry("svhn_cropped", "house numbers, 32x32x3, 10 classes", "train 73,257, test 26,032", _TFDS),
    Entry("imagenette/160px-v2", "photographs, 160 px, 10 classes of ImageNet", "train 9,469, test 3,925", _TFDS),
    Entry(
        "celeb_a",
        "faces, 218x178x3, 40 attributes (label='Smiling')",
        "train 162,770, validation 19,867, test 19,962",
        _TFDS,
    ),
    Entry(
        "oxford_flowers102", "photographs of flowers, 102 classes", "train 1,020, validation 1,020, test 6,149", _TFDS
    ),
    Entry("lfw", "faces, 250x250x3, without classes", "train 13,233", _TFDS),
    Entry("dsprites", "sprites with known factors, 64x64x1 (label='label_shape')", "train 737,280", _TFDS),
)
# Sets whose stored class names are codes.
_READABLE_CLASSES = {
    "imagenette": "tench, English springer, cassette player, chain saw, church, French horn, garbage truck, gas pump, "
    "golf ball, parachute",
}


def list_names():
    """The image sets that `load` is known to read by name.

    Any other TFDS image set loads too; so do folders, `.npz` files and arrays, which have no name here.

    Returns:
        A list of named tuples `(name, description, sizes, source)` of strings.

    Example:
        >>> for entry in kerasgen.datasets.list_names():
        ...     print(entry.name, "-", entry.description)
    """
    return list(_ENTRIES)


def is_known(name):
    """Whether a string names one of the listed sets, with or without a TFDS config and version."""
    return base(name) in {base(entry.name) for entry in _ENTRIES}


def nearest(name, others=()):
    """The listed names, and those in `others`, that look most like `name`: at most three."""
    listed = [entry.name for entry in _ENTRIES]
    close = difflib.get_close_matches(name, [*listed, *(o for o in others if o not in listed)], n=3, cutoff=0.5)
    return close or listed[:5]


def class_names(name, stored):
    """Readable class names where a set stores codes (WordNet ids), else the stored ones."""
    readable = _READABLE_CLASSES.get(base(name), "").split(", ")
    return readable if len(readable) == len(stored) else list(stored)


def base(name):
    """The name of a TFDS set without config and version."""
    return name.split("/")[0].split(":")[0]
