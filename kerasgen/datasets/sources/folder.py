"""Folders of images."""

import collections
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasgen.datasets.images import MODES, READING, suffixes
from kerasgen.datasets.sources.source import SPLITS, Source
from kerasgen.datasets.splits import Files

# What systems and programs leave beside pictures. The folders may hold small copies of them.
STRAY_FOLDERS = {"__macosx", "@eadir", "__pycache__", "$recycle.bin", "system volume information", "lost+found"}
SYSTEM_FILES = {"thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Folder:
    """What a folder holds.

    Attributes:
        name: string.
        images: list of the paths of the images in it, sorted.
        folders: list of `Folder`, sorted.
    """

    name: str
    images: list
    folders: list

    def below(self):
        """The paths of all images in it and below, sorted."""
        return sorted([*self.images, *(image for folder in self.folders for image in folder.below())])


def folder(path, channels, geometry, on_error="raise"):
    """A folder of images, flat or one sub-folder a class, or such folders under the names of splits."""
    path = Path(path)
    if path.is_file():
        raise ValueError(
            "load reads folders of images and .npz files; open another file yourself, and give its arrays: "
            f"load((images, labels)). Received: {path}"
        )
    if not path.is_dir():
        raise ValueError(f"There is no such folder; load reads folders of images and .npz files. Received: {path}")
    real = os.path.realpath(path)
    if Path(os.path.realpath(os.path.expanduser("~"))).is_relative_to(real):
        raise ValueError(f"This holds all of your files; name the folder of the images. Received: {path}")
    if channels not in MODES:
        raise ValueError(
            f"channels must be 3 (colour), 1 (grey) or 4 (colour and transparency). Received: {channels!r}"
        )
    left_out = collections.Counter()
    whole = _look(path, left_out, real, {*map(str, Path(real).parents)})
    parts = _parts(path, whole)
    if parts["train"] is not whole:
        left_out.update(f"folder {part.name} without images" for part in whole.folders if not part.below())
    classes = {split: _classes(part, left_out) for split, part in parts.items()}
    class_names = [] if parts["train"].images else list(classes["train"])
    splits = {}
    for split, part in parts.items():
        _check_classes(path, part, classes[split], class_names)
        groups = [classes[split].get(name, []) for name in class_names] or [part.images]
        paths = np.array([image for group in groups for image in group])
        labels = np.repeat(np.arange(len(groups), dtype="int32"), [len(group) for group in groups])
        if len(paths):
            splits[split] = Files(paths, labels, channels, geometry)
    left = _listed(left_out)
    if "train" not in splits:
        raise ValueError(
            f"The folder {path} holds no images. Put files {', '.join(suffixes())} into it, or into one sub-folder a "
            f"class. Received: {left or 'an empty folder'}"
        )
    notes = [f"Left out of {path}: {left}."] if left else []
    if "train" in map(str.lower, class_names):
        notes.append(f"The folder train of {path} is read as a class like those beside it, and not as a split.")
    if on_error == "skip":
        splits = {split: _readable(split, files, notes) for split, files in splits.items()}
    shape = splits["train"].read(0).shape
    splits = {split: replace(files, image_shape=shape) for split, files in splits.items()}
    files = tuple(file for split in splits.values() for file in split.paths)
    name = os.path.basename(real)
    return Source(name, splits, class_names, mixed=False, files=files, notes=tuple(notes), reading=READING)


def _look(path, left_out, root, seen):
    """A `Folder`.

    What is no image is counted in `left_out`. Links to folders are followed, but for those into the set itself, `root`,
    which is read anyway, and those to what is in `seen`.
    """
    seen.add(os.path.realpath(path))
    images, folders = [], []
    with os.scandir(path) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = entry.name.lower()
        hidden = name.startswith(".")
        suffix = os.path.splitext(name)[1]
        if entry.is_dir():
            if hidden or name in STRAY_FOLDERS:
                left_out[f"files in {entry.name}"] += sum(len(files) for _, _, files in os.walk(entry.path))
                continue
            real = os.path.realpath(entry.path)
            if real in seen or (entry.is_symlink() and Path(real).is_relative_to(root)):
                left_out["links to folders that are read already"] += 1
            else:
                folders.append(_look(entry.path, left_out, root, seen))
        elif hidden or name in SYSTEM_FILES:
            continue
        elif not entry.is_file():
            left_out["broken links or devices"] += 1
        elif suffix in suffixes():
            images.append(entry.path)
        else:
            left_out[f"{suffix} files" if suffix else "files without a suffix"] += 1
    return Folder(os.path.basename(path), images, folders)


def _parts(path, whole):
    """The `Folder` of each split: the whole for train, or those in it that are named as splits are."""
    named = [part for part in whole.folders if part.name.lower() in SPLITS]
    if whole.images or not named:
        return {"train": whole}
    others = [part for part in whole.folders if part not in named and part.below()]
    splits = [SPLITS[part.name.lower()] for part in named]
    if others and splits == ["train"] and named[0].images:
        return {"train": whole}  # a train among cars and planes
    if others or "train" not in splits or len(set(splits)) < len(splits):
        raise ValueError(
            f"The folder {path} can be read in two ways. As splits its folders must be train, and validation or test "
            "if there are, each of them once, and no others. As classes "
            f"{', '.join(part.name for part in named)} must have other names. "
            f"Received: folders {sorted(part.name for part in [*named, *others])}"
        )
    return dict(sorted(zip(splits, named), key=lambda pair: list(SPLITS.values()).index(pair[0])))


def _classes(part, left_out):
    """The images of each sub-folder that holds any."""
    classes = {folder.name: folder.below() for folder in part.folders}
    left_out.update(f"folder {name} without images" for name, images in classes.items() if not images)
    return {name: images for name, images in classes.items() if images}


def _check_classes(path, part, classes, class_names):
    """Refuse images beside classes, and classes that train lacks."""
    more = sorted(set(classes) - set(class_names))
    if more or (class_names and part.images):
        raise ValueError(
            f"The folder {path} must hold either images or one folder a class, the same classes in each split. "
            f"Move the rest elsewhere. Received: folders {more or class_names} beside {class_names or 'images'}"
        )


def _readable(split, files, notes):
    """Those files of a split that can be read; the others are counted in `notes`."""
    readable, errors = files.readable()
    if not len(readable):
        raise ValueError(f"No image of {split} can be read. Received: {len(files):,} files, the first: {errors[0]}")
    if errors:
        notes.append(f"Skipped {len(errors):,} of {len(files):,} files of {split}. The first: {errors[0]}")
    return readable


def _listed(left_out):
    return ", ".join(f"{what} ({count:,})" for what, count in left_out.most_common(12) if count)
