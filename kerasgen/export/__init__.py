"""Trained models for use elsewhere, without kerasgen and without Keras: SavedModel, ONNX, LiteRT.

A model says what it offers in two places, so that a new family needs no change here:

    signatures()         name -> (function of tensors, list of `keras.InputSpec`); the first is served by default
    exported_networks    name of a file -> name of the signature that it holds (ONNX and LiteRT: a network a file)

Where there is a signature `generate`, a SavedModel also gets `sample`, unless the model does not place its latents
where N(0, I) draws them (`generates` is False) and no sampler was given. Files and folders are written beside and
renamed, so that what was killed leaves the former ones. All exports run on the TensorFlow backend; from
JAX and PyTorch the model is saved and loaded in a process of that backend, which takes some seconds more.
"""

from kerasgen.export.litert import litert
from kerasgen.export.onnx import onnx
from kerasgen.export.saved_model import saved_model

__all__ = ["litert", "onnx", "saved_model"]
