"""Arrays of images and labels."""

import numpy as np

from kerasgen.datasets.sources.labels import numbered
from kerasgen.datasets.sources.source import Source, fit
from kerasgen.datasets.splits import Memory
from kerasgen.engine.checks import check_images


def arrays(value, geometry):
    """Images, a tuple of images and labels, or two such tuples: train and test, as `keras.datasets` has them."""
    if _is_train_and_test(value):
        return from_arrays("arrays", dict(zip(("train", "test"), value)), geometry, mixed=True)
    images, labels = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
    return from_arrays("arrays", {"train": (images, labels)}, geometry, mixed=False)


def _is_train_and_test(value):
    """Whether it is `((x, y), (xt, yt))`, and not a tuple of two images and two labels."""
    parts = value if isinstance(value, tuple) and len(value) == 2 else ()
    return (
        bool(parts) and all(isinstance(part, tuple) and len(part) == 2 for part in parts) and np.ndim(parts[1][0]) > 0
    )


def from_arrays(name, found, geometry, mixed):
    """A Source of `{split: (images, labels or None)}`."""
    what = {split: "load" if len(found) == 1 else f"load, split {split}," for split in found}
    images = {split: _as_images(part, what[split]) for split, (part, _) in found.items()}
    images, scale, notes = _as_stored(images)
    images = {split: fit(part, geometry, what[split]) for split, part in images.items()}
    shapes = {split: part.shape[1:] for split, part in images.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"All splits must hold images of one shape. Received: {shapes}")
    labels = {split: part for split, (_, part) in found.items() if part is not None}
    if labels and len(labels) < len(found):
        raise ValueError(f"Give labels for all splits or for none. Received: labels for {list(labels)} alone")
    class_names = []
    if labels:
        counts = {split: len(part) for split, part in images.items()}
        labels, class_names, more = numbered(labels, counts, what)
        notes = (*notes, *more)
    else:
        labels = {split: np.zeros(len(part), "int32") for split, part in images.items()}
    notes = (*notes, *_doubts_of_axes(images["train"].shape))
    splits = {split: Memory(part, labels[split]) for split, part in images.items()}
    return Source(name, splits, class_names, mixed, scale, notes=notes)


def _as_images(images, what):
    """An array of numbers `(count, height, width, channels)`: whole ones of any size, or others in [0, 1]."""
    try:
        images = np.asarray(images)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; PyTorch's tensors of a GPU or with gradients
        raise ValueError(
            f"{what} expects images of one shape, as one array: resize the others, or load their folder with "
            "image_size=. Images and labels are a tuple, (x, y); a PyTorch tensor is x.detach().cpu().numpy(). "
            f"Received: {type(images).__name__}: {str(error).split('. ')[0]}"
        ) from error
    if images.dtype == object and images.ndim == 0:
        raise ValueError(
            f"{what} expects the name of a set, a path, an array of numbers or a tuple of arrays (images, labels). "
            f"Received: {type(images.item()).__name__}"
        )
    numbers = images.dtype.kind not in "OSUMmc"
    if numbers and images.size and images.ndim not in (3, 4):
        raise ValueError(
            f"{what} expects images of shape (count, height, width) or (count, height, width, channels). Rows of a "
            "table are images of one row of pixels, x.reshape(len(x), 1, -1), scaled to [0, 1]; flat images need their "
            f"height and width, x.reshape(len(x), height, width). Received: shape {images.shape}"
        )
    check_images(images, where=what, bounded=images.dtype.kind not in "iub")
    if images.dtype.kind in "iu" and images.min() < 0:
        raise ValueError(
            f"{what} expects images of whole numbers from 0 on. Map them to [0, 1]. "
            f"Received: dtype {images.dtype}, values {images.min()} to {images.max()}"
        )
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[1] in (1, 3) and images.shape[3] > 4:
        raise ValueError(
            f"{what} expects channels last, and these seem to come first: use numpy.moveaxis(x, 1, -1). "
            f"Received: shape {images.shape}"
        )
    return images


def _as_stored(images):
    """Images as they are kept, uint8 or float32 in [0, 1], the value that means 1, and what to tell of it."""
    whole = {split: part.dtype.kind in "iub" for split, part in images.items()}
    if len(set(whole.values())) > 1:
        dtypes = {split: str(part.dtype) for split, part in images.items()}
        raise ValueError(f"All splits must hold whole numbers, or all others in [0, 1]. Received: {dtypes}")
    if not whole["train"]:
        return {split: np.clip(part, 0, 1).astype("float32") for split, part in images.items()}, 1.0, ()
    top = max(int(part.max()) for part in images.values())
    if top > 65535:
        raise ValueError(
            "load expects whole numbers of 8 or 16 bits. Divide them by their largest possible value. "
            f"Received: dtype {images['train'].dtype}, values up to {top:,}"
        )
    white = 255 if top <= 255 else 65535
    notes = ()
    if 1 < top < white / 8:
        notes = (
            f"The images are whole numbers up to {top:,} and were divided by {white:,}: they are dark. If a smaller "
            "number is white, divide by it first.",
        )
    if white == 65535:
        return {split: (part / np.float32(white)).astype("float32") for split, part in images.items()}, 1.0, notes
    # Zeros and ones are a binary image, not a black one.
    images = {split: part.astype("uint8", copy=False) for split, part in images.items()}
    return images, 255.0 if top > 1 else 1.0, notes


def _doubts_of_axes(shape):
    """A note where the last axis is read as channels, and the first looks more like it."""
    _, height, width, channels = shape
    if channels > 4 and height < min(width, channels):
        yield (
            f"Images of shape {shape[1:]} are read as {height} rows of {width} pixels with {channels} channels, the "
            "last axis. If the first axis are the channels: numpy.moveaxis(x, 1, -1)."
        )
