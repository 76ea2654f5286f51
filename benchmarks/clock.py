"""How long each callback of a training takes, and each epoch: timers around their methods, from outside."""

import functools
import threading
import time

import keras

_PARTS = ("train", "epoch", "train_batch", "test", "test_batch")
HOOKS = [f"on_{part}_{when}" for part in _PARTS for when in ("begin", "end")]


class Clock:
    """Watches the callbacks of one `fit`.

    Attributes:
        epochs: List of dicts, an epoch each: "seconds" from its begin to its end, validation and callbacks included,
            and "callbacks", a dict from the name of a callback's class to `{"batch": seconds, "epoch": seconds}`: what
            its methods of batches took, and those of epochs (and evaluations).
        end: Dict from the name of a callback's class to the seconds of its `on_train_end`.
    """

    def __init__(self):
        self.epochs = []
        self.end = {}
        self._lock = threading.Lock()  # Keras calls what is `async_safe` from other threads.

    def watch(self, callbacks):
        """The callbacks, each timed, between two that mark where an epoch begins and ends."""
        for callback in callbacks:
            for hook in HOOKS:
                method = getattr(callback, hook)
                # What a callback does not override stays: the engine asks for it when it chooses steps of an execution.
                if not getattr(method, "_is_default", False):
                    setattr(callback, hook, self._timed(type(callback).__name__, hook, method))
        begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: self._begin())
        end = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: self._end())
        return [begin, *callbacks, end]

    def _begin(self):
        self.epochs.append({"seconds": None, "callbacks": {}})
        self._since = time.perf_counter()

    def _end(self):
        self.epochs[-1]["seconds"] = time.perf_counter() - self._since

    def _timed(self, name, hook, method):
        @functools.wraps(method)
        def call(*arguments, **named):
            start = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                self._add(name, hook, time.perf_counter() - start)

        return call

    def _add(self, name, hook, seconds):
        with self._lock:
            if hook == "on_train_end":
                self.end[name] = self.end.get(name, 0.0) + seconds
            elif self.epochs:
                taken = self.epochs[-1]["callbacks"].setdefault(name, {"batch": 0.0, "epoch": 0.0})
                taken["batch" if "batch" in hook else "epoch"] += seconds
