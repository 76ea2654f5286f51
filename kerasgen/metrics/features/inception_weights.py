"""The weights of the Frechet inception distance: the published file, what `convert` made of it, and their check."""

import hashlib
import os
import pathlib
import tempfile
import zipfile

import keras
import numpy as np
from keras import layers

from kerasgen.metrics import cache
from kerasgen.metrics.features import torch_file
from kerasgen.metrics.features.base import hash_arrays
from kerasgen.metrics.features.inception_network import CLASSES

ADDRESS = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
FILE = ADDRESS.rsplit("/", 1)[-1]
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
# What `convert` notes in its file: the SHA-256 of the source, and that of the tensors.
ORIGIN = "converted_from"


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
        with zipfile.ZipFile(path) as file:
            size = sum(info.file_size for info in file.infolist())
        if size > torch_file.LIMIT:
            raise ValueError(f"it unpacks to {size:,} bytes, more than {torch_file.LIMIT:,}")
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files if name in expected or name == ORIGIN}
    except Exception as error:  # a damaged file may raise anything
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
            "--features FILE. The features imagenette_classifier, mnist_classifier, mnist_resnet, pixels and "
            "random_projection need no download."
        ) from error


def hash_file(path):
    """SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
