"""The program for whoever has an accelerator for a quarter of an hour: what it checks, and that it loses nothing."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest

from benchmarks.accelerator import checks, device, speed, summary, training
from benchmarks.accelerator.__main__ import PARTS, Report
from benchmarks.systems import SYSTEMS

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = ROOT / "tools" / "accelerator.py"
spec = importlib.util.spec_from_file_location("accelerator_program", PROGRAM)
program = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
BACKEND = keras.backend.backend()
#: The program itself is of JAX and PyTorch.
INSTALLED = [name for name in ("jax", "torch") if importlib.util.find_spec(name)]
not_on_tensorflow = pytest.mark.skipif(BACKEND == "tensorflow", reason="the program runs JAX and PyTorch")


class Kept:
    """A report in memory, with as much time as a test gives it."""

    def __init__(self, seconds=np.inf):
        self.found, self.seconds = {}, seconds

    def __call__(self, *keys_and_value):
        *keys, value = keys_and_value
        self.found[tuple(keys)] = value

    def time_left(self):
        return self.seconds() if callable(self.seconds) else self.seconds

    tried = Report.tried


def part(name, code, **arguments):
    """A part that runs some Python."""
    arguments = {"backend": None, "seconds": 480, "least": 0, **arguments}
    return program.Part(name, command=(sys.executable, "-c", code), **arguments)


def run_parts(folder, parts, *options):
    """Let the program do other parts than its own: its exit status and what its file says of them."""
    code = program.main([str(folder), *options], parts)
    return code, json.loads((folder / "results.json").read_text(encoding="utf-8"))["parts"]


@pytest.mark.skipif(not INSTALLED, reason="neither JAX nor PyTorch is installed")
def test_a_part_that_crashes_hangs_or_is_killed_takes_no_other_along(tmp_path):
    parts = [
        part("crashes", "raise RuntimeError('out of | order')"),
        part("hangs", "import time; time.sleep(100)", seconds=1 * 8 / 0.5),
        part("killed", "import os; os.kill(os.getpid(), 9)"),
        part("waits", "", needs="crashes"),
        part("good", "print('well')"),
        part("missing", "", backend="no_such_backend"),
        part("late", "", least=10_000),
    ]
    code, found = run_parts(tmp_path / "out", parts, "--minutes", "0.5")
    assert code == 1
    statuses = {name: said["status"] for name, said in found.items()}
    skipped = dict.fromkeys(("waits", "missing", "late"), "skipped")
    assert statuses == {**dict.fromkeys(("crashes", "hangs", "killed"), "failed"), "good": "ended", **skipped}
    assert "out of | order" in found["crashes"]["reason"]
    assert found["hangs"]["reason"] == "it was ended after its 1 s" and found["hangs"]["seconds"] < 10
    assert "SIGKILL" in found["killed"]["reason"]
    assert found["missing"]["reason"] == "no_such_backend is not installed"
    assert found["late"]["reason"].startswith("no time was left")
    assert "well" in (tmp_path / "out" / "log.txt").read_text(encoding="utf-8")
    assert "| good | ended |" in (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")
    # Another call keeps what it does not do again.
    code, found = run_parts(tmp_path / "out", [part("crashes", "")])
    assert found["crashes"]["status"] == "ended" and found["killed"]["status"] == "failed"


def test_what_a_part_has_found_outlives_it(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    path.write_text('{"parts": {"jax-speed": {"status": "running"}}}', encoding="utf-8")
    report = Report(path, "jax-speed", time.time() + 100)
    report("systems", "dcgan", "float32", {"images a second": float("inf")})
    report("systems", "dcgan", "bfloat16", report.tried(lambda: 1 / 0))
    found = json.loads(path.read_text(encoding="utf-8"))["parts"]["jax-speed"]
    assert found["status"] == "running"
    assert found["results"]["systems"]["dcgan"]["float32"] == {"images a second": None}
    assert "ZeroDivisionError" in found["results"]["systems"]["dcgan"]["bfloat16"]["error"]
    monkeypatch.setattr(time, "time", lambda: report.until - 12.5)
    assert report.time_left() == 12.5
    assert device.out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes"))
    assert not device.out_of_memory(RuntimeError("no"))


def test_parts_of_the_program_are_those_that_there_are():
    assert {each.name for each in program.PARTS} == set(PARTS)
    assert sum(each.seconds for each in program.PARTS if each.name != "training") <= 540
    assert set(program.SYSTEMS) == set(SYSTEMS) == set(summary.TITLES)
    assert tuple(checks.FAMILIES) == program.FAMILIES


@pytest.mark.slow
@pytest.mark.each_backend
@pytest.mark.parametrize("family", checks.FAMILIES)
def test_precisions_differ_and_not_much(family):
    begin, losses, changes = checks.two_steps(family, "float32")
    kept = {f"{family}/begin/{number:03d}": value for number, value in enumerate(begin)}
    kept |= {f"{family}/change/{network}": value for network, value in changes.items()}
    kept[f"{family}/losses"] = np.array(json.dumps(losses))
    assert losses and all(np.linalg.norm(change) > 0 for change in changes.values())
    for precision in ("float32", "mixed_bfloat16", "mixed_float16"):
        policy, _, *bounds = checks.PRECISIONS[precision]
        found = checks.of_family(kept, family, policy, bounds)
        assert found["good"], (precision, found)
        # The same processor again; lower precisions must be what they say.
        assert max(found["largest"]) < 1e-6 if precision == "float32" else min(found["largest"]) > 1e-6
    # A gradient that points elsewhere is seen, whatever the precision.
    network = next(iter(changes))
    kept[f"{family}/change/{network}"] = -changes[network]
    assert not checks.of_family(kept, family, "float32", bounds)["good"]


def test_rounding_is_found_as_it_is():
    """A CPU does not round to TF32."""
    assert [said["tf32"] for said in device.rounding().values()] == [False, False]


@not_on_tensorflow
def test_speed_is_that_of_all_steps():
    settings = {"small": True, "seconds": 0.01, "steps": 4, "group": 2}
    found = speed.one(SYSTEMS["mlp_vae"], "float32", 1, settings, rate=1e9)
    assert found["batch"] == 8 and found["epochs timed"] >= 3
    assert found["images a second"] == pytest.approx(8e3 / found["milliseconds a step"])
    share = found["operations a step"] / (found["milliseconds a step"] / 1e3) / 1e9
    assert found["share of the matrix rate"] == pytest.approx(share)
    # Three passes of two operations a weight and image, 8 images.
    weights = 2 * (784 * 512 + 512 * 256) + 3 * 256 * 16
    assert found["operations a step"] == pytest.approx(2 * 3 * 8 * weights, rel=0.01)


def settings_of_training(tmp_path, work, **others):
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(0).random((60, 8, 8, 1), "float32"), y=np.arange(60) % 3)
    entries = {"epochs": 4, "networks.encoder.units": [8], "networks.decoder.units": [8]}
    given = {"out": str(tmp_path / "out"), "work": str(tmp_path / work), "train": "vae", "set": entries}
    return {**given, "data": str(tmp_path / "data.npz"), "resume": None, **others}


@pytest.mark.slow
@pytest.mark.each_backend
def test_a_training_stops_in_time_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(training, "PIECE", 4096)  # So that there are several.
    report = Kept(lambda: 0 if ("epochs",) in report.found else np.inf)
    training.train(settings_of_training(tmp_path, "first"), report)
    found = {key[0]: value for key, value in report.found.items()}
    assert found["goes on"] is False and found["ended"].startswith("stopped in time")
    assert found["epochs"] == 1 and found["of epochs"] == 4
    assert len(found["pieces"]) > 1 and "samples.png" in found["pictures"]
    assert sorted(found["pieces"]) == sorted(path.name for path in (tmp_path / "out").glob("run.zip*"))
    again = Kept()
    # The data lie elsewhere now.
    (tmp_path / "moved").mkdir()
    settings = settings_of_training(tmp_path / "moved", "second", out=str(tmp_path / "out"))
    (tmp_path / "data.npz").unlink()
    training.train(settings, again)
    found = {key[0]: value for key, value in again.found.items()}
    assert found["goes on"] is True and found["ended"] == "trained to its end" and found["epochs"] == 4
    # It is the training that was never stopped.
    whole = Kept()
    training.train(settings_of_training(tmp_path / "moved", "third", out=str(tmp_path / "whole")), whole)
    assert whole.found["last",] == found["last"]


@pytest.mark.slow
@pytest.mark.each_backend
@not_on_tensorflow
def test_the_program_without_tensorflow(tmp_path):
    """From the command line, small, in processes in which TensorFlow and what it brings cannot be imported."""
    (tmp_path / "sitecustomize.py").write_text(HIDING, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    out, parts = tmp_path / "out", [f"{BACKEND}-{name}" for name in ("reference", "checks", "speed")]
    parts += ["jax-largest"] if BACKEND == "jax" else ["torch-by-hand"]
    command = [sys.executable, str(PROGRAM), str(out), "--small", "--minutes", "40", "--backend", BACKEND]
    command += ["--parts", *parts, "training", "--systems", "dcgan", "--variants", "eager"]
    command += ["--families", "vae", "gan"]  # All are tried above.
    command += ["--train", "vae", "--set", "epochs=2"]
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("XLA_FLAGS", None)  # What compiles quickly in the tests runs slowly.
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    log = (out / "log.txt").read_text(encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr + log
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))["parts"]
    assert {name: said["status"] for name, said in found.items()} == dict.fromkeys([*parts, "training"], "ended")
    compared = found[f"{BACKEND}-checks"]["results"]
    assert compared["features"]["error"] < 1e-6 and compared["features"]["settings kept"]
    assert "cpu" in compared["device"].lower()
    assert set(compared["device in protocols"].values()) == {compared["device"]}
    assert set(compared["precisions"]) == set(checks.PRECISIONS)
    for precision, families in compared["precisions"].items():
        assert set(families) == {"vae", "gan"}
        for said in families.values():
            assert said["good"]
            assert max(said["largest"]) < 1e-6 if precision.startswith("float32") else max(said["largest"]) > 1e-4
    for said in found[f"{BACKEND}-speed"]["results"]["systems"]["dcgan"].values():
        assert said["images a second"] > 0 and 0 < said["share of the matrix rate"] < 2
    if BACKEND == "jax":
        largest = found["jax-largest"]["results"]["systems"]["dcgan"]["float32"]
        assert largest["largest"]["images"] == 32 and largest["limit"] == "no larger one was tried than 32"
    else:
        assert found["torch-by-hand"]["results"]["systems"]["dcgan"]["float32, eager"]["images a second"] > 0
    assert found["training"]["results"]["epochs"] == 2
    with zipfile.ZipFile(out / "run.zip") as archive:
        assert {"config.json", "model.keras", "checkpoints/epoch-0002.weights.h5"} <= set(archive.namelist())
    assert {path.name for path in out.iterdir()} >= {"results.json", "summary.md", "log.txt", "samples.png"}
    assert len(list(out.iterdir())) <= 8


HIDING = '''
import sys

class Hiding:
    """A finder that does not see what may be missing."""

    names = ("tensorflow", "tensorflow_datasets", "importlib_resources", "typer")

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *arguments):
        return None if name.split(".")[0] in self.names else self.finder.find_spec(name, *arguments)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
'''
