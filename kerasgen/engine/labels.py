"""What a model knows of the classes of its images."""

import keras
import numpy as np

from kerasgen.engine.checks import check_classes
from kerasgen.engine.inputs import takes_labels


class Labelled:
    """The part of `GenerativeModel` that is about labels."""

    @property
    def conditional(self):
        """Whether some network takes labels."""
        return any(takes_labels(network) for network in self._networks())

    @property
    def num_classes(self):
        """The number of classes that the networks know, or None."""
        layers = [layer for network in self._networks() for layer in network._flatten_layers()]
        sizes = [layer.input_dim for layer in layers if isinstance(layer, keras.layers.Embedding)]
        sizes += [layer.num_tokens for layer in layers if isinstance(layer, keras.layers.CategoryEncoding)]
        return min(sizes) if sizes and self.conditional else None

    def labels_for(self, count, labels):
        """The labels of so many images: those given, or else the classes in turn, or None without classes."""
        if labels is None and self.num_classes:
            return np.arange(count, dtype="int32") % self.num_classes
        if labels is not None and not self.conditional:
            raise ValueError("The networks take no labels: build them with `num_classes=`. Received: labels")
        if labels is not None:
            check_classes(labels, self.num_classes)
            if np.size(labels) != count:
                raise ValueError(f"There must be a label for each of {count} images. Received: {np.size(labels)}")
        return labels

    def check_labels(self, labels, where="fit"):
        """Raise a ValueError where the networks take labels and there are none, or not class numbers that they know."""
        if not self.conditional:
            return
        if labels is None:
            raise ValueError(f"{where}: the networks of this model take labels, pass x and y. Received: x only")
        check_classes(labels, self.num_classes, where)
