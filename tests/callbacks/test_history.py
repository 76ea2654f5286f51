"""`history.csv`: what was logged, bit by bit, however often the run was stopped."""

import math

import keras
import pytest
from matplotlib.figure import Figure

from kerasgen import callbacks
from kerasgen.callbacks import read_history

#: Numbers that do not survive rounding, a count, what has no number, a log that is measured in every second epoch.
LOGS = [
    {"kl": 0.1 + 0.2, "loss": 1 / 3, "active_units": 7},
    {"kl": 1e-17, "loss": float("nan"), "active_units": 8, "val_kl": 123456789.12345678},
    {"kl": -0.0, "loss": float("inf"), "active_units": 8},
    {"kl": 5e-324, "loss": 2.0, "active_units": 9, "val_kl": 0.1},
]


class LearningCurves(callbacks.LearningCurves):
    """Without the picture, which takes longer than all the rest."""

    def draw(self, epoch, logs):
        return Figure()


def test_a_row_an_epoch_and_floats_as_they_were(tmp_path, play):
    play([LearningCurves(tmp_path)], LOGS)
    lines = (tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "epoch,active_units,kl,loss,val_kl"
    assert lines[1:3] == ["1,7.0,0.30000000000000004,0.3333333333333333,", "2,8.0,1e-17,nan,123456789.12345678"]
    history = read_history(tmp_path / "history.csv")
    assert history["epoch"] == [1, 2, 3, 4]
    assert history["kl"] == [logs["kl"] for logs in LOGS]
    assert math.copysign(1, history["kl"][2]) == -1
    assert math.isnan(history["loss"][1])
    assert history["val_kl"] == [None, 123456789.12345678, None, 0.1]


@pytest.mark.parametrize("done", [1, 2, 3])
@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("source", ["file", "memory"])
def test_a_resumed_run_writes_the_same_bytes(tmp_path, play, done, ahead, source):
    """Stopped `ahead` epochs after its last checkpoint, which was written after `done` epochs."""
    play([LearningCurves(tmp_path / "whole")], LOGS)
    folder = tmp_path / "resumed"
    play([LearningCurves(folder)], LOGS[: done + ahead], end=False)
    history = None
    if source == "memory":
        history = read_history(folder / "history.csv")
        (folder / "history.csv").unlink()
    play([LearningCurves(folder, history=history)], LOGS[done:], initial_epoch=done)
    assert (folder / "history.csv").read_bytes() == (tmp_path / "whole" / "history.csv").read_bytes()


def test_a_new_run_does_not_keep_the_rows_of_an_old_one(tmp_path, play):
    play([LearningCurves(tmp_path)], LOGS)
    play([LearningCurves(tmp_path)], LOGS[:1])
    assert read_history(tmp_path / "history.csv")["epoch"] == [1]


def test_callbacks_before_it_add_columns(tmp_path, play):
    adds = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(added=5))
    play([adds, LearningCurves(tmp_path)], LOGS[:1])
    assert read_history(tmp_path / "history.csv")["added"] == [5.0]


def test_other_tables_are_refused(tmp_path):
    tables = [b"", b"\n", b"loss,kl\n1,2\n", b"epoch,kl\n1\n", b"epoch,kl\n1.5,2\n", b"epoch,kl\n1,two\n"]
    for content in [*tables, b"epoch,kl\n1,\xff\xfe\n", b"\0\0\0\0", b"epoch,kl\n1,2\n\0\0"]:
        (tmp_path / "history.csv").write_bytes(content)
        with pytest.raises(ValueError, match=r"whose first column is 'epoch'.*Received: .*history\.csv, ") as caught:
            read_history(tmp_path / "history.csv")
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"Received: \['loss'\]"):
        LearningCurves(tmp_path, history={"loss": [1.0]})
