"""Each network of a model in a file of its own, by Keras's own exporters."""

import contextlib
import warnings

import keras

from kerasgen.files import replace


def write_onnx(model, folder, arrays):
    """Write each network as ONNX; TensorFlow backend only."""
    for name, network, specs, _ in float32_networks(model):
        write_network(network, folder / f"{name}.onnx", "onnx", specs)


def write_network(network, path, format, specs, **options):
    """Write a network by Keras's exporter, beside and renamed; what a killed process left beside is cleared.

    Args:
        network: `keras.Model`.
        path: `pathlib.Path` of the file, whose folder is made where missing.
        format: As `keras.Model.export` knows it.
        specs: List of `keras.InputSpec`.
        **options: Of `keras.Model.export`.
    """
    for leftover in path.parent.glob(f".tmp-*-{path.name}"):
        leftover.unlink()
    replace(
        path,
        lambda beside: network.export(str(beside), format=format, verbose=False, input_signature=[specs], **options),
    )


def float32_networks(model):
    """Each of `model.exported_networks`, while it computes in float32.

    Args:
        model: A model of kerasgen.

    Yields:
        Tuples of the name, the network as a `keras.Model`, its inputs as a list of `keras.InputSpec`, and the function
        of its signature.
    """
    signatures = model.signatures()
    for name, signature in model.exported_networks.items():
        function, specs = signatures[signature]
        with computing_in_float32(model), warnings.catch_warnings():
            # Keras's patch of tf2onnx and TensorFlow's converter warn about what they themselves use.
            warnings.simplefilter("ignore", FutureWarning)
            inputs = [keras.Input(batch_shape=spec.shape, dtype=spec.dtype, name=spec.name) for spec in specs]
            yield name, keras.Model(inputs, function(*inputs), name=name), specs, function


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
