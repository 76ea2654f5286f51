"""What the sub-folders of a folder mean, and what is left out of it, which is always told."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_sets import constant_images, write_folder

from kerasgen.datasets import load


@pytest.fixture
def photos(tmp_path):
    """Splits with two classes of two images each: function of the names of the splits to the path."""

    def write(*splits):
        for split in splits:
            for k, name in enumerate(("cat", "dog")):
                write_folder(tmp_path / "photos" / split / name, constant_images(4)[2 * k : 2 * k + 2])
        return tmp_path / "photos"

    return write


@pytest.mark.parametrize(
    "train, validation, test",
    [
        ("train", "val", "test"),
        ("Train", "Validation", "Test"),
        ("TRAIN", "VALID", "TEST"),
        ("training", "dev", "testing"),
        ("train", "valid", None),
        ("train", None, "test"),
        ("train", None, None),
    ],
)
def test_the_usual_names_are_splits(photos, train, validation, test, recwarn):
    data = load(photos(*filter(None, (train, validation, test))))
    assert data.class_names == ["cat", "dog"]
    assert data.sizes == {"train": 4, "validation": 4 * bool(validation), "test": 4 * bool(test)}
    for split in filter(data.sizes.get, data.sizes):
        np.testing.assert_array_equal(data.arrays(split)[0][:, 0, 0, 0] * 255, range(4))
        np.testing.assert_array_equal(data.arrays(split)[1], [0, 0, 1, 1])
    assert not recwarn.list


def test_splits_stand_beside_what_programs_leave(photos):
    path = photos("train", "val")
    for stray in ("__MACOSX", ".ipynb_checkpoints", "@eaDir"):
        write_folder(path / stray / "cat", constant_images(4))
        write_folder(path / "train" / "cat" / stray, constant_images(2))
    (path / "labels.csv").write_text("no image", encoding="utf-8")
    (path / "Thumbs.db").write_text("no image", encoding="utf-8")
    with pytest.warns(UserWarning) as warned:
        data = load(path)
    assert data.sizes == {"train": 4, "validation": 4, "test": 0} and data.class_names == ["cat", "dog"]
    (said,) = [str(each.message) for each in warned]
    for what in ("files in __MACOSX (6)", "files in .ipynb_checkpoints (6)", "files in @eaDir (6)", ".csv files (1)"):
        assert what in said
    assert "Thumbs" not in said and ".db" not in said


def test_flat_splits_have_no_labels(tmp_path):
    for split in ("Train", "test"):
        write_folder(tmp_path / "flat" / split, constant_images(3))
    data = load(tmp_path / "flat")
    assert data.sizes == {"train": 3, "validation": 0, "test": 3} and data.num_classes is None


def test_a_split_may_lack_a_class_but_have_no_other(photos):
    path = photos("train", "test")
    shutil.rmtree(path / "test" / "cat")
    np.testing.assert_array_equal(load(path).arrays("test")[1], [1, 1])
    (path / "test" / "dog").rename(path / "test" / "Dog")
    with pytest.raises(ValueError, match=r"the same classes in each split.*\['Dog'\] beside \['cat', 'dog'\]"):
        load(path)


@pytest.mark.parametrize(
    "names",
    [
        ("train", "test", "bird"),  # a class, or forgotten?
        ("val", "test"),  # no train
        ("test",),
        ("train", "val", "Validation"),  # twice
        ("train", "bird"),  # classes in train: no class itself
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(photos, names):
    with pytest.raises(
        ValueError, match=r"can be read in two ways. As splits .* As classes .*Received: folders"
    ) as raised:
        load(photos(*names))
    assert all(repr(name) in str(raised.value) for name in names)


def test_a_train_among_vehicles_is_a_class(tmp_path):
    for name in ("bus", "plane", "train"):
        write_folder(tmp_path / "set" / name, constant_images(2))
    with pytest.warns(UserWarning, match="train of .* is read as a class"):
        data = load(tmp_path / "set")
    assert data.class_names == ["bus", "plane", "train"]


def test_empty_folders_are_no_classes(photos):
    path = photos("train", "test")
    (path / "train" / "bird").mkdir()
    (path / "val" / "cat").mkdir(parents=True)
    with pytest.warns(UserWarning, match=r"Left out of .*folder val without images \(1\).*folder bird without images"):
        data = load(path)
    assert data.class_names == ["cat", "dog"] and data.sizes["validation"] == 0


def test_every_format_is_read_and_other_files_are_counted(tmp_path):
    names = ["a.jpg", "b.JPG", "c.webp", "d.tiff", "e.jfif", "f.bmp", "g.gif", "h.PNG", "i.ppm", "j.tif"]
    for k, name in enumerate(names):
        (tmp_path / "set" / name[-3:]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 6, 3), 20 * k, "uint8")).save(tmp_path / "set" / name[-3:] / name)
    for name in ("a.heic", "b.heic", "c.svg", "README"):
        (tmp_path / "set" / "other").mkdir(exist_ok=True)
        (tmp_path / "set" / "other" / name).write_bytes(b"something")
    with pytest.warns(UserWarning) as warned:
        data = load(tmp_path / "set")
    assert data.class_names == sorted({name[-3:] for name in names})
    assert data.sizes["train"] == len(names)
    (said,) = [str(each.message) for each in warned]
    for what in (".heic files (2)", ".svg files (1)", "files without a suffix (1)", "folder other without images (1)"):
        assert what in said
    found = np.sort(np.rint(data.arrays("train")[0].mean(axis=(1, 2, 3)) * 255 / 20).astype(int))
    np.testing.assert_array_equal(found, range(len(names)))


def link(path, target):
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")


def test_links_to_folders_are_followed(tmp_path):
    write_folder(tmp_path / "elsewhere" / "dogs", constant_images(2))
    write_folder(tmp_path / "elsewhere" / "more", constant_images(3))
    write_folder(tmp_path / "set" / "cats", constant_images(4))
    link(tmp_path / "set" / "dogs", tmp_path / "elsewhere" / "dogs")
    link(tmp_path / "set" / "cats" / "more", tmp_path / "elsewhere" / "more")
    link(tmp_path / "linked", tmp_path / "set")
    for path in (tmp_path / "set", tmp_path / "linked"):
        data = load(path)
        assert data.class_names == ["cats", "dogs"]
        np.testing.assert_array_equal(data.arrays("train")[1], np.repeat([0, 1], [7, 2]))


def test_links_are_followed_once_and_without_loops(tmp_path):
    write_folder(tmp_path / "above" / "set" / "cats", constant_images(4))
    write_folder(tmp_path / "above" / "set" / "dogs", constant_images(2))
    write_folder(tmp_path / "elsewhere", constant_images(3))
    cats = tmp_path / "above" / "set" / "cats"
    for k, target in enumerate(
        (cats, cats.parent / "dogs", cats.parent, tmp_path / "above", *[tmp_path / "elsewhere"] * 2)
    ):
        link(cats / f"link-{k}", target)
    link(tmp_path / "elsewhere" / "back", tmp_path / "above" / "set")
    link(cats / "broken.png", tmp_path / "nothing")
    with pytest.warns(UserWarning, match=r"links to folders that are read already \(6\)") as warned:
        data = load(tmp_path / "above" / "set")
    np.testing.assert_array_equal(data.arrays("train")[1], np.repeat([0, 1], [7, 2]))
    assert "broken links or devices (1)" in str(warned[0].message)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_is_not_opened(tmp_path):
    write_folder(tmp_path / "set", constant_images(2))
    os.mkfifo(tmp_path / "set" / "pipe.png")
    with pytest.warns(UserWarning, match="broken links or devices"):
        assert load(tmp_path / "set").sizes["train"] == 2
