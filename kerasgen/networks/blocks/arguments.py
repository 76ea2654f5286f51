"""Checks of what builders are given."""

from numbers import Integral


def positive_int(name, value):
    """Return `value` as an int, or raise a `ValueError` that speaks of the argument `name`."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a positive int. Received: {value!r}")
    return int(value)


def positive_ints(name, values):
    """Return `values` as a tuple of ints, or raise a `ValueError` that speaks of the argument `name`."""
    if not isinstance(values, (tuple, list)) or not all(isinstance(each, Integral) and each > 0 for each in values):
        raise ValueError(f"{name} must be a tuple of positive ints. Received: {values!r}")
    return tuple(int(each) for each in values)


def one_of(name, value, choices):
    """Return `value`, or raise a `ValueError` that speaks of the argument `name` and lists the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {list(choices)}. Received: {value!r}")
    return value


def check_image_shape(image_shape, ranks=(3,)):
    """Return `image_shape` as a tuple of ints, or raise a `ValueError`: its length must be one of `ranks`."""
    shape = positive_ints("image_shape", image_shape)
    if len(shape) not in ranks:
        features = "(features,) or " if 1 in ranks else ""
        raise ValueError(
            f"image_shape must be {features}(height, width, channels), with 1 as the channels of a grey image. "
            f"Received: {image_shape!r}"
        )
    return shape
