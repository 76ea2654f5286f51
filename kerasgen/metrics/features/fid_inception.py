"""The network of the Frechet inception distance (FID): Inception, with the weights of 2015-12-05."""

import functools
import hashlib
import os
import pathlib
import tempfile
import zipfile

import keras
import numpy as np
from keras import layers, ops

from kerasgen.metrics import cache
from kerasgen.metrics.features import torch_file
from kerasgen.metrics.features.base import FeatureNetwork, hash_arrays

ADDRESS = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
FILE = ADDRESS.rsplit("/", 1)[-1]
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

SIZE = 299
CLASSES = 1008
# Images that pass the network at once: its early layers take 70 MB an image where nothing is compiled.
BATCH = 25
# What `convert` notes in its file: the SHA-256 of the source, and that of the tensors.
ORIGIN = "converted_from"


class FIDInception(FeatureNetwork):
    """The Inception network of 2015-12-05 with the weights that were published for it, and no others by default.

    Images pass as in the reference: rounded to 8 bits, grey repeated to three channels, resized to 299x299 as
    TensorFlow 1 did (bilinear, no antialiasing), mapped to `(x - 128) / 128`. Its layers, and their published names:

        layer              published name     dimensions
        features           2048                     2048    of the Frechet and kernel distances, precision and recall
        logits             logits_unbiased          1008    of the inception score: without the last bias
        64, 192, 768       the same                         pooled features further down
        2048               2048                     2048
        logits_unbiased    logits_unbiased          1008
        logits_biased      logits                   1008

    Args:
        weights: Path of the published file (`.pth`, read without PyTorch and without running what it says) or of what
            `convert` made of it (`.npz`); or a dict from the published names of the tensors to arrays; or None: the
            published file in kerasgen's cache, downloaded at the first call (96 MB).

    Raises:
        ValueError: At the first call, if a file or dict holds other tensors, or the file in the cache is not the
            published one.
        OSError: At the first call, if the weights cannot be downloaded.

    Example:
        >>> network = kerasgen.metrics.features.FIDInception("pt_inception-2015-12-05-6726825d.pth")
        >>> network(images)["features"].shape
        (100, 2048)

    Reference:
        Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016.
        https://arxiv.org/abs/1512.00567
        Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017.
        https://arxiv.org/abs/1706.08500
    """

    name = "fid_inception"
    cacheable = True
    layers = {
        "features": "2048",
        "logits": "logits_unbiased",
        **{layer: layer for layer in ("64", "192", "768", "2048", "logits_unbiased")},
        "logits_biased": "logits",
    }
    resize = "bilinear to 299x299 as TensorFlow 1, after rounding to 8 bits"

    def __init__(self, weights=None):
        self.weights = weights

    def _compute(self, images, layers):
        starts = range(0, len(images), BATCH)
        # Compiled on TensorFlow and JAX; a plain call is slower and keeps the output of each layer until it ends.
        parts = [self.model.predict_on_batch(prepare(images[start : start + BATCH])) for start in starts]
        return {layer: np.concatenate([part[self.layers[layer]] for part in parts]) for layer in layers}

    @functools.cached_property
    def _model_and_hash(self):
        model = build()
        tensors, sha256 = load(self.weights, shapes(model))
        assign(model, tensors)
        return model, sha256

    @property
    def model(self):
        """The network with its weights, a Keras model from `prepare`d images to a dict of layers; built once."""
        return self._model_and_hash[0]

    @property
    def weights_hash(self):
        """SHA-256 of the file of the weights, of the file that it was converted from, or of the arrays of a dict."""
        return self._model_and_hash[1]

    def protocol(self, layers=("features",)):
        """As of any network, and whether the weights are the published ones."""
        return {**super().protocol(layers), "published": self.weights_hash == SHA256}


def convert(source, target):
    """Write the tensors of a published file as `.npz`, which NumPy reads.

    Args:
        source: Path of the `.pth` file.
        target: Path of the `.npz` file to write.

    Raises:
        ValueError: If the source does not hold the tensors of this network.

    Example:
        >>> fid_inception.convert("weights-inception-2015-12-05-6726825d.pth", "fid_inception.npz")
        >>> network = kerasgen.metrics.features.FIDInception("fid_inception.npz")       # the protocol is the source's
    """
    tensors = check(torch_file.read(source), shapes(build()), source)
    np.savez(target, **tensors, **{ORIGIN: np.array([hash_file(source), hash_arrays(tensors.values())])})


def prepare(images):
    """Images as the network wants them.

    Args:
        images: Array `(n, height, width, 1 or 3)` in [0, 1].

    Returns:
        float32 tensor `(n, 299, 299, 3)`, about [-1, 1].

    Raises:
        ValueError: If the images have another number of channels.
    """
    if images.shape[-1] not in {1, 3}:
        raise ValueError(f"fid_inception takes images of 1 or 3 channels. Received: images {images.shape[1:]}")
    values = np.clip(np.rint(images * 255), 0, 255).astype("float32")
    values = ops.repeat(ops.convert_to_tensor(values), 3 // images.shape[-1], axis=-1)
    return (resize(values, SIZE) - 128) / 128


def resize(images, size):
    """Square images by TensorFlow 1's bilinear interpolation: output `i` lies at input `i * length / size`.

    Keras's own `ops.image.resize` puts it at `(i + 1/2) * length / size - 1/2`.

    Args:
        images: float32 tensor `(n, height, width, channels)`.
        size: int.

    Returns:
        float32 tensor `(n, size, size, channels)`.
    """
    for axis in (2, 1):
        length = images.shape[axis]
        position = np.arange(size, dtype="float32") * (np.float32(length) / np.float32(size))
        low = position.astype("int32")
        fraction = ops.convert_to_tensor((position - low).astype("float32").reshape(-1, *[1] * (3 - axis)))
        first = ops.take(images, low, axis)
        second = ops.take(images, np.minimum(low + 1, length - 1), axis)
        images = first + (second - first) * fraction
    return images


# The network. A convolution's batch normalisation is folded into its kernel and bias. Names are the published ones;
# Keras's names hold "-" for their ".", which PyTorch forbids.


def build():
    """The network without weights: `(n, 299, 299, 3)` to a dict of layers by their published names."""
    found = {}
    images = keras.Input((SIZE, SIZE, 3), dtype="float32")
    x = convolution(images, "Conv2d_1a_3x3", 32, 3, strides=2, padding="valid")
    x = convolution(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
    x = convolution(x, "Conv2d_2b_3x3", 64, 3)
    x = pool(layers.MaxPooling2D, x, strides=2, padding="valid")
    found["64"] = spatial_mean(x)
    x = convolution(x, "Conv2d_3b_1x1", 80, 1)
    x = convolution(x, "Conv2d_4a_3x3", 192, 3, padding="valid")
    x = pool(layers.MaxPooling2D, x, strides=2, padding="valid")
    found["192"] = spatial_mean(x)
    x = mixed_5(x, "Mixed_5b", 32)
    x = mixed_5(x, "Mixed_5c", 64)
    x = mixed_5(x, "Mixed_5d", 64)
    x = mixed_6a(x, "Mixed_6a")
    x = mixed_6(x, "Mixed_6b", 128)
    x = mixed_6(x, "Mixed_6c", 160)
    x = mixed_6(x, "Mixed_6d", 160)
    x = mixed_6(x, "Mixed_6e", 192)
    found["768"] = spatial_mean(x)
    x = mixed_7a(x, "Mixed_7a")
    x = mixed_7(x, "Mixed_7b", layers.AveragePooling2D)
    x = mixed_7(x, "Mixed_7c", layers.MaxPooling2D)
    x = found["2048"] = spatial_mean(x)
    for name, use_bias in (("logits_unbiased", False), ("logits", True)):
        dense = layers.Dense(CLASSES, use_bias=use_bias, kernel_initializer="zeros", dtype="float32", name=name)
        found[name] = dense(x)
    model = keras.Model(images, found, name=FIDInception.name)
    model.trainable = False
    return model


def mixed_5(x, name, pooled):
    """Three sizes of windows side by side, at 35x35."""
    return concatenate(
        convolution(x, f"{name}.branch1x1", 64, 1),
        chain(x, f"{name}.branch5x5_", (48, 1), (64, 5)),
        chain(x, f"{name}.branch3x3dbl_", (64, 1), (96, 3), (96, 3)),
        convolution(pool(layers.AveragePooling2D, x), f"{name}.branch_pool", pooled, 1),
    )


def mixed_6a(x, name):
    """From 35x35 to 17x17."""
    double = chain(x, f"{name}.branch3x3dbl_", (64, 1), (96, 3))
    return concatenate(
        convolution(x, f"{name}.branch3x3", 384, 3, strides=2, padding="valid"),
        convolution(double, f"{name}.branch3x3dbl_3", 96, 3, strides=2, padding="valid"),
        pool(layers.MaxPooling2D, x, strides=2, padding="valid"),
    )


def mixed_6(x, name, width):
    """Windows of 7x7 made of rows and columns, at 17x17."""
    row, column = (1, 7), (7, 1)
    return concatenate(
        convolution(x, f"{name}.branch1x1", 192, 1),
        chain(x, f"{name}.branch7x7_", (width, 1), (width, row), (192, column)),
        chain(x, f"{name}.branch7x7dbl_", (width, 1), (width, column), (width, row), (width, column), (192, row)),
        convolution(pool(layers.AveragePooling2D, x), f"{name}.branch_pool", 192, 1),
    )


def mixed_7a(x, name):
    """From 17x17 to 8x8."""
    single = chain(x, f"{name}.branch3x3_", (192, 1))
    double = chain(x, f"{name}.branch7x7x3_", (192, 1), (192, (1, 7)), (192, (7, 1)))
    return concatenate(
        convolution(single, f"{name}.branch3x3_2", 320, 3, strides=2, padding="valid"),
        convolution(double, f"{name}.branch7x7x3_4", 192, 3, strides=2, padding="valid"),
        pool(layers.MaxPooling2D, x, strides=2, padding="valid"),
    )


def mixed_7(x, name, pooling):
    """Rows and columns side by side, at 8x8. The last block takes maxima where the paper takes averages."""
    single = chain(x, f"{name}.branch3x3_", (384, 1))
    double = chain(x, f"{name}.branch3x3dbl_", (448, 1), (384, 3))
    return concatenate(
        convolution(x, f"{name}.branch1x1", 320, 1),
        convolution(single, f"{name}.branch3x3_2a", 384, (1, 3)),
        convolution(single, f"{name}.branch3x3_2b", 384, (3, 1)),
        convolution(double, f"{name}.branch3x3dbl_3a", 384, (1, 3)),
        convolution(double, f"{name}.branch3x3dbl_3b", 384, (3, 1)),
        convolution(pool(pooling, x), f"{name}.branch_pool", 192, 1),
    )


# Whatever the user's defaults are: float32, channels last. Zeros, not a random start, which would move random states.


def convolution(x, name, filters, kernel_size, strides=1, padding="same"):
    """A convolution with its batch normalisation and relu."""
    return layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding,
        data_format="channels_last",
        activation="relu",
        kernel_initializer="zeros",
        dtype="float32",
        name=name.replace(".", "-"),
    )(x)


def chain(x, prefix, *steps):
    """Convolutions of stride 1 after one another, numbered from 1; steps are (filters, kernel size)."""
    for number, (filters, kernel_size) in enumerate(steps, 1):
        x = convolution(x, f"{prefix}{number}", filters, kernel_size)
    return x


def pool(pooling, x, strides=1, padding="same"):
    """Maxima or averages of 3x3; in Keras neither counts the padding."""
    return pooling(3, strides, padding, data_format="channels_last", dtype="float32")(x)


def spatial_mean(x):
    """One number a channel."""
    return layers.GlobalAveragePooling2D(data_format="channels_last", dtype="float32")(x)


def concatenate(*branches):
    """Branches side by side."""
    return layers.Concatenate(dtype="float32")(branches)


# The weights.


def load(weights, expected):
    """Tensors from where `FIDInception(weights)` says they are.

    Args:
        weights: Path, dict or None.
        expected: Dict from the names of the tensors to their shapes.

    Returns:
        Dict of float32 arrays in the order of `expected`, and the SHA-256 by which a protocol knows them.

    Raises:
        ValueError, OSError: As `FIDInception` says.
    """
    if isinstance(weights, dict):
        tensors = check(weights, expected, "a dict")
        return tensors, hash_arrays(tensors.values())
    path = published_file() if weights is None else pathlib.Path(weights)
    if not path.is_file():
        raise ValueError(f"The weights of fid_inception are a file, .pth or .npz. Received: {path}, which is none")
    if path.suffix != ".npz":
        return check(torch_file.read(path), expected, path), hash_file(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            found = dict(file)
    except (ValueError, AttributeError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"Expected a .npz file of arrays ({error}). Received: {path}") from error
    tensors = check(found, expected, path)
    if ORIGIN not in found:
        return tensors, hash_file(path)
    origin, converted = found[ORIGIN].tolist()
    if hash_arrays(tensors.values()) != converted:
        raise ValueError(f"These weights were changed after `convert` had written them. Received: {path}")
    return tensors, origin


def check(tensors, expected, source):
    """The expected ones among tensors, as float32, in the order of `expected`.

    Raises:
        ValueError: If some are missing, or have another shape.
    """
    wrong = [f"{name} is missing" for name in expected if name not in tensors]
    wrong += [
        f"{name} has shape {np.shape(tensors[name])} and not {shape}"
        for name, shape in expected.items()
        if name in tensors and np.shape(tensors[name]) != shape
    ]
    if wrong:
        more = f", and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ValueError(
            f"Expected the tensors of {FILE}, since no other network has the name fid_inception: "
            f"{', '.join(wrong[:5])}{more}. Received: {source}"
        )
    return {name: np.asarray(tensors[name], "float32") for name in expected}


def shapes(model):
    """The tensors that the network needs, by their published names: dict of shapes, in PyTorch's layout."""
    found = {"fc.weight": (CLASSES, 2048), "fc.bias": (CLASSES,)}
    for name, layer in convolutions(model):
        height, width, channels, filters = layer.kernel.shape
        found[f"{name}.conv.weight"] = (filters, channels, height, width)
        found |= {f"{name}.bn.{part}": (filters,) for part in ("weight", "bias", "running_mean", "running_var")}
    return found


def assign(model, tensors):
    """Give the network its weights.

        scale = gamma / sqrt(variance + 0.001),    kernel = scale W,    bias = beta - scale mean

    Args:
        model: What `build` gives.
        tensors: Dict by published names.
    """
    for name, layer in convolutions(model):
        gamma, beta, mean, variance = (
            tensors[f"{name}.bn.{part}"].astype("float64") for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + 1e-3)
        kernel = tensors[f"{name}.conv.weight"].transpose(2, 3, 1, 0) * scale
        layer.set_weights([kernel.astype("float32"), (beta - scale * mean).astype("float32")])
    kernel = tensors["fc.weight"].T
    model.get_layer("logits_unbiased").set_weights([kernel])
    model.get_layer("logits").set_weights([kernel, tensors["fc.bias"]])


def convolutions(model):
    """The convolutions of the network: pairs of the published name and the layer."""
    return [(layer.name.replace("-", "."), layer) for layer in model.layers if isinstance(layer, layers.Conv2D)]


def published_file():
    """The published file in the cache, downloaded if it is not there.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: If the file in the cache is another one.
        OSError: If it cannot be downloaded.
    """
    path = cache.folder() / FILE
    if not path.exists():
        download(path)
    found = hash_file(path)
    if found != SHA256:
        raise ValueError(
            "The file of the weights of fid_inception in the cache is damaged or another one, and is not used. Remove "
            f"it, and it is downloaded anew. Expected SHA-256 {SHA256}. Received: {found} of {path}"
        )
    return path


def download(path):
    """Download the published file to a path, with a progress bar. What is no full and right file never gets there.

    Raises:
        OSError: If there is no network, no place, or the checksum is wrong.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = keras.utils.get_file(
                FILE, ADDRESS, file_hash=SHA256, hash_algorithm="sha256", cache_dir=folder, cache_subdir=""
            )
            os.replace(part, path)
    except Exception as error:  # `get_file` raises bare Exceptions
        raise OSError(
            f"The weights of fid_inception (96 MB) cannot be downloaded: {str(error).rstrip('.')}. "
            f"Get the file by hand from {ADDRESS} and put it at {path}, or pass its path: FIDInception(weights=...), "
            "--features FILE. The features mnist_classifier, pixels and random_projection need no download."
        ) from error


def hash_file(path):
    """SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
