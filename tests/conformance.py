"""What every model of kerasgen must do: one check a property, so that the test of a model is data.

A `Case` says how a model is made on 8x8 digits. `FULL` checks are for one model a family, `LIGHT` for the others.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from kerasgen import callbacks
from tests.conftest import assert_same_state, state_of

IMAGE_SHAPE = (8, 8, 1)
# For checks of what a few steps leave: TensorFlow traces longer than it trains.
EAGERLY = {"run_eagerly": keras.backend.backend() == "tensorflow"}


@dataclasses.dataclass
class Case:
    """A model under test.

    Attributes:
        build: Function of `num_classes` (int or None) that gives a model of `IMAGE_SHAPE` whose networks hold a Dropout
            and a batch normalisation.
        compile: Arguments of `compile`.
        unmoved: Ends of the paths of variables that a loss may leave where they are.
    """

    build: Callable
    compile: dict = dataclasses.field(default_factory=dict)
    unmoved: tuple = ()

    def make(self, num_classes=None, **compile_arguments):
        keras.utils.set_random_seed(7)
        model = self.build(num_classes)
        # XLA costs seconds to compile, and so does a loop of several steps; the benchmarks and tests of the engine run
        # them.
        quick = {} if keras.backend.backend() == "jax" else {"jit_compile": False, "steps_per_execution": 1}
        model.compile(**{**quick, **self.compile, **compile_arguments})
        return model


def fit(model, data, **arguments):
    images, labels = data
    return model.fit(
        images[:96],
        labels[:96] if model.conditional else None,
        **{"batch_size": 48, "epochs": 1, "shuffle": False, "verbose": 0, **arguments},
    ).history


def check_config_round_trip(case, data, tmp_path):
    model = case.make()
    again = type(model).from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.count_params() == model.count_params()


def check_one_step_moves_every_player_and_is_saved(case, data, tmp_path):
    def variables(model):
        every = {
            player: [v for n in model.networks_of(player) for v in n.trainable_variables] for player in model.players
        }
        return {
            (player, v.path): np.array(ops.convert_to_numpy(v))
            for player, theirs in every.items()
            for v in theirs
            if not v.path.endswith(case.unmoved or ("nothing",))
        }

    model = case.make()
    before = variables(model)
    assert {player for player, _ in before} == set(model.players)
    history = fit(model, data, batch_size=96)
    assert np.isfinite([values[-1] for values in history.values()]).all()
    after = variables(model)
    assert [name for name, value in before.items() if (after[name] == value).all()] == []
    names = {name for terms in model.terms.values() for name in terms}
    assert names <= set(history)
    assert ("loss" in history) == (len(model.players) == 1)
    assert int(model.optimizer.iterations) == 1
    model.save(tmp_path / "model.keras")
    assert_same_state(model, keras.models.load_model(tmp_path / "model.keras"))


def check_layers_with_state_update(case, data, tmp_path):
    model = case.make(**EAGERLY)
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    generators = [
        g
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.Dropout)
        for g in layer._seed_generators
    ]
    assert layers and generators, "the networks of a case hold a batch normalisation and a Dropout"
    before = [np.array(layer.moving_mean) for layer in layers], [np.array(g.state) for g in generators]
    fit(model, data, batch_size=96)
    assert all((np.array(layer.moving_mean) != old).any() for layer, old in zip(layers, before[0]))
    assert all((np.array(g.state) != old).any() for g, old in zip(generators, before[1]))


def check_validation_changes_nothing(case, data, tmp_path):
    images, labels = data
    model, other = case.make(**EAGERLY), case.make(**EAGERLY)
    held_out = (images[96:150], labels[96:150])
    history = fit(model, data, epochs=2, validation_data=held_out)
    fit(other, data, epochs=2)
    # The states of training; those of validation differ.
    np.testing.assert_array_equal(np.array(model._training_noise.state), np.array(other._training_noise.state))
    for a, b in zip(model.weights + model.optimizer.variables, other.weights + other.optimizer.variables):
        np.testing.assert_array_equal(np.array(a), np.array(b))
    first = model.evaluate(*held_out, batch_size=48, verbose=0, return_dict=True)
    assert first == model.evaluate(*held_out, batch_size=48, verbose=0, return_dict=True)
    assert {name for name in history if name.startswith("val_")} == {f"val_{name}" for name in first}
    assert {name: history[f"val_{name}"][-1] for name in first} == first


def check_goes_on_after_loading(case, data, tmp_path):
    model = case.make()
    fit(model, data)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = case.make()
    fresh.load_weights(tmp_path / "model.weights.h5")
    assert_same_state(model, fresh)
    histories = [fit(each, data) for each in (model, again, fresh)]
    assert histories[0] == histories[1] == histories[2]
    assert_same_state(model, again)
    assert_same_state(model, fresh)


def check_resumes_from_checkpoint(case, data, tmp_path):
    average = keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.9)
    model = case.make(optimizer=average)
    fit(model, data, epochs=2)
    stopped = case.make(optimizer=average)
    fit(stopped, data, callbacks=[callbacks.Checkpoint(tmp_path)])
    keras.utils.set_random_seed(99)
    resumed = case.build(None)
    resumed.compile(average, jit_compile=model.jit_compile, run_eagerly=model.run_eagerly)
    epoch = callbacks.restore(resumed, callbacks.newest_checkpoint(tmp_path))
    assert epoch == 1
    fit(resumed, data, epochs=2, initial_epoch=epoch)
    assert_same_state(model, resumed)


def check_generates_images(case, data, tmp_path):
    model = case.make(**EAGERLY)
    fit(model, data)
    before = state_of(model)
    images = model.generate(5, seed=1)
    assert images.shape == (5, *IMAGE_SHAPE) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    np.testing.assert_array_equal(images, model.generate(5, seed=1))
    assert (images != model.generate(5, seed=2)).any()
    for a, b in zip(before, state_of(model)):
        np.testing.assert_array_equal(a, b)


def check_takes_labels(case, data, tmp_path):
    model = case.make(num_classes=10, **EAGERLY)
    assert model.conditional and model.num_classes == 10
    fit(model, data, batch_size=96, validation_data=(data[0][:32], data[1][:32]))
    zeros, ones = (model.generate(4, labels=np.full(4, label), seed=3) for label in (0, 1))
    assert (zeros != ones).any()
    assert model.generate(3, seed=0).shape == (3, *IMAGE_SHAPE)


def check_mixed_precision(case, data, tmp_path):
    before = keras.config.dtype_policy()
    try:
        for policy in ("mixed_float16", "mixed_bfloat16"):
            keras.config.set_dtype_policy(policy)
            model = case.make()
            history = fit(model, data, epochs=2)
            assert np.isfinite([values[-1] for values in history.values()]).all(), policy
            assert (model.optimizer.scale_of(next(iter(model.players))) is not None) == (policy == "mixed_float16")
            assert model.generate(2, seed=0).dtype == np.float32
    finally:
        keras.config.set_dtype_policy(before)


def check_exports(case, data, tmp_path):
    if keras.backend.backend() == "torch":
        return  # tests/export covers the way from PyTorch, which needs a second process.
    import tensorflow as tf

    model = case.make(**EAGERLY)
    fit(model, data)
    from kerasgen import export

    export.saved_model(model, tmp_path / "saved_model")
    loaded = tf.saved_model.load(tmp_path / "saved_model")
    latents = np.random.default_rng(0).standard_normal((3, model.latent_dim), "float32")
    outputs = loaded.signatures["generate"](tf.constant(latents))
    np.testing.assert_allclose(next(iter(outputs.values())).numpy(), model.decode(latents), atol=1e-5)


LIGHT = [check_config_round_trip, check_one_step_moves_every_player_and_is_saved]
STATE = [check_goes_on_after_loading, check_validation_changes_nothing, check_resumes_from_checkpoint]
FULL = [
    *LIGHT,
    *STATE,
    check_layers_with_state_update,
    check_generates_images,
    check_takes_labels,
    check_mixed_precision,
    check_exports,
]
