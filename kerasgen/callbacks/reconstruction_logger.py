"""Originals above reconstructions."""

from kerasgen import plots
from kerasgen.callbacks.base import PictureCallback
from kerasgen.callbacks.data import check_given, choose, one_of_each


class ReconstructionLogger(PictureCallback):
    """Draws a fixed batch of images above what the model makes of it, every few epochs, and a GIF at the end.

    The batch is a random choice, made once: where there are labels an image of each class, then a second of each, and
    so on.

    Args:
        data: Images to reconstruct, best those of the test set: arrays `x` or `(x, y)`, or a data set of such batches.
        run_dir: Path of the run folder; see `PictureCallback` for the files.
        every: int. Epochs from one picture to the next.
        count: int. Number of images.
        name: str or None. Name of the files, in place of "reconstructions".

    Raises:
        ValueError: If `data` holds no images, or, when training begins, images that the model does not take.

    Example:
        >>> model.fit(data.train, epochs=20, callbacks=[kerasgen.callbacks.ReconstructionLogger(data.test, "runs/vae")])
    """

    name = "reconstructions"

    def __init__(self, data, run_dir, every=1, count=20, name=None):
        super().__init__(run_dir, every, name)
        # A hundred times as many as are shown, to meet each class.
        self.images, self.labels = one_of_each(*choose(data, 100 * count), count)

    def on_train_begin(self, logs=None):
        """Refuse images that the model does not take."""
        super().on_train_begin(logs)
        check_given(self, self.images)

    def draw(self, epoch, logs):
        """Draw the originals above their reconstructions."""
        reconstructed = self.model.reconstruct(self.images, labels=self.labels_for_model(self.labels))
        return plots.reconstructions(self.images, reconstructed, title=f"Reconstructions, epoch {epoch}")
