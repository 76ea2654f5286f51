"""How long a preset is trained on other data than its own: for as many train steps, not for as many epochs."""

import re
import warnings

from kerasgen.datasets import catalogue
from kerasgen.presets.registry import get


def with_epochs(config, data):
    """A config whose number of epochs is known.

    Where the data set was exchanged and epochs were not asked for, they make about as many train steps as the preset
    makes on its own data:

        epochs = max(1, round(E ceil(n / b) / ceil(n' / b')))

    with `E` epochs of `n` images in batches of `b` of the preset, and `n'` images in batches of `b'`. (Rounded down
    where the remainder is dropped.)

    Args:
        config: Dict, as `full` gives it.
        data: Its data (`kerasgen.datasets.Data`).

    Returns:
        Dict; a warning says what the epochs became.
    """
    if config["epochs"] is not None:
        return config
    own = get(config["preset"])
    sizes = next(each.sizes for each in catalogue.list_names() if each.name == own["dataset"]["name"])
    images = int(re.match(r"train ([\d,]+)", sizes)[1].replace(",", ""))
    steps = own["epochs"] * _steps(images, own["dataset"])
    epochs = max(1, round(steps / _steps(data.sizes["train"], data.config)))
    if epochs != own["epochs"]:
        warnings.warn(
            f"Epochs: {epochs}, about as many train steps as the {own['epochs']} that the preset makes on its own data "
            f"({steps:,}); `epochs` (--epochs) asks for others. Received: {data.name} for {own['dataset']['name']}",
            stacklevel=3,
        )
    return {**config, "epochs": epochs}


def _steps(images, dataset):
    """Train steps of an epoch."""
    size = dataset["batch_size"]
    return max(1, images // size if dataset.get("drop_remainder") else -(-images // size))
