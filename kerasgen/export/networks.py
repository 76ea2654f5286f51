"""Each network of a model in a file of its own, by Keras's own exporters."""

import contextlib
import warnings

import keras

SUFFIXES = {"onnx": ".onnx", "litert": ".tflite"}


def write_networks(model, folder, format):
    """Write each of `model.exported_networks` to `folder`, in float32; TensorFlow backend only.

    Args:
        model: A model of kerasgen.
        folder: `pathlib.Path`, made where missing.
        format: A key of `SUFFIXES`, as `keras.Model.export` knows it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    signatures = model.signatures()
    for name, signature in model.exported_networks.items():
        function, specs = signatures[signature]
        with computing_in_float32(model), warnings.catch_warnings():
            # Keras's patch of tf2onnx and TensorFlow's converter warn about what they themselves use.
            warnings.simplefilter("ignore", FutureWarning)
            inputs = [keras.Input(batch_shape=spec.shape, dtype=spec.dtype, name=spec.name) for spec in specs]
            network = keras.Model(inputs, function(*inputs), name=name)
            path = folder / (name + SUFFIXES[format])
            network.export(str(path), format=format, verbose=False, input_signature=[specs])


@contextlib.contextmanager
def computing_in_float32(model):
    """Let half precision layers of a model compute in float32 while in the context.

    Small devices and ONNX Runtime on CPUs lack many half precision kernels; the weights are float32 anyway.
    """
    layers = [layer for layer in model._flatten_layers() if layer.compute_dtype in ("float16", "bfloat16")]
    policies = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = "float32"
    try:
        yield
    finally:
        for layer, policy in zip(layers, policies):
            layer.dtype_policy = policy
