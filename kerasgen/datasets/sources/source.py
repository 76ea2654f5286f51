"""What each reader gives."""

from dataclasses import dataclass

import numpy as np

#: The usual names of splits, in lower case, and what they are called here.
SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Source:
    """What a reader found.

    Attributes:
        name: string, for titles.
        splits: dict of `Memory`, `Files`, `Drawn` or `Records` under those of "train", "validation",
            "test" that there are.
        class_names: list of strings; empty without labels.
        mixed: bool. Whether the last part of train is a fair sample of it, which a folder read class by class has not.
        scale: float, the stored value that means 1.
        files: the files that hold the images, where there are some.
        stored_size: string, the size of the images as they are stored, where reading changes it; else None.
        reading: string, how pixels are made of the files, where that is a choice: a part of fingerprints.
        notes: strings, what the user must be told: what was left out, or read in one of several ways. `load` warns.
    """

    name: str
    splits: dict
    class_names: list
    mixed: bool
    scale: float = 255.0
    files: tuple = ()
    stored_size: str | None = None
    reading: str = ""
    notes: tuple = ()


def fit(images, geometry, what):
    """Crop and resize an array of images, where their size asks for it; `what` names it in errors."""
    if not geometry.changes(images.shape[1:]):
        return images
    return np.stack([geometry(image, f"an image of {what}") for image in images])
