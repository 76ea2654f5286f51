"""The history of a run as a table: one row an epoch."""

import csv

from kerasgen.files import replace


def read_history(path):
    """Read a `history.csv`.

    Args:
        path: Path of the file.

    Returns:
        Dict from a column's name to its values: "epoch" (int, from 1), then each log (float, None where an epoch has no
        value). `kerasgen.plots.learning_curves` draws it.

    Raises:
        ValueError: If the file is no such table.

    Example:
        >>> history = kerasgen.callbacks.read_history("runs/vae/history.csv")
        >>> history["val_loss"][-1]
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            names, *rows = list(csv.reader(file)) or [[]]
        if names[:1] != ["epoch"] or any(len(row) != len(names) for row in rows):
            raise ValueError(f"columns {names}")
        columns = {name: [row[index] for row in rows] for index, name in enumerate(names)}
        history = {"epoch": [int(value) for value in columns.pop("epoch")]}
        return history | {name: [float(v) if v else None for v in values] for name, values in columns.items()}
    except (ValueError, csv.Error) as error:
        raise ValueError(
            "A history is a table whose first column is 'epoch', and whose rows hold a number or nothing for each "
            f"column. Remove the file to begin a new one. Received: {path}, {error}"
        ) from error


def write_history(history, path):
    """Write what `read_history` reads. Values are written so that reading gives them back bit by bit.

    Args:
        history: Dict of columns.
        path: Path of the file, replaced at once.
    """
    names = list(history)
    rows = [["" if value is None else repr(value) for value in row] for row in zip(*history.values())]

    def write(temporary):
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([names, *rows])

    replace(path, write)


def add_epoch(history, epoch, logs):
    """Add a row to a history, in place; logs that are new become columns, empty in the rows before.

    Args:
        history: Dict of columns.
        epoch: int. Number of the epoch, from 1.
        logs: Dict of the epoch's logs.
    """
    history["epoch"].append(epoch)
    for name in logs:
        history.setdefault(name, [None] * (len(history["epoch"]) - 1))
    for name, values in history.items():
        if name != "epoch":
            # All are floats, counts too: a history that was read again must be written as the one it was read from.
            values.append(float(logs[name]) if name in logs else None)


def first_epochs(history, epochs):
    """The rows of a history up to an epoch.

    Args:
        history: Dict of columns.
        epochs: int. Number of the last epoch to keep.

    Returns:
        Dict of columns.
    """
    kept = [index for index, epoch in enumerate(history["epoch"]) if epoch <= epochs]
    columns = {name: [values[index] for index in kept] for name, values in history.items()}
    # A log that first came later is no column yet, so that the columns get the order of a run that was not interrupted.
    return {name: values for name, values in columns.items() if name == "epoch" or any(v is not None for v in values)}
