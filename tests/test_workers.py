"""Sweeps and benchmarks in several processes: the results of one process, whatever order they come in and who dies."""

import json
import os
import pathlib
import pickle
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from unittest import mock

import keras
import numpy as np
import pytest

from kerasgen import benchmark
from kerasgen.reports import tasks, workers
from kerasgen.reports.tasks import Task
from tests.devices.processes import COMMAND, environment, python, start, weights


class Pool:
    """Workers that are no processes: the last task ends first, and the first of `fates` is what comes of the next."""

    room = 2

    def __init__(self, *fates):
        self.fates, self.orders, self.closed = list(fates), [], False

    def __call__(self, _):
        return self

    def begin(self, order):
        self.orders.append(order)
        return order

    def wait(self):
        order = self.orders.pop()
        fate = self.fates.pop(0) if self.fates else None
        return order, {"died": fate} if fate else tasks.answer(order)

    def close(self):
        self.closed = True


def pretended(config, folder, options, callbacks=(), verbose=0):
    """What `measured` gives, without a training."""
    versions = {"kerasgen": "1", "keras": "3"}
    protocol = {"data": "digits", "split": "test", "images": 360, "versions": versions, "backend": "any"}
    return {"figures": {"negative_elbo": float(config["seed"])}, "protocol": protocol}


@pytest.fixture
def pool(monkeypatch):
    def use(*fates):
        made = Pool(*fates)
        monkeypatch.setattr(workers, "_Processes", made)
        return made

    monkeypatch.setattr(tasks, "measured", pretended)
    monkeypatch.setattr(workers, "measured", pretended)
    return use


def some(folder, count=3):
    return [Task(f"seed {seed}", {"seed": seed}, folder / str(seed), {}) for seed in range(count)]


def test_each_task_is_done_in_whatever_order(pool, tmp_path):
    made, said = pool(), []
    done = list(workers.ended(some(tmp_path), say=said.append, workers=2))
    assert [number for number, _ in done] == [1, 2, 0] and made.closed
    assert all(found["figures"] == {"negative_elbo": number} for number, found in done)
    assert said[:2] == [f"seed {seed} in {tmp_path / str(seed)}" for seed in (0, 1)]
    assert said[-1] == "seed 0: done, 3 of 3"


def test_what_is_known_of_a_run_that_has_ended_needs_no_worker(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "RunFolder", lambda path: mock.Mock(finished=path.name == "1"))
    pool()
    known = some(tmp_path)
    for task in known:
        task.known = {"figures": {}, "protocol": {}}
    done = dict(workers.ended(known, workers=2))
    assert [done[number]["figures"] for number in range(3)] == [{"negative_elbo": 0}, {}, {"negative_elbo": 2}]
    assert dict(workers.ended(known)) == done


def test_a_results_file_is_the_same_in_whatever_order_runs_end(pool, tmp_path):
    pool()
    files = []
    for folder, count in ((tmp_path / "one", None), (tmp_path / "several", 2)):
        results = benchmark.run(["vae", "autoencoder"], 3, folder, workers=count)
        files.append([(folder / f"results.{end}").read_text(encoding="utf-8") for end in ("json", "md")])
        assert json.loads(files[-1][0]) == results and list(results["vae"]) == ["0", "1", "2"]
    assert files[0] == files[1]


def test_a_run_whose_worker_died_goes_on_in_another_one(pool, tmp_path):
    pool("SIGKILL", None, "SIGKILL")
    with pytest.warns(UserWarning, match=r"The worker of .* died \(SIGKILL\), and the run goes on") as told:
        done = dict(workers.ended(some(tmp_path), workers=2))
    assert len(done) == 3 and len(told) == 2


@pytest.mark.filterwarnings("ignore:The worker of")
def test_a_run_that_comes_to_nothing_again_and_again_is_an_error(pool, tmp_path, monkeypatch):
    made = pool(*["SIGKILL"] * 3)
    with pytest.raises(ChildProcessError, match=r"died 3 times without a new checkpoint.*\(SIGKILL\).*Received: .*1$"):
        list(workers.ended(some(tmp_path), workers=2))
    assert made.closed
    # With a new checkpoint each time, it is only slow.
    pool(*["SIGKILL"] * 6)
    numbers = iter(range(9))
    monkeypatch.setattr(workers, "newest_checkpoint", lambda _: next(numbers))
    assert len(list(workers.ended(some(tmp_path), workers=2))) == 3


def test_what_a_task_says_is_said_here_in_one_line_with_its_folder(pool, tmp_path, monkeypatch):
    def fail(config, folder, options, callbacks=(), verbose=0):
        import warnings

        warnings.warn("This is odd.", stacklevel=1)
        raise config["seed"]

    pool()
    monkeypatch.setattr(tasks, "measured", fail)
    for error, kind, text in (
        (ValueError("Not\nso. Received: x"), ValueError, "Not so. Received: x"),
        (OSError("The disk is full. Received: y"), ChildProcessError, "The disk is full. Received: y"),
        (KeyError("z"), ChildProcessError, "KeyError: 'z'"),
    ):
        with pytest.warns(UserWarning, match=f"In {tmp_path / 'run'}: This is odd."), pytest.raises(kind) as raised:
            list(workers.ended([Task("", {"seed": error}, tmp_path / "run", {})], workers=1))
        assert str(raised.value) == f"In {tmp_path / 'run'}: {text}"
        assert "in fail" in raised.value.__notes__[0]


def test_a_worker_has_the_settings_of_who_asks_and_refuses_other_versions(pool, tmp_path):
    pool()
    before = keras.config.epsilon()
    keras.config.set_epsilon(1e-5)
    order = tasks.order(*[*some(tmp_path, 1), ()])
    keras.config.set_epsilon(before)
    try:
        assert "measured" in tasks.answer(order)
        assert keras.config.epsilon() == 1e-5
    finally:
        keras.config.set_epsilon(before)
    asked = pickle.loads(order)
    asked["like"]["versions"] |= {"keras": "2.0"}
    found = tasks.answer(pickle.dumps(asked))
    assert found["refused"] and found["error"].endswith(f"Received: keras {keras.__version__}, not 2.0")


def test_callbacks_go_to_workers_or_are_refused(pool, tmp_path, monkeypatch):
    from kerasgen import callbacks
    from kerasgen_cli import trackers

    monkeypatch.setitem(sys.modules, "wandb", mock.MagicMock())
    pool()
    given = trackers.wandb(mock.Mock(callbacks=callbacks), tmp_path, {}, "id", "group")
    sent = pickle.loads(tasks.order(*some(tmp_path, 1), given))["callbacks"]
    assert [type(each) for each in sent] == [type(each) for each in given]
    refused = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: None)
    with pytest.raises(ValueError, match=r"`pickle` must take them.*Received: LambdaCallback$"):
        list(workers.ended(some(tmp_path), lambda *_: [refused], workers=2))


def test_ray_is_asked_for_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr(workers.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"pip install 'kerasgen\[ray\]'\. Received: ray='auto'"):
        workers.check(None, "auto")


def test_a_cluster_that_is_not_there_is_told_at_once(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'kerasgen[ray]'")
    with pytest.raises(ConnectionError, match=r"No Ray cluster answers here.*Received: 127\.0\.0\.1:1$"):
        list(workers.ended(some(tmp_path), ray="127.0.0.1:1"))


def test_workers_share_the_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr(workers.devices, "gpus", lambda: ["2", "5"])
    opened = []

    def process(command, env, **_):
        opened.append(env["CUDA_VISIBLE_DEVICES"])
        return mock.Mock()

    monkeypatch.setattr(workers.subprocess, "Popen", process)
    monkeypatch.setattr(workers, "_answer_of", lambda *_: None)
    made = workers._Processes(3)
    for _ in range(3):
        made.begin(b"")
    assert opened == ["2", "5", "2"]
    made.close()


# ---- processes and a cluster

QUICK = ["--epochs", "30", "--set", "networks.encoder.units=[16]", "--set", "networks.decoder.units=[16]"]
SWEEP = ["sweep", "vae", *QUICK, "--set", "latent_dim=2,3,4", "--set", "pictures_every=100", "--folder", "swept"]
needs_kill = pytest.mark.skipif(sys.platform != "linux", reason="finds a worker by its lock in /proc")
CLUSTER = """
import ray, sys
ray.init(address="local", num_cpus=2, num_gpus=0, include_dashboard=False, object_store_memory=2**27,
         logging_level="ERROR", _temp_dir=sys.argv[1])
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""


def begin(folder, *more):
    folder.mkdir(exist_ok=True)
    env = environment(KERASGEN_CACHE=str(folder / "cache"))
    return start(python("-c", COMMAND, *SWEEP, *more), env, folder / "log.txt")


def ended_well(process, folder):
    assert process.wait(400) == 0, (folder / "log.txt").read_text(encoding="utf-8")[-3000:]
    return folder


def content(folder):
    """What a sweep leaves, without what tells when and how long."""
    results = json.loads((folder / "swept" / "results.json").read_text(encoding="utf-8"))
    for each in results:
        for name in ("seconds", "evaluation_seconds", "date"):
            del each["protocol"][name]
    runs = [folder / each["run"] for each in results]
    table = (folder / "swept" / "results.md").read_text(encoding="utf-8")
    return results, table, [(run / "history.csv").read_bytes() for run in runs], [weights(run) for run in runs]


def assert_same(folder, other):
    (*plain, found), (*expected, wanted) = content(folder), content(other)
    assert plain == expected
    assert len(found) == len(wanted) == 3
    for these, those in zip(found, wanted):
        assert these.keys() == those.keys()
        for name in these:
            np.testing.assert_array_equal(these[name], those[name], err_msg=name)


def kill_the_worker_of(run):
    """End the process that holds a run, in mid-run."""
    until = time.monotonic() + 200
    while time.monotonic() < until:
        rows = len((run / "history.csv").read_bytes().splitlines()) if (run / "history.csv").exists() else 0
        if rows > 4:
            holders = [path for path in pathlib.Path("/proc").glob("[0-9]*/fd/*") if is_link_to(path, run / ".lock")]
            assert len(holders) == 1 and rows < 25
            os.kill(int(holders[0].parts[2]), signal.SIGKILL)
            return
        time.sleep(0.05)
    raise AssertionError("no epoch has ended")


def is_link_to(path, file):
    try:
        return os.readlink(path) == str(file)
    except OSError:
        return False


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serial")
    return ended_well(begin(folder), folder)


@pytest.fixture(scope="module")
def cluster():
    """The address of a Ray of two CPUs, which ends with the process that has started it; its token is its own."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'kerasgen[ray]'")
    place = pathlib.Path(tempfile.mkdtemp(prefix="ray"))  # Sockets lie in it, whose paths must be short.
    (place / "token").write_text(secrets.token_hex(32), encoding="utf-8")
    command = python("-c", CLUSTER, place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(place / "token"))
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
            yield process.stdout.readline().strip()
            process.stdin.close()
            process.wait()
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.slow
@needs_kill
def test_processes_give_what_one_gives_though_one_is_killed(serial, tmp_path):
    process = begin(tmp_path, "--workers", "2")
    kill_the_worker_of(next_run(tmp_path))
    assert_same(ended_well(process, tmp_path), serial)
    log = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert log.count("died (SIGKILL), and the run goes on in another one") == 1
    # Once more: nothing is to be done.
    before = (tmp_path / "swept" / "results.json").read_bytes()
    ended_well(begin(tmp_path, "--workers", "2"), tmp_path)
    assert (tmp_path / "swept" / "results.json").read_bytes() == before


@pytest.mark.slow
@needs_kill
def test_a_cluster_gives_what_one_process_gives_though_a_worker_is_killed(serial, cluster, tmp_path):
    process = begin(tmp_path, "--ray", cluster)
    kill_the_worker_of(next_run(tmp_path))
    assert_same(ended_well(process, tmp_path), serial)
    log = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert log.count("and the run goes on in another one") == 1


@pytest.mark.slow
@needs_kill
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_who_has_started_them(how, tmp_path):
    process = begin(tmp_path, "--workers", "2")
    run = next_run(tmp_path)
    until = time.monotonic() + 200
    while not (run / "history.csv").exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(how)
    assert process.wait(30) == {signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}[how]
    until = time.monotonic() + 10
    held = True
    while held and time.monotonic() < until:
        held = any(is_link_to(path, run / ".lock") for path in pathlib.Path("/proc").glob("[0-9]*/fd/*"))
    assert not held


def next_run(folder):
    """The run of the second setting: it is in work beside the first."""
    (folder / "swept").mkdir(exist_ok=True)
    units = "networks.encoder.units=_16_,networks.decoder.units=_16_"
    return folder / "swept" / "runs" / f"{units},latent_dim=3,pictures_every=100"
