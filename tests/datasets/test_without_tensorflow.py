"""Digits, arrays, `.npz` and folders need no TensorFlow on JAX and PyTorch, nor does training on them."""

import os
import pathlib
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
import kerasgen
from kerasgen.datasets import load

for name in ("digits", np.zeros((4, 6, 6), "uint8"), *sys.argv[1:]):
    data = load(name, binarize="dynamic", image_size=5)
    images, labels = data.arrays("train")
    assert images.shape == (data.sizes["train"], 5, 5, data.image_shape[-1]) and labels.dtype == "int32"
config = kerasgen.presets.override(kerasgen.presets.get("vae"), "epochs", 1)
run = kerasgen.runs.train(config, "run", verbose=0)
assert run.metrics["protocol"]["images"] == 360
streaming = load(sys.argv[-1], image_size=5, in_memory=False)
for use in (lambda: streaming.train, lambda: load("mnist")):
    try:
        use()
        raise SystemExit("it worked without TensorFlow")
    except ImportError as error:
        assert "pip install tensorflow" in str(error) and 'read into memory' in str(error), error
assert "tensorflow" not in sys.modules
'''


@pytest.mark.slow
def test_arrays_and_training_without_tensorflow(tmp_path, flat_folder):
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        pytest.importorskip("jax")
        backend = "jax"
    np.savez(tmp_path / "set.npz", x=np.zeros((4, 6, 6), "uint8"))
    command = [sys.executable, "-c", CODE, str(tmp_path / "set.npz"), str(flat_folder)]
    environment = {**os.environ, "KERAS_BACKEND": backend, "KERASGEN_CACHE": str(tmp_path / "cache")}
    environment["PYTHONPATH"] = os.pathsep.join([str(pathlib.Path(__file__).parents[2]), *sys.path])
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr + result.stdout
