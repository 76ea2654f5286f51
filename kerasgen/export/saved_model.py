"""TensorFlow's SavedModel: all signatures of a model in one folder."""

import logging
from pathlib import Path

import keras

from kerasgen.export.backend import on_tensorflow


def saved_model(model, path):
    """Write a SavedModel, which TensorFlow alone loads, serves and runs: without kerasgen, without Keras.

    Its signatures are those of the model, on batches of any size, in inference mode, with averaged weights where the
    optimizer keeps some. Autoencoders and VAEs have:

        encode       images -> latents (a VAE: the posterior means, and log_variance beside them)
        decode       latents -> images in [0, 1]
        reconstruct  images -> images; this is `serving_default`
        generate     latents -> images, the same as decode for an autoencoder
        sample       count, seed (int32 scalars) -> images; latents are drawn from N(0, I) inside

    GANs have `generate`, which is their `serving_default`, `sample`, and

        discriminate images -> logits

    and what is both, a VAE-GAN, a BiGAN or an adversarial autoencoder, has all of them.

    Images are float32 in [0, 1] of shape `(batch, height, width, channels)`, latents float32 `(batch, latent_dim)`. A
    signature whose networks take labels has them as a further input, `labels`, int32 `(batch,)`; in `sample` there are
    `count` of them. One seed gives the same images on each call and device, but other ones than `model.generate`,
    whose latents NumPy draws.

    Args:
        model: A model of kerasgen; it need not be compiled.
        path: Path of the folder. It is made where missing; an earlier SavedModel in it is overwritten.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        ValueError: If `path` is a file, or a folder that holds something else than a SavedModel.
        ImportError: If TensorFlow is not installed.
        RuntimeError: JAX and PyTorch only: if the TensorFlow process cannot load the model.

    Example:
        >>> kerasgen.export.saved_model(model, "vae/saved_model")
        >>> import tensorflow as tf    # in another program
        >>> loaded = tf.saved_model.load("vae/saved_model")
        >>> loaded.signatures["sample"](count=tf.constant(64), seed=tf.constant(1))["images"]
    """
    path = Path(path)
    if path.is_file() or (path.is_dir() and any(path.iterdir()) and not (path / "saved_model.pb").exists()):
        raise ValueError(
            "A SavedModel is a folder of its own: `path` must be free, an empty folder or an earlier SavedModel, which "
            f"is overwritten. Received: {path}"
        )
    on_tensorflow(write, model, path)
    return path


def write(model, path):
    """Write the SavedModel; TensorFlow backend only."""
    signatures = model.signatures()
    if "generate" in signatures:
        signatures["sample"] = sample_of(*signatures["generate"])
    archive = keras.export.ExportArchive()
    for name, (function, specs) in signatures.items():
        archive.add_endpoint(name, function, specs)
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.WARNING)  # It would say which files it writes.
    try:
        archive.write_out(str(path), verbose=False)
    finally:
        logger.setLevel(level)


def sampler(path):
    """The signature `sample` of a SavedModel as a function, on any backend of Keras.

    Args:
        path: Path of the SavedModel: one of `saved_model`, or any other with a signature `sample` of the same inputs.

    Returns:
        Function `(count, labels=None, seed=0)` that gives float32 NumPy images `(count, height, width, channels)`; its
        attribute `takes_labels` says whether there must be labels.

    Raises:
        ValueError: If there is no such signature.
        ImportError: If TensorFlow is not installed.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    if "sample" not in loaded.signatures:
        raise ValueError(
            "A SavedModel is asked for images through its signature `sample` (count, seed -> images). Without one, "
            f"save images in a folder or an .npy file. Received: signatures {sorted(loaded.signatures)} in {path}"
        )
    sample = loaded.signatures["sample"]
    takes_labels = "labels" in sample.structured_input_signature[1]

    def images(count, labels=None, seed=0):
        inputs = {"count": tf.constant(count), "seed": tf.constant(seed)}
        if takes_labels:
            inputs["labels"] = tf.constant(labels, "int32")
        return sample(**inputs)["images"].numpy()

    # A signature does not keep alive the variables that it reads.
    images.loaded = loaded
    images.takes_labels = takes_labels
    return images


def sample_of(generate, specs):
    """Put the draw of the latents in front of a signature `generate`: the signature `sample`."""
    import tensorflow as tf

    latents, *labels = specs

    def sample(count, seed, *labels):
        # A named algorithm: by default it depends on the device.
        noise = tf.random.stateless_normal(
            (count, *latents.shape[1:]), seed=tf.stack([seed, 0]), alg=tf.random.Algorithm.PHILOX
        )
        return generate(noise, *labels)

    return sample, [keras.InputSpec("int32", (), name=name) for name in ("count", "seed")] + labels
