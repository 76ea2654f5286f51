"""What commands print: tables, numbers, the paths of pictures."""

import io
import shlex
import sys

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

console = Console(highlight=False)


def allow_any_text():
    """Print a question mark for what the terminal's encoding lacks, such as an arrow in ASCII, and do not fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def table(title, columns, rows):
    """Print a table.

    Args:
        title: str.
        columns: List of str. An empty one prints no header.
        rows: List of lists of str. A column of single words or numbers is never broken.
    """
    console.print(f"\n[bold]{escape(title)}[/]", soft_wrap=True)
    result = Table(show_header=any(columns), box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        whole = index == 0 or not any(" " in row[index] for row in rows)
        style = "cyan" if index == 0 else None
        result.add_column(column, style=style, header_style="dim", no_wrap=whole, overflow="fold")
    for row in rows:
        result.add_row(*map(escape, row))
    console.print(result)


def heading(text):
    """Print what a command is about to do."""
    console.print(f"[bold green]{escape(text)}[/]", soft_wrap=True)


def section(label, lines):
    """Print lines under a label; a line too long for the terminal is left to it, so that a path can be copied."""
    lines = [str(line) for line in lines]
    if lines:
        console.print(f"\n[bold]{label}[/]")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True, markup=False)


def figures(kerasgen, measured):
    """Print figures with what they depend on.

    Args:
        kerasgen: The package.
        measured: Dict, the content of a `metrics.json`.
    """
    protocol, evaluation = measured["protocol"], kerasgen.evaluation
    intervals = measured.get("intervals", {})
    rows = [
        (evaluation.label(name, protocol), value, evaluation.DIRECTIONS.get(name), intervals.get(name))
        for name, value in measured["figures"].items()
    ]
    # Of statistics in the place of real images the number may not be known.
    counted = f"{protocol['images']:,}" if isinstance(protocol["images"], int) else protocol["images"]
    where = f"{counted} images of {protocol['data']} ({protocol['split']} split)"
    console.print(f"\n[bold]Figures[/] on {escape(where)}")
    width = max((len(name) for name, *_ in rows), default=0)
    for name, value, better, interval in rows:
        arrow = {"lower": "↓", "higher": "↑", None: " "}[better]
        within = f"  [dim]{number(interval[0])} to {number(interval[1])}[/]" if interval else ""
        console.print(f"  [cyan]{escape(f'{name:<{width}}')}[/] [dim]{arrow}[/]  {number(value):>9}{within}")
    # Lists and dicts (versions, arguments of metrics) stand in the file.
    hidden = ("images", "data", "split", "subject", "python", "machine")
    said = {key: value for key, value in protocol.items() if key not in hidden and isinstance(value, (str, int, float))}
    text = ", ".join(
        f"{key.replace('_', ' ')} {value[:8] if 'sha256' in key else value}" for key, value in said.items()
    )
    console.print(Padding(escape(text), (0, 0, 0, 2), style="dim"))


def next_commands(*commands):
    """Print what one may want to do next: pairs of a command and what it gives."""
    width = max(len(command) for command, _ in commands)
    section("Next", [f"{command:<{width}}   # {what}" for command, what in commands])


def number(value):
    """A figure with about four digits, as text."""
    if value is None:
        return ""
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 1:
        return f"{value:#.4g}"
    return f"{value:.4f}" if abs(value) >= 0.001 else f"{value:.1e}"


def quoted(path):
    """A path as a shell reads it."""
    return shlex.quote(str(path))
