"""What a Keras user expects of `fit`, `evaluate` and `predict`, with every kind of data."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import models, networks
from kerasgen.engine.streams import raw_before_swap, steps_between

JAX = keras.backend.backend() == "jax"
TORCH = keras.backend.backend() == "torch"
EAGERLY = {"run_eagerly": keras.backend.backend() == "tensorflow"}


def vae(num_classes=None, seed=1, units=(16,), **arguments):
    keras.utils.set_random_seed(seed)
    options = {"units": units, "num_classes": num_classes}
    return models.VAE(
        networks.mlp.encoder((8, 8, 1), 2, posterior="gaussian", **options),
        networks.mlp.decoder((8, 8, 1), 2, **options),
        seed=seed,
        **arguments,
    )


def compiled(num_classes=None, compile_arguments=None, **arguments):
    model = vae(num_classes, **arguments)
    model.compile(**{"jit_compile": JAX, **(compile_arguments or {})})
    return model


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return math.ceil(len(self.arrays[0]) / 32)

    def __getitem__(self, index):
        parts = tuple(array[32 * index : 32 * index + 32] for array in self.arrays)
        return parts if len(parts) > 1 else parts[0]


def streams(kind, *arrays):
    if kind == "arrays":
        return {"x": arrays[0], "y": arrays[1] if len(arrays) > 1 else None, "batch_size": 32, "shuffle": False}
    if kind == "tf.data":
        tf = pytest.importorskip("tensorflow")
        return {"x": tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(32)}
    if kind == "torch loader":
        torch = pytest.importorskip("torch")
        tensors = torch.utils.data.TensorDataset(*map(torch.from_numpy, arrays))
        return {"x": torch.utils.data.DataLoader(tensors, batch_size=32)}
    if kind == "generator":
        batches = Batches(*arrays)
        return {"x": (batches[index] if len(arrays) > 1 else (batches[index],) for index in range(len(batches)))}
    return {"x": Batches(*arrays), "shuffle": False}


@pytest.fixture(scope="module")
def trained():
    """Function of a kind of data and of arrays: the losses of an epoch; of arrays themselves, trained once."""

    def losses(kind, *arrays):
        model = compiled(num_classes=10 if len(arrays) > 1 else None)
        history = model.fit(**streams(kind, *arrays), verbose=0).history
        assert int(model.optimizer.iterations) == 3
        return {name: values[0] for name, values in history.items()}

    of_arrays = {}

    def trained(kind, *arrays):
        if kind != "arrays":
            return losses(kind, *arrays)
        if len(arrays) not in of_arrays:
            of_arrays[len(arrays)] = losses(kind, *arrays)
        return of_arrays[len(arrays)]

    return trained


# Two frameworks in a process take seconds to load.
@pytest.mark.parametrize("labelled", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize(
    "kind",
    ["tf.data", "PyDataset", "generator", pytest.param("torch loader", marks=() if TORCH else pytest.mark.slow)],
)
def test_all_kinds_of_data_train_alike(kind, labelled, digits, trained):
    arrays = (
        (digits[0][:80], digits[1][:80].astype("int64")) if labelled else (digits[0][:80],)
    )  # A partial batch of 16.
    assert trained("arrays", *arrays) == pytest.approx(trained(kind, *arrays), rel=1e-5)


def test_validation_takes_all_kinds_and_weighs_images_not_batches(digits):
    x = digits[0][:80]
    model = compiled()
    whole = model.evaluate(x, batch_size=80, verbose=0, return_dict=True)["kl"]  # No noise in the divergence.
    parts = model.evaluate(
        **{k: v for k, v in streams("arrays", x).items() if k != "shuffle"}, verbose=0, return_dict=True
    )["kl"]
    assert parts == pytest.approx(whole, rel=1e-5)
    history = model.fit(x, batch_size=80, verbose=0, validation_data=Batches(x)).history
    assert "val_kl" in history


def test_predict_reconstructs(digits):
    model = compiled()
    x = digits[0][:40]
    np.testing.assert_allclose(model.predict(x, verbose=0), model.reconstruct(x), atol=1e-5)
    labelled = compiled(num_classes=10)
    y = digits[1][:40]
    np.testing.assert_allclose(labelled.predict([x, y], verbose=0), labelled.reconstruct(x, y), atol=1e-5)


def test_train_on_batch_counts_a_step(digits):
    model = compiled()
    logs = model.train_on_batch(digits[0][:16], return_dict=True)
    assert set(logs) == {"reconstruction", "kl", "loss"}
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + logs["kl"], rel=1e-6)
    assert int(model.optimizer.iterations) == 1
    first = model.test_on_batch(digits[0][:16], return_dict=True)
    assert first == model.test_on_batch(digits[0][:16], return_dict=True)


def test_sample_weights_weigh_the_mean(digits):
    """Weight 0 leaves an image out; weight 1 for all is no weight."""
    x = digits[0][:32]
    half = np.repeat([1.0, 0.0], 16).astype("float32")
    kl = {
        name: compiled(compile_arguments=EAGERLY).evaluate(
            images, sample_weight=weights, batch_size=16, verbose=0, return_dict=True
        )["kl"]
        for name, images, weights in [
            ("half", x[:16], None),
            ("masked", x, half),
            ("all", x, None),
            ("ones", x, half * 0 + 1),
        ]
    }
    assert kl["masked"] == pytest.approx(kl["half"], rel=1e-5)
    assert kl["ones"] == pytest.approx(kl["all"], rel=1e-5)
    assert kl["half"] != pytest.approx(kl["all"], rel=1e-3)
    weights = [
        compiled().fit(images, sample_weight=w, batch_size=32, shuffle=False, verbose=0).history["kl"]
        for images, w in [(x[:16], None), (x, half)]
    ]
    assert weights[0] == pytest.approx(weights[1], rel=1e-5)


def test_same_images_twice_leave_every_term(digits):
    """Sum over dimensions, mean over the batch."""
    x = digits[0][:16]
    model = compiled()
    noise = np.random.default_rng(0).standard_normal((16, 2)).astype("float32")
    terms = []
    for images, draws in ((x, noise), (np.concatenate([x, x]), np.concatenate([noise, noise]))):
        model.draw = lambda distribution, shape, draws=draws: ops.convert_to_tensor(draws)
        terms.append({k: float(v) for k, v in model.autoencoder_loss(images, None, None, training=True).items()})
    assert terms[0] == pytest.approx(terms[1], rel=1e-5)


@pytest.mark.parametrize(
    "options", [{"run_eagerly": True}, {"jit_compile": True}, {"steps_per_execution": 2}, {}], ids=str
)
def test_ways_of_running_agree(options, digits):
    """TensorFlow draws other numbers with XLA than without, so the noise is fixed.

    By gradient descent, whose steps are as near to each other as the gradients: Adam divides what rounding left of a
    gradient by itself.
    """
    if TORCH and options.get("steps_per_execution"):
        pytest.skip("Keras has one step an execution on PyTorch")
    noise = np.random.default_rng(0).standard_normal((16, 2)).astype("float32")
    weights = []
    for each in ({"run_eagerly": False, "jit_compile": False}, options):
        model = vae()
        model.draw = lambda distribution, shape: ops.convert_to_tensor(noise)
        model.compile(keras.optimizers.SGD(0.003), **each)
        start = model.get_weights()
        model.fit(digits[0][:64], batch_size=16, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
        assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(weights[-1], start))
    for a, b in zip(*weights):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("extra", ["nothing", "callback", "validation"])
def test_runs_repeat_bit_by_bit_whatever_looks_on(extra, digits):
    """The order of the images, drawn by `fit` from a global state, included."""

    class Draws(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.generate(3)
            self.model.generate(3, seed=0)
            self.model.reconstruct(digits[0][:3])
            self.model.log_likelihood(np.round(digits[0][:3]), samples=2)

    looks = {"nothing": {}, "callback": {"callbacks": [Draws()]}, "validation": {"validation_data": (digits[0][:40],)}}
    plain, looked_at = compiled(), compiled()
    for model, arguments in ((plain, {}), (looked_at, looks[extra])):
        keras.utils.set_random_seed(5)
        model.fit(digits[0], epochs=3, verbose=0, **arguments)
    for a, b in zip(plain.get_weights(), looked_at.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_models_of_another_seed_draw_other_noise(digits):
    histories = []
    for seed in (1, 1, 2):
        model = compiled(seed=1, compile_arguments=EAGERLY)
        model._training_noise.state.assign(ops.cast([seed, 0], model._training_noise.state.dtype))
        histories.append(model.fit(digits[0][:64], shuffle=False, verbose=0).history["loss"])
    assert histories[0] == histories[1] != histories[2]


def test_set_epoch_is_called_before_each_epoch(digits):
    class Ordered(Batches):
        seen = []

        def set_epoch(self, epoch):
            self.seen.append(epoch)

    data = Ordered(digits[0][:64])
    model = compiled(compile_arguments=EAGERLY)
    model.fit(data, epochs=3, verbose=0)
    model.fit(data, initial_epoch=5, epochs=6, verbose=0)
    assert data.seen == [0, 1, 2, 5]


def test_steps_of_an_execution_never_jump_over_a_callback():
    class EveryBatch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    class EveryFive(EveryBatch):
        every_steps = 5

    assert steps_between([], 20) == 20
    assert steps_between([keras.callbacks.EarlyStopping()], 20) == 20
    assert steps_between([EveryFive()], 20) == 5
    assert steps_between([EveryFive(), EveryBatch()], 20) == 1
    assert steps_between([keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)], 20) == 1
    assert steps_between([keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)], 20) == 20


def test_callbacks_that_need_raw_weights_come_before_the_swap():
    class Raw(keras.callbacks.Callback):
        needs_raw_weights = True

    other, swap, raw = keras.callbacks.History(), keras.callbacks.SwapEMAWeights(), Raw()
    assert raw_before_swap([other, swap, raw]) == [other, raw, swap]
    assert raw_before_swap([raw, other]) == [raw, other]


def test_summary_counts_weights_only(capsys):
    model = vae()
    model.summary(print_fn=print)
    text = capsys.readouterr().out
    assert "encoder" in text and "decoder" in text
    assert model.count_params() == model.encoder.count_params() + model.decoder.count_params()
    assert f"{model.count_params():,}" in text


def test_a_tunable_changes_what_a_compiled_step_minimises(digits):
    model = compiled()
    model.draw = lambda distribution, shape: ops.zeros(shape)
    first = model.evaluate(digits[0], batch_size=256, verbose=0, return_dict=True)
    model.beta = 3.0
    second = model.evaluate(digits[0], batch_size=256, verbose=0, return_dict=True)
    assert second["loss"] - first["loss"] == pytest.approx(2 * first["kl"], rel=1e-4)
    assert model.get_config()["beta"] == 3.0


def test_labels_are_asked_for(digits):
    model = compiled(num_classes=10)
    with pytest.raises(ValueError, match="take labels"):
        model.fit(digits[0], verbose=0)
    with pytest.raises(ValueError, match="labels="):
        model.reconstruct(digits[0][:2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: (x * 255).astype("uint8"), "uint8"),
        (lambda x: x * 255, r"\[0, 1\]"),
        (lambda x: np.where(x == x.max(), np.nan, x), "NaN"),
        (lambda x: x[:, :6], r"\(8, 8, 1\)"),
        (lambda x: x[:0], "empty|no image"),
    ],
    ids=["uint8", "range", "nan", "shape", "empty"],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_wrong_images_are_refused(change, message, streamed, digits):
    x = change(digits[0][:32])
    if streamed and not len(x):
        pytest.skip("an empty stream is refused by its number of batches")
    model = compiled()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.fit(Batches(x) if streamed else x, verbose=0)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_xla_is_chosen_where_it_pays():
    """On a machine without accelerator: large dense networks on TensorFlow; anything on JAX; nothing on PyTorch."""
    choices = {}
    for name, model in {
        "small": vae(),
        "large": vae(units=(2500,)),
        "convolutions": models.VAE(
            networks.conv.encoder((8, 8, 1), 2, filters=(256, 256), posterior="gaussian"),
            networks.conv.decoder((8, 8, 1), 2, filters=(256, 256)),
        ),
    }.items():
        model.compile()
        choices[name] = model.jit_compile
    assert choices == {"small": JAX, "large": not TORCH, "convolutions": JAX}
