"""Annealed hyperparameters follow their schedule, and training follows them."""

import keras
import numpy as np
import pytest

from kerasgen.callbacks import Annealing, cyclical_schedule, linear_schedule


def beta_of(model):
    return float(keras.ops.convert_to_numpy(model.beta))


def test_linear_schedule_rises_and_stays():
    schedule = linear_schedule(4, start=1.0, stop=3.0)
    assert [schedule(done) for done in (0, 1, 2, 4, 5, 100)] == [1.0, 1.5, 2.0, 3.0, 3.0, 3.0]


def test_cyclical_schedule_is_that_of_fu_et_al():
    """beta_t = f(tau), tau = mod(t - 1, T / M) / (T / M), f = tau / R up to R, then 1: for T steps, M cycles."""
    steps, cycles, ratio = 40, 4, 0.5
    schedule = cyclical_schedule(steps / cycles, ratio)
    tau = (np.arange(1, steps + 1) - 1) % (steps / cycles) / (steps / cycles)
    expected = np.where(tau <= ratio, tau / ratio, 1.0)
    np.testing.assert_allclose([schedule(done) for done in range(steps)], expected)
    np.testing.assert_allclose([cyclical_schedule(4, 0.5, 2.0, 6.0)(done) for done in range(5)], [2, 4, 6, 6, 2])


def test_impossible_schedules_are_refused():
    with pytest.raises(ValueError, match="Received: 0"):
        linear_schedule(0)
    with pytest.raises(ValueError, match=r"ratio=1\.5"):
        cyclical_schedule(4, ratio=1.5)
    with pytest.raises(ValueError, match=r"'epoch' or 'step'\. Received: 'batch'"):
        Annealing("beta", linear_schedule(4), unit="batch")


def test_the_value_depends_on_the_epoch_alone(make_vae):
    model = make_vae()
    annealing = Annealing("beta", linear_schedule(4))
    annealing.set_model(model)
    annealing.on_epoch_begin(3)  # the first epoch of a run that was resumed
    assert beta_of(model) == 0.75
    annealing.on_train_batch_begin(0)
    logs = {}
    annealing.on_epoch_end(3, logs)
    assert logs == {"beta": 0.75}
    assert annealing.every_steps > 1000, "a schedule of epochs does not keep steps from running as one"


def test_a_schedule_of_keras_is_taken(make_vae):
    model = make_vae()
    annealing = Annealing("beta", keras.optimizers.schedules.PolynomialDecay(1.0, 10, 0.0))
    annealing.set_model(model)
    annealing.on_epoch_begin(5)
    assert beta_of(model) == 0.5


def test_steps_count_over_epochs_and_the_training_sees_each_value(make_vae, digits):
    """With a learning rate of zero the terms stay, and the loss shows the beta of each step."""
    seen, losses = [], []

    def schedule(done):
        seen.append(done)
        return float(done)

    class Losses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            losses.append(dict(logs))

    model = make_vae()
    model.compile(keras.optimizers.SGD(0.0), jit_compile=keras.backend.backend() == "jax")
    # One batch an epoch: the logs of a batch are means over the epoch.
    annealing = Annealing("beta", schedule, unit="step")
    model.fit(digits[0][:64], batch_size=64, epochs=3, callbacks=[annealing, Losses()], verbose=0)
    assert seen == [0, 1, 2]
    for beta, logs in enumerate(losses):
        np.testing.assert_allclose(logs["loss"], logs["reconstruction"] + beta * logs["kl"], rtol=1e-5)


def test_a_wrong_name_is_told_with_the_right_ones(make_vae):
    for name in ("gamma", "encoder", "fit"):
        annealing = Annealing(name, linear_schedule(4))
        annealing.set_model(make_vae())
        with pytest.raises(ValueError, match=rf"VAE has \['beta'\]. Received: '{name}'"):
            annealing.on_train_begin()
