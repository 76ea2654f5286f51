"""A run as a task of a sweep or a benchmark: what is asked of it, and the one function by which workers do it.

What a worker is given, and what it answers, are bytes and plain values, whatever brings them there.
"""

import dataclasses
import importlib
import os
import pickle
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path

import keras

from kerasgen import evaluation, runs
from kerasgen.files import LockedError
from kerasgen.runs.environment import environment

#: Seconds that a worker waits for a run that another process holds: one that was lost, and is not gone yet.
LET_GO = 60


@dataclasses.dataclass
class Task:
    """A run that is to be trained and measured.

    Attributes:
        name: str. What users are told of it.
        config: Dict of the run.
        folder: Path of the run.
        options: Dict, those of `kerasgen.evaluation.evaluate`.
        known: What `measured` gave before by the same options, or None. It holds where the run has ended.
    """

    name: str
    config: dict
    folder: Path
    options: dict
    known: dict | None = None


def measured(config, folder, options, callbacks=(), verbose=0):
    """Train a run, unless it has ended, and measure it.

    Args:
        config: Dict of the run.
        folder: Path of the run.
        options: Dict, those of `kerasgen.evaluation.evaluate`.
        callbacks: Further callbacks.
        verbose: As in `keras.Model.fit`.

    Returns:
        Dict of "figures" and "protocol", plain values.
    """
    runs.complete(config, folder, callbacks, verbose)
    found = evaluation.evaluate(folder, **options)
    return {"figures": found["figures"], "protocol": found["protocol"]}


def answer(asked):
    """What a worker does: `measured`, in an environment like that of the process that asks for it.

    Args:
        asked: bytes, as `order` gives them.

    Returns:
        Dict of "measured", else "error" (one line), "refused" (whether it is a ValueError) and "where" (the traceback);
        and "warnings", those meant for users.
    """
    caught = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            arguments = pickle.loads(asked)
            os.chdir(arguments.pop("place"))
            _be_like(arguments.pop("like"))
            found = {"measured": _when_free(arguments)}
    except Exception as error:
        plain = isinstance(error, (ValueError, OSError, ImportError)) and str(error)
        text = str(error) if plain else f"{type(error).__name__}: {error}"
        refused = isinstance(error, ValueError)
        found = {"error": " ".join(text.split()), "refused": refused, "where": traceback.format_exc()}
    return found | {"warnings": [str(each.message) for each in caught if issubclass(each.category, UserWarning)]}


def serve(out):
    """The process of a worker: gives one answer, and ends when the process does that has asked.

    Args:
        out: int. Descriptor of the file that the answer goes to; the order comes from the standard input.
    """
    asked = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_input, daemon=True).start()
    with os.fdopen(out, "wb") as file:
        pickle.dump(answer(asked), file)


def _end_with_input():
    """Else a worker whose parent was killed would hold its run, and nobody would read its answer."""
    while os.read(0, 4096):
        pass
    os._exit(1)


def order(task, callbacks):
    """A task as bytes, and with it what a worker must have from this process.

    Args:
        task: `Task`.
        callbacks: List of further callbacks.

    Returns:
        bytes, for `answer`.

    Raises:
        ValueError: If `pickle` does not take a callback.
    """
    given = []
    for callback in callbacks:
        try:
            if type(callback).__module__ == "__main__":
                raise TypeError("other processes have no such module as the script or notebook that runs here")
            given.append(pickle.loads(pickle.dumps(callback)))
        except Exception as error:  # which one depends on what the callback holds
            raise ValueError(
                "Callbacks of workers are sent to other processes, and `pickle` must take them: of a class that a "
                f"module holds, without open files or lambdas ({error}). Received: {type(callback).__name__}"
            ) from error
    settings = keras.config
    like = {
        "floatx": settings.floatx(),
        "epsilon": settings.epsilon(),
        "image_data_format": settings.image_data_format(),
        "dtype_policy": settings.dtype_policy().name,
        "versions": _versions(),
    }
    arguments = {"config": task.config, "folder": task.folder, "options": task.options, "callbacks": given}
    return pickle.dumps({**arguments, "place": os.getcwd(), "like": like})


def _be_like(like):
    """Set Keras as in another process, and refuse to work with other versions than it has."""
    versions = like.pop("versions")
    for name, value in like.items():
        getattr(keras.config, f"set_{name}")(value)
    if "tensorflow" in versions:
        importlib.import_module("tensorflow")  # Protocols say so.
    here = _versions()
    different = [f"{name} {here.get(name)}, not {asked}" for name, asked in versions.items() if here.get(name) != asked]
    if different:
        raise ValueError(f"Workers must have the versions of who asks for them. Received: {'; '.join(different)}")


def _versions():
    found = environment()
    return {"backend": found["backend"], **found["versions"]}


def _when_free(arguments):
    """`measured`, after a worker that was lost has let the run go."""
    until = time.monotonic() + LET_GO
    while True:
        try:
            return measured(**arguments)
        except LockedError:
            if time.monotonic() > until:
                raise
            time.sleep(1)
