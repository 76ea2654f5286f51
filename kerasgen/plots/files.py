"""Figures on disk: written beside and renamed, so that nobody ever reads half a picture."""

import os
import pathlib

from kerasgen.files import replace
from kerasgen.plots.look import DPI


def save(figure, path, dpi=DPI):
    """Save a figure in the format of the file's name. A reader sees the old file or the new one, never a part.

    Args:
        figure: `matplotlib.figure.Figure`.
        path: Path of the file, ending in `.png`, `.jpg`, `.svg`, `.pdf` or what else matplotlib writes; missing folders
            are made.
        dpi: int. Pixels an inch. Pictures made of images are sharpest at multiples of the default, 100.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        ValueError: If the name ends in no format that matplotlib writes.

    Example:
        >>> kerasgen.plots.save(kerasgen.plots.grid(images), "samples.png")
    """
    suffix = pathlib.Path(path).suffix.lower().removeprefix(".")
    known = figure.canvas.get_supported_filetypes()
    if suffix not in known:
        raise ValueError(
            f"The name of a picture ends in one of {', '.join(f'.{k}' for k in sorted(known))}. Received: {path}"
        )
    return replace(path, lambda temporary: _write(figure, temporary, suffix, dpi))


def _write(figure, path, suffix, dpi):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if suffix == "png" and dpi == figure.dpi and isinstance(figure.canvas, FigureCanvasAgg):
        # The same bytes as by `savefig`, which draws twice where axes are laid out: once unseen, to find their places.
        figure.canvas.print_png(path)
    else:
        figure.savefig(path, format=suffix, dpi=dpi)


def gif(frames, path, seconds=10.0, hold=2.0):
    """Save frames as a GIF that loops for ever.

    Args:
        frames: List of paths of pictures, or of arrays `(height, width[, 1 or 3])`, uint8, or float in [0, 1]. Smaller
            frames are padded with white to the size of the largest.
        path: Path of the file, ending in `.gif`; missing folders are made.
        seconds: float. Length of the whole, as near as 0.08 to 0.5 seconds a frame allow.
        hold: float. Seconds that the last frame stays.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        ValueError: If there are no frames, or the name does not end in `.gif`.

    Example:
        >>> kerasgen.plots.gif(sorted(pathlib.Path("runs/vae/pictures/samples").glob("*.png")), "samples.gif")
    """
    from PIL import ImageOps

    if pathlib.Path(path).suffix.lower() != ".gif":
        raise ValueError(f"The name of an animation ends in .gif. Received: {path}")
    pictures = [_picture(frame).quantize(256) for frame in frames]
    if not pictures:
        raise ValueError("A GIF needs one frame at least. Received: no frames")
    width, height = (max(picture.size[axis] for picture in pictures) for axis in (0, 1))
    for index, picture in enumerate(pictures):
        if picture.size != (width, height):
            # The upper left corner stays in place: there the title and the first images are.
            border = (0, 0, width - picture.width, height - picture.height)
            pictures[index] = ImageOps.expand(picture.convert("RGB"), border, "white").quantize(256)
    duration = min(500, max(80, round(1000 * seconds / len(pictures))))
    durations = [duration] * (len(pictures) - 1) + [round(1000 * hold)]
    return replace(
        path,
        lambda temporary: pictures[0].save(
            temporary, format="GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, disposal=1
        ),
    )


def _picture(frame):
    import numpy as np
    from PIL import Image

    if isinstance(frame, (str, os.PathLike)):
        with Image.open(frame) as picture:
            return picture.convert("RGB")
    frame = np.asarray(frame)
    if frame.dtype != np.uint8:
        frame = np.round(255 * np.clip(frame, 0, 1)).astype(np.uint8)
    frame = frame[..., 0] if frame.shape[2:] == (1,) else frame
    return Image.fromarray(frame).convert("RGB")
