"""Learning curves show each term, and only what was measured."""

import numpy as np
import pytest

from kerasgen import plots

TERMS = ["loss", "reconstruction", "kl", "mean_squared_error", "discriminator", "generator", "gradient_penalty", "beta"]


def curve(axes, index=0):
    return np.array(axes.lines[index].get_data())


@pytest.mark.parametrize("count", range(1, 9))
def test_one_panel_a_term(count):
    history = {name: [3.0, 2.0, 1.0 + index] for index, name in enumerate(TERMS[:count])}
    figure = plots.learning_curves(history)
    assert [axes.get_ylabel() for axes in figure.axes] == [name.replace("_", " ") for name in TERMS[:count]]
    assert all(axes.get_xlabel() == "epoch" and axes.get_yscale() == "linear" for axes in figure.axes)
    for index, axes in enumerate(figure.axes):
        np.testing.assert_array_equal(curve(axes), [[1, 2, 3], [3, 2, 1 + index]])


def test_validation_is_drawn_beside_training_with_one_legend():
    figure = plots.learning_curves({"kl": [3, 2], "loss": [5, 4], "val_kl": [4, 3], "val_loss": [6, 5], "beta": [0, 1]})
    loss, kl, beta = figure.axes
    assert loss.get_ylabel() == "loss", "what is minimised comes first"
    np.testing.assert_array_equal(curve(kl, 1)[1], [4, 3])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]
    assert kl.lines[0].get_color() != kl.lines[1].get_color()
    assert beta.lines[0].get_color() not in [line.get_color() for line in kl.lines], "beta is neither"


def test_without_validation_there_is_nothing_to_tell_apart():
    assert not plots.learning_curves({"kl": [3, 2], "loss": [5, 4]}).legends


def test_epochs_without_a_value_are_left_out():
    figure = plots.learning_curves(
        {"epoch": [4, 5, 6, 7], "kl": [4.0, 3.0, 2.0, 1.0], "val_kl": [None, 5.0, None, 4.0]}
    )
    np.testing.assert_array_equal(curve(figure.axes[0], 0)[0], [4, 5, 6, 7])
    np.testing.assert_array_equal(curve(figure.axes[0], 1), [[5, 7], [5, 4]])


def test_history_of_keras_with_rare_validation():
    figure = plots.learning_curves({"kl": [4.0, 3.0, 2.0, 1.0], "val_kl": [5.0, 4.0]})
    np.testing.assert_array_equal(curve(figure.axes[0], 1)[0], [2, 4])


def test_log_scale_is_asked_for_by_name():
    figure = plots.learning_curves({"loss": [100.0, 10.0], "kl": [1.0, 2.0]}, log_scale=["loss"])
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "linear"]
    figure.draw_without_rendering()
    numbers = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert "10" in numbers and not any("$" in number for number in numbers)
    with pytest.raises(ValueError, match=r"terms \['loss'\]. Received: \['lost'\]"):
        plots.learning_curves({"loss": [1.0]}, log_scale=["lost"])


def test_a_history_without_terms_is_refused():
    with pytest.raises(ValueError, match="one term at least"):
        plots.learning_curves({"epoch": [1, 2]})


def test_diverged_training_is_drawn():
    figure = plots.learning_curves({"loss": [1.0, float("nan"), float("inf")]})
    figure.draw_without_rendering()
    assert len(figure.axes) == 1
