"""Networks: builders of functional Keras models, by architecture."""

from kerasgen.networks import conv, dcgan, layout, mlp, resnet, stargan

__all__ = ["conv", "dcgan", "layout", "mlp", "resnet", "stargan"]
