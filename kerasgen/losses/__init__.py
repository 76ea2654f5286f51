"""Losses: likelihoods of images and divergences between distributions, in nats."""

from kerasgen.losses import divergences, likelihoods

__all__ = ["divergences", "likelihoods"]
