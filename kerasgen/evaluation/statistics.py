"""Real images as a file of statistics: mean and covariance of their features, as other libraries keep them, too.

stats.npz/mu, sigma                                    of anybody: all that a Frechet distance needs
stats.npz/count, features, weights_sha256, data, split what `write_statistics` adds: what the figure depends on
"""

import os
from pathlib import Path

import numpy as np

from kerasgen import metrics
from kerasgen.datasets.sources import npz
from kerasgen.evaluation.images import MOST, count_of
from kerasgen.files import replace
from kerasgen.metrics import features as feature_networks

#: What a file of ours says beside the moments; of others it is not known.
SAID = ("count", "features", "weights_sha256", "data", "split")


def write_statistics(path, data, features=None, split=None):
    """Write the statistics of real images, to measure against them without the images.

    Args:
        path: Path of the `.npz` file.
        data: `kerasgen.datasets.Data`.
        features: Name of a feature network, the network or a Keras model. None: what suits the size of the images.
        split: "train", "validation" or "test". None: the test split, else train.

    Returns:
        Path of the file: `mu`, the mean of the features, and `sigma`, their unbiased covariance, in float64; and what
        they depend on.

    Example:
        >>> data = kerasgen.datasets.load("mnist")
        >>> kerasgen.evaluation.write_statistics("mnist.npz", data)
        >>> kerasgen.evaluation.evaluate("runs/vae_mnist-1", against="mnist.npz")
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"Statistics are written into a file that ends in .npz. Received: {path}")
    network = feature_networks.get(features or feature_networks.default(data.image_shape))
    split = split or ("test" if data.sizes["test"] else "train")
    batches = (images for images, _ in data.batches(split))
    moments = moments_of(network, batches, "Real images", data.sizes[split])
    said = {
        "count": moments.count,
        "features": network.name,
        "weights_sha256": network.protocol(("features",)).get("weights_sha256") or "",
        "data": data.name,
        "split": split,
    }

    def write(beside):
        np.savez(beside, mu=moments.mean, sigma=moments.covariance, **said)

    return replace(path, write)


def read_statistics(path):
    """Read what `write_statistics`, or another library, has written.

    Args:
        path: What real images are named by: anything.

    Returns:
        Dict: "mu", "sigma", and of `SAID` what the file says; None where it is no such file.

    Raises:
        ValueError: If the file is damaged or too large, or its arrays are no mean and covariance.
    """
    if not isinstance(path, (str, os.PathLike)) or Path(path).suffix != ".npz" or not Path(path).is_file():
        return None
    found = npz.arrays(path, ("mu", "sigma", *SAID))
    if not {"mu", "sigma"} <= set(found):
        return None
    mu, sigma = found["mu"], found["sigma"]
    numbers = all(each.dtype.kind in "iuf" and np.isfinite(each).all() for each in (mu, sigma))
    if not numbers or mu.ndim != 1 or sigma.shape != 2 * mu.shape:
        raise ValueError(
            "Statistics are a mean `mu` (d,) and a covariance `sigma` (d, d), all finite. "
            f"Received: {mu.dtype} {mu.shape} and {sigma.dtype} {sigma.shape} in {path}"
        )
    if any(found[name].size != 1 for name in found if name in SAID):
        raise ValueError(f"This file of statistics is damaged, write it anew ({', '.join(SAID)}). Received: {path}")
    return {name: value if name in ("mu", "sigma") else value.item() for name, value in found.items()}


def measure(measured, known, network, samples, seed):
    """The Frechet distance of images from the statistics of real ones.

    Args:
        measured: `Subject`.
        known: Dict, as `read_statistics` gives it.
        network: Feature network.
        samples: int or None. How many images; None: all that are stored, or as many as there are real ones.
        seed: int.

    Returns:
        Tuple of figures and protocol.

    Raises:
        ValueError: If the features are others than those of the statistics, or images are drawn of given labels, which
            are not known.
    """
    weights = network.protocol(("features",)).get("weights_sha256") or ""
    if known.get("features", network.name) != network.name or known.get("weights_sha256", weights) != weights:
        raise ValueError(
            f"The statistics are of the features {known['features']} {known.get('weights_sha256', '')[:8]}. "
            f"Received: {network.name} {weights[:8]}"
        )
    if measured.takes_labels:
        raise ValueError(
            "Images are drawn of the labels of the real ones, which statistics do not hold: measure against images. "
            f"Received: {measured.name}, which takes labels"
        )
    count = count_of(measured, samples, known.get("count", MOST))
    generated = moments_of(network, measured.images(count, seed, None), "Generated images", count)
    # Of a number that is not known the distance is the same: it is needed to warn of too few.
    seen = known.get("count", generated.count)
    arrays = {"count": seen, "mean": known["mu"], "scatter": known["sigma"] * (seen - 1)}
    figures = {"frechet_distance": metrics.frechet_distance(metrics.Moments.from_arrays(arrays), generated)}
    protocol = {"samples": generated.count, **network.protocol(("features",)), "metrics": {"frechet_distance": {}}}
    not_known = [name for name in SAID if name not in known]
    return figures, protocol | ({"not_known_of_the_real_images": not_known} if not_known else {})


def moments_of(network, batches, description, count):
    """Mean and covariance of the features of images (`kerasgen.metrics.Moments`)."""
    moments = metrics.Moments()
    for _, outputs in feature_networks.extract(network, batches, ("features",), description, count):
        moments.add(outputs["features"])
    return moments
