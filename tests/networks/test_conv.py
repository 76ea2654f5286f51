import numpy as np
import pytest
from keras import ops

from kerasgen.networks import conv

pytestmark = pytest.mark.usefixtures("zero_weights")


def sizes(network):
    """Heights of the maps that a network passes through, in order, repeated ones once."""
    heights = [layer.output.shape[1] for layer in network.layers if len(layer.output.shape) == 4]
    return [height for index, height in enumerate(heights) if index == 0 or height != heights[index - 1]]


def test_vae_imagenette_has_the_published_shapes_and_number_of_parameters():
    encoder = conv.encoder(
        (64, 64, 3), latent_dim=32, filters=(32, 64, 128, 256), padding="valid", posterior="gaussian"
    )
    decoder = conv.decoder(
        (64, 64, 3), latent_dim=32, filters=(1024, 128, 64, 32), kernel_size=(5, 5, 6, 6), padding="valid"
    )
    assert sizes(encoder) == [64, 31, 14, 6, 2] and encoder.get_layer("flatten").output.shape == (None, 1024)
    assert sizes(decoder) == [1, 5, 13, 30, 64]
    assert encoder.count_params() + decoder.count_params() == 4_348_547


def test_decoder_goes_back_the_way_of_the_encoder():
    assert sizes(conv.encoder((28, 28, 1), latent_dim=2)) == [28, 14, 7, 4]
    assert sizes(conv.decoder((28, 28, 1), latent_dim=2)) == [4, 8, 7, 14, 28]
    assert sizes(conv.decoder((64, 64, 1), latent_dim=2)) == [8, 16, 32, 64]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel_size", "strides"), [(3, 1), (2, 2), (5, 2), (2, 3), (5, 3)])
def test_any_convolution_gives_the_exact_shape(kernel_size, strides, padding):
    arguments = {"kernel_size": kernel_size, "strides": strides, "padding": padding, "filters": (1, 1)}
    assert conv.encoder((30, 23, 1), latent_dim=1, **arguments).output_shape == (None, 1)
    assert conv.decoder((30, 23, 1), latent_dim=1, **arguments).output_shape == (None, 30, 23, 1)


def test_no_pixel_is_favoured():
    # Kernels that are a multiple of the stride: with weights of one, each inner pixel is the sum of as many terms.
    decoder = conv.decoder((32, 32, 1), latent_dim=1, filters=(2, 2), activation="linear")
    decoder.set_weights([np.ones_like(weight) for weight in decoder.get_weights()])
    inner = ops.convert_to_numpy(decoder(ops.ones((1, 1))))[0, 8:-8, 8:-8]
    assert np.ptp(inner) == 0 and inner.min() > 0


def test_units_stand_between_convolutions_and_latents():
    encoder = conv.encoder((16, 16, 1), latent_dim=2, filters=(4,), units=(10,))
    assert [layer.name for layer in encoder.layers] == ["image", "conv_1", "flatten", "dense_1", "latents"]
    decoder = conv.decoder((16, 16, 1), latent_dim=2, filters=(4,), units=(10,))
    names = [layer.name for layer in decoder.layers]
    assert names == ["latents", "dense_1", "start", "start_maps", "pixels"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": ()}, r"filters .*Received: \(\)"),
        ({"filters": 32}, "filters .*Received: 32"),
        ({"kernel_size": (3, 3)}, r"kernel_size .*tuple of 3.*Received: \(3, 3\)"),
        ({"strides": 0}, "strides .*Received"),
        ({"padding": "reflect"}, "padding .*Received: 'reflect'"),
    ],
)
@pytest.mark.parametrize("build", [conv.encoder, conv.decoder])
def test_bad_arguments(build, arguments, message):
    with pytest.raises(ValueError, match=message):
        build((28, 28, 1), 2, **arguments)


def test_an_image_too_small_without_padding_is_refused():
    with pytest.raises(ValueError, match=r'Convolution 2 .*padding="same".*Received'):
        conv.encoder((8, 8, 1), 2, padding="valid")
    assert conv.decoder((8, 8, 1), 2, padding="valid").output_shape == (None, 8, 8, 1)
