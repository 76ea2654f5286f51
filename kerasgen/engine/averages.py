"""Moving averages of weights: when they stand in the place of the weights, and when they are used."""

import contextlib
import functools
import threading

import keras
import numpy as np

from kerasgen.engine import processes, sharing
from kerasgen.engine.checks import check_classes
from kerasgen.engine.inputs import inputs_of, takes_labels

ELSEWHERE = (
    "`fit` is training this model in another thread, and its weights are not to be had while it does: do this in a "
    "callback (`on_epoch_end`), or with a copy that `load_model` reads from a file. Received: a call in thread '{}'"
)


class Averaged:
    """The part of `GenerativeModel` that is about averages of weights, and about what computes with them."""

    def set_weights(self, weights):
        """As `keras.Model.set_weights`. Outside of `fit` averages of other weights count no more, and start anew."""
        super().set_weights(weights)
        if self.compiled and self._fit_callbacks is None:
            self.optimizer.restart_averages()

    @contextlib.contextmanager
    def weights_in_use(self, averaged):
        """The weights as they are trained, or their moving averages, while in the context.

        When `fit` has ended they are the averages, and the others are gone: Keras has put them in place.

        Args:
            averaged: bool. True: the averages, where an optimizer keeps some (`use_ema=True`): after a checkpoint was
                restored, too, and after a training that was interrupted. False: the weights as they are trained, even
                where `keras.callbacks.SwapEMAWeights` has put the averages in place.
        """
        if not self._others_in_place(averaged):
            yield
            return
        if self._trained_elsewhere():
            raise RuntimeError(ELSEWHERE.format(threading.current_thread().name))
        optimizer = self.optimizer
        before = optimizer.averages_in_place
        optimizer.exchange_averages()
        optimizer.averages_in_place = averaged
        try:
            yield
        finally:
            optimizer.exchange_averages()
            optimizer.averages_in_place = before

    @contextlib.contextmanager
    def _averages_of(self, network):
        """While in the context, a network computes with its averages; no weight moves, as `fit` may be training it."""
        others = self._others_in_place(averaged=True)
        if not others and processes.processes() == 1:
            yield
            return
        averages = {id(variable): average for variable, average in self.optimizer.averages()} if others else {}
        # Copies of all: on JAX a compiled network gives away the buffers that it takes.
        values = [(each, processes.here(averages.get(id(each), each))) for each in network.variables]
        with keras.StatelessScope(values):
            yield

    def _others_in_place(self, averaged):
        """Whether not the weights that are asked for are in place, but the averages, or those that they average."""
        if keras.backend.backend() == "jax":
            if self._trained_elsewhere():  # Their values are arguments of the compiled step.
                raise RuntimeError(ELSEWHERE.format(threading.current_thread().name))
            self.jax_state_sync()
        if not self.compiled or not self.optimizer.keeps_averages:
            return False
        callbacks = getattr(self._fit_callbacks, "callbacks", self._fit_callbacks) or []
        swaps = [c for c in callbacks if isinstance(c, keras.callbacks.SwapEMAWeights)]
        in_place = self.optimizer.averages_in_place or any(callback._ema_weights_in_model for callback in swaps)
        return in_place != averaged and (averaged or self._fit_callbacks is not None)

    def _trained_elsewhere(self):
        """Whether `fit` is at work in another thread."""
        return self._fit_thread not in (None, threading.get_ident())

    def infer(self, network, inputs, labels=None, batch_size=256):
        """Run a network in inference mode on arrays, in batches, with averaged weights where there are some.

        Args:
            network: A network of the model.
            inputs: NumPy array `(n, ...)`.
            labels: int array `(n,)`, or None.
            batch_size: int.

        Returns:
            float32 NumPy array `(n, ...)`, or a list of them.
        """
        if takes_labels(network) and labels is None:
            raise ValueError(f"Network '{network.name}' takes labels: pass `labels=`. Received: labels=None")
        count = len(keras.tree.flatten(inputs)[0])
        if labels is not None and takes_labels(network):
            check_classes(labels, self.num_classes, f"Network '{network.name}'")
            labels = np.asarray(labels, "int32").reshape(-1)
            if len(labels) != count:
                raise ValueError(f"There must be a label for each of {count} inputs. Received: {len(labels)}")
        inputs = inputs_of(network, inputs, labels)
        chunks = [slice(start, start + batch_size) for start in range(0, count, batch_size)]
        # Not `predict`: it draws from PyTorch's global generator, and so changes the order of the images in `fit`. On
        # TensorFlow a function traced for each network brings warnings and saves no time.
        eager = keras.backend.backend() == "tensorflow"
        run = functools.partial(network, training=False) if eager else network.predict_on_batch
        with sharing.placing(), self._averages_of(network):
            parts = [run(keras.tree.map_structure(lambda a, chunk=chunk: a[chunk], inputs)) for chunk in chunks]
        return keras.tree.map_structure(lambda *part: np.concatenate(part).astype("float32"), *parts)
