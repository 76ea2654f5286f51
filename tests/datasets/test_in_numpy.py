"""The batches of a set in memory without TensorFlow are those with it: order, pixels, epochs, shares, and trainings."""

import numpy as np
import pytest

import kerasgen
from kerasgen.datasets import in_numpy
from tests.conformance import EAGERLY

VARIANTS = [
    {},
    {"binarize": "dynamic", "drop_remainder": True},
    {"binarize": "threshold", "validation": 0.1},
    {"binarize": "static"},
]


def load(monkeypatch, without, count=100, **arguments):
    """The same set, to be read with TensorFlow or without."""
    monkeypatch.setattr(in_numpy, "needed", lambda in_memory: without)
    rng = np.random.default_rng(0)
    arrays = (rng.integers(0, 256, (count, 4, 4, 1), "uint8"), np.arange(count) % 3)
    data = kerasgen.datasets.load(arrays, batch_size=16, seed=5, test=0.2, **arguments)
    splits = data.train, data.validation, data.test
    return data, splits


def batches(dataset):
    return [tuple(np.asarray(part) for part in batch) for batch in dataset]


def assert_equal(first, second):
    first, second = batches(first), batches(second)
    assert len(first) == len(second)
    for ours, theirs in zip(first, second):
        for a, b in zip(ours, theirs):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("arguments", VARIANTS, ids=str)
def test_batches_are_those_of_tensorflow(monkeypatch, arguments):
    _, theirs = load(monkeypatch, False, **arguments)
    _, ours = load(monkeypatch, True, **arguments)
    for _ in range(2):  # Passes count up by themselves.
        assert_equal(ours[0], theirs[0])
    for epoch in (7, 3):
        for train in (ours[0], theirs[0]):
            train.set_epoch(epoch)
        for _ in range(2):
            assert_equal(ours[0], theirs[0])
    assert len(ours[0]) == len(theirs[0])
    assert (ours[1] is None) == (theirs[1] is None)
    for held_out, expected in zip(ours[1:], theirs[1:]):
        if held_out is not None:
            assert_equal(held_out, expected)
            assert_equal(held_out, expected)


def test_shares_are_those_of_tensorflow(monkeypatch):
    def part(rows):
        return slice(1, None, 2)

    found = []
    for without in (True, False):
        _, (train, _, test) = load(monkeypatch, without)
        shared, sizes = train.share(part)
        train.set_epoch(4)
        found.append((batches(shared), sizes, batches(test.share(part)[0])))
    assert found[0][1] == found[1][1]
    for index in (0, 2):
        assert_equal(found[0][index], found[1][index])
    with pytest.raises(ValueError, match="one image of each batch at least"):
        load(monkeypatch, True)[1][0].share(lambda rows: slice(0, 0))


def test_a_training_is_that_with_tensorflow(monkeypatch):
    """`fit` tells the epochs to both, and Keras shuffles neither."""
    histories = []
    for without in (True, False):
        data, (train, _, test) = load(monkeypatch, without)
        mlp = kerasgen.networks.mlp
        model = kerasgen.models.VAE(
            mlp.encoder(data.image_shape, 2, units=(8,), posterior="gaussian"),
            mlp.decoder(data.image_shape, 2, units=(8,)),
            seed=1,
        )
        for index, variable in enumerate(model.trainable_variables):
            variable.assign(0.1 * np.random.default_rng(index).standard_normal(variable.shape))
        model.compile({"class_name": "SGD", "config": {"learning_rate": 1e-2}}, **EAGERLY)
        histories.append(model.fit(train, validation_data=test, epochs=2, verbose=0).history)
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-5, err_msg=name)


def test_what_streams_needs_tensorflow():
    assert not in_numpy.needed(in_memory=False)
