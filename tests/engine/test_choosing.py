"""XLA is chosen by measuring, where that pays, and measuring leaves no trace in the model."""

import json

import keras
import numpy as np
import pytest

from kerasgen import models, networks
from kerasgen.engine import choosing

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow alone has the choice")
SHAPE = (8, 8, 1)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path))
    return tmp_path / "compilation"


@pytest.fixture
def slow_clock(monkeypatch):
    """A clock by which a step takes so many seconds with XLA and without."""
    seconds = {True: 1.0, False: 2.0}
    measured = []

    def fake(model, batch, xla):
        measured.append(xla)
        return seconds[xla]

    monkeypatch.setattr(choosing, "_seconds", fake)
    return seconds, measured


def build(**arguments):
    keras.utils.set_random_seed(0)
    net = networks.mlp
    model = models.GAN(net.generator(SHAPE, 3, units=(8,)), net.discriminator(SHAPE, units=(8,)), seed=1)
    model.compile(**arguments)
    return model


def fit(model, steps=500):
    """What would be trained: only the choice is made."""
    return choosing.choose_compilation(model, np.zeros((8, *SHAPE), "float32"), steps)


def test_the_quicker_way_is_chosen_and_remembered(cache, slow_clock):
    seconds, measured = slow_clock
    model = build()
    assert not model.jit_compile
    assert fit(model) == seconds and model.jit_compile and measured == [False, True]
    [file] = cache.iterdir()
    assert json.loads(file.read_text(encoding="utf-8"))["with"] == 1.0
    again = build()
    assert fit(again) == seconds and again.jit_compile and len(measured) == 2
    file.write_text("{", encoding="utf-8")  # A damaged file is none.
    assert fit(build()) == seconds and len(measured) == 4


def test_what_is_hardly_quicker_is_not_worth_other_numbers(cache, slow_clock):
    slow_clock[0][True] = 1.95
    model = build()
    assert fit(model) and not model.jit_compile


@pytest.mark.parametrize("arguments", [{"jit_compile": False}, {"jit_compile": True}, {"run_eagerly": True}])
def test_nothing_is_measured_where_the_user_has_said(arguments, cache, slow_clock):
    model = build(**arguments)
    before = model.jit_compile
    assert fit(model) is None and model.jit_compile == before and slow_clock[1] == []


def test_a_short_training_follows_the_rule_whatever_is_remembered(cache, slow_clock):
    model = build()
    assert fit(model, steps=2) is None and not model.jit_compile and slow_clock[1] == []
    slow_clock[0][False] = 0.1
    assert fit(model) is None and slow_clock[1] == [False]  # 50 seconds.
    slow_clock[0][False] = 2.0
    fit(build())
    assert fit(model, steps=2) is None and not model.jit_compile
    assert fit(model) and model.jit_compile


def test_a_model_that_has_trained_goes_on_as_it_was(cache, slow_clock):
    model = build()
    model.fit(np.zeros((16, *SHAPE), "float32"), batch_size=8, verbose=0)
    slow_clock[1].clear()
    assert fit(model) is None and slow_clock[1] == [] and not model.jit_compile


def counted(images, passes):
    """Batches of images that are others in each pass over them."""

    def one_pass():
        passes.append(len(passes))
        for start in (0, 8):
            yield np.roll(images[start : start + 8], len(passes), axis=1)

    signature = tf.TensorSpec((8, *SHAPE), "float32")
    return tf.data.Dataset.from_generator(one_pass, output_signature=signature).apply(
        tf.data.experimental.assert_cardinality(2)
    )


@pytest.mark.parametrize("stream", [False, True])
def test_measuring_leaves_the_model_and_the_data_as_they_were(stream, cache, monkeypatch, capsys):
    images = np.random.default_rng(0).random((16, *SHAPE), "float32")

    def train(model, **arguments):
        data = {"x": counted(images, [])} if stream else {"x": images, "batch_size": 8, "shuffle": False}
        model.fit(**data, epochs=2, **arguments)

    expected = build(jit_compile=False)
    train(expected, verbose=0)
    monkeypatch.setitem(choosing.LONG, keras.backend.backend(), 0.0)
    monkeypatch.setattr(choosing, "FEWEST", 1)
    monkeypatch.setattr(choosing, "BETTER", 0.0)  # Never with XLA, whose noise is another.
    model = build()
    train(model, verbose=2)
    said = capsys.readouterr().out
    assert "Measuring whether XLA" in said and "ms a step with it" in said
    for ours, others in zip(expected.variables, model.variables):
        np.testing.assert_array_equal(ours.numpy(), others.numpy())
    for ours, others in zip(expected.optimizer.variables, model.optimizer.variables):
        np.testing.assert_array_equal(ours.numpy(), others.numpy())
