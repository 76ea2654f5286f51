"""Image sets in [0, 1]: the embedded digits and shapes, TFDS names, folders, `.npz` files, arrays."""

from kerasgen.datasets import shapes
from kerasgen.datasets.catalogue import list_names
from kerasgen.datasets.data import Data
from kerasgen.datasets.loading import load
from kerasgen.engine.checks import check_images

__all__ = ["Data", "check_images", "list_names", "load", "shapes"]
