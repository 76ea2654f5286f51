"""`fit`, `evaluate` and their like: Keras's, after a look at the data."""

import contextlib
import threading

import keras
import numpy as np
from keras import ops

from kerasgen.engine import processes, replicas, sharing
from kerasgen.engine.checks import check_classes, check_one_each, check_weights
from kerasgen.engine.choosing import choose_compilation, told
from kerasgen.engine.gradients import global_noise_untouched
from kerasgen.engine.streams import (
    as_list,
    is_indexed,
    kept,
    length,
    of_this_process,
    peek,
    raw_before_swap,
    steps_between,
    with_progress,
)


class Fitted:
    """The part of `GenerativeModel` that is about `fit`, `evaluate` and their like."""

    def fit(self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None, **kwargs):
        """Train as `keras.Model.fit` does, after a look at the data.

        Args:
            x: Images in [0, 1] as `keras.Model.fit` takes them. Where `x` has a method `set_epoch` (the sets that
                `kerasgen.datasets.load` gives), it is called before each epoch. Where several processes train, and it
                has `share`, as these sets have, each process reads its own images alone after the first batch.
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
        x, y, first = self._checked(x, y, kwargs.get("sample_weight"), "fit", kwargs.get("class_weight"))
        verbose = verbose if processes.process() == 0 else 0
        if not 0 <= kwargs.get("validation_split", 0) < 1:
            raise ValueError(f"validation_split is a share, from 0 to below 1. Received: {kwargs['validation_split']}")
        if kwargs.get("validation_data") is not None:
            held_out, labels, weights = keras.utils.unpack_x_y_sample_weight(kwargs["validation_data"])
            with global_noise_untouched():
                held_out, labels, _ = self._checked(held_out, labels, weights, "validation_data of fit")
            kwargs["validation_data"] = (held_out, labels, weights)
        if not is_indexed(x) or hasattr(x, "set_epoch"):
            # Keras would warn that it cannot shuffle a stream; sets do it themselves.
            kwargs.setdefault("shuffle", False)
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = of_this_process(as_list(callbacks))
            if hasattr(x, "set_epoch"):
                set_epoch = x.set_epoch
                callbacks = [
                    keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: set_epoch(epoch)),
                    *callbacks,
                ]
            callbacks = with_progress(raw_before_swap(callbacks), verbose)
        most = 1 if self.run_eagerly else steps_between(callbacks, self.steps_of_execution)
        most = int(processes.of_first(np.array([most]))[0])  # Others have other callbacks.
        self._choose_steps(most, kwargs.get("steps_per_epoch"), kwargs.get("validation_steps"))
        self._started_alike = False
        self._trains()
        shown = [callback.say for callback in getattr(callbacks, "callbacks", callbacks) if hasattr(callback, "say")]
        self._choose_compilation(first, x, y, batch_size, epochs, [print] if verbose else shown, kwargs)
        self._fit_callbacks, self._fit_thread = callbacks, threading.get_ident()
        try:
            with sharing.placing():
                if sharing.devices_of(self) > 1:
                    x, y, kwargs = self._shared(x, y, batch_size, kwargs)
                return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)
        finally:
            self._fit_callbacks = self._fit_thread = None

    def _choose_compilation(self, first, x, y, batch_size, epochs, shown, kwargs):
        """Measure whether compiling pays, and tell those it is shown to. A stream's first batch is not read again."""
        if first is None:
            size, arrays = batch_size or 32, (x, y, kwargs.get("sample_weight"))
            parts = [None if array is None else array[:size] for array in arrays]
            first, batches = keras.utils.pack_x_y_sample_weight(*parts), -(-len(x) // size)
        else:
            batches = length(x)
        steps = (epochs - kwargs.get("initial_epoch", 0)) * (kwargs.get("steps_per_epoch") or batches or 0)

        def say(text):
            for show in shown:
                show(text)

        found = choose_compilation(self, first, steps, say)
        if found:
            say(told(found, self.jit_compile))

    def _shared(self, x, y, batch_size, kwargs):
        """What `fit` gives to Keras where several devices train: each its part of the images."""
        kwargs = dict(kwargs)
        weights, classes = kwargs.pop("sample_weight", None), kwargs.pop("class_weight", None)
        split, held_out = kwargs.pop("validation_split", 0), kwargs.pop("validation_data", None)
        if split and held_out is None:
            arrays, first = (x, y, weights), int(len(x) * (1 - split))
            held_out = [None if array is None else array[first:] for array in arrays]
            x, y, weights = [None if array is None else array[:first] for array in arrays]
        if held_out is not None:
            size = kwargs.get("validation_batch_size") or batch_size
            held_out = sharing.share(self, *held_out, size, kwargs.get("validation_steps"))
        steps, shuffle = kwargs.get("steps_per_epoch"), kwargs.pop("shuffle", True)
        x = sharing.share(self, x, y, weights, batch_size, steps, shuffle, classes)
        return x, None, {**kwargs, "validation_data": None if held_out is None else (held_out,)}

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """As `keras.Model.train_on_batch`."""
        self._checked(x, y, sample_weight, "train_on_batch", class_weight)
        self._trains()
        with self._one_batch():
            return super().train_on_batch(x, y, sample_weight, class_weight, return_dict)

    def evaluate(
        self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, steps=None, callbacks=None, **kwargs
    ):
        """As `keras.Model.evaluate`, with the same noise at each call."""
        with global_noise_untouched():
            if not kwargs.get("_use_cached_eval_dataset"):  # Else `fit` calls, which has looked at all of this.
                x, y, _ = self._checked(x, y, sample_weight, "evaluate")
                self._choose_steps(self.steps_per_execution, steps)
                verbose = verbose if processes.process() == 0 else 0
                callbacks = with_progress(callbacks, verbose)
            self._restart_validation()
            self._start_alike()
            with sharing.placing():
                if sharing.devices_of(self) > 1 and not kwargs.get("_use_cached_eval_dataset"):
                    x = sharing.share(self, x, y, sample_weight, batch_size, steps)
                    y = sample_weight = None
                return super().evaluate(x, y, batch_size, verbose, sample_weight, steps, callbacks, **kwargs)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """As `keras.Model.test_on_batch`, with the same noise at each call."""
        self._checked(x, y, sample_weight, "test_on_batch")
        self._restart_validation()
        with self._one_batch():
            return super().test_on_batch(x, y, sample_weight, return_dict)

    @contextlib.contextmanager
    def _one_batch(self):
        """While in the context, each device does the whole batch; each process of PyTorch what it was given."""
        self._on_batch, replicas.batch.even, replicas.batch.copies = True, False, 1
        try:
            with sharing.placing():
                yield
        finally:
            self._on_batch = False

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """As `keras.Model.predict`: what `call` gives."""
        with global_noise_untouched():
            first, x = peek(x)
        self.check_inputs(x if first is None else keras.utils.unpack_x_y_sample_weight(first)[0], "predict")
        if self.compiled:
            self._choose_steps(self.steps_per_execution, steps)
        with sharing.placing():
            return super().predict(x, batch_size, verbose, steps, with_progress(callbacks, verbose))

    def predict_on_batch(self, x):
        """As `keras.Model.predict_on_batch`."""
        self.check_inputs(x, "predict_on_batch")
        with sharing.placing():
            return super().predict_on_batch(x)

    def _checked(self, x, y, weights, where, class_weight=None):
        """Check arrays whole and streams by their first batch.

        Returns `x` (whole, if read only once), `y`, and the first batch of a stream, None of arrays.
        """
        first, x = peek(x)
        data = (x, y, weights) if first is None else keras.utils.unpack_x_y_sample_weight(first)
        images, labels, given = (ops.convert_to_numpy(part) if ops.is_tensor(part) else part for part in data)
        if isinstance(images, (list, tuple)):
            raise ValueError(
                f"{where} expects one array of images: numpy.stack(x) makes it of a list. "
                f"Received: a {type(images).__name__} of {len(images)}"
            )
        if class_weight is not None and labels is not None:
            check_classes(labels, None, f"{where} with class_weight")
        self.check_data(images, labels, given if class_weight is None else class_weight, where)
        if labels is not None:
            check_one_each(labels, images, f"{where} with y")
        if given is not None:
            check_weights(given, f"{where} with sample_weight")
            check_one_each(given, images, f"{where} with sample_weight")
        if class_weight is not None:
            check_weights(list(class_weight.values()), f"{where} with class_weight")
            if labels is None:
                raise ValueError(f"{where}: class_weight weighs images by their labels, pass x and y. Received: x only")
        return x, kept(y, weights), first

    def _start_alike(self):
        """Once, let all processes have the weights of the first."""
        if not self._started_alike and self.compiled:
            processes.start_alike([*self.variables, *self.optimizer.variables])
            self._started_alike = True

    def _trains(self):
        """From now on the weights are those that are trained, and no averages of them."""
        self._start_alike()
        if self.compiled:
            self._check_compiled()
            self.optimizer.averages_in_place = False

    def _restart_validation(self):
        state = self._validation_noise.state
        state.assign(ops.cast([self._validation_noise.get_config()["seed"], 0], state.dtype))
