"""Spatial transformer: a network that learns how to turn, shift, scale and shear what it sees."""

from numbers import Integral

import keras
import numpy as np
from keras import layers, ops

# The affine map that changes nothing.
IDENTITY = np.array([[1, 0, 0], [0, 1, 0]], "float32")
# Sides of the maps at which the default localisation network stops to halve them.
SMALL_MAPS = 8


@keras.saving.register_keras_serializable("kerasgen")
class SpatialTransformer(layers.Layer):
    """Maps each image by an affine map of its own, which a localisation network reads off the image.

        (x, y) = theta (u, v, 1),    theta = dense(localization(image)), a matrix (2, 3)
        output(u, v) = sum over pixels q of image(q) max(0, 1 - |X - q_x|) max(0, 1 - |Y - q_y|)

    The places `u`, `v` in the output and `x`, `y` in the image are in [-1, 1], from the centre of the first pixel of a
    row or a column to that of the last; `X`, `Y` are `x`, `y` in pixels. So `theta` says where to look: a factor of 0.5
    is a zoom to twice the size. Outside of the image all is 0. The layer ends the localisation network itself, by a
    dense layer of six units that starts at the identity: where the size stays, nothing changes a bit before training.

    Gradients flow to the image and through `theta` to the localisation network. With respect to the places they are
    differences of neighbouring pixels, and on a pixel the one to the right, or below.

    Args:
        localization: `keras.Model` or layer, images `(batch, height, width, channels)` to features `(batch, features)`.
            None for a small convolutional one: 3x3 convolutions of stride 2 and 32 filters until the maps are 8x8 or
            smaller, at least one, and a dense layer of 32, each with relu. Defaults to None.
        output_size: Tuple `(height, width)` of the output, None for that of the images. Defaults to None.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Input: images or maps `(batch, height, width, channels)`, of a known height and width.
    Output: `(batch, *output_size, channels)`.

    Raises:
        ValueError: If `localization` is no layer or gives no vector an image, `output_size` is not two positive ints,
            or the images have another rank or a side of unknown length.

    Example:
        >>> straight = SpatialTransformer()(digits)    # (batch, 28, 28, 1) -> (batch, 28, 28, 1)
        >>> pool = keras.Sequential([keras.layers.AveragePooling2D(4), keras.layers.Flatten()])
        >>> glimpse = SpatialTransformer(pool, output_size=(14, 14))(digits)    # (batch, 14, 14, 1)

    Notes:
        `theta`, the places and the weights of the pixels are float32 whatever the dtype policy: bfloat16 has but whole
        pixels from column 128 on, float16 from 1024 on. Where the output is smaller than what it shows of the image,
        pixels are left out rather than averaged, as in the paper. Where the window has left the image no gradient
        brings it back: if outputs go black early in training, the learning rate is too large.

    Reference:
        Jaderberg et al., "Spatial Transformer Networks", 2015. https://arxiv.org/abs/1506.02025
    """

    def __init__(self, localization=None, output_size=None, **kwargs):
        if localization is not None and not isinstance(localization, layers.Layer):
            raise ValueError(f"localization must be a keras.Model, a layer or None. Received: {localization!r}")
        super().__init__(**kwargs)
        self.localization = localization
        self.output_size = None if output_size is None else _checked_size("output_size", output_size)

    def build(self, input_shape):
        """Build the localisation network and the dense layer at its end."""
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                "Images must be (batch, height, width, channels), and all but the batch known. "
                f"Received: shape {tuple(input_shape)}"
            )
        if self.localization is None:
            # Kept, and so part of the config: a saved model outlives a change of the default.
            self.localization = _default_localization(input_shape[1:], self.dtype_policy)
        # A call builds layers of any kind, and says what they give.
        features = self.localization(keras.KerasTensor(input_shape, self.compute_dtype))
        if not isinstance(features, keras.KerasTensor) or len(features.shape) != 2 or features.shape[1] is None:
            received = keras.tree.map_structure(lambda each: tuple(each.shape), features)
            raise ValueError(
                "localization must give one vector of features an image, (batch, features): let it end in a Flatten or "
                f"Dense layer. Received: outputs of shape {received}"
            )
        start = keras.initializers.Constant(IDENTITY.reshape(-1))
        self.affine = layers.Dense(6, None, True, "zeros", start, dtype="float32", name="affine")
        self.affine.build(features.shape)

    def transformation(self, images, training=False):
        """The affine maps of images.

        Args:
            images: Tensor `(batch, height, width, channels)`.
            training: bool.

        Returns:
            Tensor `(batch, 2, 3)`, float32: `theta`.
        """
        features = self.localization(images, training=training)
        return ops.reshape(self.affine(features), (-1, 2, 3))

    def call(self, inputs, training=False):
        """Map the images."""
        theta = self.transformation(inputs, training=training)
        source_size = tuple(inputs.shape[1:3])
        grid = affine_grid(theta, self.output_size or source_size, source_size)
        return ops.cast(bilinear_sample(inputs, grid), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Images of the output's size."""
        batch, *size, channels = input_shape
        return (batch, *(self.output_size or size), channels)

    def get_config(self):
        """Config of the layer."""
        localization = keras.saving.serialize_keras_object(self.localization)
        return {**super().get_config(), "localization": localization, "output_size": self.output_size}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The layer of a config."""
        localization = keras.saving.deserialize_keras_object(config["localization"], custom_objects)
        return cls(**{**config, "localization": localization})


def affine_grid(theta, size, source_size=None):
    """Where in an image to look for each pixel of an output: the places that affine maps give.

        (x, y) = theta (u, v, 1)

    `u`, `v` in the output and `x`, `y` in the image are in [-1, 1], from the centre of the first pixel of a row or a
    column to that of the last, 0 where there is only one. So the identity takes corners to corners, and stays inside of
    the image whatever the two sizes.

    Args:
        theta: Tensor `(batch, 2, 3)`.
        size: Tuple `(height, width)` of the output.
        source_size: Tuple `(height, width)` of the images, None where it is `size`. Defaults to None.

    Returns:
        Tensor `(batch, height, width, 2)`, float32: `x` and `y` (column and row) in pixels of the image, from 0 at its
        first pixel. The identity gives whole numbers exactly where the sizes are equal.

    Raises:
        ValueError: If `theta` has another shape, or a size is not two positive ints.

    Example:
        >>> affine_grid([[[1, 0, 0.5], [0, 1, 0]]], (1, 5))[0, 0, :, 0]    # A quarter of the width further.
        [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    theta = ops.convert_to_tensor(theta, "float32")
    if len(theta.shape) != 3 or tuple(theta.shape[1:]) != IDENTITY.shape:
        raise ValueError(f"theta must be (batch, 2, 3), a matrix an image. Received: shape {tuple(theta.shape)}")
    size = _checked_size("size", size)
    height, width = size if source_size is None else _checked_size("source_size", source_size)
    v, rows = (values[:, None] for values in _axis(size[0], height))
    u, columns = _axis(size[1], width)
    # How far theta is from the identity, which then leaves no rounding error.
    change = theta - ops.convert_to_tensor(IDENTITY)

    def places(axis, base, length):
        # Products and sums, no `matmul`: accelerators round its factors to 10 bits or fewer, a part of a pixel.
        from_u, from_v, shift = (change[:, axis, index, None, None] for index in range(3))
        return base + (length - 1) / 2 * (from_u * u + from_v * v + shift)

    return ops.stack([places(0, columns, width), places(1, rows, height)], axis=-1)


def bilinear_sample(images, grid):
    """Look up places in images, between pixels too.

        output(p) = sum over pixels q of image(q) max(0, 1 - |p_x - q_x|) max(0, 1 - |p_y - q_y|)

    which interpolates between the four pixels around a place; those outside of the image count as 0.

    Args:
        images: Tensor `(batch, height, width, channels)`.
        grid: Tensor `(batch, ..., 2)`, `x` and `y` (column and row) in pixels, from 0 at the first pixel: what
            `affine_grid` gives, or any other places. Where it or `images` has a batch of 1, that one goes with all.

    Returns:
        Tensor `(batch, ..., channels)` of the dtype of the images, float32 where they are ints. It can be
        differentiated with respect to both arguments. Weights and sums are float32.

    Raises:
        ValueError: If an argument has another shape.

    Example:
        >>> bilinear_sample([[[[0.0], [10.0]]]], [[[0.25, 0.0], [1.5, 0.0]]])    # The latter is half outside.
        [[[2.5], [5.0]]]
    """
    images, grid = ops.convert_to_tensor(images), ops.convert_to_tensor(grid, "float32")
    if len(images.shape) != 4:
        raise ValueError(f"Images must be (batch, height, width, channels). Received: shape {tuple(images.shape)}")
    if len(grid.shape) < 2 or grid.shape[-1] != 2:
        raise ValueError(f"The grid must be (batch, ..., 2), x and y of places. Received: shape {tuple(grid.shape)}")
    count, height, width, channels = ops.shape(images)
    # All pixels in one table: rows of a table are gathered, and gradients added to them, as quickly as embeddings.
    pixels = ops.reshape(images, (-1, channels))
    first = ops.arange(count, dtype="int32") * (height * width)
    first = ops.reshape(first, (-1, *[1 for _ in grid.shape[1:-1]]))
    outputs = 0.0
    for row, row_weight in _neighbours(grid[..., 1], height):
        for column, column_weight in _neighbours(grid[..., 0], width):
            values = ops.take(pixels, first + row * width + column, axis=0)
            outputs += (row_weight * column_weight)[..., None] * ops.cast(values, "float32")
    return ops.cast(outputs, keras.backend.result_type(images.dtype, float))


def _neighbours(places, length):
    """The two pixels around places along one axis: the index of each, and its weight."""
    # Constant between pixels. With the gradient of |p - q| instead, that on a pixel would be none of a difference.
    before = ops.stop_gradient(ops.floor(places))
    fraction = places - before
    for pixel, weight in ((before, 1.0 - fraction), (before + 1.0, fraction)):
        inside = ops.logical_and(pixel >= 0, pixel <= length - 1)
        # A product, and not `where`: places that are not finite shall be seen in the outputs.
        yield ops.clip(ops.cast(pixel, "int32"), 0, length - 1), weight * ops.cast(inside, "float32")


def _axis(length, source_length):
    """Places along one axis of an output, in [-1, 1], and where the identity finds them in pixels of the source."""
    steps = 2 * np.arange(length) - (length - 1)
    scale = 1 / max(length - 1, 1)
    pixels = (steps * ((source_length - 1) * scale) + (source_length - 1)) / 2
    return ops.convert_to_tensor(steps * scale, "float32"), ops.convert_to_tensor(pixels, "float32")


def _checked_size(name, size):
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise ValueError(f"{name} must be (height, width). Received: {size!r}")
    if not all(isinstance(length, Integral) and length > 0 for length in size):
        raise ValueError(f"{name} must be two positive ints. Received: {size!r}")
    return tuple(int(length) for length in size)


def _default_localization(image_shape, dtype):
    stack, side = [keras.Input(image_shape)], max(image_shape[:2])
    while side > SMALL_MAPS or len(stack) == 1:
        options = {"data_format": "channels_last", "activation": "relu", "dtype": dtype, "name": f"conv_{len(stack)}"}
        stack.append(layers.Conv2D(32, 3, 2, "same", **options))
        side = -(-side // 2)
    stack += [layers.Flatten(dtype=dtype, name="flatten"), layers.Dense(32, "relu", dtype=dtype, name="features")]
    return keras.Sequential(stack, name="localization")
