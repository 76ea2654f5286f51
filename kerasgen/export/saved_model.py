"""TensorFlow's SavedModel: all signatures of a model in one folder."""

import logging
from pathlib import Path

import keras
import numpy as np

from kerasgen.export.backend import on_tensorflow
from kerasgen.files import replace_folder

#: What TensorFlow puts into the folder of a SavedModel.
PARTS = {"saved_model.pb", "saved_model.pbtxt", "fingerprint.pb", "variables", "assets", "assets.extra", "debug"}


def saved_model(model, path, weights_dtype="float32", sampler=None):
    """Write a SavedModel, which TensorFlow alone loads, serves and runs: without kerasgen, without Keras.

    Its signatures are those of the model, on batches of any size, in inference mode, with averaged weights where the
    optimizer keeps some. Autoencoders and VAEs have:

        encode       images -> latents (a VAE: the posterior means, and log_variance beside them)
        decode       latents -> images in [0, 1]
        reconstruct  images -> images; this is `serving_default`
        generate     latents -> images, the same as decode for an autoencoder
        sample       count, seed (int32 scalars) -> images; latents are drawn inside, from N(0, I) or by `sampler`

    GANs have `generate`, which is their `serving_default`, `sample`, and

        discriminate images -> logits

    and what is both, a VAE-GAN, a BiGAN or an adversarial autoencoder, has all of them. A StarGAN has

        translate    images, labels (int32, the domains asked for) -> images; this is `serving_default`
        discriminate images -> logits, and domains, the logits of the domains

    A model that does not place its latents where N(0, I) draws them, a plain autoencoder, has `sample` only with a
    `sampler`, such as `kerasgen.samplers.GaussianMixture(10).fit(model.encode(images))`.

    Images are float32 in [0, 1] of shape `(batch, height, width, channels)`, latents float32 `(batch, latent_dim)`. A
    signature whose networks take labels has them as a further input, `labels`, int32 `(batch,)`; in `sample` there are
    `count` of them. One seed gives the same images on each call and device, but other ones than `model.generate`,
    whose latents NumPy draws.

    Args:
        model: A model of kerasgen; it need not be compiled.
        path: Path of the folder. It is made where missing; an earlier SavedModel in it is overwritten. It is written
            beside and renamed.
        weights_dtype: "float32", or "float16": half the size on disk. Weights are rounded to 11 significant bits, those
            below 6e-5 to multiples of 6e-8; a variable with a weight above 65,504 stays as it is. It computes in
            float32 either way.
        sampler: A mixture of Gaussians, with `weights` `(k,)`, `means` `(k, latent_dim)` and `covariances` `(k,
            latent_dim, latent_dim)`: `kerasgen.samplers.GaussianMixture`, fitted, or `Prior`. The signature `sample`
            draws its latents from it. None: N(0, I).

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        ValueError: If `path` is a file, or a folder that holds something else than a SavedModel; if `weights_dtype` is
            none of these; if `sampler` is no such mixture, or the model decodes no latents of its size.
        ImportError: If TensorFlow is not installed.
        RuntimeError: JAX and PyTorch only: if the TensorFlow process cannot load the model.

    Example:
        >>> kerasgen.export.saved_model(model, "vae/saved_model")
        >>> import tensorflow as tf    # in another program
        >>> loaded = tf.saved_model.load("vae/saved_model")
        >>> loaded.signatures["sample"](count=tf.constant(64), seed=tf.constant(1))["images"]
    """
    path = Path(path)
    others = {each.name for each in path.iterdir()} - PARTS if path.is_dir() else set()
    if others or path.is_file():
        raise ValueError(
            "A SavedModel is a folder of its own: `path` must be free, an empty folder or an earlier SavedModel, which "
            f"is overwritten. Received: {path}{', which holds ' + ', '.join(sorted(others)) if others else ''}"
        )
    if weights_dtype not in ("float32", "float16"):
        raise ValueError(f'weights_dtype must be "float32" or "float16". Received: {weights_dtype!r}')
    arrays = None if sampler is None else _mixture(sampler, model)
    return replace_folder(path, lambda beside: on_tensorflow(write, model, beside, weights_dtype, arrays=arrays))


def write(model, path, weights_dtype, mixture):
    """Write the SavedModel; TensorFlow backend only."""
    signatures = model.signatures()
    if weights_dtype == "float16":
        signatures = halved(model, signatures)
    if "generate" in signatures and (mixture or model.generates):
        signatures["sample"] = sample_of(*signatures["generate"], mixture)
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


def halved(model, signatures):
    """Let signatures read the weights from copies in float16: the signatures."""
    import tensorflow as tf

    copies = []
    for variable in model.variables:
        copy = tf.cast(variable.value, "float16") if variable.dtype == "float32" else None
        if copy is not None and tf.reduce_all(tf.math.is_finite(copy)):
            copies.append((variable, tf.Variable(copy)))

    def through(function):
        def call(*inputs):
            values = [(variable, tf.cast(copy, "float32")) for variable, copy in copies]
            with keras.StatelessScope(state_mapping=values):
                return function(*inputs)

        return call

    return {name: (through(function), specs) for name, (function, specs) in signatures.items()}


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


def sample_of(generate, specs, mixture):
    """Put the draw of the latents in front of a signature `generate`: the signature `sample`.

    Args:
        generate: Function of latents, and labels.
        specs: Its inputs.
        mixture: Dict of arrays, the parameters of a mixture of Gaussians, or empty: N(0, I).
    """
    import tensorflow as tf

    latents, *labels = specs

    def sample(count, seed, *labels):
        # A named algorithm: by default it depends on the device.
        noise = tf.random.stateless_normal(
            (count, *latents.shape[1:]), seed=tf.stack([seed, 0]), alg=tf.random.Algorithm.PHILOX
        )
        if mixture:
            place = tf.random.stateless_uniform(
                (count,), seed=tf.stack([seed, 1]), alg=tf.random.Algorithm.PHILOX, dtype="float64"
            )
            component = tf.searchsorted(np.cumsum(mixture["weights"])[:-1], place, side="right")
            roots = np.linalg.cholesky(mixture["covariances"]).astype("float32")
            of_each = mixture["means"].astype("float32") + tf.einsum("kij,nj->nki", roots, noise)
            noise = tf.gather(of_each, component, batch_dims=1)
        return generate(noise, *labels)

    return sample, [keras.InputSpec("int32", (), name=name) for name in ("count", "seed")] + labels


def _mixture(sampler, model):
    """The parameters of a sampler, in float64, or a ValueError."""
    names = ("weights", "means", "covariances")
    if not all(hasattr(sampler, name) for name in names):
        raise ValueError(
            "A SavedModel draws from a mixture of Gaussians, with weights, means and covariances: a fitted "
            f"kerasgen.samplers.GaussianMixture, or Prior. Received: {sampler!r}"
        )
    latents = getattr(model, "latent_dim", None)
    drawn = sampler.sample(1, seed=0).shape[1]  # An error of its own where it is not fitted.
    if drawn != latents:
        raise ValueError(f"The sampler must draw latents of the model, of dimension {latents}. Received: {drawn}")
    return {name: np.asarray(getattr(sampler, name), "float64") for name in names}
