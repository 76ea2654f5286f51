"""The labels of arrays: which classes there are, and their numbers."""

import numpy as np

# Greater numbers name no classes: marks such as 2**31 - 1, hashes, the targets of a regression.
LARGEST = 10**6


def numbered(labels, counts, what):
    """Number the classes that there are from 0 on.

    Args:
        labels: dict of a split's labels, an array `(count,)` or `(count, 1)`: whole numbers, bools or strings.
        counts: dict of the number of images of the same splits.
        what: dict of what the errors of each split begin with.

    Returns:
        A dict of int32 arrays `(count,)`, the names of the classes, and notes: strings, what to tell the user.

    Raises:
        ValueError: If they are no labels of classes.
    """
    labels = {split: _plain(part, counts[split], what[split]) for split, part in labels.items()}
    kinds = {split: part.dtype.kind for split, part in labels.items()}
    if len(set(kinds.values())) > 1:
        dtypes = {split: str(part.dtype) for split, part in labels.items()}
        raise ValueError(f"The labels of all splits must be of one kind. Received: {dtypes}")
    classes, places = np.unique(np.concatenate(list(labels.values())), return_inverse=True)
    parts = np.split(places.astype("int32"), np.cumsum([len(part) for part in labels.values()])[:-1])
    names = [str(name) for name in classes]
    notes = []
    if kinds["train"] == "i" and (classes[0] != 0 or classes[-1] != len(classes) - 1):
        notes.append(
            f"The labels {_some(names)} are numbered 0 to {len(names) - 1}, in this order; class_names keeps them."
        )
    numbers = dict(zip(labels, parts))
    unseen = np.setdiff1d(places, numbers["train"])
    if unseen.size:
        notes.append(f"Train has no image of the classes {_some(classes[unseen])}, which the other splits have.")
    return numbers, names, tuple(notes)


def _plain(labels, count, what):
    """Labels as an int64, bool or string array `(count,)`."""
    try:
        labels = np.asarray(labels)
        if labels.dtype == object:  # as the columns of a DataFrame come
            kinds = {type(label) for label in labels.ravel()}
            labels = np.array(labels.tolist()) if len(kinds) == 1 else labels
        if labels.dtype.kind == "S":
            labels = np.char.decode(labels, "utf-8")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{what} expects one label an image, an array of shape ({count},). "
            f"Received: {type(labels).__name__}: {' '.join(str(error).split())}"
        ) from error
    if labels.shape not in ((count,), (count, 1)):
        raise ValueError(
            f"{what} expects one label an image, an array of shape ({count},); labels.argmax(-1) makes it from "
            f"one-hot labels. Received: shape {labels.shape}"
        )
    labels = labels.reshape(count)
    kind = labels.dtype.kind
    if kind in "bU":
        return labels
    if kind == "f":
        labels = labels.astype("float64")
    if kind not in "iuf" or not np.array_equal(labels, np.floor(labels)):  # NaN equals nothing
        raise ValueError(
            f"{what} expects the labels of classes: whole numbers, bools or strings. Other targets go to fit itself, "
            f"model.fit(x, y). Received: dtype {labels.dtype}, the first {labels[:3].tolist()}"
        )
    if labels.max() >= LARGEST or labels.min() <= -LARGEST:
        raise ValueError(
            f"{what} expects the numbers of classes, below {LARGEST:,}. If each of these numbers is a class, give "
            f"labels.astype(str). Received: labels from {labels.min()} to {labels.max()}"
        )
    return labels.astype("int64")


def _some(names):
    names = [str(name) for name in names]
    return ", ".join(names if len(names) <= 10 else [*names[:5], "...", names[-1]])
