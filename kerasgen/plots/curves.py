"""Figures over epochs, and over the values of a setting."""

import math
import textwrap

import numpy as np

from kerasgen.plots.look import TRAINING, VALIDATION, WATCHED, heading, look, new_figure


@look
def learning_curves(history, title="Learning curves", log_scale=(), held_out="validation"):
    """Each term of the training over the epochs, in a panel of its own.

    Args:
        history: Dict from the name of a log to its values, one an epoch; `val_NAME` is drawn beside `NAME`. As
            `History.history` of Keras, or with a list "epoch" of the epochs' numbers; None where an epoch has no value.
        title: str or None.
        log_scale: Names of terms whose values, all positive, are drawn on a logarithmic axis.
        held_out: str. What the legend calls the data of the terms `val_NAME`, such as "test split".

    Returns:
        `matplotlib.figure.Figure`, one axes a term.

    Raises:
        ValueError: If there is no term, or `log_scale` names one that there is not.

    Example:
        >>> history = model.fit(images, epochs=20).history
        >>> figure = kerasgen.plots.learning_curves(history)
    """
    from matplotlib.ticker import LogFormatter, MaxNLocator

    logs = {name: values for name, values in history.items() if name != "epoch"}
    terms = list(dict.fromkeys(name.removeprefix("val_") for name in logs))
    terms.sort(key=lambda term: term != "loss")  # what is minimised comes first; the rest keeps its order
    if not terms:
        raise ValueError(f"A history must hold one term at least. Received: {list(history)}")
    if unknown := set(log_scale) - set(terms):
        raise ValueError(f"`log_scale` must name some of the terms {terms}. Received: {sorted(unknown)}")
    validated = any(name.startswith("val_") for name in logs)

    columns = 2 if len(terms) == 4 else min(len(terms), 3)
    rows = math.ceil(len(terms) / columns)
    figure = new_figure(8, (4.2, 3.3, 2.6)[columns - 1] * rows + 0.5)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    drawn = {}
    for term, axes in zip(terms, panels):
        # What is only watched (a learning rate, active units) has no counterpart in validation.
        alone = validated and f"val_{term}" not in logs
        for name, label, color in ((term, "training", TRAINING), (f"val_{term}", held_out, VALIDATION)):
            if name in logs:
                epochs, values = _points(history, name)
                style = {"marker": "o" if len(values) <= 12 else None, "linewidth": 1.8 if len(values) <= 200 else 1.0}
                line = axes.plot(epochs, values, color=WATCHED if alone else color, markersize=3.5, **style)[0]
                if validated and not alone:
                    drawn.setdefault(label, line)
        axes.set(xlabel="epoch", ylabel=textwrap.fill(term.replace("_", " "), 24))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
        if term in log_scale:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(LogFormatter())  # Matplotlib's own writes numbers as formulas.
            axes.yaxis.set_minor_formatter(LogFormatter())
    for axes in panels:
        axes.remove()
    heading(figure, title)
    if drawn:
        figure.legend(drawn.values(), drawn.keys(), loc="upper right", ncols=2, borderaxespad=0, borderpad=0.5)
    figure.align_ylabels()
    return figure


@look
def sweep(values, figures, parameter, title="Sweep"):
    """Figures over the values of a setting, each in a panel of its own.

    Numbers that are more evenly spaced on a logarithmic axis, such as 2, 10, 100, stand on one; what is no number
    stands side by side.

    Args:
        values: List of the setting's values.
        figures: Dict from the name of a figure to its values: a list, or a dict of such lists by what else was changed,
            each a line. None where there is no figure.
        parameter: str, the name of the setting.
        title: str or None.

    Returns:
        `matplotlib.figure.Figure`, one axes a figure.

    Raises:
        ValueError: If there is no figure, or a list is not as long as `values`.

    Example:
        >>> figure = kerasgen.plots.sweep([2, 10, 100], {"mean squared error": [0.04, 0.01, 0.005]}, "latent dim")
    """
    from matplotlib.ticker import NullLocator

    if not figures:
        raise ValueError("A sweep must have one figure at least. Received: none")
    columns = min(len(figures), 3)
    rows = math.ceil(len(figures) / columns)
    canvas = new_figure(8, (4.2, 3.3, 2.6)[columns - 1] * rows + 0.5)
    panels = canvas.subplots(rows, columns, squeeze=False).flat
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    places = np.array(values, "float64") if numbers else np.arange(len(values))
    logarithmic = numbers and min(places) > 0 and _unevenness(np.log(places)) < _unevenness(places)
    figures = {name: series if isinstance(series, dict) else {None: series} for name, series in figures.items()}
    labels = list(dict.fromkeys(label for series in figures.values() for label in series))
    lines = {}
    for (name, series), axes in zip(figures.items(), panels):
        for label, heights in series.items():
            if len(heights) != len(values):
                raise ValueError(f"{name} must have a value for each of {values}. Received: {list(heights)}")
            there = [(place, height) for place, height in zip(places, heights) if height is not None]
            color = TRAINING if label is None else f"C{labels.index(label)}"
            if numbers:
                there.sort()
            if there:
                lines[label] = axes.plot(*zip(*there), color=color, marker="o", markersize=4)[0]
        axes.set(xlabel=parameter, ylabel=textwrap.fill(name.replace("_", " "), 24))
        if logarithmic:
            axes.set_xscale("log")
        axes.set_xticks(places, [f"{value:g}" if numbers else str(value) for value in values])
        axes.xaxis.set_minor_locator(NullLocator())
    for axes in panels:
        axes.remove()
    heading(canvas, title)
    shown = [label for label in labels if label is not None and label in lines]
    if shown:
        canvas.legend([lines[label] for label in shown], shown, loc="outside lower center", ncols=3)
    canvas.align_ylabels()
    return canvas


def _unevenness(places):
    """The largest gap over the smallest."""
    gaps = np.diff(np.unique(places))
    return max(gaps) / min(gaps) if len(gaps) else 1.0


def _points(history, name):
    """The epochs and values of a log, without those that are missing."""
    values = history[name]
    if "epoch" in history:
        pairs = [(epoch, value) for epoch, value in zip(history["epoch"], values) if value is not None]
    else:
        # Keras leaves out the epochs without validation: with `validation_freq=2` every second one has a value.
        longest = max(map(len, history.values()))
        step = max(1, longest // max(1, len(values)))
        pairs = [((index + 1) * step, value) for index, value in enumerate(values)]
    return np.array([epoch for epoch, _ in pairs]), np.array([value for _, value in pairs], "float64")
