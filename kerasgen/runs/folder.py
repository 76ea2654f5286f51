"""The folder of a run: its files, its lock, and what can be said of it.

run_dir/config.json        everything to repeat the run: preset, data, seeds, versions, XLA, steps an execution
run_dir/history.csv        a row an epoch
run_dir/seconds.json       how long each epoch took, with its pictures
run_dir/metrics.json       figures at the end, with their protocol
run_dir/model.keras        the trained model
run_dir/pictures/          what the callbacks drew
run_dir/checkpoints/       the newest states of training, for `resume`
"""

import contextlib
import json
from pathlib import Path

import keras

from kerasgen import presets
from kerasgen.callbacks.history import read_history
from kerasgen.files import read_json


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
    def finished(self):
        """Whether the run has ended."""
        return self.model_file.exists()

    def config(self):
        """The config that the run was made by, with "environment".

        Raises:
            ValueError: If there is no run here.
        """
        try:
            return read_json(self.config_file)
        except FileNotFoundError as error:
            raise ValueError(f"There is no run here: it would hold a config.json. Received: {self.path}") from error

    def metrics(self):
        """The content of `metrics.json`, or None where nothing was measured yet."""
        return read_json(self.metrics_file) if self.metrics_file.exists() else None

    def epochs(self):
        """How many epochs the history has."""
        return len(read_history(self.history_file)["epoch"]) if self.history_file.exists() else 0

    def pictures(self):
        """Paths of the pictures."""
        return sorted([*self.pictures_folder.glob("*.png"), *self.pictures_folder.glob("*.gif")])

    def data(self):
        """Load the data that the run was trained on (`kerasgen.datasets.Data`)."""
        return presets.load_data(self.config())

    def load(self):
        """Load the trained model, compiled.

        Raises:
            ValueError: If there is no run here, or it has not ended.
        """
        self.config()
        if not self.finished:
            raise ValueError(
                f"This run has not ended; `kerasgen resume {self.path}` goes on with it. Received: {self.path}"
            )
        return keras.models.load_model(self.model_file)

    def claim(self, config):
        """Make the folder. Its config is created exclusively: of two runs, one gets the folder.

        Returns:
            bool. Whether this run got it; False where it holds something.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if any(self.path.iterdir()):
            return False
        try:
            with open(self.config_file, "x", encoding="utf-8") as file:
                json.dump(config, file, indent=2)
        except FileExistsError:
            return False
        return True

    def release(self):
        """Free the folder of a run that was refused before it left anything but its config."""
        files = [self.path / ".lock", self.config_file]
        if sorted(self.path.iterdir()) == files:
            for file in files:
                file.unlink()
            self.path.rmdir()

    def lock(self):
        """Hold the folder for this process; see `lock`."""
        return lock(self.path)


@contextlib.contextmanager
def lock(path):
    """Hold a run's folder for this process; the system lets it go when the process ends, however it ends."""
    import fcntl

    with open(path / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ValueError(f"Another process is writing this run. Received: {path}") from error
        yield
