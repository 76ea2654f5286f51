"""Files that are whole or not there: written beside their place and renamed."""

import os
import pathlib
import re
import shutil


def replace(path, write):
    """Write a file beside its place and rename it: a reader sees the old file or the new one, never a part.

    Args:
        path: Path of the file; missing folders are made.
        write: Function that writes the file to the path it is given.

    Returns:
        `pathlib.Path` of the file.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name's end stays, since Keras and matplotlib choose the format by it.
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def replace_folder(path, write):
    """Write a folder beside its place and rename it: at its place is the old one or the new one, never a part.

    For a moment between two renames there is neither. What processes that were killed have left beside is cleared.

    Args:
        path: Path of the folder, which is replaced with all that is in it; missing folders above it are made.
        write: Function that makes the folder at the path it is given.

    Returns:
        `pathlib.Path` of the folder.
    """
    given, path = pathlib.Path(path), pathlib.Path(path).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    for beside in path.parent.glob(".tmp-*"):
        if re.fullmatch(rf"\.tmp-\d+-{re.escape(path.name)}(\.former)?", beside.name):
            shutil.rmtree(beside)
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    former = temporary.with_name(f"{temporary.name}.former")
    try:
        write(temporary)
        if path.exists():
            os.replace(path, former)
        os.replace(temporary, path)
        shutil.rmtree(former, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return given
