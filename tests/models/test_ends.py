"""What networks end in: activations that the likelihood or the objective applies itself."""

import math
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import models, networks
from kerasgen.losses.adversarial import AdversarialLoss, minimax_discriminator, minimax_generator
from kerasgen.losses.likelihoods import Gaussian, Likelihood
from kerasgen.models.ends import check_units, end

SHAPE = (8, 8, 1)


def decoder(*last):
    return keras.Sequential([keras.Input((2,)), layers.Dense(8, "relu"), *last], name="decoder")


def pixels(activation=None):
    return layers.Dense(64, activation)


def maps():
    return layers.Reshape(SHAPE)


def nested():
    """The sigmoid is in an inner model, what follows in another one."""
    latents = keras.Input((2,))
    tail = keras.Sequential([keras.Input((64,)), maps(), layers.Identity(), layers.Dropout(0.1)])
    return keras.Model(latents, ops.cast(tail(decoder(pixels("sigmoid"))(latents)), "float32"), name="decoder")


def of_functions():
    latents = keras.Input((2,))
    return keras.Model(latents, ops.reshape(ops.sigmoid(pixels()(latents)), (-1, *SHAPE)), name="decoder")


def encoder(**options):
    return networks.mlp.encoder(SHAPE, 2, units=(4,), **options)


def autoencoder(last, likelihood="squared_error"):
    return models.Autoencoder(encoder(), last, likelihood)


SQUASHED = {
    "sigmoid": lambda: decoder(pixels("sigmoid"), maps()),
    "an activation layer": lambda: decoder(pixels(), maps(), layers.Activation("sigmoid")),
    "before a linear one": lambda: decoder(pixels("tanh"), layers.Activation("linear"), maps()),
    "softmax layer": lambda: decoder(pixels(), layers.Softmax(), maps()),
    "as a layer": lambda: decoder(pixels(layers.Activation("tanh")), maps()),
    "cropped": lambda: decoder(
        layers.Dense(100), layers.Reshape((10, 10, 1)), layers.Conv2D(1, 1, activation="sigmoid"), layers.Cropping2D(1)
    ),
    "a function": lambda: decoder(pixels(), layers.Lambda(keras.activations.hard_sigmoid), maps()),
    "wrapped": lambda: decoder(
        layers.Dense(64), layers.Reshape((8, 8)), layers.TimeDistributed(layers.Dense(8, "sigmoid")), maps()
    ),
    "nested": nested,
    "of functions": of_functions,
    "layout": lambda: networks.layout.decoder(SHAPE, 2, layout="DENSE|64|SIGMOID,RESHAPE|1|8|8"),
    "a generator": lambda: networks.mlp.generator(SHAPE, 2, units=(4,), name="decoder"),
}


@pytest.mark.parametrize("name", SQUASHED)
def test_a_likelihood_with_a_link_refuses_units_in_an_interval(name):
    with pytest.raises(ValueError, match=r"activation=None.*Received: 'decoder', which ends in \w+, with values from"):
        autoencoder(SQUASHED[name]())


def test_of_what_a_recurrent_layer_gives_its_output_alone_is_bounded():
    """The state of an LSTM's cells is a sum over time, and may have any value."""
    steps, first = keras.Input((5, 2)), keras.Input((4,))
    outputs, hidden, cells = layers.LSTM(4, return_state=True)(steps)
    assert end(outputs) == ("tanh", -1, 1)
    assert end(hidden) is None and end(cells) is None
    assert end(layers.GRU(4)(steps)) == end(layers.SimpleRNN(4)(steps)) == ("tanh", -1, 1)
    assert end(layers.GRU(4)(steps, initial_state=first)) is None
    assert end(layers.LSTM(4, recurrent_activation="linear")(steps)) is None
    network = keras.Model(steps, layers.Reshape(SHAPE)(layers.LSTM(64, return_state=True)(steps)[2]), name="decoder")
    check_units(network, Gaussian())


def test_where_the_likelihood_maps_nothing_units_may_be_images():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = autoencoder(SQUASHED["sigmoid"](), Gaussian(link="identity"))
        models.VAEGAN(
            encoder(posterior="gaussian"), SQUASHED["sigmoid"](), networks.mlp.discriminator(SHAPE, units=(4,))
        )
    images = model.decode(np.zeros((1, 2)))
    assert images.min() >= 0 and images.max() <= 1


class Mine(Likelihood):
    """Of it nothing is known."""


def test_a_likelihood_of_ones_own_is_trusted():
    autoencoder(SQUASHED["sigmoid"](), Mine())


class Gated(layers.Layer):
    """A layer of one's own, whose activation is not what it ends in."""

    def __init__(self):
        super().__init__()
        self.activation = keras.activations.sigmoid

    def call(self, inputs):
        return inputs * self.activation(inputs)


class Tenfold(layers.Wrapper):
    """A wrapper of one's own, which makes something else of what is wrapped."""

    def call(self, inputs):
        return 10 * self.layer(inputs) - 5


def wide_tanh(units):
    """A function of one's own, whose name says little of its range."""
    return 5 * ops.tanh(units)


wide_tanh.__name__ = "tanh"


def by_hand(before):
    """What is often written at the end of a network that gives images."""
    latents = keras.Input((2,))
    return keras.Model(latents, (ops.tanh(before(latents)) + 1) / 2, name="decoder")


@pytest.mark.parametrize(
    "last",
    [
        [pixels(), Gated(), maps()],
        [pixels(), maps()],
        [pixels(), layers.BatchNormalization(), maps()],
        [pixels("sigmoid"), layers.Rescaling(10.0, -5.0), maps()],
        [pixels("sigmoid"), pixels(), maps()],
        [pixels("leaky_relu"), maps()],
        [pixels(layers.ReLU(negative_slope=0.2)), maps()],
        [pixels(wide_tanh), maps()],
        [Tenfold(pixels("sigmoid")), maps()],
    ],
)
def test_units_without_bounds_pass(last):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        autoencoder(decoder(*last))


def test_half_of_the_numbers_is_a_warning():
    with pytest.warns(UserWarning, match="ends in relu, with values from 0 to inf"):
        autoencoder(decoder(pixels("relu"), maps()))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: decoder(pixels("sigmoid")), ("sigmoid", 0, 1)),
        (lambda: decoder(pixels("tanh"), layers.Rescaling(0.5, 0.5)), ("tanh", 0, 1)),
        (lambda: decoder(pixels("sigmoid"), layers.Rescaling(-2.0)), ("sigmoid", -2, 0)),
        (lambda: decoder(pixels("softplus")), ("softplus", 0, math.inf)),
        (lambda: decoder(pixels(), layers.ReLU(max_value=1.0)), ("relu", 0, 1)),
        (lambda: by_hand(pixels()), ("tanh", 0, 1)),
        (lambda: decoder(pixels()), None),
        (decoder, ("relu", 0, math.inf)),
    ],
)
def test_the_range_of_an_end(build, expected):
    """It holds the outputs, whatever the weights are."""
    network = build()
    assert end(network.outputs[0]) == expected
    if expected is not None:
        network.set_weights([3 * np.random.default_rng(0).standard_normal(w.shape) for w in network.weights])
        outputs = ops.convert_to_numpy(network(np.random.default_rng(1).standard_normal((16, 2)).astype("float32")))
        assert expected[1] - 1e-6 <= outputs.min() and outputs.max() <= expected[2] + 1e-6


def discriminator(*last, shape=SHAPE):
    return keras.Sequential([keras.Input(shape), layers.Flatten(name="features"), *last], name="discriminator")


def generator(**options):
    return networks.mlp.generator(SHAPE, 4, units=(4,), **options)


def labelled(activation):
    image = keras.Input(SHAPE)
    features = layers.Flatten()(image)
    outputs = [layers.Dense(1)(features), layers.Dense(3, activation)(features)]
    return keras.Model(image, outputs, name="discriminator")


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.GAN(generator(), discriminator(layers.Dense(1, "sigmoid"))),
        lambda: models.GAN(generator(), discriminator(layers.Dense(1), layers.Activation("sigmoid"))),
        lambda: models.WGAN(generator(), discriminator(layers.Dense(1, "tanh"))),
        lambda: models.GAN(generator(), discriminator(layers.Dense(2), layers.Softmax())),
        lambda: models.ACGAN(generator(num_classes=3), labelled("softmax")),
        lambda: models.VAEGAN(
            encoder(posterior="gaussian"),
            networks.mlp.generator(SHAPE, 2, units=(4,), name="decoder"),
            discriminator(layers.Dense(1, "sigmoid")),
        ),
        lambda: models.AdversarialAutoencoder(
            encoder(),
            networks.mlp.decoder(SHAPE, 2, units=(4,)),
            discriminator(layers.Dense(1, "sigmoid"), shape=(2,)),
        ),
        lambda: models.StarGAN(
            networks.stargan.generator(SHAPE, num_classes=3, filters=(2,), residual_blocks=1), labelled("softmax")
        ),
    ],
)
def test_a_discriminator_gives_logits(build):
    with pytest.raises(ValueError, match=r"takes logits.*activation=None.*Received: 'discriminator', which ends in "):
        build()


def test_objectives_of_numbers_may_have_a_sigmoid():
    """The best discriminator of least squares is p / (p + q), in [0, 1]."""
    judge = discriminator(layers.Dense(1, "sigmoid"))
    models.LSGAN(generator(), judge)
    models.GAN(generator(), judge, AdversarialLoss(minimax_discriminator, minimax_generator, threshold=0.5))
