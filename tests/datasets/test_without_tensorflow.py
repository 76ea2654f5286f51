"""Digits, arrays, `.npz` and folders need no TensorFlow on the JAX and the PyTorch backend."""

import os
import subprocess
import sys

import numpy as np
import pytest

CODE = '''
import sys

class Hiding:
    """A finder that does not see TensorFlow."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *arguments):
        hidden = name.split(".")[0] in ("tensorflow", "tensorflow_datasets")
        return None if hidden else self.finder.find_spec(name, *arguments)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
import numpy as np
from kerasgen.datasets import load

for name in ("digits", np.zeros((4, 6, 6), "uint8"), *sys.argv[1:]):
    data = load(name, binarize="dynamic", image_size=5)
    images, labels = data.arrays("train")
    assert images.shape == (data.sizes["train"], 5, 5, data.image_shape[-1]) and labels.dtype == "int32"
for use in (lambda: data.train, lambda: load("mnist")):
    try:
        use()
        raise SystemExit("it worked without TensorFlow")
    except ImportError as error:
        assert "pip install tensorflow" in str(error) and 'data.arrays("train")' in str(error), error
assert "tensorflow" not in sys.modules
'''


def test_arrays_without_tensorflow(tmp_path, flat_folder):
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        pytest.importorskip("jax")
        backend = "jax"
    np.savez(tmp_path / "set.npz", x=np.zeros((4, 6, 6), "uint8"))
    command = [sys.executable, "-c", CODE, str(tmp_path / "set.npz"), str(flat_folder)]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    result = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr + result.stdout
