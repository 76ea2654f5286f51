"""ONNX: each network in a file."""

from pathlib import Path

from kerasgen.export.backend import on_tensorflow, require
from kerasgen.export.networks import write_onnx


def onnx(model, folder):
    """Write each network of a model as an ONNX file, for ONNX Runtime and what else reads the format.

    Autoencoders and VAEs give `encoder.onnx` and `decoder.onnx`, with the inputs and outputs of the signatures `encode`
    and `decode` of `kerasgen.export.saved_model`, by name. So the decoder gives images in [0, 1], not the linear units
    of the decoder in Keras: the map of the likelihood is in the file. To generate, give it latents drawn from N(0, I).
    GANs give `generator.onnx` and `discriminator.onnx` (`generate` and `discriminate`).

    The batch size is free, everything is float32 (a model of mixed precision computes in float32 there), in inference
    mode, with averaged weights where the optimizer keeps some. A file is written beside and renamed.

    Args:
        model: A model of kerasgen; it need not be compiled.
        folder: Path of the folder, made where missing. Files of these names in it are overwritten, as by `model.save`.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        ImportError: If TensorFlow or the extra `onnx` is not installed.
        RuntimeError: JAX and PyTorch only: if the TensorFlow process cannot load the model.

    Example:
        >>> kerasgen.export.onnx(model, "vae/onnx")
        >>> import onnxruntime    # in another program
        >>> decoder = onnxruntime.InferenceSession("vae/onnx/decoder.onnx")
        >>> [images] = decoder.run(None, {"latents": latents})
    """
    require("An export to ONNX", "onnx tf2onnx", "kerasgen[onnx]")
    on_tensorflow(write_onnx, model, Path(folder))
    return Path(folder)
