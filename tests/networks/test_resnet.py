import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen.networks import resnet


def convolution(inputs, outputs, kernel=3, bias=True):
    return kernel * kernel * inputs * outputs + bias * outputs


def trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def heights(network):
    """Heights of the maps after each block."""
    return [layer.output.shape[1] for layer in network.layers if isinstance(layer, layers.Add)]


def test_the_generator_of_miyato_et_al_for_32_x_32():
    network = resnet.generator((32, 32, 3), latent_dim=128, filters=(256, 256, 256))
    assert heights(network) == [8, 16, 32]
    block = 2 * 2 * 256 + convolution(256, 256, bias=False) + convolution(256, 256) + convolution(256, 256, kernel=1)
    start, end = 129 * 4 * 4 * 256, 2 * 256 + convolution(256, 3)
    assert trainable(network) == start + 3 * block + end == 4_275_971


def test_the_discriminator_of_miyato_et_al_for_32_x_32():
    network = resnet.discriminator((32, 32, 3), filters=(128,) * 4, strides=(2, 2, 1, 1))
    assert heights(network) == [16, 8, 8, 8]
    first = convolution(3, 128) + convolution(128, 128) + convolution(3, 128, kernel=1)
    second = 2 * convolution(128, 128) + convolution(128, 128, kernel=1)
    # Blocks that change neither size nor channels have the identity as their shortcut.
    others = 2 * 2 * convolution(128, 128)
    assert trainable(network) == first + second + others + 128 + 1 == 1_053_825
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in network.layers)


def test_odd_sizes():
    assert heights(resnet.generator((33, 20, 1), 2, filters=(4, 4, 4))) == [9, 17, 33]
    assert heights(resnet.discriminator((33, 20, 1), filters=(4, 4, 4))) == [17, 9, 5]
    assert resnet.generator((33, 20, 1), 2, filters=(4, 4, 4)).output_shape == (None, 33, 20, 1)


def image(height=5, width=7, channels=3):
    return np.random.default_rng(0).uniform(size=(2, height, width, channels)).astype("float32")


def given(network, layer, images):
    submodel = keras.Model(network.input, network.get_layer(layer).output)
    return ops.convert_to_numpy(submodel(ops.convert_to_tensor(images)))


def test_a_block_without_its_last_kernel_is_its_shortcut():
    network = resnet.discriminator((5, 7, 3), filters=(4, 4, 6), strides=(2, 1, 1))
    for index in (1, 2, 3):
        kernel = network.get_layer(f"block_{index}_conv_2").kernel
        kernel.assign(np.zeros(kernel.shape))
    first, second, third = (given(network, f"block_{index}", image()) for index in (1, 2, 3))
    kernel, bias = network.get_layer("block_1_shortcut").get_weights()
    # Means over squares; at the border of an odd size over what there is.
    seen = np.pad(2 * image() - 1, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=np.nan)
    means = np.nanmean(seen.reshape(2, 3, 2, 4, 2, 3), axis=(2, 4))
    np.testing.assert_allclose(first, means @ kernel[0, 0] + bias, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(second, first)
    kernel, bias = network.get_layer("block_3_shortcut").get_weights()
    np.testing.assert_allclose(third, second @ kernel[0, 0] + bias, rtol=1e-4, atol=1e-5)


def test_features_are_sums_over_all_places():
    network = resnet.discriminator((5, 7, 3), filters=(4, 6))
    maps = given(network, "block_2", image())
    np.testing.assert_allclose(given(network, "features", image()), np.maximum(maps, 0).sum(axis=(1, 2)), rtol=1e-4)


def test_the_first_block_sees_what_is_below_grey():
    """An activation before the first convolution would make all darker images alike."""
    network = resnet.discriminator((5, 7, 3), filters=(4,))
    first, second = (given(network, "features", value * image()) for value in (0.2, 0.4))
    assert np.abs(first - second).max() > 1e-3


def test_normalization_stands_before_each_activation_of_a_generator():
    names = [layer.name for layer in resnet.generator((8, 8, 1), 2, filters=(4, 4)).layers]
    activations = [name.removesuffix("_activation") for name in names if name.endswith("_activation")]
    assert activations == ["block_1_1", "block_1_2", "block_2_1", "block_2_2", "end"]
    assert [name for name in names if name.endswith("_normalization")] == [f"{n}_normalization" for n in activations]


def test_normalization_of_a_discriminator_begins_after_the_first_block():
    names = [layer.name for layer in resnet.discriminator((8, 8, 1), filters=(4, 4), normalization="layer").layers]
    found = [name for name in names if name.endswith("_normalization")]
    assert found == ["block_2_1_normalization", "block_2_2_normalization"]


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (resnet.generator, {"latent_dim": 2, "attention": 5}, r"attention .*\[4, 7, 14, 28\].*Received: 5"),
        (resnet.discriminator, {"attention": 28}, r"attention .*\[4, 7, 14\].*Received: 28"),
        (resnet.discriminator, {"strides": (2, 2)}, r"strides .*tuple of 3.*Received: \(2, 2\)"),
        (resnet.discriminator, {"filters": (8, 0)}, r"filters .*Received: \(8, 0\)"),
    ],
)
def test_bad_arguments(build, arguments, message):
    with pytest.raises(ValueError, match=message):
        build((28, 28, 1), **arguments)
