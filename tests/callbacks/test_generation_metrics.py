"""Figures of generated images in the course of a training: in logs, history, curves and checkpoints."""

import keras
import numpy as np
import pytest

from kerasgen import callbacks, metrics
from kerasgen.callbacks.data import choose

FAST = {"metrics": ["frechet_distance", "precision_recall"], "samples": 80}


def test_figures_are_those_of_the_model(make_vae, digits):
    images, _ = digits
    model = make_vae()
    measure = callbacks.GenerationMetrics(images, **FAST)
    logs = model.fit(images[:64], epochs=2, verbose=0, callbacks=[measure]).history
    assert len(logs["frechet_distance"]) == len(logs["recall"]) == 2
    generated = model.generate(80, seed=0).reshape(80, -1)
    expected = metrics.frechet_distance(choose(images, 80)[0].reshape(80, -1), generated)
    assert logs["frechet_distance"][-1] == pytest.approx(expected, rel=1e-5)


def test_measuring_changes_no_weight(make_vae, digits):
    images, _ = digits

    def weights(*given):
        model = make_vae()
        model.fit(images[:64], epochs=2, verbose=0, callbacks=list(given))
        return model.get_weights()

    for a, b in zip(weights(), weights(callbacks.GenerationMetrics(images, **FAST))):
        np.testing.assert_array_equal(a, b)


def test_history_curves_and_checkpoints_see_the_figures(make_vae, digits, tmp_path):
    images, _ = digits
    model = make_vae()
    model.fit(
        images[:64],
        epochs=5,
        verbose=0,
        callbacks=[
            callbacks.GenerationMetrics(images, every=2, **FAST),
            callbacks.LearningCurves(tmp_path, every=5),
            callbacks.Checkpoint(tmp_path, monitor="frechet_distance"),
        ],
    )
    history = callbacks.read_history(tmp_path / "history.csv")
    found = history["frechet_distance"]
    assert [value is None for value in found] == [True, False, True, False, False], "and after the last epoch"
    assert (tmp_path / "pictures" / "learning_curves.png").exists()
    again = make_vae(seed=1)
    best = callbacks.restore(again, tmp_path / "checkpoints" / "best.weights.h5")
    values = {epoch: value for epoch, value in zip(history["epoch"], found) if value is not None}
    assert best == min(values, key=values.get)
    figures = metrics.Comparison(FAST["metrics"], "pixels")
    figures.set_real(choose(images, 80)[0])
    assert figures(again.generate(80, seed=0))["frechet_distance"] == pytest.approx(values[best], rel=1e-5)


@pytest.mark.parametrize(("figure", "mode"), [("frechet_distance", "min"), ("recall", "max"), ("coverage", "max")])
def test_checkpoints_know_the_direction(make_vae, tmp_path, figure, mode):
    checkpoint = callbacks.Checkpoint(tmp_path, monitor=figure)
    checkpoint.set_model(make_vae())
    checkpoint.on_train_begin()
    assert checkpoint.mode == mode


def test_a_figure_that_never_comes_is_an_error(make_vae, digits, tmp_path):
    checkpoint = callbacks.Checkpoint(tmp_path, monitor="frechet_distance")
    with pytest.raises(ValueError, match="There is no log 'frechet_distance'"):
        make_vae().fit(digits[0][:64], epochs=2, verbose=0, callbacks=[checkpoint])


def test_conditional_models_draw_the_labels_of_the_data(make_vae, digits, monkeypatch):
    images, labels = digits
    model = make_vae(num_classes=10)
    given = []
    generate = type(model).generate
    monkeypatch.setattr(
        type(model),
        "generate",
        lambda self, count, labels=None, seed=None: given.append(labels) or generate(self, count, labels, seed),
    )
    model.fit(
        images[:64],
        labels[:64],
        epochs=1,
        verbose=0,
        callbacks=[callbacks.GenerationMetrics((images, labels), **FAST)],
    )
    np.testing.assert_array_equal(given[0], choose((images, labels), 80)[1])


def test_the_choice_of_real_images_is_random_and_does_not_depend_on_batches(digits):
    images, labels = digits
    order = np.argsort(labels, kind="stable")
    images, labels = images[order], labels[order]
    chosen, classes = choose((images, labels), 50)
    assert len(np.unique(classes)) == 10, "a folder is in the order of its classes"
    batches = [(images[start : start + 7], labels[start : start + 7]) for start in range(0, len(images), 7)]
    for found, expected in zip(choose(iter(batches), 50), (chosen, classes)):
        np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(choose(images, 50, seed=1)[0], chosen)
    assert len(choose(images, 10**6)[0]) == len(images)


def test_averages_of_weights_change_no_order(make_vae, digits, tmp_path):
    """`fit` moves what needs raw weights before SwapEMAWeights: both, or the checkpoint would not see the figures."""
    model = make_vae()
    model.compile(keras.optimizers.Adam(use_ema=True), jit_compile=keras.backend.backend() == "jax")
    chain = [
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        callbacks.GenerationMetrics(digits[0], **FAST),
        callbacks.Checkpoint(tmp_path, monitor="frechet_distance"),
    ]
    model.fit(digits[0][:64], epochs=2, verbose=0, callbacks=chain)
    assert (tmp_path / "checkpoints" / "best.weights.h5").exists()


def test_there_are_as_many_generated_images_as_real_ones(make_vae, digits, monkeypatch):
    counts = []
    generate = make_vae().generate
    monkeypatch.setattr(
        type(make_vae()),
        "generate",
        lambda self, count, labels=None, seed=None: counts.append(count) or generate(count),
    )
    measure = callbacks.GenerationMetrics(digits[0][:90], ["precision_recall"], samples=1000)
    make_vae().fit(digits[0][:64], epochs=1, verbose=0, callbacks=[measure])
    assert counts == [90]


def test_wrong_arguments_are_refused(digits):
    images, _ = digits
    with pytest.raises(ValueError, match="every"):
        callbacks.GenerationMetrics(images, every=0)
    with pytest.raises(ValueError, match="Received: 'fid'"):
        callbacks.GenerationMetrics(images, ["fid"])
    with pytest.raises(ValueError, match="logits"):
        callbacks.GenerationMetrics(images, ["inception_score"])
