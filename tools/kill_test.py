"""Kill commands at random moments, repeat them, and compare with what an undisturbed process leaves.

    python tools/kill_test.py --backend tensorflow [--kills 20] [--seed 0] [--folder PATH]

Each trial starts a command of kerasgen in a process of its own and ends it with SIGKILL: at a random moment, while a
file is being written (as soon as its temporary is there), between the writing and the renaming of a file, or between
the two renames by which a folder takes the place of an older one. Then

1. every file that is there under its own name must be whole: JSON parses, tables have full rows, HDF5 files and
   archives can be read to the end, pictures decode, a SavedModel loads;
2. the command that goes on (`resume`, or the same command again) must end well;
3. its result must be that of the undisturbed process: weights, optimizers and random states of the last checkpoint bit
   by bit, `history.csv` byte by byte, figures digit by digit.

Prints a line a trial, and exits with 1 if any failed. It takes about a minute a trial.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

#: What is trained: small networks, pictures after each epoch.
PRESETS = {
    "vae": ["networks.encoder.units=[16]", "networks.decoder.units=[16]", "latent_dim=2"],
    "gan": ["networks.generator.units=[16]", "networks.discriminator.units=[16]"],
    "vae_gan": ["latent_dim=4"],
}
EPOCHS = 5
#: Moments of a training: None is a random one, else the end of a file's name.
MOMENTS = [
    (None, None),
    ("written", ".weights.h5"),
    ("renamed", ".weights.h5"),
    ("written", ".png"),
    ("renamed", ".png"),
    ("renamed", "history.csv"),
    ("renamed", "seconds.json"),
    ("renamed", "model.keras"),
    ("written", "model.keras"),
    ("renamed", "metrics.json"),
    ("renamed", "config.json"),
]
#: What else is killed, once each in a round of twenty; "over" an older result, when that has just been put aside.
OVER = " over"
OTHERS = [
    *("resume", "sweep", "publish", "export", "benchmark"),
    *(f"export{OVER}", "resume", "sweep", f"publish{OVER}", "export"),
]

# The child: the command line, which kills itself before it gives the n-th file of a kind its name.
CHILD = """
import os, signal, sys
end, turn = sys.argv[1], int(sys.argv[2])
if turn:
    for name in ("replace", "rename"):
        def renamed(source, target, *, _real=getattr(os, name), **options):
            global turn
            if str(target).endswith(end):
                turn -= 1
                if not turn:
                    os.kill(os.getpid(), signal.SIGKILL)
            return _real(source, target, **options)
        setattr(os, name, renamed)
from kerasgen_cli.main import main
sys.exit(main(sys.argv[3:]))
"""


def start(arguments, folder, backend, end="", turn=0):
    """Start a command of kerasgen in a folder: the process."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["KERASGEN_CACHE"] = str(folder.parent / "cache")
    environment["PYTHONPATH"] = os.pathsep.join([str(pathlib.Path(__file__).parents[1]), *sys.path])
    command = [sys.executable, "-c", CHILD, end, str(turn), *arguments]
    with open(folder / "log.txt", "a", encoding="utf-8") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)


def finish(arguments, folder, backend):
    """Run a command to its end; a failure is an error that shows its last lines."""
    if start(arguments, folder, backend).wait():
        lines = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        raise AssertionError(f"`kerasgen {' '.join(arguments)}` failed: {' / '.join(lines)}")


def kill(arguments, folder, backend, moment, end, seconds, chance):
    """Start a command and kill it: whether it was killed before it ended."""
    if moment == "renamed":
        turn = chance.randint(1, 1 if end in ("model.keras", "metrics.json", "config.json") else EPOCHS)
        return start(arguments, folder, backend, end, turn).wait() == -signal.SIGKILL
    process = start(arguments, folder, backend)
    began, seen, wanted = time.monotonic(), set(), chance.randint(1, 3) if end != "model.keras" else 1
    moment_to_die = chance.uniform(0.2, 0.95) * seconds
    while process.poll() is None:
        if moment is None and time.monotonic() - began > moment_to_die:
            break
        if moment == "written":
            seen |= {name for name in temporaries(folder) if name.endswith(end)}
            if len(seen) >= wanted:
                time.sleep(chance.uniform(0, 0.003))
                break
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def temporaries(folder):
    """Paths of files that are being written: hidden ones."""
    found = []
    for path, folders, names in os.walk(folder):
        found += [os.path.join(path, name) for name in names if name.startswith(".") and name != ".lock"]
        folders[:] = [name for name in folders if not name.startswith("__")]
    return found


def check_whole(folder):
    """Raise an error that names a file which is there under its own name and not whole."""
    import h5py
    import numpy as np
    from PIL import Image

    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file() or path.name == "log.txt":
            continue
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".csv":
                rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
                assert len({len(row) for row in rows}) == 1, "rows of different lengths"
            elif path.suffix == ".h5":
                with h5py.File(path) as file:
                    file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)
            elif path.suffix == ".keras":
                with zipfile.ZipFile(path) as archive:
                    assert archive.testzip() is None, "a damaged member"
            elif path.suffix in (".png", ".gif"):
                with Image.open(path) as picture:
                    picture.load()
            elif path.suffix == ".npy":
                np.load(path, allow_pickle=False)
        except Exception as error:
            raise AssertionError(f"half-written: {path.relative_to(folder)} ({error})") from error
    for graph in folder.rglob("saved_model.pb"):
        if not any(part.startswith(".") for part in graph.relative_to(folder).parts):
            sample(graph.parent)


def sample(saved_model):
    """Images of a SavedModel, read in a process of TensorFlow, as hexadecimal digits."""
    code = (
        "import hashlib, sys, tensorflow as tf; model = tf.saved_model.load(sys.argv[1]);"
        "images = model.signatures['sample'](count=tf.constant(4), seed=tf.constant(0))['images'];"
        "print(hashlib.sha256(images.numpy().tobytes()).hexdigest())"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(saved_model)],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"half-written: {saved_model.name} ({done.stderr.strip().splitlines()[-1:]})")
    return done.stdout.strip()


def arrays(path):
    """Every array of an HDF5 file, or of the weights in a `.keras` archive."""
    import h5py

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                path = pathlib.Path(archive.extract("model.weights.h5", folder))
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None
            )
    return found


def check_same_run(run, reference):
    """Raise an error where a run differs from the undisturbed one."""
    import numpy as np

    files = ["model.keras", f"checkpoints/epoch-{EPOCHS:04d}.weights.h5"]
    for name in files:
        ours, theirs = arrays(run / name), arrays(reference / name)
        assert ours.keys() == theirs.keys(), f"{name} holds other arrays"
        different = [key for key in ours if not np.array_equal(ours[key], theirs[key])]
        assert not different, f"{name} differs in {different[:3]}"
    assert (run / "history.csv").read_bytes() == (reference / "history.csv").read_bytes(), "history.csv differs"
    assert figures(run / "metrics.json") == figures(reference / "metrics.json"), "figures differ"
    names = [{path.name for path in (each / "pictures").iterdir()} for each in (run, reference)]
    assert names[0] == names[1], f"pictures differ: {sorted(names[0] ^ names[1])}"
    assert not temporaries(run), f"left behind: {temporaries(run)}"


def figures(path):
    """The figures of a JSON file, wherever they stand in it, without what depends on the time or place."""

    def of(value):
        if isinstance(value, dict):
            return {key: of(part) for key, part in value.items() if key not in ("protocol", "asked", "run")}
        return [of(part) for part in value] if isinstance(value, list) else value

    return of(json.loads(path.read_text(encoding="utf-8")))


def training(preset):
    """The command that trains one of the presets into `run`."""
    settings = [f"--set={setting}" for setting in [*PRESETS[preset], "pictures_every=1"]]
    return ["train", preset, "--epochs", str(EPOCHS), "--run-dir", "run", *settings]


def trial(number, folder, references, backend, chance):
    """One kill: what was killed, in words."""
    folder.mkdir()
    preset = list(PRESETS)[number % len(PRESETS)]
    reference, seconds = references["train", preset]
    if number % 2 == 0 or number // 2 >= len(OTHERS):
        moment, end = MOMENTS[(number // 2) % len(MOMENTS)]
        what = f"train {preset}, {f'{end} being {moment}' if end else 'any moment'}"
        killed = kill(training(preset), folder, backend, moment, end, seconds, chance)
        check_whole(folder)
        if (folder / "run" / "config.json").exists():
            finish(["resume", "run"], folder, backend)
        else:
            finish(training(preset), folder, backend)
        check_whole(folder)
        check_same_run(folder / "run", reference)
        return what + ("" if killed else " (had ended before)")
    what = OTHERS[number // 2]
    if what == "resume":
        for moment, end in [(None, None), ("renamed", ".weights.h5")]:
            command = ["resume", "run"] if (folder / "run" / "config.json").exists() else training(preset)
            kill(command, folder, backend, moment, end, seconds, chance)
            check_whole(folder)
        go_on = ["resume", "run"] if (folder / "run" / "config.json").exists() else training(preset)
        finish(go_on, folder, backend)
        check_same_run(folder / "run", reference)
        return f"{what} {preset}, twice"
    over, what = what.endswith(OVER), what.removesuffix(OVER)
    command, result, of = references["commands"][what]
    if what in ("publish", "export"):
        subprocess.run(["cp", "-r", str(references["train", "vae"][0]), str(folder / "run")], check=True)
    undisturbed, seconds = references[what]
    if over:
        finish(command, folder, backend)
        # The first rename ends in `.former`, the second in the folder's own name.
        killed = start(command, folder, backend, f"{os.sep}out", 1).wait() == -signal.SIGKILL
        assert killed and not (folder / "out").exists(), "it was not killed between the two renames"
    else:
        killed = kill(command, folder, backend, None, None, seconds, chance)
    check_whole(folder)
    finish(command, folder, backend)
    check_whole(folder)
    assert of(folder / result) == of(undisturbed / result), f"{result} differs"
    assert not temporaries(folder), f"left behind: {temporaries(folder)}"
    return (
        what + (" over an older one, between two renames" if over else "") + ("" if killed else " (had ended before)")
    )


def prepare(folder, backend, wanted):
    """Undisturbed results, and how long each takes."""
    references = {
        "commands": {
            "sweep": (
                ["sweep", "vae", "--set", "latent_dim=2,3", "--epochs", "3", "--folder", "out"],
                "out/results.json",
                figures,
            ),
            "benchmark": (["benchmark", "autoencoder", "--seeds", "1", "--folder", "out"], "out/results.json", figures),
            "publish": (["publish", "run", "out"], "out/saved_model", sample),
            "export": (["export", "run", "--output", "out"], "out", sample),
        }
    }
    for preset in PRESETS:
        place = folder / f"reference-{preset}"
        place.mkdir()
        began = time.monotonic()
        finish(training(preset), place, backend)
        references["train", preset] = place / "run", time.monotonic() - began
        print(f"reference: train {preset}, {time.monotonic() - began:.0f} s", flush=True)
    for what in dict.fromkeys(name.removesuffix(OVER) for name in OTHERS[: wanted // 2]):
        if what == "resume":
            continue
        place = folder / f"reference-{what}"
        place.mkdir()
        if what in ("publish", "export"):
            subprocess.run(["cp", "-r", str(references["train", "vae"][0]), str(place / "run")], check=True)
        began = time.monotonic()
        finish(references["commands"][what][0], place, backend)
        references[what] = place, time.monotonic() - began
        print(f"reference: {what}, {time.monotonic() - began:.0f} s", flush=True)
    return references


def main():
    """Run the trials."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="tensorflow")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="where the runs stay; a temporary folder by default")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(options.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        references = prepare(folder, options.backend, options.kills)
        failed = 0
        for number in range(options.kills):
            try:
                print(
                    f"{number + 1}: {trial(number, folder / str(number), references, options.backend, chance)}: equal"
                )
            except AssertionError as error:
                failed += 1
                print(f"{number + 1}: FAILED: {error}")
            sys.stdout.flush()
    print(f"{options.kills - failed} of {options.kills} ended as if they had not been killed ({options.backend})")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
