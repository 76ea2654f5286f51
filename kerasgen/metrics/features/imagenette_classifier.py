"""A small residual classifier of Imagenette's photographs: a second opinion beside `random_projection`."""

from kerasgen.metrics.features.residual import network
from kerasgen.metrics.features.stored import StoredClassifier


class ImagenetteClassifier(StoredClassifier):
    """Features and logits of a small residual network, trained on Imagenette's training split at 64x64 pixels.

    Its 96 features know what the ten classes look like, of which a random projection of the pixels knows nothing. Its
    card, `imagenette_classifier.md` beside this file, gives its accuracy and how it was trained.

    Example:
        >>> compare = kerasgen.metrics.Comparison(["frechet_distance"], features="imagenette_classifier")
    """

    name = "imagenette_classifier"
    image_shape = (64, 64, 3)

    @staticmethod
    def build(initializer="he_normal"):
        """See `StoredClassifier.build`; the features are 96."""
        return network(ImagenetteClassifier, 24, ((32, 2), (40, 2), (48, 2)), 96, initializer)
