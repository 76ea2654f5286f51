"""`fit`, `evaluate` and their like: Keras's, after a look at the data."""

import keras
from keras import ops

from kerasgen.engine.gradients import global_noise_untouched
from kerasgen.engine.streams import is_indexed, kept, peek, raw_before_swap, steps_between


class Fitted:
    """The part of `GenerativeModel` that is about `fit`, `evaluate` and their like."""

    def fit(self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None, **kwargs):
        """Train as `keras.Model.fit` does, after a look at the data.

        Args:
            x: Images in [0, 1] as `keras.Model.fit` takes them. Where `x` has a method `set_epoch` (the sets that
                `kerasgen.datasets.load` gives), it is called before each epoch.
            y: Labels, or None.
            batch_size: int or None.
            epochs: int.
            verbose: See Keras.
            callbacks: One callback or a list.
            **kwargs: Further arguments of `keras.Model.fit`.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: If the data are not what the model takes: each message says what to do.
        """
        x = self._checked(x, y, kwargs.get("sample_weight"))
        y = kept(y, kwargs.get("sample_weight"))
        if not is_indexed(x):
            kwargs.setdefault("shuffle", False)  # Keras would warn that it cannot shuffle a stream.
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
            if hasattr(x, "set_epoch"):
                callbacks = [
                    keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: x.set_epoch(epoch)),
                    *callbacks,
                ]
            callbacks = raw_before_swap(callbacks)
        if getattr(self, "_requested", {}).get("steps_per_execution") == "auto":
            self._set_steps(1 if self.run_eagerly else steps_between(callbacks, self.steps_of_execution))
        self._fit_callbacks = callbacks
        self._trains()
        try:
            return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)
        finally:
            self._fit_callbacks = None

    def train_on_batch(self, *args, **kwargs):
        """As `keras.Model.train_on_batch`."""
        self._trains()
        return super().train_on_batch(*args, **kwargs)

    def _trains(self):
        """From now on the weights are those that are trained, and no averages of them."""
        if self.compiled:
            self.optimizer.averages_in_place = False

    def _checked(self, x, y, weights):
        """Check arrays whole and streams by their first batch. Returns `x`, whole where it can be read only once."""
        first, x = peek(x)
        data = (x, y, weights) if first is None else keras.utils.unpack_x_y_sample_weight(first)
        self.check_data(*data)
        return x

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs):
        """As `keras.Model.evaluate`, with the same noise at each call."""
        self._restart_validation()
        with global_noise_untouched():
            return super().evaluate(
                x, kept(y, sample_weight), batch_size, verbose, sample_weight=sample_weight, **kwargs
            )

    def test_on_batch(self, *args, **kwargs):
        """As `keras.Model.test_on_batch`, with the same noise at each call."""
        self._restart_validation()
        return super().test_on_batch(*args, **kwargs)

    def _restart_validation(self):
        state = self._validation_noise.state
        state.assign(ops.cast([self._validation_noise.get_config()["seed"], 0], state.dtype))
