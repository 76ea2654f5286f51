"""LiteRT, formerly TensorFlow Lite: each network in a file."""

from pathlib import Path

from kerasgen.export.backend import on_tensorflow
from kerasgen.export.networks import write_networks


def litert(model, folder):
    """Write each network of a model as a `.tflite` file, for LiteRT on phones, browsers and small boards.

    GANs give `generator.tflite` and `discriminator.tflite` (the signatures `generate` and `discriminate`).
    Autoencoders and VAEs give `encoder.tflite` and `decoder.tflite`, with the inputs and outputs of the signatures
    `encode` and `decode` of `kerasgen.export.saved_model`, by name. So the decoder gives images in [0, 1], not the
    linear units of the decoder in Keras: the map of the likelihood is in the file. To generate, give it latents drawn
    from N(0, I).

    The batch size is free, everything is float32 (a model of mixed precision computes in float32 there), in inference
    mode, with averaged weights where the optimizer keeps some.

    Args:
        model: A model of kerasgen; it need not be compiled.
        folder: Path of the folder, made where missing. Files of these names in it are overwritten, as by `model.save`.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        ImportError: If TensorFlow is not installed.
        RuntimeError: JAX and PyTorch only: if the TensorFlow process cannot load the model.

    Example:
        >>> kerasgen.export.litert(model, "vae/litert")
        >>> from ai_edge_litert.interpreter import Interpreter    # in another program
        >>> decoder = Interpreter("vae/litert/decoder.tflite").get_signature_runner()
        >>> images = decoder(latents=latents)["images"]
    """
    on_tensorflow(write_networks, model, Path(folder), "litert")
    return Path(folder)
