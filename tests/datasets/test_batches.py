"""Splits in NumPy batches, and the fingerprint of what they depend on."""

import os

import numpy as np
import pytest
from PIL import Image

from kerasgen import datasets


@pytest.fixture
def folder(tmp_path):
    for k in range(23):
        pixels = np.random.default_rng(k).integers(0, 256, (9, 9, 3), "uint8")
        Image.fromarray(pixels).save(tmp_path / f"{k:02d}.png")
    return tmp_path


@pytest.mark.parametrize("binarize", [None, "threshold", "static", "dynamic"])
@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("split", ["train", "test"])
def test_batches_are_the_arrays(folder, binarize, in_memory, split):
    data = datasets.load(folder, test=0.3, binarize=binarize, in_memory=in_memory)
    batches = list(data.batches(split, 5))
    assert {len(images) for images, _ in batches[:-1]} == {5}
    images, labels = data.arrays(split)
    np.testing.assert_allclose(np.concatenate([images for images, _ in batches]), images, atol=1e-7)
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), labels)


def test_unknown_splits_are_refused(folder):
    data = datasets.load(folder)
    for method in (lambda: next(data.batches("test")), lambda: data.fingerprint("test")):
        with pytest.raises(ValueError, match="has no split of this name"):
            method()


def test_a_fingerprint_tells_sets_apart(folder):
    data = datasets.load(folder, test=0.3)
    same = datasets.load(folder, test=0.3, batch_size=7, in_memory=False).fingerprint("test")
    assert data.fingerprint("test") == same
    others = [
        data.fingerprint("train"),
        datasets.load(folder, test=0.4).fingerprint("test"),
        datasets.load(folder, test=0.3, channels=1).fingerprint("test"),
        datasets.load(folder, test=0.3, image_size=8).fingerprint("test"),
        datasets.load(folder, test=0.3, binarize="threshold").fingerprint("test"),
        datasets.load("digits").fingerprint("test"),
    ]
    assert len({same, *others}) == 7
    os.utime(folder / "00.png", ns=(1, 1))
    touched = datasets.load(folder, test=0.3).fingerprint("test")
    assert touched != same
    Image.fromarray(np.zeros((9, 9, 3), "uint8")).save(folder / "99.png")
    assert datasets.load(folder, test=0.3).fingerprint("test") != touched


def test_arrays_are_known_by_their_values():
    images = np.random.default_rng(0).random((10, 4, 4, 1), "float32")
    first = datasets.load(images).fingerprint("train")
    assert first == datasets.load(images.copy()).fingerprint("train")
    images[3, 2, 1, 0] += 0.1
    assert first != datasets.load(np.clip(images, 0, 1)).fingerprint("train")
