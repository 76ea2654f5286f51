"""Shares of a training set: together they are its batches, and each reads its own images alone."""

import functools
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from tiny_sets import constant_images, identities

from kerasgen.datasets import load, splits, tfrecords

tf = pytest.importorskip("tensorflow")


def every(index, count, rows):
    """As on PyTorch: every so many-th row, or all where these are too few."""
    return slice(None) if rows < count else slice(index, None, count)


def block(index, count, rows):
    """As on JAX: rows that lie side by side, or all where they cannot be cut evenly."""
    return slice(None) if rows % count else slice(index * rows // count, (index + 1) * rows // count)


@pytest.fixture(params=["memory", "npz", "folder", "folder in memory", "shapes", "tfds", "tfds in memory"])
def kind(request, tmp_path, monkeypatch):
    """Arguments of `load` for 50 images, or a part of so many."""
    monkeypatch.setattr(splits, "SHUFFLE_BYTES", 1000)  # a few records
    monkeypatch.setattr(splits, "_BLOCK", 3)  # so that there are several, and some hold nothing of a share
    name = request.param
    kept = name.endswith("memory")
    if name == "memory":
        return {"name": constant_images()}
    if name == "npz":
        np.savez(tmp_path / "set.npz", x=constant_images(), y=np.arange(50) % 3)
        return {"name": tmp_path / "set.npz"}
    if name == "shapes":
        return {"name": "shapes", "image_size": 16, "in_memory": False, "validation": 0.99849}
    if name.startswith("folder"):
        return {"name": request.getfixturevalue("flat_folder"), "in_memory": kept}
    return {"name": "tiny", "data_dir": request.getfixturevalue("tfds_dir"), "in_memory": kept}


def assert_together(dataset, part, count):
    """The shares of a data set of one order, each in its place, are its batches."""
    batches = list(dataset.as_numpy_iterator())
    joined = [tuple(np.full_like(array, 77) for array in batch) for batch in batches]
    for index in range(count):  # all in this process, one after the other
        own, sizes = dataset.share(functools.partial(part, index, count))
        assert sizes == [len(labels) for _, labels in batches]
        assert len(own) == len(sizes)
        assert own.options().autotune.enabled is False
        shares = list(own.as_numpy_iterator())
        assert len(shares) == len(sizes)
        for whole, share in zip(joined, shares):
            rows = part(index, count, len(whole[1]))
            for array, values in zip(whole, share):
                assert len(array[rows]) == len(values)
                array[rows] = values
    for whole, batch in zip(joined, batches):
        for array, values in zip(whole, batch):
            np.testing.assert_array_equal(array, values)


@pytest.mark.parametrize(
    ("part", "batch_size", "drop_remainder", "binarize"),
    [
        (every, 8, False, "dynamic"),  # The last batch has 2 images: too few to cut in three.
        (every, 8, True, None),
        (block, 18, False, None),  # The last batch has 14: whole where three share it, and more than a third of 18.
        (block, 18, True, "dynamic"),
    ],
)
def test_shares_together_are_the_batches_of_each_epoch(kind, part, batch_size, drop_remainder, binarize):
    data = load(**kind, batch_size=batch_size, seed=5, drop_remainder=drop_remainder, binarize=binarize)
    assert data.sizes["train"] == 50
    for epoch, count in ((1, 2), (0, 3)):
        data.train.set_epoch(epoch)
        assert_together(data.train, part, count)


def test_shares_of_held_out_splits_and_of_what_they_leave(tiny):
    data = load(**tiny, batch_size=9, validation=0.3, test=0.2, binarize="threshold")
    data.train.set_epoch(3)
    for dataset in (data.train, data.validation, data.test):
        assert_together(dataset, block, 2)


def test_a_share_follows_the_epochs_of_its_set(tiny):
    data, alone = (load(**tiny, batch_size=8, seed=5) for _ in range(2))
    own, _ = data.train.share(functools.partial(every, 1, 2))
    counted, _ = alone.train.share(functools.partial(every, 1, 2))
    passes = []
    for epoch in range(2):
        data.train.set_epoch(epoch)
        passes.append(identities(own))
        assert identities(own) == passes[-1]  # until another is set
    assert passes[0] != passes[1]
    assert [identities(counted) for _ in range(2)] == passes  # by itself it counts up


def test_a_share_has_batches_of_a_known_size_where_they_are_alike(tiny):
    data = load(**tiny, batch_size=8, drop_remainder=True)
    own, _ = data.train.share(functools.partial(every, 0, 2))
    assert own.element_spec[0].shape == (4, *data.image_shape)


def test_part_is_asked_for_the_two_sizes_only(tiny):
    asked = []
    load(**tiny, batch_size=8).train.share(lambda rows: asked.append(rows) or slice(None))
    assert set(asked) == {8, 2}


def test_a_share_without_images_is_refused(tiny):
    with pytest.raises(ValueError, match=r"one image of each batch at least.*Received: none of 2"):
        load(**tiny, batch_size=8).train.share(lambda rows: slice(2, None, 3))


def test_of_a_folder_only_own_files_are_opened(flat_folder, monkeypatch):
    data = load(flat_folder, batch_size=8, in_memory=False)
    data.train.set_epoch(4)
    expected = [
        {k for start in range(0, 50, 8) for k in order[start : start + 8][index::2]}
        for order in [identities(data.train)]
        for index in range(2)
    ]
    opened = []
    original = splits.read_image
    monkeypatch.setattr(splits, "read_image", lambda path, channels: opened.append(path) or original(path, channels))
    for index in range(2):
        opened.clear()
        list(data.train.share(functools.partial(every, index, 2))[0])
        assert len(opened) == 25
        assert {int(Path(path).stem) for path in opened} == expected[index]


def test_of_records_only_own_ones_are_read(tfds_dir, tmp_path):
    folder = shutil.copytree(tfds_dir, tmp_path / "sets")
    data = load("tiny", data_dir=folder, batch_size=8, in_memory=False)
    data.train.set_epoch(4)
    order = identities(data.train)
    own = {k for start in range(0, 50, 8) for k in order[start : start + 8][1::2]}
    number = 0
    for path in sorted((folder / "tiny" / "1.0.0").glob("tiny-train*")):  # Of the records of others leave the lengths.
        content, start = bytearray(path.read_bytes()), 0
        while start < len(content):
            stop = start + 16 + struct.unpack("<Q", content[start : start + 8])[0]
            if number not in own:
                content[start + 8 : stop] = bytes(stop - start - 8)
            start, number = stop, number + 1
        path.write_bytes(content)
    share, _ = data.train.share(functools.partial(every, 1, 2))
    assert set(identities(share)) == own
    with pytest.raises(tf.errors.DataLossError):
        identities(data.train)


def test_single_records_are_those_of_tensorflow(tfds_dir):
    files = sorted(map(str, Path(tfds_dir).glob("tiny/1.0.0/tiny-train*")))
    records = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    read = tfrecords.Reader(files, [17, 17, 16])
    for numbers in ([49, 0, 16, 17, 33, 34, 5], []):
        assert read(numbers).tolist() == [records[number] for number in numbers]


@pytest.mark.parametrize("damage", [lambda content: content[:-3], lambda content: content + bytes(12)])
def test_a_file_that_does_not_hold_its_records_is_refused(tfds_dir, tmp_path, damage):
    path = tmp_path / "damaged"
    path.write_bytes(damage(next(Path(tfds_dir).glob("tiny/1.0.0/tiny-train*0-of*")).read_bytes()))
    with pytest.raises(ValueError, match="should hold 17 whole records and no more"):
        tfrecords.Reader([str(path)], [17])([0])
