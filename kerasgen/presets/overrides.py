"""Changes to a config, each by the name of one entry: what `--set` of the command line does."""

import copy
import difflib
import inspect

import keras

from kerasgen import datasets, models, networks
from kerasgen.presets.registry import DEFAULTS, get

#: Entries that count something.
COUNTS = ("epochs", "latent_dim", "dataset.batch_size")


def override(config, key, value):
    """Set one entry of a config.

    A key is a dotted path, as in `"networks.encoder.units"`, `"dataset.image_size"`, `"optimizer.config.beta_1"`. It
    may name what the config leaves to a default. An argument of the model needs no path: `"beta"` is
    `"arguments.beta"`; and `"learning_rate"` is that of the optimizer, or of each player's.

    Args:
        config: Dict, as `get` gives it. It is not changed.
        key: str.
        value: What JSON can hold.

    Returns:
        A new config.

    Raises:
        ValueError: If there is no such entry (names those that there are), or it is of another kind.

    Example:
        >>> config = kerasgen.presets.override(kerasgen.presets.get("vae"), "networks.encoder.units", [64, 32])
        >>> run = kerasgen.runs.train(kerasgen.presets.override(config, "beta", 4.0))
    """
    config = copy.deepcopy(config)
    path = key.split(".")
    if path == ["learning_rate"]:
        players = config["optimizer"] or {}
        if players and "class_name" not in players:
            for player in players:
                config = override(config, f"optimizer.{player}.config.learning_rate", value)
            return config
        path = ["optimizer", "config", "learning_rate"]
    elif path[0] not in config and path[0] in _model_arguments(config):
        path.insert(0, "arguments")
    if path[0] == "optimizer" and config["optimizer"] is None:
        config["optimizer"] = copy.deepcopy(_model(config).default_optimizer)
    *above, last = path
    node = config
    for depth, name in enumerate(path):
        known = set(_known(config, path[:depth]))
        if name not in known:
            where = f"'{'.'.join(path[:depth])}'" if depth else f"The config of this {config['model']}"
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            there = f"; the nearest: {', '.join(near)}" if near else f"; it has {', '.join(sorted(known)) or 'none'}"
            raise ValueError(f"{where} has no entry '{name}'{there}. Received: {key!r}")
        if depth < len(above):
            node = node.setdefault(name, {})
    _check(config, key, path, node.get(last), value)
    node[last] = value
    if path == ["epochs"]:
        config["epochs_asked"] = True
    elif path == ["dataset", "name"] and "preset" in config and not config.get("epochs_asked"):
        # As many as make the steps of the preset on its own data, as is known when these are loaded.
        same = value == get(config["preset"])["dataset"]["name"]
        config["epochs"] = get(config["preset"])["epochs"] if same else None
    return config


def _check(config, key, path, old, value):
    """Refuse a value of another kind than the entry's."""
    if value is None and _default(config, path) is not None:
        raise ValueError(f"'{key}' cannot be switched off. Received: {value!r}")
    if isinstance(old, dict) and not isinstance(value, (dict, type(None))):
        raise ValueError(f"'{key}' has entries, set one: {', '.join(_known(config, path))}. Received: {value!r}")
    if isinstance(old, (int, float)) and not isinstance(value, (int, float, type(None))):
        raise ValueError(f"'{key}' is a number or true or false. Received: {value!r}")
    if key in COUNTS and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError(f"'{key}' is a whole number, at least 1. Received: {value!r}")


def _default(config, path):
    """The default of an entry: None may be off. Of a network's options the builder has the last word."""
    default = inspect.Parameter.empty
    match path:
        case [name]:
            default = DEFAULTS.get(name, default)
        case ["arguments", name]:
            signatures = (inspect.signature(base.__init__).parameters for base in _model(config).__mro__)
            default = next(each[name].default for each in signatures if name in each)
        case ["dataset", name]:
            default = inspect.signature(datasets.load).parameters[name].default
        case ["networks", _, name] if name != "builder":
            default = None
        case ["optimizer", *player, "config", name]:
            optimizer = config["optimizer"][player[0]] if player else config["optimizer"]
            default = keras.optimizers.get(optimizer["class_name"]).get_config()[name]
    return default


def _known(config, path):
    """The names of the entries below a path, those that have a default included; none below a single value."""
    match path:
        case []:
            names = [*config, *_model_arguments(config)]
            return [name for name in names if name not in ("preset", "summary", "instead_of", "epochs_asked")]
        case ["arguments"]:
            return _model_arguments(config)
        case ["dataset"]:
            return list(inspect.signature(datasets.load).parameters)
        case ["networks", role] if isinstance(config["networks"][role], dict):
            return ["builder", *_builder_arguments(config["networks"][role]["builder"])]
        case ["optimizer", *player, "config"]:
            optimizer = config["optimizer"][player[0]] if player else config["optimizer"]
            return list(keras.optimizers.get(optimizer["class_name"]).get_config())
    node = config
    for name in path:
        node = node.get(name) if isinstance(node, dict) else None
    return list(node) if isinstance(node, dict) else []


def _model(config):
    return getattr(models, config["model"])


def _model_arguments(config):
    """The arguments of the model that a config may hold: not its networks, and not the seed, which is the config's."""
    return [name for name in _model(config)._arguments() if name not in (*config["networks"], "seed")]


def _builder_arguments(builder):
    module, _, function = str(builder).partition(".")
    build = getattr(getattr(networks, module, None), function, None)
    if build is None:
        raise ValueError(f"A network's builder is a function such as mlp.encoder. Received: {builder!r}")
    # What `load` gives to every network.
    given = ("image_shape", "latent_dim", "num_classes", "name")
    return [name for name in inspect.signature(build).parameters if name not in given]
