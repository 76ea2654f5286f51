"""Callbacks that log a training elsewhere, too."""

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
    makers = {
        "tensorboard": lambda _: kerasgen.callbacks.TensorBoardLogger(path),
        # The same id in a resumed run: its curves go on where they stopped.
        "wandb": lambda identity: wandb(kerasgen, path, config, identity),
    }
    return [makers[name](known) for name, known in config.get("trackers", {}).items()]


def wandb(kerasgen, path, config, identity, group=None):
    """Open a run of Weights & Biases, and make the callback that logs to it.

    Args:
        kerasgen: The package.
        path: Path of the run.
        config: Dict of the run.
        identity: str. The id under which Weights & Biases knows the run.
        group: str or None. What several runs belong to.

    Returns:
        `kerasgen.callbacks.WandbLogger`.
    """
    logger = kerasgen.callbacks.WandbLogger(path)
    import wandb

    wandb.init(
        project=os.environ.get("WANDB_PROJECT", "kerasgen"),
        name=path.name,
        id=identity,
        group=group,
        resume="allow",
        reinit="finish_previous",
        config=config,
    )
    return logger


def new_identity():
    """An id for a run that is new."""
    return uuid.uuid4().hex[:8]


def identity_in(folder, path):
    """An id of a run: the same whenever its sweep goes on, and none of another sweep in a folder of that name."""
    own = folder / "wandb.txt"
    if not own.exists():
        own.write_text(uuid.uuid4().hex, encoding="utf-8")
    return hashlib.sha256(f"{own.read_text(encoding='utf-8')}/{path.name}".encode()).hexdigest()[:8]
