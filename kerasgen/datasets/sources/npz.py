"""`.npz` files."""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasgen.datasets.sources.arrays import from_arrays


def npz(path, geometry):
    """The arrays of a `.npz` file, by their names."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no such file; check the path. Received: {path}")
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {key: file[key] for key in file.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path.name} cannot be read as a .npz file of plain arrays: {error}. Write it by "
            f"numpy.savez(path, x=images, y=labels); pickled objects are never loaded. Received: {path}"
        ) from error
    found = {}
    for split in ("train", "validation", "test"):
        if f"x_{split}" in content:
            found[split] = content[f"x_{split}"], content.get(f"y_{split}")
    mixed = "train" in found  # else nobody has split the set yet
    for images, labels in (("x", "y"), ("images", "labels"), ("arr_0", "arr_1")):
        if not found and images in content:
            found["train"] = content[images], content.get(labels)
    if "train" not in found:
        raise ValueError(
            "A .npz file must hold the arrays x and y, or images and labels, or x_train, y_train, x_test and y_test "
            f"(labels may be missing). Received: {path} with {sorted(content)}"
        )
    return replace(from_arrays(path.stem, found, geometry, mixed), files=(path,))
