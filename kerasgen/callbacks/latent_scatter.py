"""Images in latent space."""

import warnings

import numpy as np

from kerasgen import plots
from kerasgen.callbacks.base import PictureCallback
from kerasgen.callbacks.data import check_given, choose
from kerasgen.files import replace


class LatentScatter(PictureCallback):
    """Draws images as points in latent space, coloured by label; more than two dimensions go through PCA.

    The components are those of the epoch's own points, with the signs of the epoch before, so that pictures are not
    mirrored from one to the next. They are kept in `run_dir/pictures/latent_scatter/components.npy`, for a run that is
    resumed; where that file is damaged a warning says so, and signs begin anew.

    Args:
        data: Images to encode, best those of the test set: arrays `x` or `(x, y)`, or a data set of such batches.
        run_dir: Path of the run folder; see `PictureCallback` for the files.
        every: int. Epochs from one picture to the next.
        max_points: int. A random choice of so many images is kept in memory and encoded; 2,000 MNIST images take 6 MB.
        class_names: List of str or None. Names for the legend.
        name: str or None. Name of the files, in place of "latent_scatter".

    Raises:
        ValueError: If `data` holds no images, or, when training begins, images that the model does not take.

    Example:
        >>> scatter = kerasgen.callbacks.LatentScatter(data.test, "runs/vae", class_names=data.class_names)
        >>> model.fit(data.train, epochs=20, callbacks=[scatter])
    """

    name = "latent_scatter"

    def __init__(self, data, run_dir, every=1, max_points=2000, class_names=None, name=None):
        super().__init__(run_dir, every, name)
        self.images, self.labels = choose(data, max_points)
        self.class_names = class_names
        self.components = None

    def on_train_begin(self, logs=None):
        """Refuse images that the model does not take."""
        super().on_train_begin(logs)
        check_given(self, self.images)

    def begin(self, epochs):
        """Go on with the components of the epochs before this run."""
        super().begin(epochs)
        if self.components is None and epochs and self.path.exists():
            self.components = self._kept()

    @property
    def path(self):
        """Path of the components."""
        return self.run_dir / "pictures" / self.name / "components.npy"

    def draw(self, epoch, logs):
        """Draw the points."""
        latents = self.model.encode(self.images, labels=self.labels_for_model(self.labels))
        pca = None
        if latents.shape[1] > 2 and (pca := plots.principal_components(latents, like=self.components)):
            self.components = pca.components_
            replace(self.path, lambda temporary: _save(temporary, self.components))
        return plots.scatter(latents, self.labels, self.class_names, title=f"Latent space, epoch {epoch}", pca=pca)

    def _kept(self):
        """The components in the file, or None where it holds none for this model."""
        try:
            # Mapped first, so that a header which asks for more than the file holds takes no memory.
            components = np.array(np.load(self.path, mmap_mode="r", allow_pickle=False))
            if components.shape != (2, self.model.latent_dim) or components.dtype.kind != "f":
                raise ValueError(f"an array of shape {components.shape}, dtype {components.dtype}")
            if not np.isfinite(components).all():
                raise ValueError("numbers that are not finite")
        except Exception as error:  # a damaged file may raise anything
            warnings.warn(
                "The components of earlier pictures of latent space cannot be read: later ones may be mirrored. "
                f"Received: {self.path} ({error})",
                stacklevel=2,
            )
            return None
        return components


def _save(path, array):
    with open(path, "wb") as file:  # np.save would add a suffix to the name
        np.save(file, array)
