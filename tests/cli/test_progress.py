"""What a training shows."""

import re
import types

import pytest

from kerasgen_cli import progress
from kerasgen_cli.main import main
from kerasgen_cli.printing import console


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Logs(dict):
    """Logs that count how often they are read: on a device, that is a wait."""

    reads = 0

    def __getitem__(self, name):
        Logs.reads += 1
        return super().__getitem__(name)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress.time, "perf_counter", clock)
    monkeypatch.setattr(Logs, "reads", 0)
    return clock


def trained(clock, seconds_a_step, steps=100, epochs=2, known=True):
    """A training of a model with two terms, step by step."""
    with progress.training(lambda: console.print("begun")) as display:
        display.set_params({"epochs": epochs, "steps": steps if known else None})
        display.set_model(types.SimpleNamespace(terms={"model": ("reconstruction", "kl")}))
        display.on_train_begin()
        # On JAX a callback that asks for the model within an epoch disturbs its training.
        display.set_model(None)
        for epoch in range(epochs):
            display.on_epoch_begin(epoch)
            for step in range(steps):
                clock.now += seconds_a_step
                display.on_train_batch_end(step, Logs(loss=3.0, kl=1.0, reconstruction=2.0, other=9.0))
            display.on_epoch_end(epoch, {"loss": 3.0, "kl": 1.0, "reconstruction": 2.0, "val_loss": 4.0})
        display.on_train_end()


def test_a_long_epoch_has_a_line_every_ten_seconds(capsys, clock):
    trained(clock, seconds_a_step=0.5)
    lines = re.findall(
        r"^  epoch (\d)/2, step (\d+)/100, loss 3, reconstruction 2, kl 1", capsys.readouterr().out, re.M
    )
    # 50 seconds an epoch; the line at its end is the epoch's own.
    assert lines == [(epoch, step) for epoch in "12" for step in ("20", "40", "60", "80", "100")]


def test_a_short_epoch_has_its_own_line_alone_and_its_losses_are_not_read(capsys, clock):
    trained(clock, seconds_a_step=0.05)
    assert "step" not in capsys.readouterr().out
    assert Logs.reads == 0


def test_losses_are_read_when_a_line_is_due_only(clock):
    trained(clock, seconds_a_step=0.5)
    assert Logs.reads == 10 * 3


def test_of_a_stream_without_length_steps_are_counted(capsys, clock):
    trained(clock, seconds_a_step=0.5, known=False)
    out = capsys.readouterr().out
    assert "epoch 2/2, step 40, loss 3" in out and "left" not in out


def test_it_is_told_that_training_begins_and_nothing_before(capsys, clock):
    with progress.training(lambda: console.print("begun")) as display:
        assert not display.begun
    assert capsys.readouterr().out == ""
    trained(clock, seconds_a_step=0.05)
    assert capsys.readouterr().out.startswith("begun\n")


def test_the_time_that_is_left(capsys, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress.time, "perf_counter", clock)
    # rich's clock, from which it knows the speed.
    monkeypatch.setattr(console, "get_time", clock)
    trained(clock, seconds_a_step=1)
    # 200 steps of a second.
    assert "epoch 1/2, step 50/100, loss 3, reconstruction 2, kl 1, 0:02:30 left" in capsys.readouterr().out


def test_on_a_terminal_losses_stand_beside_the_bar(monkeypatch, clock):
    monkeypatch.setattr(console, "_force_terminal", True)
    shown = []
    monkeypatch.setattr(progress.Progress, "update", lambda self, task, **fields: shown.append(fields.get("losses")))
    trained(clock, seconds_a_step=0.5, steps=3, epochs=1)
    assert shown.count("loss 3") + shown.count("loss 3  reconstruction 2") >= 2


def test_as_many_losses_as_fit():
    texts = ["loss 3", "reconstruction 2", "kl 1"]
    assert progress._fitting(texts, 80) == "loss 3  reconstruction 2  kl 1"
    assert progress._fitting(texts, 24) == "loss 3  reconstruction 2"
    assert progress._fitting(texts, 3) == ""


def test_looks_in_another_order_do_not_turn_it_back(capsys, clock):
    with progress.training() as display:
        display.set_params({"epochs": 1, "steps": 100})
        display.set_model(types.SimpleNamespace(terms={"model": ("loss",)}))
        display.on_train_begin()
        display.on_epoch_begin(0)
        display.on_train_batch_end(59, {})
        clock.now += 11
        display.on_train_batch_end(39, {"loss": 1.0})
    assert "step 60/100" in capsys.readouterr().out


def test_a_training_goes_on_while_it_is_looked_at(capsys, monkeypatch, tmp_path):
    """Each execution has a line: on JAX and TensorFlow from a thread beside the one that trains."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "LINES", 0)
    quick = "--epochs 2 --latent-dim 2 --set networks.encoder.units=[8] --set pictures_every=9"
    assert main(["train", "vae", *quick.split()]) == 0
    out = capsys.readouterr().out
    assert {"1", "2"} == set(re.findall(r"^  epoch (\d)/2, step \d+/23, loss \d", out, re.MULTILINE))
