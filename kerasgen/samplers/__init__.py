"""Samplers of latents, for any decoder: each has `sample(count, seed)`, which gives `(count, latent_dim)` float32."""

from kerasgen.samplers import interpolation
from kerasgen.samplers.gaussian_mixture import GaussianMixture
from kerasgen.samplers.prior import Prior

__all__ = ["GaussianMixture", "Prior", "interpolation"]
