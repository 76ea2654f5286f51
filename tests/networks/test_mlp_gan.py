import numpy as np
import pytest
from keras import ops

from kerasgen.networks import mlp


def test_gan_mnist_has_the_published_numbers_of_parameters():
    assert mlp.generator((28, 28, 1), latent_dim=64).count_params() == 218_128
    assert mlp.discriminator((28, 28, 1)).count_params() == 100_609


def test_the_discriminator_is_its_formula():
    network = mlp.discriminator((2, 3, 1), units=(5,))
    image = np.random.default_rng(0).uniform(size=(4, 2, 3, 1)).astype("float32")
    kernel, bias, last_kernel, last_bias = network.get_weights()
    hidden = (2 * image - 1).reshape(4, 6) @ kernel + bias
    expected = np.where(hidden > 0, hidden, 0.01 * hidden) @ last_kernel + last_bias
    logits = ops.convert_to_numpy(network(ops.convert_to_tensor(image)))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_the_generator_is_its_formula():
    network = mlp.generator((2, 3, 1), latent_dim=4, units=(5,))
    latents = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
    kernel, bias, last_kernel, last_bias = network.get_weights()
    hidden = latents @ kernel + bias
    linear = np.where(hidden > 0, hidden, 0.01 * hidden) @ last_kernel + last_bias
    images = ops.convert_to_numpy(network(ops.convert_to_tensor(latents)))
    np.testing.assert_allclose(images, ((np.tanh(linear) + 1) / 2).reshape(3, 2, 3, 1), rtol=1e-4, atol=1e-5)


def test_rows_are_made_and_seen_as_they_are():
    generator = mlp.generator((4,), latent_dim=2)
    rows = ops.convert_to_numpy(generator(ops.convert_to_tensor(np.eye(2, dtype="float32") * 100)))
    assert generator.output_shape == (None, 4) and rows.dtype == "float32"
    assert rows.min() < 0 and rows.max() > 1
    discriminator = mlp.discriminator((4,), units=())
    kernel, bias = discriminator.get_weights()
    logits = ops.convert_to_numpy(discriminator(ops.convert_to_tensor(rows)))
    np.testing.assert_allclose(logits, rows @ kernel + bias, rtol=1e-3, atol=1e-4)


def test_rows_with_labels_and_latents():
    network = mlp.discriminator((4,), latent_dim=2, num_classes=3, conditioning="projection", auxiliary_outputs=3)
    assert [each.shape for each in network.inputs] == [(None, 4), (None, 2), (None,)]
    assert network.output_shape == [(None, 1), (None, 3)]


def test_spectral_normalization_bounds_the_slope():
    """Each dense layer has norm 1 and each activation a slope of at most 1; only the rescaling doubles distances."""
    network = mlp.discriminator((4, 4, 1), units=(16, 16), spectral_normalization=True)
    for layer in network.layers:
        if hasattr(layer, "iterations"):
            layer.kernel.assign(30 * ops.convert_to_numpy(layer.kernel))
    rng = np.random.default_rng(0)
    first, second = rng.uniform(size=(2, 200, 4, 4, 1)).astype("float32")
    for _ in range(20):
        network(ops.convert_to_tensor(first), training=True)
    change = np.abs(np.diff([ops.convert_to_numpy(network(ops.convert_to_tensor(x))) for x in (first, second)], axis=0))
    distance = np.linalg.norm((first - second).reshape(200, -1), axis=1)
    slopes = change.ravel() / distance
    assert 0.01 < slopes.max() <= 2.001


def test_summary_is_one_line_a_layer():
    generator = mlp.generator((28, 28, 1), latent_dim=2)
    assert [layer.name for layer in generator.layers] == ["latents", "dense_1", "pixels", "maps", "tanh", "images"]
    discriminator = mlp.discriminator((28, 28, 1))
    names = [layer.name for layer in discriminator.layers]
    assert names == ["image", "rescaling", "flatten", "dense_1", "features", "logits"]


def test_two_networks_of_the_same_arguments_have_the_same_config():
    for build in (lambda: mlp.generator((8, 8, 1), 2), lambda: mlp.discriminator((8, 8, 1))):
        assert build().to_json() == build().to_json()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"normalization": "instance"}, '"instance" needs maps.*Received: a vector of 8'),
        ({"units": 8}, "units .*Received: 8"),
        ({"image_shape": (28, 28)}, r"image_shape .*Received: \(28, 28\)"),
    ],
)
def test_bad_arguments(arguments, message):
    arguments = {"image_shape": (4, 4, 1), "units": (8,), **arguments}
    with pytest.raises(ValueError, match=message):
        mlp.discriminator(**arguments)
    with pytest.raises(ValueError, match=message):
        mlp.generator(**arguments, latent_dim=2)
