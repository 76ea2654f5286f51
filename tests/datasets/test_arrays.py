"""Arrays, `.npz` files and the embedded digits."""

import json
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from tiny_sets import constant_images

from kerasgen.datasets import Data, load

IMAGES = np.random.default_rng(0).random((20, 6, 5, 3), "float32")
LABELS = np.arange(20) % 4


def test_digits_are_the_embedded_set():
    data = load("digits")
    assert isinstance(data, Data)
    assert data.sizes == {"train": 1437, "validation": 0, "test": 360}
    assert (data.image_shape, data.num_classes, data.class_names[3]) == ((8, 8, 1), 10, "3")
    parts = [data.arrays(split) for split in ("train", "test")]
    bunch = load_digits()
    np.testing.assert_array_equal(np.concatenate([x for x, _ in parts])[..., 0], bunch.images / 16)
    np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), bunch.target)
    assert np.bincount(parts[1][1]).min() >= 30  # the test split holds all classes alike
    assert repr(data) == "<Data digits: 8x8x1, train 1,437, test 360, 10 classes>"


def test_iris_is_a_table_of_rows():
    data = load("iris")
    assert (data.image_shape, data.class_names) == ((1, 4, 1), ["setosa", "versicolor", "virginica"])
    (rows, labels), (held_out, others) = data.arrays("train"), data.arrays("test")
    assert np.bincount(labels).tolist() == [40] * 3 and np.bincount(others).tolist() == [10] * 3
    # Each column goes from 0 to 1 on the training rows; a held-out one stays in between.
    np.testing.assert_array_equal(rows.min(axis=0).ravel(), np.zeros(4))
    np.testing.assert_array_equal(rows.max(axis=0).ravel(), np.ones(4))
    assert held_out.min() >= 0 and held_out.max() <= 1
    # The fifth flower of the table: 5.0, 3.6, 1.4 and 0.2 cm; lengths of sepals of the training rows: 4.3 to 7.9.
    assert held_out[0, 0, 0, 0] == pytest.approx((5.0 - 4.3) / (7.9 - 4.3), abs=1e-6)


def test_digits_at_another_size():
    images = load("digits", image_size=28).arrays("test")[0]
    assert images.shape == (360, 28, 28, 1) and images.min() >= 0 and images.max() <= 1
    np.testing.assert_allclose(images.mean(), load("digits").arrays("test")[0].mean(), rtol=0.05)


def test_validation_is_the_last_part_of_train():
    data = load("digits", validation=0.1)
    assert data.sizes == {"train": 1293, "validation": 144, "test": 360}
    whole = load("digits").arrays("train")[0]
    np.testing.assert_array_equal(data.arrays("train")[0], whole[:1293])
    np.testing.assert_array_equal(data.arrays("validation")[0], whole[1293:])
    assert load("digits", test=0.5).sizes["test"] == 360  # a split that the set brings stays as it is


def test_arrays_with_and_without_labels():
    images, labels = load((IMAGES, LABELS)).arrays("train")
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    assert load((IMAGES, LABELS)).num_classes == 4
    assert load((IMAGES, LABELS[:, None])).num_classes == 4
    unlabelled = load(IMAGES)
    assert unlabelled.num_classes is None and not unlabelled.arrays("train")[1].any()
    assert load(IMAGES[..., 0]).image_shape == (6, 5, 1)
    images[:] = 0  # what is given out is a copy
    assert load((IMAGES, LABELS)).arrays("train")[0].any()


def test_bytes_are_divided_by_255_unless_binary():
    images = constant_images(20)
    np.testing.assert_array_equal(load(images).arrays("train")[0], images / np.float32(255))
    binary = images % 2
    np.testing.assert_array_equal(load(binary).arrays("train")[0], binary)
    np.testing.assert_array_equal(load(binary.astype(bool)).arrays("train")[0], binary)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "int64", "uint64"])
def test_whole_numbers_are_read_as_bits(dtype):
    small = np.arange(0, 256, 15, "uint8")[:, None, None]
    np.testing.assert_array_equal(load(small.astype(dtype)).arrays("train")[0][..., 0], small / np.float32(255))
    large = small.astype(dtype) * (128 if dtype == "int16" else 257)
    np.testing.assert_allclose(load(large).arrays("train")[0][..., 0], large / 65535, rtol=1e-6)
    binary = small % 2
    np.testing.assert_array_equal(load(binary.astype(dtype)).arrays("train")[0][..., 0], binary)


def test_bits_are_those_of_all_splits():
    dark, bright = np.full((3, 2, 2), 200, "int32"), np.full((3, 2, 2), 60_000, "int32")
    data = load(((dark, None), (bright, None)))
    assert data.arrays("train")[0].max() == np.float32(200 / 65535)
    with pytest.raises(ValueError, match="All splits must hold whole numbers, or all others"):
        load(((dark, None), (bright / 65535, None)))


def test_dark_whole_numbers_are_told():
    # As twelve bits in sixteen, and four bits in eight: 8x8 digits go to 16.
    for images, white in ((np.full((3, 2, 2), 4095, "uint16"), "65,535"), (np.full((3, 2, 2), 16, "uint8"), "255")):
        with pytest.warns(UserWarning, match=f"were divided by {white}: they are dark"):
            load(images)


def test_train_and_test_as_keras_has_them():
    data = load(((IMAGES, LABELS), (IMAGES[:5], LABELS[:5])), validation=0.1)
    assert data.sizes == {"train": 18, "validation": 2, "test": 5} and data.num_classes == 4
    np.testing.assert_array_equal(data.arrays("test")[0], IMAGES[:5])
    np.testing.assert_array_equal(data.arrays("test")[1], LABELS[:5])
    pair = load(((IMAGES[0], IMAGES[1]), (0, 1)))  # two images and their labels
    assert pair.sizes["train"] == 2 and pair.num_classes == 2


def test_lists_and_tensors_are_arrays():
    given = [IMAGES.tolist(), list(IMAGES)]
    if torch := sys.modules.get("torch"):
        given.append(torch.tensor(IMAGES))
        with pytest.raises(ValueError, match=r"x\.detach\(\)"):
            load(torch.tensor(IMAGES, requires_grad=True))
    for images in given:
        np.testing.assert_array_equal(load(images).arrays("train")[0], IMAGES)


@pytest.mark.parametrize("shape", [(4, 13, 64, 64), (4, 2, 28, 28), (4, 2, 28, 32)])
def test_channels_that_seem_to_come_first_are_told(shape):
    with pytest.warns(UserWarning, match=rf"{shape[1]} rows of {shape[2]} pixels with {shape[3]} channels.*moveaxis"):
        load(np.zeros(shape, "float32"))


@pytest.mark.parametrize("shape", [(4, 64, 64, 13), (4, 16, 16, 16), (4, 1, 5, 1), (4, 2, 28, 3)])
def test_channels_that_come_last_are_not(shape, recwarn):
    assert load(np.zeros(shape, "float32")).image_shape == shape[1:]
    assert not recwarn.list


def test_count_takes_the_first_images():
    images, labels = load((IMAGES, LABELS)).arrays("train", count=7)
    np.testing.assert_array_equal(images, IMAGES[:7])
    np.testing.assert_array_equal(labels, LABELS[:7])
    assert len(load(IMAGES).arrays("train", count=100)[0]) == 20


def test_config_repeats_the_load():
    data = load("digits", batch_size=32, image_size=(9, 7), validation=0.2, seed=4, binarize="threshold")
    again = load(**json.loads(json.dumps(data.config)))
    assert again.sizes == data.sizes and again.config["batch_size"] == 32
    np.testing.assert_array_equal(again.arrays("train")[0], data.arrays("train")[0])

    arrays = load((IMAGES, LABELS), test=0.2)
    with pytest.raises(ValueError, match="pass them: load"):
        load(**arrays.config)
    again = load(**{**arrays.config, "name": (IMAGES, LABELS)})
    np.testing.assert_array_equal(again.arrays("test")[0], arrays.arrays("test")[0])


def broken(value):
    images = IMAGES.copy()
    images[3, 1, 2, 0] = value
    return images


class Table:
    """What NumPy sees of a DataFrame."""

    def __init__(self, rows):
        self.rows = rows

    def __array__(self, dtype=None, copy=None):
        return self.rows


@pytest.mark.parametrize(
    "images, message",
    [
        (broken(np.nan), "finite numbers.* Received: 1 of 20 images with such values, the first at index 3"),
        (broken(np.inf), "finite numbers"),
        (IMAGES * 255, "Divide them by 255"),
        (IMAGES * 2 - 1, r"Map \[-1, 1\] there"),
        (IMAGES * 1000, "Scale them"),
        (-np.ones((4, 6, 5, 3), "int64"), "whole numbers from 0 on.*dtype int64, values -1 to -1"),
        (np.full((4, 6, 5, 3), 65536), "8 or 16 bits.*values up to 65,536"),
        (IMAGES[:0], "at least one image"),
        ([], "at least one image"),
        (np.zeros((0, 6, 6), "uint8"), "at least one image"),
        (IMAGES.reshape(20, -1), r"images of shape \(count, height, width\)"),
        (np.moveaxis(IMAGES, -1, 1), "channels last"),
        (np.array([{"a": 1}]), "an array of numbers"),
        (None, "an array of numbers"),
        ({"image": IMAGES}, r"a tuple of arrays \(images, labels\).*Received: dict"),
        ([IMAGES[0], IMAGES[1][:3]], "images of one shape.*load their folder with image_size="),
        ([IMAGES, LABELS], r"Images and labels are a tuple, \(x, y\)"),
        (IMAGES.astype(complex), "an array of numbers"),
        (Table(IMAGES.reshape(20, -1)), r"Rows of a table are .* x.reshape\(len\(x\), 1, -1\)"),
    ],
)
def test_wrong_images_are_refused(images, message):
    with pytest.raises(ValueError, match=f"^load expects .*{message}.*"):
        load(images)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"validation": 1.0}, "validation is the share"),
        ({"test": 5}, "test is the share"),
        ({"test": 0.6, "validation": 0.6}, "Nothing is left"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"batch_size": 2.0}, "batch_size must be"),
        ({"batch_size": 21, "drop_remainder": True}, "leaves no batch of 20 images"),
        ({"binarize": "maybe"}, "binarize must be"),
        ({"seed": -1}, "seed must be"),
        ({"image_size": 4}, "an image of load is not square"),
        ({"channels": 1}, "channels is for folders"),
        ({"label": "Smiling"}, "label is for TFDS"),
        ({"in_memory": False}, "in memory already"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"{message}.*Received: "):
        load(IMAGES, **arguments)


def test_a_split_that_is_not_there():
    data = load(IMAGES)
    assert data.validation is None and data.test is None
    with pytest.raises(ValueError, match=r"load\(..., test=0.1\) holds one out.*Received: 'test'"):
        data.arrays("test")
