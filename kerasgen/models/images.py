"""What every model does with the images that it is given, whatever it makes of them."""

import numpy as np

from kerasgen.engine.checks import check_images


class TakesImages:
    """A model that is given images, of the shape `image_shape`. Beside `kerasgen.engine.GenerativeModel`."""

    @property
    def bounded(self):
        """Whether values are in [0, 1]: those of images are, rows of a table may have any range."""
        return len(self.image_shape) == 3

    def check_incoming(self, images, where):
        """Raise a ValueError where images are not of the networks' shape, or not in [0, 1]."""
        check_images(images, self.image_shape, where=where, bounded=self.bounded)

    def incoming(self, images, where):
        """Images that a public method, named by `where`, was given: checked, as a float32 array."""
        self.check_incoming(images, where)
        return np.asarray(images, "float32")

    def check_data(self, images, labels, weights, where="fit"):
        """Raise a ValueError where images or labels are none that the networks can take."""
        self.check_incoming(images, where)
        if self.conditional:
            self.check_labels(labels, where)
        elif labels is not None and not np.array_equal(labels, images):
            check_class_numbers(labels, where)


def check_class_numbers(y, where):
    """Refuse a `y` that nothing would use, unless it holds class numbers, which data sets bring along.

    `fit(x, x)`, as autoencoders are trained elsewhere, means what happens.
    """
    y = np.asarray(y)
    column = y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)
    if not column or y.dtype.kind not in "iubf" or not (y == np.floor(y)).all():
        raise ValueError(
            f"{where} got a `y` that would not be used: the networks take no labels, and images are compared with "
            'themselves. To compare with `y`, build an Autoencoder or VAE with target="y"; else leave it out. '
            f"Received: y of shape {y.shape}, dtype {y.dtype}"
        )


def check_targets(values, shape, where, bounded):
    """Refuse values that a likelihood cannot have made: of another shape, or outside of what it maps to."""
    check_images(values, shape, where, bounded=False)
    low, high = float(np.min(values)), float(np.max(values))
    if bounded and (low < -1e-6 or high > 1 + 1e-6):
        raise ValueError(
            f"{where} expects values in [0, 1], to which the likelihood maps. Divide images of 8 bits by 255; for "
            'other numbers build the model with `likelihood=kerasgen.losses.likelihoods.Gaussian(link="identity")`. '
            f"Received: values {low:g} to {high:g}"
        )
