"""The table of bad inputs: what is said of each, and the exit status of a command.

The rows are data, in `tests/bad_inputs/`: `commands.py` has command lines, which run in this process in the folder that
`place.py` makes; `calls.py` has calls of the API, which raise a ValueError. Whatever the input, the message is one line
and says what was received, and nothing is left behind.
"""

import contextlib
import io
import re
import shlex

import pytest

from kerasgen_cli.main import main
from tests.bad_inputs.calls import CALLS, Tiny
from tests.bad_inputs.commands import COMMANDS
from tests.bad_inputs.place import fill

#: How a message ends; typer's own name the help, or the option.
END = re.compile(r"(Received( twice)?: .+|See `kerasgen.* --help`\.|requires an argument\.)$")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    fill(place)
    return place


@pytest.fixture(scope="module")
def tiny():
    return Tiny()


@pytest.fixture
def place(filled, monkeypatch):
    """The folder, as working directory; what a row leaves behind fails its test."""
    monkeypatch.chdir(filled)
    monkeypatch.setenv("TFDS_DATA_DIR", str(filled / "no-sets"))
    monkeypatch.setenv("KERASGEN_CACHE", str(filled / "no-cache"))
    before = _content(filled)
    yield filled
    assert _content(filled) == before, "nothing is left behind, and nothing has changed"


@pytest.mark.parametrize("rows", [COMMANDS, CALLS], ids=["commands", "calls"])
def test_rows_have_names_of_their_own(rows):
    names = [name for name, *_ in rows]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("command", "words", "status"), [pytest.param(*row, id=name) for name, *row in COMMANDS])
def test_a_bad_command_is_told_in_one_line(place, capfd, command, words, status):
    assert main(shlex.split(command)) == status
    out, message = capfd.readouterr()
    assert message.startswith("Error: ") and message.count("\n") == 1 and message.endswith("\n"), message
    assert END.search(message), message
    assert words in message
    assert out == "" or not command.startswith(("train", "resume")), out


@pytest.mark.parametrize(("call", "words"), [pytest.param(*row, id=name) for name, *row in CALLS])
def test_a_bad_call_is_told_in_one_line(place, tiny, call, words):
    with pytest.raises(ValueError) as raised, contextlib.redirect_stdout(io.StringIO()):
        call(tiny)
    message = str(raised.value)
    # A layout's error points at the character, in lines of its own.
    assert (END.search(message) and "\n" not in message) or ("Received" in message and "^" in message), message
    assert words in message


def _content(place):
    """What is in the folder, and when it was written."""
    paths = [path for path in place.rglob("*") if path.name != ".lock"]
    return {path: path.stat().st_mtime_ns if path.is_file() else None for path in paths}
