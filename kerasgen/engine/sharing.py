"""How the batches of `fit` and `evaluate` reach several devices, and what is refused before.

A batch is cut as `kerasgen.engine.replicas` says. Where a device would get fewer images than a step needs, which a
model's `least_images` says, as a last batch may be that small, all of them do the whole batch. On JAX, whose arrays are
cut evenly or not at all, they do so with each batch that they cannot cut evenly. Which rows are a process's, `_part`
says alone.

Where there are several processes, data with a method `share` (the sets that `kerasgen.datasets.load` gives) read only
what is this process's; of all other data each process reads whole batches and cuts them.
"""

import contextlib
import functools
import threading
import warnings
import zlib

import keras
import numpy as np
from keras.src.trainers.data_adapters import get_data_adapter  # Keras takes adapters, but exports no name of them.
from keras.src.trainers.data_adapters.data_adapter import DataAdapter

from kerasgen.engine import processes, replicas


class _Placing(threading.local):
    """The `keras.distribution` by which batches are placed while `fit` runs, where there is one."""

    distribution = None


_PLACING = _Placing()


class Shared(DataAdapter):
    """Batches of one process, or of one device, of those that train a model together.

    Args:
        inner: What Keras makes of the data: it gives global batches.
        least: int. The images that a device needs for a step.
        strategy: `tf.distribute.Strategy` on TensorFlow, else None.
        sizes: List of ints. The images in each global batch of an epoch, where `inner` gives this process's rows of
            them; else None.
    """

    def __init__(self, inner, least, strategy=None, sizes=None):
        self._inner = inner
        self._least = least
        self._strategy = strategy
        self._sizes = sizes

    def get_numpy_iterator(self):
        """Global batches."""
        return self._inner.get_numpy_iterator()

    def get_tf_dataset(self):
        """A distributed data set: for each global batch one after the other what each replica gets."""
        import tensorflow as tf

        count, least = self._strategy.num_replicas_in_sync, self._least

        def cut(*batch):
            batch = batch[0] if len(batch) == 1 else batch
            few = tf.shape(keras.tree.flatten(batch)[0])[0] < count * least

            def part(replica):
                first, step = tf.where(few, 0, tf.cast(replica, "int32")), tf.where(few, 1, count)
                own = keras.tree.map_structure(
                    lambda array: tf.ensure_shape(array[first::step], (None, *array.shape[1:])), batch
                )
                return {"batch": own, "copies": tf.where(few, count, 1)}

            return tf.data.Dataset.range(count).map(part)

        dataset = self._inner.get_tf_dataset().flat_map(cut).prefetch(count)
        options = tf.data.Options()
        options.autotune.enabled = False  # For whose thread the end of a pass may wait.
        return self._strategy.distribute_datasets_from_function(lambda _: dataset.with_options(options))

    def get_jax_iterator(self):
        """Global arrays, of whose rows this process brings its own."""
        distribution = _PLACING.distribution
        for number, (rows, batch) in enumerate(self._batches()):
            whole = _is_whole(rows, self._least)
            if whole and not number:
                warnings.warn(
                    "Each device does the whole of a batch that the devices do not divide: let the batch size be a "
                    f"multiple of {distribution.device_mesh.devices.size}. Received: {rows}",
                    stacklevel=2,
                )
            yield _each(lambda array, whole=whole: _placed(array, distribution, whole), batch)

    def get_torch_dataloader(self):
        """The rows of this process."""
        import torch

        count = replicas.count()
        for rows, batch in self._batches():
            whole = _is_whole(rows, self._least)
            replicas.batch.even, replicas.batch.copies = whole or rows % count == 0, count if whole else 1
            yield _each(torch.tensor, batch)

    def _batches(self):
        """Of each global batch the number of images, and the rows of this process as NumPy arrays."""
        if self._sizes is not None:
            yield from zip(self._sizes, self._inner.get_numpy_iterator(), strict=True)
            return
        for batch in self._alike():
            rows = len(keras.tree.flatten(batch)[0])
            part = _part(rows, self._least)
            yield rows, _each(lambda array, part=part: array[part], batch)

    def _alike(self):
        """Global batches in an order that is the same in all processes; that of arrays Keras draws by NumPy."""
        if processes.processes() == 1:
            yield from self._inner.get_numpy_iterator()
            return
        _, keys, position, *_ = np.random.get_state()
        state = processes.of_first(np.append(keys, position).astype("int64"))
        np.random.set_state(("MT19937", state[:-1].astype("uint32"), int(state[-1])))
        for number, batch in enumerate(self._inner.get_numpy_iterator()):
            if not number:
                images = np.ascontiguousarray(keras.tree.flatten(batch)[0])
                found = np.array([len(images), zlib.crc32(images) >> 1], "int64")  # JAX hands on 32 bits, one the sign.
                if (found != processes.of_first(found)).any():
                    raise ValueError(
                        "All processes must be given the same batches in the same order, each of which they share: "
                        "seed what orders them (`keras.utils.set_random_seed`), and divide none. Received: others "
                        "than the first process"
                    )
            yield batch

    @property
    def num_batches(self):
        """How many batches an epoch has, or None."""
        return self._inner.num_batches

    @property
    def batch_size(self):
        """The global batch size, or None."""
        return self._inner.batch_size if self._sizes is None else self._sizes[0]

    @property
    def has_partial_batch(self):
        """Whether the last batch is smaller, or None."""
        return self._inner.has_partial_batch

    @property
    def partial_batch_size(self):
        """The size of the last batch where it is smaller, or None."""
        return self._inner.partial_batch_size

    def on_epoch_begin(self):
        """Pass on that an epoch begins."""
        self._inner.on_epoch_begin()

    def on_epoch_end(self):
        """Pass on that an epoch ends."""
        self._inner.on_epoch_end()


def share(model, x, y, weights, batch_size, steps, shuffle=False, class_weight=None):
    """What Keras gets in the place of data, where several devices train the model: the data else."""
    strategy = strategy_of(model)
    if strategy is not None:
        import tensorflow as tf

        if isinstance(x, tf.distribute.DistributedDataset):
            return x
    sizes = None
    if hasattr(x, "share") and processes.processes() > 1:
        x, sizes = x.share(lambda rows: _part(rows, model.least_images))
    inner = get_data_adapter(x, y, weights, batch_size, steps, shuffle, class_weight)
    return Shared(inner, model.least_images, strategy, sizes)


def _is_whole(rows, least):
    """Whether each process has all images of a global batch of so many."""
    if keras.backend.backend() == "jax":
        return rows % _PLACING.distribution.device_mesh.devices.size != 0
    return rows < replicas.count() * least


def _part(rows, least):
    """Which images of a global batch of so many this process has: a slice."""
    if _is_whole(rows, least):
        return slice(None)
    process, count = processes.process(), processes.processes()
    if keras.backend.backend() == "jax":  # The devices of a process lie one after the other.
        return slice(process * rows // count, (process + 1) * rows // count)
    return slice(process, None, count)


def devices_of(model):
    """How many devices train a model."""
    if strategy_of(model) is not None:
        return strategy_of(model).num_replicas_in_sync
    distribution = _distribution() or _PLACING.distribution
    return replicas.count() if distribution is None else distribution.device_mesh.devices.size


def strategy_of(model):
    """The `tf.distribute.Strategy` of several replicas under which a model was made, or None."""
    strategy = getattr(model, "distribute_strategy", None)  # There is one on TensorFlow only.
    return None if strategy is None or strategy.num_replicas_in_sync == 1 else strategy


@contextlib.contextmanager
def placing():
    """While in the context, batches are placed here, not by Keras, which cannot place a last one that is smaller."""
    distribution = _distribution()
    if distribution is None:
        yield
        return
    before, _PLACING.distribution = _PLACING.distribution, distribution
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)
        _PLACING.distribution = before


def on_all_devices(state):
    """The state after a step, whole on each device of JAX."""
    distribution = _PLACING.distribution
    if distribution is None:
        return state
    import jax

    def whole(value):
        return jax.lax.with_sharding_constraint(value, _layout(value.shape, distribution, whole=True))

    return jax.tree.map(whole, state)


def unwrapped(step):
    """A step of a model of TensorFlow that takes what `Shared` gives."""
    model = step.__self__

    @functools.wraps(step)
    def step_on(data):
        # `train_on_batch` gives each replica the whole batch.
        replicas.batch.copies = replicas.count() if model._on_batch else 1
        if isinstance(data, dict) and set(data) == {"batch", "copies"}:
            replicas.batch.copies, data = data["copies"], data["batch"]
        return step(data)

    return step_on


def check_devices(model, steps_per_execution, jit_compile):
    """Refuse what several devices cannot do, and begin what a launcher has prepared.

    Returns:
        The `tf.distribute.Strategy` of several replicas, or None.

    Raises:
        ValueError: If the networks are not on all devices, or something is asked for that these cannot do.
    """
    processes.begin()
    if keras.backend.backend() == "jax":
        _check_jax(model)
    if jit_compile is True and keras.backend.backend() == "torch" and replicas.count() > 1:
        raise ValueError(
            "Several processes of PyTorch train without `torch.compile`: leave jit_compile at 'auto'. "
            f"Received: jit_compile={jit_compile}"
        )
    strategy = strategy_of(model)
    if strategy is None:
        return None
    import tensorflow as tf

    if type(strategy) is not tf.distribute.MirroredStrategy:
        raise ValueError(
            "On TensorFlow several devices of one machine train a model by `tf.distribute.MirroredStrategy`; Keras 3 "
            "does not train on several machines there, on JAX and PyTorch it does: see `kerasgen.devices`. "
            f"Received: {type(strategy).__name__}"
        )
    if not all(hasattr(variable.value, "values") for variable in model.variables):
        raise ValueError(
            "All networks must be built where the model is, within `strategy.scope()` or after `kerasgen.devices.use`. "
            "Received: networks of one device"
        )
    if jit_compile is True or (steps_per_execution != "auto" and steps_per_execution > 1):
        raise ValueError(
            "On several devices TensorFlow runs one step an execution, without XLA: leave both at 'auto'. "
            f"Received: jit_compile={jit_compile}, steps_per_execution={steps_per_execution}"
        )
    return strategy


def _check_jax(model):
    import jax

    distribution = _distribution() or _PLACING.distribution
    if distribution is None and jax.process_count() > 1:
        raise ValueError(
            "Several processes of JAX would each train a model of their own: call `kerasgen.devices.use('all')` first, "
            f"or `keras.distribution.set_distribution`. Received: {jax.process_count()} processes and no distribution"
        )
    if distribution is None:
        return
    if not isinstance(distribution, keras.distribution.DataParallel):
        raise ValueError(
            "Several devices train a model of kerasgen by `keras.distribution.DataParallel`. "
            f"Received: {type(distribution).__name__}"
        )
    devices = distribution.device_mesh.devices.size
    if any(len(variable.value.sharding.device_set) != devices for variable in model.variables):
        raise ValueError(
            "All networks must be built after `kerasgen.devices.use` or `keras.distribution.set_distribution`. "
            "Received: networks of one device"
        )


def _distribution():
    """The `keras.distribution` of several devices that is in use, or None."""
    if keras.backend.backend() != "jax":
        return None
    distribution = keras.distribution.distribution()
    return None if distribution is None or distribution.device_mesh.devices.size == 1 else distribution


def _each(function, batch):
    """A batch of what a function gives of its arrays."""
    return keras.tree.map_structure(lambda array: None if array is None else function(array), batch)


def _placed(array, distribution, whole):
    import jax

    shape = array.shape
    return jax.make_array_from_process_local_data(_layout(shape, distribution, whole), array)


def _layout(shape, distribution, whole):
    """How an array lies on the devices: cut along its first axis, or whole on each."""
    if not whole:
        return distribution.get_data_layout(shape).backend_layout
    return keras.distribution.TensorLayout([None] * len(shape), distribution.device_mesh).backend_layout
