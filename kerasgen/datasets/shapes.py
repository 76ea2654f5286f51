"""Pictures of one shape, of which everything is known: shape, scale, rotation, x, y and colour.

All combinations of six factors, each with a few values, independent of each other and equally frequent, as measures of
disentanglement need them. The pictures are computed from the factors: nothing is downloaded, and any size is drawn.

The factors are chosen such that each can be told from the picture, whatever the others are:

- No shape has a rotational symmetry, so that each rotation of the full circle has a picture of its own. At 32 pixels
  and the smallest scale, two shapes or two rotations still differ by a fifth of the shape's area at least.
- The shapes of a scale have one area, and turn around their centre of mass: the amount of colour tells the scale and
  its centre the position, whatever the shape and the rotation.
- No shape reaches the border of the image, at any scale, rotation and position.
- The colours are the six corners of the RGB cube beside black and white: any two, and each and the black ground, differ
  by the whole range of a channel.
"""

import functools
import math
import types
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

#: The factors of an image in the order of their columns, and how many values each has.
FACTORS = {"shape": 3, "scale": 4, "rotation": 8, "x": 8, "y": 8, "colour": 6}
#: Names of the values of "colour".
COLOURS = ("red", "yellow", "green", "cyan", "blue", "magenta")

_RGB = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]], "float32")
# Square roots of the areas, and places of the centre along an axis, as parts of the image's side.
_SIDES = np.linspace(0.15, 0.27, FACTORS["scale"])
_PLACES = np.linspace(0.3, 0.7, FACTORS["x"])
# Tables, because the cosine of a value may differ in its last digit with its place in an array.
_ANGLES = np.arange(FACTORS["rotation"]) * (2 * math.pi / FACTORS["rotation"])
_COSINES, _SINES = np.cos(_ANGLES), np.sin(_ANGLES)
_SMALLEST = 16
# Pixels that are drawn at once: what fits a processor's cache.
_CHUNK = 2**18


class _Outline(NamedTuple):
    """A shape that looks along x and is symmetric in y.

    Attributes:
        distance: Function of points `(x, y)` to their distance from the outline, negative inside. It is exact within
            half a pixel of the outline, but for corners.
        area: float.
        centre: float, the x of the centre of mass.
    """

    distance: Callable
    area: float
    centre: float


def _arrow(x, y):
    """A triangle of height 1 and width 2 on a shaft of length 1.2 and width 0.6."""
    y = np.abs(y)
    head = np.maximum((x + y - 1) * math.sqrt(0.5), -x)
    shaft = np.maximum(np.abs(x + 0.6) - 0.6, y - 0.3)
    return np.minimum(head, shaft)


def _moon(x, y):
    """A disc of radius 1 less one of radius 3/4 around (1/2, 0)."""
    square = y * y
    return np.maximum(np.sqrt(x * x + square) - 1, 0.75 - np.sqrt((x - 0.5) ** 2 + square))


def _pie(x, y):
    """A disc of radius 1 less a piece of 72 degrees."""
    piece = x * math.sin(math.pi / 5) - np.abs(y) * math.cos(math.pi / 5)
    return np.maximum(np.sqrt(x * x + y * y) - 1, piece)


_PIE_CENTRE = -2 / 3 * math.sin(math.pi / 5) / (0.8 * math.pi)
_OUTLINES = {
    "arrow": _Outline(_arrow, 1.72, (1 / 3 - 0.72 * 0.6) / 1.72),
    "moon": _Outline(_moon, 1.66622, -0.34865),
    "pie": _Outline(_pie, 0.8 * math.pi, _PIE_CENTRE),
}
#: Names of the values of "shape".
SHAPES = tuple(_OUTLINES)


def render(factors, image_size=32):
    """The images of factors.

    Edges are smooth: a pixel is coloured by the share of it that the shape covers, up to rounding where edges meet.

    Args:
        factors: int array `(n, 6)`, the values of `FACTORS`, each from 0 on. Scale: small to large. Rotation: clockwise
            in steps of 45 degrees, from the shape looking right. x: left to right. y: top to bottom.
        image_size: int, the side of an image in pixels, 16 at least.

    Returns:
        float32 array `(n, image_size, image_size, 3)` in [0, 1], multiples of 1/255.

    Raises:
        ValueError: If there are no such factors, or the size is too small.

    Example:
        >>> images = kerasgen.datasets.shapes.render([[0, 3, 1, 4, 4, 2]])  # a large green arrow
    """
    return render_bytes(factors, image_size) / np.float32(255)


def render_bytes(factors, image_size=32):
    """As `render`, as uint8: a quarter of the memory."""
    factors = _check(factors)
    if not isinstance(image_size, int | np.integer) or image_size < _SMALLEST:
        raise ValueError(
            f"Shapes are drawn on squares, image_size is an int of {_SMALLEST} at least. Received: {image_size!r}"
        )
    images = np.empty((len(factors), image_size, image_size, 3), "uint8")
    # Shape by shape, because each has a formula of its own.
    for shape, outline in enumerate(_OUTLINES.values()):
        chosen = np.flatnonzero(factors[:, 0] == shape)
        for rows in np.array_split(chosen, math.ceil(len(chosen) * image_size**2 / _CHUNK) or 1):
            _, scale, rotation, x, y, colour = factors[rows].T
            cover = _cover(outline, _SIDES[scale], rotation, _PLACES[x], _PLACES[y], image_size)
            images[rows] = np.rint(255 * cover)[..., None] * _RGB[colour, None, None]
    return images


def at(image_size):
    """The set at one size, as a source of images for `kerasgen.metrics.disentanglement`.

    Args:
        image_size: int.

    Returns:
        An object with `FACTORS`, `sample_factors` and, at this size, `render`.

    Example:
        >>> scores = kerasgen.metrics.disentanglement.scores(model.encode, kerasgen.datasets.shapes.at(64))
    """
    render_at = functools.partial(render, image_size=image_size)
    return types.SimpleNamespace(FACTORS=FACTORS, sample_factors=sample_factors, render=render_at)


def sample_factors(count, seed=None):
    """Factors drawn at random: all independent, all values equally likely.

    Args:
        count: int.
        seed: int, `numpy.random.Generator`, which moves on, or None (another draw each time).

    Returns:
        int64 array `(count, 6)`.

    Example:
        >>> images = kerasgen.datasets.shapes.render(kerasgen.datasets.shapes.sample_factors(64, seed=1))
    """
    return np.random.default_rng(seed).integers(list(FACTORS.values()), size=(count, len(FACTORS)))


def factors_of(indices):
    """The factors of places in the list of all combinations, in which the last factor runs fastest.

    Args:
        indices: int array `(n,)`, from 0 to the product of the numbers of values.

    Returns:
        int64 array `(n, 6)`.

    Raises:
        ValueError: If there is no such place.

    Example:
        >>> every = kerasgen.datasets.shapes.factors_of(range(math.prod(kerasgen.datasets.shapes.FACTORS.values())))
    """
    return np.stack(np.unravel_index(np.asarray(indices), tuple(FACTORS.values())), axis=-1)


def index_of(factors):
    """The places of factors in the list of all combinations: the inverse of `factors_of`.

    Args:
        factors: int array `(n, 6)`.

    Returns:
        int64 array `(n,)`.

    Raises:
        ValueError: If there are no such factors.

    Example:
        >>> kerasgen.datasets.shapes.index_of([[0, 0, 0, 0, 0, 5]])
        array([5])
    """
    return np.ravel_multi_index(tuple(_check(factors).T), tuple(FACTORS.values()))


def _check(factors):
    factors = np.asarray(factors)
    sizes = np.array(list(FACTORS.values()))
    if factors.ndim != 2 or factors.shape[1] != len(sizes) or factors.dtype.kind not in "iu":
        raise ValueError(
            f"Factors are an int array (n, {len(sizes)}), one column each for {', '.join(FACTORS)}. "
            f"Received: dtype {factors.dtype}, shape {factors.shape}"
        )
    wrong = ((factors < 0) | (factors >= sizes)).any(axis=1)
    if wrong.any():
        raise ValueError(
            f"The values of a factor count from 0 on, and there are {FACTORS}. Received: {factors[wrong][0].tolist()}"
        )
    return factors


def _cover(outline, side, rotation, x, y, image_size):
    """The share of each pixel that a shape covers.

    Args:
        outline: `_Outline`.
        side: Square root of the area, as part of the image's side. This and the next three: arrays `(n,)`.
        rotation: Value of the factor.
        x: Of the centre, as part of the image's side.
        y: The same.
        image_size: int.

    Returns:
        float32 array `(n, image_size, image_size)` in [0, 1].
    """
    pixels = (np.arange(image_size) + 0.5) / image_size
    columns, rows = pixels - x[:, None], pixels - y[:, None]
    # Pixels in the coordinates of the outline: moved to its centre, turned back and scaled.
    scale = math.sqrt(outline.area) / side
    cosine, sine = (scale * _COSINES[rotation])[:, None], (scale * _SINES[rotation])[:, None]

    def add(of_columns, of_rows):
        return of_columns.astype("float32")[:, None, :] + of_rows.astype("float32")[:, :, None]

    u = add(cosine * columns + outline.centre, sine * rows)
    v = add(-sine * columns, cosine * rows)
    in_pixels = outline.distance(u, v) * (image_size / scale).astype("float32")[:, None, None]
    # An edge at this distance from the centre of a pixel leaves it that part, up to the edge's slant.
    return np.clip(0.5 - in_pixels, 0, 1)
