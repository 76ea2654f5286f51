"""Averages of weights: when they move, and that reading them moves nothing."""

import threading

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.losses.penalties import WeightClipping
from tests.conftest import assert_same_state
from tests.engine.test_fit import compiled
from tests.engine.test_players import X, values
from tests.engine.test_players import compiled as duel

JAX = keras.backend.backend() == "jax"
EAGERLY = {"run_eagerly": keras.backend.backend() == "tensorflow"}


def test_averages_move_with_the_weights_where_gradients_are_accumulated():
    """With `k` micro-batches a step, n steps give `sum m^(n-i) (1-m) w_i` and not the same with `m^k`."""
    every, momentum = 3, 0.9
    optimizer = keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=momentum, gradient_accumulation_steps=every)
    model = duel(optimizer=optimizer, **EAGERLY)
    first = model.optimizer.of("first")
    expected = start = values(first._trainable_variables)
    for step in range(1, 4 * every + 1):
        model.train_on_batch(X[:16])
        weights = values(first._trainable_variables)
        assert any((a != b).any() for a, b in zip(weights, start)) == (step >= every)
        if step == every:
            expected = weights  # The average of the first weights is what they are.
        elif step % every == 0:
            expected = [momentum * a + (1 - momentum) * w for a, w in zip(expected, weights)]
        for a, b in zip(values(first._model_variables_moving_average), expected):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("every", [None, 2])
def test_averages_are_those_of_weights_that_keep_their_constraint(every):
    """By hand: the constraint holds of what is averaged, and of the average, with and without accumulation."""
    momentum, limit = 0.5, 0.05
    model = duel(**EAGERLY)
    for network in model.networks_of("first"):
        for weight in network.trainable_variables:
            weight.constraint = WeightClipping(limit)
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=momentum, gradient_accumulation_steps=every)
    model.compile(optimizer, **EAGERLY, jit_compile=False)
    first, expected, clipped = model.optimizer.of("first"), None, False
    for step in range(1, 4 * (every or 1) + 1):
        model.train_on_batch(X[16 * (step % 4) : 16 * (step % 4) + 16])
        if step % (every or 1):
            continue
        weights = values(first._trainable_variables)
        assert all(np.abs(weight).max() <= limit + 1e-7 for weight in weights)
        clipped |= any(np.isclose(np.abs(weight), limit).any() for weight in weights)
        expected = (
            weights if expected is None else [momentum * a + (1 - momentum) * w for a, w in zip(expected, weights)]
        )
        for a, b in zip(values(first._model_variables_moving_average), expected):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert clipped, "the constraint had something to do"


def test_averages_that_overwrite_weights_are_refused_under_accumulation():
    optimizer = keras.optimizers.SGD(use_ema=True, ema_overwrite_frequency=5, gradient_accumulation_steps=2)
    with pytest.raises(ValueError, match=r"pass one of the two. Received: both"):
        duel(optimizer=optimizer)


def averaging():
    return compiled(
        compile_arguments={"optimizer": keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9), **EAGERLY}
    )


def test_generating_computes_with_the_averages_and_moves_no_weight(digits):
    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            before = values(self.model.weights)
            self.images = self.model.generate(5, seed=3)
            for a, b in zip(before, values(self.model.weights)):
                np.testing.assert_array_equal(a, b)
            with self.model.weights_in_use(averaged=True):
                self.in_place = self.model.generate(5, seed=3)
                weights = self.model.get_weights()
            assert any((a != b).any() for a, b in zip(weights, self.model.get_weights()))

    look, model = Look(), averaging()
    model.fit(digits[0][:64], verbose=0, callbacks=[look])
    np.testing.assert_array_equal(look.images, look.in_place)
    np.testing.assert_array_equal(look.images, model.generate(5, seed=3))  # Now they are in place.


def test_a_thread_that_generates_leaves_the_training_as_it_is(digits):
    """On JAX, where the weights are inside of the compiled step, it is refused in words."""

    class Meanwhile(keras.callbacks.Callback):
        """Starts the thread when there are averages, and waits for its first images, so that it runs for sure."""

        thread, images, error = None, 0, None

        def on_epoch_end(self, epoch, logs=None):
            if self.thread is None:
                self.started, self.stop = threading.Event(), threading.Event()
                self.thread = threading.Thread(target=self.generate)
                self.thread.start()
                assert self.started.wait(60)

        def generate(self):
            try:
                while not self.stop.is_set():
                    assert np.isfinite(self.model.generate(3, seed=0)).all()
                    self.images += 3
                    self.started.set()
            except RuntimeError as error:
                self.error = str(error)
            finally:
                self.started.set()

        def on_train_end(self, logs=None):
            self.stop.set()
            self.thread.join()

    alone, watched, meanwhile = averaging(), averaging(), Meanwhile()
    for model, callbacks in ((alone, []), (watched, [meanwhile])):
        model.fit(digits[0][:96], epochs=3, batch_size=32, shuffle=False, verbose=0, callbacks=callbacks)
    assert_same_state(alone, watched)
    if JAX:
        assert "in another thread" in meanwhile.error and meanwhile.images == 0
    else:
        assert meanwhile.error is None and meanwhile.images > 0


def test_weights_are_exchanged_in_the_thread_that_trains_alone(digits):
    class Elsewhere(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            def exchange():
                try:
                    with self.model.weights_in_use(averaged=True):
                        self.error = None
                except RuntimeError as error:
                    self.error = str(error)

            thread = threading.Thread(target=exchange)
            thread.start()
            thread.join()

    look, model = Elsewhere(), averaging()
    model.fit(digits[0][:32], verbose=0, callbacks=[look])
    assert "`fit` is training this model in another thread" in look.error
    with model.weights_in_use(averaged=True):
        pass


@pytest.mark.parametrize("averaged", [False, True])
def test_images_of_a_callback_between_steps_are_those_of_the_weights_then(averaged, digits):
    """On JAX the weights are not in the model between two steps, unless they are asked for."""

    class Between(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.images = self.model.generate(2, seed=1)

        def on_epoch_end(self, epoch, logs=None):
            self.at_end = self.model.generate(2, seed=1)

    between, model = Between(), averaging() if averaged else compiled(compile_arguments=EAGERLY)
    model.fit(digits[0][:64], batch_size=32, epochs=2, verbose=0, callbacks=[between])
    np.testing.assert_array_equal(between.images, between.at_end)
    assert int(ops.convert_to_numpy(model.optimizer.iterations)) == 4
