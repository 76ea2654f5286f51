"""Errors of reconstructions: mean squared error, peak signal-to-noise ratio, structural similarity; their sharpness."""

import keras
import numpy as np

from kerasgen.metrics.accumulators import Mean
from kerasgen.metrics.base import StreamingMetric
from kerasgen.metrics.structural_similarity import image_pairs, structural_similarity


def mean_squared_error(images, reconstructions):
    """Mean squared error of each image, over its pixels and channels.

    Args:
        images: Images `(n, height, width, channels)` in [0, 1], or uint8.
        reconstructions: As many images of the same shape.

    Returns:
        float64 array `(n,)`.

    Raises:
        ValueError: If the shapes differ, or these are no images in [0, 1].

    Example:
        >>> kerasgen.metrics.mean_squared_error(images, model.reconstruct(images)).mean()
    """
    images, reconstructions = image_pairs(images, reconstructions)
    return np.mean(np.subtract(images, reconstructions, dtype="float64") ** 2, axis=(1, 2, 3))


def peak_signal_to_noise_ratio(images, reconstructions):
    """Peak signal-to-noise ratio (PSNR) of each image, in decibels.

        PSNR = 10 log10(1 / MSE)

    Args:
        images: Images `(n, height, width, channels)` in [0, 1], or uint8.
        reconstructions: As many images of the same shape.

    Returns:
        float64 array `(n,)`; infinite for an image that its reconstruction equals.

    Raises:
        ValueError: If the shapes differ, or these are no images in [0, 1].

    Example:
        >>> kerasgen.metrics.peak_signal_to_noise_ratio(images, model.reconstruct(images)).mean()
    """
    with np.errstate(divide="ignore"):
        return -10 * np.log10(mean_squared_error(images, reconstructions))


def sharpness(images, others):
    """Sharpness of a set of images, as a share of that of originals.

        sum_{n,i,j} (a_{n,i+1,j} - a_{n,i,j})^2 + (a_{n,i,j+1} - a_{n,i,j})^2,    others `a` / the same of `images`

    Blur lowers the differences of neighbouring pixels, noise raises them: 1 is what the originals have, and more is no
    better. Sums go over the whole set, so that flat images weigh nothing, and the two need not be pairs: samples can
    be compared to test images of the same number. It tells nothing of whether the edges are in the right places.

    Args:
        images: The originals, `(n, height, width, channels)` in [0, 1], or uint8.
        others: As many images of the same shape: reconstructions, or samples.

    Returns:
        float, at least 0; 1 for the originals; infinite or NaN where the originals are flat.

    Raises:
        ValueError: If the shapes differ, or these are no images in [0, 1].

    Example:
        >>> kerasgen.metrics.sharpness(images, model.reconstruct(images))
    """
    images, others = image_pairs(images, others)
    return _ratio(_roughness(others).sum(), _roughness(images).sum())


def _roughness(images):
    """Sum of the squared differences of neighbouring pixels, for each image."""
    down, right = (np.diff(images.astype("float64"), axis=axis) for axis in (1, 2))
    return (down**2).sum(axis=(1, 2, 3)) + (right**2).sum(axis=(1, 2, 3))


def _ratio(part, whole):
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(part) / np.float64(whole))


@keras.saving.register_keras_serializable("kerasgen")
class ReconstructionError(StreamingMetric):
    """How far reconstructions are from the images: means over images of three figures, and how sharp they are.

    The mean of the PSNR is the PSNR of the geometric mean of the squared errors, and not that of their mean: images
    that are nearly exact raise it without bound, and with one exact image it is infinite. It is left so. To drop such
    an image would punish the better model, and a cap in decibels would be a convention that no other figure shares;
    look at the mean squared error and the similarity, which stay finite.

    `kerasgen.metrics.sharpness` has no better direction: 1 is the sharpness of the images.

    The structural similarity of images with a side below 11 pixels uses a smaller window:
    `kerasgen.metrics.similarity_protocol(image_shape)` says which.

    Args:
        name: str.

    Raises:
        ValueError: If the shapes differ, these are no images in [0, 1], or there was none.

    Example:
        >>> metric = kerasgen.metrics.ReconstructionError()
        >>> metric.update_state(images, model.reconstruct(images))
        >>> metric.result()["peak_signal_to_noise_ratio"]

    Reference:
        Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004.
        https://doi.org/10.1109/TIP.2003.819861
    """

    better = {"mean_squared_error": "lower", "peak_signal_to_noise_ratio": "higher", "structural_similarity": "higher"}

    def __init__(self, name="reconstruction_error"):
        super().__init__(name)

    def empty_state(self):
        """Means over images."""
        return {"images": Mean()}

    def update_state(self, images, reconstructions):
        """Take in a batch of images `(n, height, width, channels)` in [0, 1], and what they were reconstructed as."""
        ratio = peak_signal_to_noise_ratio(images, reconstructions)
        exact = np.isinf(ratio)
        columns = [
            mean_squared_error(images, reconstructions),
            np.where(exact, 0, ratio),
            structural_similarity(images, reconstructions),
            exact.astype("float64"),
            *(_roughness(side) for side in image_pairs(images, reconstructions)),
        ]
        self.state["images"].add(np.column_stack(columns))

    def result(self):
        """Dict of floats: the three means (the ratio "peak_signal_to_noise_ratio" in dB), and "sharpness"."""
        if not self.state["images"].count:
            raise ValueError("There must be an image to measure. Received: none")
        error, ratio, similarity, exact, rough, reconstructed = self.state["images"].mean
        return {
            "mean_squared_error": float(error),
            "peak_signal_to_noise_ratio": float("inf") if exact else float(ratio),
            "structural_similarity": float(similarity),
            "sharpness": _ratio(reconstructed, rough),
        }
