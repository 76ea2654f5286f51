"""A training by name that stops in time and goes on from where it stopped, packed into an archive."""

import pathlib
import shutil
import time
import zipfile

import keras

import kerasgen
from kerasgen import files, plots
from kerasgen.runs.folder import RunFolder

#: Bytes of a piece of the archive: what brings files back from another machine may have a limit.
PIECE = 15 * 2**20
#: Seconds between two archives of a training that goes on.
PACK_EVERY = 60
ARCHIVE = "run.zip"


class OutOfTimeError(Exception):
    """The time is over; the last epoch is in a checkpoint."""


class InTime(keras.callbacks.Callback):
    """Packs the run from time to time, and ends the training before the time is over.

    It ends it by an error, at the beginning of an epoch: `stop_training` would have the run written as one that has
    ended, and what ends an epoch comes after the callbacks that were given.
    """

    def __init__(self, report, run, out):
        super().__init__()
        self.report, self.run, self.out, self.longest, self.start = report, run, out, 0.0, None
        self.packed = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        now = time.monotonic()
        if self.start is not None:
            self.longest = max(self.longest, now - self.start)
            self.report("epochs", epoch)
            if now - self.packed > PACK_EVERY:
                pack(self.run, self.out)
                self.packed = time.monotonic()
        self.start = time.monotonic()
        # Packing takes a while too, and the first epoch compiles.
        if self.report.time_left() < 1.5 * self.longest + 5:
            draw_samples(self.model, self.run, epoch)
            raise OutOfTimeError(epoch)


def train(settings, report):
    """Train, or go on, until the end or until the time is over."""
    run, out = pathlib.Path(settings["work"]) / "run", pathlib.Path(settings["out"])
    begun = unpack(settings["resume"] or out, run)
    report("goes on", begun)
    if begun and settings["data"]:  # On another machine they may lie elsewhere.
        config = files.read_json(run / "config.json", "bring it back from a copy")
        config["dataset"]["name"] = path_of(settings["data"])
        files.write_json(run / "config.json", config)
    callbacks = [InTime(report, run, out)]
    started = time.perf_counter()
    try:
        if begun:
            kerasgen.runs.resume(run, callbacks=callbacks, verbose=2)
        else:
            kerasgen.runs.train(config_of(settings), run, callbacks=callbacks, verbose=2)
        ended = "trained to its end"
    except OutOfTimeError:
        ended = "stopped in time: the same command goes on"
    finally:
        report("pieces", pack(run, out))
    folder = RunFolder(run)
    history = folder.history()
    report("ended", ended)
    report("epochs", len(history["epoch"]))
    report("of epochs", folder.config()["epochs"])
    report("last", {name: values[-1] for name, values in history.items() if values})
    report("seconds of training", time.perf_counter() - started)
    report("device", folder.config()["environment"]["device"])
    report("pictures", [picture.name for picture in copy_pictures(run, out)])


def config_of(settings):
    """The config of a preset by name, with the data and the entries that were asked for."""
    config = kerasgen.presets.get(settings["train"])
    if settings["data"]:
        config = kerasgen.presets.override(config, "dataset.name", path_of(settings["data"]))
    for key, value in settings["set"].items():
        config = kerasgen.presets.override(config, key, value)
    return config


def path_of(data):
    """The whole path of a file of data."""
    return str(pathlib.Path(data).resolve())


def draw_samples(model, run, epoch):
    """Samples as they are now: the run draws some every few epochs only."""
    if not epoch or not model.generates:
        return
    grid = kerasgen.callbacks.SampleGrid(run)
    grid.set_model(model)
    plots.save(grid.draw(epoch, {}), run / "pictures" / "samples.png")


def pack(run, out):
    """The run as an archive in pieces, without what is drawn anew and older checkpoints: the names of the pieces."""
    if not (run / "config.json").exists():
        return []  # It had not begun; an older archive stays.
    checkpoints = sorted((run / "checkpoints").glob("epoch-*"))[-1:]
    plain = [path for path in run.glob("*") if path.is_file() and not path.name.startswith(".")]
    whole = run.parent / ARCHIVE
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in [*plain, *checkpoints]:
            archive.write(path, path.relative_to(run))
    content = whole.read_bytes()
    parts = [content[start : start + PIECE] for start in range(0, len(content), PIECE)]
    names = [ARCHIVE] if len(parts) == 1 else [f"{ARCHIVE}.{number}" for number in range(1, len(parts) + 1)]
    for name, part in zip(names, parts):
        files.replace(out / name, lambda path, part=part: path.write_bytes(part))
    for old in out.glob(f"{ARCHIVE}*"):
        if old.name not in names:
            old.unlink()
    return names


def unpack(folder, run):
    """Bring a run back from the pieces in a folder: whether there was one."""
    folder = pathlib.Path(folder)
    pieces = sorted(folder.glob(f"{ARCHIVE}.*"), key=lambda path: int(path.suffix[1:])) or [folder / ARCHIVE]
    if not pieces[0].exists():
        return False
    whole = run.parent / ARCHIVE
    whole.parent.mkdir(parents=True, exist_ok=True)
    whole.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    files.check_archive(whole, "bring all pieces of one training back", ["config.json"])
    with zipfile.ZipFile(whole) as archive:
        archive.extractall(run)
    return (run / "config.json").exists()


def copy_pictures(run, out):
    """The newest samples, reconstructions and curves."""
    wanted = ("samples", "reconstructions", "learning_curves", "translations")
    found = [path for path in sorted((run / "pictures").glob("*.png")) if path.stem in wanted]
    for path in found:
        files.replace(out / path.name, lambda beside, path=path: shutil.copy(path, beside))
    return found
