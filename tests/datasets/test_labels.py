"""Labels of arrays: the classes that there are, under numbers without gaps."""

import numpy as np
import pytest

from kerasgen.datasets import load

IMAGES = np.random.default_rng(0).random((20, 6, 5, 3), "float32")
NUMBERS = np.arange(20) % 4


@pytest.mark.parametrize(
    "labels",
    [NUMBERS, NUMBERS[:, None], NUMBERS.tolist(), *(NUMBERS.astype(dtype) for dtype in ("uint8", "float16", "object"))],
)
def test_numbers_without_gaps_stay(labels, recwarn):
    data = load((IMAGES, labels))
    assert (data.num_classes, data.class_names) == (4, ["0", "1", "2", "3"])
    np.testing.assert_array_equal(data.arrays("train")[1], NUMBERS)
    assert data.arrays("train")[1].dtype == "int32" and not recwarn.list


@pytest.mark.parametrize("of_classes", [[1, 2, 3, 4], [0, 5, 6, 9], [-1, 0, 1, 2], [10.0, 20.0, 30.0, 40.0]])
def test_other_numbers_are_numbered_anew_and_keep_their_names(of_classes):
    names = [str(int(name)) for name in of_classes]
    with pytest.warns(UserWarning, match=f"The labels {', '.join(names)} are numbered 0 to 3"):
        data = load((IMAGES, np.array(of_classes)[NUMBERS]))
    assert (data.num_classes, data.class_names) == (4, names)
    np.testing.assert_array_equal(data.arrays("train")[1], NUMBERS)


@pytest.mark.parametrize(
    "labels, names",
    [
        (np.array(["ant", "bee", "cat", "dog"])[NUMBERS], ["ant", "bee", "cat", "dog"]),
        (np.array(["ant", "bee", "cat", "dog"], dtype=object)[NUMBERS], ["ant", "bee", "cat", "dog"]),
        (np.array([b"ant", "\u00e9".encode()])[NUMBERS % 2], ["ant", "\u00e9"]),
        (NUMBERS % 2 == 1, ["False", "True"]),
    ],
)
def test_strings_and_bools_name_classes(labels, names, recwarn):
    data = load((IMAGES, labels))
    assert data.class_names == names and not recwarn.list
    np.testing.assert_array_equal(np.array(names)[data.arrays("train")[1]], np.array(names)[NUMBERS % len(names)])


def test_the_classes_are_those_of_all_splits():
    with pytest.warns(UserWarning, match="numbered 0 to 3"):
        data = load(((IMAGES, 2 * NUMBERS + 1), (IMAGES[:3], [3, 1, 7])))
    assert data.class_names == ["1", "3", "5", "7"]
    np.testing.assert_array_equal(data.arrays("test")[1], [1, 0, 3])


def test_classes_that_train_lacks_are_told():
    with pytest.warns(UserWarning, match="Train has no image of the classes 4, 5, which the other splits have"):
        data = load(((IMAGES, NUMBERS), (IMAGES[:2], [5, 4])))
    assert data.num_classes == 6


def test_many_classes_are_named_by_a_few():
    with pytest.warns(UserWarning, match=r"The labels 1, 2, 3, 4, 5, \.\.\., 20 are numbered 0 to 19"):
        load((IMAGES, np.arange(1, 21)))


@pytest.mark.parametrize(
    "labels, message",
    [
        (NUMBERS[:5], r"one label an image, an array of shape \(20,\)"),
        (np.eye(4)[NUMBERS], r"labels.argmax\(-1\)"),
        ([[0], [1, 2]] * 10, "one label an image"),
        (NUMBERS / 2, "labels of classes.*dtype float64"),
        (np.full(20, np.nan), "labels of classes"),
        (np.full(20, np.inf), "below 1,000,000"),
        ([None] * 20, "labels of classes.*dtype object"),
        (np.array(["a", 1] * 10, dtype=object), "labels of classes"),
        (np.zeros(20, "datetime64[s]"), "labels of classes"),
        # At once, and not as many classes as the largest says.
        (np.where(NUMBERS == 3, 2**32 + 3, NUMBERS), r"below 1,000,000.*labels\.astype\(str\).*0 to 4294967299"),
        (np.where(NUMBERS == 3, 2**31 - 1, NUMBERS), "0 to 2147483647"),
        (np.where(NUMBERS == 3, 10**7, NUMBERS), "0 to 10000000"),
        (np.where(NUMBERS == 3, -(2**31), NUMBERS), "-2147483648 to 2"),
        (NUMBERS.astype("uint64") + 2**63, "9223372036854775808 to 9223372036854775811"),
    ],
)
def test_wrong_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=f"^load expects .*{message}.*") as raised:
        load((IMAGES, labels))
    assert "Received: " in str(raised.value) and "\n" not in str(raised.value)


def test_labels_of_two_kinds_are_refused():
    with pytest.raises(ValueError, match=r"labels of all splits must be of one kind.*int64.*<U21"):
        load(((IMAGES, NUMBERS), (IMAGES, NUMBERS.astype(str))))
    with pytest.raises(ValueError, match="labels for all splits or for none"):
        load(((IMAGES, NUMBERS), (IMAGES, None)))
