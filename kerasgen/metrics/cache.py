"""Files that kerasgen keeps for the user: downloaded weights, and statistics of data sets."""

import hashlib
import json
import os
import pathlib
import tempfile
import warnings

import numpy as np

from kerasgen.files import cache_folder as folder

__all__ = ["folder", "load", "save"]

# Counts up when the content of a file of statistics changes its meaning.
VERSION = 1


def load(key):
    """The arrays that were kept under a key.

    Args:
        key: Dict of what JSON can hold: all that the arrays depend on. A file holds its whole key, so that a change of
            any part of it makes another file.

    Returns:
        Dict of arrays, or None.

    Warns:
        UserWarning: If the file is empty or damaged, or its folder cannot be looked into: it counts as none.
    """
    path = None
    try:
        text, path = _place(key)
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        return found if str(found.pop("key")) == text else None
    except Exception as error:  # a damaged file may raise anything
        warnings.warn(f"Cached statistics are damaged ({error}) and made anew. Received: {path}", stacklevel=2)
        return None


def save(key, arrays):
    """Keep arrays under a key.

    The file is written beside and renamed: of two processes that make the same arrays the last one wins, and no reader
    sees a part.

    Args:
        key: See `load`.
        arrays: Dict of arrays.

    Warns:
        UserWarning: If it cannot be written. Nothing is lost but time.
    """
    try:
        text, path = _place(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as place:
            beside = pathlib.Path(place) / path.name
            np.savez(beside, key=np.array(text), **arrays)
            os.replace(beside, path)
    except (OSError, RuntimeError) as error:  # the latter where the user has no home
        warnings.warn(f"Statistics cannot be kept for the next time ({error}).", stacklevel=2)


def _place(key):
    """The key as text, and its file."""
    text = json.dumps({"version": VERSION, **key}, sort_keys=True)
    return text, folder() / "statistics" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"
