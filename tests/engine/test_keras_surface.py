"""What Keras, its callbacks and those of others ask of a model beside `fit`."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.engine import saving
from tests.engine.test_fit import Batches, compiled
from tests.engine.test_players import X
from tests.engine.test_players import compiled as duel

TENSORFLOW = keras.backend.backend() == "tensorflow"
TORCH = keras.backend.backend() == "torch"
EAGERLY = {"run_eagerly": TENSORFLOW}


def rate(value):
    return float(ops.convert_to_numpy(value))


def test_the_learning_rate_is_that_of_the_one_player():
    model = compiled(compile_arguments={"optimizer": keras.optimizers.SGD(0.5)})
    assert rate(model.optimizer.learning_rate) == 0.5
    model.optimizer.learning_rate = 0.25
    assert rate(model.optimizer.of("autoencoder").learning_rate) == 0.25


def test_the_learning_rate_of_several_players_is_shared_or_named_by_player():
    model = duel(optimizer={"first": keras.optimizers.SGD(0.5), "second": keras.optimizers.SGD(0.125)})
    rates = model.optimizer.learning_rate
    assert {player: rate(value) for player, value in rates.items()} == {"first": 0.5, "second": 0.125}
    model.optimizer.learning_rate = 0.25
    assert rate(model.optimizer.learning_rate) == 0.25
    assert [rate(each.learning_rate) for each in model.optimizer.optimizers] == [0.25, 0.25]


def others_callbacks(folder):
    yield keras.callbacks.ReduceLROnPlateau(monitor="val_attack", mode="min", patience=1, factor=0.5, min_delta=1e9)
    yield keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    yield keras.callbacks.BackupAndRestore(folder / "backup")
    yield keras.callbacks.ModelCheckpoint(folder / "model.keras", monitor="val_attack", mode="min")
    yield keras.callbacks.CSVLogger(folder / "log.csv")
    if TENSORFLOW:
        pytest.importorskip("tensorboard")
        yield keras.callbacks.TensorBoard(folder / "tensorboard")


def test_callbacks_of_keras_run(tmp_path):
    model = duel(optimizer={"first": keras.optimizers.SGD(0.5), "second": keras.optimizers.SGD(0.125)}, **EAGERLY)
    callbacks = list(others_callbacks(tmp_path))
    history = model.fit(X, epochs=2, validation_data=(X,), verbose=0, callbacks=callbacks).history
    # The schedule halves both rates before each epoch, and the plateau after the second.
    assert history["learning_rate_first"] == [0.25, 0.0625] and history["learning_rate_second"] == [0.0625, 0.015625]
    assert (tmp_path / "model.keras").exists()


@pytest.mark.slow
@pytest.mark.parametrize("log_freq", ["epoch", 1])
def test_the_official_logger_of_weights_and_biases_runs(log_freq, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    from wandb.integration.keras import WandbMetricsLogger

    logged = []
    # Not "disabled", which the process would stay in.
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    with wandb.init(project="kerasgen-tests"):
        monkeypatch.setattr(wandb, "log", logged.append)
        for rates in ((0.5, 0.5), (0.5, 0.125)):
            optimizers = {player: keras.optimizers.SGD(r) for player, r in zip(("first", "second"), rates)}
            model = duel(optimizer=optimizers, **EAGERLY)
            model.fit(X, epochs=1, verbose=0, callbacks=[WandbMetricsLogger(log_freq=log_freq)])
    wandb.teardown()  # It keeps its folders for all runs of a process.
    epochs = [logs for logs in logged if "epoch/epoch" in logs]
    assert epochs[0]["epoch/learning_rate"] == 0.5 and "epoch/attack" in epochs[0]
    assert "epoch/learning_rate" not in epochs[1]  # It says so on the terminal: there is not one rate.


class Tracker(keras.callbacks.Callback):
    """Asks a model what `mlflow.keras.MlflowCallback` asks, and takes what MLflow's store takes."""

    def __init__(self):
        super().__init__()
        self.parameters, self.lines, self.kept = {}, [], []

    def keep(self, logs, step=None):
        self.kept.append({name: float(value) for name, value in logs.items()} | {"step": step})

    def on_train_begin(self, logs=None):
        self.parameters = {f"optimizer_{key}": str(value) for key, value in self.model.optimizer.get_config().items()}
        self.model.summary(print_fn=lambda line, *_, **__: self.lines.append(line))

    def on_batch_end(self, batch, logs=None):
        self.keep(logs, int(self.model.optimizer.iterations.numpy()))

    def on_epoch_end(self, epoch, logs=None):
        self.keep(logs, epoch)

    def on_test_end(self, logs=None):
        self.keep(logs)


@pytest.mark.parametrize("real", [False, True])
def test_what_mlflow_asks_is_answered(real, tmp_path):
    model = duel(**EAGERLY)
    if real:
        mlflow = pytest.importorskip("mlflow")
        mlflow.set_tracking_uri((tmp_path / "mlflow").as_uri())
        with mlflow.start_run():
            model.fit(X[:32], verbose=0, callbacks=[mlflow.keras.MlflowCallback()])
        return
    tracker = Tracker()
    model.fit(X[:32], batch_size=16, epochs=2, validation_data=(X[:16],), verbose=0, callbacks=[tracker])
    assert "Adam" in tracker.parameters["optimizer_optimizers"] and "one" in "".join(tracker.lines)
    names = [set(kept) - {"step"} for kept in tracker.kept]
    # Two batches, an evaluation and the end of the epoch, twice.
    assert len(names) == 8 and all("attack" in each for each in names) and "val_attack" in names[3]


@pytest.mark.parametrize(("batches", "epochs"), [pytest.param(3, 1, marks=pytest.mark.slow), (45, 1), (3, 2)])
@pytest.mark.parametrize("kind", ["arrays", "stream"])
def test_the_progress_bar_counts_steps(batches, epochs, kind, capsys):
    """Three batches are less than an execution, forty-five are two and a quarter."""
    x = np.resize(X[:, :4], (batches, 4)).astype("float32")
    stream = kind == "stream" and TENSORFLOW
    data = {"x": x, "batch_size": 1}
    if stream:
        import tensorflow as tf

        data = {"x": tf.data.Dataset.from_tensor_slices(x).batch(1).filter(lambda _: True)}  # Of no known length.
    model = duel(steps_per_execution=1 if TORCH else 20)
    model.fit(**data, epochs=epochs, verbose=1)
    said = capsys.readouterr().out
    assert said.count(f"{batches}/{batches}") >= epochs
    # While it runs, Keras does not know how long a stream is; a slow machine is shown the end of the last execution.
    most = 20 * math.ceil(batches / 20) if stream else batches
    assert all(f"{count}/" not in said for count in (20, 40, 60) if count > most)
    if not stream:
        model.evaluate(**data, verbose=1)
        model.evaluate(**data, verbose=2)
        said = capsys.readouterr().out
        assert said.count(f"{batches}/{batches}") >= 2 and "60/" not in said and f"20/{batches} " not in said[-80:]


@pytest.mark.skipif(TORCH, reason="Keras has one step an execution on PyTorch")
def test_an_epoch_of_given_steps_has_so_many(digits):
    class Endless(Batches):
        def __len__(self):
            return 1000

        def __getitem__(self, index):
            return self.arrays[0][:4]

    model = compiled()
    model.fit(Endless(digits[0]), steps_per_epoch=6, validation_data=Endless(digits[0]), validation_steps=9, verbose=0)
    assert int(model.optimizer.iterations) == 6 and model.steps_per_execution == 3
    model.compile(steps_per_execution=4, jit_compile=model.jit_compile)
    with pytest.raises(ValueError, match=r"multiples of .*Received: \[6\] and 4"):
        model.fit(Endless(digits[0]), steps_per_epoch=6, verbose=0)
    with pytest.raises(ValueError, match="multiples of"):
        model.evaluate(Endless(digits[0]), steps=6, verbose=0)


def test_names_and_means_of_metrics_are_those_that_evaluate_returned(digits):
    model = compiled(compile_arguments=EAGERLY)
    x = digits[0][:32]
    values = model.evaluate(x, verbose=0)
    expected = model.evaluate(x, verbose=0, return_dict=True)
    assert dict(zip(model.metrics_names, values)) == pytest.approx(expected)
    assert {name: rate(value) for name, value in model.get_metrics_result().items()} == pytest.approx(expected)
    model.reset_metrics()
    assert model.metrics_names == [] and model.get_metrics_result() == {}
    model.fit(x, verbose=0)
    assert set(model.metrics_names) == set(model.history.history)


def test_a_clone_has_weights_of_its_own(digits):
    model = compiled()
    other = keras.models.clone_model(model)
    assert type(other) is type(model) and other.get_config() == model.get_config()
    assert not {id(v) for v in other.weights} & {id(v) for v in model.weights}
    assert model.get_layer("encoder") is model.encoder


def test_a_split_of_the_data_is_validated_on(digits):
    history = compiled(compile_arguments=EAGERLY).fit(digits[0][:64], validation_split=0.5, verbose=0).history
    assert "val_loss" in history


@pytest.mark.parametrize("trained", [False, True])
def test_export_writes_what_the_exporter_of_kerasgen_writes(trained, digits, tmp_path, monkeypatch):
    """Which tests of its own look at."""
    model = compiled(compile_arguments=EAGERLY)
    if trained:
        model.fit(digits[0][:32], verbose=0)
    if TENSORFLOW:
        import tensorflow as tf

        model.export(tmp_path / "saved_model")
        loaded = tf.saved_model.load(tmp_path / "saved_model")
        assert set(loaded.signatures) >= {"encode", "decode", "reconstruct", "generate", "sample", "serving_default"}
        latents = np.zeros((2, 2), "float32")
        images = loaded.signatures["decode"](tf.constant(latents))["images"].numpy()
        np.testing.assert_allclose(images, model.decode(latents), atol=1e-5)
    called = []
    for format, function in {"tf_saved_model": "saved_model", "onnx": "onnx", "litert": "litert"}.items():
        monkeypatch.setattr(saving, function, lambda *given, function=function: called.append((function, *given)))
        model.export("folder", format=format)
    assert called == [(function, model, "folder") for function in ("saved_model", "onnx", "litert")]


def test_keras_writes_no_hdf5_of_a_model(tmp_path):
    """Nor does its function, which opens the file before it asks the model."""
    model = compiled()
    for save in (model.save, lambda path: keras.saving.save_model(model, path)):
        with pytest.raises(ValueError, match=r"save it as `\.keras`.*Received: ") as error:
            save(tmp_path / "m.h5")
        assert "\n" not in str(error.value)
    model.save_weights(tmp_path / "m.weights.h5")
    keras.saving.save_model(model, tmp_path / "m.keras")
    assert type(keras.saving.load_model(tmp_path / "m.keras")) is type(model)


def test_exports_that_cannot_be_are_refused_in_words(tmp_path):
    model = compiled()
    for arguments, message in (
        ({"format": "openvino"}, "format must be one of"),
        ({"input_signature": []}, "has its signatures"),
    ):
        with pytest.raises(ValueError, match=message):
            model.export(tmp_path / "x", **arguments)
    with pytest.raises(ValueError, match="pass the path of a folder"):
        model.export(tmp_path / "decoder.onnx", format="onnx")
    if TENSORFLOW:
        import tensorflow as tf

        with pytest.raises(ValueError, match=r"use `model.export\(path\)`"):
            tf.saved_model.save(model, str(tmp_path / "saved"))
        with pytest.raises(ValueError, match=r"use `model.export\(path\)`"):
            tf.lite.TFLiteConverter.from_keras_model(model).convert()
    assert list(tmp_path.glob("*.onnx")) == []
