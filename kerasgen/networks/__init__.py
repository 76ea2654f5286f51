"""Networks: builders of functional Keras models, by architecture."""

from kerasgen.networks import blocks, conv, dcgan, mlp, resnet

__all__ = ["blocks", "conv", "dcgan", "mlp", "resnet"]
