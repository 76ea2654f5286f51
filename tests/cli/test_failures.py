"""How commands end that fail, are interrupted, or print where not everything can be printed."""

import os
import subprocess
import sys
import warnings

import pytest

from kerasgen_cli import errors, launch
from kerasgen_cli.main import main

PROGRAM = "import sys; from kerasgen_cli.main import main; sys.exit(main(sys.argv[1:]))"


def failing(monkeypatch, error):
    """A command that raises an error: `list`, which would start kerasgen first of all."""

    def start(*_, **__):
        raise error

    monkeypatch.setattr(launch, "start", start)
    return ["list"]


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (EOFError("No data left in file"), 1, "Error: EOFError: No data left in file (--debug shows where)"),
        (EOFError(), 1, "Error: EOFError: (--debug shows where)"),
        (ValueError("of\nthree\n  lines"), 1, "Error: of three lines"),
        (ValueError(), 1, "Error: ValueError: (--debug shows where)"),
        (OSError(28, "No space left on device", "runs/x"), 1, "Error: [Errno 28] No space left on device: 'runs/x'"),
        (KeyError("epochs"), 1, "Error: KeyError: 'epochs' (--debug shows where)"),
        (MemoryError("Unable to allocate"), 1, "Error: MemoryError: Unable to allocate (--debug shows where)"),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (KeyboardInterrupt("Go on with: [x]"), 130, "Interrupted. Go on with: [x]"),
    ],
)
def test_a_failure_is_one_line_and_130_is_ctrl_c_alone(capsys, monkeypatch, error, status, line):
    assert main(failing(monkeypatch, error)) == status
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [line] and captured.out == ""


def test_a_backend_that_is_not_installed_is_named_with_the_remedy(capsys, monkeypatch):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert main(["list"]) == 1
    expected = "The backend is not installed: pip install torch, or choose another one with --backend. Received: torch"
    assert capsys.readouterr().err == f"Error: {expected}\n"


def run(*arguments, out=subprocess.PIPE, **environment):
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=out,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        check=False,
    )


def test_a_reader_who_has_seen_enough_ends_it_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    done = run("--help", out=writing)
    os.close(writing)
    assert done.stderr == b""


def test_an_ascii_locale_prints_what_it_can():
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = run("train", "--help", **ascii_only)
    assert done.returncode == 0 and b"kerasgen train vae" in done.stdout and done.stderr == b""
    # A word that no command has: to look for a run would import Keras first.
    done = run("r\N{LATIN SMALL LETTER U WITH DIAERESIS}n", **ascii_only)
    assert done.returncode == 2 and done.stderr.startswith(b"Error:") and done.stderr.count(b"\n") == 1


def test_an_arrow_in_ascii(monkeypatch, tmp_path):
    """As `info` prints figures to a file in another encoding."""
    import kerasgen
    from kerasgen_cli import printing

    measured = {"figures": {"kl": 1.0, "negative_elbo": 2.0}, "protocol": {"images": 9, "data": "x", "split": "test"}}
    with open(tmp_path / "out.txt", "w", encoding="ascii") as file:
        monkeypatch.setattr(sys, "stdout", file)
        printing.allow_any_text()
        printing.figures(kerasgen, measured)
    assert "negative ELBO (nats) ? " in (tmp_path / "out.txt").read_text(encoding="ascii")


def test_figures_against_statistics_of_images_that_nobody_counted(capsys):
    import kerasgen
    from kerasgen_cli import printing

    protocol = {"images": "not known", "data": "mnist.npz", "split": "not known"}
    printing.figures(kerasgen, {"figures": {"kl": 1.0}, "protocol": protocol})
    assert "Figures on not known images of mnist.npz" in capsys.readouterr().out


def test_warnings_of_others_are_not_shown(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        errors.show_warnings()
        warnings.warn("for users,\n in one line", UserWarning, stacklevel=1)
        warnings.warn("for developers", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr().err == "Warning: for users, in one line\n"
