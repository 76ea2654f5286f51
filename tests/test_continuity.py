"""What earlier versions made still works: a run goes on with the same numbers, published models give their images.

The files of `tests/fixtures` were made by version 0.1.0, on the TensorFlow backend: runs that were stopped after epoch
2 of 4, the history and the weights of the same runs when they are not, and four images of each published model. The
numbers are compared within tolerances, since processors and versions of TensorFlow round differently, and training
makes more of it. Where one machine does both, `tools/kill_test.py` asks for equal bits.
"""

import pathlib
import shutil
import warnings

import keras
import numpy as np
import pytest

from kerasgen import callbacks, runs

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
PUBLISHED = pathlib.Path(__file__).parents[1] / "saved_models"


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a run goes on under the backend that began it")
@pytest.mark.parametrize("name", ["vae", pytest.param("gan", marks=pytest.mark.slow)])
def test_a_run_of_an_earlier_version_goes_on_as_if_it_had_not_stopped(name, tmp_path):
    shutil.copytree(FIXTURES / name, tmp_path / name)
    run = runs.resume(tmp_path / name, verbose=0)
    expected = np.load(FIXTURES / f"{name}-weights.npz")
    assert len(expected.files) == len(run.model.get_weights())
    for key, weight in zip(expected.files, run.model.get_weights()):
        np.testing.assert_allclose(weight, expected[key], rtol=1e-4, atol=1e-5)
    history = callbacks.read_history(run.path / "history.csv")
    for column, values in callbacks.read_history(FIXTURES / f"{name}-history.csv").items():
        # Empty where an epoch has no value.
        found, values = np.array(history[column], float), np.array(values, float)  # noqa: PLW2901
        np.testing.assert_allclose(found, values, rtol=1e-3, atol=1e-4, err_msg=column)


@pytest.mark.parametrize("name", sorted(np.load(FIXTURES / "published.npz").files))
def test_a_published_model_gives_the_images_that_it_gave(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras warns of weights that it does not find, and goes on.
        model = keras.models.load_model(PUBLISHED / name / "model.keras", compile=False)
    if model.generates:
        images = model.generate(4, seed=0)
    else:
        images = model.reconstruct(np.random.default_rng(0).random((4, *model.image_shape), "float32"))
    np.testing.assert_allclose(images, np.load(FIXTURES / "published.npz")[name], atol=2e-3)
