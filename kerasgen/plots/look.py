"""The common look of all figures: fonts that stay legible in a README, few and calm colours."""

import functools
import io

#: Pixels an inch of every figure; a figure of 8 inches is as wide as a README shows it.
DPI = 100

#: Characters that a line of a name beside images or in a legend has at most.
LINE = 18

#: Colours of what was trained on, of what was held out, and of what is only watched.
TRAINING, VALIDATION, WATCHED = "#1f77b4", "#ff7f0e", "#5f6b7a"

_INK, _FAINT = "#24292f", "#d8dee4"

_LOOK = {
    "figure.dpi": DPI,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "auto",
    "savefig.bbox": None,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "text.color": _INK,
    "text.usetex": False,
    # Names of classes and of logs are drawn as they are, whatever signs of formulas are in them.
    "text.parse_math": False,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.edgecolor": "#8c959f",
    "xtick.color": "#8c959f",
    "ytick.color": "#8c959f",
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "axes.formatter.useoffset": False,
}


def look(function):
    """Decorate a function that makes a figure: it draws in the common look, whatever the user's own settings are."""

    @functools.wraps(function)
    def drawn(*args, **kwargs):
        import matplotlib

        with matplotlib.rc_context(_LOOK):
            return function(*args, **kwargs)

    return drawn


def new_figure(width, height, layout="constrained"):
    """A figure that draws without a display, that pyplot knows nothing of, and that a notebook shows by itself.

    Args:
        width: float. Inches; the picture has `DPI` pixels an inch.
        height: float. Inches.
        layout: "constrained", or None where the axes are placed by hand.

    Returns:
        `matplotlib.figure.Figure`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    # Without pyplot nobody tells a notebook how to show a figure, so that it tells itself. (A subclass would need
    # matplotlib when this module is imported; a partial, unlike a closure, is copied and pickled with its figure.)
    figure._repr_png_ = functools.partial(_png, figure)
    return figure


def _png(figure):
    """What a notebook shows where a figure is the value of a cell."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def heading(figure, title):
    """Write a title at the upper left corner of a figure, and keep its line free of axes.

    Unlike a title of the axes it has the whole width, whatever stands beside them.

    Args:
        figure: `matplotlib.figure.Figure` with constrained layout.
        title: str; None: no title, and no line for it.
    """
    if title is None:
        return
    width, height = figure.get_size_inches()
    figure.text(0.1 / width, 1 - 0.08 / height, title, va="top", fontsize=12, fontweight="bold")
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.36 / height))


def class_colors(count):
    """One colour a class: tab10 for ten classes, tab20 for twenty, evenly spaced hues beyond.

    Args:
        count: int. Number of classes.

    Returns:
        List of `count` RGB tuples in [0, 1].
    """
    import matplotlib

    if count <= 20:
        # tab20 is tab10 with a paler colour after each; the paler ones come last, so that ten classes get tab10.
        pairs = matplotlib.colormaps["tab20"].colors
        return list(pairs[0::2] + pairs[1::2])[:count]
    return [matplotlib.colormaps["turbo"](index / (count - 1))[:3] for index in range(count)]


def short(name):
    """A name whose lines fit a legend."""
    lines = str(name).split("\n")
    return "\n".join(line if len(line) <= LINE else line[: LINE - 1] + "…" for line in lines)
