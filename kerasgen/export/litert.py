"""LiteRT, formerly TensorFlow Lite: each network in a file."""

import json
import warnings
from pathlib import Path

import numpy as np

from kerasgen.export.backend import check_model, on_tensorflow
from kerasgen.export.networks import float32_networks, write_network
from kerasgen.files import replace

#: How numbers may be stored, and what it says in the file of the errors.
QUANTIZATIONS = ("dynamic", "float16", "int8")
ERRORS = "quantization.json"
#: Random inputs on which errors are measured where there are no images.
_RANDOM = 64


def litert(model, folder, quantize=None, calibration=None):
    """Write each network of a model as a `.tflite` file, for LiteRT on phones, browsers and small boards.

    GANs give `generator.tflite` and `discriminator.tflite` (the signatures `generate` and `discriminate`).
    Autoencoders and VAEs give `encoder.tflite` and `decoder.tflite`, with the inputs and outputs of the signatures
    `encode` and `decode` of `kerasgen.export.saved_model`, by name. So the decoder gives images in [0, 1], not the
    linear units of the decoder in Keras: the map of the likelihood is in the file. To generate, give it latents drawn
    from N(0, I).

    The batch size is free, inputs and outputs are float32 (a model of mixed precision computes in float32 there), in
    inference mode, with averaged weights where the optimizer keeps some. A file is written beside and renamed.

    Quantisation makes files smaller and, on most devices, quicker:

        "float16"   weights of half the size
        "dynamic"   weights of a quarter of the size (int8, of layers that are large enough); activations stay float32
        "int8"      weights and activations in int8, whose ranges are found on `calibration`

    How far the outputs then are from those in float32 is printed, the mean and the largest absolute difference, and
    kept in `quantization.json` in the folder. It is measured on `calibration`, or on random images; decoders and
    generators get latents of N(0, I), those of a model that does not generate get latents of the images.

    Args:
        model: A model of kerasgen; it need not be compiled.
        folder: Path of the folder, made where missing. Files of these names in it are overwritten, as by `model.save`.
        quantize: None, "dynamic", "float16" or "int8".
        calibration: Array `(n, height, width, channels)` of images as the model takes them, or None. For "int8" some
            hundred training images.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        ValueError: If `quantize` is none of these, "int8" has no `calibration`, or that holds no images of the model.
        ImportError: If TensorFlow is not installed.
        RuntimeError: JAX and PyTorch only: if the TensorFlow process cannot load the model.

    Example:
        >>> kerasgen.export.litert(model, "vae/litert", quantize="int8", calibration=images[:200])
        decoder.tflite: 60 kB, images differ from float32 by 0.0012 on average, 0.034 at most
        >>> from ai_edge_litert.interpreter import Interpreter    # in another program
        >>> decoder = Interpreter("vae/litert/decoder.tflite").get_signature_runner()
        >>> images = decoder(latents=latents)["images"]
    """
    folder = Path(folder)
    check_model(model)
    if quantize not in (None, *QUANTIZATIONS):
        raise ValueError(f"quantize must be None or one of {list(QUANTIZATIONS)}. Received: {quantize!r}")
    if quantize == "int8" and calibration is None:
        raise ValueError('quantize="int8" needs `calibration`, some hundred training images. Received: None')
    if quantize is None and calibration is not None:
        raise ValueError("`calibration` is for quantisation: pass `quantize=`, too. Received: quantize=None")
    on_tensorflow(write, model, folder, quantize or "", arrays=_inputs(model, calibration) if quantize else None)
    if quantize:
        for line in _lines(json.loads((folder / ERRORS).read_text(encoding="utf-8"))):
            print(line)
    return folder


def write(model, folder, quantize, arrays):
    """Write the files; TensorFlow backend only."""
    (folder / ERRORS).unlink(missing_ok=True)
    errors = {}
    for name, network, specs, function in float32_networks(model):
        path, inputs = folder / f"{name}.tflite", {spec.name: arrays[spec.name] for spec in specs if quantize}
        write_network(network, path, "litert", specs, **_options(quantize, inputs))
        if quantize:
            exact = function(*inputs.values())
            errors[name] = {output: _error(values, exact[output]) for output, values in _run(path, inputs).items()}
            errors[name] |= {"bytes": path.stat().st_size}
    if quantize:
        text = json.dumps({"quantize": quantize, "inputs": len(arrays["images"]), "networks": errors}, indent=2)
        replace(folder / ERRORS, lambda beside: beside.write_text(text + "\n", encoding="utf-8"))


def _options(quantize, inputs):
    """What the converter is told."""
    import tensorflow as tf

    if not quantize:
        return {}
    options = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    if quantize == "float16":
        options["target_spec"] = {"supported_types": [tf.float16]}
    if quantize == "int8":
        count = len(next(iter(inputs.values())))
        options["representative_dataset"] = lambda: (
            {name: values[row : row + 1] for name, values in inputs.items()} for row in range(count)
        )
    return options


def _inputs(model, calibration):
    """Arrays for the inputs of all networks, by name."""
    shape = tuple(model.image_shape)
    if calibration is None:
        images = np.random.default_rng(0).random((_RANDOM, *shape), "float32")
    else:
        images = np.asarray(calibration)
        low, high = (0, 1) if getattr(model, "bounded", True) else (-np.inf, np.inf)
        right = images.dtype.kind == "f" and images.shape[1:] == shape and len(images) and np.isfinite(images).all()
        if not right or images.min() < low or images.max() > high:
            raise ValueError(
                f"`calibration` holds images as `fit` takes them, floating-point numbers (n, {str(shape)[1:]}. "
                f"Received: dtype {images.dtype}, shape {images.shape}"
            )
    count = len(images)
    labels = np.arange(count, dtype="int32") % (model.num_classes or 1)
    arrays = {"images": images.astype("float32"), "labels": labels}
    if model.generates:
        arrays["latents"] = np.random.default_rng(0).standard_normal((count, model.latent_dim), "float32")
    elif hasattr(model, "encode"):
        arrays["latents"] = model.encode(arrays["images"], labels if model.conditional else None)
    return arrays


def _run(path, inputs):
    """What a file gives."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's own interpreter is to leave it one day.
        return Interpreter(str(path)).get_signature_runner()(**inputs)


def _error(found, exact):
    difference = np.abs(np.asarray(found, "float64") - np.asarray(exact, "float64"))
    return {"mean": float(difference.mean()), "max": float(difference.max())}


def _lines(errors):
    """The errors in words."""
    for name, outputs in errors["networks"].items():
        parts = [
            f"{output} differ from float32 by {error['mean']:.2g} on average, {error['max']:.2g} at most"
            for output, error in outputs.items()
            if output != "bytes"
        ]
        yield f"{name}.tflite: {outputs['bytes'] / 1000:.0f} kB, {'; '.join(parts)}"
