"""Measures of models: what they carry, and how good they are."""

from kerasgen.metrics import latent

__all__ = ["latent"]
