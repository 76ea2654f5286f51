"""What `fit` refuses."""

import numpy as np
import pytest

from kerasgen.engine.checks import check_images

GOOD = np.random.default_rng(0).random((5, 4, 3, 1), "float32")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_images_in_range_pass(dtype):
    check_images(GOOD.astype(dtype), image_shape=(4, 3, 1))
    check_images(GOOD.astype(dtype).tolist(), image_shape=[4, 3, 1])
    check_images(np.float32([[0, 1 + 1e-7]]))  # a rounding error


@pytest.mark.parametrize(
    "images, message",
    [
        ((GOOD * 255).astype("uint8"), r"x.astype\('float32'\) / 255 .*dtype uint8, values \d+ to \d+"),
        (GOOD > 0.5, "floating-point numbers"),
        (GOOD * 255, r"Divide them by 255. Received: values [\d.]+ to \d+"),
        (GOOD * 2 - 1, r"Map \[-1, 1\] there by \(x \+ 1\) / 2"),
        (GOOD * 2 - 1.5, "Scale them"),
        (np.where(GOOD[2, 1, 1, 0] == GOOD, np.nan, GOOD), "1 of 5 images with such values, the first at index 2"),
        (np.where(GOOD[4, 1, 1, 0] == GOOD, -np.inf, GOOD), "the first at index 4"),
        (GOOD[:0], "at least one image"),
        (np.float32(3), "at least one image"),
        (np.array(["a"]), "an array of numbers"),
        (GOOD[..., 0], r"Add the channel axis: x\[..., None\]. Received: shape \(5, 4, 3\)"),
        (np.moveaxis(GOOD, -1, 1), "Put channels last"),
        (GOOD[:, :2], r"images of shape \(4, 3, 1\).*Received: shape \(5, 2, 3, 1\)"),
    ],
)
def test_wrong_images_are_refused(images, message):
    with pytest.raises(ValueError, match=f"^my fit expects .*{message}"):
        check_images(images, image_shape=(4, 3, 1), where="my fit")


def test_data_of_any_range_is_checked_for_the_rest():
    rows = np.array([[3.0, -7.0], [100.0, 0.0]])
    check_images(rows, image_shape=(2,), bounded=False)
    check_images(rows.astype(int), bounded=False)
    with pytest.raises(ValueError, match="finite"):
        check_images(rows * np.nan, bounded=False)
    with pytest.raises(ValueError, match="shape"):
        check_images(rows, image_shape=(3,), bounded=False)
