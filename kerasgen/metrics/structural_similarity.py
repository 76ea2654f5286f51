"""Structural similarity of images, at one scale and at several, and the diversity that it shows."""

import keras
import numpy as np

from kerasgen.metrics.accumulators import Mean
from kerasgen.metrics.base import StreamingMetric
from kerasgen.metrics.features.base import as_images

# The constants of Wang et al., 2004, for images in [0, 1].
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
# The weights of the scales of Wang et al., 2003, from fine to coarse.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Values of a set that are looked at once, which bounds the memory.
BLOCK = 1 << 21


def structural_similarity(first, second):
    """Structural similarity (SSIM) of pairs of images.

        SSIM = mean over windows of  l c,
        l  = (2 m_x m_y + C_1) / (m_x^2 + m_y^2 + C_1)        luminance,             C_1 = 0.01^2
        c  = (2 s_xy + C_2) / (s_x^2 + s_y^2 + C_2)           contrast-structure,    C_2 = 0.03^2

    with means, variances and the covariance under a Gaussian window of 11 x 11 pixels and standard deviation 1.5, at
    each place where the whole window is in the image; a channel at a time, then the mean over channels.

    In an image with a side below 11 pixels no such window fits: it then shrinks to the largest odd size that does
    (7 x 7 for digits of 8 x 8), and the figure compares only with figures of that size. `similarity_protocol` says so.

    Args:
        first: Images `(n, height, width, channels)` in [0, 1], or uint8.
        second: As many images of the same shape.

    Returns:
        float64 array `(n,)`, at most 1, and 1 for equal images; symmetric in its arguments.

    Raises:
        ValueError: If the shapes differ, or these are no images in [0, 1].

    Example:
        >>> kerasgen.metrics.structural_similarity(images, model.reconstruct(images)).mean()

    Reference:
        Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004.
        https://doi.org/10.1109/TIP.2003.819861

    Notes:
        Not `keras.ops.image.ssim`, whose variances are differences of float32 sums: on flat images it is up to 1e-4
        off, and above 1. In float64 the figure is the same on each backend.
    """
    return _blockwise(lambda *block: _similarities(*block)[0].mean(axis=1), first, second)


def multiscale_structural_similarity(first, second):
    """Multi-scale structural similarity (MS-SSIM) of pairs of images.

        MS-SSIM = prod_{j < M} c_j^{w_j}  SSIM_M^{w_M},    w = 0.0448, 0.2856, 0.3001, 0.2363, 0.1333

    where scale j+1 is scale j averaged over 2 x 2 pixels (an odd last row or column is repeated), `c_j` is the mean of
    the contrast-structure of scale j and SSIM that of `structural_similarity`; a channel at a time, then the mean over
    channels.

    A mean below 0 has no real power, and counts as 0, as in TensorFlow. The five scales need sides of 176 = 11 * 16
    pixels. Of a smaller image as many scales are taken as leave 11 pixels (28 x 28: two; 32 x 32: two; 64 x 64: three;
    128 x 128: four; at least one), with the first of the weights, divided by their sum. `similarity_protocol` gives
    them: figures compare only for equal ones.

    Args:
        first: Images `(n, height, width, channels)` in [0, 1], or uint8.
        second: As many images of the same shape.

    Returns:
        float64 array `(n,)` in [0, 1], 1 for equal images; symmetric in its arguments.

    Raises:
        ValueError: If the shapes differ, or these are no images in [0, 1].

    Example:
        >>> kerasgen.metrics.multiscale_structural_similarity(images, model.reconstruct(images)).mean()

    Reference:
        Wang et al., "Multiscale Structural Similarity for Image Quality Assessment", 2003.
        https://doi.org/10.1109/ACSSC.2003.1292216
    """
    return _blockwise(_multiscale, first, second)


def similarity_protocol(image_shape):
    """What the two similarities depend on, for images of a shape: it belongs beside each figure.

    Args:
        image_shape: tuple `(height, width, channels)`.

    Returns:
        Dict of plain values: "window" (pixels), "sigma", "k1", "k2", and "scale_weights", one weight a scale, of the
        multi-scale similarity.

    Example:
        >>> kerasgen.metrics.similarity_protocol((8, 8, 1))["window"]
        7
    """
    weights = _scale_weights(image_shape)
    window = _window(image_shape)
    return {"window": len(window), "sigma": SIGMA, "k1": K1, "k2": K2, "scale_weights": weights.tolist()}


def _window(image_shape):
    """The Gaussian weights of one axis, largest odd number of them that fits."""
    side = min(WINDOW, *image_shape[:2])
    reach = (side - 1) // 2
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * SIGMA**2))
    return weights / weights.sum()


def _scale_weights(image_shape):
    side = min(image_shape[:2])
    scales = max(1, sum(side / 2**scale >= WINDOW for scale in range(len(SCALE_WEIGHTS))))
    weights = np.array(SCALE_WEIGHTS[:scales])
    # All five stay as they were published and are used elsewhere: they add up to 1.0001.
    return weights if scales == len(SCALE_WEIGHTS) else weights / weights.sum()


def _similarities(first, second):
    """SSIM and its contrast-structure, means over windows: two arrays `(n, channels)`."""
    from scipy.ndimage import correlate1d

    window = _window(first.shape[1:])
    cut = slice(len(window) // 2, -(len(window) // 2) or None)

    def blurred(images):
        images = correlate1d(images, window, axis=1)[:, cut]
        return correlate1d(images, window, axis=2)[:, :, cut]

    mean_1, mean_2 = blurred(first), blurred(second)
    product = mean_1 * mean_2
    squares = mean_1**2 + mean_2**2
    covariance = blurred(first * second) - product
    variances = blurred(first**2 + second**2) - squares
    contrast = (2 * covariance + K2**2) / (variances + K2**2)
    luminance = (2 * product + K1**2) / (squares + K1**2)
    return (luminance * contrast).mean(axis=(1, 2)), contrast.mean(axis=(1, 2))


def _multiscale(first, second):
    weights = _scale_weights(first.shape[1:])
    result = 1.0
    for scale, weight in enumerate(weights, start=1):
        similarity, contrast = _similarities(first, second)
        factor = similarity if scale == len(weights) else contrast
        result = result * np.maximum(factor, 0) ** weight
        first, second = _halved(first), _halved(second)
    return result.mean(axis=1)


def _halved(images):
    count, height, width, channels = images.shape
    images = np.pad(images, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return images.reshape(count, (height + 1) // 2, 2, (width + 1) // 2, 2, channels).mean(axis=(2, 4))


def _blockwise(function, first, second):
    first, second = image_pairs(first, second)
    step = max(1, BLOCK // first[0].size)
    starts = range(0, len(first), step)
    parts = ((side[start : start + step].astype("float64") for side in (first, second)) for start in starts)
    return np.concatenate([function(*part) for part in parts])


def image_pairs(first, second):
    """Two sets of images as float32 arrays in [0, 1].

    Raises:
        ValueError: If the shapes differ, or these are no images in [0, 1].
    """
    first, second = as_images(first), as_images(second)
    if first.shape != second.shape:
        raise ValueError(
            f"Images are compared pair by pair, and have one shape. Received: shapes {first.shape} and {second.shape}"
        )
    return first, second


@keras.saving.register_keras_serializable("kerasgen")
class MultiscaleSSIM(StreamingMetric):
    """How alike generated images are: the mean of `multiscale_structural_similarity` over pairs of them.

    Near 1 the generator has collapsed to one image. Lower is more diverse, but lowest is not best: noise is lower than
    any data. The yardstick is the value of as many images of the data, given as `generated=` to a metric of its own; a
    model well above it lacks diversity. Odena et al. take pairs within a class, where the figure tells most: measure
    one class at a time for that. Else order the classes alike in both sets, since images of different classes are less
    alike: `generate` of a conditional model without labels gives the classes in turn, hence no pair of one class.

    The pairs are the first image with the second, the third with the fourth, and so on, in the order of arrival: no
    image counts twice, and the result does not depend on how they were cut into batches. In `merge_state` the pairs are
    put together, and two images left over become one more.

    Args:
        name: str.

    Raises:
        ValueError: If there are fewer than two images, or real ones are given.

    Example:
        >>> metric = kerasgen.metrics.MultiscaleSSIM()
        >>> metric.update_state(generated=model.generate(1000, seed=0))
        >>> metric.result()

    Reference:
        Odena et al., "Conditional Image Synthesis with Auxiliary Classifier GANs", 2017, section 4.2.
        https://arxiv.org/abs/1610.09585
    """

    better = {"multiscale_ssim": "lower"}
    #: It looks at the images themselves, at no layer of a network.
    layer = None
    #: The sets that are looked at.
    sides = ("generated",)

    def __init__(self, name="multiscale_ssim"):
        super().__init__(name)

    def empty_state(self):
        """The mean over pairs, and an image that waits for another."""
        return {"generated": _Pairs()}

    def update_state(self, real=None, generated=None):
        """Take in a batch of generated images, `(n, height, width, channels)` in [0, 1]."""
        if real is not None:
            raise ValueError(f"{type(self).__name__} looks at {self.sides} only. Received: real images")
        self.state["generated"].add(generated)

    def result(self):
        """The mean over pairs, a float."""
        pairs = self.state["generated"]
        if pairs.count < 2:
            raise ValueError(f"A pair needs two images. Received: {pairs.count}")
        return float(pairs.values.mean[0])


class _Pairs:
    """The mean over pairs of images, in the order of arrival, and the image left over."""

    def __init__(self):
        self.values = Mean()
        self.waiting = None

    @property
    def count(self):
        return 2 * self.values.count + (self.waiting is not None)

    def add(self, images):
        images = as_images(images)
        if self.waiting is not None:
            image_pairs(self.waiting, images[:1])
            images = np.concatenate([self.waiting, images])
        end = len(images) - len(images) % 2
        if end:
            self.values.add(multiscale_structural_similarity(images[:end:2], images[1:end:2])[:, None])
        self.waiting = images[end:] if len(images) % 2 else None

    def merge(self, other):
        self.values.merge(other.values)
        if other.waiting is not None:
            self.add(other.waiting)
