"""The data, the networks and the model of a config."""

import inspect

from kerasgen import datasets, models, networks
from kerasgen.presets.configs import full


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
    config = full(config)
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
    config = full(config)
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
    facts |= {"layout": config["layout"]} if "layout" in config else {}

    def number(value):
        if isinstance(value, list):
            return [number(each) for each in value]
        return facts[value] if isinstance(value, str) and value in facts else value

    return builder(**{key: number(value) for key, value in arguments.items()})


def _attribute(module, name, what):
    if name not in module.__all__:
        raise ValueError(f"There is no {what} of this name; there are {sorted(module.__all__)}. Received: {name!r}")
    return getattr(module, name)
