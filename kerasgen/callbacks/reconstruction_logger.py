"""Originals above reconstructions."""

from kerasgen import plots
from kerasgen.callbacks.base import PictureCallback
from kerasgen.callbacks.data import one_of_each, take


class ReconstructionLogger(PictureCallback):
    """Draws a fixed batch of images above what the model makes of it, every few epochs, and a GIF at the end.

    The batch is taken once: where there are labels the first image of each class, then the second of each, and so on;
    else the first images.

    Args:
        data: Images to reconstruct, best those of the test set: arrays `x` or `(x, y)`, or a data set of such batches.
        run_dir: Path of the run folder; see `PictureCallback` for the files.
        every: int. Epochs from one picture to the next.
        count: int. Number of images.
        name: str or None. Name of the files, in place of "reconstructions".

    Raises:
        ValueError: If `data` holds no images.

    Example:
        >>> model.fit(data.train, epochs=20, callbacks=[kerasgen.callbacks.ReconstructionLogger(data.test, "runs/vae")])
    """

    name = "reconstructions"

    def __init__(self, data, run_dir, every=1, count=20, name=None):
        super().__init__(run_dir, every, name)
        # Ten times as many as are shown, to meet each class without reading the whole set.
        self.images, self.labels = one_of_each(*take(data, 10 * count), count)

    def draw(self, epoch, logs):
        """Draw the originals above their reconstructions."""
        reconstructed = self.model.reconstruct(self.images, labels=self.labels_for_model(self.labels))
        return plots.reconstructions(self.images, reconstructed, title=f"Reconstructions, epoch {epoch}")
