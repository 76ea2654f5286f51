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
@pytest.mark.parametrize("name", cases.EACH)
def test_files_equal_the_methods(name, tmp_path):
    model = cases.build(name)
    assert export.litert(model, tmp_path / "new" / "litert") == tmp_path / "new" / "litert"
    for count in (1, 5):
        for network, signature in model.exported_networks.items():
            inputs = cases.signature_inputs(model, signature, count)
            found = run(tmp_path / "new" / "litert" / f"{network}.tflite", inputs)
            single = (signature, count) == ("discriminate", 1)
            cases.assert_equal(found, cases.expected(model, signature, inputs), single=single)
