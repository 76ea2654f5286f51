"""The folder of a run: its files, its lock, and what can be said of it.

run_dir/config.json        everything to repeat the run: preset, data, seeds, versions, XLA, steps an execution
run_dir/history.csv        a row an epoch
run_dir/seconds.json       how long each epoch took, with its pictures
run_dir/metrics.json       figures at the end, with their protocol
run_dir/model.keras        the trained model
run_dir/pictures/          what the callbacks drew
run_dir/checkpoints/       the newest states of training, for `resume`

A published folder (`saved_models/NAME`, and what is kept of a preset that was trained) holds the model, its config and
its figures, and nothing is written into it.
"""

import contextlib
import csv
import json
import shutil
import warnings
from pathlib import Path

import keras

from kerasgen import files, presets
from kerasgen.callbacks.history import read_history
from kerasgen.presets import trained

#: What no config of a run lacks.
NEEDED = ("model", "networks", "dataset", "epochs", "seed", "mixed_precision", "arguments")
#: How the words of a config.json are meant. In format 1, which does not say so, binarize="static" is a threshold.
FORMAT = 2


def find(run):
    """The folder of a run, of a published model, or of the trained model of a preset.

    Args:
        run: Path of the folder, or name of a preset; a run's folder wins over a name.

    Returns:
        `RunFolder`. Whether there is a run is not known yet.

    Raises:
        ValueError: If it is the name of a preset that was not trained yet.
    """
    path = Path(run)
    named = str(run) in presets.names() and not (path / "config.json").exists()
    return RunFolder(trained.folder_of(str(run)) if named else path)


class RunFolder:
    """A run's folder.

    Args:
        path: Path of the folder.

    Attributes:
        path: `pathlib.Path` of the folder; `config_file`, `history_file`, `seconds_file`, `metrics_file`, `model_file`,
            `pictures_folder` and `checkpoints_folder` are those of its parts.

    Example:
        >>> RunFolder("runs/vae-1").config()["epochs"]
    """

    def __init__(self, path):
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.history_file = self.path / "history.csv"
        self.seconds_file = self.path / "seconds.json"
        self.metrics_file = self.path / "metrics.json"
        self.model_file = self.path / "model.keras"
        self.pictures_folder = self.path / "pictures"
        self.checkpoints_folder = self.path / "checkpoints"

    @property
    def exists(self):
        """Whether there is a run here."""
        return self.config_file.exists()

    @property
    def published(self):
        """Whether this is no run, but a model that was published or kept."""
        return self.config().get("published", False)

    @property
    def finished(self):
        """Whether the model is that of the last epoch of the config: a run that goes on has an older one."""
        return self.exists and self.model_epochs() == self.config()["epochs"]

    def config(self):
        """The config that the run was made by, with "environment".

        Raises:
            ValueError: If there is no run here, or its config is damaged.
        """
        remedy = "bring it back from a copy or train anew"
        try:
            config = files.read_json(self.config_file, remedy)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ValueError(f"There is no run here: it would hold a config.json. Received: {self.path}") from error
        missing = [key for key in NEEDED if key not in config]
        if missing:
            raise ValueError(
                f"This file is no config of a run, {remedy} (it lacks {', '.join(missing)}). "
                f"Received: {self.config_file}"
            )
        if config.get("environment", {}).get("format", 1) < FORMAT and config["dataset"].get("binarize") == "static":
            config["dataset"]["binarize"] = "threshold"
        return config

    def metrics(self):
        """The content of `metrics.json`, or None where nothing was measured yet."""
        if not self.metrics_file.exists():
            return None
        remedy = f"delete it, and `kerasgen resume {self.path}` measures anew"
        found = files.read_json(self.metrics_file, remedy)
        if not all(isinstance(found.get(part), dict) for part in ("figures", "protocol")):
            raise ValueError(
                f"This file is damaged, {remedy} (expected figures and protocol). Received: {self.metrics_file}"
            )
        return found

    def seconds(self):
        """Dict from the number of an epoch, as text, to the seconds that it took."""
        if not self.seconds_file.exists():
            return {}
        remedy = "delete it, and the times of former epochs are not counted"
        found = files.read_json(self.seconds_file, remedy)
        if not all(isinstance(value, (int, float)) for value in found.values()):
            raise ValueError(f"This file is damaged, {remedy} (expected numbers). Received: {self.seconds_file}")
        return found

    def history(self):
        """The history, as `kerasgen.callbacks.read_history` gives it; of no epoch where there is none yet."""
        if not self.history_file.exists():
            return {"epoch": []}
        try:
            return read_history(self.history_file)
        except (ValueError, csv.Error, IsADirectoryError) as error:
            raise ValueError(
                "This file is damaged, bring it back from a copy or train anew by `kerasgen resume --restart` "
                f"({str(error).partition(' Received:')[0]}). Received: {self.history_file}"
            ) from error

    def rows_gone(self):
        """Whether the history of a run lacks rows of epochs that it was trained: each has written one."""
        epochs = self.history()["epoch"]
        return not self.published and epochs != list(range(1, max(len(epochs), self.model_epochs() or 0) + 1))

    def model_epochs(self):
        """Of which epoch the trained model is: int, or None where there is none or it is not known."""
        measured = self.metrics() if self.model_file.exists() else None
        # The figures come after the model; version 0.1.0 did not say in them of which epoch they are.
        return measured and measured["protocol"].get("epochs", len(self.history()["epoch"]))

    def output(self, name):
        """Where a picture goes that is drawn later: of a published model, into the working directory.

        Args:
            name: str, of the file.

        Returns:
            Path.
        """
        return Path(f"{self.path.name}-{name}") if self.published else self.pictures_folder / name

    def pictures(self):
        """Paths of the pictures; those that are being written are hidden."""
        found = [*self.pictures_folder.glob("*.png"), *self.pictures_folder.glob("*.gif")]
        return sorted(path for path in found if not path.name.startswith("."))

    def data(self):
        """Load the data that the run was trained on (`kerasgen.datasets.Data`)."""
        return presets.load_data(self.config())

    def averaged(self):
        """Whether the model's weights are moving averages."""
        return '"use_ema": true' in json.dumps(self.config()["optimizer"])

    def load(self):
        """Load the trained model, compiled: a published one to be measured, with an optimizer that has seen nothing.

        Raises:
            ValueError: If there is no run here, it has not ended, or the file of its model is damaged.
        """
        config = self.config()
        if not self.model_file.exists():
            raise ValueError(
                f"This run has not ended; `kerasgen resume {self.path}` goes on with it. Received: {self.path}"
            )
        if not self.finished:
            warnings.warn(
                f"This is the model of epoch {self.model_epochs() or 'unknown'}: the run has trained for "
                f"{len(self.history()['epoch'])} of {config['epochs']} epochs, `kerasgen resume {self.path}` goes on "
                f"with it. Received: {self.path}",
                stacklevel=3,
            )
        self.check_model_file()
        model = keras.models.load_model(self.model_file, compile=not self.published)
        if type(model).__name__ != config["model"]:
            raise ValueError(
                f"This file is of another model, {self._model_remedy} (expected {config['model']}, found "
                f"{type(model).__name__}). Received: {self.model_file}"
            )
        if self.published:
            # Of another backend's way to compile nothing is known here.
            same = config.get("environment", {}).get("backend") == keras.backend.backend()
            model.compile(jit_compile=config["jit_compile"] if same else "auto")
        return model

    def check_model_file(self):
        """Refuse a file that is cut off or damaged: Keras says of most that they are not there."""
        files.check_archive(self.model_file, self._model_remedy, trained.PARTS)

    @property
    def _model_remedy(self):
        anew = f"delete it, and `kerasgen resume {self.path}` writes it anew"
        return "bring it back from a copy" if self.published else anew

    def claim(self, config):
        """Make the folder, and write its config under the lock: of two runs, one gets the folder.

        What a process that was killed here has left is no run.

        Returns:
            bool. Whether this run got it; False where it holds something.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if not self._is_free():
            return False
        try:
            with files.lock(self.path):
                if not self._is_free():
                    return False
                files.write_json(self.config_file, config)
        except files.LockedError:
            return False
        return True

    def _is_free(self):
        left = (path for path in self.path.iterdir() if not path.name.startswith(files.BESIDE))
        return all(path.name == ".lock" for path in left)

    def release(self):
        """Free the folder of a run that was refused before it left anything but its config."""
        if {path.name for path in self.path.iterdir()} <= {".lock", "config.json"}:
            shutil.rmtree(self.path)

    def restart(self):
        """Drop what the run was trained to, so that it begins at its seed; its pictures are drawn over."""
        parts = (self.metrics_file, self.model_file, self.history_file, self.seconds_file, self.checkpoints_folder)
        for part in parts:
            _remove(part)

    @contextlib.contextmanager
    def writing(self):
        """Hold the folder for this process, and clear what a killed one was writing."""
        with files.lock(self.path):
            for left in list(self.path.rglob(f"{files.BESIDE}*")):
                _remove(left)
            yield


def _remove(path):
    """Remove a file or a folder, if it is there; of a link the link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
