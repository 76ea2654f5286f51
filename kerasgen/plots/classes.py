"""Pictures of classes."""

import math

import numpy as np

from kerasgen.plots.look import TRAINING, VALIDATION, heading, look, new_figure, short

#: With more classes only some are named; with more letters their names stand aslant.
_NAMED_CLASSES, _LETTERS = 20, 70


@look
def class_shares(shares, real=None, class_names=None, title="Classes of generated images"):
    """How often each class comes up among generated images, and among real ones.

    Args:
        shares: Array `(classes,)`, of generated images.
        real: Array `(classes,)` or None, of real images.
        class_names: List of str or None.
        title: str or None.

    Returns:
        `matplotlib.figure.Figure`: a bar a class, with a mark where the real images are.

    Raises:
        ValueError: If `real` or `class_names` is of another length.

    Example:
        >>> metric = kerasgen.metrics.ClassShares(features="mnist_classifier")
        >>> metric.update_state(real=images, generated=model.generate(1000, seed=0))
        >>> figure = kerasgen.plots.class_shares(metric.shares("generated"), metric.shares("real"))
    """
    shares = np.asarray(shares, "float64")
    for name, values in (("real", real), ("class_names", class_names)):
        if values is not None and len(values) != len(shares):
            raise ValueError(f"`{name}` must hold a value a class, {len(shares)}. Received: {len(values)}")
    names = [short(name) for name in (range(len(shares)) if class_names is None else class_names)]
    classes = np.arange(len(shares))
    figure = new_figure(8, 4)
    axes = figure.add_subplot()
    axes.bar(classes, shares, width=0.7, color=TRAINING, label="generated")
    if real is not None:
        width = 2.6 if len(shares) <= _NAMED_CLASSES else 1.4
        axes.hlines(real, classes - 0.42, classes + 0.42, color=VALIDATION, linewidth=width, label="real")
        figure.legend(loc="upper right", ncols=2, borderaxespad=0, borderpad=0.5)
    axes.grid(axis="x", visible=False)
    axes.set_xlim(-0.6, len(shares) - 0.4)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    step = math.ceil(len(names) / _NAMED_CLASSES)
    shown = names[::step]
    aslant = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if sum(map(len, shown)) > _LETTERS else {}
    axes.set_xticks(classes[::step], shown, **aslant)
    axes.set(xlabel="class", ylabel="share of images")
    heading(figure, title)
    return figure
