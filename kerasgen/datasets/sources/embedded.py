"""The sets that need no file."""

import functools
import math
from dataclasses import replace

import numpy as np

from kerasgen.datasets import randomness
from kerasgen.datasets import shapes as known_factors
from kerasgen.datasets.sources.source import Source, fit
from kerasgen.datasets.splits import Drawn, Memory


def digits(geometry):
    """scikit-learn's 1,797 handwritten digits of 8x8."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = fit(images.reshape(-1, 8, 8, 1).astype("float32") / 16, geometry, "digits")
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
    rows, labels = fit(rows, geometry, "iris"), table.target.astype("int32")
    splits = {"train": Memory(rows[~test], labels[~test]), "test": Memory(rows[test], labels[test])}
    return Source("iris", splits, [str(name) for name in table.target_names], mixed=False, scale=1.0)


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
