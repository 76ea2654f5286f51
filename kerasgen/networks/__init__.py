"""Networks: builders of functional Keras models, by architecture."""

from kerasgen.networks import blocks, conv, dcgan, layout, mlp, resnet, stargan

__all__ = ["blocks", "conv", "dcgan", "layout", "mlp", "resnet", "stargan"]
