"""The order of epoch k depends on the seed and k alone, and every image comes once."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from tiny_sets import as_code, constant_images, identities

from kerasgen.datasets import load, splits

pytest.importorskip("tensorflow")


def test_every_image_comes_once_an_epoch_with_the_last_partial_batch(tiny):
    data = load(**tiny, batch_size=8)
    sizes = [len(label) for _, label in data.train]
    assert sizes == [8] * 6 + [2]
    assert len(data.train) == 7  # known beforehand, so that Keras shows a progress bar
    for _ in range(2):
        assert sorted(identities(data.train)) == list(range(50))


def test_drop_remainder_drops_the_partial_batch_and_fixes_the_batch_size(tiny):
    data = load(**tiny, batch_size=8, drop_remainder=True)
    assert [len(label) for _, label in data.train] == [8] * 6
    assert len(data.train) == 6
    assert data.train.element_spec[0].shape == (8, *data.image_shape)


def test_nothing_is_waited_for_when_a_pass_ends(tiny):
    # The thread of tf.data's autotuning would be, for as long again as the pass took; also of what is made of a split.
    data = load(**tiny, batch_size=8, validation=0.2)
    for split in (data.train, data.validation, data.train.map(lambda images, _: (images, images))):
        assert split.options().autotune.enabled is False


def test_order_of_an_epoch_is_given_by_seed_and_epoch(tiny):
    whole = load(**tiny, batch_size=8, seed=3)
    passes = [identities(whole.train) for _ in range(3)]
    assert passes[0] != passes[1] != passes[2] != passes[0]
    assert passes[0] != sorted(passes[0])

    keras.utils.set_random_seed(99)  # the process's own random state plays no part
    resumed = load(**tiny, batch_size=50, seed=3)  # nor does the batch size
    for epoch in (2, 2, 0):  # an epoch that was set stays until the next is
        resumed.train.set_epoch(epoch)
        assert identities(resumed.train) == passes[epoch]
    assert identities(resumed.train) == passes[0]
    assert identities(load(**tiny, seed=4).train) not in passes


@pytest.mark.slow
def test_a_new_process_sees_the_same_order_and_the_same_pixels(flat_folder):
    sources = [
        {"name": constant_images(), "binarize": "dynamic"},
        {"name": str(flat_folder), "in_memory": False},
    ]
    code = "import numpy, sys; from kerasgen.datasets import load\n"
    code += "def show(data):\n    data.train.set_epoch(5)\n"
    code += "    for image, _ in data.train: print(image.numpy().sum((1, 2, 3)))\n"
    here = []
    for arguments in sources:
        data = load(**arguments, batch_size=50, seed=7)
        data.train.set_epoch(5)
        here.extend(image.numpy().sum((1, 2, 3)) for image, _ in data.train)
        code += f"show(load(**{as_code(arguments)}, batch_size=50, seed=7))\n"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == "\n".join(map(str, here)).split()


def test_held_out_splits_keep_their_order(tiny):
    data = load(**tiny, batch_size=8, validation=0.2, test=0.1)
    for split in (data.validation, data.test):
        order = identities(split)
        assert order == sorted(order) == identities(split)
    parts = [identities(split) for split in (data.train, data.validation)]
    assert not set(parts[0]) & set(parts[1])
    assert len(parts[1]) == 10 == data.sizes["validation"]


def test_streams_give_what_memory_holds(flat_folder, tfds_dir):
    for arguments in ({"name": str(flat_folder)}, {"name": "tiny", "data_dir": tfds_dir}):
        memory, stream = (
            load(**arguments, batch_size=8, image_size=5, validation=0.1, in_memory=kept) for kept in (True, False)
        )
        for first, second in zip(memory.validation, stream.validation):
            np.testing.assert_array_equal(first[0], second[0])
            np.testing.assert_array_equal(first[1], second[1])
        for first, second in zip(memory.arrays("train"), stream.arrays("train")):
            np.testing.assert_array_equal(first, second)


def test_batches_are_the_arrays(tiny):
    data = load(**tiny, batch_size=50)
    images, labels = data.arrays("train")
    batch, batch_labels = next(iter(data.train))
    order = np.argsort(batch.numpy()[:, 0, 0, 0])
    np.testing.assert_array_equal(batch.numpy()[order], images)
    np.testing.assert_array_equal(batch_labels.numpy()[order], labels)
    assert images.dtype == "float32" and labels.dtype == "int32"


def test_a_stream_reads_only_what_is_asked_for(flat_folder, tfds_dir, monkeypatch):
    def forbidden(self):
        raise AssertionError("a stream was decoded whole")

    folder = load(str(flat_folder), batch_size=2, in_memory=False)
    tiny = load("tiny", batch_size=2, data_dir=tfds_dir, in_memory=False)
    monkeypatch.setattr(splits.Files, "decode", forbidden)
    monkeypatch.setattr(splits.Records, "decode", forbidden)
    read = []
    original = splits.read_image
    monkeypatch.setattr(splits, "read_image", lambda path, channels: read.append(path) or original(path, channels))
    next(iter(folder.train))
    assert 2 <= len(read) < 50
    assert len(identities(tiny.train)) == 50


def test_sets_above_the_limit_stream(flat_folder, monkeypatch):
    from kerasgen.datasets import loading

    size = 50 * 6 * 6 * 3
    monkeypatch.setattr(loading, "MEMORY_BYTES", size)
    assert isinstance(load(flat_folder)._split("train"), splits.Memory)
    monkeypatch.setattr(loading, "MEMORY_BYTES", size - 1)
    assert isinstance(load(flat_folder)._split("train"), splits.Files)
    assert isinstance(load(flat_folder, image_size=5)._split("train"), splits.Memory)  # what counts is the decoded size
