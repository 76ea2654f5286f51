"""The images that callbacks look at."""

import keras
import numpy as np

from kerasgen.engine.checks import check_images


def choose(data, count, seed=0):
    """A random choice of the images and labels of a data set, which may be in the order of its classes.

    The whole set is read once; no more than the choice is kept.

    Args:
        data: `(images, labels)` or `images` as arrays; or batches of the same, such as a `tf.data.Dataset`, a
            `keras.utils.PyDataset` or a torch loader. Finite: it is read to its end.
        count: int. How many, at most.
        seed: int. The choice and its order depend on it and on the set alone, not on its batches.

    Returns:
        Tuple of float32 array `(n, height, width, channels)`, and int array `(n,)` or None where there are no labels.

    Raises:
        ValueError: If `data` is none of these, or empty.
    """
    rng = np.random.default_rng(seed)
    kept = None
    for x, y in _batches(data):
        keys = rng.random(len(x))
        columns = [keys, np.asarray(x, "float32"), None if y is None else np.asarray(y).reshape(-1)]
        if kept is not None:
            columns = [None if old is None else np.concatenate([old, new]) for old, new in zip(kept, columns)]
        # Each image has drawn a key; those of the lowest keys stay.
        lowest = np.argsort(columns[0], kind="stable")[:count]
        kept = [None if column is None else column[lowest] for column in columns]
    if kept is None or not len(kept[0]):
        raise ValueError(f"The data of a callback must hold one image at least. Received: none in {data!r}")
    return kept[1], kept[2]


def one_of_each(images, labels, count):
    """Some images, one of each class in turn: the first of each class, the second of each, and so on.

    Args:
        images: Array `(n, ...)`.
        labels: int array `(n,)`, or None: the first images are taken.
        count: int. How many, at most.

    Returns:
        Tuple of the images and their labels.
    """
    if labels is None or labels.dtype.kind not in "iu":
        return images[:count], None if labels is None else labels[:count]
    turns = np.zeros(len(labels), int)
    for label in np.unique(labels):
        turns[labels == label] = np.arange(np.sum(labels == label))
    chosen = np.lexsort((labels, turns))[:count]
    return images[chosen], labels[chosen]


def check_given(callback, images):
    """Refuse images that a model is to encode or to translate, but does not take, in the words of `fit`.

    Args:
        callback: A callback whose model is set.
        images: Array `(n, ...)`.

    Raises:
        ValueError: If the shape differs, or the numbers are not finite, or those of images not in [0, 1].
    """
    model = callback.model
    # Whoever maps images to others may take any.
    bounded = getattr(model, "bounded", True) and getattr(model, "target", "x") == "x"
    shape = getattr(model, "image_shape", None)
    check_images(images, shape, where=type(callback).__name__, bounded=bounded)


def _batches(data):
    """Pairs of images and labels, or None."""
    if hasattr(data, "shape") or isinstance(data, (tuple, list)):
        batches = [data]
    elif isinstance(data, keras.utils.PyDataset):
        batches = (data[index] for index in range(len(data)))
    elif hasattr(data, "__iter__"):
        batches = data
    else:
        raise ValueError(
            "The data of a callback must be arrays `x` or `(x, y)`, or a data set of such batches, for example "
            f"`data.test` of `data = kerasgen.datasets.load(...)`. Received: {data!r}"
        )
    for batch in batches:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        yield x, y
