"""What feature networks have in common."""

import contextlib
import hashlib

import keras
import numpy as np

from kerasgen.engine.hardware import exact_float32

BATCH = 100


class FeatureNetwork:
    """Maps images to features, by layers.

    A subclass names itself, gives its `layers` and `_compute`s them.

    Attributes:
        name: str.
        layers: Dict from "features", and "logits" where it is a classifier, to the network's own names of these layers.
    """

    name = None
    layers = {"features": "features"}
    #: Whether its protocol tells all that the features depend on, so that statistics of data sets may be kept on disk.
    #: Of a model of the user's own the hash of the weights does not: activations have none.
    cacheable = False

    def __call__(self, images, layers=("features",)):
        """Features of images.

        Args:
            images: Array `(n, height, width, channels)` in [0, 1], or uint8.
            layers: Names out of `layers`.

        Returns:
            Dict of float32 NumPy arrays `(n, dimensions)`.

        Raises:
            ValueError: If the images are none, or there is no such layer.
        """
        unknown = [layer for layer in layers if layer not in self.layers]
        if unknown:
            raise ValueError(f"{self.name} has the layers {sorted(self.layers)}. Received: {unknown}")
        images = as_images(images)
        with exact_float32():  # A figure must not depend on what somebody has set for his training.
            return self._compute(images, layers)

    def _compute(self, images, layers):
        """Features of float32 images in [0, 1]."""
        raise NotImplementedError

    @property
    def weights_hash(self):
        """The SHA-256 of the weights, as hexadecimal digits. None, for want of weights or of a better answer."""
        return None

    def protocol(self, layers=("features",)):
        """What must stand beside a figure: dict of plain values."""
        return {
            "features": self.name,
            "weights_sha256": self.weights_hash,
            "layer": {layer: self.layers[layer] for layer in layers},
            "resize": self.resize,
        }

    #: How images become the network's input.
    resize = "none"


class KerasFeatures(FeatureNetwork):
    """A Keras model of the user's own, which maps images in [0, 1] to features, or to features and logits.

    Args:
        model: `keras.Model` with one output, the features `(batch, dimensions)`, or two: the features and the logits of
            a classifier `(batch, classes)`, which the inception score needs.

    Raises:
        ValueError: If the model has other outputs.

    Example:
        >>> both = keras.Model(classifier.inputs[0], [classifier.layers[-2].output, classifier.layers[-1].output])
        >>> compare = kerasgen.metrics.Comparison(["frechet_distance", "inception_score"], features=both)
    """

    def __init__(self, model):
        if not getattr(model, "outputs", None):
            raise ValueError(
                "A model that gives features must know its outputs: build it, or make a functional keras.Model of it. "
                f"Received: {type(model).__name__} {model.name!r}"
            )
        if len(model.outputs) > 2 or any(len(output.shape) != 2 for output in model.outputs):
            raise ValueError(
                "A model that gives features has the output (batch, dimensions), or that and logits (batch, classes); "
                f"end it in a pooling or a Flatten. Received: outputs {[output.shape for output in model.outputs]}"
            )
        self.model = model
        self.name = model.name
        self.layers = dict(zip(("features", "logits"), model.output_names))

    def _compute(self, images, layers):
        found = dict(zip(self.layers, run(self.model, images)))
        return {layer: found[layer] for layer in layers}

    @property
    def weights_hash(self):
        """The SHA-256 of the model's weights."""
        return hash_arrays(self.model.get_weights())


def extract(network, images, layers=("features",), description=None, count=None):
    """Features of many images, batch by batch, with a progress bar on a terminal.

    Args:
        network: `FeatureNetwork`.
        images: Array of images in [0, 1], or an iterable of batches of them.
        layers: Names of layers; none: the images alone pass.
        description: str or None. What the progress bar says; None: no bar.
        count: int or None. How many images an iterable holds, where it is known.

    Yields:
        Pairs of a batch of images and the dict of its features, `{layer: (n, dimensions)}`.
    """
    batches = images
    if hasattr(images, "shape"):
        count = len(images)
        batches = (images[start : start + BATCH] for start in range(0, count, BATCH))
    with _bar(description, count) as advance:
        for batch in batches:
            yield batch, network(batch, layers) if layers else {}
            advance(len(batch))


@contextlib.contextmanager
def _bar(description, count):
    """A function that moves a bar on by a number of images; the bar tells images a second."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

    class Speed(ProgressColumn):
        def render(self, task):
            return f"{task.speed:,.0f} images/s" if task.speed else ""

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    disable = description is None or not console.is_terminal
    with Progress(*columns, console=console, disable=disable, transient=True) as progress:
        task = progress.add_task(description or "", total=count)
        yield lambda images: progress.advance(task, images)


def run(model, images):
    """The outputs of a Keras model on images, in inference mode, in batches: list of float32 NumPy arrays."""
    outputs = []
    for start in range(0, len(images), BATCH):
        batch = model(images[start : start + BATCH], training=False)
        batch = batch if isinstance(batch, (list, tuple)) else [batch]
        outputs.append([keras.ops.convert_to_numpy(part).astype("float32") for part in batch])
    return [np.concatenate(parts) for parts in zip(*outputs)]


def hash_arrays(arrays):
    """SHA-256 of arrays: their types, shapes and values."""
    digest = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def as_images(images):
    """Images as float32 NumPy array in [0, 1].

    Raises:
        ValueError: If they are not an array `(n, height, width, channels)`, there is none, or values are not in [0, 1].
    """
    images = keras.ops.convert_to_numpy(images) if keras.ops.is_tensor(images) else np.asarray(images)
    if images.ndim != 4 or not images.size:
        raise ValueError(f"Expected images, an array (n, height, width, channels). Received: shape {images.shape}")
    if images.dtype == np.uint8:
        return images.astype("float32") / 255
    images = images.astype("float32")
    low, high = images.min(), images.max()
    # `not` and not the opposite comparison: NaN compares false.
    if not (low >= -1e-6 and high <= 1 + 1e-6):
        raise ValueError(f"Expected values in [0, 1], as `generate` gives. Received: values from {low:g} to {high:g}")
    return images
