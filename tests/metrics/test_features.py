"""Feature networks, and what is kept of them on disk."""

import io
import multiprocessing
import re
import warnings

import keras
import numpy as np
import pytest

from kerasgen import datasets, metrics
from kerasgen.metrics import cache, features
from tests.metrics.error_of_draws import SEED

#: The classifiers of the package, by the data set that each was trained on.
CLASSIFIERS = {
    "mnist_classifier": {"name": "mnist"},
    "mnist_resnet": {"name": "mnist"},
    "imagenette_classifier": {"name": "imagenette/160px-v2", "image_size": 64},
}


@pytest.fixture
def images():
    return np.random.default_rng(0).random((20, 28, 28, 1), "float32")


def images_for(name):
    """Images of noise that a feature network takes."""
    shape = getattr(features.get(name), "image_shape", (28, 28, 1))
    return np.random.default_rng(0).random((20, *shape), "float32")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("name", [*CLASSIFIERS, "pixels", "random_projection"])
def test_features_of_an_image_are_its_own(name):
    """They depend on no other image, and not on its place or on the batch."""
    network, images = features.get(name), images_for(name)
    whole = network(images)["features"]
    assert whole.dtype == np.float32
    assert len(whole) == 20
    np.testing.assert_allclose(network(images[5:6])["features"], whole[5:6], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(features.get(name)(images[::-1])["features"], whole[::-1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [*CLASSIFIERS, "pixels", "random_projection"])
def test_bytes_and_floats_are_the_same_image(name):
    as_bytes = np.round(images_for(name) * 255).astype("uint8")
    network = features.get(name)
    found, expected = (network(x)["features"] for x in (as_bytes, as_bytes.astype("float32") / 255))
    np.testing.assert_array_equal(found, expected)


def test_pixels_are_the_pixels(images):
    np.testing.assert_array_equal(features.get("pixels")(images)["features"], images.reshape(20, 784))


def test_random_projection_keeps_distances(images):
    network = features.RandomProjection(dimensions=2000, seed=SEED)
    projected = network(images)["features"]
    before = np.linalg.norm((images[:10] - images[10:]).reshape(10, -1), axis=1)
    after = np.linalg.norm(projected[:10] - projected[10:], axis=1)
    np.testing.assert_allclose(after, before, rtol=5 * np.sqrt(1 / 4000))
    assert not np.allclose(features.RandomProjection(2000, seed=SEED + 1)(images)["features"], projected)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_know_what_their_cards_claim(name):
    """Of the test images, but for one in a thousand, whose logits rounding tells apart."""
    try:
        images, labels = datasets.load(**CLASSIFIERS[name]).arrays("test")
    except (ValueError, ImportError) as error:
        pytest.skip(f"The images are not here: {error}")
    network = features.get(name)
    row = re.search(r"\| test \| (\S+) \| (\S+)% \|", network.file(".md").read_text(encoding="utf-8"))
    found = network(images, ("logits",))["logits"].argmax(axis=1)
    assert f"{len(images):,}" == row[1]
    assert np.mean(found == labels) == pytest.approx(float(row[2]) / 100, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "norm", "logits"),
    [
        ("mnist_classifier", 41.10406, [-1.32699, -8.65020, 3.33687]),
        ("mnist_resnet", 13.05516, [9.17827, -11.99325, -0.18158]),
        ("imagenette_classifier", 5.62738, [-2.78667, -3.58695, -3.59759]),
    ],
)
def test_features_are_the_same_on_each_backend(name, norm, logits):
    """The numbers were computed on TensorFlow."""
    found = features.get(name)(images_for(name)[:1], ("features", "logits"))
    assert np.linalg.norm(found["features"]) == pytest.approx(norm, rel=1e-4)
    np.testing.assert_allclose(found["logits"][0, :3], logits, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_are_what_their_cards_say(name):
    network = features.get(name)
    card = " ".join(network.file(".md").read_text(encoding="utf-8").split())
    assert network.weights_hash in card
    assert f"{network.model.count_params():,} parameters" in card
    assert f"tools/train_classifiers.py {name}" in card
    assert network.file(".npz").stat().st_size < 200_000


def test_the_second_classifier_is_another_one(images):
    """A figure that holds in the features of both is none of what the two networks have in common."""
    pair = ["mnist_classifier", "mnist_resnet"]
    first, second = (features.get(name)(images)["features"] for name in pair)
    assert first.shape == (20, 64)
    assert second.shape == (20, 96)
    kinds = [{type(layer).__name__ for layer in features.get(name).model.layers} for name in pair]
    assert {"Add", "GlobalAveragePooling2D"} <= kinds[1] - kinds[0]
    assert {"MaxPooling2D", "Dropout"} <= kinds[0] - kinds[1]


def test_a_model_of_ones_own_gives_features(images):
    inputs = keras.Input((28, 28, 1))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs), name="brightness")
    network = features.get(model)
    np.testing.assert_allclose(network(images)["features"][:, 0], images.mean((1, 2, 3)), rtol=1e-5)
    assert network.protocol()["features"] == "brightness"
    metric = metrics.FrechetDistance(features=model)
    metric.update_state(real=images, generated=1 - images)
    bright = images.mean((1, 2, 3), dtype="float64")[:, None]
    assert metric.result() == pytest.approx(metrics.frechet_distance(bright, 1 - bright), rel=1e-3)


def test_a_classifier_of_ones_own_gives_logits(images):
    inputs = keras.Input((28, 28, 1))
    hidden = keras.layers.Dense(5, name="hidden")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, [hidden, keras.layers.Dense(3, name="classes")(hidden)])
    network = features.get(model)
    assert network.layers == {"features": "hidden", "logits": "classes"}
    found = network(images, ("logits", "features"))
    assert {layer: rows.shape for layer, rows in found.items()} == {"logits": (20, 3), "features": (20, 5)}
    metric = metrics.InceptionScore(features=model)
    metric.update_state(generated=images)
    assert metric.result() == pytest.approx(metrics.inception_score(found["logits"]), rel=1e-5)


def test_weights_are_in_the_protocol():
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    before = features.get(model).weights_hash
    assert before == features.get(model).weights_hash
    model.layers[-1].kernel.assign(model.layers[-1].kernel + 1e-6)
    assert features.get(model).weights_hash != before


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((2, 28, 28)), "Expected images"),
        (np.zeros((0, 28, 28, 1)), "Expected images"),
        (np.full((2, 28, 28, 1), 1.5), "to 1.5"),
        (np.full((2, 28, 28, 1), np.nan), "nan"),
        (np.zeros((2, 32, 32, 1)), "28x28"),
    ],
)
def test_what_is_no_image_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        features.get("mnist_classifier")(bad)


def test_a_classifier_says_which_images_it_takes(images):
    with pytest.raises(ValueError, match=r"takes grey images of 28x28.*Received: images \(64, 64, 3\)"):
        features.get("mnist_resnet")(images_for("imagenette_classifier"))
    with pytest.raises(ValueError, match=r"takes colour images of 64x64.*Received: images \(28, 28, 1\)"):
        features.get("imagenette_classifier")(images)


def test_unknown_names_are_refused(images):
    with pytest.raises(ValueError, match=r"fid_inception.*Received: 'vgg'"):
        features.get("vgg")
    with pytest.raises(ValueError, match=r"Received:.*logits"):
        features.get("pixels")(images, ("logits",))
    inputs = keras.Input((8, 8, 1))
    with pytest.raises(ValueError, match="has the output"):
        features.get(keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs)))


def test_default_depends_on_the_shape_alone():
    assert features.default((28, 28, 1)) == "mnist_classifier"
    assert features.default((28, 28, 3)) == features.default((8, 8, 1)) == "pixels"
    assert features.default((32, 32, 3)) == features.default((64, 64, 1)) == "fid_inception"


# ---- the cache


def test_arrays_are_kept_under_their_whole_key(folder):
    assert cache.load({"data": "x", "count": 3}) is None
    cache.save({"data": "x", "count": 3}, {"a": np.arange(3.0), "b": np.array(2)})
    found = cache.load({"count": 3, "data": "x"})
    np.testing.assert_array_equal(found["a"], np.arange(3.0))
    assert found["b"] == 2
    assert set(found) == {"a", "b"}
    assert cache.load({"data": "x", "count": 4}) is None
    assert [path.suffix for path in folder.rglob("*.*")] == [".npz"], "nothing half-written stays"


def _flipped(data):
    return data[:200] + bytes([data[200] ^ 1]) + data[201:]


def _npy(_):
    file = io.BytesIO()
    np.save(file, np.arange(3))
    return file.getvalue()


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:500], lambda data: b"text", _flipped, _npy, lambda data: data[100:]]
)
def test_a_damaged_file_counts_as_none(folder, damage):
    cache.save({"data": "x"}, {"a": np.arange(1000.0)})
    path = next(folder.rglob("*.npz"))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="damaged"):
        assert cache.load({"data": "x"}) is None
    cache.save({"data": "x"}, {"a": np.arange(1000.0)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(cache.load({"data": "x"})["a"], np.arange(1000.0))


def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="cannot be kept"):
        cache.save({"data": "x"}, {"a": np.array(1)})
    assert cache.load({"data": "x"}) is None


def test_a_user_without_a_home_has_no_cache(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("KERASGEN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(cache.pathlib.Path, "home", no_home)
    with pytest.warns(UserWarning, match="cannot be kept"):
        cache.save({"data": "x"}, {"a": np.array(1)})
    with pytest.warns(UserWarning, match="home directory"):
        assert cache.load({"data": "x"}) is None


def _write_and_read(number):
    """Writes and reads one key over and over; how many reads found it whole."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = 0
        for _ in range(10):
            cache.save({"data": "shared"}, {"a": np.full(200_000, 7.0)})
            whole += cache.load({"data": "shared"})["a"].sum() == 7.0 * 200_000
    return whole


@pytest.mark.slow
def test_processes_share_it(folder):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(_write_and_read, range(2)) == [10, 10]
    assert len(list(folder.rglob("*.npz"))) == 1


# ---- comparisons


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(0)
    return rng.random((120, 28, 28, 1), "float32"), rng.random((90, 28, 28, 1), "float32") * 0.9


NAMES = ["frechet_distance", "kernel_distance", "precision_recall", "density_coverage", "inception_score"]


def test_a_comparison_is_each_metric_alone(sets):
    real, generated = sets
    compare = metrics.Comparison(NAMES, "mnist_classifier")
    compare.set_real(real)
    found = compare(generated)
    expected = {}
    for name in NAMES:
        metric = metrics.comparison.get(name)
        metric = type(metric)(features="mnist_classifier")
        sides = {"real": real, "generated": generated}
        metric.update_state(**{side: sides[side] for side in metric.sides})
        result = metric.result()
        expected |= result if isinstance(result, dict) else {name: result}
    assert found == pytest.approx(expected, rel=1e-4)
    # It may be asked again, in other batches.
    again = compare(np.array_split(generated, 7))
    assert again == pytest.approx(found, rel=1e-4)


def test_real_images_are_looked_at_once(sets, folder, monkeypatch):
    real, generated = sets
    key = {"data": "mine", "split": "test"}

    def compare(names, count=120, network="mnist_classifier"):
        comparison = metrics.Comparison(names, network)
        seen = []

        def batches():
            seen.append(1)
            yield real[:count]

        comparison.set_real(batches(), count, key)
        return comparison(generated), len(seen)

    first, seen = compare(NAMES)
    assert seen == 1
    again, seen = compare(NAMES)
    assert (again, seen) == (pytest.approx(first, rel=1e-6), 0)
    # Each part is kept by itself.
    alone, seen = compare(["frechet_distance"])
    assert (alone["frechet_distance"], seen) == (pytest.approx(first["frechet_distance"], rel=1e-6), 0)
    # Other counts, networks and images are other statistics.
    assert compare(NAMES, count=100)[1] == 1
    assert compare(NAMES[:4], network="pixels")[1] == 1
    assert compare(NAMES[:4], network=features.RandomProjection(seed=1))[1] == 1
    assert compare(NAMES[:4], network=features.RandomProjection(seed=2))[1] == 1
    key["split"] = "train"
    assert compare(NAMES)[1] == 1


def test_a_model_of_ones_own_is_never_taken_for_another(sets, folder):
    inputs = keras.Input((28, 28, 1))
    found = []
    for activation in ("relu", "tanh"):
        pooled = keras.layers.AveragePooling2D(14)(inputs)
        rows = keras.layers.Activation(activation)(keras.layers.Flatten()(3 * pooled))
        compare = metrics.Comparison(["frechet_distance"], keras.Model(inputs, rows, name="mine"))
        compare.set_real(sets[0], key={"data": "mine"})
        found.append(compare(sets[1])["frechet_distance"])
    assert found[0] != pytest.approx(found[1], rel=0.01)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_figures_do_not_depend_on_the_users_settings(name):
    images = images_for(name)
    expected = features.get(name)(images)["features"]
    policy, order = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    try:
        np.testing.assert_allclose(features.get(name)(images)["features"], expected, rtol=1e-5, atol=1e-5)
    finally:
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(order)


def test_batches_are_counted(sets):
    compare = metrics.Comparison(["precision_recall"], "pixels")
    with pytest.raises(ValueError, match="set_real"):
        compare(sets[1])
    compare.set_real(iter([sets[0][:50], sets[0][50:]]))
    compare(sets[1])
    assert compare.protocol()["real_images"] == 120


def test_a_protocol_gives_the_subsets_that_were_drawn(sets):
    compare = metrics.Comparison(["kernel_distance"], "pixels")
    compare.set_real(sets[0])
    compare(sets[1])
    assert compare.protocol()["metrics"]["kernel_distance"]["subset_size"] == 45


def test_statistics_of_unknown_weights_are_not_kept(sets, folder):
    class Nameless(features.FeatureNetwork):
        name = "nameless"

        def _compute(self, images, layers):
            return {"features": images.reshape(len(images), -1)[:, :5]}

    compare = metrics.Comparison(["frechet_distance"], Nameless())
    compare.set_real(sets[0], key={"data": "mine"})
    assert compare(sets[1])["frechet_distance"] > 0
    assert not list(folder.rglob("*.npz"))


def test_a_protocol_says_what_the_figures_depend_on(sets):
    compare = metrics.Comparison([metrics.KernelDistance(subsets=7), "inception_score"], "mnist_classifier")
    compare.set_real(sets[0])
    compare(sets[1])
    protocol = compare.protocol()
    assert protocol["features"] == "mnist_classifier"
    assert len(protocol["weights_sha256"]) == 64
    assert protocol["metrics"]["kernel_distance"]["subsets"] == 7
    assert protocol["real_images"] == 120
    assert protocol["layer"] == {"features": "features", "logits": "logits"}


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match=r"logits of a classifier.*'pixels'"):
        metrics.Comparison(["inception_score"], "pixels")
    with pytest.raises(ValueError, match="Received: 'fid'"):
        metrics.Comparison(["fid"], "pixels")
    with pytest.raises(ValueError, match="one class"):
        metrics.Comparison([metrics.KernelDistance(), metrics.KernelDistance(subsets=3)], "pixels")
