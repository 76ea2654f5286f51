"""`torch.compile` on PyTorch: the same training, chosen by measuring, refused in words."""

import keras
import numpy as np
import pytest

from kerasgen import models, networks
from kerasgen.engine import choosing

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="of PyTorch alone")
SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).random((20, *SHAPE), "float32")
mlp = networks.mlp


def build(**arguments):
    keras.utils.set_random_seed(0)
    encoder = mlp.encoder(SHAPE, 3, units=(8,), posterior="gaussian")
    model = models.VAE(encoder, mlp.decoder(SHAPE, 3, units=(8,)), seed=1)
    model.compile("sgd", **arguments)
    return model


def train(model):
    """Batches of 8, and a last one of 4."""
    history = model.fit(IMAGES, batch_size=8, epochs=2, shuffle=False, verbose=0, validation_data=(IMAGES[:8], None))
    return history.history


@pytest.mark.slow
@pytest.mark.each_backend
def test_compiled_steps_are_the_same():
    plain, compiled = build(), build(jit_compile=True)
    expected, found = train(plain), train(compiled)
    assert compiled.jit_compile and not plain.jit_compile
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, err_msg=name)
    for ours, others in zip(compiled.trainable_variables, plain.trainable_variables):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(others), atol=1e-5)
    # And what else the model does is not compiled, which would take longer than it runs.
    assert not hasattr(compiled.test_function, "_torchdynamo_orig_callable")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path))
    monkeypatch.setattr(choosing, "FEWEST", 1)
    return tmp_path / "compilation"


def test_the_quicker_way_is_chosen(cache, monkeypatch):
    seconds = {True: 1.0, False: 3.0}
    monkeypatch.setattr(choosing, "_seconds", lambda model, batch, compiled: seconds[compiled])
    model, said = build(), []
    assert choosing.choose_compilation(model, IMAGES[:8], 200) is None and not model.jit_compile  # 600 seconds.
    found = choosing.choose_compilation(model, IMAGES[:8], 400, said.append)
    assert found == seconds and model.jit_compile and "torch.compile" in said[0]
    assert choosing.told(found, True) == "torch.compile: 1e+03 ms a step with it, 3e+03 without; trains with it"


def test_a_step_that_cannot_be_compiled_is_trained_without(cache, monkeypatch):
    def refuse(model, batch, compiled):
        if compiled:
            raise RuntimeError("torch.compile with aot_autograd does not currently support double backward")
        return 3.0

    monkeypatch.setattr(choosing, "_seconds", refuse)
    model, said = build(), []
    assert choosing.choose_compilation(model, IMAGES[:8], 400, said.append) is None and not model.jit_compile
    assert "cannot compile this step" in said[-1] and "double backward" in said[-1]
    assert not cache.exists()  # It is tried again: a compiler may have been installed.


def test_errors_of_a_compiled_step_say_that_it_is_one(monkeypatch):
    import torch

    def compile_nothing(step, **_):
        def refuse(*_):
            raise RuntimeError("no compiler")

        return refuse

    monkeypatch.setattr(torch, "compile", compile_nothing)
    with pytest.raises(RuntimeError, match="no compiler") as caught:
        train(build(jit_compile=True))
    assert "jit_compile=False" in caught.value.__notes__[0]
