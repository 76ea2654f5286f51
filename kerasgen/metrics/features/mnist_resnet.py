"""A small residual classifier of MNIST digits: a second opinion beside `mnist_classifier`."""

from kerasgen.metrics.features.residual import network
from kerasgen.metrics.features.stored import StoredClassifier


class MNISTResNet(StoredClassifier):
    """Features and logits of a small residual network, trained on MNIST's training split.

    It has in common with `mnist_classifier` the digits alone: residual blocks and strides, no dense layer and no
    dropout, another activation, and 96 features that are averages over places. A figure that holds in the features of
    both is no whim of one network. Its card is `mnist_resnet.md` beside this file.

    Example:
        >>> compare = kerasgen.metrics.Comparison(["frechet_distance"], features="mnist_resnet")
    """

    name = "mnist_resnet"
    image_shape = (28, 28, 1)

    @staticmethod
    def build(initializer="he_normal"):
        """See `StoredClassifier.build`; the features are 96."""
        return network(MNISTResNet, 24, ((24, 1), (48, 2)), 96, initializer)
