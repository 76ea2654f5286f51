"""Figures. Each function returns a `matplotlib.figure.Figure`; none needs a display or touches pyplot."""

from kerasgen.plots.classes import class_shares
from kerasgen.plots.curves import learning_curves, sweep
from kerasgen.plots.files import gif, save
from kerasgen.plots.images import grid, interpolation, neighbours, reconstructions, translations
from kerasgen.plots.latents import kl_dimensions, manifold, principal_components, quantile_grid, scatter

__all__ = [
    "class_shares",
    "gif",
    "grid",
    "interpolation",
    "kl_dimensions",
    "learning_curves",
    "manifold",
    "neighbours",
    "principal_components",
    "quantile_grid",
    "reconstructions",
    "save",
    "scatter",
    "sweep",
    "translations",
]
