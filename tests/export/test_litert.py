import json

import numpy as np
import pytest

from kerasgen import export
from tests.export import cases


def run(path, inputs):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    runner = Interpreter(str(path)).get_signature_runner()
    assert set(runner.get_input_details()) == set(inputs)
    return runner(**inputs)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize(
    "name", ["conv", *(pytest.param(name, marks=pytest.mark.slow) for name in cases.BUILDERS if name != "conv")]
)
def test_files_equal_the_methods(name, tmp_path):
    model = cases.build(name)
    assert export.litert(model, tmp_path / "new" / "litert") == tmp_path / "new" / "litert"
    for count in (1, 5):
        for network, signature in model.exported_networks.items():
            inputs = cases.signature_inputs(model, signature, count)
            found = run(tmp_path / "new" / "litert" / f"{network}.tflite", inputs)
            single = (signature, count) == ("discriminate", 1)
            cases.assert_equal(found, cases.expected(model, signature, inputs), single=single)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["dynamic", "int8", "float16"])
def test_quantised_files_are_smaller_and_as_near_as_it_says(quantize, tmp_path, capsys):
    model = cases.build("conv")
    images, _ = cases.inputs_of(model, 16)
    export.litert(model, tmp_path / "whole")
    assert capsys.readouterr().out == ""
    export.litert(model, tmp_path / "small", quantize=quantize, calibration=images["images"])
    told = json.loads((tmp_path / "small" / "quantization.json").read_text(encoding="utf-8"))
    assert (told["quantize"], told["inputs"], sorted(told["networks"])) == (quantize, 16, ["decoder", "encoder"])
    lines = capsys.readouterr().out.splitlines()
    labels = np.arange(16, dtype="int32") % cases.CLASSES
    inputs = {
        "encoder": {"images": images["images"], "labels": labels},
        "decoder": {"latents": np.random.default_rng(0).standard_normal((16, 2), "float32"), "labels": labels},
    }
    for (network, errors), line in zip(told["networks"].items(), lines):
        small, whole = (tmp_path / folder / f"{network}.tflite" for folder in ("small", "whole"))
        assert errors.pop("bytes") == small.stat().st_size < 0.85 * whole.stat().st_size
        found, exact = run(small, inputs[network]), run(whole, inputs[network])
        assert sorted(found) == sorted(errors)
        for name, error in errors.items():
            assert error["mean"] == pytest.approx(np.abs(found[name] - exact[name]).mean(), rel=0.01, abs=1e-5)
            assert 0 < error["mean"] < min(error["max"], 0.25 * exact[name].std()), "the network is still there"
            assert f"{network}.tflite" in line and f"{name} differ from float32 by {error['mean']:.2g}" in line
    export.litert(model, tmp_path / "small")
    assert not (tmp_path / "small" / "quantization.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "dcgan"])
def test_errors_are_measured_without_images(name, tmp_path, capsys):
    if name not in cases.BUILDERS:
        pytest.skip("another backend has fewer models")
    export.litert(cases.build(name), tmp_path, quantize="float16")
    assert "differ from float32 by" in capsys.readouterr().out


def test_what_cannot_be_quantised_is_refused(tmp_path):
    model = cases.build("conv")
    images = cases.inputs_of(model, 4)[0]["images"]
    for arguments, said in (
        ({"quantize": "int4"}, r"None or one of \['dynamic', 'float16', 'int8'\]. Received: 'int4'"),
        ({"quantize": "int8"}, "needs `calibration`"),
        ({"calibration": images}, "pass `quantize=`"),
        ({"quantize": "int8", "calibration": (255 * images).astype("uint8")}, "Received: dtype uint8"),
        ({"quantize": "int8", "calibration": 255 * images}, "floating-point numbers"),
        ({"quantize": "int8", "calibration": images[..., :1]}, r"shape \(4, 9, 7, 1\)"),
        ({"quantize": "dynamic", "calibration": np.full_like(images, np.nan)}, "floating-point numbers"),
    ):
        with pytest.raises(ValueError, match=said):
            export.litert(model, tmp_path / "export", **arguments)
    assert not (tmp_path / "export").exists()


@pytest.mark.skipif(not cases.ON_TENSORFLOW, reason="nothing of it depends on the backend")
def test_a_file_that_fails_leaves_the_former_one(tmp_path, monkeypatch):
    """And what a killed process left beside it is cleared."""
    (tmp_path / "encoder.tflite").write_bytes(b"former")
    (tmp_path / ".tmp-1-encoder.tflite").write_bytes(b"half")

    def fails(self, path, **options):
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("keras.Model.export", fails)
    with pytest.raises(OSError, match="No space"):
        export.litert(cases.build("conv"), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"encoder.tflite": b"former"}
