"""`kerasgen.evaluation` and `kerasgen.benchmark`: figures with their protocol, of runs, SavedModels and images."""

import json
import os
import pathlib
import runpy

import keras
import numpy as np
import pytest
from PIL import Image

from kerasgen import benchmark, datasets, evaluation, export, metrics, presets, runs
from kerasgen.evaluation import images, measuring, subjects
from kerasgen.runs import training

TINY = {"networks.encoder.units": [16], "networks.decoder.units": [16], "latent_dim": 2, "epochs": 1}


def tiny(name="vae", **changes):
    config = presets.get(name)
    for key, value in {**TINY, **changes}.items():
        config = presets.override(config, key, value)
    return config


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    before = os.environ.get("KERASGEN_CACHE")
    os.environ["KERASGEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("KERASGEN_CACHE")
    if before:
        os.environ["KERASGEN_CACHE"] = before


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return runs.train(tiny(), tmp_path_factory.mktemp("run"), verbose=0)


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


NAMES = ["frechet_distance", "kernel_distance", "precision_recall", "density_coverage"]


def test_a_run_is_measured_by_default(run):
    measured = evaluation.evaluate(run.path)
    figures, protocol = measured["figures"], measured["protocol"]
    wanted = {"negative_elbo", "mean_squared_error", "structural_similarity", "active_units", "frechet_distance"}
    assert wanted | {"kernel_distance", "precision", "recall", "density", "coverage"} <= set(figures)
    # The whole protocol that the issue of a figure depends on.
    assert (protocol["data"], protocol["split"], protocol["images"]) == ("digits", "test", 360)
    assert (protocol["features"], protocol["samples"], protocol["real_images"], protocol["seed"]) == (
        "pixels",
        360,
        360,
        0,
    )
    assert protocol["layer"] == {"features": "pixels"}
    assert {"weights_sha256", "resize", "device", "date", "evaluation_seconds"} <= set(protocol)
    assert protocol["sampling"] == {
        "batch_normalization": None,  # There is none in these networks; a card of a GAN says "moving statistics".
        "weights": "as trained",
        "truncation": None,
    }
    assert protocol["backend"] == keras.backend.backend()
    # TensorFlow reads data on the other backends, too.
    versions = {"kerasgen", "keras", "numpy", "scipy", "scikit-learn", keras.backend.backend()}
    assert versions <= set(protocol["versions"]) <= versions | {"tensorflow"}
    written = json.loads((run.path / "metrics.json").read_text(encoding="utf-8"))
    assert (written["figures"], written["protocol"]) == (figures, protocol)
    assert written["intervals"] == measured["intervals"] and {"frechet_distance", "precision"} <= set(
        measured["intervals"]
    )
    assert all(low <= figures[name] <= high for name, (low, high) in measured["intervals"].items())
    assert not any(name.endswith(("_low", "_high")) for name in figures)
    assert written["earlier"][-1]["figures"] == run.metrics["figures"], "what training measured is not lost"
    # What only the training knows is kept.
    assert protocol["seconds"] > 0
    assert protocol["curves"] == "test split"


def test_figures_are_those_of_the_metrics(run, digits):
    measured = evaluation.evaluate(run.path, metrics=["frechet_distance", "reconstruction"], samples=200, seed=3)
    seed = int(np.random.SeedSequence(3).generate_state(1)[0] >> 1)
    images = run.model.generate(200, seed=seed).reshape(200, -1)
    real = digits.arrays("test")[0]
    expected = metrics.frechet_distance(real.reshape(360, -1), images)
    assert measured["figures"]["frechet_distance"] == pytest.approx(expected, rel=1e-5)
    error = np.mean((real - run.model.reconstruct(real)) ** 2)
    assert measured["figures"]["mean_squared_error"] == pytest.approx(error, rel=1e-4)


def test_an_evaluation_can_be_repeated(run):
    first, again, other = (
        evaluation.evaluate(run.path, metrics=NAMES, samples=100, seed=seed)["figures"] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_images_come_in_chunks_with_seeds_of_their_own(run, monkeypatch):
    monkeypatch.setattr(subjects, "CHUNK", 50)
    draws = []
    monkeypatch.setattr(
        type(run.model),
        "generate",
        lambda self, count, labels=None, seed=None: draws.append((count, seed)) or np.zeros((count, 8, 8, 1)),
    )
    evaluation.evaluate(run.path, metrics=["multiscale_ssim"], samples=120)
    assert [count for count, _ in draws] == [50, 50, 20]
    assert len({seed for _, seed in draws}) == 3


def test_the_real_images_beat_a_model_of_one_epoch(run, tmp_path):
    yardstick = evaluation.evaluate("digits", metrics=NAMES, samples=360, output=tmp_path / "digits.json")
    assert yardstick["protocol"]["kind"] == "training images"
    model = evaluation.evaluate(run.path, metrics=NAMES)["figures"]
    for name, value in yardstick["figures"].items():
        better = evaluation.DIRECTIONS.get(name)
        if better == "lower":
            assert value < model[name]
        elif better == "higher" and name != "density":
            assert value > model[name]


def test_folders_and_arrays_are_measured_like_the_images_in_them(digits, tmp_path):
    images = digits.arrays("train", 80)[0]
    as_bytes = np.round(images * 255).astype("uint8")
    (tmp_path / "folder").mkdir()
    for index, image in enumerate(as_bytes):
        Image.fromarray(image[..., 0]).save(tmp_path / "folder" / f"{index:03d}.png")
    np.save(tmp_path / "array.npy", as_bytes)
    np.savez(tmp_path / "arrays.npz", x=as_bytes)
    for k in range(90):
        (tmp_path / "real").mkdir(exist_ok=True)
        Image.fromarray(np.round(digits.arrays("test")[0][k, ..., 0] * 255).astype("uint8")).save(
            tmp_path / "real" / f"{k}.png"
        )
    found = {
        name: evaluation.evaluate(tmp_path / name, against="digits", metrics=["frechet_distance"])
        for name in ("array.npy", "arrays.npz")
    }
    values = [each["figures"]["frechet_distance"] for each in found.values()]
    assert values[0] == pytest.approx(values[1])
    assert found["array.npy"]["output"] == tmp_path / "array.npy.metrics.json"
    # A folder is read in grey or in colour, as the real images are.
    folder = evaluation.evaluate(tmp_path / "folder", against="digits", metrics=["frechet_distance"])
    assert folder["figures"]["frechet_distance"] == pytest.approx(values[0], rel=1e-5)
    coloured = evaluation.evaluate(tmp_path / "folder", against=tmp_path / "real", metrics=["precision_recall"])
    expected = metrics.precision_recall(*(x.reshape(len(x), -1) for x in (digits.arrays("test")[0][:90], images)))
    assert coloured["figures"]["precision"] == pytest.approx(expected["precision"], abs=0.02)
    assert coloured["protocol"]["samples"] == 80
    small = datasets.load(tmp_path / "real", image_size=4)
    read = measuring._as_read(small)
    assert subjects.subject_of(tmp_path / "folder", True, read).data().image_shape == (4, 4, 3)
    assert subjects.subject_of("digits", True, read).data().image_shape == (4, 4, 1)
    with pytest.raises(ValueError, match="one shape"):
        evaluation.evaluate(tmp_path / "array.npy", against=tmp_path / "real", metrics=["precision_recall"])


def test_the_data_of_a_run_are_those_it_was_trained_on(run, digits, tmp_path):
    np.save(tmp_path / "x.npy", digits.arrays("train", 100)[0])
    values = [
        evaluation.evaluate(tmp_path / "x.npy", against=against, metrics=["precision_recall"])["figures"]
        for against in (run.path, "digits")
    ]
    assert values[0] == values[1]


def test_a_known_name_wins_over_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    measured = evaluation.evaluate("digits", metrics=["precision_recall"], samples=50)
    assert measured["protocol"]["kind"] == "training images"
    with pytest.raises(ValueError, match="name the real ones"):
        evaluation.evaluate("./digits")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports from other backends take a process each")
def test_a_saved_model_is_measured(run, tmp_path):
    path = export.saved_model(run.model, tmp_path / "saved_model")
    measured = evaluation.evaluate(path, against="digits", metrics=["frechet_distance"], samples=300)
    own = evaluation.evaluate(run.path, metrics=["frechet_distance"], samples=300)["figures"]["frechet_distance"]
    # Other draws of the same model.
    assert measured["figures"]["frechet_distance"] == pytest.approx(own, rel=0.2)
    assert measured["protocol"]["kind"] == "SavedModel"
    assert measured["output"] == tmp_path / "saved_model.metrics.json"
    assert measured["protocol"]["sampling"]["weights"] == "as exported"


def test_copies_have_near_neighbours(digits, tmp_path, run):
    copies = digits.arrays("train", 100)[0]
    np.save(tmp_path / "copies.npy", copies)
    measured = evaluation.evaluate(tmp_path / "copies.npy", against="digits", metrics=["nearest_neighbours"])
    assert measured["figures"]["nearest_training_ratio"] == pytest.approx(0, abs=1e-5)
    assert [path.name for path in measured["pictures"]] == ["copies.npy.nearest_neighbours.png"]
    assert measured["pictures"][0].stat().st_size > 1000
    model = evaluation.evaluate(run.path, metrics=["nearest_neighbours"])
    assert model["figures"]["nearest_training_ratio"] > 0.3
    assert model["pictures"] == [run.path / "pictures" / "nearest_neighbours.png"]


def test_conditional_models_get_the_labels_of_the_real_images(tmp_path, monkeypatch):
    trained = runs.train(tiny(conditional=True), tmp_path / "run", verbose=0)
    given = []
    generate = type(trained.model).generate

    def spy(self, count, labels=None, seed=None):
        given.append(labels)
        return generate(self, count, labels=labels, seed=seed)

    monkeypatch.setattr(type(trained.model), "generate", spy)
    evaluation.evaluate(trained.path, metrics=["frechet_distance", "terms", "negative_log_likelihood"], draws=2)
    labels = trained.data.arrays("test")[1]
    np.testing.assert_array_equal(np.sort(np.concatenate(given)), np.sort(labels))
    # Of fewer samples the classes are as frequent, even where the set is in their order.
    given.clear()
    evaluation.evaluate(trained.path, metrics=["precision_recall"], samples=100)
    counts = np.bincount(np.concatenate(given), minlength=10)
    assert counts.sum() == 100
    shares = np.bincount(labels, minlength=10) / len(labels)
    errors = np.sqrt(100 * shares * (1 - shares))  # Less, as none is drawn twice.
    assert (np.abs(counts - 100 * shares) < 5 * errors).all()  # The first hundred would be of three classes.


def test_a_choice_of_stored_images_is_random(digits, tmp_path):
    """A folder may be in the order of its classes."""
    images, labels = digits.arrays("train")
    np.save(tmp_path / "sorted.npy", images[np.argsort(labels, kind="stable")])
    values = {}
    for name, subject in (("shuffled", "digits"), ("sorted", tmp_path / "sorted.npy")):
        arguments = {"metrics": ["precision_recall"], "samples": 300, "output": tmp_path / "m.json"}
        values[name] = evaluation.evaluate(subject, against="digits", **arguments)["figures"]["recall"]
    # Two shares of 360 real images that lie near some of the 300.
    error = np.sqrt(2 * values["shuffled"] * (1 - values["shuffled"]) / 360)
    assert values["sorted"] == pytest.approx(values["shuffled"], abs=5 * error)
    first = metrics.precision_recall(
        *(x.reshape(len(x), -1) for x in (digits.arrays("test")[0], np.load(tmp_path / "sorted.npy")[:300]))
    )
    assert first["recall"] < values["sorted"] - 0.2


def test_neighbours_look_at_all_images(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(subjects, "CHUNK", 100)
    np.save(tmp_path / "x.npy", digits.arrays("train", 400)[0])
    looked = []
    nearest = metrics.nearest_neighbours
    monkeypatch.setattr(metrics, "nearest_neighbours", lambda g, r, k: looked.append(len(g)) or nearest(g, r, k))
    monkeypatch.setattr(images, "NEIGHBOURS_AT_MOST", 300)
    evaluation.evaluate(tmp_path / "x.npy", against="digits", metrics=["nearest_neighbours"])
    assert looked == [300, 300]


def test_binary_bytes_are_read_alike(tmp_path, digits):
    binary = (digits.arrays("train", 200)[0] > 0.5).astype("uint8")
    np.save(tmp_path / "b.npy", binary)
    np.save(tmp_path / "f.npy", binary.astype("float32"))
    np.savez(tmp_path / "b.npz", binary)
    values = [
        evaluation.evaluate(tmp_path / name, against="digits", metrics=["frechet_distance"])["figures"]
        for name in ("b.npy", "f.npy", "b.npz")
    ]
    assert values[0]["frechet_distance"] == pytest.approx(values[1]["frechet_distance"], rel=1e-6)
    assert values[0]["frechet_distance"] == pytest.approx(values[2]["frechet_distance"], rel=1e-6)


def test_likelihoods_on_request(run):
    measured = evaluation.evaluate(run.path, metrics=["terms", "negative_log_likelihood"], draws=20)
    figures = measured["figures"]
    assert figures["negative_log_likelihood"] < figures["negative_elbo"]
    assert measured["protocol"]["likelihood_draws"] == 20
    assert measured["protocol"]["seed"] == 0
    assert measured["protocol"]["sampling"]["weights"] == "as trained"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no/such/thing",), "Expected a run, a SavedModel, a folder"),
        (("digits", None, ["frechet"]), "Metrics are frechet_distance.*Received: frechet"),
        (("digits", None, ["terms"]), "needs a run"),
        (("digits", None, ["frechet_distance"], 10**6), "Received: samples=1000000"),
        (("digits", None, ["frechet_distance"], None, None, "validation"), "has the splits train, test"),
        (("digits", None, ["inception_score"]), "logits"),
        (("digits", "no/such/set", ["frechet_distance"]), "no/such/set"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluation.evaluate(*arguments)


def test_images_alone_need_real_ones(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((5, 8, 8, 1), "uint8"))
    with pytest.raises(ValueError, match="name the real ones"):
        evaluation.evaluate(tmp_path / "x.npy")
    (tmp_path / "bad.npy").write_text("no array", encoding="utf-8")
    with pytest.raises(ValueError, match=r"no \.npy file"):
        evaluation.evaluate(tmp_path / "bad.npy", against="digits")


def test_only_the_published_network_gives_a_fid():
    assert (
        evaluation.label("frechet_distance", {"features": "mnist_classifier"}) == "Frechet distance (mnist_classifier)"
    )
    assert evaluation.label("frechet_distance", {"features": "fid_inception", "published": True}) == "FID"
    assert "FID" not in evaluation.label("frechet_distance", {"features": "fid_inception", "published": False})


# ---- benchmarks


@pytest.fixture
def small(monkeypatch):
    made = {f"small_{name}": {k: v for k, v in tiny(name).items() if k != "preset"} for name in ("vae", "autoencoder")}
    for name, config in made.items():
        monkeypatch.setitem(presets.PRESETS, name, config)
    return list(made)


def test_rows_of_any_range_have_no_errors_of_images():
    model, _ = presets.load("autoencoder_iris")
    assert "reconstruction" not in evaluation.default_metrics(model)
    assert evaluation.default_metrics(presets.load("autoencoder")[0]) == ["terms", "reconstruction"]


@pytest.mark.slow
def test_a_benchmark_can_be_repeated_and_resumed(small, tmp_path, monkeypatch):
    trained = []
    train = runs.train
    monkeypatch.setattr(
        training, "train", lambda config, path, *rest: trained.append(path.name) or train(config, path, *rest)
    )
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{benchmark.BEGIN}\nold\n{benchmark.END}\nafter\n", encoding="utf-8")
    results = benchmark.run(small[:1], 2, tmp_path / "b", readme, verbose=0, samples=200)
    assert trained == ["small_vae-0", "small_vae-1"]
    assert set(results["small_vae"]) == {"0", "1"}
    assert [key.split()[0] for key in results[benchmark.YARDSTICK]] == ["digits"]
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert benchmark.table(results) in text
    left = [tmp_path / "b" / ".tmp-1-results.json", tmp_path / "b" / "runs" / ".tmp-1-digits.metrics.json"]
    for file in left:
        file.write_text("half", encoding="utf-8")
    # A second call trains and measures what is missing, and nothing else.
    stamp = (tmp_path / "b" / "runs" / "small_vae-0" / "metrics.json").stat().st_mtime_ns
    results = benchmark.run(small, 2, tmp_path / "b", verbose=0, samples=200)
    assert not any(file.exists() for file in left)
    assert trained[2:] == ["small_autoencoder-0", "small_autoencoder-1"]
    assert (tmp_path / "b" / "runs" / "small_vae-0" / "metrics.json").stat().st_mtime_ns == stamp
    assert json.loads((tmp_path / "b" / "results.json").read_text(encoding="utf-8")) == results
    # One that was killed goes on.
    (tmp_path / "b" / "runs" / "small_vae-1" / "model.keras").unlink()
    before = results["small_vae"]["1"]["figures"]
    results = benchmark.run(small, 2, tmp_path / "b", verbose=0, samples=200)
    assert len(trained) == 4
    assert results["small_vae"]["1"]["figures"] == pytest.approx(before, rel=1e-3)
    # Another config is not silently taken for this one.
    presets.PRESETS[small[0]]["epochs"] = 2
    with pytest.raises(ValueError, match=r"another config \(epochs\)"):
        benchmark.run(small, 2, tmp_path / "b", verbose=0, samples=200)
    presets.PRESETS[small[0]]["epochs"] = 1
    presets.PRESETS[small[0]]["dataset"] = {"name": "digits", "batch_size": 64, "binarize": "threshold"}
    with pytest.raises(ValueError, match=r"another config \(dataset.binarize\)"):
        benchmark.run(small, 2, tmp_path / "b", verbose=0, samples=200)


@pytest.mark.parametrize(
    "values, text",
    [
        ([127.71, 127.98, 127.85], "127.85 ± 0.14"),
        ([157.8, 230.0], "194 ± 51"),
        ([5, 5, 5], "5 ± 0"),
        ([0.374], "0.374"),
        ([0.5, None], "0.500"),
        ([None], ""),
    ],
)
def test_a_summary_has_the_digits_that_its_spread_bears(values, text):
    assert benchmark.summary(values) == text


def test_the_table_gives_mean_and_spread():
    protocol = {
        "data": "digits", "split": "test", "images": 360, "samples": 100, "features": "pixels", "weights_sha256": None,
        "versions": {"kerasgen": "1", "keras": "3"}, "backend": "jax",
    }  # fmt: skip
    values = (1.0, 2.0, 6.0)
    results = {
        "a": {str(k): {"figures": {"frechet_distance": v}, "protocol": protocol} for k, v in enumerate(values)},
        "b": {"0": {"figures": {"frechet_distance": 5.0, "precision": 0.25}, "protocol": protocol}},
    }
    text = benchmark.table(results)
    assert "| digits | Frechet distance ↓ | precision ↑ |" in text
    assert "| `a` | 3.0 ± 2.6 |  |" in text
    assert "| `b` | 5.00 | 0.250 |" in text
    assert "100 samples" in text
    other = {**protocol, "features": "random_projection"}
    results["b"]["0"]["protocol"] = other
    with pytest.raises(ValueError, match="one protocol"):
        benchmark.table(results)


def test_a_readme_without_marks_is_refused_before_training(small, tmp_path):
    (tmp_path / "README.md").write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="between the lines"):
        benchmark.run(small, 1, tmp_path / "b", tmp_path / "README.md")
    assert not (tmp_path / "b").exists()


@pytest.mark.slow
def test_disentanglement_on_shapes(tmp_path, monkeypatch):
    trained = runs.train(tiny(**{"dataset.name": "shapes", "dataset.image_size": 16}), tmp_path / "run", verbose=0)
    # The measures are tested at their own length elsewhere.
    short = {"samples": 500}
    scores = metrics.disentanglement.scores
    monkeypatch.setattr(
        metrics.disentanglement, "scores", lambda represent, source, seed: scores(represent, source, **short, seed=seed)
    )
    measured = evaluation.evaluate(trained.path, metrics=["disentanglement"])
    assert set(measured["figures"]) == set(metrics.disentanglement.BETTER)
    assert all(0 <= value <= 1 for value in measured["figures"].values())
    assert "dci" in measured["protocol"]["disentanglement"]


def test_disentanglement_needs_known_factors(run):
    with pytest.raises(ValueError, match=r"shapes\. Received: digits"):
        evaluation.evaluate(run.path, metrics=["disentanglement"])


def test_the_table_of_the_readme_is_the_benchmarks():
    root = pathlib.Path(__file__).parent.parent
    results = json.loads((root / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    assert {"autoencoder", "vae", "vae_mnist", benchmark.YARDSTICK} <= set(results)
    assert all(len(seeds) >= 3 for name, seeds in results.items() if name != benchmark.YARDSTICK)
    assert benchmark.table(results) in (root / "ZOO.md").read_text(encoding="utf-8")
    assert benchmark.table(results) == (root / "benchmarks" / "results.md").read_text(encoding="utf-8")
    # The published model is the run of its seed.
    expected = presets.expected("vae_mnist")["figures"]["negative_elbo"]
    assert round(results["vae_mnist"]["0"]["figures"]["negative_elbo"], 2) == expected


def test_the_tables_of_two_feature_spaces_are_those_of_the_results():
    root = pathlib.Path(__file__).parent.parent
    script = runpy.run_path(str(root / "benchmarks" / "two_feature_spaces.py"))
    results = json.loads(script["RESULTS"].read_text(encoding="utf-8"))
    assert set(results) == set(script["subjects"]())
    assert script["tables"](results) in (root / "ZOO.md").read_text(encoding="utf-8")
    for spaces in results.values():
        first, second = spaces.values()
        assert first["protocol"]["features"] != second["protocol"]["features"]
        same = ("data", "data_fingerprint", "split", "samples", "real_images", "seed", "sampling")
        assert [first["protocol"][key] for key in same] == [second["protocol"][key] for key in same]


def test_json_is_strict(tmp_path):
    path = evaluation.write_json(tmp_path / "m.json", {"b": float("inf"), "a": [float("nan"), 1.5, None, "x"]})
    text = path.read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {"b": None, "a": [None, 1.5, None, "x"]}
    assert text.index('"b"') < text.index('"a"')
