"""Losses: likelihoods and divergences, in nats; adversarial losses and penalties on discriminators."""

from kerasgen.losses import adversarial, divergences, likelihoods, penalties

__all__ = ["adversarial", "divergences", "likelihoods", "penalties"]
