"""Files that are whole or not there: written beside their place and renamed."""

import json
import math
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


def write_text(path, text):
    """Write a text file whole, in UTF-8.

    Args:
        path: Path of the file; missing folders are made.
        text: str.

    Returns:
        `pathlib.Path` of the file.
    """
    return replace(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def write_json(path, value):
    """Write a JSON file: a reader sees the old one or the new one, never a part.

    A number that is not finite (the PSNR of an exact reconstruction) becomes null, since JSON has no other word for it.

    Args:
        path: Path of the file; missing folders are made.
        value: What JSON can hold.

    Returns:
        `pathlib.Path` of the file.
    """
    return write_text(path, json.dumps(_finite(value), indent=2, allow_nan=False) + "\n")


def read_json(path):
    """Read a JSON file.

    Args:
        path: Path of the file.

    Returns:
        Its content.
    """
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
