"""Players: who moves what. On a model of two players, as GANs will be."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import callbacks
from kerasgen.engine import GenerativeModel, PlayersOptimizer
from tests.conftest import assert_same_state


def network(name, **options):
    inputs = layers.Input((4,), name=f"{name}_inputs")
    outputs = layers.Dense(4, **options)(inputs)
    outputs = layers.BatchNormalization()(outputs)
    outputs = layers.Dropout(0.5)(outputs)
    return keras.Model(inputs, layers.Dense(1)(outputs), name=name)


@keras.saving.register_keras_serializable("kerasgen_tests")
class Duel(GenerativeModel):
    """Two networks; each player's loss runs both. The first pulls their difference to +1, the second to -1."""

    terms = {"first": ("attack",), "second": ("defence", "size")}

    def __init__(self, first, second, **kwargs):
        super().__init__({"first": {"first": first}, "second": {"second": second}}, **kwargs)

    @property
    def term_weights(self):
        return {"size": 0.5}

    def train_step(self, data):
        x, _, _ = self.unpack(data)
        terms = self.minimize("first", self.first_loss, x)
        terms |= self.minimize("second", self.second_loss, x)
        return self.log(terms, x)

    def test_step(self, data):
        x, _, _ = self.unpack(data)
        terms = self.measure("first", self.first_loss, x)
        terms |= self.measure("second", self.second_loss, x)
        return self.log(terms, x)

    def difference(self, x, training):
        noise = self.draw("normal", ops.shape(x))
        return self.run(self.first, x + 0.1 * noise, training=training) - self.run(self.second, x, training=training)

    def first_loss(self, x, training):
        return {"attack": ops.mean(ops.square(self.difference(x, training) - 1.0))}

    def second_loss(self, x, training):
        difference = self.difference(x, training)
        return {"defence": ops.mean(ops.square(difference + 1.0)), "size": ops.mean(ops.abs(difference))}


class OneSided(Duel):
    """Only one player steps."""

    player = "first"

    def train_step(self, data):
        x, _, _ = self.unpack(data)
        loss = {"first": self.first_loss, "second": self.second_loss}[self.player]
        return self.log(self.minimize(self.player, loss, x), x)


X = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")


def build(kind=Duel, **options):
    keras.utils.set_random_seed(3)
    return kind(network("one", **options), network("two", **options), seed=5)


def fit(model, epochs=1, **arguments):
    return model.fit(X, epochs=epochs, batch_size=32, shuffle=False, verbose=0, **arguments).history


def compiled(kind=Duel, optimizer=None, network_options=None, **arguments):
    model = build(kind, **(network_options or {}))
    quick = {} if keras.backend.backend() == "jax" else {"jit_compile": False}
    model.compile(optimizer, **{**quick, **arguments})
    return model


def values(variables):
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


@pytest.mark.parametrize(("player", "own", "other"), [("first", "first", "second"), ("second", "second", "first")])
def test_a_step_moves_only_the_players_own_networks(player, own, other):
    model = compiled(OneSided)
    model.player = player
    mine, theirs = getattr(model, own), getattr(model, other)
    before = values(mine.weights), values(theirs.weights)
    fit(model)
    assert all((a != b).any() for a, b in zip(values(mine.weights), before[0]))
    for a, b in zip(values(theirs.weights), before[1]):
        np.testing.assert_array_equal(a, b)


def test_noise_is_fresh_for_each_player_also_in_the_others_network():
    model = compiled(OneSided)
    dropout = next(layer for layer in model.second.layers if isinstance(layer, layers.Dropout))
    before = np.array(dropout.seed_generator.state)
    fit(model)
    assert (np.array(dropout.seed_generator.state) != before).any()


def test_steps_lower_the_players_own_losses():
    model = compiled(OneSided, keras.optimizers.Adam(0.05))
    history = fit(model, epochs=20)
    assert history["attack"][-1] < 0.7 * history["attack"][0]


def test_logs_have_the_terms_and_no_sum():
    history = fit(compiled(), validation_data=(X,))
    norms = {"first_gradient_norm", "second_gradient_norm"}
    assert set(history) == {"attack", "defence", "size", "val_attack", "val_defence", "val_size"} | norms


def test_the_weighted_sum_is_minimised():
    """Doubling a term's weight moves the player as doubling the term would: checked by SGD, which is linear."""

    class Weighted(Duel):
        weight = 0.5

        @property
        def term_weights(self):
            return {"size": self.weight}

        def train_step(self, data):
            x, _, _ = self.unpack(data)
            return self.log(self.minimize("second", self.second_loss, x), x)

    moves = {}
    for weight in (None, 1.0, 2.0):
        model = compiled(Weighted, keras.optimizers.SGD(1.0), run_eagerly=True)
        model.weight = weight
        before = values(model.second.trainable_variables)
        model.train_on_batch(X)
        moves[weight] = [a - b for a, b in zip(values(model.second.trainable_variables), before)]
    for none, once, twice in zip(*moves.values()):
        np.testing.assert_allclose(twice - none, 2 * (once - none), atol=1e-5)


def test_two_networks_of_one_name_are_refused():
    with pytest.raises(ValueError, match="Received twice: 'one'"):
        Duel(network("one"), network("one"))
    shared = network("one")
    with pytest.raises(ValueError, match="Received twice: 'one'"):
        Duel(shared, shared)


def test_unbuilt_networks_are_refused():
    with pytest.raises(ValueError, match="must be built"):
        Duel(network("one"), keras.Sequential([layers.Dense(1)], name="two"))


def test_a_loss_that_returns_other_terms_is_refused():
    class Wrong(Duel):
        def first_loss(self, x, training):
            return {"atack": ops.mean(x)}

    with pytest.raises(ValueError, match="must return the terms"):
        compiled(Wrong, run_eagerly=True).train_on_batch(X)


def test_each_player_gets_a_copy_of_the_optimizer_under_its_name():
    given = keras.optimizers.Adam(0.02)
    model = compiled(optimizer=given)
    optimizers = model.optimizer.optimizers
    assert [optimizer.name for optimizer in optimizers] == ["first", "second"]
    assert all(optimizer is not given for optimizer in optimizers)
    assert [float(optimizer.learning_rate) for optimizer in optimizers] == pytest.approx([0.02, 0.02])


def test_a_dict_names_one_optimizer_a_player():
    model = compiled(optimizer={"first": keras.optimizers.SGD(0.1), "second": "rmsprop"})
    kinds = [type(optimizer).__name__ for optimizer in model.optimizer.optimizers]
    assert kinds == ["SGD", "RMSprop"]
    with pytest.raises(ValueError, match="one optimizer for each player"):
        compiled(optimizer={"first": "sgd"})
    with pytest.raises(ValueError, match="must be a plain one"):
        compiled(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()))


def test_iterations_count_train_steps():
    model = compiled()
    fit(model, epochs=2)
    assert int(model.optimizer.iterations) == 4
    assert [int(optimizer.iterations) for optimizer in model.optimizer.optimizers] == [4, 4]


def test_learning_rate_callbacks_reach_every_player():
    model = compiled(optimizer={"first": keras.optimizers.SGD(0.1), "second": keras.optimizers.SGD(0.2)})
    history = fit(model, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)])
    rates = [float(optimizer.learning_rate) for optimizer in model.optimizer.optimizers]
    np.testing.assert_allclose(rates, [0.05, 0.1], rtol=1e-6)
    logged = {name: value[0] for name, value in history.items() if "learning_rate" in name}
    assert len(logged) == 2


def test_saved_with_both_optimizers_and_goes_on(tmp_path):
    optimizers = {"first": keras.optimizers.Adam(0.01), "second": keras.optimizers.SGD(0.01, momentum=0.9)}
    model = compiled(optimizer=optimizers)
    fit(model)
    model.save(tmp_path / "duel.keras")
    again = keras.models.load_model(tmp_path / "duel.keras")
    assert isinstance(again.optimizer, PlayersOptimizer)
    assert_same_state(model, again)
    assert fit(model) == fit(again)
    assert_same_state(model, again)


def test_frozen_networks_stay():
    model = build()
    model.first.trainable = False
    model.compile(jit_compile=keras.backend.backend() == "jax")
    before = values(model.first.trainable_variables + model.first.weights)
    fit(model)
    for a, b in zip(values(model.first.trainable_variables + model.first.weights), before):
        np.testing.assert_array_equal(a, b)
    assert int(model.optimizer.iterations) == 2


def test_gradient_clipping_bounds_the_step():
    model = compiled(optimizer=keras.optimizers.SGD(1.0, global_clipnorm=1e-3))
    before = values(model.first.trainable_variables)
    model.train_on_batch(X)
    moved = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(values(model.first.trainable_variables), before)))
    assert 0 < moved <= 1.01e-3


def test_gradient_accumulation_moves_every_second_step():
    model = compiled(optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    before = values(model.first.trainable_variables)
    model.train_on_batch(X)
    for a, b in zip(values(model.first.trainable_variables), before):
        np.testing.assert_array_equal(a, b)
    model.train_on_batch(X)
    assert any((a != b).any() for a, b in zip(values(model.first.trainable_variables), before))


def test_regularizers_and_added_losses_are_the_owners_term():
    options = {"kernel_regularizer": keras.regularizers.L2(0.1), "activity_regularizer": keras.regularizers.L1(0.1)}
    model = compiled(OneSided, network_options=options, run_eagerly=True)
    kernel = np.array(model.first.layers[1].kernel)
    logs = model.train_on_batch(X, return_dict=True)
    weights_only = 0.1 * np.sum(kernel**2)
    # The activity of the first network is added, that of the second (another player's) is not.
    noise_free = np.abs(X @ kernel).sum() * 0.1 / len(X)
    assert logs["regularization"] == pytest.approx(weights_only + noise_free, rel=0.1)


def test_two_calls_of_a_network_add_their_losses_twice():
    class Twice(OneSided):
        def first_loss(self, x, training):
            self.run(self.first, 2 * x, training=training)
            return {"attack": ops.mean(self.run(self.first, x, training=training))}

    options = {"activity_regularizer": keras.regularizers.L1(1.0), "use_bias": False}
    model = compiled(Twice, network_options=options, run_eagerly=True)
    kernel = np.array(model.first.layers[1].kernel)
    logs = model.train_on_batch(X, return_dict=True)
    once = np.abs(X @ kernel).sum() / len(X)
    assert logs["regularization"] == pytest.approx(3 * once, rel=1e-4)


def test_averages_of_weights_are_used_while_training_and_kept_once():
    seen = {}

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            optimizer = self.model.optimizer.of("first")
            seen["raw"] = values(self.model.first.trainable_variables)
            seen["average"] = values(optimizer._model_variables_moving_average)
            with self.model.weights_in_use(averaged=True):
                seen["in use"] = values(self.model.first.trainable_variables)
            seen["after"] = values(self.model.first.trainable_variables)

    model = compiled(optimizer=keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9))
    fit(model, epochs=2, callbacks=[Look()])
    for raw, average, used, after, final in zip(
        seen["raw"], seen["average"], seen["in use"], seen["after"], values(model.first.trainable_variables)
    ):
        assert (raw != average).any()
        np.testing.assert_array_equal(used, average)
        np.testing.assert_array_equal(after, raw)
        np.testing.assert_array_equal(final, average)
    with model.weights_in_use(averaged=True):
        for used, final in zip(values(model.first.trainable_variables), seen["average"]):
            np.testing.assert_array_equal(used, final)


@pytest.mark.slow
def test_averages_are_used_where_no_fit_has_put_them_in_place(tmp_path):
    """After a restored checkpoint, an interrupted `fit`, and steps by hand; not in place of weights that were set."""

    def averaging():
        return compiled(optimizer=keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9))

    def in_use(model):
        with model.weights_in_use(averaged=True):
            return values(model.first.trainable_variables)

    def assert_averages_are_used(model):
        raw, used = values(model.first.trainable_variables), in_use(model)
        for weight, average, after in zip(raw, used, values(model.first.trainable_variables)):
            assert (weight != average).any()
            np.testing.assert_array_equal(weight, after)

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.expected = in_use(self.model)
            if epoch == 1:
                raise KeyboardInterrupt

    stop, model = Stop(), averaging()
    for weight, used in zip(values(model.first.trainable_variables), in_use(model)):
        np.testing.assert_array_equal(weight, used)  # Before the first step there are no averages.
    with pytest.raises(KeyboardInterrupt):
        fit(model, epochs=3, callbacks=[callbacks.Checkpoint(tmp_path), stop])
    restored = averaging()
    callbacks.restore(restored, callbacks.newest_checkpoint(tmp_path))
    model.save(tmp_path / "duel.keras")
    for each in (model, restored, keras.models.load_model(tmp_path / "duel.keras")):
        for used, expected in zip(in_use(each), stop.expected):
            np.testing.assert_array_equal(used, expected)
    assert_averages_are_used(restored)
    if keras.backend.backend() != "jax":  # There Keras puts them in place even then.
        assert_averages_are_used(model)
    stepped = averaging()
    for _ in range(3):
        stepped.train_on_batch(X)
    assert_averages_are_used(stepped)
    chosen = [np.full_like(weight, 0.25) for weight in stepped.get_weights()]
    stepped.set_weights(chosen)
    assert all((weight == 0.25).all() for weight in in_use(stepped))
    stepped._trains()  # Whatever follows, averages of the weights that were there before are not used again.
    assert all((weight == 0.25).all() for weight in in_use(stepped))
    fit(restored)
    ended = values(restored.first.trainable_variables)
    for used, weight in zip(in_use(restored), ended):
        np.testing.assert_array_equal(used, weight)


def test_averages_outlive_an_evaluation(tmp_path):
    """On JAX a compiled evaluation gives away the buffers of the weights, which `fit` has let the averages share."""
    model = compiled(optimizer=keras.optimizers.Adam(0.05, use_ema=True))
    fit(model)
    model.evaluate(X, verbose=0)
    model.save(tmp_path / "duel.keras")
    assert_same_state(model, keras.models.load_model(tmp_path / "duel.keras"))


@pytest.mark.slow
@pytest.mark.parametrize("swap_first", [True, False])
def test_raw_weights_are_found_whatever_the_order_of_callbacks(swap_first):
    seen = []

    class Look(keras.callbacks.Callback):
        needs_raw_weights = True

        def on_epoch_end(self, epoch, logs=None):
            with self.model.weights_in_use(averaged=False):
                seen.append(values(self.model.trainable_variables))

    def run(callbacks):
        model = compiled(optimizer=keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9))
        fit(model, callbacks=callbacks)
        return seen.pop()

    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    without = run([Look()])
    for a, b in zip(run([swap, Look()] if swap_first else [Look(), swap]), without):
        np.testing.assert_array_equal(a, b)


class Overflowing(OneSided):
    """Its loss is infinite while `overflow` is set."""

    overflow = True

    def first_loss(self, x, training):
        value = super().first_loss(x, training)["attack"]
        return {"attack": value * (np.float32(np.inf) if self.overflow else 1.0)}


def test_float16_skips_what_is_not_finite_and_halves_the_scale():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = compiled(Overflowing, keras.optimizers.Adam(0.01), run_eagerly=True)
        first = values(model.first.trainable_variables)
        model.train_on_batch(X)
        assert float(model.optimizer.scale_of("first")) == 2.0**14
        assert float(model.optimizer.scale_of("second")) == 2.0**15
        assert int(model.optimizer.of("first").iterations) == 0
        for a, b in zip(values(model.first.trainable_variables), first):
            np.testing.assert_array_equal(a, b)
        model.overflow = False
        model.optimizer.growth_steps = 2
        model.optimizer.scale_of("first").assign(64.0)
        model.train_on_batch(X)
        assert any((a != b).any() for a, b in zip(values(model.first.trainable_variables), first))
        assert float(model.optimizer.scale_of("first")) == 64.0
        model.train_on_batch(X)
        assert float(model.optimizer.scale_of("first")) == 128.0
    finally:
        keras.config.set_dtype_policy(before)


def test_gradients_under_float16_are_unscaled():
    """SGD moves by the gradient: the same step in float32 and, to its precision, in float16."""
    before = keras.config.dtype_policy()
    moves = []
    try:
        for policy in ("float32", "mixed_float16"):
            keras.config.set_dtype_policy(policy)
            keras.utils.set_random_seed(3)
            inputs = layers.Input((4,))
            nets = [keras.Model(inputs, layers.Dense(1)(inputs), name=name) for name in ("one", "two")]
            model = OneSided(*nets, seed=5)
            model.compile(keras.optimizers.SGD(0.1), jit_compile=keras.backend.backend() == "jax")
            if policy == "mixed_float16":
                model.optimizer.scale_of("first").assign(64.0)  # At the first scale the step overflows, and is skipped.
            start = values(model.first.trainable_variables)
            model.train_on_batch(X)
            moves.append([a - b for a, b in zip(values(model.first.trainable_variables), start)])
    finally:
        keras.config.set_dtype_policy(before)
    for full, half in zip(*moves):
        np.testing.assert_allclose(half, full, rtol=0.02, atol=1e-4)
