"""The images that callbacks look at come from whatever `fit` takes, and no more are read than needed."""

import keras
import numpy as np
import pytest

from kerasgen.callbacks.data import one_of_each, take

IMAGES = np.random.default_rng(0).random((50, 8, 8, 1), "float32")
LABELS = np.arange(50, dtype="int32") % 3


def test_arrays():
    for data in ((IMAGES, LABELS), [IMAGES, LABELS]):
        images, labels = take(data, 20)
        np.testing.assert_array_equal(images, IMAGES[:20])
        np.testing.assert_array_equal(labels, LABELS[:20])
    for data in (IMAGES, (IMAGES,)):
        images, labels = take(data, 100)
        np.testing.assert_array_equal(images, IMAGES)
        assert labels is None


def test_tf_data():
    tf = pytest.importorskip("tensorflow")
    images, labels = take(tf.data.Dataset.from_tensor_slices((IMAGES, LABELS[:, None])).batch(16), 20)
    np.testing.assert_array_equal(images, IMAGES[:20])
    np.testing.assert_array_equal(labels, LABELS[:20])
    assert take(tf.data.Dataset.from_tensor_slices(IMAGES).batch(16), 20)[1] is None


def test_py_dataset():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return IMAGES[10 * index : 10 * index + 10], LABELS[10 * index : 10 * index + 10]

    images, labels = take(Batches(), 25)
    np.testing.assert_array_equal(images, IMAGES[:25])
    np.testing.assert_array_equal(labels, LABELS[:25])
    assert len(take(Batches(), 500)[0]) == 50


def test_torch_loader():
    torch = pytest.importorskip("torch")
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(LABELS))
    images, labels = take(torch.utils.data.DataLoader(pairs, batch_size=16), 20)
    np.testing.assert_array_equal(images, IMAGES[:20])
    np.testing.assert_array_equal(labels, LABELS[:20])


def test_no_more_batches_are_read_than_needed():
    def batches():
        yield IMAGES[:16], LABELS[:16]
        yield IMAGES[16:32], LABELS[16:32]
        raise AssertionError("a third batch was read")

    assert len(take(batches(), 20)[0]) == 20


def test_one_of_each_takes_the_classes_in_turn():
    labels = np.array([2, 2, 2, 0, 1, 0, 2])
    images = np.arange(7)
    chosen, of_them = one_of_each(images, labels, 5)
    np.testing.assert_array_equal(chosen, [3, 4, 0, 5, 1])
    np.testing.assert_array_equal(of_them, [0, 1, 2, 0, 2])
    np.testing.assert_array_equal(one_of_each(images, None, 5)[0], images[:5])


def test_errors_say_what_to_pass():
    with pytest.raises(ValueError, match=r"for example `data\.test`"):
        take(object(), 5)
    with pytest.raises(ValueError, match="one image at least"):
        take((IMAGES[:0], LABELS[:0]), 5)
