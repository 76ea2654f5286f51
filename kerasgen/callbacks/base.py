"""What the callbacks that draw have in common."""

import pathlib
import shutil
import warnings

import keras

from kerasgen import plots
from kerasgen.files import replace

#: How a picture of an epoch or of a step is called.
_FRAMES = {"epoch": "epoch-{:04d}", "step": "step-{:06d}"}


class PictureCallback(keras.callbacks.Callback):
    """Draws a figure every few epochs, or every few steps, and saves it in the run folder.

    A subclass sets `name` and overrides `draw`. The files, for a callback named "samples":

        run_dir/pictures/samples.png                  the newest
        run_dir/pictures/samples/epoch-0001.png       each; where it draws by steps, step-000100.png
        run_dir/pictures/samples.gif                  all of them, when training ends

    A picture is drawn after every epoch whose number `every` divides; or, with `every_steps`, after so many train steps
    of the model's whole training, whatever the epoch; and after the last epoch. Pictures of epochs or steps that a run
    does again (it was resumed from an earlier epoch, or started anew in this folder) are deleted when it begins.

    On TensorFlow and JAX several steps run as one, fewer than `every_steps` but perhaps not a divisor of it or of an
    epoch: the picture then comes after the execution in which its step was done, and is named after the last one.

    Drawing takes nothing from the random state of training, so a callback changes no bit of it.

    Args:
        run_dir: Path of the run folder.
        every: int. Epochs from one picture to the next.
        name: str or None. Name of the files; one of your own keeps two callbacks of a class apart.
        every_steps: int or None. Train steps, that is batches, from one picture to the next. None: `every` counts.

    Raises:
        ValueError: If `every` or `every_steps` is less than 1.
    """

    #: Where several processes train together, the first alone has it.
    looks_on = True
    #: Name of the files, unless the constructor gets another.
    name = "pictures"
    #: Whether a picture of each epoch is kept, and a GIF made of them.
    animated = True

    def __init__(self, run_dir, every=1, name=None, every_steps=None):
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be one epoch or more. Received: {every}")
        if every_steps is not None and every_steps < 1:
            raise ValueError(f"`every_steps` must be one step or more. Received: {every_steps}")
        self.run_dir = pathlib.Path(run_dir)
        self.every = every
        self.every_steps = every_steps
        self.name = name or self.name
        self._begun = False
        self._seen = 0
        if every_steps is not None:
            # On the object, not in the class: whoever draws by epochs must not seem to look at batches, for whose sake
            # fewer steps run as one.
            self.on_train_batch_end = self._look

    @property
    def unit(self):
        """What pictures are counted by: "epoch" or "step"."""
        return "epoch" if self.every_steps is None else "step"

    def draw(self, number, logs):
        """Draw the figure.

        Args:
            number: int. Number of the epoch that has ended, counted from 1; or of the step: see `unit`.
            logs: Dict of the epoch's logs. What is added here reaches the callbacks that follow, and the history. (By
                steps: the logs of the batch, which nobody keeps.)

        Returns:
            `matplotlib.figure.Figure`, or None: no picture this time.
        """
        raise NotImplementedError

    def begin(self, epochs):
        """Called before the first epoch of a run with the number of epochs done before: 0, unless it was resumed."""
        done = epochs if self.every_steps is None else self._steps()
        self._seen = done
        for number, frame in self._frames():
            if number > done:
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
        if self.every_steps is not None:
            self._before = self._steps()

    def on_epoch_end(self, epoch, logs=None):
        """Draw and save, where it is time."""
        last = epoch + 1 == self.params.get("epochs")
        if self.every_steps is None:
            if last or (epoch + 1) % self.every == 0:
                self._save(epoch + 1, logs)
        elif last and (steps := self._steps()) > self._seen:
            self._save(steps, logs)

    def on_train_end(self, logs=None):
        """Make the GIF, of all pictures in the folder: those drawn before a run was resumed, too."""
        frames = [frame for _, frame in self._frames()]
        if self.animated and len(frames) > 1:
            try:
                plots.gif(frames, self.run_dir / "pictures" / f"{self.name}.gif")
            except OSError as error:  # A picture of an earlier run is damaged, say: no reason to lose this one.
                warnings.warn(f"The pictures were not made into a GIF. Received: {error}", stacklevel=2)

    def _look(self, batch, logs=None):
        """Draw and save, where a picture fell due in the steps since the last look."""
        # The steps that are done at most: Keras counts an execution at the end of the data as a full one. The true
        # number is asked for only then, since it waits for the device.
        if not self._is_due(self._before + batch + 1):
            return
        steps = self._steps()
        if self._is_due(steps):
            self._seen = steps
            self._save(steps, logs)

    def _is_due(self, steps):
        return steps // self.every_steps > self._seen // self.every_steps

    def _steps(self):
        """Train steps that the model has done, in earlier runs too."""
        return int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))

    def _save(self, number, logs):
        figure = self.draw(number, {} if logs is None else logs)
        if figure is None:
            return
        newest = self.run_dir / "pictures" / f"{self.name}.png"
        if self.animated:
            frame = plots.save(figure, newest.with_suffix("") / f"{_FRAMES[self.unit].format(number)}.png")
            replace(newest, lambda temporary: shutil.copyfile(frame, temporary))
        else:
            plots.save(figure, newest)

    def _frames(self):
        """Pairs of the number of an epoch or step and the path of its picture, in order."""
        prefix = f"{self.unit}-"
        paths = (self.run_dir / "pictures" / self.name).glob(f"{prefix}*.png")
        return sorted((int(path.stem[len(prefix) :]), path) for path in paths if path.stem[len(prefix) :].isdigit())


def announce(callback, names):
    """Tell the callbacks that follow which logs this one adds, though not in each epoch.

    Args:
        callback: A callback, when training begins.
        names: Names of logs.
    """
    # Keras gives all callbacks of a `fit` one dict.
    callback.params.setdefault("figures", []).extend(names)
