"""Training on several devices: GPUs, or the cores of a CPU, of one machine or several.

    kerasgen.devices.use("all")     # before networks are built
    model = ...
    model.compile()
    model.fit(images, batch_size=512)    # the batch size of all devices together

By backend:

    JAX         one process for the devices of a machine. Several machines: a process each, told of each other by the
                environment variables of `keras.distribution.initialize`, or JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES
                and JAX_PROCESS_ID; or by `jax.distributed.initialize` before this module is used.
    PyTorch     a process a device: `torchrun --nproc-per-node 4 script.py`, on several machines with `--nnodes`.
    TensorFlow  one process for the devices of one machine. Several machines: not with Keras 3.

`kerasgen train NAME --devices 4` does either. Who sets up `keras.distribution`, `tf.distribute.MirroredStrategy` or
`torchrun` by hand gets the same without a call.

Of several processes each reads its own images of a batch alone, where `kerasgen.datasets.load` gave the data; of other
data each reads all, and takes its own.

`batch_size` is that of all devices together, and a step on several devices is the step on one: the same gradients,
noise and figures, up to rounding. On TensorFlow and PyTorch three things are of a device's part of the batch: the
statistics of batch normalisation, unless networks are built with `normalization="synchronized_batch"`; the groups of
minibatch standard deviation; and how a batch is cut for several steps of a discriminator, where it is not a multiple of
devices times steps. On JAX a batch size that the devices do not divide makes each of them do all of the batch.

Where several processes train, each runs the same script and must be given the same data in the same order, of which it
takes its part: seed what is random. The sets of `kerasgen.datasets.load` read only that part. The first process has the
callbacks that write or draw, and decides when training stops; callbacks that change the training by logs of those that
draw are no use there. All processes see the folder of a run that is resumed.
"""

import contextlib
import os

import keras

from kerasgen.engine import processes

__all__ = ["is_first", "use"]


def use(count="all"):
    """Train on several devices from now on. Call it before networks are built.

    Args:
        count: int, or "all": how many devices, GPUs where there are some. On a CPU, whose cores are one device, JAX and
            TensorFlow make so many of it (to try what several devices do: it is not quicker), where they have not begun
            to compute.

    Raises:
        ValueError: If there are fewer devices, or (PyTorch) not as many processes.

    Example:
        >>> kerasgen.devices.use(4)
    """
    if count != "all" and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise ValueError(f'devices must be a whole number from 1, or "all". Received: {count!r}')
    processes.begin()
    {"jax": _use_jax, "tensorflow": _use_tensorflow, "torch": _use_torch}[keras.backend.backend()](count)


def is_first():
    """Whether this is the process that writes files: the only one, or the first of several that train a model."""
    return processes.process() == 0


def gpus():
    """The GPUs that this process sees, by the names that CUDA_VISIBLE_DEVICES has for them: a list of str."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        count = torch.cuda.device_count()
    else:
        count = sum("gpu" in name.lower() for name in keras.distribution.list_devices())
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return names if len(names) == count and all(names) else [str(number) for number in range(count)]


def are_several():
    """Whether this process trains on several devices, or together with other processes."""
    processes.begin()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.distribute.get_strategy().num_replicas_in_sync > 1
    return processes.processes() > 1 or keras.distribution.distribution() is not None


def _use_jax(count):
    import jax

    if count != "all" and not jax.distributed.is_initialized():
        with contextlib.suppress(RuntimeError):  # JAX has begun, with as many as it has.
            jax.config.update("jax_num_cpu_devices", count)
    devices = keras.distribution.list_devices()
    if jax.process_count() > 1 and count not in ("all", len(devices)):
        raise ValueError(f'Several processes use all their devices: pass "all". Received: {count} of {len(devices)}')
    _use_devices(devices, count, "before anything is computed" if jax.default_backend() == "cpu" else None)
    count = len(devices) if count == "all" else count
    several = keras.distribution.DataParallel(devices=devices[:count], auto_shard_dataset=False)
    keras.distribution.set_distribution(several if count > 1 else None)


def _use_tensorflow(count):
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU") if tf.config.list_physical_devices("GPU") else []
    if not found and count != "all":
        cpu = tf.config.list_physical_devices("CPU")[0]
        with contextlib.suppress(RuntimeError):  # TensorFlow has begun, with as many as it has.
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    found = found or tf.config.list_logical_devices("CPU")
    names = [device.name for device in found]
    _use_devices(names, count, "before anything is computed" if found[0].device_type == "CPU" else None)
    names = names if count == "all" else names[:count]
    tf.distribute.experimental_set_strategy(tf.distribute.MirroredStrategy(names) if len(names) > 1 else None)


def _use_torch(count):
    number = int(os.environ.get("WORLD_SIZE", "1"))
    if count == "all" and number == 1:
        count = len(gpus()) or 1  # One process would leave the others idle.
    if count in ("all", number):
        return
    raise ValueError(
        "PyTorch trains with a process a device: start the script by `torchrun --nproc-per-node "
        f"{count} script.py`, or train by `kerasgen train NAME --devices {count}`. Received: {number} process(es)"
    )


def _use_devices(found, count, remedy):
    if count != "all" and count > len(found):
        what = f"call `kerasgen.devices.use` {remedy}" if remedy else "pass fewer"
        raise ValueError(f"There are fewer devices: {what}. Received: {count}, there are {len(found)}")
