"""What a run shows, also in TensorBoard or Weights & Biases: one callback switches all of it on."""

import pathlib

import keras


class Tracker(keras.callbacks.Callback):
    """Hands on the logs of each epoch, and the pictures that callbacks have put into the run folder for it.

    A subclass overrides `track`. It finds the pictures by their place, `run_dir/pictures/NAME/epoch-0001.png`, so no
    other callback has to know of it. It comes after them in the list.

    Args:
        run_dir: Path of the run folder.
    """

    #: Where several processes train together, the first alone has it.
    looks_on = True

    def __init__(self, run_dir):
        super().__init__()
        self.run_dir = pathlib.Path(run_dir)

    def track(self, epoch, scalars, pictures):
        """Hand on what an epoch has shown.

        Args:
            epoch: int. Number of the epoch, counted from 1.
            scalars: Dict from the name of a log to its value.
            pictures: Dict from the name of a picture to its path.
        """
        raise NotImplementedError

    def on_epoch_end(self, epoch, logs=None):
        """Gather the logs and pictures of the epoch."""
        paths = sorted(self.run_dir.glob(f"pictures/*/epoch-{epoch + 1:04d}.png"))
        self.track(epoch + 1, dict(logs or {}), {path.parent.name: path for path in paths})


class TensorBoardLogger(Tracker):
    """Writes the logs and pictures of a run to `run_dir/tensorboard`; look at them with `tensorboard --logdir run_dir`.

    It comes after the callbacks that draw or add to the logs.

    Args:
        run_dir: Path of the run folder, the same as that of the callbacks that draw.

    Raises:
        ImportError: If TensorFlow or tensorboard is not installed.

    Example:
        >>> model.fit(data.train, epochs=20, callbacks=[
        ...     kerasgen.callbacks.SampleGrid("runs/vae"), kerasgen.callbacks.TensorBoardLogger("runs/vae")])
    """

    def __init__(self, run_dir):
        super().__init__(run_dir)
        try:
            import tensorboard  # noqa: F401  tf.summary needs it to write pictures
            import tensorflow  # noqa: F401
        except ImportError as error:
            raise ImportError(
                "TensorBoardLogger needs TensorFlow and tensorboard: pip install 'kerasgen[tensorboard]'. "
                f"Received: {error}"
            ) from error
        self._writer = None

    def on_train_begin(self, logs=None):
        """Open a file of events; each run of `fit` writes one of its own."""
        import tensorflow as tf

        self._writer = tf.summary.create_file_writer(str(self.run_dir / "tensorboard"))

    def track(self, epoch, scalars, pictures):
        """Write the events of an epoch."""
        import tensorflow as tf

        with self._writer.as_default(step=epoch):
            for name, value in scalars.items():
                tf.summary.scalar(name, value)
            for name, path in pictures.items():
                tf.summary.image(name, _pixels(path)[None])
        self._writer.flush()

    def on_train_end(self, logs=None):
        """Close the file."""
        self._writer.close()


class WandbLogger(Tracker):
    """Logs the logs and pictures of a run to the current run of Weights & Biases.

    It comes after the callbacks that draw or add to the logs.

    Args:
        run_dir: Path of the run folder, the same as that of the callbacks that draw.

    Raises:
        ImportError: If wandb is not installed.
        ValueError: When training begins, if no run is open.

    Example:
        >>> wandb.init(project="digits")
        >>> model.fit(data.train, epochs=20, callbacks=[
        ...     kerasgen.callbacks.SampleGrid("runs/vae"), kerasgen.callbacks.WandbLogger("runs/vae")])
    """

    def __init__(self, run_dir):
        super().__init__(run_dir)
        try:
            import wandb  # noqa: F401
        except ImportError as error:
            raise ImportError(f"WandbLogger needs wandb: pip install 'kerasgen[wandb]'. Received: {error}") from error

    def on_train_begin(self, logs=None):
        """Refuse to train unseen."""
        import wandb

        if wandb.run is None:
            raise ValueError(
                "WandbLogger logs to the current run: call `wandb.init(project=...)` first. Received: none"
            )
        # The axis of all charts; wandb's own counter of steps may already be used by others.
        wandb.run.define_metric("epoch")

    def track(self, epoch, scalars, pictures):
        """Log an epoch."""
        import wandb

        for name in [*scalars, *pictures]:
            wandb.run.define_metric(name, step_metric="epoch")
        images = {name: wandb.Image(str(path)) for name, path in pictures.items()}
        wandb.run.log({"epoch": epoch, **scalars, **images})


def _pixels(path):
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
