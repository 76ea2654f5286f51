import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen.networks import dcgan

pytestmark = pytest.mark.usefixtures("zero_weights")

RESIZE = {"filters": (128, 128, 64), "upsampling": "resize", "kernel_size": 3, "normalize_start": False}


def parts(network):
    """Kinds of the layers with what they give, in order."""
    return [(type(layer).__name__, layer.output.shape[1:]) for layer in network.layers[1:]]


def heights(network):
    """Heights of the maps that a network passes through, in order, repeated ones once."""
    found = [layer.output.shape[1] for layer in network.layers if len(layer.output.shape) == 4]
    return [height for index, height in enumerate(found) if index == 0 or height != found[index - 1]]


def trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def test_default_generator():
    network = dcgan.generator((28, 28, 1), latent_dim=100)
    assert parts(network) == [
        ("Dense", (6272,)),
        ("BatchNormalization", (6272,)),
        ("Activation", (6272,)),
        ("Reshape", (7, 7, 128)),
        ("Conv2DTranspose", (14, 14, 64)),
        ("BatchNormalization", (14, 14, 64)),
        ("Activation", (14, 14, 64)),
        ("Conv2DTranspose", (28, 28, 1)),
        ("Activation", (28, 28, 1)),
        ("Rescaling", (28, 28, 1)),
    ]
    dense, pixels = 100 * 6272, 4 * 4 * 64 * 1 + 1
    assert trainable(network) == dense + 2 * 6272 + 4 * 4 * 128 * 64 + 2 * 64 + pixels == 771_969


def test_default_discriminator():
    network = dcgan.discriminator((28, 28, 1))
    assert parts(network) == [
        ("Rescaling", (28, 28, 1)),
        ("Conv2D", (14, 14, 64)),
        ("Conv2D", (7, 7, 128)),
        ("BatchNormalization", (7, 7, 128)),
        ("Activation", (7, 7, 128)),
        ("Flatten", (6272,)),
        ("Dense", (1,)),
    ]
    first, logits = 4 * 4 * 1 * 64 + 64, 6272 + 1
    assert trainable(network) == first + 4 * 4 * 64 * 128 + 2 * 128 + logits == 138_689


def test_dcgan_mnist_as_published():
    generator = dcgan.generator((28, 28, 1), latent_dim=100, **RESIZE)
    assert parts(generator) == [
        ("Dense", (6272,)),
        ("Reshape", (7, 7, 128)),
        ("UpSampling2D", (14, 14, 128)),
        ("Conv2D", (14, 14, 128)),
        ("BatchNormalization", (14, 14, 128)),
        ("Activation", (14, 14, 128)),
        ("UpSampling2D", (28, 28, 128)),
        ("Conv2D", (28, 28, 64)),
        ("BatchNormalization", (28, 28, 64)),
        ("Activation", (28, 28, 64)),
        ("Conv2D", (28, 28, 1)),
        ("Activation", (28, 28, 1)),
        ("Rescaling", (28, 28, 1)),
    ]
    dense, pixels = 101 * 6272, 9 * 64 + 1
    assert trainable(generator) == dense + 9 * 128 * 128 + 2 * 128 + 9 * 128 * 64 + 2 * 64 + pixels == 855_617

    discriminator = dcgan.discriminator(
        (28, 28, 1), filters=(32, 64, 128, 256), kernel_size=3, strides=(2, 2, 2, 1), dropout=0.25
    )
    assert heights(discriminator) == [28, 14, 7, 4]
    assert discriminator.get_layer("features").output.shape == (None, 4 * 4 * 256)
    convolutions = (9 + 1) * 32 + 9 * (32 * 64 + 64 * 128 + 128 * 256)
    assert trainable(discriminator) == convolutions + 2 * (64 + 128 + 256) + 4096 + 1 == 392_385
    kinds = [type(layer) for layer in discriminator.layers]
    assert kinds.count(layers.Dropout) == 4 and kinds.count(layers.BatchNormalization) == 3


def test_activation_of_the_discriminator_is_a_leaky_relu_of_slope_one_fifth():
    activation = dcgan.discriminator((28, 28, 1)).get_layer("conv_1").activation
    np.testing.assert_allclose(ops.convert_to_numpy(activation(ops.convert_to_tensor([-1.0, 2.0]))), [-0.2, 2.0])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({}, [9, 18, 17, 34, 33]), ({**RESIZE, "filters": (8, 8, 8)}, [9, 18, 17, 34, 33])],
    ids=["transposed", "resize"],
)
def test_odd_sizes_are_cropped(arguments, expected):
    network = dcgan.generator((33, 20, 3), latent_dim=2, **arguments)
    assert heights(network) == expected and network.output_shape == (None, 33, 20, 3)


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_any_depth_and_kernel(upsampling):
    for filters, kernels in (((8,), 5), ((8, 6, 4), (3, 4, 5)), ((4, 4, 4, 4), 1)):
        network = dcgan.generator((20, 12, 1), 2, filters=filters, kernel_size=kernels, upsampling=upsampling)
        assert network.output_shape == (None, 20, 12, 1)
        linear = [layer for layer in network.layers if isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose))]
        assert len(linear) == len(filters)
        assert network.get_layer("start_maps").output.shape[-1] == filters[0]


def test_no_pixel_is_favoured():
    # Kernels that are a multiple of the stride, or none between copies: with weights of one, inner pixels are equal.
    for arguments in ({"kernel_size": 4}, {"kernel_size": 3, "upsampling": "resize"}):
        network = dcgan.generator(
            (48, 48, 1), 1, filters=(2, 2, 2), activation="linear", normalization=None, **arguments
        )
        network.set_weights([np.full_like(weight, 1e-2) for weight in network.get_weights()])
        pixels = keras.Model(network.input, network.get_layer("pixels").output)
        inner = ops.convert_to_numpy(pixels(ops.ones((1, 1))))[0, 16:-16, 16:-16]
        assert np.ptp(inner) < 1e-5 * inner.max() and inner.min() > 0


def test_features_are_the_flattened_maps():
    network = dcgan.discriminator((12, 8, 1), filters=(4, 6))
    assert network.get_layer("features").output.shape == (None, 3 * 2 * 6)
    assert network.get_layer("features").input.shape == (None, 3, 2, 6)


def test_a_label_is_a_channel_of_the_image():
    network = dcgan.discriminator((12, 8, 3), filters=(4, 6), num_classes=5)
    assert network.get_layer("conv_1").input.shape == (None, 12, 8, 4)


def test_the_start_may_go_without_normalization():
    names = [layer.name for layer in dcgan.generator((8, 8, 1), 2, filters=(4, 4), normalize_start=False).layers]
    assert "start_normalization" not in names and "transposed_1_normalization" in names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"upsampling": "bilinear"}, "upsampling .*transposed.*resize.*Received: 'bilinear'"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size .*tuple of 2.*Received: \(3, 3, 3\)"),
        ({"filters": 64}, "filters .*Received: 64"),
        ({"normalization": "instance"}, "instance.*normalize_start=False.*Received"),
        ({"attention": 28}, r"attention .*\[7, 14\].*Received: 28"),
    ],
)
def test_bad_arguments_of_a_generator(arguments, message):
    with pytest.raises(ValueError, match=message):
        dcgan.generator((28, 28, 1), 2, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strides": (2, 2, 1)}, r"strides .*tuple of 2.*Received: \(2, 2, 1\)"),
        ({"attention": 28}, r"attention .*\[7, 14\].*Received: 28"),
        ({"image_shape": (784,)}, r"image_shape .*Received: \(784,\)"),
        ({"dropout": 2.0}, "2.0"),
    ],
)
def test_bad_arguments_of_a_discriminator(arguments, message):
    with pytest.raises(ValueError, match=message):
        dcgan.discriminator(**{"image_shape": (28, 28, 1), **arguments})
