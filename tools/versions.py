"""Tries kerasgen under several Pythons, with the newest and with the lowest versions that pyproject.toml allows.

    pip install uv
    python tools/versions.py            # Python 3.11, 3.12, 3.13
    python tools/versions.py 3.12 --versions lowest

Each trial has a virtual environment of its own in a temporary folder. A wheel is installed without extras; from another
folder the commands of a first hour run, and the one that needs an extra must say so. Then the extras come, with the
export to ONNX, a training on JAX and a quick part of the suite. Prints a Markdown table for CONTRIBUTING.md; the output
of what failed is kept. With pyenv, PYENV_VERSION=3.11.7:3.12.1:3.13.0 puts several Pythons on the path.

PyTorch is left out: for Linux PyPI has builds with gigabytes of CUDA alone. `.ci/run` tries it.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
VERSIONS = {"newest": "highest", "lowest": "lowest-direct"}
PACKAGES = (
    *("keras", "tensorflow", "tensorflow-datasets", "importlib-resources", "numpy", "scipy", "scikit-learn"),
    *("matplotlib", "pillow", "typer", "rich", "jax", "onnx", "onnxruntime", "tf2onnx", "tensorboard", "wandb"),
    *("ipykernel", "nbclient", "nbformat", "hypothesis", "pytest", "pytest-xdist", "ruff"),
)
# No old version is built here; this package of tensorflow-datasets exists as source alone.
WHEELS = ("--only-binary", ":all:", "--no-binary", "promise")
COMMANDS = (
    ("--help",),
    ("list",),
    ("train", "vae", "--epochs", "2"),
    ("generate", "runs/vae-1"),
    ("evaluate", "runs/vae-1"),
    ("export", "runs/vae-1"),
)
ONNX = ("export", "runs/vae-1", "--format", "onnx")
SUITE = (
    "tests/engine/test_players.py",
    "tests/datasets/test_arrays.py",
    "tests/export/test_saved_model.py",
    "tests/plots",
)


class Trial:
    """One Python with one choice of versions.

    Attributes:
        results: What was tried -> "ok", what pytest counted, or the command that failed.
    """

    def __init__(self, folder, python, versions):
        self.folder, self.python, self.versions = folder, python, versions
        self.results = {}
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir(parents=True)
        self.bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")

    def run(self, *command, **environment):
        """The exit status of a command in the other folder, and what it printed."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "KERAS_BACKEND")}
        done = subprocess.run(
            [shutil.which(str(command[0]), path=path) or command[0], *map(str, command[1:])],
            cwd=self.elsewhere,
            env={**inherited, "PATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            with (self.folder / "failed.txt").open("a", encoding="utf-8") as log:
                log.write(f"$ {' '.join(map(str, command))}\n{done.stdout}\n")
        return done.returncode, done.stdout

    def install(self, wheel, *extras):
        """Exit status of the installation of the packages in the versions of this trial, and of the wheel."""
        # Of the file: a wheel's own requirements are none of the direct ones, which alone are the lowest.
        packages = ("-r", ROOT / "pyproject.toml", *(word for extra in extras for word in ("--extra", extra)))
        install = ("uv", "pip", "install", "--quiet", "--python", self.bin / "python")
        status, _ = self.run(*install, "--resolution", VERSIONS[self.versions], *WHEELS, *packages)
        return status or self.run(*install, "--no-deps", wheel)[0]

    def commands(self, *commands, **environment):
        """What came of commands of kerasgen: "ok", or the first one that failed."""
        for command in commands:
            if self.run("kerasgen", *command, **environment)[0]:
                return f"**failed**: `kerasgen {' '.join(command)}`"
        return "ok"

    def all(self, wheel):
        """Everything, as far as it goes."""
        if self.run("uv", "venv", "--quiet", "--python", self.python, self.folder / "venv")[0] or self.install(wheel):
            self.results["wheel without extras"] = "**not installed**"
            return
        self.results["wheel without extras"] = self.commands(*COMMANDS)
        status, said = self.run("kerasgen", *ONNX)
        told = status == 1 and "kerasgen[onnx]" in said and len(said.strip().splitlines()) == 1
        self.results["ONNX without its extra"] = "one line says what to install" if told else "**not told**"
        if self.install(wheel, "test", "jax"):
            self.results["extras"] = "**not installed**"
            return
        self.results["extras: ONNX"] = self.commands(ONNX)
        self.results["extras: JAX"] = self.commands(("train", "vae", "--epochs", "2"), KERAS_BACKEND="jax")
        # A copy of the tests: beside the sources they would import those.
        shutil.copytree(ROOT / "tests", self.elsewhere / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", self.elsewhere)
        _, said = self.run("pytest", "-n", "0", *SUITE)
        self.results["suite, in part"] = re.sub(r" in .*|=", "", said.strip().splitlines()[-1]).strip()

    def installed(self):
        """Package -> its version."""
        _, listed = self.run("uv", "pip", "freeze", "--python", self.bin / "python")
        return dict(line.split("==") for line in listed.splitlines() if "==" in line)


def table(trials):
    """Markdown: a column a trial, a row a package and a result."""
    installed = [trial.installed() for trial in trials]
    rows = [
        ["", *(f"{trial.python} {trial.versions}" for trial in trials)],
        ["---"] * (len(trials) + 1),
        *([package, *(found.get(package, "") for found in installed)] for package in PACKAGES),
        *([f"*{what}*", *(trial.results.get(what, "") for trial in trials)] for what in results_of(trials)),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def results_of(trials):
    """What was tried in any of them, in its order."""
    return dict.fromkeys(what for trial in trials for what in trial.results)


def main():
    """Build a wheel, try it everywhere, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", default=PYTHONS, metavar="PYTHON", help="Default: 3.11 3.12 3.13")
    parser.add_argument("--versions", nargs="+", choices=VERSIONS, default=list(VERSIONS), help="Default: both")
    options = parser.parse_args()
    if shutil.which("uv") is None:
        sys.exit("uv picks the lowest versions: pip install uv. Received: no uv on the path")
    work = pathlib.Path(tempfile.mkdtemp(prefix="kerasgen-versions-"))
    subprocess.run(["uv", "build", "--quiet", "--out-dir", work / "dist", ROOT], check=True)
    [wheel] = (work / "dist").glob("*.whl")
    trials = []
    for python in options.pythons:
        for versions in options.versions:
            trials.append(trial := Trial(work / f"{python}-{versions}", python, versions))
            trial.all(wheel)
            print(python, versions, trial.results, flush=True)
    print(f"\n{table(trials)}\n\nWhat failed, and all else: {work}")


if __name__ == "__main__":
    main()
