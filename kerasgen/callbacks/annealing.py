"""Hyperparameters that change during training."""

import keras


class Annealing(keras.callbacks.Callback):
    """Sets a scalar variable of the model, such as the `beta` of a VAE, by a schedule.

    The value depends on nothing but the epoch (or the number of steps that the optimizer has done), so a run that was
    resumed goes on as if it had never stopped. It is logged under the variable's name; put this callback before
    `LearningCurves`.

    Args:
        variable: str. Name of an attribute of the model that is a scalar `keras.Variable`.
        schedule: Function from the number of epochs (or steps) that are done to the value, such as `linear_schedule`,
            `cyclical_schedule` or a `keras.optimizers.schedules.LearningRateSchedule`.
        unit: "epoch" or "step": what the schedule counts.
        every_steps: int. With unit="step": the value is set anew after so many steps. Larger ones train faster, for
            the steps between run as one.

    Raises:
        ValueError: If `unit` is neither, or, when training begins, if the model has no such variable.

    Example:
        >>> warm_up = kerasgen.callbacks.Annealing("beta", kerasgen.callbacks.linear_schedule(10))
        >>> model.fit(data.train, epochs=30, callbacks=[warm_up])
    """

    def __init__(self, variable, schedule, unit="epoch", every_steps=1):
        super().__init__()
        if unit not in ("epoch", "step"):
            raise ValueError(f"`unit` must be 'epoch' or 'step'. Received: {unit!r}")
        self.variable = variable
        self.schedule = schedule
        self.unit = unit
        # `GenerativeModel.fit` runs so many steps at once; a schedule of epochs does not care.
        self.every_steps = every_steps if unit == "step" else 10**9
        self._value = None

    def on_train_begin(self, logs=None):
        """Refuse a name that the model does not know."""
        model = self.model
        if not _is_scalar(getattr(model, self.variable, None)):
            known = sorted({v.name for v in model.variables if _is_scalar(getattr(model, v.name, None))})
            raise ValueError(
                f"Annealing sets a scalar variable of the model; {type(model).__name__} has {known or 'none'}. "
                f"Received: {self.variable!r}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        """Set the value of the epoch."""
        if self.unit == "epoch":
            self._set(epoch)

    def on_train_batch_begin(self, batch, logs=None):
        """Set the value of the step."""
        if self.unit == "step":
            self._set(int(keras.ops.convert_to_numpy(self.model.optimizer.iterations)))

    def on_epoch_end(self, epoch, logs=None):
        """Log the value that was set last."""
        if logs is not None:
            logs[self.variable] = self._value

    def _set(self, done):
        self._value = float(self.schedule(done))
        getattr(self.model, self.variable).assign(self._value)


def linear_schedule(length, start=0.0, stop=1.0):
    """A schedule that goes from one value to another in a straight line, and stays there.

    Args:
        length: float. Epochs (or steps) until `stop` is reached.
        start: float. First value.
        stop: float. Last value.

    Returns:
        Function from the number of epochs (or steps) done to the value.

    Raises:
        ValueError: If `length` is not positive.

    Example:
        >>> kerasgen.callbacks.linear_schedule(10)(5)
        0.5
    """
    if length <= 0:
        raise ValueError(f"`length` must be positive. Received: {length}")
    return lambda done: start + (stop - start) * min(1.0, done / length)


def cyclical_schedule(period, ratio=0.5, start=0.0, stop=1.0):
    """A schedule that rises in a straight line during the first part of each period, and stays for the rest of it.

    Args:
        period: float. Epochs (or steps) of one cycle; the paper's training has four.
        ratio: float in (0, 1]. The part of a cycle in which the value rises.
        start: float. Value at the beginning of a cycle.
        stop: float. Value at its end.

    Returns:
        Function from the number of epochs (or steps) done to the value.

    Raises:
        ValueError: If `period` is not positive, or `ratio` not in (0, 1].

    Example:
        >>> [kerasgen.callbacks.cyclical_schedule(4)(epoch) for epoch in range(6)]
        [0.0, 0.5, 1.0, 1.0, 0.0, 0.5]

    Reference:
        Fu et al., "Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing", 2019, equation 6.
        https://arxiv.org/abs/1903.10145
    """
    if period <= 0 or not 0 < ratio <= 1:
        raise ValueError(f"`period` must be positive, `ratio` in (0, 1]. Received: period={period}, ratio={ratio}")
    return lambda done: start + (stop - start) * min(1.0, (done % period) / (period * ratio))


def _is_scalar(value):
    return isinstance(value, keras.Variable) and tuple(value.shape) == ()
