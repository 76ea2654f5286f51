"""The watch over a training: where the first number was that is not finite."""

import keras
from keras import ops

#: The log by which a step tells that a number was not finite; no callback sees it.
NOT_FINITE = "not_finite"


class NotFiniteError(ValueError):
    """A term or a gradient of a training step was NaN or infinite."""


class FirstNotFinite(keras.metrics.Metric):
    """Where the first number of an epoch was found that is NaN or infinite: step, which one, and the number itself.

    A metric, because its state shall live on the device, begin anew with each epoch, and be saved nowhere.
    """

    def __init__(self, name):
        super().__init__(name=name)
        self.found = self.add_variable((3,), "zeros", name="found")

    def update_state(self, step, values, watched):
        """Look at some values.

        Args:
            step: int tensor. Number of the train step, from 1.
            values: Dict of scalars.
            watched: List of pairs of a number that says which value it is, and its name.
        """
        watched = [(index, name) for index, name in watched if name in values]
        numbers = ops.stack([ops.cast(values[name], "float32") for _, name in watched])
        good = ops.isfinite(numbers)
        # The first that is not finite: argmin takes the first of equals.
        worst = ops.argmin(ops.cast(good, "int32"))
        which = ops.take(ops.convert_to_tensor([float(index) for index, _ in watched]), worst)
        found = ops.stack([ops.cast(step, "float32"), which, ops.take(numbers, worst)])
        before = self.found.value
        self.found.assign(ops.where(ops.logical_or(before[0] > 0, ops.all(good)), before, found))

    def result(self):
        """Step (0: there is none), number of the value, and the value."""
        return ops.copy(self.found.value)
