"""Networks that users write with plain Keras: of what kind they may be, and the VAE of Keras's examples."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import models, networks
from kerasgen.layers import Sampling

SHAPE = (8, 8, 1)


class Subclassed(keras.Model):
    """Of a subclassed model neither inputs nor outputs are known."""

    def __init__(self, units, shape=()):
        super().__init__()
        self.flatten, self.dense, self.reshape = (
            layers.Flatten(),
            layers.Dense(units),
            layers.Reshape(shape or (units,)),
        )

    def call(self, inputs):
        return self.reshape(self.dense(self.flatten(inputs)))


def without_input(units):
    return keras.Sequential([layers.Flatten(), layers.Dense(units)])


def encoder(**options):
    return networks.mlp.encoder(SHAPE, 2, units=(4,), **options)


def decoder(**options):
    return networks.mlp.decoder(SHAPE, 2, units=(4,), **options)


def generator(latent_dim=2, **options):
    return networks.mlp.generator(SHAPE, latent_dim, units=(4,), **options)


def discriminator(**options):
    return networks.mlp.discriminator(SHAPE, units=(4,), **options)


@pytest.mark.parametrize("own", [lambda: Subclassed(2), lambda: without_input(2)], ids=["subclassed", "no input"])
@pytest.mark.parametrize(
    ("role", "build"),
    [
        ("encoder", lambda own: models.Autoencoder(own, decoder())),
        ("decoder", lambda own: models.Autoencoder(encoder(), own)),
        ("encoder", lambda own: models.VAE(own, decoder())),
        ("decoder", lambda own: models.VAE(encoder(posterior="gaussian"), own)),
        ("discriminator", lambda own: models.AdversarialAutoencoder(encoder(), decoder(), own)),
        ("generator", lambda own: models.GAN(own, discriminator())),
        ("discriminator", lambda own: models.GAN(generator(), own)),
        ("discriminator", lambda own: models.WGANGP(generator(), own)),
        ("network", lambda own: models.ConditionalGAN(own, discriminator(num_classes=3))),
        ("encoder", lambda own: models.BiGAN(generator(), own, discriminator(latent_dim=2))),
        ("discriminator", lambda own: models.BiGAN(generator(), encoder(), own)),
        ("discriminator", lambda own: models.VAEGAN(encoder(posterior="gaussian"), generator(name="decoder"), own)),
        ("generator", lambda own: models.StarGAN(own, discriminator())),
    ],
)
def test_networks_are_functional(role, build, own):
    with pytest.raises(ValueError, match=f"The {role} must be a functional keras.Model.*Received: "):
        build(own())


def test_the_remedies_work():
    image, own = keras.Input(SHAPE), without_input(2)
    own(np.zeros((3, *SHAPE), "float32"))
    for network in (own, keras.Model(image, Subclassed(2)(image), name="encoder")):
        model = models.Autoencoder(network, decoder())
        model.compile(jit_compile=False)
        model.fit(np.zeros((5, *SHAPE), "float32"), verbose=0)
        assert model.encode(np.zeros((4, *SHAPE))).shape == (4, 2)


def keras_encoder(shape, sampling, order=(0, 1, 2)):
    """Of https://keras.io/examples/generative/vae, on smaller images, and with dense layers for flat ones."""
    inputs = keras.Input(shape)
    x = inputs
    if len(shape) == 3:
        x = layers.Conv2D(4, 3, activation="relu", strides=2, padding="same")(x)
        x = layers.Flatten()(x)
    x = layers.Dense(16, activation="relu")(x)
    z_mean = layers.Dense(2, name="z_mean")(x)
    z_log_var = layers.Dense(2, name="z_log_var")(x)
    outputs = [z_mean, z_log_var, sampling([z_mean, z_log_var])]
    return keras.Model(inputs, [outputs[each] for each in order], name="encoder")


def keras_decoder(shape):
    """Its last layer without the example's sigmoid."""
    latent_inputs = keras.Input((2,))
    if len(shape) == 1:
        outputs = layers.Dense(*shape)(layers.Dense(16, activation="relu")(latent_inputs))
    else:
        x = layers.Reshape((4, 4, 4))(layers.Dense(4 * 4 * 4, activation="relu")(latent_inputs))
        outputs = layers.Conv2DTranspose(1, 3, strides=2, padding="same")(x)
    return keras.Model(latent_inputs, outputs, name="decoder")


class ExampleSampling(layers.Layer):
    """The example's own layer."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        z_mean, z_log_var = inputs
        epsilon = keras.random.normal(shape=ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


@pytest.mark.parametrize(
    ("shape", "sampling"),
    [
        ((64,), ExampleSampling),
        (SHAPE, Sampling),
        pytest.param((64,), Sampling, marks=pytest.mark.slow),
        pytest.param(SHAPE, ExampleSampling, marks=pytest.mark.slow),
    ],
)
def test_the_vae_of_the_examples_of_keras(shape, sampling, digits, tmp_path):
    images = digits[0].reshape(-1, *shape)
    network = keras_encoder(shape, sampling())
    vae = models.VAE(network, keras_decoder(shape))
    assert [output.name for output in vae.encoder.outputs] == [output.name for output in network.outputs[:2]]
    vae.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
    losses = vae.fit(images, epochs=4, batch_size=64, verbose=0, validation_data=(images[:16],)).history["loss"]
    assert losses[-1] < losses[0]
    assert vae.generate(3, seed=0).shape == (3, *shape)
    assert vae.reconstruct(images[:5]).shape == (5, *shape)
    np.testing.assert_array_equal(vae.encode(images[:5]), vae.posterior(images[:5])[0])
    # The weights are the user's, who can go on with the encoder as it was.
    np.testing.assert_allclose(ops.convert_to_numpy(network(images[:5])[0]), vae.encode(images[:5]), atol=1e-6)
    assert np.isfinite(vae.log_likelihood(np.round(images[:3]), samples=5)).all()
    vae.save(tmp_path / "vae.keras")
    again = keras.models.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(again.encode(images[:5]), vae.encode(images[:5]))


def test_a_third_output_of_another_kind_is_refused():
    message = r"\[mean, log_variance\].*encoder.outputs\[:2\].*Received: encoder 'encoder' with 3 outputs"
    for order in ((2, 0, 1), (1, 0, 2)):
        with pytest.raises(ValueError, match=message):
            models.VAE(keras_encoder(SHAPE, Sampling(), order), keras_decoder(SHAPE))
