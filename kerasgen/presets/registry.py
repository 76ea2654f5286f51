"""The presets by name."""

import copy
import difflib

from kerasgen.presets.autoencoders import AUTOENCODERS
from kerasgen.presets.expected import EXPECTED
from kerasgen.presets.gans import GANS

PRESETS = {**AUTOENCODERS, **GANS}

DEFAULTS = {
    "arguments": {},
    "conditional": False,
    "optimizer": None,
    "seed": 0,
    "mixed_precision": None,
    "jit_compile": "auto",
    "pictures_every": None,
    "metrics_every": None,
}


def names():
    """The names of all presets."""
    return sorted(PRESETS)


def get(name):
    """The config of a preset, to change and to pass to `load` or `kerasgen.runs.train`.

    Args:
        name: str, one of `names()`.

    Returns:
        A dict of its own.

    Raises:
        ValueError: If there is no such preset; names the nearest.

    Example:
        >>> kerasgen.presets.get("vae_mnist")["epochs"]
        30
    """
    if not isinstance(name, str):
        raise ValueError(f"A preset is asked for by its name, such as 'vae'. Received: {name!r}")
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=3, cutoff=0.4) or names()
        raise ValueError(f"There is no preset of this name; the nearest: {', '.join(near)}. Received: {name!r}")
    return copy.deepcopy({"preset": name, **DEFAULTS, **PRESETS[name]})


def recommended(config):
    """A preset that was made for the data of a config, and does better on them.

    Args:
        config: Dict, as `get` gives it.

    Returns:
        Name of a preset, or None.

    Example:
        >>> recommended(override(get("gan"), "dataset.name", "mnist"))
    """
    for name, preset in PRESETS.items():
        if config["preset"] in preset.get("instead_of", ()) and preset["dataset"]["name"] == config["dataset"]["name"]:
            return name
    return None


def expected(name):
    """What is to be expected of a preset.

    Args:
        name: str, one of `names()`.

    Returns:
        Dict: "parameters", an int; "figures", a dict of those of the published training, empty where there is none;
        "over_seeds", a dict of strings such as `"194 ± 33"`, their mean and standard deviation, where there were
        several trainings; and "features", the name of those in which figures of samples were measured.

    Raises:
        ValueError: If there is no such preset.

    Example:
        >>> kerasgen.presets.expected("vae_mnist")["parameters"]
        1079600
    """
    get(name)
    return copy.deepcopy({"figures": {}, "over_seeds": {}, "features": "mnist_classifier", **EXPECTED[name]})
