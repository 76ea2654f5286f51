"""`.npz` files."""

import math
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasgen.datasets.sources.arrays import from_arrays
from kerasgen.datasets.sources.source import SPLITS

# What a file may unpack to, in GiB, unless it is as large itself: a few compressed bytes can ask for all memory.
LIMIT = "KERASGEN_NPZ_GIB"
DEFAULT_LIMIT = 4


def npz(path, geometry):
    """The arrays of a `.npz` file, by their names."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no such file; check the path. Received: {path}")
    sizes = _opened(path, _sizes)
    keys = _keys(path, sizes)
    used = [key for pair in keys.values() for key in pair if key]
    content = _read(path, sizes, used)
    found = {split: (content[images], content.get(labels)) for split, (images, labels) in keys.items()}
    # Else nobody has split the set yet.
    source = from_arrays(path.stem, found, geometry, mixed=keys["train"][0].startswith("x_"))
    rest = sorted(set(sizes) - set(used))
    notes = (f"Left out of {path.name}: the arrays {', '.join(rest)}.",) if rest else ()
    return replace(source, files=(path,), notes=(*source.notes, *notes))


def arrays(path, names):
    """Some arrays of a `.npz` file, by name: those of the names that it has.

    Args:
        path: Path of the file.
        names: Names of arrays.

    Returns:
        Dict of arrays.

    Raises:
        ValueError: If the file is damaged, or unpacks to more than the limit.
    """
    path = Path(path)
    sizes = _opened(path, _sizes)
    return _read(path, sizes, [name for name in names if name in sizes])


def _read(path, sizes, names):
    """The arrays of these names, unless they are too large to unpack."""
    _check_size(path, sum(sizes[name] for name in names))

    def read(path):
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}

    return _opened(path, read)


def _opened(path, read):
    """What `read` finds in the file, or an error that names it."""
    try:
        return read(path)
    except Exception as error:  # zipfile and NumPy raise OSError, EOFError, RuntimeError, zlib.error and more
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path.name} cannot be read as a .npz file of plain arrays: {reason}. Write it by "
            f"numpy.savez(path, x=images, y=labels); pickled objects are never loaded. Received: {path}"
        ) from error


def _sizes(path):
    """The bytes of each array, of the directory and the headers alone: nothing is unpacked."""
    sizes = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                continue
            with archive.open(info) as member:
                version = np.lib.format.read_magic(member)
                header = (
                    np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = header(member)
            size = math.prod(shape) * dtype.itemsize
            if size > info.file_size and not dtype.hasobject:
                raise ValueError(f"{info.filename} of shape {shape} holds {info.file_size:,} bytes instead of {size:,}")
            sizes[info.filename.removesuffix(".npy")] = info.file_size
    return sizes


def _keys(path, names):
    """The names of the arrays of images and labels of each split: `{split: (images, labels or None)}`."""
    keys = {}
    for name in names:
        split = SPLITS.get(name.removeprefix("x_").lower()) if name.startswith("x_") else None
        if split in keys:
            raise ValueError(
                f"A .npz file must hold one {split} split; rename one array. Received: {path} with {keys[split][0]} "
                f"and {name}"
            )
        if split:
            labels = f"y_{name.removeprefix('x_')}"
            keys[split] = name, labels if labels in names else None
    for images, labels in (("x", "y"), ("images", "labels"), ("arr_0", "arr_1")):
        if not keys and images in names:
            keys["train"] = images, labels if labels in names else None
    if "train" not in keys:
        raise ValueError(
            "A .npz file must hold the arrays x and y, or images and labels, or x_train, y_train, x_test and y_test "
            f"(labels may be missing). Received: {path} with {sorted(names)}"
        )
    return keys


def _check_size(path, size):
    given = os.environ.get(LIMIT, DEFAULT_LIMIT)
    try:
        limit = float(given)
    except ValueError as error:
        raise ValueError(f"{LIMIT} is a number of GiB. Received: {given!r}") from error
    packed = path.stat().st_size
    if size > max(limit * 2**30, packed):
        raise ValueError(
            f"{path.name} of {packed / 2**20:,.1f} MiB unpacks to {size / 2**30:,.1f} GiB, above the limit of "
            f"{limit:g}. If you trust it, raise the limit: {LIMIT}={math.ceil(size / 2**30)}. Received: {path}"
        )
