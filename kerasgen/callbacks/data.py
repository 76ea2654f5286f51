"""The images that callbacks look at."""

import keras
import numpy as np


def take(data, count):
    """The first images and labels of a data set, as NumPy.

    Args:
        data: `(images, labels)` or `images` as arrays; or batches of the same, such as a `tf.data.Dataset`, a
            `keras.utils.PyDataset` or a torch loader. No more batches are read than needed.
        count: int. How many, at most.

    Returns:
        Tuple of float32 array `(n, height, width, channels)`, and int array `(n,)` or None where there are no labels.

    Raises:
        ValueError: If `data` is none of these, or empty.
    """
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
    images, labels, taken = [], [], 0
    for batch in batches:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        images.append(np.asarray(x[: count - taken], "float32"))
        labels.append(None if y is None else np.asarray(y[: count - taken]).reshape(-1))
        taken += len(images[-1])
        if taken >= count:
            break
    if not taken:
        raise ValueError(f"The data of a callback must hold one image at least. Received: none in {data!r}")
    return np.concatenate(images), None if labels[0] is None else np.concatenate(labels)


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
