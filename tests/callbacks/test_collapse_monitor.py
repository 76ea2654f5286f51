"""The monitor of collapse tells a diverse model from one that draws the same again and again, and says so once."""

import warnings

import keras
import numpy as np
import pytest

from kerasgen import callbacks, metrics, plots
from kerasgen.callbacks.data import choose
from kerasgen.metrics.features import MNISTClassifier


class Fake:
    """A model that generates what it is given, one set a call; the last one for ever."""

    conditional = False

    def __init__(self, *sets):
        self.sets = list(sets)
        self.asked = []

    def generate(self, count, labels=None, seed=None):
        self.asked.append((count, labels, seed))
        images = self.sets.pop(0) if len(self.sets) > 1 else self.sets[0]
        assert len(images) == count
        return images


@pytest.fixture(scope="module")
def classifier(digits):
    """The classifier of nearest class means: logits `m_k x - |m_k|^2 / 2`; right on most of the digits."""
    images, labels = digits
    means = np.stack([images[labels == label].reshape(-1, 64).mean(axis=0) for label in range(10)])
    inputs = keras.Input((8, 8, 1))
    dense = keras.layers.Dense(10)
    model = keras.Model(inputs, dense(keras.layers.Flatten()(inputs)), name="nearest_mean")
    dense.set_weights([means.T, -0.5 * np.sum(means**2, axis=1)])
    return model


def look(monitor, model, times=1, first=1):
    """Let it look: the logs of each time, the texts of the warnings, and the last figure."""
    monitor.set_model(model)
    logs = [{} for _ in range(times)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number, each in enumerate(logs, first):
            figure = monitor.draw(number, each)
    return logs, [str(warning.message) for warning in caught if warning.category is UserWarning], figure


def monitor_of(data, tmp_path, **arguments):
    return callbacks.CollapseMonitor(data, tmp_path, **{"samples": 1000, **arguments})


# ---- diversity


def test_diversity_is_the_mean_distance_of_pairs(digits, tmp_path):
    real, generated = digits[0][:6], digits[0][100:106] ** 2

    def mean_distance(images):
        rows = images.reshape(6, -1).astype("float64")
        return np.mean([np.linalg.norm(rows[i] - rows[j]) for i in range(6) for j in range(i)])

    logs, _, figure = look(monitor_of(real, tmp_path), Fake(generated))
    assert logs[0] == {"sample_diversity": pytest.approx(mean_distance(generated) / mean_distance(real))}
    assert figure is None, "without classes there is nothing to draw"


def test_diversity_of_real_images_is_one_and_of_copies_none(digits, tmp_path):
    monitor = monitor_of(digits[0][:128], tmp_path)
    other, copies = digits[0][128:], np.repeat(digits[0][:1], 128, axis=0)
    noisy = np.clip(copies + 0.05 * np.random.default_rng(0).standard_normal(copies.shape), 0, 1)
    found = [logs["sample_diversity"] for logs in look(monitor, Fake(other, copies, noisy), times=3)[0]]
    assert found[0] == pytest.approx(1, abs=0.05)
    assert found[1] == 0
    assert found[2] < 0.2


def test_diversity_does_not_depend_on_the_order_of_images(digits, tmp_path):
    images = digits[0][:64]
    monitor = monitor_of(digits[0][64:128], tmp_path)
    logs, _, _ = look(monitor, Fake(images, images[::-1]), times=2)
    assert logs[0]["sample_diversity"] == pytest.approx(logs[1]["sample_diversity"], rel=1e-12)


def test_a_trouble_is_told_once_until_it_came_again(digits, tmp_path):
    good, bad = digits[0][128:], np.repeat(digits[0][:1], 128, axis=0)
    monitor = monitor_of(digits[0][:128], tmp_path, patience=2)
    for sets, epochs in (
        ([bad, bad, bad, bad], [2]),
        ([good, bad, good, bad, good], []),
        ([bad, bad, bad, good, bad, bad, bad], [2, 6]),
    ):
        look(monitor, Fake(good))
        _, texts, _ = look(monitor, Fake(*sets), times=len(sets))
        assert [text.split(":")[0] for text in texts] == [f"Epoch {epoch}" for epoch in epochs]
    assert "0.00 of that of real ones (pixels), below 0.5." in texts[0]
    assert not look(monitor_of(digits[0][:128], tmp_path, threshold=0.0), Fake(bad), times=3)[1]


def test_advice_is_that_of_the_model(digits, tmp_path):
    bad = np.repeat(digits[0][:1], 64, axis=0)
    texts = {}
    for method in ("discriminate", "adversarial_weight", "posterior", "other"):
        model = Fake(bad)
        setattr(model, method, None)
        (texts[method],) = look(monitor_of(digits[0][:64], tmp_path, patience=1), model)[1]
    assert "minibatch_deviation" in texts["discriminate"]
    assert "adversarial_weight" in texts["adversarial_weight"]
    assert "beta" in texts["posterior"]
    assert "helps" not in texts["other"]


# ---- classes


def test_shares_are_those_of_the_metric(digits, classifier, tmp_path):
    real, generated = digits[0][:128], digits[0][128:]
    logs, texts, figure = look(monitor_of(real, tmp_path, classifier=classifier), Fake(generated))
    logits = [classifier.predict(images, verbose=0) for images in (choose(real, 128)[0], generated)]
    expected = metrics.class_shares(*logits)
    for name in ("smallest_class_share", "largest_class_share"):
        assert logs[0][name] == expected[name]
    assert not texts
    shares = np.bincount(logits[1].argmax(axis=1), minlength=10) / 128
    np.testing.assert_allclose([bar.get_height() for bar in figure.axes[0].patches], shares)
    assert figure.texts[0].get_text().startswith("Classes, epoch 1: diversity 1.0")


def test_classes_that_vanish_are_named(digits, classifier, tmp_path):
    images, labels = digits
    known = classifier.predict(images, verbose=0).argmax(axis=1)
    monitor = monitor_of((images, labels), tmp_path, classifier=classifier, patience=2, class_names=list("abcdefghij"))
    without = np.resize(np.flatnonzero(~np.isin(known, [3, 7])), 256)
    (text,) = look(monitor, Fake(images[without]), times=4)[1]
    assert text.startswith(
        "Epoch 2: 2 of 10 classes have nearly vanished, as nearest_mean sees them: d (0.0% in place of "
    )
    assert "h (0.0%" in text
    assert "a (" not in text
    # Then it gets one of them back, and loses another one.
    without = np.resize(np.flatnonzero(~np.isin(known, [3, 5])), 256)
    (text,) = look(monitor, Fake(images[without]), times=4, first=5)[1]
    assert text.startswith("Epoch 6: 1 of 10 classes has nearly vanished, as nearest_mean sees them: f (0.0%")
    assert "d (" not in text
    # All but one, and so no diversity: one text says both, without the two classes that were told before.
    (text,) = look(monitor, Fake(np.repeat(images[:1], 256, axis=0)), times=4)[1]
    assert "hardly differ" in text
    assert text.count("in place of") == 5
    assert text.endswith("and 2 more.")


def test_rare_classes_may_be_missing_by_chance(digits, classifier, tmp_path):
    """Of 60 images about six would show a class."""
    images = digits[0][:60]
    known = classifier.predict(images, verbose=0).argmax(axis=1)
    without = images[np.resize(np.flatnonzero(known != 3), 60)]
    logs, texts, _ = look(monitor_of(images, tmp_path, classifier=classifier), Fake(without), times=3)
    assert logs[0]["smallest_class_share"] == 0
    assert not texts


def test_models_that_take_labels_are_asked_for_the_classes_of_the_data(digits, classifier, tmp_path):
    images, labels = choose(digits, 256)
    model = Fake(images, np.roll(images, 1, axis=0))
    model.conditional = True
    logs, _, figure = look(monitor_of(digits, tmp_path, classifier=classifier, seed=0), model, times=2)
    assert [count for count, _, _ in model.asked] == [256, 256]
    np.testing.assert_array_equal(model.asked[0][1], labels)
    known = classifier.predict(images, verbose=0).argmax(axis=1)
    assert logs[0] == {"sample_diversity": pytest.approx(1), "asked_class_share": np.mean(known == labels)}
    assert logs[0]["asked_class_share"] > 0.8
    assert logs[1]["asked_class_share"] < 0.3
    assert figure.texts[0].get_text().endswith("% as asked")


def test_mnist_classifier_is_trusted_with_digits_only(tmp_path):
    images = np.random.default_rng(0).random((40, 28, 28, 1), "float32")
    known = MNISTClassifier()(images, ("logits",))["logits"].argmax(axis=1)
    for labels, trusted in ((None, True), (known, True), ((known + 1) % 10, False)):
        data = images if labels is None else (images, labels)
        monitor = callbacks.CollapseMonitor(data, tmp_path)
        assert monitor.network.name == "mnist_classifier"
        logs, _, figure = look(monitor, Fake(images))
        assert ("largest_class_share" in logs[0]) == (figure is not None) == trusted
    # Who asks for it gets it.
    monitor = callbacks.CollapseMonitor((images, (known + 1) % 10), tmp_path, classifier="mnist_classifier")
    assert "largest_class_share" in look(monitor, Fake(images))[0][0]


def test_nothing_is_downloaded_unless_it_is_asked_for(tmp_path):
    images = np.random.default_rng(0).random((4, 64, 64, 3), "float32")
    assert callbacks.CollapseMonitor(images, tmp_path).network.name == "pixels"


def test_the_picture_names_classes_and_cuts_none(tmp_path):
    names = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
    for count in (10, 100):
        labels = names if count == 10 else [f"{name} {k}" for k in range(10) for name in names]
        figure = plots.class_shares(np.full(count, 1 / count), np.full(count, 1 / count), labels, "Classes, epoch 3")
        axes = figure.axes[0]
        figure.draw_without_rendering()
        drawn = [text for text in axes.get_xticklabels() if text.get_text()]
        assert len(drawn) == min(count, 20)
        boxes = [text.get_window_extent() for text in drawn]
        assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
        title, legend = figure.texts[0].get_window_extent(), figure.legends[0].get_window_extent()
        assert title.x1 < legend.x0
    with pytest.raises(ValueError, match=r"`real` must hold a value a class, 3. Received: 2"):
        plots.class_shares([0.2, 0.3, 0.5], [0.5, 0.5])


# ---- in a training


def test_logs_and_pictures_of_a_training(make_vae, digits, classifier, tmp_path):
    model = make_vae()
    model.compile(keras.optimizers.Adam(use_ema=True), jit_compile=keras.backend.backend() == "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a model that learned nothing yet
        model.fit(
            digits[0][:64],
            epochs=4,
            verbose=0,
            callbacks=[
                keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
                callbacks.CollapseMonitor(digits, tmp_path, every=3, samples=50, classifier=classifier),
                callbacks.LearningCurves(tmp_path, every=9),
                callbacks.Checkpoint(tmp_path, monitor="smallest_class_share"),
            ],
        )
    history = callbacks.read_history(tmp_path / "history.csv")
    assert [value is None for value in history["sample_diversity"]] == [True, True, False, False]
    pictures = sorted(path.name for path in (tmp_path / "pictures" / "class_shares").glob("*.png"))
    assert pictures == ["epoch-0003.png", "epoch-0004.png"]
    assert (tmp_path / "pictures" / "class_shares.gif").exists()
    assert (tmp_path / "checkpoints" / "best.weights.h5").exists()
    monitor = callbacks.CollapseMonitor(digits, tmp_path, samples=50, classifier=classifier)
    again = look(monitor, model)[0][0]["sample_diversity"]
    assert history["sample_diversity"][-1] == pytest.approx(again, rel=1e-6)


def test_looking_changes_no_weight(make_vae, digits, tmp_path):
    def weights(*given):
        model = make_vae()
        model.fit(digits[0][:64], epochs=2, verbose=0, callbacks=list(given))
        return model.get_weights()

    monitor = callbacks.CollapseMonitor(digits, tmp_path, samples=50, threshold=0.0)
    for a, b in zip(weights(), weights(monitor)):
        np.testing.assert_array_equal(a, b)


def test_wrong_arguments_are_refused(digits, classifier, tmp_path):
    images = digits[0]
    with pytest.raises(ValueError, match=r"different ones. Received: 5 images"):
        monitor_of(np.repeat(images[:1], 5, axis=0), tmp_path)
    with pytest.raises(ValueError, match=r"different ones. Received: 1 images"):
        monitor_of(images[:1], tmp_path)
    with pytest.raises(ValueError, match=r"patience.*Received: 0"):
        monitor_of(images, tmp_path, patience=0)
    with pytest.raises(ValueError, match=r"gives logits.*Received: pixels"):
        monitor_of(images, tmp_path, classifier="pixels")
    with pytest.raises(ValueError, match=r"10 classes. Received: 2 names"):
        monitor_of(images, tmp_path, classifier=classifier, class_names=["a", "b"])
