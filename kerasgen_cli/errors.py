"""What a command says when it fails, in one line, and the exit status that goes with it."""

import contextlib
import os
import sys
import warnings

import typer
from rich.console import Console
from rich.markup import escape

#: By which processes of PyTorch know that a command of kerasgen has started them.
RUN_ID = "kerasgen"
#: Exit statuses; bad usage has typer's own, 2.
FAILED, INTERRUPTED = 1, 130
# Of typer's own copy of click, or of click, as typer's version has it.
UsageError = typer.BadParameter.__base__
console = Console(stderr=True, highlight=False)


@contextlib.contextmanager
def usage(option):
    """Blame a ValueError on an option."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def report(error):
    """Print an error, or that Ctrl-C was pressed.

    Args:
        error: Exception, or KeyboardInterrupt, whose message says how to go on.

    Returns:
        int. The exit status.
    """
    if "kerasgen.engine.processes" in sys.modules:
        sys.modules["kerasgen.engine.processes"].fail()
    if isinstance(error, KeyboardInterrupt):
        console.print(escape(f"Interrupted. {error}".strip()), soft_wrap=True)
        return INTERRUPTED
    if isinstance(error, UsageError):
        # "Value error": pydantic's words, which newer versions of typer pass on; what was given pydantic alone knows.
        message = error.format_message().replace("Value error, ", "")
        if "Received" not in message:
            message += "" if message.endswith((".", "?")) else "."
            message += f" See `{error.ctx.command_path} --help`." if error.ctx else ""
            message += _received(error.__cause__)
        _print(message)
        return error.exit_code
    if _of_another_process(error):
        if os.environ.get("TORCHELASTIC_RUN_ID") != RUN_ID:  # Else the process that started this one says it.
            _print("Another process of this training has ended: `kerasgen resume` goes on from the last checkpoint")
        return FAILED
    known = isinstance(error, (ValueError, OSError, ImportError)) and str(error)
    _print(error if known else f"{type(error).__name__}: {error} (--debug shows where)")
    return FAILED


def _of_another_process(error):
    """Whether an exchange with other processes failed because one of them is gone."""
    text = str(error).lower()
    return any(name in text for name in ("gloo", "nccl", "coordination service"))


def _received(cause):
    """What was given, where typer checks values by pydantic."""
    return f" Received: {cause.errors()[0]['input']}" if hasattr(cause, "errors") else ""


def show_warnings():
    """Print the warnings that are meant for users, those of kerasgen above all, as one line each."""

    def show(message, category, *_):
        if issubclass(category, UserWarning):
            console.print(f"[yellow]Warning:[/] {escape(' '.join(str(message).split()))}", soft_wrap=True)

    warnings.showwarning = show


def _print(message):
    """Print an error as one line; in lines where one of them points at a character of another."""
    lines = str(message).splitlines()
    text = str(message) if any(line.strip() == "^" for line in lines) else " ".join(str(message).split())
    console.print(f"[bold red]Error:[/] {escape(text)}", soft_wrap=True)
