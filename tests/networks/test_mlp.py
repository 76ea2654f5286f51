import pytest
from keras import ops

from kerasgen.networks import mlp

pytestmark = pytest.mark.usefixtures("zero_weights")


def test_vae_mnist_has_the_published_number_of_parameters():
    encoder = mlp.encoder((28, 28, 1), latent_dim=16, units=(512, 256), posterior="gaussian")
    decoder = mlp.decoder((28, 28, 1), latent_dim=16, units=(256, 512))
    assert encoder.count_params() + decoder.count_params() == 1_079_600


def test_vae_binary_mnist_has_the_published_number_of_parameters():
    arguments = {"units": (500,), "activation": "tanh"}
    encoder = mlp.encoder((28, 28, 1), latent_dim=5, posterior="gaussian", **arguments)
    decoder = mlp.decoder((28, 28, 1), latent_dim=5, **arguments)
    assert encoder.count_params() + decoder.count_params() == 793_294


def test_a_decoder_penalises_the_squares_of_all_its_weights():
    decoder = mlp.decoder((2, 2, 1), latent_dim=3, units=(5,), l2=0.01)
    for weight in decoder.weights:
        weight.assign(2 * ops.ones(weight.shape))
    assert float(sum(decoder.losses)) == pytest.approx(0.01 * 4 * decoder.count_params())
    assert not mlp.decoder((2, 2, 1), latent_dim=3).losses


def test_rows_of_a_table():
    assert mlp.encoder((4,), latent_dim=2).input_shape == (None, 4)
    assert mlp.decoder((4,), latent_dim=2).output_shape == (None, 4)


def test_summary_is_one_line_a_layer():
    encoder = mlp.encoder((28, 28, 1), latent_dim=2)
    assert [layer.name for layer in encoder.layers] == ["image", "flatten", "dense_1", "dense_2", "latents"]
    decoder = mlp.decoder((28, 28, 1), latent_dim=2)
    assert [layer.name for layer in decoder.layers] == ["latents", "dense_1", "dense_2", "pixels", "outputs"]
