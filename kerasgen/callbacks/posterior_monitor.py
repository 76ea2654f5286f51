"""What each latent dimension of a VAE carries."""

from kerasgen import plots
from kerasgen.callbacks.base import PictureCallback, announce
from kerasgen.callbacks.data import check_given, choose
from kerasgen.metrics.latent import active_dimensions, kl_per_dimension


class PosteriorMonitor(PictureCallback):
    """Draws the KL divergence of each latent dimension of a VAE, and logs the number of dimensions in use.

    The log `active_units` appears in the epochs that are drawn. Callbacks get the logs in their order: put this one
    before `LearningCurves`, and before whatever else shall see it.

    Args:
        data: Images to encode, best those of the test set: arrays `x` or `(x, y)`, or a data set of such batches.
        run_dir: Path of the run folder; see `PictureCallback` for the files.
        every: int. Epochs from one picture to the next.
        max_points: int. A random choice of so many images is kept in memory and encoded.
        threshold: float. A dimension is active if its posterior mean has a variance above it over the images.
        name: str or None. Name of the files, in place of "posterior".

    Raises:
        ValueError: If `data` holds no images, or, when training begins, if the model has no `posterior` or does not
            take the images.

    Example:
        >>> model.fit(data.train, epochs=20, callbacks=[
        ...     kerasgen.callbacks.PosteriorMonitor(data.test, "runs/vae"),
        ...     kerasgen.callbacks.LearningCurves("runs/vae")])

    Reference:
        Burda et al., "Importance Weighted Autoencoders", 2016, section 5.2. https://arxiv.org/abs/1509.00519
    """

    name = "posterior"

    def __init__(self, data, run_dir, every=1, max_points=2000, threshold=0.01, name=None):
        super().__init__(run_dir, every, name)
        self.images, self.labels = choose(data, max_points)
        self.threshold = threshold

    def on_train_begin(self, logs=None):
        """Refuse a model without posterior, and images that it does not take."""
        super().on_train_begin(logs)
        if not hasattr(self.model, "posterior"):
            raise ValueError(
                "PosteriorMonitor needs a model with `posterior(images)`, such as kerasgen.models.VAE. "
                f"Received: {type(self.model).__name__}"
            )
        check_given(self, self.images)
        announce(self, ["active_units"])

    def draw(self, epoch, logs):
        """Draw the KL a dimension, and log the active units."""
        mean, log_variance = self.model.posterior(self.images, labels=self.labels_for_model(self.labels))
        active = active_dimensions(mean, self.threshold)
        logs["active_units"] = int(active.sum())
        kl = kl_per_dimension(mean, log_variance)
        return plots.kl_dimensions(kl, active, title=f"KL divergence, epoch {epoch}")
