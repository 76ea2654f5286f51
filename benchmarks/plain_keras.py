"""Presets beside plain Keras: the same networks, written as short as they get, from the same initial weights.

    python benchmarks/plain_keras.py autoencoder_mnist vae_mnist_2d vae_binary_mnist

Trains both to the end, on the same batches in the same order and with the same noise, and prints the figures of the
test images side by side. `tests/test_plain_keras.py` compares the losses of 200 steps.
"""

import argparse

import keras
import numpy as np
from keras import layers, ops

import kerasgen

PIXELS = (28, 28, 1)


class Sampling(layers.Layer):
    """A draw from the posterior, and the divergence as a loss; means in inference."""

    def __init__(self, seed):
        super().__init__()
        self.noise = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        """Draw."""
        mean, log_variance = inputs
        divergence = 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1 - log_variance)
        self.add_loss(ops.mean(ops.sum(divergence, axis=1)))
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), seed=self.noise)
        return mean + ops.exp(0.5 * log_variance) * noise


def autoencoder_mnist(seed):
    """784-512-2-512-784, squared error summed over pixels."""
    image = keras.Input(PIXELS)
    hidden = layers.Dense(512, "relu")(layers.Flatten()(image))
    latents = layers.Dense(2, "relu")(hidden)
    pixels = layers.Dense(784, "sigmoid")(layers.Dense(512, "relu")(latents))
    return keras.Model(image, layers.Reshape(PIXELS)(pixels)), squared_error


def vae_mnist_2d(seed):
    """784-512-2, the same beside a divergence."""
    image = keras.Input(PIXELS)
    hidden = layers.Dense(512, "relu")(layers.Flatten()(image))
    latents = Sampling(seed)([layers.Dense(2)(hidden), layers.Dense(2)(hidden)])
    pixels = layers.Dense(784, "sigmoid")(layers.Dense(512, "relu")(latents))
    return keras.Model(image, layers.Reshape(PIXELS)(pixels)), squared_error


def vae_binary_mnist(seed):
    """784-500-5 with tanh, cross-entropy, and 0.01 times the squares of the decoder's weights and biases."""
    image = keras.Input(PIXELS)
    hidden = layers.Dense(500, "tanh")(layers.Flatten()(image))
    latents = Sampling(seed)([layers.Dense(5)(hidden), layers.Dense(5)(hidden)])
    penalty = {"kernel_regularizer": keras.regularizers.L2(0.01), "bias_regularizer": keras.regularizers.L2(0.01)}
    logits = layers.Dense(784, **penalty)(layers.Dense(500, "tanh", **penalty)(latents))
    return keras.Model(image, layers.Reshape(PIXELS)(logits)), cross_entropy


def vae_imagenette(seed):
    """The published convolutions, 32 latents, and cross-entropy."""
    image = features = keras.Input((64, 64, 3))
    for filters in (32, 64, 128, 256):
        features = layers.Conv2D(filters, 4, 2, activation="relu")(features)
    features = layers.Flatten()(features)
    latents = Sampling(seed)([layers.Dense(32)(features), layers.Dense(32)(features)])
    features = layers.Reshape((1, 1, 1024))(layers.Dense(1024)(latents))
    for filters, kernel in ((128, 5), (64, 5), (32, 6)):
        features = layers.Conv2DTranspose(filters, kernel, 2, activation="relu")(features)
    return keras.Model(image, layers.Conv2DTranspose(3, 6, 2)(features)), cross_entropy


def squared_error(images, outputs):
    """Summed over pixels, for each image."""
    return ops.sum(ops.square(images - outputs), axis=(1, 2, 3))


def cross_entropy(images, logits):
    """Of Bernoulli pixels, summed."""
    return ops.sum(ops.softplus(logits) - images * logits, axis=(1, 2, 3))


PLAIN = {each.__name__: each for each in (autoencoder_mnist, vae_mnist_2d, vae_binary_mnist, vae_imagenette)}


def pair(name, dataset=None, seed=None):
    """The preset's model with its data, and the plain one from the same initial weights, compiled."""
    config = kerasgen.presets.get(name)
    config["seed"] = config["seed"] if seed is None else seed
    if dataset is not None:
        config["dataset"] = {**config["dataset"], **dataset}
    keras.utils.set_random_seed(config["seed"])
    model, data = kerasgen.presets.load(config)
    plain, loss = PLAIN[name](config["seed"])
    copy(trainable(model), plain.trainable_variables)
    plain.compile(keras.optimizers.get(config["optimizer"]), loss=loss, jit_compile=model.jit_compile)
    return model, plain, data, config


def trainable(model):
    """The variables of an autoencoder in the order of the plain one's."""
    return [*model.encoder.trainable_variables, *model.decoder.trainable_variables]


def copy(variables, into):
    """Give variables the values of others."""
    for source, target in zip(variables, into, strict=True):
        target.assign(np.array(keras.ops.convert_to_numpy(source)))  # a copy: backends share and give away memory


def train_epoch(plain, data, epoch):
    """Train the plain model for an epoch, on the batches that the preset's model has in it."""
    data.train.set_epoch(epoch)
    plain.fit(data.train.map(lambda images, _: (images, images)), verbose=0)


def measured(model, data):
    """The loss's terms on the test images, and the error of their reconstructions from the posterior's means."""
    images, _ = data.arrays("test")
    error = np.mean((model.reconstruct(images) - images) ** 2, dtype="float64")
    return {**kerasgen.evaluation.terms(model, data, "test"), "mean_squared_error": error}


def main():
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="+", choices=PLAIN)
    parser.add_argument("--epochs", type=int)
    arguments = parser.parse_args()
    for name in arguments.presets:
        model, plain, data, config = pair(name)
        for epoch in range(arguments.epochs or config["epochs"]):
            data.train.set_epoch(epoch)
            model.fit(data.train, initial_epoch=epoch, epochs=epoch + 1, verbose=0)
            train_epoch(plain, data, epoch)
        figures = measured(model, data)
        copy(plain.trainable_variables, trainable(model))
        # The plain model's weights, measured the same way.
        plain_figures = measured(model, data)
        for key in ("mean_squared_error", "negative_elbo"):
            if key in figures:
                mine, theirs = figures[key], plain_figures[key]
                print(f"{name}: {key} {mine:.6g}, plain Keras {theirs:.6g}, ratio {mine / theirs:.4f}", flush=True)


if __name__ == "__main__":
    main()
