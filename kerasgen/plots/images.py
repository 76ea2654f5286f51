"""Pictures made of images: each pixel of an image is a whole number of pixels of the picture, so nothing is blurred."""

import math

import numpy as np

from kerasgen.plots.look import DPI, look, new_figure, short

#: Pixels: what a picture aims at, and the width that it never exceeds (larger images are scaled down).
_WIDTH, _HEIGHT, _MAX_WIDTH = 720, 900, 1000
#: The longest side of one image in pixels, where its own size is less.
_MAX_SIDE = 128


@look
def grid(images, columns=None, title=None, row_names=None):
    """Images side by side, row by row.

    Args:
        images: Array `(n, height, width[, channels])` in [0, 1]. One channel is drawn in greys, three in colour.
        columns: int or None. Images a row. None: a square, 10 at the most.
        title: str or None.
        row_names: List of str or None. Written to the left of each row.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If `images` is not an array of images, or is empty.

    Example:
        >>> figure = kerasgen.plots.grid(model.generate(64, seed=1), title="Samples")
    """
    images = as_images(images)
    columns = columns or min(10, math.ceil(math.sqrt(len(images))))
    return show(*tile(images, columns), title=title, row_names=row_names)


@look
def reconstructions(originals, reconstructed, columns=10, title="Reconstructions"):
    """Originals, each above its reconstruction.

    Args:
        originals: Array `(n, height, width[, channels])` in [0, 1].
        reconstructed: Array of the same shape.
        columns: int. Images a row.
        title: str or None.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If the two differ in shape.

    Example:
        >>> figure = kerasgen.plots.reconstructions(images, model.reconstruct(images))
    """
    originals, reconstructed = as_images(originals), as_images(reconstructed)
    if originals.shape != reconstructed.shape:
        raise ValueError(
            "Originals and reconstructions must have the same shape. "
            f"Received: {originals.shape} and {reconstructed.shape}"
        )
    columns = min(columns, len(originals))
    # A row of originals, a row of reconstructions, and so on; a last row that is not full is filled with white.
    missing = -len(originals) % columns
    blank = np.ones((missing, *originals.shape[1:]), originals.dtype)
    pairs = [np.concatenate([part, blank]).reshape(-1, columns, *part.shape[1:]) for part in (originals, reconstructed)]
    rows = np.stack(pairs, axis=1).reshape(-1, *originals.shape[1:])
    names = ["original", "reconstructed"] * pairs[0].shape[0]
    return show(*tile(rows, columns, rows_of_group=2), title=title, row_names=names)


@look
def neighbours(generated, nearest, distances=None, title="Nearest training images"):
    """Generated images, each above the real images nearest to it: a copy shows at once.

    Args:
        generated: Array `(n, height, width[, channels])` in [0, 1].
        nearest: Array `(n, k, height, width[, channels])`, of each its neighbours from near to far.
        distances: Array `(n, k)` or None. The first of each stands below its column.
        title: str or None.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> distances, indices = kerasgen.metrics.nearest_neighbours(generated_features, training_features, count=5)
        >>> figure = kerasgen.plots.neighbours(generated, training_images[indices], distances)
    """
    generated = as_images(generated)
    nearest = np.asarray(nearest)
    if nearest.ndim < 2 or len(nearest) != len(generated):
        raise ValueError(
            "Each generated image has its row of neighbours (n, k, height, width, channels). "
            f"Received: {generated.shape} generated, {nearest.shape} neighbours"
        )
    rows = [generated, *(as_images(nearest[:, rank]) for rank in range(nearest.shape[1]))]
    names = ["generated", *(f"neighbour {rank + 1}" for rank in range(nearest.shape[1]))]
    canvas, row_centres, columns = tile(np.concatenate(rows), len(generated))
    if distances is None:
        return show(canvas, row_centres, columns, title=title, row_names=names)
    ticks = [(column, f"{distance:.3g}") for column, distance in zip(columns, np.asarray(distances)[:, 0])]
    label = "distance to the nearest"
    return show(canvas, row_centres, columns, title, names, column_ticks=ticks, column_label=label)


@look
def interpolation(images, title="Interpolation", row_names=None):
    """Paths between images, one a row: the two ends stand at the left and at the right.

    Args:
        images: Array `(paths, steps, height, width, channels)` in [0, 1]; of one path also without the first axis.
        title: str or None.
        row_names: List of str or None. What stands before each path.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If `images` has another number of axes.

    Example:
        >>> figure = kerasgen.plots.interpolation(model.decode(path))
    """
    images = np.asarray(images)
    images = images[None] if images.ndim == 4 else images
    if images.ndim != 5:
        raise ValueError(
            "Interpolated images have the shape (paths, steps, height, width, channels), or without paths. "
            f"Received: {images.shape}"
        )
    steps = images.shape[1]
    canvas, rows, columns = tile(as_images(images.reshape(-1, *images.shape[2:])), steps)
    marks = sorted({0, (steps - 1) // 2, steps - 1}) if steps % 2 else [0, steps - 1]
    ticks = [(columns[mark], f"{mark / max(1, steps - 1):g}") for mark in marks]
    return show(canvas, rows, columns, title, row_names, column_ticks=ticks, column_label="position on the path")


@look
def translations(originals, translated, names=None, title="Translations"):
    """Images and what a model makes of each in every domain, a row an image.

    Args:
        originals: Array `(n, height, width, channels)` in [0, 1].
        translated: Array `(n, domains, height, width, channels)`.
        names: List of str or None. Those of the domains, below their columns.
        title: str or None.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there are not as many translations as images, or as many names as domains.

    Example:
        >>> figure = kerasgen.plots.translations(images, model.translations(images), data.class_names)
    """
    originals, translated = np.asarray(originals), np.asarray(translated)
    domains = translated.shape[1] if translated.ndim == 5 else 0
    if not domains or len(originals) != len(translated) or (names is not None and len(names) != domains):
        raise ValueError(
            "Translations have the shape (images, domains, height, width, channels), with a name a domain. Received: "
            f"{translated.shape}, of {len(originals)} images, names {names}"
        )
    rows = np.concatenate([originals[:, None], translated], axis=1)
    canvas, places, columns = tile(as_images(rows.reshape(-1, *rows.shape[2:])), domains + 1)
    names = names or [f"domain {number}" for number in range(domains)]
    ticks = list(zip(columns, ["image", *names]))
    return show(canvas, places, columns, title, column_ticks=ticks)


def as_images(images):
    """Images as float `(n, height, width, channels)`, channels 1 or 3.

    Args:
        images: Array `(n, height, width[, channels])`. Of more than three channels the first three are kept, of two
            the first.

    Returns:
        float32 array.

    Raises:
        ValueError: If the array has another number of axes, or holds no image.
    """
    images = np.asarray(images, dtype="float32")
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(
            "Images must be an array (n, height, width[, channels]) with one image at least. "
            f"Received: an array of shape {images.shape}"
        )
    return images[..., :3] if images.shape[-1] >= 3 else images[..., :1]


def tile(images, columns, gap=None, rows_of_group=None):
    """Put images into one, on white.

    Args:
        images: Array `(n, height, width, channels)`.
        columns: int. Images a row.
        gap: int or None. Pixels between two images. None: a fourteenth of an image, 1 at least.
        rows_of_group: int or None. After so many rows the gap is three times as wide.

    Returns:
        Tuple of the array `(rows * height + gaps, columns * width + gaps, channels)`, and the centres of the rows and
        of the columns in its pixels.
    """
    count, height, width, channels = images.shape
    gap = max(1, round(min(height, width) / 14)) if gap is None else gap
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    tops = [row * (height + gap) + (row // rows_of_group * 2 * gap if rows_of_group else 0) for row in range(rows)]
    lefts = [column * (width + gap) for column in range(columns)]
    canvas = np.ones((tops[-1] + height, lefts[-1] + width, channels), "float32")
    for index, image in enumerate(images):
        top, left = tops[index // columns], lefts[index % columns]
        canvas[top : top + height, left : left + width] = image
    return canvas, [top + height / 2 - 0.5 for top in tops], [left + width / 2 - 0.5 for left in lefts]


def show(canvas, rows, columns, title=None, row_names=None, column_ticks=None, column_label=None, row_label=None):
    """A figure of exactly the size that tiled images and the text around them need.

    Args:
        canvas: Array `(height, width, 1 or 3)`, tiled images.
        rows: Centres of the rows, in pixels of the canvas.
        columns: Centres of the columns.
        title: str or None.
        row_names: A name for each row, or a list of pairs (position, text).
        column_ticks: List of pairs (position, text).
        column_label: str or None. What the columns mean.
        row_label: str or None. What the rows mean.

    Returns:
        `matplotlib.figure.Figure`.
    """
    height, width, channels = canvas.shape
    side = max(height / len(rows), width / len(columns))
    scale = max(1, min(_WIDTH // width, _HEIGHT // height, int(_MAX_SIDE / side)))
    scale = min(scale, _MAX_WIDTH / width)
    size = round(width * scale), round(height * scale)

    figure = new_figure(size[0] / DPI, size[1] / DPI, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    # Scaled-down images are smoothed, against moire; enlarged ones keep their pixels.
    interpolation = "nearest" if scale >= 1 else "antialiased"
    # The limits of the channels are [0, 1] in all figures: a pale image must look pale.
    picture = canvas[..., 0] if channels == 1 else np.clip(canvas, 0, 1)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation=interpolation, aspect="auto", origin="upper")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=6)
    named = [] if row_names is None else row_names
    named = [pair if isinstance(pair, tuple) else (rows[index], short(pair)) for index, pair in enumerate(named)]
    axes.set_yticks([position for position, _ in named], [text for _, text in named])
    ticks = column_ticks or []
    axes.set_xticks([position for position, _ in ticks], [text for _, text in ticks])
    axes.set_xlabel(column_label or "")
    axes.set_ylabel(row_label or "")
    heading = axes.set_title(title or "")
    for text in (heading, axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_fontsize(text.get_fontsize() * max(1, size[0] / _WIDTH))
    return _fit(figure, axes, size)


def _fit(figure, axes, size, border=8):
    """Give the axes `size` pixels, and the figure what text and border need around them."""
    box = axes.get_tightbbox()
    left, bottom = (math.ceil(max(0, -edge)) + border for edge in (box.x0, box.y0))
    right, top = (math.ceil(max(0, edge - length)) + border for edge, length in zip((box.x1, box.y1), size))
    total = left + size[0] + right, bottom + size[1] + top
    # A hundredth of a pixel more: the size in inches times the pixels an inch must not round down.
    figure.set_size_inches((total[0] + 0.01) / DPI, (total[1] + 0.01) / DPI)
    axes.set_position((left / total[0], bottom / total[1], size[0] / total[0], size[1] / total[1]))
    return figure
