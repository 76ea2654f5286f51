"""Folders of images."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasgen.datasets.images import SUFFIXES
from kerasgen.datasets.sources.source import Source
from kerasgen.datasets.splits import Files


def folder(path, channels, geometry):
    """A folder of images, flat or one sub-folder a class, or such folders under train, validation and test."""
    path = Path(path)
    if not path.is_dir():
        raise ValueError(f"There is no such folder; load reads folders of images and .npz files. Received: {path}")
    if channels not in (1, 3):
        raise ValueError(f"channels must be 3 (colour) or 1 (grey). Received: {channels}")
    parts = {"train": path}
    inside = {part.name: part for part in _subfolders(path)}
    if "train" in inside and set(inside) <= {"train", "validation", "test"} and not _images(path):
        parts = inside
    train = parts["train"]
    class_names = [] if _images(train) else [part.name for part in _subfolders(train)]
    splits = {split: Files(*_index(part, class_names), channels, geometry) for split, part in parts.items()}
    shape = splits["train"].read(0).shape
    splits = {split: replace(files, image_shape=shape) for split, files in splits.items()}
    files = tuple(file for split in splits.values() for file in split.paths)
    return Source(path.resolve().name, splits, class_names, mixed=False, files=files)


def _subfolders(path):
    return sorted(part for part in path.iterdir() if part.is_dir() and not part.name.startswith("."))


def _images(path, pattern="*"):
    """The image files in a folder, sorted, without hidden ones (such as the `._x.png` of macOS)."""
    return sorted(
        str(file)
        for file in path.glob(pattern)
        if file.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )


def _index(path, class_names):
    """Paths and labels: of one sub-folder a class, or of a flat folder where there are no class names."""
    beside = [part.name for part in _subfolders(path) if part.name not in class_names and _images(part, "**/*")]
    if beside or (class_names and _images(path)):
        raise ValueError(
            f"The folder {path} must hold either images or one folder a class, the same classes in each split. "
            f"Move the rest elsewhere. Received: folders {beside or class_names} beside {class_names or 'images'}"
        )
    groups = [_images(path / name, "**/*") for name in class_names] or [_images(path)]
    paths = [file for group in groups for file in group]
    if not paths:
        raise ValueError(
            f"The folder {path} holds no images. Put files {', '.join(SUFFIXES)} into it, or into one sub-folder a "
            f"class. Received: {sorted(part.name for part in path.iterdir())[:5]}"
        )
    return np.array(paths), np.repeat(np.arange(len(groups), dtype="int32"), [len(group) for group in groups])
