"""The network of the Frechet inception distance (FID): Inception, with the weights of 2015-12-05."""

import functools

import numpy as np
from keras import ops

from kerasgen.metrics.features import inception_network, inception_weights, torch_file
from kerasgen.metrics.features.base import FeatureNetwork, hash_arrays

# Images that pass the network at once: its early layers take 70 MB an image where nothing is compiled.
BATCH = 25


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
        model = inception_network.build()
        tensors, sha256 = inception_weights.load(self.weights, inception_weights.shapes(model))
        inception_weights.assign(model, tensors)
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
        return {**super().protocol(layers), "published": self.weights_hash == inception_weights.SHA256}


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
    expected = inception_weights.shapes(inception_network.build())
    tensors = inception_weights.check(torch_file.read(source), expected, source)
    origin = [inception_weights.hash_file(source), hash_arrays(tensors.values())]
    np.savez(target, **tensors, **{inception_weights.ORIGIN: np.array(origin)})


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
    return (resize(values, inception_network.SIZE) - 128) / 128


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
