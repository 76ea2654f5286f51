"""Callbacks that log a training elsewhere, too."""

import functools
import hashlib
import os
import uuid


def of_run(kerasgen, path, config):
    """The trackers that the config of a run asks for.

    Args:
        kerasgen: The package.
        path: Path of the run.
        config: Dict. Under "trackers" it holds the name of each, and what a resumed run must know of it.

    Returns:
        List of callbacks.
    """
    asked = config.get("trackers", {})
    callbacks = [kerasgen.callbacks.TensorBoardLogger(path)] if "tensorboard" in asked else []
    # The same id in a resumed run: its curves go on where they stopped.
    return [*callbacks, *wandb(kerasgen, path, config, asked["wandb"])] if "wandb" in asked else callbacks


def wandb(kerasgen, path, config, identity, group=None):
    """What logs a run to Weights & Biases. There it is opened when training begins: what is refused leaves nothing.

    Args:
        kerasgen: The package.
        path: Path of the run.
        config: Dict of the run.
        identity: str. The id under which Weights & Biases knows the run.
        group: str or None. What several runs belong to.

    Returns:
        List of callbacks.
    """
    logger = kerasgen.callbacks.WandbLogger(path)
    import keras

    run = {"name": path.name, "id": identity, "group": group, "config": config}
    # No function in a function: workers are sent it by its name.
    return [keras.callbacks.LambdaCallback(on_train_begin=functools.partial(_open, run)), logger]


def _open(run, _):
    import wandb

    project = os.environ.get("WANDB_PROJECT", "kerasgen")
    wandb.init(project=project, resume="allow", reinit="finish_previous", **run)


def new_identity():
    """An id for a run that is new."""
    return uuid.uuid4().hex[:8]


def identity_in(folder, path):
    """An id of a run: the same whenever its sweep goes on, and none of another sweep in a folder of that name."""
    own = folder / "wandb.txt"
    if not own.exists():
        beside = own.with_suffix(".tmp")
        beside.write_text(uuid.uuid4().hex, encoding="utf-8")
        beside.replace(own)
    return hashlib.sha256(f"{own.read_text(encoding='utf-8')}/{path.name}".encode()).hexdigest()[:8]
