"""Folders of images."""

import os

import numpy as np
import pytest
from PIL import Image
from tiny_sets import constant_images, identities, write_folder

from kerasgen.datasets import load


@pytest.fixture
def classes(tmp_path):
    """Two classes of five images, with what macOS leaves behind."""
    images = constant_images(10)
    write_folder(tmp_path / "set" / "cats", images[:5])
    write_folder(tmp_path / "set" / "dogs" / "deeper", images[5:])
    (tmp_path / "set" / "cats" / "._000.png").write_bytes(b"no image")
    (tmp_path / "set" / ".cache").mkdir()
    return tmp_path / "set"


def test_flat_folder_has_no_labels(flat_folder):
    data = load(flat_folder)
    assert (data.image_shape, data.class_names, data.num_classes, data.name) == ((6, 6, 3), [], None, "flat")
    assert data.sizes == {"train": 50, "validation": 0, "test": 0}
    images, labels = data.arrays("train")
    np.testing.assert_array_equal(images, constant_images() / np.float32(255))
    assert not labels.any()


def test_one_subfolder_a_class(classes):
    data = load(str(classes))
    assert (data.class_names, data.num_classes) == (["cats", "dogs"], 2)
    images, labels = data.arrays("train")
    np.testing.assert_array_equal(labels, np.repeat([0, 1], 5))
    np.testing.assert_array_equal(images, constant_images(10) / np.float32(255))


def test_classes_are_those_that_keras_reads(classes):
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    (classes / "cats" / "._000.png").unlink()  # Keras takes it for an image
    theirs = keras.utils.image_dataset_from_directory(classes, shuffle=False, image_size=(6, 6), verbose=False)
    ours = load(classes)
    assert theirs.class_names == ours.class_names
    images, labels = (np.concatenate(parts) for parts in zip(*((x.numpy(), y.numpy()) for x, y in theirs)))
    np.testing.assert_array_equal(labels, ours.arrays("train")[1])
    np.testing.assert_allclose(images / 255, ours.arrays("train")[0], atol=1e-6)


def test_held_out_images_are_a_fair_sample(classes):
    # The last part of a folder that is read class by class would be of one class.
    data = load(classes, test=0.4, validation=0.2)
    assert data.sizes == {"train": 4, "validation": 2, "test": 4}
    assert set(data.arrays("test")[1]) == {0, 1}
    parts = [data.arrays(split)[0][:, 0, 0, 0] for split in data.sizes]
    assert len(np.unique(np.concatenate(parts))) == 10
    for seed in (1, 2):  # runs with other seeds are compared on the same images
        again = load(classes, test=0.4, validation=0.2, seed=seed)
        np.testing.assert_array_equal(again.arrays("test")[0], data.arrays("test")[0])


def test_grey(tmp_path):
    write_folder(tmp_path / "grey", constant_images(4)[..., 0])
    assert load(tmp_path / "grey").image_shape == (6, 6, 3)  # as Keras
    data = load(tmp_path / "grey", channels=1)
    assert data.image_shape == (6, 6, 1)
    np.testing.assert_array_equal(data.arrays("train")[0][:, 0, 0, 0] * 255, np.arange(4))


def test_config_repeats_the_load_from_elsewhere(classes, monkeypatch):
    monkeypatch.chdir(classes.parent)
    data = load("set", batch_size=3, test=0.3, image_size=[4, 5])
    monkeypatch.chdir("/")
    again = load(**data.config)
    assert again.image_shape == (4, 5, 3)
    np.testing.assert_array_equal(again.arrays("test")[0], data.arrays("test")[0])


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_an_unreadable_image_is_named(classes, content):
    broken = classes / "dogs" / "broken.png"
    whole = (classes / "cats" / "000.png").read_bytes()
    broken.write_bytes(whole[:45] if content is None else content)
    with pytest.raises(ValueError, match=r"dogs.broken.png cannot be read: .*Remove it"):
        load(classes)


@pytest.mark.parametrize("in_memory", [True, False])
def test_unreadable_images_are_skipped_where_asked(classes, in_memory):
    whole = load(classes).arrays("train")
    (classes / "cats" / "000.png").rename(classes / "cats" / "zzz.png")
    (classes / "cats" / "000.png").write_bytes(b"no image")  # the first is the one that tells the shape
    (classes / "dogs" / "empty.JPG").write_bytes(b"")
    with pytest.raises(ValueError, match=r"cats.000.png cannot be read: .*on_error=\"skip\""):
        load(classes)
    with pytest.warns(UserWarning, match=r"Skipped 2 of 12 files of train. The first: The image .*cats.000.png"):
        data = load(classes, on_error="skip", in_memory=in_memory)
    order = [1, 2, 3, 4, 0, *range(5, 10)]
    for found, expected in zip(data.arrays("train"), whole):
        np.testing.assert_array_equal(found, expected[order])
    with pytest.warns(UserWarning, match="Skipped 2"):
        assert load(**data.config).sizes["train"] == 10


def test_skipping_leaves_something(tmp_path, flat_folder):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"No image of train can be read. Received: 1 files"):
        load(tmp_path, on_error="skip")
    assert load(flat_folder, on_error="skip").fingerprint("train") == load(flat_folder).fingerprint("train")
    for wrong, message in (
        ({"on_error": "ignore"}, "must be"),
        ({"name": "digits", "on_error": "skip"}, "for folders"),
    ):
        with pytest.raises(ValueError, match=f"on_error .*{message}.*Received: "):
            load(**{"name": flat_folder, **wrong})


def test_an_unreadable_image_is_named_by_a_stream(classes):
    tf = pytest.importorskip("tensorflow")
    (classes / "dogs" / "broken.png").write_bytes(b"no image")
    data = load(classes, in_memory=False, batch_size=2)
    with pytest.raises(tf.errors.OpError, match=r"dogs/broken.png cannot be read"):
        identities(data.train)


def test_an_image_of_another_shape_is_named(classes):
    Image.new("RGB", (7, 6)).save(classes / "dogs" / "wide.png")
    with pytest.raises(ValueError, match=r"dogs/wide.png differs from the first. Pass image_size=.*\(6, 7, 3\)"):
        load(classes)
    with pytest.raises(ValueError, match=r"dogs/wide.png is not square. Pass crop=True"):
        load(classes, image_size=4)
    assert load(classes, image_size=4, crop=True).sizes["train"] == 11


def test_folders_without_images_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "empty_class"):
        path.mkdir(exist_ok=True)
        with pytest.raises(ValueError, match=r"holds no images\. Put files .*\.png, .*Received: .*empty"):
            load(tmp_path)


def test_images_beside_class_folders_are_refused(classes):
    Image.new("RGB", (6, 6)).save(classes / "stray.png")
    with pytest.raises(ValueError, match=r"either images or one folder a class.*'cats', 'dogs'"):
        load(classes)


def test_missing_paths_are_refused(tmp_path):
    with pytest.raises(ValueError, match="There is no such folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="There is no such file"):
        load(tmp_path / "nowhere.npz")
    with pytest.raises(ValueError, match="channels must be 3"):
        load(tmp_path, channels=2)
    for name in ("set.npy", "set.zip"):
        (tmp_path / name).write_bytes(b"anything")
        with pytest.raises(ValueError, match=r"open another file yourself.*Received: .*set"):
            load(tmp_path / name)


def test_whole_disks_and_homes_are_refused_at_once(monkeypatch, tmp_path, flat_folder):
    monkeypatch.setattr(os, "scandir", lambda _: pytest.fail("it was walked"))
    for path in ("/", "~", os.path.expanduser("~"), os.path.dirname(os.path.expanduser("~"))):
        with pytest.raises(ValueError, match=r"holds all of your files; name the folder of the images"):
            load(path)
    (tmp_path / "link").symlink_to("/")
    with pytest.raises(ValueError, match="holds all of your files"):
        load(tmp_path / "link")
