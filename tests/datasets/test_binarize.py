"""Binary images: the threshold, and Bernoulli draws that depend on (seed, epoch, index) alone."""

import json

import numpy as np
import pytest

from kerasgen import presets, runs
from kerasgen.datasets import load, loading, randomness

GREY = np.tile(np.float32([0.0, 0.3, 0.5, 1.0]).reshape(1, 1, 4, 1), (200, 16, 1, 1))


def by_label(batches):
    """The images of a pass, sorted by label."""
    images, labels = (np.concatenate(parts) for parts in zip(*((x.numpy(), y.numpy()) for x, y in batches)))
    return images[np.argsort(labels)]


def test_threshold():
    images = load(GREY, binarize="threshold").arrays("train")[0]
    np.testing.assert_array_equal(images, GREY > 0.5)


@pytest.mark.parametrize("binarize", ["static", "dynamic"])
def test_draws_have_the_probability_that_the_value_says(binarize):
    images = load(GREY, binarize=binarize).arrays("train")[0]
    assert set(np.unique(images)) == {0.0, 1.0}
    mean = images.mean((0, 1, 3))
    assert mean[0] == 0 and mean[3] == 1
    # Five standard errors of 3,200 draws.
    np.testing.assert_allclose(mean[1:3], [0.3, 0.5], atol=5 * 0.5 / np.sqrt(3200))


def test_draws_of_epochs_seeds_images_and_pixels_are_independent():
    half = np.full((400, 8, 8, 1), 0.5, "float32")
    index = np.arange(400)
    draws = randomness.bernoulli(half, index, seed=1, epoch=1)
    others = [
        randomness.bernoulli(half, index, seed=1, epoch=2),
        randomness.bernoulli(half, index, seed=2, epoch=1),
        np.roll(draws, 1, axis=0),
        np.roll(draws, 1, axis=2),
    ]
    for other in others:
        agreement = (draws == other).mean()
        assert abs(agreement - 0.5) < 5 * 0.5 / np.sqrt(draws.size)


def test_an_image_is_drawn_alike_in_any_batch():
    images = np.random.default_rng(0).random((10, 5, 7, 3), "float32")
    whole = randomness.bernoulli(images, np.arange(10), seed=3, epoch=4)
    order = [7, 2, 9]
    np.testing.assert_array_equal(randomness.bernoulli(images[order], order, seed=3, epoch=4), whole[order])


def test_batches_are_drawn_anew_each_epoch_and_test_never():
    pytest.importorskip("tensorflow")
    labels = np.arange(200)

    def data(**arguments):
        return load((GREY, labels), test=0.2, binarize="dynamic", **arguments)

    first, second = data(batch_size=64, seed=1), data(batch_size=33, seed=1)
    epochs = [by_label(first.train) for _ in range(2)]
    assert (epochs[0] != epochs[1]).any()
    second.train.set_epoch(1)
    np.testing.assert_array_equal(by_label(second.train), epochs[1])
    np.testing.assert_array_equal(first.arrays("train")[0], epochs[0])

    test = by_label(first.test)
    np.testing.assert_array_equal(by_label(first.test), test)
    np.testing.assert_array_equal(first.arrays("test")[0], test)
    np.testing.assert_array_equal(by_label(data(seed=5).test), test)


@pytest.mark.parametrize("binarize", ["threshold", "static"])
def test_fixed_batches_are_the_fixed_arrays(binarize):
    pytest.importorskip("tensorflow")
    labels = np.arange(200)
    data = load((GREY, labels), test=0.2, binarize=binarize, batch_size=64, seed=1)
    other = load((GREY, labels), test=0.2, binarize=binarize, batch_size=33, seed=2)
    for split in ("train", "test"):
        expected = data.arrays(split)[0]
        np.testing.assert_array_equal(other.arrays(split)[0], expected)
        for batches in (getattr(data, split), getattr(data, split), getattr(other, split)):  # two epochs
            np.testing.assert_array_equal(by_label(batches), expected)
        assert data.fingerprint(split) == other.fingerprint(split)


def test_static_draws_of_splits_differ():
    half = np.full((400, 8, 8, 1), 0.5, "float32")
    data = load(((half, None), (half, None)), binarize="static")
    agreement = (data.arrays("train")[0] == data.arrays("test")[0]).mean()
    assert abs(agreement - 0.5) < 5 * 0.5 / np.sqrt(half.size)


@pytest.mark.parametrize("binarize", ["static", "dynamic"])
def test_draws_of_held_out_splits_differ(binarize):
    """And those of test are what they were, since published figures are of them."""
    half = np.full((800, 8, 8, 1), 0.5, "float32")
    data = load(((half, None), (half[:400], None)), binarize=binarize, validation=0.5)
    validation, test = (data.arrays(split)[0] for split in ("validation", "test"))
    assert abs((validation == test).mean() - 0.5) < 5 * 0.5 / np.sqrt(test.size)
    np.testing.assert_array_equal(test, randomness.bernoulli(half[:400], np.arange(400), 0, 2**62))


def test_static_draws_are_the_same_on_each_machine():
    images = load(np.full((2, 2, 4), 0.5, "float32"), binarize="static").arrays("train")[0]
    assert ["".join(map(str, image.ravel().astype(int))) for image in images] == ["00100111", "00100110"]


def test_the_new_meaning_of_static_is_told_once():
    loading._tell_of_static.cache_clear()
    with pytest.warns(UserWarning, match='what is now binarize="threshold"') as warned:
        for _ in range(2):
            load(GREY, binarize="static")
    assert len(warned) == 1


def test_fingerprints_tell_the_ways_apart():
    ways = [None, "threshold", "static", "dynamic"]
    for split in ("train", "test"):
        assert len({load(GREY, test=0.1, binarize=way).fingerprint(split) for way in ways}) == 4


def test_static_in_runs_of_former_versions_is_the_threshold(tmp_path):
    config = {**presets.get("vae"), "dataset": {"name": "digits", "batch_size": 64, "binarize": "static"}}
    for environment, meaning in (({}, "threshold"), ({"format": runs.folder.FORMAT}, "static")):
        (tmp_path / "config.json").write_text(json.dumps({**config, "environment": environment}), encoding="utf-8")
        assert runs.data_of(tmp_path).config["binarize"] == meaning
