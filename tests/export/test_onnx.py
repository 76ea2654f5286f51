import sys

import keras
import pytest

from kerasgen import export
from tests.export import cases

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("tf2onnx", reason="needs the extra onnx")


def run(path, inputs):
    session = onnxruntime.InferenceSession(path)
    assert {each.name for each in session.get_inputs()} == set(inputs)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))


@pytest.mark.parametrize("name", cases.EACH)
def test_files_equal_the_methods(name, tmp_path):
    model = cases.build(name)
    assert export.onnx(model, tmp_path / "new" / "onnx") == tmp_path / "new" / "onnx"
    for count in (1, 5):
        for network, signature in model.exported_networks.items():
            inputs = cases.signature_inputs(model, signature, count)
            found = run(tmp_path / "new" / "onnx" / f"{network}.onnx", inputs)
            single = (signature, count) == ("discriminate", 1)
            cases.assert_equal(found, cases.expected(model, signature, inputs), single=single)


@pytest.mark.skipif(not cases.ON_TENSORFLOW, reason="nothing of it depends on the backend")
def test_mixed_precision_is_exported_in_float32(tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = cases.build("conv")
        images, _ = cases.inputs_of(model, 3)
        mixed = model.encode(**images)
        export.onnx(model, tmp_path)
    finally:
        keras.config.set_dtype_policy(before)
    found = run(tmp_path / "encoder.onnx", images)
    cases.assert_equal(found, cases.expected(cases.build("conv"), "encode", images))
    # The model itself stays as it was.
    assert model.encoder.get_layer("conv_1").compute_dtype == "float16"
    assert (model.encode(**images) == mixed).all()


@pytest.mark.parametrize("package", ["onnx", "tf2onnx"])
def test_missing_extra(package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'kerasgen\[onnx\]'"):
        export.onnx(cases.build("conv"), tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()
