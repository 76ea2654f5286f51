"""The processes that train one model together: how they find each other, and what the first tells the others."""

import atexit
import contextlib
import json
import os
import sys
import threading
import time

import keras
import numpy as np
from keras import ops

#: Seconds without a sign of life after which the processes of JAX give a process up, and end.
LOST_AFTER = 30
#: Seconds that the others have to leave when all have ended.
LEAVE = 2
#: Set where this process ends because of an error.
_FAILED = threading.Event()


def begin():
    """Let the processes that a launcher has started find each other, unless they have.

    Raises:
        ValueError: If the launcher meant TensorFlow to train on several machines.
    """
    {"jax": _begin_jax, "tensorflow": _begin_tensorflow, "torch": _begin_torch}[keras.backend.backend()]()


def _begin_jax():
    import jax

    told = os.environ.get
    # Keras's own variables, else those that JAX reads by itself.
    names = ("KERAS_DISTRIBUTION_JOB_ADDRESSES", "KERAS_DISTRIBUTION_NUM_PROCESSES", "KERAS_DISTRIBUTION_PROCESS_ID")
    if told(names[0]) is None:
        names = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
    if told(names[0]) is None or jax.distributed.is_initialized():
        return
    if None in map(told, names):
        raise ValueError(f"Several processes of JAX are told by {', '.join(names)}. Received: only some of them")
    # Else JAX aborts a process whose fellow is gone, with a stack trace, before it can say so itself.
    jax.config.update("jax_enable_recoverability", True)
    jax.distributed.initialize(
        coordinator_address=told(names[0]).split(",")[0],
        num_processes=int(told(names[1])),
        process_id=int(told(names[2])),
        heartbeat_timeout_seconds=LOST_AFTER,
        shutdown_timeout_seconds=LOST_AFTER,
    )
    atexit.register(_leave_together)
    hook = sys.excepthook

    def note(*error):
        fail()
        hook(*error)

    sys.excepthook = note


def fail():
    """Say that this process ends because of an error: it will not wait for the others."""
    _FAILED.set()


def _leave_together():
    """Let the first process, which holds the service by which the others know of each other, be the last to end."""
    import jax
    from jax.experimental import multihost_utils

    if _FAILED.is_set():  # The others are amid a step, and end because this one does.
        return
    with contextlib.suppress(Exception):  # Where another is gone there is nobody to wait for.
        multihost_utils.sync_global_devices("the end of kerasgen")
        if process():
            jax.distributed.shutdown()
        else:
            time.sleep(LEAVE)


def _begin_tensorflow():
    cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    machines = [each for role in ("chief", "worker", "ps") for each in cluster.get(role, ())]
    if len(machines) > 1:
        raise ValueError(
            "Keras 3 does not train on several machines with TensorFlow (its issue 20585). Two ways do: JAX "
            "(KERAS_BACKEND=jax and JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES, JAX_PROCESS_ID) and PyTorch "
            f"(KERAS_BACKEND=torch and `torchrun`). Received: TF_CONFIG of {len(machines)} machines"
        )


def _begin_torch():
    import torch

    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or torch_processes() is not None:
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def process():
    """Which process this is of those that train one model, from 0."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.process_index()
    found = torch_processes() if keras.backend.backend() == "torch" else None
    return 0 if found is None else found.get_rank()


def processes():
    """How many processes train one model."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.process_count()
    found = torch_processes() if keras.backend.backend() == "torch" else None
    return 1 if found is None else found.get_world_size()


def of_first(array):
    """A NumPy array as the first process has it; where the first comes late, all wait for it."""
    if processes() == 1:
        return array
    if keras.backend.backend() == "jax":
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.broadcast_one_to_all(array))
    import torch

    tensor = torch.tensor(array, device=_device())
    torch_processes().broadcast(tensor, 0)
    return tensor.cpu().numpy()


def text_of_first(text):
    """A string of up to 4,096 bytes as the first process has it."""
    return bytes(of_first(np.frombuffer(text.encode().ljust(4096, b"\0"), "uint8"))).rstrip(b"\0").decode()


def here(variable):
    """The value of a variable on this process's own device, a copy."""
    if keras.backend.backend() == "jax" and processes() > 1:
        return ops.convert_to_tensor(np.asarray(variable.value if hasattr(variable, "value") else variable))
    return ops.copy(variable)


def start_alike(variables):
    """Give variables the values that they have in the first process."""
    if keras.backend.backend() == "torch" and processes() > 1:
        for variable in variables:
            torch_processes().broadcast(variable.value.data, 0)


def _device():
    import torch

    return torch.device("cuda", torch.cuda.current_device()) if torch_processes().get_backend() == "nccl" else "cpu"


def torch_processes():
    """`torch.distributed` where it has begun, else None."""
    import torch

    distributed = torch.distributed
    return distributed if distributed.is_available() and distributed.is_initialized() else None
