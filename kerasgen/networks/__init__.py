"""Networks: builders of functional Keras models, by architecture."""

from kerasgen.networks import blocks, conv, mlp

__all__ = ["blocks", "conv", "mlp"]
