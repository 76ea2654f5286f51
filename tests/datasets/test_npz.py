"""`.npz` files."""

import json
import zipfile

import numpy as np
import pytest

from kerasgen.datasets import load
from kerasgen.datasets.sources import npz

IMAGES = np.random.default_rng(0).random((20, 6, 5, 3), "float32")
LABELS = np.arange(20) % 4


@pytest.mark.parametrize("x, y", [("x", "y"), ("images", "labels")])
def test_npz(tmp_path, x, y):
    path = tmp_path / "set.npz"
    np.savez(path, **{x: IMAGES, y: LABELS})
    data = load(str(path), test=0.25)
    assert (data.name, data.num_classes) == ("set", 4)
    assert data.sizes == {"train": 15, "validation": 0, "test": 5}
    again = load(**json.loads(json.dumps(data.config)))
    np.testing.assert_array_equal(again.arrays("test")[0], data.arrays("test")[0])


def test_npz_with_splits(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:3], y_test=LABELS[:3])
    data = load(path, validation=0.1)
    assert data.sizes == {"train": 18, "validation": 2, "test": 3}
    np.testing.assert_array_equal(data.arrays("validation")[0], IMAGES[18:])


def test_wrong_npz_files_are_refused(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, pictures=IMAGES)
    with pytest.raises(ValueError, match=r"must hold the arrays x and y.*\['pictures'\]"):
        load(path)
    np.savez(path, x=np.array([{"a": 1}, None], dtype=object))
    with pytest.raises(ValueError, match="pickled objects are never loaded"):
        load(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"cannot be read as a \.npz file"):
        load(path)
    np.savez(path, x_train=IMAGES, x_test=IMAGES[:, :3])
    with pytest.raises(ValueError, match="one shape"):
        load(path)
    np.savez(path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES)
    with pytest.raises(ValueError, match="labels for all splits or for none"):
        load(path)


def test_names_of_splits_are_the_usual_ones(tmp_path):
    path = tmp_path / "set.NPZ"
    with open(path, "wb") as file:  # numpy.savez adds its own suffix to the name of another
        np.savez(file, x_train=IMAGES, y_train=LABELS, x_val=IMAGES[:4], y_val=LABELS[:4])
    assert load(path).sizes == {"train": 20, "validation": 4, "test": 0}
    with open(path, "wb") as file:
        np.savez(file, x_train=IMAGES, x_val=IMAGES[:4], x_valid=IMAGES)
    with pytest.raises(ValueError, match=r"must hold one validation split.*x_val and x_valid"):
        load(path)


def test_arrays_that_are_not_used_are_told(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, x=IMAGES, y=LABELS, ids=LABELS, names=np.array([{}], dtype=object))
    with pytest.warns(UserWarning, match=r"Left out of set\.npz: the arrays ids, names\."):
        assert load(path).sizes["train"] == 20


def bomb(path, shape=(10_000, 100, 100)):
    """A small file with a large array of zeros."""
    header = np.lib.format.header_data_from_array_1_0(np.zeros((), "uint8")) | {"shape": shape}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, header)
        for _ in range(100):
            member.write(bytes(1_000_000))


def test_a_file_that_unpacks_to_more_than_the_limit_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "set.npz"
    bomb(path)
    assert path.stat().st_size < 200_000
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    monkeypatch.setenv(npz.LIMIT, "0.05")
    with pytest.raises(ValueError, match=r"set\.npz of 0\.1 MiB unpacks to 0\.1 GiB.*KERASGEN_NPZ_GIB=1\. Received"):
        load(path)
    monkeypatch.setenv(npz.LIMIT, "much")
    with pytest.raises(ValueError, match=r"KERASGEN_NPZ_GIB is a number of GiB. Received: 'much'"):
        load(path)


def test_the_limit_can_be_raised_and_is_none_for_what_is_not_compressed(tmp_path, monkeypatch):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, x=np.zeros((100, 30, 30), "uint8"))
    monkeypatch.setenv(npz.LIMIT, "1e-6")
    with pytest.raises(ValueError, match="unpacks to"):
        load(path)
    monkeypatch.setenv(npz.LIMIT, "1e-3")
    assert load(path).sizes["train"] == 100
    np.savez(path, x=IMAGES)
    monkeypatch.setenv(npz.LIMIT, "1e-6")
    assert load(path).sizes["train"] == 20


def test_a_header_that_asks_for_more_than_there_is_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "set.npz"
    bomb(path, shape=(10**6, 1000, 1000))
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(ValueError, match=r"x\.npy of shape \(1000000, 1000, 1000\) holds 100,000,128 bytes instead of"):
        load(path)


def test_damaged_files_are_named_in_one_line(tmp_path):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, x=IMAGES, y=LABELS)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [b"", whole[:100], whole[: len(whole) // 2], whole[:-30], b"PK\x03\x04" + bytes(100)]
    for place in rng.integers(len(whole), size=60):
        damaged.append(whole[:place] + bytes([whole[place] ^ 1 << rng.integers(8)]) + whole[place + 1 :])
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            load(path)  # a bit that nobody reads may differ
        except ValueError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refused >= 5
