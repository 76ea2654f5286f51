"""What all exports share: what must be installed, and the process of the TensorFlow backend."""

import sys

import keras
import pytest

from kerasgen import export, models
from tests.export import cases


@pytest.mark.parametrize("name", ["saved_model", "litert"])
def test_missing_tensorflow(name, tmp_path, monkeypatch):
    model = cases.build("conv")
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match="needs tensorflow: pip install 'tensorflow'"):
        getattr(export, name)(model, tmp_path / "export")
    assert not (tmp_path / "export").exists()


@pytest.mark.skipif(cases.ON_TENSORFLOW, reason="needs no other process on TensorFlow")
def test_a_class_of_a_script_is_named(tmp_path):
    @keras.saving.register_keras_serializable("script")
    class OnlyHere(models.VAE):
        __module__ = "__main__"

    networks = cases.conv_vae()
    model = OnlyHere(networks.encoder, networks.decoder)
    with pytest.raises(RuntimeError, match=r"(?s)a module that can be imported, not in a script.*OnlyHere"):
        export.saved_model(model, tmp_path / "export")
    assert not (tmp_path / "export").exists()
