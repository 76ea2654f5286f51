"""Sets of TensorFlow Datasets: a tiny one in its format, and the real ones where they are."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from tiny_sets import constant_images, identities

from kerasgen.datasets import list_names, load
from kerasgen.datasets.sources.embedded import EMBEDDED

pytest.importorskip("tensorflow_datasets")
real = os.environ.get("TFDS_DATA_DIR", "")


def needs(name):
    there = bool(real) and (Path(real) / name).is_dir()
    return pytest.mark.skipif(not there, reason=f"TFDS_DATA_DIR has no {name}")


def test_validation_serves_as_test_where_it_is_all_there_is(tfds_dir):
    data = load("tiny", data_dir=tfds_dir)
    assert data.sizes == {"train": 50, "validation": 0, "test": 10}
    assert data.validation is None
    assert (data.image_shape, data.name) == ((6, 6, 3), "tiny")
    np.testing.assert_array_equal(data.arrays("test")[0], constant_images(10) / np.float32(255))


@pytest.mark.parametrize("in_memory", [True, False])
def test_validation_is_held_out_across_files(tfds_dir, in_memory):
    # 40 % of three files of 17, 17 and 16 records: the last and a part of the second.
    data = load("tiny", data_dir=tfds_dir, validation=0.4, in_memory=in_memory, batch_size=7)
    assert sorted(identities(data.train)) == list(range(30))
    assert identities(data.validation) == list(range(30, 50))
    np.testing.assert_array_equal(data.arrays("validation", count=3)[0][:, 0, 0, 0] * 255, [30, 31, 32])


def test_labels(tfds_dir):
    index = np.arange(50)
    data = load("tiny", data_dir=tfds_dir)  # its only class
    assert (data.class_names, data.num_classes) == (["even", "odd"], 2)
    np.testing.assert_array_equal(data.arrays("train")[1], index % 2)
    data = load("tiny", data_dir=tfds_dir, label="Smiling")
    assert data.class_names == ["not Smiling", "Smiling"]
    np.testing.assert_array_equal(data.arrays("train")[1], index % 3 == 0)
    assert load("tiny", data_dir=tfds_dir, label="attributes/Hat").class_names[1] == "Hat"
    with pytest.raises(
        ValueError, match=r"It has: attributes/Hat, attributes/Smiling, kind. Received: label='Frowning'"
    ):
        load("tiny", data_dir=tfds_dir, label="Frowning")


def test_several_labels_combine(tfds_dir):
    index = np.arange(50)
    data = load("tiny", data_dir=tfds_dir, label=["Smiling", "kind", "Hat"])
    assert data.class_names[:2] == ["not Smiling, even, not Hat", "not Smiling, even, Hat"]
    assert data.num_classes == 8 and data.class_names[6] == "Smiling, odd, not Hat"
    expected = 4 * (index % 3 == 0) + 2 * (index % 2)
    np.testing.assert_array_equal(data.arrays("train")[1], expected)
    streamed = load("tiny", data_dir=tfds_dir, label=["Smiling", "kind", "Hat"], in_memory=False)
    labels = np.concatenate([labels for _, labels in streamed.batches("train", 7)])
    np.testing.assert_array_equal(labels, expected)
    with pytest.raises(ValueError, match="combine to 10,000 classes at most"):
        load("tiny", data_dir=tfds_dir, label=["kind"] * 14)


def test_unknown_names_get_the_nearest_ones(tmp_path):
    for wrong, right in (("mnits", "mnist"), ("celeba", "celeb_a"), ("cifar-10", "cifar10"), ("emnst", "emnist")):
        with pytest.raises(ValueError, match=f"No image set has this name.*{right}.*Received: '{wrong}'"):
            load(wrong, data_dir=str(tmp_path))
    with pytest.raises(ValueError, match="No image set has this name, and no folder this path"):
        load("photos/of last summer", data_dir=str(tmp_path))


def test_an_unknown_config_gets_those_that_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"no such config or version. It has: .*imagenette/160px-v2"):
        load("imagenette/16px", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match=r"no such config or version. It has: no configs"):
        load("mnist:1.2.3", data_dir=str(tmp_path))


def test_a_missing_download_says_what_to_do(tmp_path):
    message = re.escape(f"cifar10 is not at {tmp_path}") + ".*Pass download=True.*data_dir= or TFDS_DATA_DIR"
    with pytest.raises(ValueError, match=message):
        load("cifar10", data_dir=str(tmp_path))
    assert not list(tmp_path.iterdir())  # nothing was fetched


def test_a_known_name_wins_over_a_folder(tmp_path, monkeypatch, flat_folder):
    monkeypatch.chdir(tmp_path)
    Path("mnist").symlink_to(flat_folder)
    with pytest.raises(ValueError, match="Pass download=True"):
        load("mnist", data_dir=str(tmp_path / "none"))
    assert load("./mnist").sizes["train"] == 50


def test_listed_names_are_names_of_tfds():
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    embedded = {entry.name for entry in list_names() if entry.source.startswith("embedded")}
    assert embedded == set(EMBEDDED)
    assert {entry.name.split("/")[0] for entry in list_names()} - embedded <= set(known)


@needs("mnist")
def test_mnist():
    data = load("mnist", batch_size=100)
    assert data.sizes == {"train": 60000, "validation": 0, "test": 10000}
    assert (data.image_shape, data.num_classes, data.stored_size) == ((28, 28, 1), 10, None)
    images, labels = data.arrays("test")
    # Of the original files.
    np.testing.assert_array_equal(np.bincount(labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
    assert abs(images.mean() - 0.1325) < 1e-4
    np.testing.assert_array_equal(next(iter(data.test))[0], images[:100])


@needs("imagenette/160px-v2")
def test_imagenette():
    data = load("imagenette/160px-v2", image_size=64, batch_size=16, in_memory=False)
    assert data.sizes == {"train": 9469, "validation": 0, "test": 3925}
    assert (data.image_shape, data.class_names[0]) == ((64, 64, 3), "tench")
    low, _, high = data.stored_size.partition(" to ")
    assert all(int(number) >= 64 for end in (low, high or low) for number in end.split("x"))
    images, labels = data.arrays("test", count=40)
    assert images.shape == (40, 64, 64, 3) and 0 <= images.min() < 0.1 and 0.9 < images.max() <= 1
    batch, batch_labels = next(iter(data.test))
    np.testing.assert_array_equal(batch, images[:16])
    np.testing.assert_array_equal(batch_labels, labels[:16])


@needs("imagenette/160px-v2")
def test_a_missing_config_names_those_on_disk():
    with pytest.raises(ValueError, match=r"There is .*imagenette/160px-v2"):
        load("imagenette")
