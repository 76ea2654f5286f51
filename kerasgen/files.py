"""Files that are whole or not there: written beside their place and renamed. And the lock of a folder."""

import contextlib
import json
import math
import os
import pathlib
import re
import shutil
import zipfile

import filelock

#: How the name of a file begins that is being written.
BESIDE = ".tmp-"


def cache_folder():
    """The folder of what is kept for the user: the variable `KERASGEN_CACHE`, else `kerasgen` in the user's cache.

    Returns:
        `pathlib.Path`; it may not exist yet.
    """
    given = os.environ.get("KERASGEN_CACHE")
    caches = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(given) if given else pathlib.Path(caches) / "kerasgen"


def replace(path, write):
    """Write a file beside its place and rename it: a reader sees the old file or the new one, never a part.

    Args:
        path: Path of the file; missing folders are made.
        write: Function that writes the file to the path it is given.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        OSError: If it cannot be written: the disk is full, say. What was there is as it was.
    """
    path = pathlib.Path(path)
    # The name's end stays, since Keras and matplotlib choose the format by it.
    temporary = path.with_name(f"{BESIDE}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error).partition("\n")[0]
        raise OSError(f"This file could not be written and is as it was ({reason}). Received: {path}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
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
    for beside in sorted(path.parent.glob(f"{BESIDE}*"), reverse=True):
        if re.fullmatch(rf"{re.escape(BESIDE)}\d+-{re.escape(path.name)}(\.former)?", beside.name):
            if beside.suffix == ".former" and not path.exists():
                os.replace(beside, path)  # Killed between the two renames, a process has left the only whole one there.
            else:
                shutil.rmtree(beside, ignore_errors=True)
    temporary = path.with_name(f"{BESIDE}{os.getpid()}-{path.name}")
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


def clear_left(folder, names="*"):
    """Remove what killed processes were writing into a folder that this process has locked; folders in it stay.

    Args:
        folder: Path of the folder.
        names: Pattern of the names of the files that only the holder of the lock writes.
    """
    for beside in pathlib.Path(folder).glob(f"{BESIDE}*-{names}"):
        if re.match(rf"{re.escape(BESIDE)}\d+-", beside.name) and not beside.is_dir():
            beside.unlink(missing_ok=True)


class LockedError(ValueError):
    """Another process holds a folder."""


@contextlib.contextmanager
def lock(folder):
    """Hold a folder for this process; the system lets it go when the process ends, however it ends.

    Args:
        folder: Path of a folder.

    Raises:
        LockedError: If another process holds it.
        ValueError: If its `.lock` is no empty file: locking must change no file of others.
    """
    path = pathlib.Path(folder) / ".lock"
    if path.is_symlink() or (path.exists() and not (path.is_file() and path.stat().st_size == 0)):
        raise ValueError(f"A lock is an empty file, no link and nothing else; delete it to go on. Received: {path}")
    held = filelock.FileLock(path)
    try:
        held.acquire(timeout=0)
    except filelock.Timeout as error:
        raise LockedError(f"Another process is writing this run. Received: {folder}") from error
    try:
        yield
    finally:
        held.release()


def replace_text(path, text):
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
    return replace_text(path, json.dumps(_finite(value), indent=2, allow_nan=False) + "\n")


def read_json(path, remedy, kind=dict):
    """Read a JSON file.

    Args:
        path: Path of the file.
        remedy: str. What to do where the file is damaged, such as "delete it".
        kind: Type that its content has.

    Returns:
        Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or holds something else.
    """
    try:
        value = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError, IsADirectoryError) as error:
        raise ValueError(f"This file is damaged, {remedy} ({error}). Received: {path}") from error
    if not isinstance(value, kind):
        raise ValueError(
            f"This file is damaged, {remedy} (expected a {kind.__name__}, found a {type(value).__name__}). "
            f"Received: {path}"
        )
    return value


def check_archive(path, remedy, holds=()):
    """Refuse an archive (`.keras`, `.npz`) that is cut off or damaged, or one of another kind.

    Args:
        path: Path of the file.
        remedy: str. What to do, such as "delete it".
        holds: Names of members that it must have.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a byte of it is not as it was written, or a member is missing.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            missing = sorted(set(holds) - set(archive.namelist()))
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged file may raise anything: each way of packing has errors of its own
        damaged, missing = str(error) or type(error).__name__, []
    if damaged or missing:
        reason = damaged or f"it lacks {', '.join(missing)}"
        raise ValueError(f"This file is damaged, {remedy} ({reason}). Received: {path}")


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
