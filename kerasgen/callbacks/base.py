"""What the callbacks that draw have in common."""

import pathlib
import shutil

import keras

from kerasgen import plots
from kerasgen.plots.files import replace


class PictureCallback(keras.callbacks.Callback):
    """Draws a figure after an epoch, and saves it in the run folder.

    A subclass sets `name` and overrides `draw`. The files, for a callback named "samples":

        run_dir/pictures/samples.png                  the newest
        run_dir/pictures/samples/epoch-0001.png       each
        run_dir/pictures/samples.gif                  all of them, when training ends

    A picture is drawn after every epoch whose number `every` divides, and after the last one. Pictures of epochs that a
    run does again (it was resumed from an earlier epoch, or started anew in this folder) are deleted when it begins.

    Drawing takes nothing from the random state of training, so a callback changes no bit of it.

    Args:
        run_dir: Path of the run folder.
        every: int. Epochs from one picture to the next.
        name: str or None. Name of the files; one of your own keeps two callbacks of a class apart.

    Raises:
        ValueError: If `every` is less than 1.
    """

    #: Name of the files, unless the constructor gets another.
    name = "pictures"
    #: Whether a picture of each epoch is kept, and a GIF made of them.
    animated = True

    def __init__(self, run_dir, every=1, name=None):
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be one epoch or more. Received: {every}")
        self.run_dir = pathlib.Path(run_dir)
        self.every = every
        self.name = name or self.name
        self._begun = False

    def draw(self, epoch, logs):
        """Draw the figure.

        Args:
            epoch: int. Number of the epoch that has ended, counted from 1.
            logs: Dict of the epoch's logs. What is added here reaches the callbacks that follow, and the history.

        Returns:
            `matplotlib.figure.Figure`.
        """
        raise NotImplementedError

    def begin(self, epochs):
        """Called before the first epoch of a run with the number of epochs done before: 0, unless it was resumed."""
        for number, frame in self._frames():
            if number > epochs:
                frame.unlink()

    def labels_for_model(self, labels):
        """The labels, where the model takes some."""
        return labels if self.model.conditional else None

    def on_train_begin(self, logs=None):
        """Start anew."""
        self._begun = False

    def on_epoch_begin(self, epoch, logs=None):
        """Clear away what this run is about to do again."""
        if not self._begun:
            self.begin(epoch)
            self._begun = True

    def on_epoch_end(self, epoch, logs=None):
        """Draw and save, where it is time."""
        number = epoch + 1
        if number % self.every and number != self.params.get("epochs"):
            return
        figure = self.draw(number, {} if logs is None else logs)
        newest = self.run_dir / "pictures" / f"{self.name}.png"
        if self.animated:
            frame = plots.save(figure, newest.with_suffix("") / f"epoch-{number:04d}.png")
            replace(newest, lambda temporary: shutil.copyfile(frame, temporary))
        else:
            plots.save(figure, newest)

    def on_train_end(self, logs=None):
        """Make the GIF, of all pictures in the folder: those drawn before a run was resumed, too."""
        frames = [frame for _, frame in self._frames()]
        if self.animated and len(frames) > 1:
            plots.gif(frames, self.run_dir / "pictures" / f"{self.name}.gif")

    def _frames(self):
        """Pairs of the number of an epoch and the path of its picture, in order."""
        paths = (self.run_dir / "pictures" / self.name).glob("epoch-*.png")
        return sorted((int(path.stem[len("epoch-") :]), path) for path in paths if path.stem[len("epoch-") :].isdigit())
