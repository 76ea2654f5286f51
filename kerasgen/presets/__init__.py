"""Presets: a name stands for a model, its networks, data, optimizer and length of training. Data, not code.

A config is a plain dict that JSON can hold, and says everything about a run:

    {"preset": "vae", "model": "VAE", "arguments": {"likelihood": "discretized_logistic"},
     "networks": {"encoder": {"builder": "mlp.encoder", "units": [256, 128], "posterior": "gaussian"},
                  "decoder": {"builder": "mlp.decoder", "units": [128, 256]}},
     "latent_dim": 8, "conditional": False, "dataset": {"name": "digits", "batch_size": 64},
     "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.002}},
     "epochs": 60, "seed": 0, "mixed_precision": None, "jit_compile": "auto",
     "pictures_every": None, "metrics_every": None}

A network is built for the images of the data and the `latent_dim` of the config; with `"conditional": True` it takes
labels. In its options the words `"latent_dim"` and `"num_classes"` stand for these numbers. The optimizer is None (the
model's default), one for all players, or a dict that names one per player. `metrics_every` is the number of epochs from
one measurement of generated images to the next (`kerasgen.callbacks.GenerationMetrics`), None for none.
"""

import copy
import difflib
import inspect

from kerasgen import datasets, models, networks
from kerasgen.presets.autoencoders import AUTOENCODERS
from kerasgen.presets.expected import EXPECTED
from kerasgen.presets.gans import GANS
from kerasgen.presets.overrides import override

__all__ = ["expected", "get", "load", "load_data", "names", "override", "recommended"]

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
        "over_seeds", a dict of strings such as `"194 ± 33"`, their mean and standard deviation, where there
        were several trainings; and "features", the name of those in which figures of samples were measured.

    Raises:
        ValueError: If there is no such preset.

    Example:
        >>> kerasgen.presets.expected("vae_mnist")["parameters"]
        1079600
    """
    get(name)
    return copy.deepcopy({"figures": {}, "over_seeds": {}, "features": "mnist_classifier", **EXPECTED[name]})


def load(config, steps_per_execution="auto"):
    """Load the data of a preset, and build its compiled, untrained model.

    Args:
        config: Name of a preset, or a dict as `get` gives it.
        steps_per_execution: See `GenerativeModel.compile`.

    Returns:
        The model and the data (`kerasgen.datasets.Data`).

    Raises:
        ValueError: If the config names a model, network or argument that does not exist.

    Example:
        >>> model, data = kerasgen.presets.load("vae_mnist")
        >>> model.fit(data.train, epochs=30)
    """
    config = get(config) if isinstance(config, str) else config
    data = load_data(config)
    built = {role: _network(role, options, config, data) for role, options in config["networks"].items()}
    model_class = _attribute(models, config["model"], "model")
    model = model_class(**built, **config["arguments"], seed=config["seed"])
    model.compile(config["optimizer"], jit_compile=config["jit_compile"], steps_per_execution=steps_per_execution)
    return model, data


def load_data(config):
    """Load the data of a preset. Of a set without a test split, such as a folder, a tenth is held out.

    Args:
        config: Name of a preset, or a dict as `get` gives it.

    Returns:
        `kerasgen.datasets.Data`.
    """
    config = get(config) if isinstance(config, str) else config
    return datasets.load(**{"seed": config["seed"], "test": 0.1, **config["dataset"]})


def _network(role, options, config, data):
    module, _, function = options["builder"].partition(".")
    builders = _attribute(networks, module, "module of networks")
    if function not in builders.__all__:
        raise ValueError(f"{module} builds {builders.__all__}. Received: {options['builder']!r}")
    builder = getattr(builders, function)
    arguments = {key: value for key, value in options.items() if key != "builder"}
    if config["conditional"]:
        arguments.setdefault("num_classes", "num_classes")
    known = inspect.signature(builder).parameters
    unknown = [key for key in arguments if key not in known]
    if unknown:
        raise ValueError(f"The {role} {options['builder']} takes {sorted(known)}. Received: {unknown}")
    arguments = {"image_shape": data.image_shape, **arguments}
    if "latent_dim" in known and known["latent_dim"].default is inspect.Parameter.empty:
        arguments["latent_dim"] = config["latent_dim"]
    facts = {"latent_dim": config["latent_dim"], "num_classes": data.num_classes}

    def number(value):
        if isinstance(value, list):
            return [number(each) for each in value]
        return facts[value] if isinstance(value, str) and value in facts else value

    return builder(**{key: number(value) for key, value in arguments.items()})


def _attribute(module, name, what):
    if name not in module.__all__:
        raise ValueError(f"There is no {what} of this name; there are {sorted(module.__all__)}. Received: {name!r}")
    return getattr(module, name)
