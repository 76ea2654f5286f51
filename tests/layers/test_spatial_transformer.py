"""Spatial transformer: maps known from NumPy and SciPy, gradients, training, and what is refused."""

import json

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import ndimage

from kerasgen import export, models, networks
from kerasgen.engine import input_gradient
from kerasgen.layers import SpatialTransformer, affine_grid, bilinear_sample
from tests.conftest import JITTED, quick

RANDOM = np.random.default_rng(0)
IDENTITY = [[1, 0, 0], [0, 1, 0]]
BACKEND = keras.backend.backend()
# Sides of one pixel, odd and even ones, and those where i / n * n is not i in float32.
SIZES = [(1, 1), (1, 4), (5, 1), (8, 7), (28, 28), (49, 50)]
each_size = pytest.mark.parametrize("size", SIZES)


def array(value):
    return np.array(ops.convert_to_numpy(ops.cast(value, "float32")))


def images_of(height, width, channels=2, count=3):
    return RANDOM.standard_normal((count, height, width, channels)).astype("float32")


def maps(count=3, scale=0.3):
    """Random affine maps about the identity."""
    return (IDENTITY + scale * RANDOM.standard_normal((count, 2, 3))).astype("float32")


def transformed(images, theta, size=None):
    source_size = images.shape[1:3]
    theta = np.broadcast_to(np.asarray(theta, "float32"), (len(images), 2, 3))

    def transform(images, theta):
        return bilinear_sample(images, affine_grid(theta, size or source_size, source_size))

    return array(quick(transform)(images, theta))


def reference_grid(theta, size, source_size):
    """Places `(batch, height, width, 2)` in pixels, in float64, as the paper writes them."""
    v, u = (np.linspace(-1, 1, length) if length > 1 else np.zeros(1) for length in size)
    targets = np.stack([*np.meshgrid(u, v), np.ones(size)], axis=-1)
    places = np.einsum("nij,hwj->nhwi", theta.astype("float64"), targets)
    return (places + 1) * (np.array(source_size[::-1]) - 1) / 2


def reference(images, theta, size=None):
    """Equation 5 of the paper, in float64: a sum over all pixels."""
    source_size = images.shape[1:3]
    grid = reference_grid(theta, size or source_size, source_size)
    x, y = (np.maximum(0, 1 - np.abs(grid[..., i, None] - np.arange(source_size[1 - i]))) for i in (0, 1))
    return np.einsum("nrsc,nhwr,nhws->nhwc", images.astype("float64"), y, x)


# ---- known maps


@each_size
def test_the_identity_is_exact(size):
    images = images_of(*size)
    np.testing.assert_array_equal(transformed(images, IDENTITY), images)


@pytest.mark.parametrize("size", [(1, 4), (9, 8)])
def test_starts_as_the_identity(size):
    images = images_of(*size)
    layer = SpatialTransformer()
    for training in (True, False):
        np.testing.assert_array_equal(array(layer(images, training=training)), images)
    np.testing.assert_array_equal(array(layer.transformation(images)), [IDENTITY] * 3)


@each_size
@pytest.mark.parametrize("target", [(1, 1), (3, 40)])
def test_the_identity_takes_corners_to_corners(size, target):
    images = 1 + RANDOM.uniform(size=(2, *size, 1)).astype("float32")
    outputs = transformed(images, IDENTITY, target)
    # Nothing outside is seen, where all is 0; rounding may touch it.
    assert outputs.shape == (2, *target, 1) and outputs.min() > 0.9999
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        if 1 not in target:
            np.testing.assert_allclose(outputs[:, row, column], images[:, row, column], rtol=1e-5)
    if target == (1, 1):
        middle = images[:, [(size[0] - 1) // 2, size[0] // 2]][:, :, [(size[1] - 1) // 2, size[1] // 2]]
        np.testing.assert_allclose(outputs[:, 0, 0], middle.mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize(("size", "shift"), [((5, 6), (1, 0)), ((8, 3), (-2, 1)), ((7, 1), (0, 2))])
def test_shifts_by_whole_pixels(size, shift):
    """The window moves right and down: the image moves left and up, and leaves zeros."""
    images = images_of(*size)
    right, down = shift
    theta = [[1, 0, 2 * right / max(size[1] - 1, 1)], [0, 1, 2 * down / (size[0] - 1)]]
    expected = np.zeros_like(images)
    rows, columns = (np.arange(n) for n in size)
    rows, columns = (i[(i + by >= 0) & (i + by < n)] for i, by, n in ((rows, down, size[0]), (columns, right, size[1])))
    expected[:, rows[:, None], columns] = images[:, rows[:, None] + down, columns + right]
    np.testing.assert_allclose(transformed(images, theta), expected, atol=1e-5)


@pytest.mark.parametrize("side", [2, 5])
def test_quarter_turns_and_mirror_images(side):
    images = images_of(side, side)
    # The output at (u, v) is the image at (-v, u): what was to the right comes to the bottom.
    np.testing.assert_allclose(transformed(images, [[0, -1, 0], [1, 0, 0]]), np.rot90(images, 1, (1, 2)), atol=1e-5)
    np.testing.assert_allclose(transformed(images, [[-1, 0, 0], [0, 1, 0]]), images[:, :, ::-1], atol=1e-5)
    np.testing.assert_allclose(transformed(images, [[1, 0, 0], [0, -1, 0]]), images[:, ::-1], atol=1e-5)
    np.testing.assert_allclose(transformed(images, [[0, 1, 0], [1, 0, 0]]), images.swapaxes(1, 2), atol=1e-5)


def test_between_pixels_is_the_mean_of_neighbours():
    images = images_of(4, 5)
    right = np.concatenate([images[:, :, 1:], np.zeros_like(images[:, :, :1])], axis=2)
    np.testing.assert_allclose(transformed(images, [[1, 0, 0.25], [0, 1, 0]]), (images + right) / 2, atol=1e-6)
    below = np.concatenate([images[:, 1:], np.zeros_like(images[:, :1])], axis=1)
    np.testing.assert_allclose(transformed(images, [[1, 0, 0], [0, 1, 1 / 3]]), (images + below) / 2, atol=1e-6)


def test_outside_is_zero_and_the_border_fades():
    grid = [[[-0.75, 0.0], [-1.0, 0.0], [-5.0, 0.0], [2.0, 0.0], [2.25, 0.0], [0.0, 3e9], [-3e9, 0.0]]]
    outputs = bilinear_sample(np.full((1, 1, 3, 1), 8, "float32"), grid)
    np.testing.assert_array_equal(array(outputs)[0, :, 0], [2, 0, 0, 8, 6, 0, 0])


@pytest.mark.parametrize(("size", "target"), [((6, 9), (6, 9)), ((7, 4), (5, 11)), ((1, 5), (3, 2)), ((4, 4), (1, 1))])
def test_random_maps_are_those_of_the_paper_and_of_scipy(size, target):
    """SciPy's `grid-constant` puts zeros on the pixels around the image; `constant` cuts half a kernel off its border.

    The latter's differences are therefore only where a place is less than a pixel outside.
    """
    images, theta = images_of(*size, count=8), maps(8, 0.5)
    outputs = transformed(images, theta, target)
    np.testing.assert_allclose(outputs, reference(images, theta, target), atol=2e-5)
    places = reference_grid(theta, target, size)
    for image, output, (x, y) in zip(images, outputs, places.transpose(0, 3, 1, 2)):
        inside = (x >= 0) & (x <= size[1] - 1) & (y >= 0) & (y <= size[0] - 1)
        for channel in range(2):
            each = [
                ndimage.map_coordinates(image[..., channel], [y, x], order=1, mode=mode)
                for mode in ("grid-constant", "constant")
            ]
            np.testing.assert_allclose(output[..., channel], each[0], atol=2e-5)
            np.testing.assert_allclose(output[..., channel][inside], each[1][inside], atol=2e-5)


def test_maps_follow_each_other():
    """Two maps are their product: the grid of the first looked up at the second's places, in the inside."""
    rows, columns = np.mgrid[:21, :21].astype("float32")
    ramp = np.stack([rows, columns], axis=-1)[None]  # Linear, so that interpolation is exact.
    one, other = (np.array([[[0.5, a, 0.1], [-a, 0.5, 0.1]]], "float32") for a in (0.2, -0.1))
    square = [np.concatenate([each[0], [[0, 0, 1]]]) for each in (one, other)]
    both = (square[0] @ square[1])[None, :2]
    np.testing.assert_allclose(transformed(transformed(ramp, one), other), transformed(ramp, both), atol=1e-4)


def test_grids_of_any_rank_and_batches_of_one():
    images, theta = images_of(6, 5), maps()
    grid = affine_grid(theta, (6, 5))
    outputs = array(bilinear_sample(images, grid))
    line = array(bilinear_sample(images, ops.reshape(grid, (3, 30, 2))))
    for found, expected in (
        (line.reshape(outputs.shape), outputs),
        (array(bilinear_sample(images, grid[:, 2, 3])), outputs[:, 2, 3]),
        (array(bilinear_sample(images[:1], grid)), transformed(images[[0, 0, 0]], theta)),
        (array(bilinear_sample(images, grid[:1])), transformed(images, theta[[0, 0, 0]])),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_samples_and_channels_do_not_mix():
    images, theta = images_of(5, 6, channels=3), maps()
    outputs = transformed(images, theta)
    np.testing.assert_allclose(transformed(images[1:2], theta[1:2]), outputs[1:2], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(transformed(images[..., 2:], theta), outputs[..., 2:], rtol=1e-5, atol=1e-5)


def test_places_that_are_not_finite_are_seen():
    grid = np.zeros((1, 3, 2), "float32")
    grid[0, 1:, 0] = [np.nan, np.inf]
    outputs = array(bilinear_sample(images_of(3, 4, count=1), grid))
    assert np.isfinite(outputs[0, 0]).all() and np.isnan(outputs[0, 1:]).all()


# ---- gradients


def away_from_pixels(size, target, count=2):
    """Random maps no place of which is near a row or a column of pixels, where gradients jump."""
    while True:
        theta = maps(count)
        # Along one pixel there is but one place.
        places = reference_grid(theta, target, size)[..., np.array(size[::-1]) > 1]
        if np.abs(places - np.round(places)).min() > 1e-3:
            return theta


def central_differences(function, values, step=1e-5):
    """Gradient of a scalar function of a float64 array."""
    gradient = np.zeros(values.shape)
    for index in np.ndindex(*values.shape):
        change = np.zeros(values.shape)
        change[index] = step
        gradient[index] = (function(values + change) - function(values - change)) / (2 * step)
    return gradient


@pytest.mark.parametrize(("size", "target"), [((5, 4), (4, 5)), ((3, 1), (2, 3))])
def test_gradients_are_central_differences(size, target):
    images, theta = images_of(*size, count=2), away_from_pixels(size, target)
    images64, theta64 = images.astype("float64"), theta.astype("float64")

    def transform(images, theta):
        return ops.sin(3 * bilinear_sample(images, affine_grid(theta, target, size)))

    gradient = quick(lambda images: input_gradient(lambda x: transform(x, theta), images))(images)
    expected = central_differences(lambda x: np.sin(3 * reference(x, theta64, target)).sum(), images64)
    np.testing.assert_allclose(array(gradient), expected, rtol=1e-3, atol=1e-3)
    gradient = quick(lambda theta: input_gradient(lambda t: transform(images, t), theta))(theta)
    expected = central_differences(lambda t: np.sin(3 * reference(images64, t, target)).sum(), theta64)
    np.testing.assert_allclose(array(gradient), expected, rtol=1e-3, atol=1e-3)
    assert np.abs(expected).max() > 0.1


def test_on_a_pixel_the_gradient_is_the_next_difference():
    """So it is one direction of change for all pixels at the start of training, where all places are whole."""
    images = images_of(4, 5, channels=1, count=1)
    grid = ops.convert_to_tensor(reference_grid(np.array([IDENTITY]), (4, 5), (4, 5)), "float32")
    gradient = array(input_gradient(lambda g: bilinear_sample(images, g), grid))[0]
    image = np.pad(images[0, ..., 0], ((0, 1), (0, 1)))
    np.testing.assert_allclose(gradient[..., 0], np.diff(image, axis=1)[:-1], atol=1e-6)
    np.testing.assert_allclose(gradient[..., 1], np.diff(image, axis=0)[:, :-1], atol=1e-6)


@pytest.mark.parametrize("jitted", JITTED)
def test_the_gradient_of_a_compiled_step(jitted):
    """A step of gradient descent of rate 1 on one image takes the gradient off the bias, which is theta."""
    images, size = images_of(5, 4, count=1), (4, 5)
    theta, targets = away_from_pixels((5, 4), size, count=1), images_of(*size, count=1)
    layer = SpatialTransformer(layers.Flatten(), output_size=size)
    model = keras.Sequential([keras.Input((5, 4, 2)), layer])
    layer.affine.bias.assign(theta.reshape(-1))
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=jitted)
    np.testing.assert_allclose(model.predict(images, verbose=0), reference(images, theta, size), atol=1e-5)
    model.fit(images, targets, verbose=0)
    expected = central_differences(
        lambda t: np.square(reference(images, t, size) - targets).mean(), theta.astype(float)
    )
    np.testing.assert_allclose(theta - array(layer.affine.bias).reshape(1, 2, 3), expected, rtol=1e-3, atol=1e-5)
    assert (array(layer.affine.kernel) != 0).any()


def test_any_batch_in_a_compiled_step():
    """The size of the batch is unknown when TensorFlow traces."""
    images, theta = images_of(5, 6, count=5), maps(1)
    layer = SpatialTransformer(layers.Flatten())
    model = keras.Sequential([keras.Input((5, 6, 2)), layer])
    layer.affine.bias.assign(theta.reshape(-1))
    model.compile(jit_compile=BACKEND != "torch")
    assert model.output_shape == (None, 5, 6, 2)
    outputs = model.predict(images, batch_size=3, verbose=0)
    np.testing.assert_allclose(outputs, reference(images, np.repeat(theta, 5, axis=0)), atol=1e-5)


def test_gradients_can_be_differentiated():
    """As a gradient penalty of a critic that holds a transformer needs: the penalty's gradient by its differences."""
    images, direction = images_of(4, 4, channels=1, count=2), images_of(4, 4, channels=1, count=2)
    layer = SpatialTransformer(layers.Flatten())
    layer.build(images.shape)
    layer.affine.kernel.assign(0.05 * RANDOM.standard_normal((16, 6)))
    layer.affine.bias.assign(away_from_pixels((4, 4), (4, 4), count=1).reshape(-1))

    @quick
    def penalty(x):
        return ops.sum(ops.square(input_gradient(lambda y: ops.square(layer(y)), x)), axis=(1, 2, 3))

    gradient = array(quick(lambda images: input_gradient(penalty, images))(images))
    step = 1e-3
    change = array(penalty(images + step * direction)) - array(penalty(images - step * direction))
    np.testing.assert_allclose((gradient * direction).sum((1, 2, 3)), change / (2 * step), rtol=0.02)


# ---- the layer


def blobs(count, side):
    """Smooth images, dark at their borders."""
    noise = ndimage.gaussian_filter(RANDOM.standard_normal((count, side, side)), (0, 1.5, 1.5))
    window = np.hanning(side + 2)[1:-1]
    return (10 * noise * window[:, None] * window)[..., None].astype("float32")


def test_learns_to_undo_a_turn_and_a_shift():
    targets = blobs(16, 11)
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0.2], [np.sin(angle), np.cos(angle), -0.1]])
    images = transformed(targets, turn)
    layer = SpatialTransformer(layers.GlobalAveragePooling2D())
    model = keras.Sequential([keras.Input((11, 11, 1)), layer])
    model.compile(keras.optimizers.Adam(0.03), "mse", jit_compile=BACKEND == "jax")
    before = model.evaluate(images, targets, verbose=0)
    # 60 steps in one epoch, each on all images.
    model.fit(np.tile(images, (60, 1, 1, 1)), np.tile(targets, (60, 1, 1, 1)), 16, shuffle=False, verbose=0)
    assert model.evaluate(images, targets, verbose=0) < before / 20
    inverse = np.linalg.inv(np.concatenate([turn, [[0, 0, 1]]]))[:2]
    learned = array(layer.transformation(images)).mean(0)
    np.testing.assert_allclose(learned, inverse, atol=0.1)


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [
        # One convolution to (4, 4, 32); two to (7, 7, 32), three to (8, 6, 32). Then 32 and six units.
        ((8, 8, 1), 320 + (512 + 1) * 32 + 33 * 6),
        ((28, 28, 1), 320 + 9248 + (1568 + 1) * 32 + 33 * 6),
        ((64, 48, 3), 896 + 2 * 9248 + (1536 + 1) * 32 + 33 * 6),
        ((1, 1, 2), 608 + (32 + 1) * 32 + 33 * 6),
    ],
)
def test_the_default_network_stays_small(shape, parameters):
    layer = SpatialTransformer()
    layer.build((None, *shape))
    assert layer.count_params() == parameters
    layer(keras.Input(shape))
    assert layer.count_params() == parameters and len(layer.trainable_weights) == len(layer.weights)


@keras.saving.register_keras_serializable("kerasgen_tests")
class Pooled(layers.Layer):
    """A localisation network whose layers are built when it is called, with a state of training."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.normalization = layers.BatchNormalization()
        self.pool = layers.GlobalMaxPooling2D()
        self.dense = layers.Dense(4, "tanh")

    def call(self, inputs, training=False):
        return self.dense(self.pool(self.normalization(inputs, training=training)))


LOCALIZATIONS = {
    "default": (lambda: None, 320 * 1 + 288 + (4 * 4 * 32 + 1) * 32 + 33 * 6),
    "sequential": (lambda: keras.Sequential([layers.Flatten(), layers.Dense(5)]), 129 * 5 + 6 * 6),
    "layer": (Pooled, 8 + 3 * 4 + 5 * 6),
}


@pytest.mark.filterwarnings("ignore:`build")  # Keras asks the author of a layer for a `build`.
@pytest.mark.parametrize("kind", LOCALIZATIONS)
def test_saves_and_loads(tmp_path, kind):
    make, parameters = LOCALIZATIONS[kind]
    inputs = keras.Input((8, 8, 2))
    model = keras.Model(inputs, SpatialTransformer(make(), output_size=(5, 7))(inputs))
    assert model.count_params() == parameters
    layer, images = model.layers[1], images_of(8, 8)
    layer.set_weights([w + 0.01 * RANDOM.standard_normal(w.shape) ** 2 for w in layer.get_weights()])
    model(images, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(again(images)), array(model(images)))
    # As JSON, which knows no tuples.
    assert json.dumps(again.layers[1].get_config()) == json.dumps(layer.get_config())
    assert again.output_shape == (None, 5, 7, 2)


def test_config_before_it_is_built():
    layer = SpatialTransformer(output_size=[3, 4], name="straighten")
    again = SpatialTransformer.from_config(layer.get_config())
    assert (again.localization, again.output_size, again.name) == (None, (3, 4), "straighten")


def test_the_localization_network_trains_and_keeps_its_state():
    localization = Pooled()
    layer = SpatialTransformer(localization)
    images = 3 + images_of(8, 8)
    layer(images)
    np.testing.assert_array_equal(array(localization.normalization.moving_mean), 0)
    layer(images, training=True)
    assert (array(localization.normalization.moving_mean) != 0).all()


class Unbuilt(keras.Model):
    """Its layers are built in `fit`, while the step is traced."""

    def __init__(self, localization):
        super().__init__()
        self.transformer = SpatialTransformer(localization)

    def call(self, inputs, training=False):
        return self.transformer(inputs, training=training)


@pytest.mark.parametrize("kind", LOCALIZATIONS)
def test_builds_within_a_traced_step(kind):
    model = Unbuilt(LOCALIZATIONS[kind][0]())
    model.compile("sgd", "mse", jit_compile=BACKEND == "jax")
    model.fit(images_of(8, 8), images_of(8, 8), verbose=0)
    theta = array(model.transformer.affine.bias).reshape(2, 3)
    assert (theta != IDENTITY).all()
    np.testing.assert_allclose(theta, IDENTITY, atol=0.1)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_places_are_float32_in_mixed_precision(policy):
    """Columns in turn dark and bright: half precision would take one for the other, and know none between them."""
    images = np.tile(np.array([0, 1] * 300 + [0], "float32")[:, None], (2, 1, 1, 1))
    layer = SpatialTransformer(layers.Flatten(), output_size=(1, 1201), dtype=policy)
    outputs = layer(images)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    np.testing.assert_allclose(array(outputs)[0, 0, :, 0], [0, 0.5, 1, 0.5] * 300 + [0], atol=1e-3)
    assert keras.backend.standardize_dtype(layer.transformation(images).dtype) == "float32"
    default = SpatialTransformer(dtype=policy)
    default.build((None, 8, 8, 1))
    assert {each.compute_dtype for each in default.localization.layers} == {policy.removeprefix("mixed_")}


@pytest.mark.parametrize(
    ("dtype", "expected"), [("uint8", "float32"), ("float16", "float16"), ("bfloat16", "bfloat16")]
)
def test_dtypes_of_samples(dtype, expected):
    images = ops.cast([[[[0], [3]]]], dtype)
    outputs = bilinear_sample(images, ops.cast([[[0.5, 0.0]]], dtype if dtype != "uint8" else "float32"))
    assert keras.backend.standardize_dtype(outputs.dtype) == expected
    assert array(outputs).item() == 1.5


def test_in_the_encoder_of_a_model(digits, tmp_path):
    image = keras.Input((8, 8, 1), name="image")
    features = layers.Flatten()(SpatialTransformer(output_size=(6, 6), name="transformer")(image))
    encoder = keras.Model(image, layers.Dense(2, name="latents")(features), name="encoder")
    model = models.Autoencoder(encoder, networks.mlp.decoder((8, 8, 1), latent_dim=2, units=(4,)))
    model.compile(run_eagerly=BACKEND == "tensorflow")
    before = [array(weight) for weight in encoder.trainable_variables]
    model.fit(digits[0][:32], batch_size=32, verbose=0)
    # At a kernel of zeros nothing reaches what is before it; from the second step on all weights move.
    moved = [(array(weight) != old).any() for weight, old in zip(encoder.trainable_variables, before)]
    assert moved == ["localization" not in weight.path for weight in encoder.trainable_variables]
    model.fit(digits[0][:32], batch_size=32, verbose=0)
    assert all((array(weight) != old).any() for weight, old in zip(encoder.trainable_variables, before))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    codes = model.encode(digits[0][:5])
    np.testing.assert_array_equal(again.encode(digits[0][:5]), codes)
    if BACKEND == "tensorflow":  # Others export in a process of TensorFlow.
        import tensorflow as tf

        export.saved_model(model, tmp_path / "saved_model")
        loaded = tf.saved_model.load(tmp_path / "saved_model")
        served = loaded.signatures["encode"](tf.constant(digits[0][:5]))
        np.testing.assert_allclose(next(iter(served.values())).numpy(), codes, atol=1e-5)


# ---- errors


@pytest.mark.parametrize("localization", ["conv", 3, lambda images: images])
def test_refuses_what_is_no_network(localization):
    with pytest.raises(ValueError, match=r"localization must be a keras.Model, a layer or None. Received: "):
        SpatialTransformer(localization)


@pytest.mark.parametrize("size", [0, 8, (8,), (8, 8, 1), (8, 0), (8.0, 8), "88", (None, 8)])
def test_refuses_other_sizes(size):
    with pytest.raises(ValueError, match=r"output_size must be .*Received: "):
        SpatialTransformer(output_size=size)
    for sizes in ((size,), ((2, 2), size)):
        with pytest.raises(ValueError, match=r"size must be .*Received: "):
            affine_grid([IDENTITY], *sizes)


@pytest.mark.parametrize("shape", [(None, 8), (None, 8, 8), (None, 8, None, 1), (None, 8, 8, 1, 1)])
def test_refuses_other_images(shape):
    with pytest.raises(ValueError, match=r"Images must be .*, and all but the batch known. Received: shape \(None, 8"):
        SpatialTransformer().build(shape)
    with pytest.raises(ValueError, match=r"Images must be .*Received: shape \(2, 8\)"):
        bilinear_sample(np.zeros((2, 8)), np.zeros((2, 1, 2)))


def test_refuses_features_that_are_no_vector():
    image = keras.Input((8, 8, 1))
    two = keras.Model(image, [layers.Flatten()(image), layers.GlobalMaxPooling2D()(image)])
    for localization in (layers.Conv2D(2, 3), two):
        with pytest.raises(ValueError, match=r"localization must give one vector of features.*Received: outputs of"):
            SpatialTransformer(localization)(np.zeros((2, 8, 8, 1), "float32"))


@pytest.mark.parametrize("shape", [(2, 3), (1, 6), (1, 3, 2)])
def test_refuses_other_maps(shape):
    with pytest.raises(ValueError, match=r"theta must be \(batch, 2, 3\), a matrix an image. Received: shape"):
        affine_grid(np.zeros(shape), (4, 4))


@pytest.mark.parametrize("shape", [(2,), (1, 4, 4, 3)])
def test_refuses_other_grids(shape):
    with pytest.raises(ValueError, match=r"The grid must be .*Received: shape"):
        bilinear_sample(np.zeros((1, 4, 4, 1)), np.zeros(shape))
