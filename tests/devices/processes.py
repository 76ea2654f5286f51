"""Programs on several devices, each in processes of its own."""

import os
import pathlib
import socket
import subprocess
import sys

import h5py
import keras
import numpy as np

from kerasgen.callbacks import newest_checkpoint

HERE = pathlib.Path(__file__).parent
COMMAND = "import sys; from kerasgen_cli.main import main; sys.exit(main())"


def environment(**more):
    """This process's environment, on the same backend, a core a process."""
    path = os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    cores = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, "KERAS_BACKEND": keras.backend.backend(), "PYTHONPATH": path, **cores, **more}


def of_jax(number):
    """The environments of two processes of JAX that find each other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    shared = {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": str(number)}
    return [environment(**shared, JAX_PROCESS_ID=str(process)) for process in range(number)]


def start(command, env, log):
    """Start a command, which writes what it says into a file."""
    with open(log, "w", encoding="utf-8") as file:
        return subprocess.Popen(
            command, env=env, stdout=file, stderr=subprocess.STDOUT, encoding="utf-8", cwd=log.parent
        )


def python(*arguments):
    """A command that runs Python."""
    return [sys.executable, *map(str, arguments)]


def torchrun(number, *arguments):
    """A command that runs Python in so many processes."""
    return python("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", number, *arguments)


def weights(run):
    """All numbers of the last checkpoint."""
    found = {}
    with h5py.File(newest_checkpoint(run), "r") as file:
        file.visititems(lambda name, item: found.update({name: np.asarray(item)} if hasattr(item, "shape") else {}))
    return found
