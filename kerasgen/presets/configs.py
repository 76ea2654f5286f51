"""Configs, whole and checked: what cannot be meant is said before anything is loaded."""

import difflib
import numbers

from kerasgen.presets.registry import DEFAULTS, get

#: What a config must say.
NEEDED = ("model", "networks", "latent_dim", "dataset", "epochs")
#: What a config may say beside what has a default: what it is, and what a run adds.
MORE = ("preset", "summary", "instead_of", "layout", "epochs_asked", "environment", "trackers", "published")


def full(config):
    """A config with its defaults, checked.

    Args:
        config: Name of a preset, or a dict as `kerasgen.presets.get` gives it.

    Returns:
        Dict; that of the user is not changed.

    Raises:
        ValueError: If it is neither, lacks an entry or has one that there is not, or an entry is of another kind.
    """
    if isinstance(config, str):
        return get(config)
    if not isinstance(config, dict):
        raise ValueError(f"config is the name of a preset or a dict of its entries. Received: config={config!r}")
    known = (*NEEDED, *DEFAULTS, *MORE)
    for key in config:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=3) or sorted(known)
            raise ValueError(f"A config has no entry {key!r}; the nearest: {', '.join(near)}. Received: {key!r}")
    missing = [key for key in NEEDED if key not in config]
    if missing:
        raise ValueError(f"A config must say {', '.join(NEEDED)}. Received: one without {', '.join(missing)}")
    config = {**DEFAULTS, **config}
    for key, least, optional in (
        # Without a number: as many as make the train steps that the preset makes on its own data.
        ("epochs", 1, "preset" in config),
        ("latent_dim", 1, True),
        ("seed", 0, False),
        ("pictures_every", 1, True),
        ("metrics_every", 1, True),
    ):
        if not (optional and config[key] is None):
            config[key] = whole(key, config[key], least)
    for key, needs in (("networks", "builder"), ("dataset", "name")):
        parts = config[key].values() if key == "networks" and isinstance(config[key], dict) else [config[key]]
        if not all(isinstance(part, dict) and needs in part for part in parts):
            example = "{'encoder': {'builder': 'mlp.encoder'}}" if key == "networks" else "{'name': 'digits'}"
            raise ValueError(f"{key} is a dict such as {example}. Received: {key}={config[key]!r}")
    if not isinstance(config["arguments"], dict):
        raise ValueError(f"arguments is a dict, those of the model. Received: arguments={config['arguments']!r}")
    return config


def whole(name, value, least=1):
    """A whole number.

    Args:
        name: str. What the error calls it.
        value: The number.
        least: int. The least that it may be.

    Returns:
        int.

    Raises:
        ValueError: If it is no whole number, or less.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is a whole number, at least {least}. Received: {name}={value!r}")
    return int(value)
