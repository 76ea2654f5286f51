"""One image: reading a file, cropping, resizing.

Pillow and NumPy, so that every source and every backend gives the same pixels.
"""

import functools
import warnings
from dataclasses import dataclass

import numpy as np

# What files are opened as, whatever they are called: formats of pictures that Pillow reads by itself. For others
# (EPS) it starts a program.
FORMATS = (
    *("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000"),
    *("PPM", "QOI", "ICO", "PCX", "SGI", "TGA"),
)
#: Pillow's modes of the numbers of channels.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
#: What `read_image` makes of transparency, for fingerprints.
READING = "transparency on white"


@functools.cache
def formats():
    """Those of `FORMATS` that this Pillow has."""
    from PIL import Image

    Image.init()
    return tuple(each for each in FORMATS if each in Image.OPEN)


@functools.cache
def suffixes():
    """The endings of names of image files, in lower case, sorted."""
    from PIL import Image

    known = formats()
    return tuple(sorted(suffix for suffix, each in Image.registered_extensions().items() if each in known))


@dataclass(frozen=True)
class Geometry:
    """What `image_size` and `crop` of `load` do to an image.

    Attributes:
        image_size: `None` (as it is), an int (a square; images that are not square are refused unless cropped) or
            `(height, width)` (images of other proportions are stretched unless cropped).
        crop: bool. Take the largest central part of the proportions of `image_size` first (a square for `None`).
    """

    image_size: int | tuple | None = None
    crop: bool = False

    def __post_init__(self):
        if self.size is None:
            return
        if len(self.size) != 2 or not all(isinstance(size, int | np.integer) and size > 0 for size in self.size):
            raise ValueError(f"image_size must be a positive int or (height, width). Received: {self.image_size}")

    @property
    def size(self):
        """The height and width after resizing, or `None`."""
        return self.image_size if isinstance(self.image_size, tuple | None) else (self.image_size, self.image_size)

    def changes(self, shape):
        """Whether images of a static shape `(height, width, channels)`, with `None` for unknown, may be changed."""
        if None in shape:
            return True
        height, width = shape[:2]
        return self.size not in (None, (height, width)) or (self.crop and self.size is None and height != width)

    def __call__(self, image, what):
        """Crop and resize.

        Args:
            image: uint8 or float32 array `(height, width, channels)`.
            what: string that names the image in errors.

        Returns:
            Array of the same dtype; uint8 is rounded.
        """
        if self.crop:
            image = _central(image, *(self.size or (1, 1)))
        height, width = image.shape[:2]
        if self.size in (None, (height, width)):
            return image
        if not isinstance(self.image_size, tuple) and height != width:
            raise ValueError(
                f"image_size={self.image_size} asks for squares, and {what} is not square. Pass crop=True to take its "
                f"central square, or image_size=({self.image_size}, {self.image_size}) to stretch it. "
                f"Received: {height} x {width} pixels"
            )
        return _resize(image, *self.size)


def read_image(path, channels):
    """Read an image file.

    Args:
        path: string.
        channels: 3 (colour; grey files are repeated), 1 (grey) or 4 (colour, and opacity from 0 to 255). Without the
            fourth, what is transparent is laid on white.

    Returns:
        uint8 array `(height, width, channels)`, turned as its EXIF orientation says. The first frame of what moves.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=formats()) as file:
            if file.mode.startswith(("I", "F")):
                raise ValueError(f"it holds more than 8 bits a channel (Pillow's mode {file.mode})")
            if getattr(file, "is_animated", False) and file.format != "MPO":  # of cameras: a picture and its preview
                # One text for all files: Python shows it once.
                warnings.warn("Of pictures that move, or have pages, the first is read.", stacklevel=2)
            image = ImageOps.exif_transpose(file)
            if channels != 4 and (image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info):
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            image = np.asarray(image.convert(MODES[channels]))
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"The image {path} is larger than Pillow opens unasked: {error} Shrink it; or, where you trust it, raise "
            f"the limit by PIL.Image.MAX_IMAGE_PIXELS = ... before you load. Received: {path}"
        ) from error
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise ValueError(
            f"The image {path} cannot be read: {error}. Remove it, save it again as PNG or JPEG with 8 bits a "
            f'channel, or go on without such files by on_error="skip". Received: {path}'
        ) from error
    return image.reshape(*image.shape[:2], channels)


def _central(image, height, width):
    """The largest central part of the proportions height : width."""
    rows, columns = image.shape[:2]
    rows, columns = (
        min(rows, max(1, round(columns * height / width))),
        min(columns, max(1, round(rows * width / height))),
    )
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    return image[top : top + rows, left : left + columns]


def _resize(image, height, width):
    """Bilinear, with antialiasing when it shrinks."""
    from PIL import Image

    def resize(plane):
        return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))

    if image.dtype == np.uint8 and image.shape[-1] == 3:
        return resize(np.ascontiguousarray(image))
    # Pillow knows no other array of several channels: one at a time.
    planes = [resize(np.ascontiguousarray(image[..., channel])) for channel in range(image.shape[-1])]
    return np.stack(planes, axis=-1)
