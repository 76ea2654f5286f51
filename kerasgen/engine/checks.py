"""Checks of images given to a model. NumPy only, nothing of kerasgen: `datasets` shares it."""

import warnings
from collections.abc import Mapping
from numbers import Integral

import numpy as np


def check_images(images, image_shape=None, where="fit", bounded=True):
    """Refuse images that would train a model on the wrong thing without an error.

    Args:
        images: array `(count, ...)`, or what `numpy.asarray` makes one from.
        image_shape: tuple `(height, width, channels)` that the model expects, or `None`: any.
        where: string. What received the images; the errors begin with it.
        bounded: bool. Whether images are floating-point numbers in [0, 1]. `False` for data of any range (tabular rows,
            a likelihood with the identity link): then only shape, emptiness and NaN are checked.

    Raises:
        ValueError: If there is no image, the shape differs, or the numbers are integers (uint8), NaN, infinite or
            outside [0, 1].

    Example:
        >>> kerasgen.datasets.check_images(x, image_shape=(28, 28, 1), where="my loader")
    """
    if isinstance(images, Mapping):
        raise ValueError(
            f"{where} expects batches of images, or of pairs (images, labels), not of dicts. Say which entry is which, "
            "and that uint8 images are to be in [0, 1]: "
            "data.map(lambda d: (tf.cast(d['image'], 'float32') / 255, d['label'])). "
            f"Received: a dict of {list(images)}"
        )
    images = np.asarray(images)
    if images.dtype.kind in "OSUMmc":
        raise ValueError(
            f"{where} expects an array of numbers of shape (count, height, width, channels). "
            f"Received: dtype {images.dtype}, shape {images.shape}"
        )
    if images.ndim == 0 or images.size == 0:
        raise ValueError(
            f"{where} expects at least one image, but the set is empty: check the path, the filter or the "
            f"slice that made it. Received: shape {images.shape}"
        )
    if image_shape is not None:
        _check_shape(images.shape, tuple(image_shape), where)
    if bounded and images.dtype.kind in "iub":
        raise ValueError(
            f"{where} expects images as floating-point numbers in [0, 1]. Divide them by their largest possible "
            "value, x.astype('float32') / 255 for uint8, or let kerasgen.datasets.load((x, y)) do it. "
            f"Received: dtype {images.dtype}, values {images.min()} to {images.max()}"
        )
    if images.dtype.kind in "iub":
        return
    # The extremes tell all at no extra memory: minimum and maximum propagate NaN.
    low, high = float(images.min()), float(images.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = ~np.isfinite(images.reshape(len(images), -1)).all(axis=1)
        raise ValueError(
            f"{where} expects finite numbers. Remove or repair the images with NaN or infinite values, "
            f"x[np.isfinite(x).all(axis=(1, 2, 3))] keeps the good ones. Received: {bad.sum()} of "
            f"{len(images)} images with such values, the first at index {bad.argmax()}"
        )
    # Resizing may end a rounding error outside.
    if bounded and (low < -1e-6 or high > 1 + 1e-6):
        remedy = "Scale them"
        if low >= 0 and high <= 255:
            remedy = "Divide them by 255"
        elif low >= -1 - 1e-6 and high <= 1 + 1e-6:
            remedy = "Map [-1, 1] there by (x + 1) / 2"
        raise ValueError(f"{where} expects images in [0, 1]. {remedy}. Received: values {low:g} to {high:g}")


def warn_of_range(images):
    """Warn where a network that is to give images, as the real ones are, gives values outside of [0, 1].

    Args:
        images: array.
    """
    if images.size and (images.min() < 0 or images.max() > 1):
        warnings.warn(
            "A generator must give images in [0, 1], as the real ones are: end it with a sigmoid, or with a tanh and "
            "`keras.layers.Rescaling(0.5, 0.5)`. (`networks.mlp.generator` does, `networks.mlp.decoder` does not.) "
            f"Received: values from {images.min():.3g} to {images.max():.3g}",
            stacklevel=3,
        )


def _check_shape(shape, image_shape, where):
    if tuple(shape[1:]) == image_shape:
        return
    remedy = "Resize them (kerasgen.datasets.load(..., image_size=...)) or build networks for their shape"
    if tuple(shape[1:]) == image_shape[:-1] and image_shape[-1] == 1:
        remedy = "Add the channel axis: x[..., None]"
    elif tuple(shape[1:]) == (*image_shape[-1:], *image_shape[:-1]):
        remedy = "Put channels last: numpy.moveaxis(x, 1, -1)"
    raise ValueError(
        f"{where} expects images of shape {image_shape}, in batches (count, {', '.join(map(str, image_shape))}). "
        f"{remedy}. Received: shape {tuple(shape)}"
    )


def check_latents(latents, latent_dim):
    """Return latents as a float32 array `(n, latent_dim)`, or raise a ValueError."""
    try:
        latents = np.asarray(latents, "float32")
    except (TypeError, ValueError) as error:
        raise ValueError(f"Latents are an array of numbers (n, {latent_dim}). Received: {latents!r}") from error
    if latents.ndim != 2 or latents.shape[1] != latent_dim:
        raise ValueError(f"Latents have the shape (n, {latent_dim}). Received: shape {latents.shape}")
    if not np.isfinite(latents).all():
        raise ValueError(f"Latents are finite numbers. Received: {np.sum(~np.isfinite(latents))} that are not")
    return latents


def check_classes(labels, num_classes, where="a model"):
    """Refuse labels that are no class numbers.

    Args:
        labels: Array `(count,)` or `(count, 1)` of whole numbers; floats such as 3.0 count as such.
        num_classes: int or None, the number of classes that there are.
        where: string. What received the labels; the error begins with it.

    Raises:
        ValueError: If labels are one-hot, no whole numbers, or outside of `[0, num_classes)`.
    """
    labels = np.asarray(labels)
    if labels.ndim > 2 or (labels.ndim == 2 and labels.shape[1] != 1):
        raise ValueError(
            f"{where} expects one class number an image, an array (count,). Of one-hot labels y.argmax(axis=1) gives "
            f"them. Received: labels of shape {labels.shape}"
        )
    if labels.size == 0:
        return
    if labels.dtype.kind not in "iuf":
        raise ValueError(
            f"{where} expects class numbers, 0, 1, ..., as whole numbers. Of names "
            "numpy.unique(y, return_inverse=True)[1] gives them, of truth values y.astype('int32'). "
            f"Received: labels of dtype {labels.dtype}"
        )
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.floor(labels))).all():
        wrong = labels.reshape(-1)[~(labels == np.floor(labels)).reshape(-1) | ~np.isfinite(labels).reshape(-1)]
        raise ValueError(
            f"{where} expects class numbers, 0, 1, ..., as whole numbers. Received: labels such as {wrong[0]:g}"
        )
    low, high = int(labels.min()), int(labels.max())
    if num_classes is not None and not 0 <= low <= high < num_classes:
        raise ValueError(
            f"{where} expects class numbers from 0 to {num_classes - 1}: the networks know {num_classes} classes. "
            f"Build them with more (`num_classes=`), or number the labels anew. Received: labels from {low} to {high}"
        )


def check_pair(inputs, where="predict"):
    """Return inputs of a network that takes labels as `(images, labels)`, or raise a ValueError."""
    if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
        raise ValueError(f"{where} expects [images, labels]: networks take both. Received: {type(inputs).__name__}")
    return inputs


def check_one_each(values, images, what):
    """Refuse labels or weights of more or fewer images than there are.

    Args:
        values: Array `(count, ...)`.
        images: Array `(count, ...)`.
        what: string. What received the values, and what they are; the error begins with it.

    Raises:
        ValueError: If the counts differ.
    """
    shape = np.shape(values)
    if shape[:1] != np.shape(images)[:1]:
        raise ValueError(f"{what} expects one for each of {len(images)} images. Received: shape {shape}")


def check_weights(weights, where="fit"):
    """Refuse weights of images that give no mean.

    Args:
        weights: Array `(count,)` or `(count, 1)`.
        where: string. What received the weights; the error begins with it.

    Raises:
        ValueError: If there is not one an image, or one is negative, NaN or infinite.
    """
    weights = np.asarray(weights)
    if weights.dtype.kind not in "iubf" or weights.ndim not in (1, 2) or weights.shape[1:] not in ((), (1,)):
        raise ValueError(
            f"{where} expects one weight an image, an array of numbers (count,). "
            f"Received: weights of dtype {weights.dtype}, shape {weights.shape}"
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(
            f"{where} expects weights that are finite and not negative. "
            f"Received: weights from {weights.min():g} to {weights.max():g}"
        )


def check_count(count, what="generate"):
    """Refuse what is no number of images.

    Args:
        count: int.
        what: string. What received it; the error begins with it.

    Raises:
        ValueError: If it is no whole number, or below 1.
    """
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
        raise ValueError(f"{what} expects a number of images, a whole number from 1. Received: {count!r}")


def check_seed(seed, what="generate"):
    """Refuse what is no seed.

    Args:
        seed: int or None.
        what: string. What received it; the error begins with it.

    Raises:
        ValueError: If it is no whole number, or negative.
    """
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0):
        raise ValueError(f"{what} expects a seed, a whole number from 0, or None. Received: {seed!r}")
