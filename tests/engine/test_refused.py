"""What the methods of Keras refuse, wherever data or arguments come in, and in which words."""

import keras
import numpy as np
import pytest

from kerasgen import models, networks
from kerasgen.engine.checks import check_classes, check_count
from tests.engine.test_fit import Batches, compiled

TENSORFLOW = keras.backend.backend() == "tensorflow"


def gan(num_classes=None):
    net = networks.mlp
    model = models.GAN(
        net.generator((8, 8, 1), 2, units=(8,), num_classes=num_classes),
        net.discriminator((8, 8, 1), units=(8,), num_classes=num_classes),
        seed=1,
    )
    model.compile(run_eagerly=TENSORFLOW)
    return model


BAD_IMAGES = {
    "uint8": (lambda x: (x * 255).astype("uint8"), "uint8"),
    "to 255": (lambda x: x * 255, "Divide them by 255"),
    "from -1": (lambda x: x * 2 - 1, r"Map \[-1, 1\]"),
    "nan": (lambda x: np.where(x == x.max(), np.nan, x), "NaN"),
    "shape": (lambda x: x[:, :6], r"\(8, 8, 1\)"),
}


@pytest.mark.parametrize("bad", BAD_IMAGES)
def test_what_fit_refuses_is_refused_everywhere_and_the_argument_is_named(bad, digits):
    change, message = BAD_IMAGES[bad]
    good = digits[0][:32]
    wrong = change(good)
    model = compiled(compile_arguments={"run_eagerly": TENSORFLOW})
    before = model.get_weights()
    calls = {
        "validation_data of fit": [
            lambda: model.fit(good, validation_data=(wrong,), verbose=0),
            lambda: model.fit(good, validation_data=wrong, verbose=0),
            lambda: model.fit(good, validation_data=Batches(wrong), verbose=0),
        ],
        "evaluate": [lambda: model.evaluate(wrong, verbose=0), lambda: model.evaluate(Batches(wrong), verbose=0)],
        "test_on_batch": [lambda: model.test_on_batch(wrong)],
        "train_on_batch": [lambda: model.train_on_batch(wrong)],
        "predict_on_batch": [lambda: model.predict_on_batch(wrong)],
        "predict": [lambda: model.predict(wrong, verbose=0), lambda: model.predict(Batches(wrong), verbose=0)],
    }
    for where, each in calls.items():
        for call in each:
            with pytest.raises(ValueError, match=f"^{where} expects .*{message}"):
                call()
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_a_stream_is_looked_at_and_loses_no_batch(digits):
    tf = pytest.importorskip("tensorflow")
    model = compiled(compile_arguments={"run_eagerly": TENSORFLOW})
    x = digits[0][:64]
    whole = model.evaluate(x, batch_size=32, verbose=0, return_dict=True)
    batches = lambda: ((x[start : start + 32],) for start in (0, 32))  # noqa: E731
    for stream in (tf.data.Dataset.from_tensor_slices(x).batch(32), batches()):
        assert model.evaluate(stream, verbose=0, return_dict=True) == pytest.approx(whole, rel=1e-5)
    history = model.fit(x, batch_size=32, validation_data=tf.data.Dataset.from_tensor_slices(x).batch(32), verbose=0)
    assert "val_kl" in history.history
    assert model.predict(batches(), verbose=0).shape == x.shape
    with pytest.raises(ValueError, match=r"^validation_data of fit expects .*uint8"):
        wrong = tf.data.Dataset.from_tensor_slices((x * 255).astype("uint8")).batch(32)
        model.fit(x, validation_data=wrong, verbose=0)


def test_labels_that_lack_are_missed_where_they_lack(digits):
    model = compiled(num_classes=10)
    x, y = digits[0][:16], digits[1][:16]
    for where, call in {
        "evaluate": lambda: model.evaluate(x, verbose=0),
        "validation_data of fit": lambda: model.fit(x, y, validation_data=(x,), verbose=0),
    }.items():
        with pytest.raises(ValueError, match=f"^{where}: .*take labels"):
            call()


def test_lists_of_images_and_impossible_splits_are_refused(digits):
    """Keras would take each image for an input of its own, and a split of 1.5 for one of 0.5."""
    x, y, model = digits[0][:8], digits[1][:8], compiled()
    for images in (list(x), tuple(x), x.tolist(), [x, x]):
        with pytest.raises(ValueError, match=r"^fit expects one array of images: numpy.stack"):
            model.fit(images, verbose=0)
    for split in (1.5, 1.0, -0.5):
        with pytest.raises(ValueError, match="validation_split is a share"):
            model.fit(x, validation_split=split, verbose=0)
    conditional = compiled(num_classes=10)
    for inputs in (x, [x], [x, y, y]):
        with pytest.raises(ValueError, match=r"predict expects \[images, labels\]"):
            conditional.predict(inputs, verbose=0)


def test_dicts_are_refused_with_the_way_to_map_them(digits):
    tf = pytest.importorskip("tensorflow")
    data = {"image": (digits[0][:16] * 255).astype("uint8"), "label": digits[1][:16]}
    model = compiled()
    for each in (data, tf.data.Dataset.from_tensor_slices(data).batch(8)):
        with pytest.raises(ValueError, match=r"^fit expects .*\.map\(lambda d: .*/ 255.*Received: a dict of \['image'"):
            model.fit(each, verbose=0)


def test_classes_are_weighed_where_images_are_and_refused_where_not(digits):
    x, y = digits[0][:32], digits[1][:32]
    model = gan()
    for call in (
        lambda: model.fit(x, y, class_weight={0: 0.0}, verbose=0),
        lambda: model.train_on_batch(x, y, class_weight={0: 0.0}),
        lambda: model.evaluate(x, y, sample_weight=np.ones(32), verbose=0),
    ):
        with pytest.raises(ValueError, match=r"cannot weigh .*class_weight"):
            call()
    zeros = y == 0
    logs = [
        compiled().fit(x[keep], y[keep], class_weight=weights, batch_size=32, shuffle=False, verbose=0).history["kl"]
        for keep, weights in ((~zeros, None), (slice(None), {0: 0.0}))
    ]
    assert logs[0] == pytest.approx(logs[1], rel=1e-5)
    with pytest.raises(ValueError, match="class_weight weighs images by their labels"):
        compiled().fit(x, class_weight={0: 0.0}, verbose=0)
    with pytest.raises(ValueError, match="with class_weight expects one class number"):
        compiled().fit(x, np.eye(10)[y], class_weight={0: 0.0}, verbose=0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((16, 3)), "one weight an image"),
        (np.array(["a"] * 16), "one weight an image"),
        (-np.ones(16), "not negative. Received: weights from -1 to -1"),
        (np.full(16, np.nan), "finite"),
        (np.full(16, np.inf), "finite"),
    ],
    ids=["a table", "words", "negative", "nan", "infinite"],
)
def test_weights_that_give_no_mean_are_refused(weights, message, digits):
    x, model = digits[0][:16], compiled()
    for where, call in {
        "fit": lambda: model.fit(x, sample_weight=weights, verbose=0),
        "evaluate": lambda: model.evaluate(x, sample_weight=weights, verbose=0),
        "validation_data of fit": lambda: model.fit(x, validation_data=(x, None, weights), verbose=0),
    }.items():
        with pytest.raises(ValueError, match=f"^{where} with sample_weight expects .*{message}"):
            call()
    with pytest.raises(ValueError, match=r"^fit with class_weight expects .*negative"):
        model.fit(x, digits[1][:16], class_weight={0: -1.0}, verbose=0)


@pytest.mark.parametrize(
    "labels",
    [[0.5, 1], [1.7], [np.nan], [np.inf], ["a"], [True, False], [2**32 + 1], [10**7], [-1], np.eye(3), [None], [1j]],
    ids=str,
)
def test_labels_that_are_no_class_numbers_are_refused_at_once(labels, digits):
    labels = np.asarray(labels)
    with pytest.raises(ValueError, match=r"^a model .*Received: labels"):
        check_classes(labels, 10)
    model = compiled(num_classes=10, compile_arguments={"run_eagerly": TENSORFLOW})
    for call in (
        lambda: model.generate(len(labels), labels=labels),
        lambda: model.fit(digits[0][: len(labels)], labels, verbose=0),
        lambda: model.encode(digits[0][: len(labels)], labels),
    ):
        with pytest.raises(ValueError, match="Received: labels"):
            call()


def test_whole_floats_are_class_numbers(digits):
    for labels in ([1.0, 2.0], np.array([[1], [2]], "uint8"), [np.int64(9), 0], []):
        check_classes(labels, 10)
    model = compiled(num_classes=10)
    a, b = (model.generate(2, labels=labels, seed=0) for labels in ([1.0, 2.0], [1, 2]))
    np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"a label for each of 4 inputs. Received: 1"):
        model.encode(digits[0][:4], labels=[3])


@pytest.mark.parametrize("count", [0, -1, "4", 2.0, None, True])
def test_counts_that_are_none_are_refused(count):
    with pytest.raises(ValueError, match=r"^generate expects a number of images.*Received: "):
        check_count(count)
    for model in (compiled(), gan()):
        with pytest.raises(ValueError, match=r"^generate expects a number of images"):
            model.generate(count)


def test_latents_are_what_a_gan_predicts_from():
    model = gan()
    assert model.predict(np.zeros((3, 2)), verbose=0).shape == (3, 8, 8, 1)
    with pytest.raises(ValueError, match="Latents have the shape"):
        model.predict(np.zeros((3, 5)), verbose=0)
    with pytest.raises(ValueError, match="finite"):
        model.predict(np.full((3, 2), np.nan), verbose=0)


def test_losses_and_metrics_are_no_arguments_of_compile():
    model = compiled()
    for arguments in ({"loss": "mse"}, {"metrics": ["mse"]}):
        with pytest.raises(ValueError, match=f"its own losses.*Received: {next(iter(arguments))}"):
            model.compile("adam", **arguments)
    with pytest.raises(TypeError):
        model.compile("adam", "mse")
    for arguments in ({"run_eagerly": "mse"}, {"jit_compile": "yes"}):
        with pytest.raises(ValueError, match="run_eagerly must be a bool"):
            model.compile("adam", **arguments)
    for steps in (0, -1, 1.5, "many"):
        with pytest.raises(ValueError, match="steps_per_execution must be"):
            model.compile(steps_per_execution=steps)


@pytest.mark.parametrize("frozen_at_compile", [True, False])
def test_layers_frozen_or_not_after_compile_are_noticed_before_the_first_step(frozen_at_compile, digits):
    x = digits[0][:16]
    model = compiled(compile_arguments={"run_eagerly": TENSORFLOW})
    quick = {"run_eagerly": TENSORFLOW}
    model.encoder.trainable = not frozen_at_compile
    model.compile(**quick)
    model.fit(x, verbose=0)
    model.encoder.trainable = frozen_at_compile
    before = model.get_weights()
    for call in (lambda: model.fit(x, verbose=0), lambda: model.train_on_batch(x)):
        with pytest.raises(ValueError, match="after `compile`: call `compile` again"):
            call()
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    model.compile(**quick)
    model.fit(x, verbose=0)
    moved = [(a != b).any() for a, b in zip(before, model.get_weights())]
    assert any(moved[: len(model.encoder.weights)]) == frozen_at_compile and any(moved[len(model.encoder.weights) :])


@pytest.mark.parametrize("suffix", [".h5", ".hdf5"])
def test_the_old_format_is_refused_before_it_is_written(suffix, tmp_path):
    for model in (compiled(), gan()):
        with pytest.raises(ValueError, match=r"save it as `.keras`"):
            model.save(tmp_path / f"model{suffix}")
    assert list(tmp_path.iterdir()) == []
