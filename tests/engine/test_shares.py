"""Where several processes train a model, what reads its own share gives the rows that cutting whole batches gives."""

import types

import keras
import numpy as np
import pytest

from kerasgen import datasets
from kerasgen.engine import processes, replicas, sharing

pytest.importorskip("tensorflow")


@pytest.fixture
def process(monkeypatch):
    """A function that makes this process one of several."""

    def become(index, count):
        monkeypatch.setattr(processes, "process", lambda: index)
        monkeypatch.setattr(processes, "processes", lambda: count)
        monkeypatch.setattr(replicas, "index", lambda: index)
        monkeypatch.setattr(replicas, "count", lambda: count)
        mesh = types.SimpleNamespace(devices=np.zeros(count))
        monkeypatch.setattr(sharing._PLACING, "distribution", types.SimpleNamespace(device_mesh=mesh))

    monkeypatch.setattr(processes, "of_first", lambda array: array)
    return become


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("least", [1, 2])
def test_own_rows_are_those_of_whole_batches(process, count, least):
    data = datasets.load("digits", batch_size=256, seed=2)  # 1,437: the last has 157, the last of test 104
    model = types.SimpleNamespace(least_images=least)
    for dataset in (data.train, data.test):
        data.train.set_epoch(1)
        whole = [labels for _, labels in dataset.as_numpy_iterator()]
        places = [np.full(len(labels), -1) for labels in whole]
        for index in range(count):
            process(index, count)
            own = sharing.share(model, dataset, None, None, None, None)
            cut = sharing.share(model, dataset.map(lambda *batch: batch), None, None, None, None)
            assert own.num_batches == len(whole)
            for k, (first, second) in enumerate(zip(own._batches(), cut._batches(), strict=True)):
                assert first[0] == second[0] == len(whole[k])
                for array, same in zip(first[1], second[1], strict=True):
                    np.testing.assert_array_equal(array, same)
                places[k][sharing._part(first[0], least)] = first[1][1]
        for labels, joined in zip(whole, places):
            np.testing.assert_array_equal(labels, joined)


def test_what_cannot_be_cut_all_have(process):
    process(1, 3)
    blocks = keras.backend.backend() == "jax"
    assert sharing._part(12, 2) == (slice(4, 8) if blocks else slice(1, None, 3))
    assert sharing._part(10, 2) == (slice(None) if blocks else slice(1, None, 3))
    assert sharing._part(5, 2) == slice(None)
    assert sharing._part(2, 1) == slice(None)


def test_class_weights_weigh_own_rows(process):
    process(1, 2)
    data = datasets.load("digits", batch_size=256)
    model = types.SimpleNamespace(least_images=1)
    weights = {label: 1.0 + label for label in range(10)}
    own = sharing.share(model, data.test, None, None, None, None, class_weight=weights)
    for _, (_, labels, weight) in own._batches():
        np.testing.assert_array_equal(weight, 1.0 + labels)


def test_one_process_reads_whole_batches(process, monkeypatch):
    process(0, 1)
    data = datasets.load("digits", batch_size=256)
    monkeypatch.setattr(data.test, "share", None)  # is not called
    shared = sharing.share(types.SimpleNamespace(least_images=1), data.test, None, None, None, None)
    assert [rows for rows, _ in shared._batches()] == [256, 104]
