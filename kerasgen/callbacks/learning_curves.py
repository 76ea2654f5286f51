"""The terms of a training, drawn and written down."""

from kerasgen import plots
from kerasgen.callbacks.base import PictureCallback
from kerasgen.callbacks.history import add_epoch, first_epochs, read_history, write_history


class LearningCurves(PictureCallback):
    """Draws all terms, of training and validation, over the epochs, and writes them to `history.csv`.

    The files, the picture drawn every few epochs, the table written after each:

        run_dir/history.csv                     a row an epoch: its number from 1, then each log
        run_dir/pictures/learning_curves.png

    A run that was resumed (`fit(..., initial_epoch=n)`) keeps the rows of the first n epochs. They come from `history`,
    else from the file in the run folder; the table ends the same, byte for byte, as if it had never stopped.

    Callbacks that add to the logs (`PosteriorMonitor`, `Annealing`) must come before this one in the list.

    Args:
        run_dir: Path of the run folder.
        every: int. Epochs from one picture to the next.
        history: Dict from "epoch" and each log to its values, as `read_history` gives it, or None.
        log_scale: Names of terms that are drawn on a logarithmic axis.
        held_out: str. What the legend calls the data that `fit` validates on.

    Raises:
        ValueError: If `history` has no "epoch", `every` is less than 1, or the table in the run folder is not one.

    Example:
        >>> model.fit(data.train, validation_data=data.test, epochs=20,
        ...           callbacks=[kerasgen.callbacks.LearningCurves("runs/vae")])
    """

    name = "learning_curves"
    animated = False

    def __init__(self, run_dir, every=1, history=None, log_scale=(), held_out="validation"):
        super().__init__(run_dir, every)
        if history is not None and "epoch" not in history:
            raise ValueError(
                f"`history` must have a column 'epoch', as `read_history` gives. Received: {list(history)}"
            )
        self.history = {"epoch": []} if history is None else history
        self.log_scale = log_scale
        self.held_out = held_out
        self._given = history is not None

    @property
    def path(self):
        """Path of the table."""
        return self.run_dir / "history.csv"

    def begin(self, epochs):
        """Keep what was done before this run."""
        if not self._given and self.path.exists():
            self.history = read_history(self.path)
        self.history = first_epochs(self.history, epochs)

    def on_epoch_end(self, epoch, logs=None):
        """Write the table, and draw where it is time."""
        add_epoch(self.history, epoch + 1, logs or {})
        write_history(self.history, self.path)
        super().on_epoch_end(epoch, logs)

    def draw(self, epoch, logs):
        """Draw a panel a term."""
        known = [name for name in self.log_scale if name in self.history]
        title = f"Learning curves, epoch {epoch}"
        return plots.learning_curves(self.history, title=title, log_scale=known, held_out=self.held_out)
