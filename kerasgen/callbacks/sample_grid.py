"""Samples of the model, from the same latents each time."""

import numpy as np

from kerasgen import plots
from kerasgen.callbacks.base import PictureCallback


class SampleGrid(PictureCallback):
    """Draws what the model generates from the same latents every few epochs or steps, and a GIF at the end.

    Of a model that takes labels, each row shows one class.

    Args:
        run_dir: Path of the run folder; see `PictureCallback` for the files.
        count: int. Number of images; with labels, as many as fill whole rows.
        every: int. Epochs from one picture to the next.
        seed: int. Seed of the latents.
        labels: List of int or None. The classes shown, one a row. None: the first ten, if the model takes labels.
        class_names: List of str or None. Names of all classes, for the rows.
        name: str or None. Name of the files, in place of "samples".
        every_steps: int or None. Train steps from one picture to the next. None: `every` counts.

    Raises:
        ValueError: If `every` or `every_steps` is less than 1.

    Example:
        >>> model.fit(data.train, epochs=20, callbacks=[kerasgen.callbacks.SampleGrid("runs/vae")])
        >>> steps = kerasgen.callbacks.SampleGrid("runs/dcgan", every_steps=100)
    """

    name = "samples"

    def __init__(self, run_dir, count=64, every=1, seed=0, labels=None, class_names=None, name=None, every_steps=None):
        super().__init__(run_dir, every, name, every_steps)
        self.count = count
        self.seed = seed
        self.labels = labels
        self.class_names = class_names

    def draw(self, number, logs):
        """Draw the samples."""
        title = f"Samples, {self.unit} {number}"
        if not self.model.conditional:
            return plots.grid(self.model.generate(self.count, seed=self.seed), title=title)
        classes = list(range(min(10, self.model.num_classes))) if self.labels is None else list(self.labels)
        columns = max(1, self.count // len(classes))
        labels = np.repeat(classes, columns)
        images = self.model.generate(len(labels), labels=labels, seed=self.seed)
        names = [self.class_names[label] if self.class_names else f"class {label}" for label in classes]
        return plots.grid(images, columns=columns, title=title, row_names=names)
