"""The command line of kerasgen: each command calls one public function."""

import importlib.metadata
import sys
import traceback
from typing import Annotated

import typer

from kerasgen_cli import errors, find, launch, look, measure, printing, train
from kerasgen_cli.options import examples
from kerasgen_cli.printing import console

app = typer.Typer(
    epilog=examples(
        "kerasgen train vae",
        "kerasgen generate runs/vae-1",
        "kerasgen list",
        "[dim]kerasgen COMMAND --help says more about a command.[/]",
        "[dim]Exit status: 0 done, 1 failed, 2 bad usage, 130 interrupted.[/]",
    ),
    rich_markup_mode="rich",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel in (train.panel, look.panel, measure.panel, find.panel):
    # Without a name of their own: their commands become those of the app.
    app.add_typer(panel)


def _show_version(asked: bool):
    if asked:
        console.print(f"kerasgen {importlib.metadata.version('kerasgen')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and what the libraries say. May stand anywhere.")
    ] = False,
):
    """Train, look at, measure and export generative image models."""
    launch.debug = debug
    if not debug:
        errors.show_warnings()


def main(arguments=None):
    """Run the command line.

    Args:
        arguments: List of str. None: those of the process.

    Returns:
        int. The exit status: 0, 1 (it failed), 2 (bad usage) or 130 (interrupted).
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    arguments = arguments or ["--help"]
    printing.allow_any_text()
    command = typer.main.get_command(app)
    try:
        # Not `app(...)`, which takes an EOFError, that of a file of no bytes, for a Ctrl-D.
        with command.make_context("kerasgen", ["--debug"] * debug + arguments) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        return errors.report(error)
    return 0
