"""Exports on the TensorFlow backend, whatever the backend at work."""

import importlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

RUN = "from kerasgen.export.backend import main; main()"


def on_tensorflow(write, model, path, *arguments, arrays=None):
    """Call `write(model, path, *arguments, arrays)` where Keras runs on TensorFlow.

    It sees averaged weights, where there are some. On the TensorFlow backend that is here; on JAX and PyTorch it is a
    new process, which loads a temporary copy of the model. That copy holds float32 weights, and a TensorFlow graph of
    it runs on any device, whereas one that JAX writes is bound to the kind of device on which it was written.

    Args:
        write: A function at the top level of a module.
        model: A model of kerasgen.
        path: Path of what it writes.
        *arguments: Strings.
        arrays: Dict of NumPy arrays by name, or None: an empty one.

    Raises:
        ImportError: If TensorFlow is not installed.
        ValueError: If the model offers nothing to export.
        RuntimeError: If the other process failed.
    """
    check_model(model)
    require("An export", "tensorflow", "tensorflow")
    with model.weights_in_use(averaged=True):
        if keras.backend.backend() == "tensorflow":
            write(model, path, *arguments, arrays or {})
            return
        with tempfile.TemporaryDirectory() as folder:
            copy, beside = Path(folder, "model.keras"), Path(folder, "arrays.npz")
            model.save(copy)
            np.savez(beside, **(arrays or {}))
            # Keras looks up classes among those registered: their modules must be imported to load the copy.
            config = model.to_json()
            registered = keras.saving.get_custom_objects().items()
            modules = {each.__module__ for name, each in registered if f'"{name}"' in config} - {"__main__"}
            target = f"{write.__module__}:{write.__qualname__}"
            _run([",".join(sorted(modules)), target, str(copy), str(beside), str(path), *arguments])


def check_model(model):
    """Raise a ValueError where a model offers nothing to export."""
    if not hasattr(model, "signatures"):
        raise ValueError(
            "The models of kerasgen are exported, which have `signatures()`; a Keras model has `model.export(path)`. "
            f"Received: {type(model).__name__}"
        )


def _run(arguments):
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": os.pathsep.join(sys.path),
        # Nothing is computed, and the memory of a GPU may be taken by the process that waits.
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise RuntimeError(
            "An export from JAX or PyTorch loads the model in a process of the TensorFlow backend, and that failed. "
            "Classes of your own must be registered, and stand in a module that can be imported, not in a script or a "
            f"notebook. Received: {done.stderr[-2000:].strip()}"
        )


def main():
    """The other process: load the copy and write the export."""
    modules, target, copy, beside, path, *arguments = sys.argv[1:]
    for module in ("kerasgen", *filter(None, modules.split(","))):
        importlib.import_module(module)
    module, name = target.split(":")
    write = getattr(importlib.import_module(module), name)
    with np.load(beside, allow_pickle=False) as file:
        arrays = dict(file)
    write(keras.saving.load_model(copy, compile=False), Path(path), *arguments, arrays)


def require(what, packages, install):
    """Raise an ImportError that says what to install, unless all `packages` (names, divided by spaces) are there."""
    missing = [package for package in packages.split() if importlib.util.find_spec(package) is None]
    if missing:
        raise ImportError(f"{what} needs {' and '.join(missing)}: pip install '{install}'. Received: not installed")
