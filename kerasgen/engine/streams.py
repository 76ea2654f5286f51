"""What `fit` is given: streams of batches and their first one, and callbacks in the order that they need."""

import keras
import numpy as np

from kerasgen.engine import processes
from kerasgen.engine.progress import Progress


def is_indexed(data):
    """Whether `fit` got arrays or a `PyDataset`, which Keras can shuffle; else it got a stream of batches."""
    return data is None or hasattr(data, "shape") or isinstance(data, (list, tuple, dict, keras.utils.PyDataset))


def peek(data):
    """The first batch of a stream, or None for arrays; and the stream, whole again. A stream has a batch at least."""
    if isinstance(data, keras.utils.PyDataset):
        iterator, first = None, None if data.num_batches == 0 else data[0]
    elif is_indexed(data):
        return None, data
    elif not hasattr(data, "__iter__"):
        raise ValueError(f"The data must be an array of images, or batches of such. Received: {data!r}")
    else:
        iterator = iter(data)
        first = next(iterator, None)
    if first is None:
        raise ValueError("The data hold no batch: is the batch larger than the set, with `drop_remainder`? Received: 0")
    if iterator is data:

        def whole():
            yield first
            yield from iterator

        return first, whole()
    return first, data


def length(data):
    """The batches of a stream, None where they are not known."""
    try:
        return len(data)
    except TypeError:
        return getattr(data, "num_batches", None)


def as_list(callbacks):
    """What `fit` takes as callbacks, one or several or None, as a list."""
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []


class StopTogether(keras.callbacks.Callback):
    """Lets all processes stop after the epoch after which the first does: its logs may be more than theirs."""

    def on_epoch_end(self, epoch, logs=None):
        """Ask the first."""
        self.model.stop_training = bool(processes.of_first(np.array([self.model.stop_training], "int32"))[0])


def of_this_process(callbacks):
    """Callbacks of this process of several: the first alone has those that write, and says when training stops."""
    if processes.processes() == 1:
        return callbacks
    if any(isinstance(callback, keras.callbacks.BackupAndRestore) for callback in callbacks):
        raise ValueError(
            "Several processes would write one backup: use `kerasgen.callbacks.Checkpoint`, which the first alone "
            "writes, and `kerasgen.callbacks.restore`. Received: BackupAndRestore"
        )
    callbacks = [*callbacks, StopTogether()]
    if processes.process() == 0:
        return callbacks
    writers = (keras.callbacks.ModelCheckpoint, keras.callbacks.CSVLogger, keras.callbacks.TensorBoard)
    return [c for c in callbacks if not getattr(c, "looks_on", False) and not isinstance(c, writers)]


def with_progress(callbacks, verbose):
    """Callbacks, and the progress bar among them where one is asked for, since Keras would add its own."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    callbacks = as_list(callbacks)
    bar = verbose != 0 and not any(isinstance(callback, keras.callbacks.ProgbarLogger) for callback in callbacks)
    return [*callbacks, Progress()] if bar else callbacks


def kept(y, sample_weight):
    """Labels of no meaning where there are weights but no labels: Keras would drop the weights without a word."""
    return np.zeros(len(sample_weight)) if y is None and sample_weight is not None else y


def steps_between(callbacks, most):
    """The most batches, up to `most`, that one execution may hold without jumping over a callback's interval.

    A callback that looks at batches is called after each execution. It may say in an attribute `every_steps` how many
    batches it wants between two looks; without it, it is called after each batch.
    """
    looks = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    inherited = [getattr(keras.callbacks.Callback, look) for look in looks]
    intervals = [most]
    for callback in getattr(callbacks, "callbacks", callbacks):
        # A LambdaCallback sets functions on the object, which have no `__func__`.
        own = [getattr(getattr(callback, look), "__func__", None) for look in looks]
        if own != inherited and not isinstance(callback, keras.callbacks.ProgbarLogger):
            intervals.append(getattr(callback, "every_steps", None) or 1)
    return max(1, min(intervals))


def raw_before_swap(callbacks):
    """Callbacks in an order in which those that need the raw weights come before `SwapEMAWeights`.

    After the last epoch it keeps the averages only. A callback says in an attribute `needs_raw_weights` that it does.
    """
    swaps = [index for index, c in enumerate(callbacks) if isinstance(c, keras.callbacks.SwapEMAWeights)]
    first = swaps[0] if swaps else len(callbacks)
    return sorted(callbacks, key=lambda c: callbacks.index(c) >= first and not getattr(c, "needs_raw_weights", False))
