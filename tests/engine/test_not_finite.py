"""A training step whose numbers are not finite stops the run, before anyone takes them for a result."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import callbacks, models, networks
from kerasgen.engine import NotFiniteError
from tests.engine.test_players import Duel, network, values

JAX = keras.backend.backend() == "jax"
TORCH = keras.backend.backend() == "torch"

GOOD = np.random.default_rng(0).standard_normal((80, 4)).astype("float32")
# Ten batches of eight; something in the seventh is what the loss below trips over.
BAD = GOOD.copy()
BAD[50, 0] = 20.0
# Four of these batches, of which the third is the bad one.
FEW_GOOD, FEW_BAD = GOOD[32:64], BAD[32:64]
AT_ONCE = [1, pytest.param(5, marks=pytest.mark.skipif(TORCH, reason="Keras has one step an execution on PyTorch"))]


class Fragile(Duel):
    """Its losses trip over a number above 10."""

    fault = "nan"

    def first_loss(self, x, training):
        terms = super().first_loss(x, training)
        trips = ops.max(x) > 10
        if self.fault == "gradient":
            # 0, and flat, but for the infinite slope of a root at 0.
            return {"attack": terms["attack"] + ops.sqrt(ops.where(trips, 0.0, 1.0) * ops.square(terms["attack"]))}
        return {"attack": terms["attack"] + self.broken(trips, "nan", "inf")}

    def second_loss(self, x, training):
        terms = super().second_loss(x, training)
        return {**terms, "size": terms["size"] + self.broken(ops.max(x) > 10, "second")}

    def broken(self, trips, *faults):
        value = np.inf if self.fault == "inf" else np.nan
        return ops.where(trips, value, 0.0) if self.fault in faults else 0.0


class Witness(keras.callbacks.Callback):
    """Writes down what callbacks are shown."""

    def __init__(self):
        super().__init__()
        self.batches, self.epochs, self.logs = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)
        self.logs.append(dict(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)
        self.logs.append(dict(logs))


def build(fault="nan", optimizer=None, **arguments):
    keras.utils.set_random_seed(3)
    model = Fragile(network("one"), network("two"), seed=5)
    model.fault = fault
    # Eagerly, since a few steps are quicker than tracing them; several steps an execution are traced, and JAX always.
    eagerly = not JAX and "steps_per_execution" not in arguments
    model.compile(optimizer, **{"jit_compile": JAX, "steps_per_execution": 1, "run_eagerly": eagerly, **arguments})
    return model


def fit(model, data, **arguments):
    return model.fit(data, batch_size=8, shuffle=False, verbose=0, **arguments).history


@pytest.mark.parametrize("at_once", AT_ONCE)
@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("nan", "term 'attack' of player 'first' was not finite.*Received: nan"),
        ("inf", "term 'attack' of player 'first' was not finite.*Received: inf"),
        ("second", "term 'size' of player 'second' was not finite.*Received: nan"),
        ("gradient", "gradient of player 'first' was not finite.*Received: (nan|inf)"),
    ],
)
def test_stops_before_any_callback_sees_it_and_names_step_player_and_term(fault, what, at_once):
    """Several steps at once: the first is named, though nothing is finite after it."""
    model, witness = build(fault, **({} if at_once == 1 else {"steps_per_execution": at_once})), Witness()
    with pytest.raises(NotFiniteError, match=f"in step 7 the {what}"):
        fit(model, BAD, epochs=3, callbacks=[witness])
    assert witness.batches == ([0, 1, 2, 3, 4, 5] if at_once == 1 else [4])
    assert witness.epochs == []
    assert all(np.isfinite(list(logs.values())).all() for logs in witness.logs)


def test_counts_steps_from_the_beginning_of_training():
    model, witness = build(run_eagerly=False), Witness()
    fit(model, GOOD)
    with pytest.raises(ValueError, match="in step 17"):  # A kind of ValueError.
        fit(model, BAD, callbacks=[witness])
    assert witness.batches == [0, 1, 2, 3, 4, 5] and witness.epochs == []


@pytest.mark.parametrize("eagerly", [True, False])
def test_a_single_batch_stops_too(eagerly):
    model = build(run_eagerly=eagerly)
    logs = model.train_on_batch(BAD[:8], return_dict=True)
    assert np.isfinite(list(logs.values())).all()
    with pytest.raises(NotFiniteError, match="in step 2 "):
        model.train_on_batch(BAD[48:56])


def test_no_log_tells_of_the_watch():
    model, witness = build(), Witness()
    history = fit(model, FEW_GOOD, validation_data=(FEW_BAD[:16],), callbacks=[witness])
    names = {"attack", "defence", "size"}
    norms = {"first_gradient_norm", "second_gradient_norm"}
    assert set(history) == names | norms | {f"val_{name}" for name in names}
    for logs in witness.logs:
        assert set(logs) - set(history) == set()
    assert set(model.train_on_batch(GOOD[:8], return_dict=True)) == names | norms
    assert set(model.evaluate(FEW_GOOD, verbose=0, return_dict=True)) == names
    assert set(model.test_on_batch(FEW_GOOD, return_dict=True)) == names


def test_evaluation_shows_what_it_finds():
    model = build()
    assert np.isnan(model.evaluate(FEW_BAD, batch_size=8, verbose=0, return_dict=True)["attack"])
    history = fit(model, FEW_GOOD, validation_data=(FEW_BAD,), epochs=2)
    assert np.isnan(history["val_attack"]).all() and np.isfinite(history["attack"]).all()


def test_the_checkpoint_before_stays_and_training_goes_on_from_it(tmp_path):
    model = build()
    with pytest.raises(NotFiniteError, match=r"in step 7 .*Checkpoints are of the state before"):
        fit(model, Turning(), epochs=2, callbacks=[callbacks.Checkpoint(tmp_path)])
    newest = callbacks.newest_checkpoint(tmp_path)
    assert newest.name == "epoch-0001.weights.h5"
    whole = build()
    fit(whole, FEW_GOOD)
    # In the model that failed, and in a fresh one.
    for again in (model, build()):
        assert callbacks.restore(again, newest) == 1
        for a, b in zip(values(again.variables), values(whole.variables)):
            np.testing.assert_array_equal(a, b)
        assert np.isfinite(fit(again, FEW_GOOD, initial_epoch=1, epochs=2)["attack"]).all()


class Turning(keras.utils.PyDataset):
    """Data that are good in the first epoch, and bad in the second."""

    epoch = 0

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return (FEW_BAD if self.epoch else FEW_GOOD)[8 * index : 8 * index + 8]

    def set_epoch(self, epoch):
        self.epoch = epoch


@pytest.mark.parametrize("average", [False, True])
def test_the_model_can_be_looked_at_afterwards(average):
    """Two steps moved it; the third, whose gradient is no number, spoils the first player."""
    optimizer = keras.optimizers.Adam(0.01, use_ema=average)
    model, other = build("gradient", optimizer), build("gradient", optimizer)
    start = values(model.second.trainable_variables)
    with pytest.raises(NotFiniteError):
        fit(model, FEW_BAD)
    fit(other, FEW_GOOD[:16])
    assert int(model.optimizer.iterations) == 3
    assert not np.isfinite(values(model.first.trainable_variables)[0]).any()
    assert not np.isfinite(np.array(ops.convert_to_numpy(model.first(GOOD[:2])))).any()
    assert any((a != b).any() for a, b in zip(values(model.second.trainable_variables), start))
    # New weights make it whole.
    model.set_weights([np.array(w) for w in other.get_weights()])
    assert np.isfinite(model.evaluate(GOOD, verbose=0, return_dict=True)["attack"])


@pytest.fixture
def float16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


def test_a_gradient_that_loss_scaling_skips_does_not_stop(float16):
    model, witness = build("gradient", run_eagerly=False), Witness()
    for player in model.players:
        model.optimizer.scale_of(player).assign(64.0)
    history = fit(model, FEW_BAD, callbacks=[witness])
    assert witness.batches == [0, 1, 2, 3]
    assert float(model.optimizer.scale_of("first")) == 32.0
    assert int(model.optimizer.of("first").iterations) == 3
    assert int(model.optimizer.of("second").iterations) == 4
    # The step that was skipped counts for nothing in the mean of the norms.
    assert np.isfinite(list(history.values())).all()
    assert history["first_gradient_norm"][0] > 0


@pytest.mark.slow
def test_what_loss_scaling_does_not_mend_stops_float16_too(float16):
    """A term that is no number, where the gradient is; and a gradient that is none at any scale."""
    model = build("nan", run_eagerly=False)
    model.optimizer.scale_of("first").assign(1.0)
    with pytest.raises(NotFiniteError, match="in step 3 the term 'attack'"):
        fit(model, FEW_BAD)
    model = build("gradient", run_eagerly=False)
    model.optimizer.scale_of("first").assign(4 * model.smallest_scale)
    with pytest.raises(NotFiniteError, match="in step 3 the gradient of player 'first'"):
        fit(model, np.tile(BAD[48:56], (4, 1)))


def gan(**arguments):
    shape = (8, 8, 1)
    return models.GAN(networks.mlp.generator(shape, 3, units=(4,)), networks.mlp.discriminator(shape), **arguments)


def test_each_of_several_steps_of_a_player_is_watched(digits):
    """Only the first of the discriminator's three sees the image that trips it; the terms logged are the last one's."""

    class FragileGAN(models.GAN):
        def discriminator_loss(self, real, labels, training):
            terms = super().discriminator_loss(real, labels, training)
            trips = ops.mean(real) > 0.9
            return {**terms, "discriminator_loss": ops.where(trips, np.inf, 0.0) + terms["discriminator_loss"]}

    shape = (8, 8, 1)
    model = FragileGAN(
        networks.mlp.generator(shape, 3, units=(4,)), networks.mlp.discriminator(shape), discriminator_steps=3
    )
    model.compile(jit_compile=JAX)
    images = digits[0][:96].copy()
    images[48:56] = 1.0
    with pytest.raises(NotFiniteError, match="in step 3 the term 'discriminator_loss' of player 'discriminator'"):
        model.fit(images, batch_size=24, shuffle=False, verbose=0)


def test_a_run_that_diverges_stops(digits):
    """What all this is for: a learning rate that is far too high."""
    shape = (8, 8, 1)
    vae = models.VAE(
        networks.mlp.encoder(shape, 2, units=(8,), posterior="gaussian"), networks.mlp.decoder(shape, 2, units=(8,))
    )
    for model in (vae, gan(objective="least_squares")):
        model.compile(keras.optimizers.SGD(1e9), jit_compile=JAX)
        with pytest.raises(NotFiniteError, match="Lower the learning rate, clip gradients"):
            model.fit(digits[0], batch_size=16, epochs=3, verbose=0)
