"""What there is to know of kerasgen on an accelerator, in a few minutes, without a network.

    python tools/accelerator.py OUT                                           # checks and speed, eight minutes at most
    python tools/accelerator.py OUT --parts training --train dcgan_mnist --data mnist.npz --minutes 8

1. Checks: two train steps of each family in float32, with TF32 and without, bfloat16 and float16 beside the same on the
   CPU; features of `fid_inception`, for which TF32 must be off; the device's name in protocols.
2. Speed: images a second of the five systems of `benchmarks/systems.py`, by kerasgen and by hand in PyTorch, the share
   of the card's matrix rate, and the largest batch.
3. A training by name, if `--train` says one. It stops in time and leaves `run.zip` (in pieces of 15 MB, where it is
   large); the same command goes on from there.

Each part is a process of its own, one after the other, with a limit of time: one that crashes, hangs or runs out of
memory takes no other along. What is found is in OUT/results.json as soon as it is found, and as tables in
OUT/summary.md; what the processes said is in OUT/log.txt. Parts for which no time is left, or whose backend is not
installed, are skipped, which the file says. Another call with the same folder replaces the parts that it does, and
keeps the others.

Beside JAX or PyTorch, better both, it needs the packages keras, numpy, scipy, filelock and rich to begin with, and
scikit-learn, matplotlib and pillow for figures and training. TensorFlow, tensorflow-datasets, importlib_resources and
typer may be missing, and training then reads its data into memory. `--data` or an embedded set: there is no network.

Exits with 1 if a part failed or a check was not good.
"""

import argparse
import contextlib
import dataclasses
import datetime
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
FAMILIES = ("vae", "gan", "wgan_gp", "vae_gan", "star_gan")
SYSTEMS = ("mlp_vae", "conv_vae", "dcgan", "wgan_gp", "vae_gan")
#: Whose versions stand in the results.
PACKAGES = ("jax", "jaxlib", "torch", "triton", "keras", "numpy", "scipy", "scikit-learn", "tensorflow")
#: Seconds that a part has after those in which it should be done: a compilation is not interrupted.
GRACE = 0.15


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the program.

    Attributes:
        name: str.
        backend: "jax" or "torch"; None: the one that `--backend` says.
        seconds: The most that it gets of eight minutes; of more or less it gets more or less.
        least: Seconds without which it is not begun, of eight minutes.
        on_cpu: Whether it must not see the accelerator.
        needs: Name of a part that must have ended, or None.
        command: What runs, or None: the part of this name of `benchmarks.accelerator`.
    """

    name: str
    backend: str | None
    seconds: float
    least: float
    on_cpu: bool = False
    needs: str | None = None
    command: tuple | None = None


#: By worth.
PARTS = (
    Part("jax-reference", "jax", 50, 15, on_cpu=True),
    Part("jax-checks", "jax", 100, 20, needs="jax-reference"),
    Part("torch-reference", "torch", 30, 10, on_cpu=True),
    Part("torch-checks", "torch", 40, 15, needs="torch-reference"),
    Part("jax-speed", "jax", 130, 30),
    Part("torch-by-hand", "torch", 80, 25),
    Part("torch-speed", "torch", 40, 20),
    Part("jax-largest", "jax", 50, 20),
    Part("training", None, 480, 40),
)


def files():
    """The module `kerasgen.files`, without `import kerasgen`: that imports Keras and a backend, which may fail."""
    spec = importlib.util.spec_from_file_location("kerasgen_files", ROOT / "kerasgen" / "files.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Results:
    """The file of what was found, and the tables made of it."""

    def __init__(self, folder, options):
        self.files, self.path = files(), folder / "results.json"
        found = self.files.read_json(self.path, "delete it") if self.path.exists() else {"parts": {}}
        found["asked"] = {name: str(value) for name, value in vars(options).items()}
        found["begun"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        found["machine"] = machine()
        self.files.write_json(self.path, found)

    def read(self):
        """All that was found."""
        return self.files.read_json(self.path, "delete it")

    def set(self, part, **said):
        """Say how a part does; "running" begins it anew."""
        found = self.read()
        before = {} if said.get("status") in ("running", "skipped") else found["parts"].get(part, {})
        found["parts"][part] = {**before, **said}
        self.files.write_json(self.path, found)


def machine():
    """What the figures depend on beside the device, which each part names."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.platform(), **versions}


def run_parts(parts, options, results, work):
    """Do parts one after the other until the time is over."""
    end, scale = time.time() + 60 * options.minutes - 5, options.minutes / 8
    for part in parts:
        backend = part.backend or options.backend
        left = end - time.time()
        reason = None
        if backend is None or importlib.util.find_spec(backend) is None:
            reason = f"{backend or 'neither jax nor torch'} is not installed"
        elif part.name == "training" and not options.train:
            reason = "--train names no preset"
        elif part.needs and results.read()["parts"].get(part.needs, {}).get("status") != "ended":
            reason = f"{part.needs} has not ended"
        elif left < part.least * min(1, scale):
            reason = f"no time was left: {left:.0f} s"
        if reason:
            results.set(part.name, status="skipped", reason=reason)
            say(part.name, "skipped", reason)
            continue
        seconds = left if part.name == "training" else min(part.seconds * scale, left)
        results.set(part.name, status="running", backend=backend)
        started = time.time()
        status, reason = run_part(part, backend, seconds, options, results, work)
        took = time.time() - started
        results.set(part.name, status=status, reason=reason, seconds=round(took, 1))
        say(part.name, status, f"{took:.0f} s of {seconds:.0f}", reason or "")
        write_summary(results)


def say(*words):
    """Print a line at once."""
    print(*words, flush=True)


def run_part(part, backend, seconds, options, results, work):
    """Run a part in a process of its own: how it ended, and why, or None."""
    settings = work / f"{part.name}.json"
    until = time.time() + seconds * (1 - GRACE)
    given = {
        **{"results": str(results.path.resolve()), "out": str(options.out.resolve()), "work": str(work)},
        **{"until": until, "small": options.small, "systems": options.systems, "variants": options.variants},
        "families": options.families,
        "reference": str(work / f"{backend}-reference.npz"),
        **{
            "seconds": 0.05 if options.small else 1.0,
            "steps": 4 if options.small else 100,
            "group": 2 if options.small else 10,
        },
        **{"first_batch": 16 if options.small else 1024, "most_images": 32 if options.small else 2**18},
        **{"train": options.train, "data": options.data, "resume": options.resume, "set": dict(options.set)},
    }
    settings.write_text(json.dumps(given), encoding="utf-8")
    command = part.command or (sys.executable, "-m", "benchmarks.accelerator", part.name, str(settings))
    environment = {
        **os.environ,
        **{"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "Agg", "PYTHONUNBUFFERED": "1"},
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "KERASGEN_CACHE": str(work / "cache"),  # What is measured must not depend on what was kept before.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # Of two backends on a card each takes what it needs.
        # A step is compiled once, for 1 step an execution and for 20.
        **{"JAX_COMPILATION_CACHE_DIR": str(work / "jax"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"},
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    if part.on_cpu:
        environment |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    with open(options.out / "log.txt", "a", encoding="utf-8") as log:
        log.write(f"=== {part.name}\n")
        log.flush()
        begin = log.tell()
        # A session of its own, to end it with all that it has started: PyTorch compiles in further processes.
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return "failed", f"it was ended after its {seconds:.0f} s"
        finally:
            end_all(process)
    if code == 0:
        return "ended", None
    if code < 0:
        name = signal.Signals(-code).name
        return "failed", f"{name}{': the memory of the machine was full, perhaps' if name == 'SIGKILL' else ''}"
    with open(options.out / "log.txt", encoding="utf-8", errors="replace") as log:
        log.seek(begin)
        return "failed", " / ".join(line.strip() for line in log.read().strip().splitlines()[-3:])[-1000:]


def end_all(process):
    """End a process and those that it has started."""
    with contextlib.suppress(ProcessLookupError):  # All have ended.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def write_summary(results):
    """The tables for people."""
    from benchmarks.accelerator import summary

    results.files.replace_text(results.path.with_name("summary.md"), summary.text(results.read()))


def arguments(given=None):
    """The options of a call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path, help="folder of what is found")
    parser.add_argument("--minutes", type=float, default=8.0, help="of all parts together")
    parser.add_argument("--parts", nargs="+", default=[part.name for part in PARTS], help="only these, in their order")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES, help="of the checks")
    parser.add_argument("--variants", nargs="+", default=["eager", "compiled", "channels_last"], help="by hand")
    parser.add_argument("--train", metavar="PRESET", help="what is trained")
    parser.add_argument(
        "--data", metavar="FILE.npz", help="its images, x or x_train, and labels; else those of the preset"
    )
    parser.add_argument("--set", action="append", type=entry, default=[], metavar="KEY=VALUE", help="of its config")
    parser.add_argument("--resume", metavar="FOLDER", help="holds the run.zip to go on with; else OUT, where it does")
    parser.add_argument("--backend", choices=["jax", "torch"], help="of the training; else the first that is installed")
    parser.add_argument("--small", action="store_true", help="a try on a CPU: few steps on small images")
    options = parser.parse_args(given)
    unknown = set(options.parts) - {part.name for part in PARTS}
    if unknown:
        parser.error(f"parts are {', '.join(part.name for part in PARTS)}. Received: {', '.join(sorted(unknown))}")
    installed = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]
    options.backend = options.backend or next(iter(installed), None)
    return options


def entry(text):
    """A key and a value of `--set`: JSON, else a text."""
    key, _, value = text.partition("=")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def main(given=None, parts=PARTS):
    """Do what the command line asks for."""
    options = arguments(given)
    options.out.mkdir(parents=True, exist_ok=True)
    results = Results(options.out, options)
    # Whoever ends this process by a signal ends its part with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    work = pathlib.Path(tempfile.mkdtemp(prefix="kerasgen-"))
    try:
        run_parts([part for part in parts if part.name in options.parts or parts is not PARTS], options, results, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        write_summary(results)
    from benchmarks.accelerator import summary

    return int(not summary.is_good(results.read()))


if __name__ == "__main__":
    sys.exit(main())
