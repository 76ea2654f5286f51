"""The tutorials run, most trained for less than they stand, and give as many pictures as are committed."""

import base64
import pathlib
import sys

import keras
import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

NOTEBOOKS = sorted((pathlib.Path(__file__).parent.parent / "tutorials").glob("*.ipynb"))

# What a kernel runs before the first cell: an epoch ends after a few batches, and nothing is optimised that runs once.
# Every cell runs, on models that have hardly learned; whoever wants the figures executes the notebook itself.
SHORTER = """
def shorter(fit, batches=3):
    import numpy, tensorflow

    def fit_less(model, x=None, y=None, batch_size=None, *arguments, **options):
        if isinstance(x, tensorflow.data.Dataset):
            x = x.take(batches)
        elif isinstance(x, numpy.ndarray):
            x, y = (None if each is None else each[: batches * (batch_size or 32)] for each in (x, y))
        return fit(model, x, y, batch_size, *arguments, **options)

    return fit_less

import keras, tensorflow
keras.Model.fit = shorter(keras.Model.fit)
tensorflow.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
"""

# What these show needs models that have learned: they run as they stand.
WHOLE = ("04_vae_gan", "06_interpolation")

# Of those that write much after each epoch: what stands in the place of what, for fewer ones.
FEWER_EPOCHS = {
    "05_latent_size_sweep": {
        '"epochs": 20, "pictures_every": 20': '"epochs": 9, "pictures_every": 9',
        '"epochs": 50': '"epochs": 4',
        '"pictures_every": 25': '"pictures_every": 2',
    },
    "10_stargan": {
        '"epochs": 15, "pictures_every": 5': '"epochs": 6, "pictures_every": 2',
        '"pictures_every", 15': '"pictures_every", 6',
    },
    "11_your_own_images": {
        '"epochs": 25': '"epochs": 6',
        '"pictures_every": 8': '"pictures_every": 2',
        "(8, 16, 25)": "(2, 4, 6)",
        "epochs=25": "epochs=6",
        "every=8": "every=2",
    },
    "12_experiment_tracking": {
        '"epochs": 12, "pictures_every": 4, "metrics_every": 4': '"epochs": 6, "pictures_every": 2, "metrics_every": 2',
        "epoch + 1 == 9": "epoch + 1 == 5",
    },
    # And on a backend that is always there: two frameworks take their time to load.
    "18_many_devices": {
        "BACKEND = next(": 'BACKEND = "tensorflow" or next(',
        '"epochs": 4': '"epochs": 1',
    },
}


class ThisPython(AsyncKernelManager):
    """A kernel of the Python that runs the tests, whatever kernels are installed."""

    @property
    def kernel_spec(self):
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="tests", language="python")


def outputs_of(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def pictures_of(notebook):
    return [output.data["image/png"] for output in outputs_of(notebook) if "image/png" in output.get("data", {})]


def test_there_are_tutorials():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebook_is_executed_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert pictures_of(notebook)
    for picture in pictures_of(notebook):
        assert base64.b64decode(picture).startswith(b"\x89PNG")
    for output in outputs_of(notebook):
        assert output.output_type != "error"
        assert output.get("name") != "stderr"
        text = str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
        assert "Warning" not in text and "WARNING" not in text and "/home/" not in text and "/tmp/" not in text
    assert path.stat().st_size < 1_500_000


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="executed once, on the default backend")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, monkeypatch):
    notebook = nbformat.read(path, as_version=4)
    expected = len(pictures_of(notebook))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    for text, shorter in FEWER_EPOCHS.get(path.stem, {}).items():
        [cell] = [cell for cell in notebook.cells if cell.cell_type == "code" and text in cell.source]
        cell.source = cell.source.replace(text, shorter)
    # Nothing is fetched: whoever asks the network asks a port where nobody answers.
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    monkeypatch.delenv("XLA_FLAGS")  # Of the tests, which compile more than they run.
    if path.stem not in WHOLE:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(SHORTER))
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_manager_class=ThisPython, resources=resources).execute()
    assert len(pictures_of(notebook)) == expected
