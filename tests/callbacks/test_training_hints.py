"""Hints are given where the logs show a trouble that lasts, once, and nowhere else."""

import types
import warnings

import pytest

from kerasgen import callbacks
from kerasgen.losses import likelihoods

HEALTHY = {
    "discriminator_loss": 1.1,
    "generator_loss": 0.9,
    "real_accuracy": 0.8,
    "fake_accuracy": 0.75,
    "real_logit": 0.7,
    "fake_logit": -0.6,
    "discriminator_gradient_norm": 0.5,
    "generator_gradient_norm": 0.2,
}
WON = {**HEALTHY, "real_accuracy": 1.0, "fake_accuracy": 0.995}
DEAD = {**HEALTHY, "generator_gradient_norm": 1e-8}
VAE = {"loss": 100.0, "reconstruction": 80.0, "kl": 20.0, "val_kl": 19.0}
COLLAPSED = {**VAE, "kl": 0.02}


@pytest.fixture
def hints(play):
    """Function that trains with given logs: the warnings."""

    def hints(*logs, callback=None, model=None, **arguments):
        callback = callback or callbacks.TrainingHints(**arguments)
        callback.set_model(model)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            play([callback], logs)
        assert all(warning.category is UserWarning for warning in caught)
        return [str(warning.message) for warning in caught]

    return hints


def test_a_healthy_training_brings_no_hint(hints):
    assert not hints(*[HEALTHY] * 10)
    assert not hints(*[VAE] * 10)
    assert not hints(*[{}] * 10)


@pytest.mark.parametrize(
    ("logs", "start", "advice"),
    [
        (WON, "the discriminator has told nearly all images apart for 3 epochs", "spectral_normalization"),
        (DEAD, "the generator has had no gradient for 3 epochs (generator_gradient_norm 1.0e-08)", "learning rate"),
        (COLLAPSED, "the posterior has been the prior for 3 epochs (kl 0.020 nats)", "feature_layer"),
    ],
)
def test_a_trouble_that_lasts_is_told_once(hints, logs, start, advice):
    healthy = VAE if logs is COLLAPSED else HEALTHY
    (text,) = hints(healthy, *[logs] * 8)
    assert text.startswith(f"Epoch 4: {start}")
    assert advice in text
    assert not hints(logs, logs, healthy, logs, logs), "it must last"
    assert len(hints(logs, patience=1)) == 1
    assert len(hints(*[logs] * 3, healthy, *[logs] * 3)) == 1


def by_heart(left, accuracy=0.97, shift=0.0):
    """Logs of logits 4 apart in training, of which a part is left on held-out images; both shifted there."""
    held_out = {"val_real_accuracy": 0.21, "val_real_logit": 2 * left + shift, "val_fake_logit": -2 * left + shift}
    of_training = {"real_accuracy": accuracy, "fake_accuracy": 0.9, "real_logit": 2.0, "fake_logit": -2.0}
    return {**HEALTHY, **of_training, **held_out}


@pytest.mark.parametrize("shift", [-2.0, 0.0, 2.0])
def test_images_known_by_heart_are_told(hints, shift):
    (text,) = hints(*[by_heart(0.4, shift=shift)] * 5)
    assert "has known its training images by heart for 3 epochs" in text
    assert "logits 4.00 apart, held-out images by 1.60 (real_accuracy 0.97, val_real_accuracy 0.21)" in text
    assert not hints(*[by_heart(0.6, shift=shift)] * 5), "moving statistics shift both logits"
    assert hints(*[by_heart(-0.1, shift=shift)] * 5)


def test_a_discriminator_that_knows_little_knows_nothing_by_heart(hints):
    assert not hints(*[by_heart(0.1, accuracy=0.7)] * 5)
    without = by_heart(0.1)
    assert not hints(*[{name: value for name, value in without.items() if not name.startswith("val_")}] * 5)


def test_what_helps_against_collapse_depends_on_the_model(hints):
    (text,) = hints(*[COLLAPSED] * 3, model=types.SimpleNamespace(beta=1.0))
    assert "Annealing" in text and "feature_layer" not in text


def test_a_location_that_has_no_gradient_where_it_is_black_is_named(hints):
    for likelihood, named in ((likelihoods.DiscretizedLogistic(), True), (likelihoods.Bernoulli(), False)):
        (text,) = hints(*[COLLAPSED] * 3, model=types.SimpleNamespace(beta=1.0, likelihood=likelihood))
        assert ("likelihood bernoulli" in text) is named


def test_each_trouble_is_told(hints):
    both = {**WON, "discriminator_gradient_norm": 0.0, "generator_gradient_norm": 0.0}
    texts = hints(*[both] * 4)
    assert len(texts) == 3
    assert sum("discriminator has had no gradient" in text for text in texts) == 1


def test_a_new_training_starts_anew(hints):
    callback = callbacks.TrainingHints()
    assert len(hints(*[WON] * 4, callback=callback)) == 1
    assert not hints(*[WON] * 2, callback=callback)
    assert len(hints(*[WON] * 4, callback=callback)) == 1


@pytest.mark.parametrize("name", ["real_accuracy", "fake_accuracy"])
def test_one_accuracy_is_no_victory(hints, name):
    assert not hints(*[{**WON, name: 0.9}] * 5)


def test_a_wasserstein_critic_may_win(hints):
    def model(threshold, compares):
        return types.SimpleNamespace(objective=types.SimpleNamespace(threshold=threshold, compares=compares))

    assert not hints(*[WON] * 5, model=model(None, False))
    assert hints(*[WON] * 5, model=model(None, True)), "relativistic"
    assert hints(*[WON] * 5, model=model(0.0, False))
    assert hints(*[WON] * 5, model=types.SimpleNamespace()), "a model of another kind"


def test_numbers_that_are_none_bring_no_hint(hints):
    nan = float("nan")
    assert not hints(*[dict.fromkeys([*HEALTHY, *VAE], nan)] * 5)


def test_validation_is_not_looked_at(hints):
    assert not hints(*[{**VAE, "val_kl": 0.0, "val_generator_gradient_norm": 0.0}] * 5)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="Received: 0"):
        callbacks.TrainingHints(patience=0)
