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
        # Pillow resizes bytes along one axis, then the other, and rounds each to the nearest: half and half.
        np.testing.assert_allclose(Geometry((7, 9))(part, "it"), floats, atol=1.01)


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


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_what_is_transparent_is_laid_on_white(tmp_path, mode):
    # Black and hidden, black and half visible, red (grey) and visible.
    image = Image.new("RGBA", (3, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 128))
    image.putpixel((2, 0), (200, 0, 0, 255))
    path = str(tmp_path / "it.png")
    if mode in ("P", "RGB"):  # one colour is transparent, as a PNG's header says
        plain = Image.new("RGB", (3, 1), (0, 0, 0))
        plain.putpixel((2, 0), (200, 0, 0))
        plain = plain.quantize(2) if mode == "P" else plain
        plain.save(path, transparency=plain.getpixel((0, 0)))
    else:
        image.convert(mode).save(path)
    colour, grey, kept = (read_image(path, channels) for channels in (3, 1, 4))
    visible = [200, 0, 0] if mode != "LA" else [60, 60, 60]
    assert colour[0, 0].tolist() == [255] * 3 and colour[0, 2].tolist() == visible
    assert grey[0, 0].tolist() == [255] and grey[0, 2, 0] == round(np.dot(visible, [0.299, 0.587, 0.114]))
    assert kept[0, 0].tolist() == [0] * 4 and kept[0, 2].tolist() == [*visible, 255]
    if mode in ("RGBA", "LA"):
        assert np.abs(colour[0, 1].astype(int) - 127).max() <= 1 and kept[0, 1].tolist() == [0, 0, 0, 128]


def test_what_is_opaque_is_read_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3), "uint8")
    opaque = np.concatenate([pixels, np.full((5, 4, 1), 255, "uint8")], axis=-1)
    Image.fromarray(opaque).save(tmp_path / "opaque.png")
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    for name in ("opaque.png", "plain.png"):
        np.testing.assert_array_equal(read_image(str(tmp_path / name), 3), pixels)
        np.testing.assert_array_equal(read_image(str(tmp_path / name), 4), opaque)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_the_first_of_several_frames_is_read_and_told(tmp_path, suffix):
    path = str(tmp_path / f"it.{suffix}")
    frames = [Image.new("RGB", (5, 4), (value,) * 3) for value in (200, 100)]
    lossless = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], **lossless)
    with pytest.warns(UserWarning, match="the first is read"):
        image = read_image(path, 3)
    assert (image == 200).all()


def test_no_program_is_started_whatever_a_file_is_called(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *arguments, **_: started.append(arguments))
    path = tmp_path / "it.png"
    Image.new("RGB", (5, 4)).save(path, format="EPS")
    with pytest.raises(ValueError, match=r"it.png cannot be read: cannot identify"):
        read_image(str(path), 3)
    assert not started


def test_the_content_of_a_file_says_what_it_is(tmp_path):
    path = tmp_path / "it.png"
    Image.new("RGB", (5, 4), "white").save(path, format="WEBP", lossless=True)
    assert (read_image(str(path), 3) == 255).all()


def test_pictures_beyond_the_limit_of_pillow_name_the_limit(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    Image.new("L", (40, 30)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # an error from twice as many on
    with pytest.raises(ValueError, match=r"larger than Pillow opens.*1200 pixels.*PIL\.Image\.MAX_IMAGE_PIXELS = "):
        read_image(str(path), 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1200)
    assert read_image(str(path), 1).shape == (30, 40, 1)


def test_a_truncated_photograph_is_refused(tmp_path):
    path = tmp_path / "it.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), "uint8")).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"it.jpg cannot be read: .*truncated"):
        read_image(str(path), 3)


def test_photographs_stand_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (8, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(str(tmp_path / "turned.jpg"), 3).shape == (8, 4, 3)
