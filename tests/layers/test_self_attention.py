"""Self-attention: the identity at the start, symmetries, and the formula in NumPy."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen.engine import input_gradient
from kerasgen.layers import SelfAttention, SpectralNormalization
from tests.conftest import quick

RANDOM = np.random.default_rng(0)
SIZES = [(1, 4), (4, 4), (5, 3), (7, 7)]


def array(value):
    return np.array(ops.convert_to_numpy(ops.cast(value, "float32")))


def maps(height, width, channels=16, count=2):
    return RANDOM.standard_normal((count, height, width, channels)).astype("float32")


def build(shape, gamma=0.7, **options):
    layer = SelfAttention(**options)
    layer.build(shape)
    layer.gamma.assign(gamma)
    return layer


def reference(layer, inputs):
    def project(convolution, values):
        return values.astype("float64") @ array(convolution.kernel)[0, 0]

    def pool(values):
        size, (_, height, width, _) = layer.pool_size, values.shape
        rows, columns = (windows(length, size) for length in (height, width))
        return np.stack([np.stack([values[:, r][:, :, c].max((1, 2)) for c in columns], 1) for r in rows], 1)

    def positions(values):
        return values.reshape(len(values), -1, values.shape[-1])

    scores = positions(project(layer.query, inputs)) @ positions(pool(project(layer.key, inputs))).transpose(0, 2, 1)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    gathered = weights @ positions(pool(project(layer.value, inputs)))
    gathered = project(layer.output_convolution, gathered.reshape(*inputs.shape[:3], -1))
    return inputs + float(array(layer.gamma)) * gathered


def windows(length, size):
    """Slices of "same" padding, which is half on either side, and at the end where it is odd."""
    lacking = -length % size
    starts = np.arange(-(lacking // 2), length, size)
    return [slice(max(start, 0), min(start + size, length)) for start in starts]


@pytest.mark.parametrize("size", SIZES)
def test_starts_as_the_identity(size):
    inputs = maps(*size)
    for training in (True, False):
        np.testing.assert_array_equal(array(SelfAttention()(inputs, training=training)), inputs)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pool_size", [1, 2, 3])
def test_is_the_formula(size, pool_size):
    inputs = maps(*size) - 3.0  # Keys and values of one sign: padding must not win a maximum.
    layer = build(inputs.shape, pool_size=pool_size)
    np.testing.assert_allclose(array(quick(layer)(inputs)), reference(layer, inputs), rtol=1e-4, atol=1e-4)


def test_positions_are_alike_where_nothing_is_pooled():
    inputs = maps(4, 3)
    layer = build(inputs.shape, pool_size=1)
    order = RANDOM.permutation(12)

    def shuffled(values):
        return values.reshape(2, 12, 16)[:, order].reshape(values.shape)

    np.testing.assert_allclose(array(layer(shuffled(inputs))), shuffled(array(layer(inputs))), rtol=1e-4, atol=1e-5)


def test_positions_of_a_window_are_alike():
    """Also mirrored maps, where windows fall on windows."""
    inputs = maps(4, 4)
    layer = build(inputs.shape)
    swapped = inputs.reshape(2, 2, 2, 2, 2, 16)[:, :, ::-1].reshape(inputs.shape)
    outputs = array(layer(inputs)).reshape(2, 2, 2, 2, 2, 16)[:, :, ::-1].reshape(inputs.shape)
    np.testing.assert_allclose(array(layer(swapped)), outputs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        array(layer(inputs[:, :, ::-1].copy())), array(layer(inputs))[:, :, ::-1], rtol=1e-4, atol=1e-5
    )


def test_reaches_every_position():
    inputs = maps(5, 4, count=1)
    layer = build(inputs.shape)
    of_the_first = quick(lambda x: input_gradient(lambda x: layer(x)[:, 0, 0], x))
    gradient = array(of_the_first(ops.convert_to_tensor(inputs)))
    # In each window of the keys and values some channel's maximum is anywhere.
    assert (np.abs(gradient).sum(-1) > 0).mean() > 0.8


def test_samples_do_not_mix():
    inputs = maps(4, 4, count=3)
    layer = build(inputs.shape)
    np.testing.assert_allclose(array(layer(inputs[1:2])), array(layer(inputs))[1:2], rtol=1e-4, atol=1e-5)


def test_only_gamma_learns_first():
    """At gamma = 0 nothing reaches the convolutions, and gamma's own gradient is not zero."""
    inputs = maps(4, 4)
    layer = build(inputs.shape, gamma=0.0)

    def gradient(variable):
        def loss(value):
            with keras.StatelessScope([(variable, value)]):
                return ops.sum(ops.sin(layer(inputs)))

        return array(quick(lambda value: input_gradient(loss, value))(ops.convert_to_tensor(array(variable))))

    for convolution in (layer.query, layer.key, layer.value, layer.output_convolution):
        np.testing.assert_array_equal(gradient(convolution.kernel), 0)
    assert np.abs(gradient(layer.gamma)) > 1e-3


@pytest.mark.parametrize(("channels", "widths"), [(16, (2, 2, 8, 16)), (3, (1, 1, 1, 3)), (1, (1, 1, 1, 1))])
def test_widths(channels, widths):
    layer = build((None, 4, 4, channels))
    convolutions = (layer.query, layer.key, layer.value, layer.output_convolution)
    assert tuple(convolution.filters for convolution in convolutions) == widths
    assert layer.count_params() == 1 + channels * sum(widths[:3]) + widths[2] * channels


def test_spectral_normalization():
    inputs = maps(4, 4)
    layer = build(inputs.shape, spectral_normalization=True)
    convolutions = (layer.query, layer.key, layer.value, layer.output_convolution)
    assert all(isinstance(convolution, SpectralNormalization) for convolution in convolutions)
    before = [array(convolution.vector_u) for convolution in convolutions]
    layer(inputs)
    assert all(np.array_equal(array(c.vector_u), vector) for c, vector in zip(convolutions, before))
    for _ in range(30):
        outputs = layer(inputs, training=True)
    plain = build(inputs.shape)
    plain.set_weights(layer.get_weights()[:1] + [np.array(c.kernel) for c in convolutions])
    for convolution in (plain.query, plain.key, plain.value, plain.output_convolution):
        kernel = array(convolution.kernel)
        convolution.kernel.assign(kernel / np.linalg.svd(kernel[0, 0], compute_uv=False)[0])
    np.testing.assert_allclose(array(outputs), array(plain(inputs)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("spectral_normalization", [True, False])
def test_mixed_precision(policy, spectral_normalization):
    inputs = maps(4, 4)
    options = {"spectral_normalization": spectral_normalization}
    full, layer = build(inputs.shape, **options), build(inputs.shape, dtype=policy, **options)
    layer.set_weights(full.get_weights())
    outputs = layer(inputs, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(array(outputs), array(full(inputs, training=True)), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("options", [{}, {"spectral_normalization": True, "pool_size": 3}])
def test_saves_and_loads(tmp_path, options):
    inputs = keras.Input((5, 4, 8))
    model = keras.Model(inputs, layers.Flatten()(SelfAttention(**options)(inputs)))
    images = maps(5, 4, 8)
    model.layers[1].gamma.assign(0.5)
    model(images, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(again(images)), array(model(images)))
    assert again.layers[1].get_config() == model.layers[1].get_config()


def test_refuses_by_name():
    with pytest.raises(ValueError, match=r"pool_size must be a positive int. Received: 0"):
        SelfAttention(pool_size=0)
    with pytest.raises(ValueError, match=r"Features must be .*Received: shape"):
        SelfAttention()(np.ones((2, 3), "float32"))
