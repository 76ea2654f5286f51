"""What of a training is no computing: the model that does nothing, the clock of callbacks, the table of results."""

import keras
import numpy as np
import pytest

from benchmarks import overhead
from benchmarks.clock import Clock


@pytest.fixture
def idle():
    model = overhead.idle_vae()
    model.compile(jit_compile=False)
    return model


def test_a_step_that_does_nothing_passes_the_engine(idle):
    weights = [np.array(keras.ops.convert_to_numpy(weight)) for weight in idle.trainable_weights]
    images = np.full((128, 28, 28, 1), 0.25, "float32")
    history = idle.fit(images, batch_size=64, epochs=1, verbose=0).history
    assert history == {"reconstruction": [0.25], "kl": [0.25], "loss": [0.25]}
    assert int(idle.optimizer.iterations) == 2
    for weight, before in zip(idle.trainable_weights, weights):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), before)


def test_the_watch_over_numbers_looks_at_it(idle):
    idle.check_data = lambda *_, **__: None
    with pytest.raises(ValueError, match="Training stopped: in step 1"):
        idle.fit(np.full((64, 28, 28, 1), np.nan, "float32"), batch_size=64, verbose=0)


def test_the_clock_times_callbacks_and_leaves_the_steps_of_an_execution(idle):
    class Looks(keras.callbacks.Callback):
        every_steps = 100

        def on_train_batch_end(self, batch, logs=None):
            pass

    class Sums(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            sum(range(1000))

        def on_train_end(self, logs=None):
            pass

    clock = Clock()
    images = np.zeros((128, 28, 28, 1), "float32")
    idle.fit(images, batch_size=64, epochs=2, verbose=0, callbacks=clock.watch([Looks(), Sums()]))
    assert idle.steps_per_execution == (1 if keras.backend.backend() == "torch" else idle.steps_of_execution)
    assert [set(epoch["callbacks"]) for epoch in clock.epochs] == [{"Looks", "Sums"}] * 2
    for epoch in clock.epochs:
        taken = epoch["callbacks"]
        assert taken["Looks"]["batch"] > 0 == taken["Looks"]["epoch"]
        assert taken["Sums"]["epoch"] > 0 == taken["Sums"]["batch"]
        assert epoch["seconds"] > taken["Sums"]["epoch"]
    assert set(clock.end) == {"Sums"}


def test_parts_of_a_step(results):
    parts = overhead.parts(results["steps"][0])
    expected = {"step": 4.0, "whole": 4.8, "loop": 0.1, "callbacks": 0.1, "input": 0.4, "share": 0.2 / 4.8}
    assert parts == pytest.approx(expected)


def test_epochs_of_pictures_are_whole_cycles(results):
    found = overhead.epoch_of(results["pictures"]["vae_mnist"])
    assert found["seconds"] == 4.5
    assert found["pictures"] == 0.25
    assert found["share"] == pytest.approx(0.25 / 4.5)
    assert found["callbacks"] == {"SampleGrid": 0.25, "Checkpoint": 0.1}


def test_table_has_a_row_a_backend_and_a_row_a_preset(results):
    text = overhead.table(results)
    assert "| jax | 20 (default) | 4.000 ms | 4.800 ms | 0.100 ms | 0.100 ms | 0.400 ms | 4.2% |" in text
    assert "| `vae_mnist` | 2 epochs | 4.5 | 0.25 | 5.6% | SampleGrid 0.25 s, Checkpoint 0.10 s |" in text


@pytest.mark.slow
def test_pictures_of_a_preset_are_timed():
    found = overhead.pictures("vae", cycles=1)
    assert found["counted"] == found["every"] == 5
    assert len(found["epochs"]) == 10
    assert {"ReconstructionLogger", "LearningCurves", "SampleGrid"} <= set(found["pictures"])
    assert "Checkpoint" not in found["pictures"]
    assert 0 < overhead.epoch_of(found)["share"] < 1


@pytest.fixture
def results(described):
    def several(median):
        return {"median": median, "least": median, "most": median, "rounds": 3}

    def one(resident, beside):
        return {
            "resident": several(resident),
            "beside_callbacks": several(beside),
            "callbacks": {"Checkpoint": {"batch": 0.0, "epoch": 0.07}, "Display": {"batch": 0.03, "epoch": 0.0}},
            "steps_per_execution": 20,
            "xla": True,
        }

    def epoch(seconds, drawing):
        callbacks = {"SampleGrid": {"batch": 0.0, "epoch": drawing}, "Checkpoint": {"batch": 0.0, "epoch": 0.1}}
        return {"seconds": seconds, "callbacks": callbacks}

    run = {
        "every": 2,
        "steps": 938,
        "epochs": [epoch(9.0, 0.0), epoch(8.0, 3.0), epoch(4.0, 0.0), epoch(5.0, 0.5)],
        "counted": 2,
        "pictures": ["SampleGrid"],
        "end": {"SampleGrid": 0.2},
        "frames": 2,
    }
    return {
        "date": "2026-11-28",
        "machine": described,
        "protocol": {"batch": 64, "rounds": 3, "steps": 938, "cycles": 1},
        "input_alone": several(0.3),
        "steps": [{"backend": "jax", "asked": "auto", "idle": one(0.1, 0.5), "vae": one(4.0, 4.7)}],
        "pictures": {"vae_mnist": run},
    }
