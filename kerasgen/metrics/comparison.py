"""Several metrics of generated images in one pass through one feature network."""

import keras

from kerasgen.engine.hardware import device_name
from kerasgen.metrics import bootstrap as intervals
from kerasgen.metrics import cache
from kerasgen.metrics import features as feature_networks
from kerasgen.metrics.accumulators import Rows
from kerasgen.metrics.class_shares import ClassShares
from kerasgen.metrics.frechet import FrechetDistance
from kerasgen.metrics.inception_score import InceptionScore
from kerasgen.metrics.kernel import KernelDistance
from kerasgen.metrics.precision_recall import DensityCoverage, PrecisionRecall
from kerasgen.metrics.structural_similarity import MultiscaleSSIM

#: The metrics of generated images, by name.
SAMPLE_METRICS = {
    "frechet_distance": FrechetDistance,
    "kernel_distance": KernelDistance,
    "precision_recall": PrecisionRecall,
    "density_coverage": DensityCoverage,
    "inception_score": InceptionScore,
    "class_shares": ClassShares,
    "multiscale_ssim": MultiscaleSSIM,
}
#: Whether a figure of theirs is better "lower" or "higher".
DIRECTIONS = {figure: way for metric in SAMPLE_METRICS.values() for figure, way in metric.better.items()}


def get(metric):
    """The sample metric of a name.

    Args:
        metric: str, one of `SAMPLE_METRICS`, or a metric, which is given back.

    Returns:
        `StreamingMetric`.

    Raises:
        ValueError: If there is no such metric.
    """
    if isinstance(metric, keras.metrics.Metric):
        return metric
    if metric not in SAMPLE_METRICS:
        raise ValueError(f"Metrics of generated images are {sorted(SAMPLE_METRICS)}. Received: {metric!r}")
    return SAMPLE_METRICS[metric]()


def available(features):
    """The names of the metrics that a feature network allows: those of logits need a classifier.

    Args:
        features: Name of a feature network, the network or a Keras model.

    Returns:
        List of str.
    """
    layers = feature_networks.get(features).layers
    return [name for name, metric in SAMPLE_METRICS.items() if metric.layer is None or metric.layer in layers]


class Comparison:
    """Compares generated images with real ones: each image passes the feature network once, for all metrics.

    Args:
        metrics: List of names (`SAMPLE_METRICS`) or metrics.
        features: Name of a feature network, the network or a Keras model.
        bootstrap: int. Draws with replacement for an interval of each figure, "NAME_low" to "NAME_high", beside it
            (`kerasgen.metrics.bootstrap` says of what). Some hundred are enough; 0: no intervals. Recall, coverage, F
            score, class shares and MS-SSIM have none, nor has a Frechet distance of more than 256 features, for the
            time that it takes.

    Raises:
        ValueError: If there is no such metric or network, the network lacks a layer that a metric needs, or there are
            too few draws for an interval.

    Example:
        >>> compare = kerasgen.metrics.Comparison(["frechet_distance", "precision_recall"], "mnist_classifier")
        >>> compare.set_real(data.arrays("test")[0])
        >>> compare(model.generate(10_000, seed=0))
        {'frechet_distance': ..., 'precision': ..., 'recall': ..., 'f_score': ...}
    """

    def __init__(self, metrics, features, bootstrap=0):
        if bootstrap and bootstrap < 40:
            raise ValueError(f"An interval of 95% needs 40 draws at least; 0: no intervals. Received: {bootstrap=}")
        self.bootstrap = bootstrap
        self.network = feature_networks.get(features)
        self.metrics = [get(metric) for metric in metrics]
        kinds = [type(metric).__name__ for metric in self.metrics]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"Two metrics of one class give figures of one name; compare twice. Received: {kinds}")
        lacking = [m.name for m in self.metrics if m.layer is not None and m.layer not in self.network.layers]
        if lacking:
            raise ValueError(
                f"{lacking} needs the logits of a classifier, such as mnist_classifier or fid_inception. "
                f"Received: features {self.network.name!r}"
            )
        self.layers = tuple(sorted({m.layer for m in self.metrics} - {None}))
        self._real = {}
        self.real_count = self.generated_count = 0

    def set_real(self, images, count=None, key=None):
        """Take the real images in, once for all comparisons.

        Args:
            images: Array of images in [0, 1], or an iterable of batches of them.
            count: int or None. How many images an iterable holds; needed with a key.
            key: Dict of what JSON can hold, or None: all that the images depend on. With it, what the metrics need of
                them is kept in the cache (`kerasgen.metrics.cache`), and computed once for all runs, unless the
                features come from a model of the user's own.

        Raises:
            ValueError: If the images are none, or there is a key and no count.
        """
        accumulators = self._accumulators("real")
        # First of all, because it may download weights, which has a progress bar of its own.
        self.network.protocol(self.layers)
        count = len(images) if hasattr(images, "shape") else count
        keys = {}
        if key is not None and self.network.cacheable:
            if count is None:
                raise ValueError("With a key, `count` says how many images there are. Received: count=None")
            # The last digits of features differ between backends and devices.
            place = {"backend": keras.backend.backend(), "device": device_name()}
            of_layer = {name: self.network.protocol((name.partition(" ")[0],)) for name in accumulators}
            keys = {name: {**key, "images": count, **of_layer[name], **place, "kept": name} for name in accumulators}
        for name in keys:
            found = cache.load(keys[name])
            if found is not None:
                accumulators[name] = type(accumulators[name]).from_arrays(found)
        missing = {name: accumulator for name, accumulator in accumulators.items() if not accumulator.count}
        self.real_count = count
        if missing:
            self.real_count = self._feed("real", images, missing, "Real images", count)
        for name, accumulator in missing.items():
            if name in keys:
                cache.save(keys[name], accumulator.arrays())
        self._real = accumulators

    def __call__(self, images, description="Generated images", count=None):
        """Measure generated images.

        Args:
            images: Array of images in [0, 1], or an iterable of batches of them.
            description: str. What the progress bar says.
            count: int or None. How many images an iterable holds, for the progress bar.

        Returns:
            Dict of floats, by figure.

        Raises:
            ValueError: If a metric needs real images and there are none yet: see `set_real`.
        """
        if self._accumulators("real").keys() - self._real.keys():
            raise ValueError("There are no real images to compare with: call `set_real` first. Received: none")
        generated = self._accumulators("generated")
        if self.bootstrap:
            generated = {_rows_of(layer): Rows() for layer in self.layers} | generated
        for metric in self.metrics:
            metric.reset_state()
        self.generated_count = self._feed("generated", images, generated, description, count)
        figures = {}
        for metric in self.metrics:
            if metric.layer is not None:
                sides = {"real": self._real, "generated": generated}
                metric.state = {side: sides[side][_name(metric, side)] for side in metric.sides}
            result = metric.result()
            result = result if isinstance(result, dict) else {metric.name: result}
            figures |= result
            if self.bootstrap and metric.layer is not None:
                figures |= metric.intervals(result, generated[_rows_of(metric.layer)].array, self.bootstrap)
        return figures

    def protocol(self):
        """What must stand beside the figures of the last call: dict of plain values."""
        arguments = {m.name: m.protocol(self.real_count, self.generated_count) for m in self.metrics}
        said = {"metrics": arguments, "real_images": self.real_count}
        if self.bootstrap:
            said["intervals"] = {"bootstrap": self.bootstrap, "level": intervals.LEVEL}
        return {**self.network.protocol(self.layers), **said}

    def _accumulators(self, side):
        """An empty accumulator for each layer and kind that the metrics need, shared among them."""
        return {
            _name(metric, side): metric.empty_state()[side]
            for metric in self.metrics
            if metric.layer is not None and side in metric.sides
        }

    def _feed(self, side, images, accumulators, description, count=None):
        """Let images pass the network; how many they were."""
        whole = [metric for metric in self.metrics if metric.layer is None and side in metric.sides]
        seen = 0
        for batch, outputs in feature_networks.extract(self.network, images, self.layers, description, count):
            seen += len(batch)
            for name, accumulator in accumulators.items():
                accumulator.add(outputs[name.partition(" ")[0]])
            for metric in whole:
                metric.update_state(**{side: batch})
        return seen


def _name(metric, side):
    """Two metrics of one layer and kind of state share an accumulator: "features Rows"."""
    return f"{metric.layer} {type(metric.empty_state()[side]).__name__}"


def _rows_of(layer):
    """The name of the accumulator that keeps the rows of a layer, as `_name` makes it."""
    return f"{layer} {Rows.__name__}"
