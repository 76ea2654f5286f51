"""What a command does before it can start: find its run, choose the backend, import kerasgen without noise."""

import contextlib
import difflib
import importlib
import importlib.util
import json
import logging
import os
import sys
import tempfile
from pathlib import Path

import typer

from kerasgen_cli.errors import RUN_ID, usage
from kerasgen_cli.printing import console

#: Whether the libraries may say all they have to say (`--debug`).
debug = False


def start(backend=None, data=True):
    """Import kerasgen.

    Args:
        backend: "tensorflow", "jax", "torch" or None, Keras's own choice (`KERAS_BACKEND`, then its config file).
        data: bool. Whether the command loads data. TensorFlow does that, on any backend.

    Returns:
        The package.

    Raises:
        ImportError: If the backend is not installed.
        ValueError: If Keras runs on another backend already.
    """
    if backend and "keras" in sys.modules and sys.modules["keras"].backend.backend() != backend:
        raise ValueError(
            f"Keras has started on {sys.modules['keras'].backend.backend()}. Received: backend={str(backend)!r}"
        )
    chosen = backend or os.environ.get("KERAS_BACKEND")
    if chosen in ("tensorflow", "jax", "torch") and importlib.util.find_spec(chosen) is None:
        raise ImportError(
            f"The backend is not installed: pip install {chosen}, or choose another one with --backend. "
            f"Received: {chosen}"
        )
    if backend:
        os.environ["KERAS_BACKEND"] = backend
    if debug:
        return importlib.import_module("kerasgen")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with console.status("Starting Keras"), _silent_libraries():
        kerasgen = importlib.import_module("kerasgen")
        if data and importlib.util.find_spec("tensorflow"):
            importlib.import_module("tensorflow")
            # TensorFlow's packages for Python warn through absl of what ends in an error of kerasgen anyway.
            importlib.import_module("absl.logging").set_verbosity("error")
            # And it warns of what a sweep does on purpose: functions of several models.
            logging.getLogger("tensorflow").setLevel("ERROR")
    return kerasgen


def with_workers(backend, workers, ray):
    """Import kerasgen for a command that may train in workers, which then need memory of the GPUs as this process does.

    Args:
        backend: As of `start`.
        workers: int or None: how many processes of this machine.
        ray: Address of a Ray cluster, or None.

    Returns:
        The package.

    Raises:
        typer.BadParameter: If such workers cannot be had.
    """
    if workers or ray:
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    kerasgen = start(backend)
    with usage("--workers"):
        kerasgen.reports.workers.check(workers, ray)
    return kerasgen


def on_devices(kerasgen, devices, path, arguments=()):
    """Train on several devices from now on: in this process, or in others that this one starts.

    Args:
        kerasgen: The package.
        devices: int, "all" or None: one, but where a launcher has started several processes.
        path: Folder of the run.
        arguments: What else the processes get that this one starts, beside its own.

    Returns:
        bool. Whether other processes have done it.

    Raises:
        ValueError: If there are not so many.
        ChildProcessError: If one of the processes has failed; the others are stopped.
    """
    import keras

    backend = keras.backend.backend()
    of_jax = ("JAX_COORDINATOR_ADDRESS", "KERAS_DISTRIBUTION_JOB_ADDRESSES")
    told = {
        "jax": any(name in os.environ for name in of_jax),
        "tensorflow": "TF_CONFIG" in os.environ,
        "torch": int(os.environ.get("WORLD_SIZE", "1")) > 1,
    }[backend]
    if backend == "torch" and not told and devices not in (None, 1):
        count = len(kerasgen.devices.gpus()) if devices == "all" else devices
        if count > 1:
            _in_processes(count, [*sys.argv[1:], *arguments], path)
            return True
    elif devices is not None or told:
        kerasgen.devices.use("all" if devices is None else devices)
        console.quiet = not kerasgen.devices.is_first()
    return False


def _in_processes(count, arguments, path):
    """Run the command line in so many processes of PyTorch, one a device."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel("CRITICAL")
    # Else each takes all cores.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=RUN_ID,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=1,
    )
    command = "import sys; from kerasgen_cli.main import main; sys.exit(main())"
    try:
        elastic_launch(config, sys.executable)("-c", command, *arguments)
    except ChildFailedError as error:
        first = min(error.failures.values(), key=lambda failure: failure.timestamp)
        begun = Path(path, "config.json").exists()
        raise ChildProcessError(
            f"Process {first.local_rank} of {count} ended with status {first.exitcode}, and the others were stopped"
            + (f"; go on with `kerasgen resume {path} --devices {count}`" if begun else "")
            + f". Received: {first.signal_name()}"
        ) from error


def config_of(run):
    """Read the config of a run, or of a published model, without kerasgen, hence at once.

    Args:
        run: Path of its folder.

    Returns:
        Dict.

    Raises:
        typer.BadParameter: If there is no run.
        ValueError: If its config is damaged.
    """
    path = Path(run, "config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _no_run(run) from error
    except (ValueError, IsADirectoryError) as error:  # neither JSON nor UTF-8, or no file
        raise ValueError(f"The config of this run is damaged ({error}). Received: {path}") from error
    if not isinstance(config, dict) or not isinstance(config.get("environment", {}), dict):
        raise ValueError(f"The config of this run is damaged (it is no object of JSON). Received: {path}")
    return config


def open_run(run, backend=None, data=True):
    """The config of a run, and kerasgen on the backend of its training unless another one is asked for."""
    config = config_of(run)
    return config, start(backend or config.get("environment", {}).get("backend"), data)


def open_model(run, backend=None, data=True):
    """Start kerasgen to look at a trained model: as `open_run`, but a preset's name will do.

    Args:
        run: Path of a run or of a published model, or name of a preset.
        backend: As of `start`.
        data: As of `start`.

    Returns:
        The package.

    Raises:
        typer.BadParameter: If there is neither a run nor a preset of this name.
    """
    try:
        return open_run(run, backend, data)[1]
    except typer.BadParameter:
        # What the presets are kerasgen knows; what stands in a folder is a path, and needs no look at them.
        if Path(run).name != run:
            raise
    kerasgen = start(backend, data)
    if run not in kerasgen.presets.names():
        raise _no_run(run, kerasgen.presets.names())
    return kerasgen


def _no_run(run, presets=()):
    others = [str(other.parent) for other in sorted(Path(run).parent.glob("*/config.json"))]
    near = difflib.get_close_matches(str(run), [*others, *presets], n=3) or others[-3:]
    hint = f"There are {', '.join(near)}." if near else "`kerasgen train vae` makes one."
    return typer.BadParameter(f"There is no run here. {hint} Received: {run}", param_hint="RUN")


@contextlib.contextmanager
def _silent_libraries():
    """Swallow what TensorFlow's libraries print while they are loaded, before any of their settings holds.

    Should an import fail, what was printed is printed after all.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as swallowed:
        os.dup2(swallowed.fileno(), 2)
        try:
            yield
        except Exception:
            swallowed.seek(0)
            os.write(terminal, swallowed.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
