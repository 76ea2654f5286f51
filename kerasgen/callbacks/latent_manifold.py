"""The decoder over a two-dimensional latent space."""

import numpy as np

from kerasgen import plots
from kerasgen.callbacks.base import PictureCallback


class LatentManifold(PictureCallback):
    """Draws what the decoder makes of a grid of a two-dimensional latent space, at quantiles of the standard normal.

    Args:
        run_dir: Path of the run folder; see `PictureCallback` for the files.
        size: int. Images a side.
        every: int. Epochs from one picture to the next.
        label: int. The class that a model that takes labels decodes.
        name: str or None. Name of the files, in place of "latent_manifold".

    Raises:
        ValueError: When training begins, if the model's `latent_dim` is not 2.

    Example:
        >>> model.fit(data.train, epochs=20, callbacks=[kerasgen.callbacks.LatentManifold("runs/vae")])

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, figure 4. https://arxiv.org/abs/1312.6114
    """

    name = "latent_manifold"

    def __init__(self, run_dir, size=20, every=1, label=0, name=None):
        super().__init__(run_dir, every, name)
        self.size = size
        self.label = label

    def on_train_begin(self, logs=None):
        """Refuse a model that has no two-dimensional latent space."""
        super().on_train_begin(logs)
        if self.model.latent_dim != 2:
            raise ValueError(
                "LatentManifold draws a latent space of two dimensions: build the networks with latent_dim=2, or use "
                f"LatentScatter. Received: a model of latent_dim={self.model.latent_dim}"
            )

    def draw(self, epoch, logs):
        """Draw the decoded grid."""
        latents = plots.quantile_grid(self.size)
        labels = self.labels_for_model(np.full(len(latents), self.label))
        title = f"Latent manifold, epoch {epoch}" + (f", class {self.label}" if self.model.conditional else "")
        return plots.manifold(self.model.decode(latents, labels=labels), title=title)
