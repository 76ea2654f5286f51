"""Trained presets: the model that `kerasgen train NAME` made here, or that came with kerasgen."""

import hashlib
import json
import shutil
import warnings
from pathlib import Path

import keras

from kerasgen.files import check_archive, replace, write_json
from kerasgen.metrics import cache
from kerasgen.presets.registry import PRESETS, get

#: The trained models of a checkout; an installed package has none.
SAVED_MODELS = Path(__file__).parents[2] / "saved_models"

#: What a `.keras` file holds.
PARTS = ("config.json", "metadata.json", "model.weights.h5")

#: What a training may be asked for without being another one.
BESIDE = (
    *("environment", "epochs_asked", "published", "trackers"),
    *("pictures_every", "metrics_every", "summary", "instead_of"),
)
BESIDE_DATA = ("data_dir", "download", "in_memory")


def from_preset(name):
    """Load a preset's trained model.

    It is the one that `kerasgen train NAME`, with nothing changed, has left in the user's cache
    (`KERASGEN_CACHE`), or else the one that a checkout of kerasgen holds in `saved_models/NAME`.

    Args:
        name: str, one of `kerasgen.presets.names()`.

    Returns:
        The model, not compiled: it generates, reconstructs and is exported; `compile` it to train it on.

    Raises:
        ValueError: If there is no such preset, it was not trained yet, or its file is damaged.

    Example:
        >>> model = kerasgen.from_preset("vae_mnist")
        >>> images = model.generate(16, seed=0)
    """
    path = folder_of(name) / "model.keras"
    check_archive(path, f"delete it, and `kerasgen train {name}` makes it anew", PARTS)
    return keras.models.load_model(path, compile=False)


def folder_of(name):
    """The folder of a preset's trained model, with its config and its figures.

    Args:
        name: str, one of `kerasgen.presets.names()`.

    Returns:
        Path.

    Raises:
        ValueError: If there is no such preset, or it was not trained yet.
    """
    get(name)  # refuses a name that there is not
    for folder in (_kept(name), SAVED_MODELS / name):
        if (folder / "model.keras").exists():
            return folder
    raise ValueError(f"This preset was not trained yet: `kerasgen train {name}` does it. Received: {name!r}")


def keep(config, metrics, model_file):
    """Keep a trained model for `from_preset`, if it is that of a preset as it stands.

    Args:
        config: Dict, the config of the run, with its environment.
        metrics: Dict, the figures of the run with their protocol.
        model_file: Path of the run's `model.keras`.
    """
    name = config.get("preset")
    if name in PRESETS and trained_on(config) == trained_on(get(name)):
        try:
            write_json(_kept(name) / "config.json", config | {"published": True})
            write_json(_kept(name) / "metrics.json", metrics)
            replace(_kept(name) / "model.keras", lambda temporary: shutil.copyfile(model_file, temporary))
        except OSError as error:
            warnings.warn(
                f"The model is not kept for `from_preset`, all of the run is in its folder. {error}", stacklevel=2
            )


def _kept(name):
    # Under the config: a preset that has changed since is trained anew.
    text = json.dumps(trained_on(get(name)), sort_keys=True)
    return cache.folder() / "presets" / hashlib.sha256(text.encode()).hexdigest()[:16] / name


def trained_on(config):
    """What a training depends on, of a config."""
    config = {key: value for key, value in config.items() if key not in BESIDE}
    config["dataset"] = {key: value for key, value in config["dataset"].items() if key not in BESIDE_DATA}
    return config
