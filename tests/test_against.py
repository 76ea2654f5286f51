"""What `evaluate` compares with: folders of any sizes, and statistics in the place of images."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from kerasgen import datasets, evaluation, presets, runs


def pictures(folder, sizes, seed):
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number, size in enumerate(sizes):
        small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), "uint8"))
        small.resize(size).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("folders")
    mixed = [(12, 8), (8, 12), (16, 16)] * 10
    return pictures(root / "a", mixed, seed=0), pictures(root / "b", [(20, 20)] * 30, seed=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = {**presets.get("gan"), "epochs": 1, "pictures_every": 9, "jit_compile": keras.backend.backend() == "jax"}
    config["networks"] = {name: {"builder": f"mlp.{name}", "units": [4]} for name in ("generator", "discriminator")}
    config["dataset"] = {"name": "digits", "batch_size": 480}
    return runs.train(config, tmp_path_factory.mktemp("runs") / "run", verbose=0)


def test_two_folders_of_any_sizes_are_read_alike(folders):
    first, second = folders
    with pytest.raises(ValueError, match="image_size"):
        evaluation.evaluate(first, against=second, metrics="precision_recall")
    asked = {"image_size": 8, "crop": True, "channels": 1}
    found = evaluation.evaluate(first, against=second, metrics="precision_recall", **asked)
    assert found["protocol"]["data_config"].items() >= asked.items()
    assert (found["protocol"]["images"], found["protocol"]["samples"]) == (30, 30)
    again = evaluation.evaluate(first, against=datasets.load(str(second), **asked), metrics=["precision_recall"])
    assert found["figures"] == again["figures"]
    # A folder against itself, read in one way.
    same = evaluation.evaluate(first, against=first, metrics="frechet_distance", image_size=4, crop=True)
    same = same["figures"]
    assert same["frechet_distance"] == pytest.approx(0, abs=1e-5)


def test_stored_arrays_are_read_at_the_size_that_is_asked_for(tmp_path, folders):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((20, 16, 16, 3)).astype("float32"))
    found = evaluation.evaluate(tmp_path / "x.npy", against=folders[1], metrics="precision_recall", image_size=8)
    assert found["protocol"]["samples"] == 20


def test_the_images_of_a_run_are_read_as_it_was_trained(run, folders):
    for arguments in ((run.path,), (folders[0], run.path)):
        with pytest.raises(ValueError, match=r"as they were before\. Received: {'image_size': 4}"):
            evaluation.evaluate(*arguments, image_size=4)


# ---- statistics


@pytest.mark.filterwarnings("ignore:.*images for 64 features")
def test_against_the_statistics_of_images_is_as_against_the_images(run, tmp_path):
    file = tmp_path / "digits.npz"
    arguments = {"metrics": ["frechet_distance"], "features": "pixels", "samples": 200}
    images = evaluation.evaluate(run.path, statistics=file, output=tmp_path / "a.json", **arguments)
    found = evaluation.evaluate(run.path, against=file, samples=200, output=tmp_path / "b.json")
    assert found["figures"] == pytest.approx(images["figures"], rel=1e-6)
    assert list(found["figures"]) == ["frechet_distance"]
    said = found["protocol"]
    assert (said["data"], said["split"], said["images"], said["features"]) == ("digits", "test", 360, "pixels")
    assert (said["samples"], said["statistics"]) == (200, str(file))
    assert "not_known_of_the_real_images" not in said
    assert json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["figures"] == found["figures"]
    # Images alone need no more.
    evaluation.evaluate("digits", against=file, samples=100, output=tmp_path / "c.json")


@pytest.mark.filterwarnings("ignore:.*images for 64 features")
def test_the_statistics_of_others_say_less(run, tmp_path):
    """`mu` and `sigma` alone, as the FID's own programs write them."""
    images = datasets.load("digits").arrays("test")[0].reshape(360, -1).astype("float64")
    file = tmp_path / "theirs.npz"
    np.savez(file, mu=images.mean(axis=0), sigma=np.cov(images, rowvar=False))
    ours = evaluation.write_statistics(tmp_path / "ours.npz", datasets.load("digits"), "pixels")
    with np.load(ours) as kept, np.load(file) as theirs:
        np.testing.assert_allclose(kept["mu"], theirs["mu"], atol=1e-6)
        np.testing.assert_allclose(kept["sigma"], theirs["sigma"], atol=1e-6)
    values = []
    for against in (file, ours):
        found = evaluation.evaluate(run.path, against, samples=90, features="pixels", output=tmp_path / "m.json")
        values.append(found["figures"]["frechet_distance"])
        unknown = [] if against == ours else ["count", "features", "weights_sha256", "data", "split"]
        assert found["protocol"].get("not_known_of_the_real_images", []) == unknown
    assert values[0] == pytest.approx(values[1], rel=1e-4)
    assert found["protocol"]["samples"] == 90


def test_statistics_that_do_not_fit_are_refused(run, tmp_path, monkeypatch):
    ours = evaluation.write_statistics(tmp_path / "ours.npz", datasets.load("digits"), "pixels")
    bad = tmp_path / "bad.npz"
    np.savez(bad, mu=np.zeros(4), sigma=np.zeros((3, 3)))
    for arguments, message in (
        ({"against": ours, "metrics": ["precision_recall"]}, "Frechet distance alone.*precision_recall"),
        ({"against": ours, "split": "train"}, "Frechet distance alone.*split='train'"),
        ({"against": ours, "statistics": tmp_path / "x.npz"}, "Frechet distance alone.*statistics="),
        ({"against": ours, "features": "random_projection"}, "are of the features pixels.*Received: random_projection"),
        ({"against": bad}, r"mean `mu` \(d,\).*Received: float64 \(4,\) and float64 \(3, 3\) in .*bad.npz"),
        ({"statistics": tmp_path / "x.json"}, r"ends in \.npz"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            evaluation.evaluate(run.path, samples=90, output=tmp_path / "m.json", **arguments)
        assert "\n" not in str(error.value)
    whole = ours.read_bytes()
    for content in (whole[: len(whole) // 2], b"", whole[:2000] + bytes([whole[2000] ^ 255]) + whole[2001:]):
        bad.write_bytes(content)
        for read in (evaluation.read_statistics, lambda path: evaluation.evaluate(run.path, against=path)):
            with pytest.raises(ValueError, match=r"cannot be read as a \.npz file.*Received: .*bad\.npz$") as error:
                read(bad)
            assert "\n" not in str(error.value)
    for arrays, message in (
        ({"mu": np.full(3, "a"), "sigma": np.zeros((3, 3))}, r"mean `mu` \(d,\).*Received: <U1 \(3,\).*bad.npz"),
        ({"mu": np.zeros(3), "sigma": np.eye(3), "count": [1, 2]}, "file of statistics is damaged.*bad.npz"),
    ):
        np.savez(bad, **arrays)
        with pytest.raises(ValueError, match=message):
            evaluation.read_statistics(bad)
    monkeypatch.setenv("KERASGEN_NPZ_GIB", "0.001")
    np.savez_compressed(bad, mu=np.zeros(500), sigma=np.zeros((500, 500)))
    with pytest.raises(ValueError, match=r"unpacks to .* above the limit.*bad\.npz$"):
        evaluation.read_statistics(bad)
    assert evaluation.read_statistics("digits") is None and evaluation.read_statistics(tmp_path) is None
