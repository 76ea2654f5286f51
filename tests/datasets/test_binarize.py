"""Binary images: the threshold, and Bernoulli draws that depend on (seed, epoch, index) alone."""

import numpy as np
import pytest

from kerasgen.datasets import load, randomness

GREY = np.tile(np.float32([0.0, 0.3, 0.5, 1.0]).reshape(1, 1, 4, 1), (200, 16, 1, 1))


def by_label(batches):
    """The images of a pass, sorted by label."""
    images, labels = (np.concatenate(parts) for parts in zip(*((x.numpy(), y.numpy()) for x, y in batches)))
    return images[np.argsort(labels)]


def test_static_is_a_threshold():
    images = load(GREY, binarize="static").arrays("train")[0]
    np.testing.assert_array_equal(images, GREY > 0.5)


def test_dynamic_draws_have_the_probability_that_the_value_says():
    images = load(GREY, binarize="dynamic").arrays("train")[0]
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


def test_static_batches_are_the_static_arrays():
    pytest.importorskip("tensorflow")
    data = load("digits", binarize="static", batch_size=100)
    np.testing.assert_array_equal(np.concatenate([x for x, _ in data.test]), data.arrays("test")[0])
