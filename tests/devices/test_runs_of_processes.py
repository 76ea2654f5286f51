"""Runs that two processes train together: one writes, both end when one is killed, and the run goes on as if not."""

import json
import os
import pathlib
import signal
import sys
import time

import keras
import numpy as np
import pytest

from tests.devices.processes import COMMAND, environment, of_jax, python, start, weights

pytestmark = [
    pytest.mark.slow,
    pytest.mark.each_backend,
    pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="one process has all devices of TensorFlow"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL"),
]
TRAIN = ["train", "vae", "--epochs", "8", "--batch-size", "256", "--latent-dim", "2", "--set", "pictures_every=100"]
TRAIN += ["--set", "networks.encoder.units=[16]", "--set", "networks.decoder.units=[16]", "--run-dir"]


def begin(folder, *arguments):
    """Start the two processes of a command; of PyTorch the one that starts them."""
    logs = [folder / f"process-{number}.log" for number in range(2)]
    if keras.backend.backend() == "torch":
        return [start(python("-c", COMMAND, *arguments, "--devices", "2"), environment(), logs[0])]
    return [start(python("-c", COMMAND, *arguments), env, log) for env, log in zip(of_jax(2), logs)]


def wait_for_epoch(run, epoch):
    for _ in range(2400):
        history = run / "history.csv"
        if history.exists() and len(history.read_text(encoding="utf-8").splitlines()) > epoch:
            return
        time.sleep(0.05)
    raise AssertionError(
        f"no epoch {epoch}: {[log.read_text(encoding='utf-8')[-2000:] for log in run.parent.glob('*.log')]}"
    )


def workers(processes):
    """The ids of the two processes that train, the first one first."""
    if keras.backend.backend() != "torch":
        return [process.pid for process in processes]
    children = pathlib.Path(f"/proc/{processes[0].pid}/task/{processes[0].pid}/children").read_text(encoding="utf-8")
    return sorted(map(int, children.split()))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run that nobody killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    processes = begin(folder, *TRAIN, str(folder / "run"))
    assert [process.wait(240) for process in processes] == [0] * len(processes)
    return folder / "run"


def test_one_process_writes_a_run(undisturbed):
    assert json.loads((undisturbed / "metrics.json").read_text(encoding="utf-8"))["protocol"]["epochs"] == 8
    lines = (undisturbed / "history.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", *map(str, range(1, 9))]
    said = [log.read_text(encoding="utf-8") for log in undisturbed.parent.glob("*.log")]
    assert sum(text.count("Training vae") for text in said) == 1


@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_ends_the_other_and_the_run_goes_on(killed, undisturbed, tmp_path):
    run = tmp_path / "run"
    processes = begin(tmp_path, *TRAIN, str(run))
    wait_for_epoch(run, 3)
    os.kill(workers(processes)[killed], signal.SIGKILL)
    since = time.monotonic()
    others = [process for number, process in enumerate(processes) if len(processes) == 1 or number != killed]
    ended = [process.wait(60) for process in others]
    assert time.monotonic() - since < 60
    for process in processes:
        process.wait(60)
    log = tmp_path / f"process-{0 if len(processes) == 1 else 1 - killed}.log"
    lines = log.read_text(encoding="utf-8").splitlines()
    if len(processes) == 2 and killed == 0 and ended == [-signal.SIGABRT]:
        # With the first process goes the service by which JAX's processes know of each other: it ends the others.
        assert any("another task died" in line for line in lines)
    else:
        errors = [line for line in lines if line.startswith("Error")]
        assert ended == [1] and len(errors) == 1 and "kerasgen resume" in errors[0]

    processes = begin(tmp_path, "resume", str(run))
    assert [process.wait(240) for process in processes] == [0] * len(processes)
    expected, found = weights(undisturbed), weights(run)
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
