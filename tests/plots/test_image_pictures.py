"""Pictures made of images show exactly the images that they are given."""

import io

import numpy as np
import pytest

from kerasgen import plots
from kerasgen.plots.images import tile


def canvas_of(figure):
    (axes,) = figure.axes
    (image,) = axes.images
    return np.asarray(image.get_array())


def pixels_of(figure):
    from PIL import Image

    file = io.BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def random_images(count, height, width, channels, seed=0):
    return np.random.default_rng(seed).random((count, height, width, channels), "float32")


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 13, 1), (32, 32, 3)])
def test_grid_holds_each_image_once_in_order(shape):
    images = random_images(12, *shape)
    canvas = canvas_of(plots.grid(images, columns=4))
    canvas = canvas.reshape(*canvas.shape[:2], -1)
    height, width, channels = shape
    gap = (canvas.shape[1] - 4 * width) // 3
    for index, image in enumerate(images):
        top, left = index // 4 * (height + gap), index % 4 * (width + gap)
        np.testing.assert_array_equal(canvas[top : top + height, left : left + width, :channels], image)
        canvas[top : top + height, left : left + width] = 1
    assert np.all(canvas == 1), "what is no image is white"


def test_default_grid_is_a_square_and_has_no_second_axes():
    canvas = canvas_of(plots.grid(random_images(64, 8, 8, 1)))
    assert canvas.shape == (71, 71)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (64, 48, 3)])
def test_each_pixel_of_an_image_is_a_whole_number_of_pixels_of_the_picture(shape):
    """Rendered and read back: neither moire nor smoothing, and grey is not stretched to the extremes of the images."""
    images = 0.2 + 0.5 * random_images(30, *shape)
    figure = plots.grid(images, title="Samples, epoch 3", columns=10)
    canvas = canvas_of(figure)
    picture = pixels_of(figure)
    box = figure.axes[0].get_window_extent()
    left, right, top, bottom = (round(v) for v in (box.x0, box.x1, len(picture) - box.y1, len(picture) - box.y0))
    scale = (right - left) // canvas.shape[1]
    assert scale >= 1
    assert (bottom - top, right - left) == (canvas.shape[0] * scale, canvas.shape[1] * scale)
    expected = np.repeat(np.repeat(canvas.reshape(*canvas.shape[:2], -1), scale, axis=0), scale, axis=1)
    # The colour map has 256 greys.
    assert np.abs(picture[top:bottom, left:right] / 255 - expected).max() < 2 / 255


def test_large_images_are_scaled_down_to_a_picture_of_bounded_width():
    figure = plots.grid(random_images(64, 160, 160, 3))
    assert pixels_of(figure).shape[1] <= 1050


def test_pale_images_stay_pale():
    figure = plots.grid(np.full((4, 8, 8, 1), 0.5))
    assert figure.axes[0].images[0].get_clim() == (0, 1)
    assert figure.axes[0].images[0].get_cmap().name == "gray"


def test_reconstructions_stand_below_their_originals():
    originals, reconstructed = random_images(7, 8, 8, 1), random_images(7, 8, 8, 1, seed=1)
    figure = plots.reconstructions(originals, reconstructed, columns=4)
    canvas, gap = canvas_of(figure), 1
    tops = [0, 9, 20, 29]  # a pair is set apart from the next by three gaps
    for index in range(7):
        left = index % 4 * (8 + gap)
        above, below = tops[2 * (index // 4)], tops[2 * (index // 4) + 1]
        np.testing.assert_array_equal(canvas[above : above + 8, left : left + 8], originals[index, ..., 0])
        np.testing.assert_array_equal(canvas[below : below + 8, left : left + 8], reconstructed[index, ..., 0])
    assert np.all(canvas[20:, 27:] == 1), "the places of images that there are not are white"
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["original", "reconstructed"] * 2


def test_interpolation_has_a_row_a_path():
    images = random_images(15, 8, 8, 3).reshape(3, 5, 8, 8, 3)
    canvas = canvas_of(plots.interpolation(images))
    np.testing.assert_array_equal(canvas[9:17, 36:44], images[1, 4])
    np.testing.assert_array_equal(canvas_of(plots.interpolation(images[1]))[:, 36:44], images[1, 4])


def test_tile_gives_the_centres_of_rows_and_columns():
    canvas, rows, columns = tile(np.zeros((4, 3, 5, 1)), columns=2, gap=2)
    assert canvas.shape == (8, 12, 1)
    assert rows == [1, 6]
    assert columns == [2, 9]


def test_images_without_channels_and_with_odd_ones():
    images = random_images(4, 8, 8, 4)
    np.testing.assert_array_equal(canvas_of(plots.grid(images))[:8, :8], images[0, ..., :3])
    np.testing.assert_array_equal(canvas_of(plots.grid(images[..., :2]))[:8, :8], images[0, ..., 0])
    np.testing.assert_array_equal(canvas_of(plots.grid(images[..., 0]))[:8, :8], images[0, ..., 0])


def test_errors_name_what_came():
    with pytest.raises(ValueError, match=r"one image at least\. Received: an array of shape \(0, 8, 8, 1\)"):
        plots.grid(np.zeros((0, 8, 8, 1)))
    with pytest.raises(ValueError, match=r"same shape\. Received: \(2, 8, 8, 1\) and \(3, 8, 8, 1\)"):
        plots.reconstructions(np.zeros((2, 8, 8, 1)), np.zeros((3, 8, 8, 1)))
    with pytest.raises(ValueError, match=r"Received: \(8, 8, 1\)"):
        plots.interpolation(np.zeros((8, 8, 1)))
