"""Moving averages of weights: when they stand in the place of the weights, and when they are used."""

import contextlib
import functools

import keras
import numpy as np

from kerasgen.engine.inputs import inputs_of, takes_labels


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
        if not self.compiled or not self.optimizer.keeps_averages:
            yield
            return
        optimizer = self.optimizer
        callbacks = getattr(self._fit_callbacks, "callbacks", self._fit_callbacks) or []
        swaps = [c for c in callbacks if isinstance(c, keras.callbacks.SwapEMAWeights)]
        before = optimizer.averages_in_place
        in_place = before or any(callback._ema_weights_in_model for callback in swaps)
        if in_place == averaged or not (averaged or self._fit_callbacks is not None):
            yield
            return
        if keras.backend.backend() == "jax":
            self.jax_state_sync()
        optimizer.exchange_averages()
        optimizer.averages_in_place = averaged
        try:
            yield
        finally:
            optimizer.exchange_averages()
            optimizer.averages_in_place = before

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
        labels = None if labels is None else np.asarray(labels, "int32").reshape(-1)
        inputs = inputs_of(network, inputs, labels)
        count = len(keras.tree.flatten(inputs)[0])
        chunks = [slice(start, start + batch_size) for start in range(0, count, batch_size)]
        # Not `predict`: it draws from PyTorch's global generator, and so changes the order of the images in `fit`. On
        # TensorFlow a function traced for each network brings warnings and saves no time.
        eager = keras.backend.backend() == "tensorflow"
        run = functools.partial(network, training=False) if eager else network.predict_on_batch
        with self.weights_in_use(averaged=True):
            parts = [run(keras.tree.map_structure(lambda a, chunk=chunk: a[chunk], inputs)) for chunk in chunks]
        return keras.tree.map_structure(lambda *part: np.concatenate(part).astype("float32"), *parts)
