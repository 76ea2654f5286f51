"""What training shows: a line an epoch, and below, on a terminal, a bar of the whole training."""

import contextlib
import time

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from kerasgen_cli.printing import console, number


@contextlib.contextmanager
def training():
    """Show a training.

    Yields:
        A Keras callback; its `begun` says whether training has.
    """
    columns = (TextColumn("{task.description}"), BarColumn(None), TaskProgressColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
    try:
        yield _callback(progress)
    finally:
        progress.stop()


def _callback(progress):
    import keras

    class Display(keras.callbacks.Callback):
        # It reads no logs of batches, so steps need not wait for it; and it is content with a look now and then.
        async_safe = True
        every_steps = 100
        begun = False

        def on_train_begin(self, logs=None):
            self.begun, self.task, self.columns = True, None, None
            progress.start()

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch, self.started = epoch, time.perf_counter()
            # The number of steps is not known of a stream without length.
            self.steps = self.params["steps"] or 1
            if self.task is None:
                # From here, not from the first epoch of all, so that the time that remains is right in a resumed run.
                self.first = epoch
                self.task = progress.add_task("", total=(self.params["epochs"] - epoch) * self.steps)
            progress.update(self.task, description=f"epoch {epoch + 1}/{self.params['epochs']}")

        def on_train_batch_end(self, batch, logs=None):
            done = min(batch + 1, self.steps) if self.params["steps"] else 0
            progress.update(self.task, completed=(self.epoch - self.first) * self.steps + done)

        def on_epoch_end(self, epoch, logs=None):
            if self.columns is None:
                self.columns = _columns(logs, self.model.terms)
                header = "".join(f"{name:>{width}}" for name, width in self.columns.items())
                console.print("[dim]each term: training (held out)[/]")
                console.print(f"[bold]{'epoch':>9}{header}{'seconds':>10}[/]")
            cells = "".join(f"{_cell(logs, name):>{width}}" for name, width in self.columns.items())
            count = f"{epoch + 1}/{self.params['epochs']}"
            console.print(f"{count:>9}{cells}{time.perf_counter() - self.started:>10.1f}")

        def on_train_end(self, logs=None):
            # What comes next, such as a measurement, has a bar of its own.
            if self.task is not None:
                progress.remove_task(self.task)
            progress.stop()

    return Display()


def _columns(logs, terms):
    """The logs that fit into a line, with their widths: the first ones; the history holds all."""
    order = ["loss", *(name for names in terms.values() for name in names), *logs]
    columns, room = {}, console.width - 19
    for name in dict.fromkeys(name for name in order if name in logs and not name.startswith("val_")):
        width = max(len(name), 17 if f"val_{name}" in logs else 9) + 2
        if width <= room:
            columns[name] = width
            room -= width
    return columns


def _cell(logs, name):
    held_out = logs.get(f"val_{name}")
    return number(logs.get(name)) + ("" if held_out is None else f" ({number(held_out)})")
