"""Cropping and resizing."""

import numpy as np
import pytest
from PIL import Image

from kerasgen.datasets.images import Geometry, read_image


def test_a_constant_image_stays_constant():
    image = np.full((10, 10, 3), 77, "uint8")
    for size in (3, 10, 25, (4, 9)):
        resized = Geometry(size)(image, "it")
        assert resized.shape[:2] == (size if isinstance(size, tuple) else (size, size))
        assert resized.dtype == np.uint8 and (resized == 77).all()


def test_shrinking_averages_what_it_drops():
    # Without antialiasing a checkerboard of single pixels would come out black, white or striped.
    board = (np.indices((32, 32)).sum(0) % 2).astype("float32")[..., None]
    small = Geometry(4)(board, "it")
    np.testing.assert_allclose(small, 0.5, atol=0.02)


def test_bytes_and_floats_agree_for_any_number_of_channels():
    image = np.random.default_rng(0).integers(0, 256, (12, 17, 5), dtype="uint8")
    for channels in (1, 3, 5):
        part = image[..., :channels]
        floats = Geometry((7, 9))(part.astype("float32"), "it")
        np.testing.assert_allclose(Geometry((7, 9))(part, "it"), floats, atol=1)


def test_resizing_agrees_with_tensorflow():
    tf = pytest.importorskip("tensorflow")
    image = np.random.default_rng(0).random((16, 20, 3), "float32")
    for size in ((8, 8), (5, 10), (33, 40)):
        expected = tf.image.resize(image, size, antialias=True)
        np.testing.assert_allclose(Geometry(size)(image, "it"), expected, atol=1e-4)


def test_crop_takes_the_central_part():
    image = np.arange(60, dtype="uint8").reshape(10, 6, 1)
    np.testing.assert_array_equal(Geometry(crop=True)(image, "it"), image[2:8])
    np.testing.assert_array_equal(Geometry(6, crop=True)(image, "it"), image[2:8])
    np.testing.assert_array_equal(Geometry((3, 6), crop=True)(image, "it"), image[3:6])
    np.testing.assert_array_equal(Geometry((10, 4), crop=True)(image, "it"), image[:, 1:5])
    assert Geometry(3, crop=True)(image, "it").shape == (3, 3, 1)


def test_an_image_that_is_not_square_is_never_distorted_unasked():
    image = np.zeros((10, 6, 1), "uint8")
    assert Geometry((5, 5))(image, "it").shape == (5, 5, 1)
    with pytest.raises(ValueError, match=r"it is not square. Pass crop=True .* Received: 10 x 6 pixels"):
        Geometry(5)(image, "it")


def test_changes_says_whether_an_image_may_change():
    image = np.zeros((6, 6, 1), "uint8")
    for geometry in (Geometry(), Geometry(6), Geometry((6, 6)), Geometry(crop=True), Geometry(6, crop=True)):
        assert not geometry.changes(image.shape)
        assert geometry.changes((None, 6, 1))
    assert Geometry(5).changes(image.shape)
    assert Geometry(crop=True).changes((6, 7, 1))


@pytest.mark.parametrize("size", [0, -3, 2.5, (3,), (3, 0), "8"])
def test_wrong_sizes_are_refused(size):
    with pytest.raises(ValueError, match="image_size must be"):
        Geometry(size)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "LA", "CMYK"])
def test_every_kind_of_eight_bit_file_is_read(tmp_path, mode):
    path = tmp_path / ("it.jpg" if mode == "CMYK" else "it.png")
    Image.new("L", (5, 4), 255).convert(mode).save(path)
    for channels in (1, 3):
        image = read_image(str(path), channels)
        assert image.shape == (4, 5, channels) and image.dtype == np.uint8
        assert (image > 250).all()


def test_sixteen_bit_files_are_refused_and_not_clipped(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 3000, "uint16")).save(path)
    with pytest.raises(ValueError, match=r"deep.png cannot be read: it holds more than 8 bits"):
        read_image(str(path), 1)


def test_photographs_stand_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (8, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(str(tmp_path / "turned.jpg"), 3).shape == (8, 4, 3)
