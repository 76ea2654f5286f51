"""What a model makes of the same images in every domain."""

from kerasgen import plots
from kerasgen.callbacks.base import PictureCallback
from kerasgen.callbacks.data import check_given, choose, one_of_each


class TranslationGrid(PictureCallback):
    """Draws the same images in every domain every few epochs, and a GIF at the end.

    Args:
        data: Images and labels: arrays, or a data set of such batches. One of each domain in turn is shown.
        run_dir: Path of the run folder; see `PictureCallback` for the files.
        count: int. Number of images.
        every: int. Epochs from one picture to the next.
        class_names: List of str or None. Names of the domains.
        name: str or None. Name of the files, in place of "translations".
        every_steps: int or None. Train steps from one picture to the next. None: `every` counts.

    Raises:
        ValueError: If `data` is empty, `every` or `every_steps` is less than 1, or, when training begins, the model
            does not take the images.

    Example:
        >>> grid = kerasgen.callbacks.TranslationGrid(data.test, "runs/star_gan", class_names=data.class_names)
        >>> model.fit(data.train, epochs=20, callbacks=[grid])
    """

    name = "translations"

    def __init__(self, data, run_dir, count=8, every=1, class_names=None, name=None, every_steps=None):
        super().__init__(run_dir, every, name, every_steps)
        images, labels = choose(data, 100 * count)
        self.images, _ = one_of_each(images, labels, count)
        self.class_names = class_names

    def on_train_begin(self, logs=None):
        """Refuse images that the model does not take."""
        super().on_train_begin(logs)
        check_given(self, self.images)

    def draw(self, number, logs):
        """Draw the translations."""
        translated = self.model.translations(self.images)
        return plots.translations(self.images, translated, self.class_names, f"Translations, {self.unit} {number}")
