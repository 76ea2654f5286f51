"""Pictures of latent spaces."""

import math
import statistics

import numpy as np

from kerasgen.plots.images import as_images, show, tile
from kerasgen.plots.look import TRAINING, class_colors, heading, look, new_figure, short

#: With more classes a legend gives way to a colour bar, with more dimensions their numbers are left out.
_LEGEND_CLASSES, _NUMBERED_DIMENSIONS = 20, 32
#: The colour of dimensions that carry nothing.
_INACTIVE = "#b6c2cf"


@look
def scatter(latents, labels=None, class_names=None, title="Latent space", pca=None):
    """Points in latent space, coloured by class.

    One dimension is drawn as a strip a class, two as they are, more through their two first principal components; the
    title says so, and gives the variance that they explain.

    Args:
        latents: Array `(n, latent_dim)`. Points that are not finite are left out, and counted in the title.
        labels: int array `(n,)` or None.
        class_names: List of str or None. Names for the legend.
        title: str.
        pca: `sklearn.decomposition.PCA` of two components that maps the points to the plane, or None: that of
            `principal_components(latents)`.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If `latents` is not a matrix, or `labels` does not fit it.

    Example:
        >>> figure = kerasgen.plots.scatter(model.encode(images), labels)
    """
    latents = np.asarray(latents, "float64")
    if latents.ndim != 2:
        raise ValueError(f"Latents must be an array (n, latent_dim). Received: an array of shape {latents.shape}")
    labels = None if labels is None else np.asarray(labels).reshape(-1).astype(int)
    if labels is not None and len(labels) != len(latents):
        raise ValueError(f"Each point needs one label. Received: {len(latents)} points, {len(labels)} labels")
    names = _names(labels, class_names)
    finite = np.isfinite(latents).all(axis=1)
    if not finite.all():
        title = f"{title} ({np.sum(~finite)} points are not finite)"
        latents, labels = latents[finite], None if labels is None else labels[finite]

    figure = new_figure(8, 6)
    axes = figure.add_subplot()
    if latents.shape[1] == 1:
        _strips(axes, latents[:, 0], labels, names)
    else:
        dimensions = ["latent dimension 1", "latent dimension 2"]
        if latents.shape[1] > 2 and len(latents) > 1:
            pca = principal_components(latents) if pca is None else pca
            explained = np.nan_to_num(pca.explained_variance_ratio_)
            title += f": PCA of {latents.shape[1]} dimensions, {explained.sum():.1%} of the variance"
            dimensions = [f"principal component {i + 1} ({part:.1%})" for i, part in enumerate(explained)]
            latents = pca.transform(latents)
        _points(axes, latents[:, 0], latents[:, 1], labels, names)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set(xlabel=dimensions[0], ylabel=dimensions[1])
        _legend(figure, axes, names)
    heading(figure, title)
    return figure


@look
def manifold(images, title="Latent manifold"):
    """What the decoder makes of a square of a two-dimensional latent space.

    Args:
        images: Array `(size * size, height, width[, channels])` in [0, 1]: the decoded points of `quantile_grid(size)`.
        title: str or None.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: If the number of images is not a square.

    Example:
        >>> figure = kerasgen.plots.manifold(model.decode(kerasgen.plots.quantile_grid(20)))
    """
    images = as_images(images)
    size = round(len(images) ** 0.5)
    if size * size != len(images):
        raise ValueError(f"A manifold needs size * size images. Received: {len(images)} images")
    canvas, rows, columns = tile(images, size, gap=0)
    values = _quantiles(size)
    marks = {0, size // 4, size - 1 - size // 4, size - 1} | ({size // 2} if size % 2 else set())
    return show(
        canvas,
        rows,
        columns,
        title=title,
        column_ticks=[(columns[mark], f"{values[mark]:.1f}") for mark in marks],
        row_names=[(rows[mark], f"{values[::-1][mark]:.1f}") for mark in marks],
        column_label="latent dimension 1",
        row_label="latent dimension 2",
    )


def quantile_grid(size):
    """Points of a two-dimensional latent space, equally likely under the standard normal prior.

    Args:
        size: int. Points a side, at the quantiles (i + 1/2) / size.

    Returns:
        float32 array `(size * size, 2)`, row by row from above: the first dimension grows to the right, the second
        upwards.

    Example:
        >>> images = model.decode(kerasgen.plots.quantile_grid(20))
    """
    values = np.array(_quantiles(size), "float32")
    return np.stack(np.meshgrid(values, values[::-1]), axis=-1).reshape(-1, 2)


@look
def kl_dimensions(kl, active=None, title=None):
    """The KL divergence of each latent dimension, the largest first.

    Args:
        kl: Array `(latent_dim,)`, nats an image.
        active: bool array `(latent_dim,)` or None. Which dimensions are in use; the others are drawn pale.
        title: str or None. The sum in nats and the number of active dimensions follow it.

    Returns:
        `matplotlib.figure.Figure`.

    Example:
        >>> mean, log_variance = model.posterior(images)
        >>> figure = kerasgen.plots.kl_dimensions(kerasgen.metrics.latent.kl_per_dimension(mean, log_variance))

    Reference:
        Burda et al., "Importance Weighted Autoencoders", 2016, section 5.2 (active units). https://arxiv.org/abs/1509.00519
    """
    from matplotlib.patches import Patch

    kl = np.asarray(kl, "float64")
    order = np.argsort(-kl, kind="stable")
    ranks = np.arange(1, len(kl) + 1)
    figure = new_figure(8, 4)
    axes = figure.add_subplot()
    title = f"{title or 'KL divergence'}: {kl.sum():.1f} nats"
    colors = TRAINING
    if active is not None:
        active = np.asarray(active, bool)
        title += f", {active.sum()} of {len(kl)} dimensions active"
        colors = np.where(active[order], TRAINING, _INACTIVE)
        patches = [Patch(color=TRAINING, label="active"), Patch(color=_INACTIVE, label="not active")]
        axes.legend(handles=patches, loc="upper right")
    axes.bar(ranks, kl[order], color=colors, width=min(0.8, 0.15 * len(kl)))
    axes.grid(axis="x", visible=False)
    heading(figure, title)
    axes.set_ylabel("KL (nats an image)")
    axes.set_xlim(0.4, len(kl) + 0.6)
    if len(kl) <= _NUMBERED_DIMENSIONS:
        axes.set_xticks(ranks, [str(dimension + 1) for dimension in order])
        axes.set_xlabel("latent dimension, in the order of its KL")
    else:
        axes.set_xlabel("rank of the latent dimension in the order of its KL")
    return figure


def principal_components(latents, like=None):
    """The two first principal components of points.

    Args:
        latents: Array `(n, latent_dim)`. Points that are not finite are left out.
        like: Array `(2, latent_dim)` or None. The sign of a component is free: each gets the one that brings it nearer
            to this one. With the components of the epoch before, successive pictures are not mirrored.

    Returns:
        `sklearn.decomposition.PCA`, fitted, or None where fewer than two points are finite.

    Example:
        >>> pca = kerasgen.plots.principal_components(model.encode(images))
        >>> figure = kerasgen.plots.scatter(model.encode(others), pca=pca)
    """
    from sklearn.decomposition import PCA

    latents = np.asarray(latents, "float64")
    latents = latents[np.isfinite(latents).all(axis=1)]
    if len(latents) < 2:
        return None
    with np.errstate(invalid="ignore"):  # the fraction of variance is 0 / 0 where all points are one
        pca = PCA(2, svd_solver="full").fit(latents)
    if like is not None:
        pca.components_[np.sum(pca.components_ * like, axis=1) < 0] *= -1
    return pca


def _quantiles(size):
    return [statistics.NormalDist().inv_cdf((index + 0.5) / size) for index in range(size)]


def _names(labels, class_names):
    """One name a class, classes without points included: the legend is the same in each epoch."""
    if labels is None:
        return []
    count = max(len(class_names or []), int(labels.max(initial=0)) + 1)
    names = list(class_names or [])
    return [short(name) for name in names + list(range(len(names), count))]


def _points(axes, x, y, labels, names):
    """Points in the order in which they come, so that no class hides another."""
    size = float(np.clip(24_000 / max(1, len(x)), 6, 36))
    colors = TRAINING if labels is None else np.array(class_colors(len(names)))[labels]
    axes.scatter(x, y, s=size, c=colors, alpha=0.75, linewidths=0)


def _strips(axes, x, labels, names):
    """One dimension: a strip a class, spread so that points do not hide each other; a histogram without classes."""
    axes.set_xlabel("latent dimension 1")
    axes.grid(axis="y", visible=False)
    if labels is None:
        axes.hist(x, bins=50, color=TRAINING)
        axes.set_ylabel("points")
        return
    # Multiples of the golden ratio fill the strip evenly, and always in the same way.
    spread = 0.7 * ((np.arange(len(x)) * 0.618034) % 1 - 0.5)
    _points(axes, x, labels + spread, labels, names)
    step = math.ceil(len(names) / _LEGEND_CLASSES)
    axes.set_yticks(range(0, len(names), step), names[::step])
    axes.set_ylabel("class")
    axes.set_ylim(len(names) - 0.4, -0.6)


def _legend(figure, axes, names):
    if not names:
        return
    import matplotlib

    colors = class_colors(len(names))
    if len(names) > _LEGEND_CLASSES:
        scale = matplotlib.cm.ScalarMappable(
            matplotlib.colors.BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names)),
            matplotlib.colors.ListedColormap(colors),
        )
        step = math.ceil(len(names) / 10)
        bar = figure.colorbar(scale, ax=axes, label="class", ticks=range(0, len(names), step))
        bar.ax.set_yticklabels(names[::step])
        bar.ax.tick_params(which="both", length=0)
        return
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linestyle="", marker="o", markersize=7, color=color) for color in colors]
    figure.legend(handles, names, title="class", loc="outside right center", alignment="left", handletextpad=0.2)
