"""Keras's progress bar, with the right number of steps."""

import keras
from keras import ops


class Progress(keras.callbacks.ProgbarLogger):
    """A progress bar that ends where the data end.

    Keras counts each execution of the compiled step as full: three batches in an execution of twenty steps are `20/3`.
    """

    # It changes nothing of the model: Keras need not wait for it.
    async_safe = True

    def on_epoch_begin(self, epoch, logs=None):
        """Begin a line."""
        self._steps_before = self._steps()
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch, logs=None):
        """Count an execution."""
        super().on_train_batch_end(self._within(batch), logs)

    def on_test_batch_end(self, batch, logs=None):
        """Count an execution."""
        super().on_test_batch_end(self._within(batch), logs)

    def on_predict_batch_end(self, batch, logs=None):
        """Count an execution."""
        super().on_predict_batch_end(self._within(batch), logs)

    def on_epoch_end(self, epoch, logs=None):
        """End the line."""
        if self.target is None:  # A stream of a length that is not known before its end.
            self.seen = self._steps() - self._steps_before
        super().on_epoch_end(epoch, logs)

    def _within(self, batch):
        return batch if self.target is None else min(batch, self.target - 1)

    def _steps(self):
        return int(ops.convert_to_numpy(self.model.optimizer.iterations))
