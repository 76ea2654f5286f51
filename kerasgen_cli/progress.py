"""What training shows: a line an epoch, and below, on a terminal, a bar of the whole training with the running losses.

Where output is no terminal, a long epoch has a line every ten seconds.
"""

import contextlib
import threading
import time
from datetime import timedelta

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from kerasgen_cli.printing import console, number

#: Seconds from one look at the running losses to the next: on a terminal, and elsewhere, where each look is a line.
LOOKS, LINES = 0.5, 10
#: Characters of a bar's line that are not losses.
BAR = 60


@contextlib.contextmanager
def training(begin=lambda: None):
    """Show a training.

    Args:
        begin: Function, called when the first training begins: what is refused before need not be announced.

    Yields:
        A Keras callback; its `begun` says whether training has.
    """
    columns = (TextColumn("{task.description}"), BarColumn(None), TaskProgressColumn(), TimeRemainingColumn())
    progress = Progress(
        *columns,
        TextColumn("[dim]{task.fields[losses]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
        # Steps of one execution may take longer than rich looks back by default.
        speed_estimate_period=600,
    )
    try:
        yield _callback(progress, begin)
    finally:
        progress.stop()


def _callback(progress, begin):
    import keras

    class Display(keras.callbacks.Callback):
        # Where several processes train together, the first alone shows it.
        looks_on = True
        # Steps need not wait for it, and it is content with a look now and then.
        async_safe = True
        every_steps = 100
        begun = False

        def say(self, text):
            console.print(text, style="dim", markup=False)

        def on_train_begin(self, logs=None):
            if not self.begun:
                begin()
            self.begun, self.task, self.columns = True, None, None
            # Not asked for within an epoch: on JAX the look at a model in training writes its state back, and this from
            # a thread in which the state may be gone.
            self.terms = self.model.terms
            # Keras calls what is `async_safe` from several threads, now and then in another order.
            self.lock = threading.Lock()
            progress.start()

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch, self.started, self.done = epoch, time.perf_counter(), 0
            self.looked = self.started
            # The number of steps is not known of a stream without length.
            self.steps = self.params["steps"] or 1
            if self.task is None:
                # From here, not from the first epoch of all, so that the time that remains is right in a resumed run.
                self.first = epoch
                self.task = progress.add_task("", total=(self.params["epochs"] - epoch) * self.steps, losses="")
            progress.update(self.task, description=f"epoch {epoch + 1}/{self.params['epochs']}")

        def on_train_batch_end(self, batch, logs=None):
            with self.lock:
                self.done = max(self.done, batch + 1)
                done = min(self.done, self.steps) if self.params["steps"] else 0
                progress.update(self.task, completed=(self.epoch - self.first) * self.steps + done)
                now = time.perf_counter()
                if now - self.looked < (LOOKS if console.is_terminal else LINES):
                    return
                self.looked = now
                # Not before: they may have to come from the device.
                losses = _losses(logs, self.terms)
                if console.is_terminal:
                    progress.update(self.task, losses=_fitting(losses, console.width - BAR))
                else:
                    console.print(self._line(losses), style="dim", soft_wrap=True, markup=False)

        def _line(self, losses):
            steps = f"{min(self.done, self.steps)}/{self.steps}" if self.params["steps"] else self.done
            left = next(task for task in progress.tasks if task.id == self.task).time_remaining
            parts = [f"epoch {self.epoch + 1}/{self.params['epochs']}", f"step {steps}", *losses]
            if left is not None and self.params["steps"]:
                parts.append(f"{timedelta(seconds=round(left))} left")
            return "  " + ", ".join(parts)

        def on_epoch_end(self, epoch, logs=None):
            if self.columns is None:
                self.columns = _columns(logs, self.terms)
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


def _losses(logs, terms):
    """The running losses, each as text: the sum, and the terms of each player."""
    names = dict.fromkeys(["loss", *(name for names in terms.values() for name in names)])
    return [f"{name} {number(float(logs[name]))}" for name in names if name in (logs or {})]


def _fitting(texts, room):
    """As many of the texts as fit into a line."""
    line = ""
    for text in texts:
        longer = f"{line}  {text}".strip()
        if len(longer) > room:
            break
        line = longer
    return line


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
