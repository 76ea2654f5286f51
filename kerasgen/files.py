"""Files that are whole or not there: written beside their place and renamed."""

import os
import pathlib


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
