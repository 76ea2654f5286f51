"""Feature networks: what images look like to a metric.

    fid_inception           the network of the Frechet inception distance (FID), 2048 features; downloaded once
    mnist_classifier        a small classifier of MNIST digits, in the package: for grey images of 28x28
    mnist_resnet            another one, of another kind: does a figure hold in the features of both?
    imagenette_classifier   a small classifier of Imagenette, in the package: for colour images of 64x64
    pixels                  the values themselves
    random_projection       a fixed random projection of the pixels
    a Keras model           of your own, which maps images in [0, 1] to (batch, dimensions)

A figure means something only with the name of its network: a Frechet distance on other features than those of
`fid_inception` is no FID.
"""

import keras

from kerasgen.metrics.features.base import FeatureNetwork, KerasFeatures, extract
from kerasgen.metrics.features.fid_inception import FIDInception, convert
from kerasgen.metrics.features.imagenette_classifier import ImagenetteClassifier
from kerasgen.metrics.features.mnist_classifier import MNISTClassifier
from kerasgen.metrics.features.mnist_resnet import MNISTResNet
from kerasgen.metrics.features.pixels import Pixels, RandomProjection

__all__ = [
    "FIDInception",
    "FeatureNetwork",
    "ImagenetteClassifier",
    "KerasFeatures",
    "MNISTClassifier",
    "MNISTResNet",
    "Pixels",
    "RandomProjection",
    "convert",
    "default",
    "extract",
    "get",
]

NETWORKS = {
    network.name: network
    for network in (FIDInception, ImagenetteClassifier, MNISTClassifier, MNISTResNet, Pixels, RandomProjection)
}


def get(features):
    """The feature network of a name.

    Args:
        features: str, one of `"fid_inception"`, `"imagenette_classifier"`, `"mnist_classifier"`, `"mnist_resnet"`,
            `"pixels"`, `"random_projection"`; the path of a file with the weights of `fid_inception` (`.pth` or
            `.npz`); a `FeatureNetwork`, which is given back; or a Keras model.

    Returns:
        `FeatureNetwork`.

    Raises:
        ValueError: If there is no such network.

    Example:
        >>> network = kerasgen.metrics.features.get("mnist_classifier")
        >>> network(images)["features"].shape
        (100, 64)
    """
    if isinstance(features, FeatureNetwork):
        return features
    if isinstance(features, keras.Model):
        return KerasFeatures(features)
    if str(features).endswith((".pth", ".npz")):
        return FIDInception(features)
    if features not in NETWORKS:
        raise ValueError(
            f"Features must be one of {sorted(NETWORKS)}, a file of weights of fid_inception, or a Keras model. "
            f"Received: {features!r}"
        )
    return NETWORKS[features]()


def default(image_shape):
    """The name of the feature network that suits images of a shape.

    It depends on the shape alone, never on what is installed, so that a protocol is the same on each machine.

    Args:
        image_shape: tuple `(height, width, channels)`.

    Returns:
        str: `"mnist_classifier"` for grey 28x28, `"pixels"` below 32 pixels, else `"fid_inception"`.
    """
    if tuple(image_shape) == MNISTClassifier.image_shape:
        return MNISTClassifier.name
    return Pixels.name if min(image_shape[:2]) < 32 else FIDInception.name
