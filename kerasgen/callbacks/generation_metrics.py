"""How good generated images are, in the course of a training."""

import keras

from kerasgen.callbacks.base import announce
from kerasgen.callbacks.data import choose
from kerasgen.engine.checks import check_images
from kerasgen.metrics import Comparison
from kerasgen.metrics.features import default


class GenerationMetrics(keras.callbacks.Callback):
    """Measures what the model generates against held-out images, and adds the figures to the logs.

    Callbacks get the logs in their order: put this one before those that shall see the figures, such as
    `LearningCurves` (history and curves) and `Checkpoint(run_dir, monitor="frechet_distance")`, which keeps the best
    weights. What is chosen by a figure must be measured on validation images, never on a test split.

    Images are drawn from the same seed each time, so that a change is one of the model; with averaged weights where the
    optimizer keeps some. Drawing takes nothing from the random state of training.

    Args:
        data: Real images, held out from training: arrays `x` or `(x, y)`, or a data set of such batches.
        metrics: Names of metrics of images (`kerasgen.metrics.comparison.SAMPLE_METRICS`), or metrics.
        features: Name of a feature network, or a Keras model. None: what suits the size of the images, see
            `kerasgen.metrics.features.default`.
        samples: int. Generated images, and real ones, a random choice. Where there are fewer, as many as there are.
        every: int. Epochs from one measurement to the next; the last epoch is always measured.
        seed: int. Of the generated images, and of the choice of real ones.

    Raises:
        ValueError: If `data` holds no images in [0, 1], `every` is less than 1, or a metric or network does not exist.

    Example:
        >>> data = kerasgen.datasets.load("mnist", validation=0.1)
        >>> model.fit(data.train, epochs=30, callbacks=[
        ...     kerasgen.callbacks.GenerationMetrics(data.validation, ["frechet_distance"], every=5),
        ...     kerasgen.callbacks.LearningCurves("runs/vae"),
        ...     kerasgen.callbacks.Checkpoint("runs/vae", monitor="frechet_distance")])
    """

    #: `fit` calls it before `keras.callbacks.SwapEMAWeights`, as it does `Checkpoint`, which needs its figures: it puts
    #: averages of weights in place by itself.
    needs_raw_weights = True

    def __init__(
        self, data, metrics=("frechet_distance", "precision_recall"), features=None, samples=1000, every=1, seed=0
    ):
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be one epoch or more. Received: {every}")
        images, self.labels = choose(data, samples, seed)
        check_images(images, where=type(self).__name__)
        self.compare = Comparison(metrics, default(images.shape[1:]) if features is None else features)
        self.compare.set_real(images)
        self.samples = len(images)
        self.every = every
        self.seed = seed

    def on_train_begin(self, logs=None):
        """Tell which figures will come."""
        announce(self, [figure for metric in self.compare.metrics for figure in metric.better])

    def on_epoch_end(self, epoch, logs=None):
        """Measure, where it is time."""
        if (epoch + 1) % self.every and epoch + 1 != self.params.get("epochs"):
            return
        labels = self.labels if self.model.conditional else None
        logs.update(self.compare(self.model.generate(self.samples, labels=labels, seed=self.seed), description=None))
