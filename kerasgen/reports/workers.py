"""Tasks done one by one in this process, or several at once: in others of this machine, or on a Ray cluster.

A task is a run that is trained and measured (`tasks.py`). It writes into its run's folder alone, and hands back figures
and protocol; who asked for it writes the results. A worker that dies, killed or out of memory, is no loss: its run goes
on from its newest checkpoint in another one, with the numbers of one that never stopped.

Workers compute as this process would, and so their results are the same bit by bit: they have its backend, its settings
of Keras, its environment variables, versions and working directory, which on a cluster are checked or set. Numbers of
threads are left as they are, since sums depend on them: `N` workers share the cores. What was set by code of a backend
(`jax.config`, `torch.set_num_threads`) they do not have. What `jit_compile="auto"` measures before a long training on
TensorFlow may come out otherwise in workers that share cores, and then numbers differ by rounding: where bits matter,
set it to true or false.

On GPUs, workers of this machine have one each, and share where there are fewer. This process holds memory of them too,
and all of it unless XLA_PYTHON_CLIENT_PREALLOCATE=false (JAX) or TF_FORCE_GPU_ALLOW_GROWTH=true (TensorFlow) was set
before Keras was imported, as the command line does.

A Ray cluster that asks for a token is given that of RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH, by Ray itself.
"""

import concurrent.futures
import contextlib
import importlib
import importlib.util
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import warnings

import keras

from kerasgen import devices
from kerasgen.callbacks import newest_checkpoint
from kerasgen.reports.tasks import measured, order
from kerasgen.runs.folder import RunFolder

#: So often a run's worker may die without a new checkpoint.
DEATHS = 3
#: How names of environment variables begin that workers on other machines must have too.
SAME = ("KERAS", "TF_", "TFDS_", "XLA_", "JAX_", "TORCH_", "CUBLAS_", "OMP_", "MKL_", "OPENBLAS_", "WANDB_")
#: The process of a worker. What libraries print, the more so while they are imported, is no answer.
PROGRAM = "import os; out = os.dup(1); os.dup2(2, 1); from kerasgen.reports import tasks; tasks.serve(out)"


def check(workers, ray):
    """Refuse what cannot be asked for, before anything is done.

    Args:
        workers: int or None.
        ray: Address of a cluster, or None.

    Raises:
        ValueError: If there is no worker, both are asked for, or this process trains on several devices.
        ImportError: If Ray is not installed.
    """
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise ValueError(f"workers is a whole number from 1. Received: workers={workers!r}")
    if workers and ray:
        raise ValueError(
            "Workers are processes of this machine, or those of a Ray cluster: pass one of the two. "
            f"Received: workers={workers} and ray={ray!r}"
        )
    if ray and importlib.util.find_spec("ray") is None:
        raise ImportError(f"Ray is not installed: pip install 'kerasgen[ray]'. Received: ray={ray!r}")
    if (workers or ray) and devices.are_several():
        raise ValueError(
            "A worker trains on one device, and this process on several: ask for workers in another one. "
            f"Received: workers={workers}, ray={ray!r}"
        )


def ended(tasks, callbacks=None, verbose="auto", say=None, workers=None, ray=None):
    """Train and measure runs. Those that have ended are kept, those that were stopped go on.

    Args:
        tasks: List of `Task`.
        callbacks: Function of a run's folder and config that gives its further callbacks; or None. It is called in this
            process; for workers the callbacks must be such that `pickle` takes them.
        verbose: As in `keras.Model.fit`. Workers show nothing.
        say: Function that is told, in a line, what is about to be done, and of workers what is done; or None.
        workers: int or None. So many processes of this machine; None: this one.
        ray: Address of a Ray cluster, as `ray.init` takes it, or None. It does as many tasks at once as it has GPUs, or
            CPUs where it has none (`ray start --num-cpus`). Its machines have the folders at the same paths.

    Yields:
        Pairs of a number, which says the task, and what `measured` gave of it; in the order in which they end.

    Raises:
        ValueError: If a task was refused; with workers its message begins with the folder. The other workers end.
        ChildProcessError: If a task failed otherwise in a worker, or its worker died again and again.
    """

    def begun(task):
        if say:
            say(f"{task.name} in {task.folder}")
        # A run that has ended needs no tracker opened.
        return callbacks(task.folder, task.config) if callbacks and not RunFolder(task.folder).finished else ()

    def is_kept(task):
        return task.known if RunFolder(task.folder).finished else None

    if not (workers or ray):
        for number, task in enumerate(tasks):
            given = begun(task)
            yield number, is_kept(task) or measured(task.config, task.folder, task.options, given, verbose)
        return
    waiting = []
    for number, task in enumerate(tasks):
        if kept := is_kept(task):
            yield number, kept
        else:
            waiting.append(number)
    if not waiting:
        return
    with contextlib.closing(_Cluster(ray) if ray else _Processes(workers)) as pool:
        running, deaths, left = {}, {}, len(waiting)
        while left:
            while waiting and len(running) < pool.room:
                number = waiting.pop(0)
                running[pool.begin(order(tasks[number], begun(tasks[number])))] = number
            place, found = pool.wait()
            number = running.pop(place)
            if "died" in found:
                _bury(tasks[number], found["died"], deaths)
                waiting.insert(0, number)
                continue
            _tell(tasks[number], found)
            left -= 1
            if say:
                say(f"{tasks[number].name}: done, {len(tasks) - left} of {len(tasks)}")
            yield number, found["measured"]


class _Processes:
    """Processes of this machine, a new one for each task: what one of them dies of is its own run's.

    Attributes:
        room: int. How many tasks may run at once.
    """

    def __init__(self, count):
        self.room = count
        self._threads = concurrent.futures.ThreadPoolExecutor(count)
        self._running = {}
        self._gpus = devices.gpus()
        self._variables = {"KERAS_BACKEND": keras.backend.backend(), "PYTHONPATH": os.pathsep.join(sys.path)}

    def begin(self, asked):
        """Start a process; returns what `wait` calls it."""
        taken = [gpu for _, gpu in self._running.values()]
        gpu = min(self._gpus, key=taken.count, default=None)
        variables = self._variables | ({} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu})
        said = tempfile.TemporaryFile()  # noqa: SIM115  `_answer_of` closes it
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for this process, which ends them.
        )
        place = self._threads.submit(_answer_of, process, asked, said)
        self._running[place] = process, gpu
        return place

    def wait(self):
        """Wait until a process has ended: what `begin` called it, and its answer."""
        place = concurrent.futures.wait(self._running, return_when="FIRST_COMPLETED").done.pop()
        del self._running[place]
        return place, place.result()

    def close(self):
        """End all that run."""
        for process, _ in self._running.values():
            process.kill()
        self._threads.shutdown()


class _Cluster:
    """Workers of a Ray cluster, which does the scheduling.

    Attributes:
        room: How many tasks it takes at once: any number.
    """

    room = math.inf

    def __init__(self, address):
        import ray

        self._ray, self._running, self._mine = ray, [], not ray.is_initialized()
        if self._mine:
            try:
                _look_for(address)
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            except Exception as error:  # which one depends on how the address is wrong
                reason = str(error).partition("\n")[0]
                raise ConnectionError(
                    f"No Ray cluster answers here, or it asks for a token ({reason}). Received: {address}"
                ) from error
        # Ray shows them to whoever looks at its cluster: no keys.
        variables = {k: value for k, value in os.environ.items() if k.startswith(SAME) and not k.endswith("_KEY")}
        variables["KERAS_BACKEND"] = keras.backend.backend()
        # Ray gives workers a number of threads, which sums depend on, where there is none.
        unset = [name for name in ("OMP_NUM_THREADS",) if name not in os.environ]

        # Sent by value, being a function in a function: before it runs, no backend is imported.
        def task(asked):
            for name in unset:
                os.environ.pop(name, None)
            return importlib.import_module("kerasgen.reports.tasks").answer(asked)

        # Deaths are counted here. A worker ends with its task, and lets its GPU go.
        self._begin = ray.remote(
            num_cpus=1,
            num_gpus=1 if ray.cluster_resources().get("GPU") else 0,
            max_retries=0,
            max_calls=1,
            runtime_env={"env_vars": variables},
        )(task).remote

    def begin(self, asked):
        """Hand a task to the cluster; returns what `wait` calls it."""
        self._running.append(self._begin(asked))
        return self._running[-1]

    def wait(self):
        """Wait until a task has ended: what `begin` called it, and its answer."""
        [place], self._running = self._ray.wait(self._running, num_returns=1)
        try:
            return place, self._ray.get(place)
        except self._ray.exceptions.RayTaskError as error:
            text = f"{type(error.cause).__name__}: {error.cause}"
            return place, {"error": " ".join(text.split()), "refused": False, "where": str(error), "warnings": []}
        except self._ray.exceptions.RayError as error:
            return place, {"died": str(error).strip().partition("\n")[0]}

    def close(self):
        """End all that run, and leave the cluster."""
        for place in self._running:
            self._ray.cancel(place, force=True)
        if self._mine:
            self._ray.shutdown()


def _look_for(address):
    """Fail at once where nothing listens at `host:port` or `ray://host:port`: Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _answer_of(process, asked, said):
    """Give a process its order, and wait until it ends: its answer, or what it died of."""
    with said, process.stdout:
        try:
            pickle.dump(asked, process.stdin)
            process.stdin.flush()
            found = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            found = None
        # Not before, since its end is that of the process.
        status = process.wait()
        with contextlib.suppress(OSError):
            process.stdin.close()
        if found is None:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").splitlines()
            reason = signal.Signals(-status).name if status < 0 else f"exit status {status}: {lines[-1:]}"
            found = {"died": reason}
    return found


def _bury(task, reason, deaths):
    """Count the deaths of a run's workers since its newest checkpoint; too many are an error."""
    newest = newest_checkpoint(task.folder)
    before, count = deaths.get(task.folder, (newest, 0))
    deaths[task.folder] = newest, count + 1 if newest == before else 1
    if deaths[task.folder][1] == DEATHS:
        raise ChildProcessError(
            f"The workers of this run died {DEATHS} times without a new checkpoint; look whether memory is enough, and "
            f"repeat to go on ({reason}). Received: {task.folder}"
        )
    warnings.warn(f"The worker of {task.folder} died ({reason}), and the run goes on in another one.", stacklevel=3)


def _tell(task, found):
    """Say here what a worker was told: its warnings, and its error."""
    for text in found["warnings"]:
        warnings.warn(f"In {task.folder}: {text}", stacklevel=3)
    if "error" in found:
        kind = ValueError if found["refused"] else ChildProcessError
        error = kind(f"In {task.folder}: {found['error']}")
        error.add_note(found["where"])
        raise error
