"""Arrays of images and labels."""

import numpy as np

from kerasgen.datasets.sources.source import Source, fit
from kerasgen.datasets.splits import Memory
from kerasgen.engine.checks import check_images


def arrays(value, geometry):
    """Images, or a tuple of images and labels."""
    images, labels = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
    return from_arrays("arrays", {"train": (images, labels)}, geometry, mixed=False)


def from_arrays(name, found, geometry, mixed):
    """A Source of `{split: (images, labels or None)}`."""
    splits = {}
    labelled = found["train"][1] is not None
    for split, (images, labels) in found.items():
        what = "load" if len(found) == 1 else f"load, split {split},"
        images = _as_images(images, what)  # noqa: PLW2901
        if (labels is not None) != labelled:
            raise ValueError(f"Give labels for all splits or for none. Received: {split} differs from train")
        labels = _as_labels(labels, len(images), what) if labelled else np.zeros(len(images), "int32")  # noqa: PLW2901
        splits[split] = Memory(fit(images, geometry, what), labels)
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
