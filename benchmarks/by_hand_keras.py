"""The five systems of `systems.py` in plain Keras on TensorFlow: `keras.Model`s with a `train_step` of their own.

    model = by_hand_keras.model("dcgan", (28, 28, 1))      # compiled; `fit` takes images in [0, 1]

As the examples of Keras write them: layers of Keras, a tape a player, `model.compile()` and `fit` with their defaults.
The same networks, losses and optimizers as in `systems.py`. Nothing here imports kerasgen.
"""

import keras
import tensorflow as tf
from keras import layers, ops

from benchmarks.systems import CONV, DCGAN, GAMMA, MLP, VAE_GAN, WGAN


def down(shape, filters, activation, normalized=(), biased=False, rescale=False):
    """Convolutions of stride 2, flattened."""
    image = keras.Input(shape)
    features = layers.Rescaling(2.0, -1.0)(image) if rescale else image
    for index, count in enumerate(filters):
        bias = biased or index not in normalized
        features = layers.Conv2D(count, 4, 2, "same", use_bias=bias)(features)
        if index in normalized:
            features = layers.BatchNormalization()(features)
        features = layers.Activation(activation)(features)
    return image, layers.Flatten()(features)


def up(shape, latents, filters, normalized, tanh):
    """A dense layer and transposed convolutions of stride 2."""
    *size, channels = shape
    height, width = (side // 2 ** len(filters) for side in size)
    inputs = keras.Input((latents,))
    features = layers.Dense(height * width * filters[0], use_bias=not normalized)(inputs)

    def activated(features):
        return layers.ReLU()(layers.BatchNormalization()(features) if normalized else features)

    features = layers.Reshape((height, width, filters[0]))(activated(features))
    for count in filters[1:]:
        features = activated(layers.Conv2DTranspose(count, 4, 2, "same", use_bias=not normalized)(features))
    outputs = layers.Conv2DTranspose(channels, 4, 2, "same", activation="tanh" if tanh else None)(features)
    return keras.Model(inputs, layers.Rescaling(0.5, 0.5)(outputs) if tanh else outputs)


def encoder(image, features, latents):
    return keras.Model(image, [layers.Dense(latents)(features), layers.Dense(latents)(features)])


def discriminator(shape, filters, normalized=True):
    """Logits, and the features before them."""
    batch_normalized = range(1, len(filters)) if normalized else ()
    image, features = down(shape, filters, keras.layers.LeakyReLU(0.2), batch_normalized, rescale=True)
    return keras.Model(image, [layers.Dense(1)(features), features])


def draw(mean, log_variance):
    return mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean))


def divergence(mean, log_variance):
    return 0.5 * ops.mean(ops.sum(mean**2 + ops.exp(log_variance) - 1 - log_variance, axis=1))


def softplus(logits):
    return ops.mean(ops.softplus(logits))


class ByHand(keras.Model):
    """One optimizer a network, and a mean of each loss for the logs."""

    def __init__(self, networks, rate, betas=(0.9, 0.999), names=("loss",)):
        super().__init__()
        self.networks = networks
        for name, network in networks.items():
            setattr(self, name, network)
        self.optimizers = [keras.optimizers.Adam(rate, *betas) for _ in names]
        self.means = [keras.metrics.Mean(name=name) for name in names]

    @property
    def metrics(self):
        return self.means

    def descend(self, index, networks, loss, *batch):
        """A step of a player."""
        weights = [weight for network in networks for weight in network.trainable_weights]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([weight.value for weight in weights])
            value = loss(*batch)
        self.optimizers[index].apply_gradients(zip(tape.gradient(value, [w.value for w in weights]), weights))
        self.means[index].update_state(value)

    def logs(self):
        return {mean.name: mean.result() for mean in self.means}


class VAE(ByHand):
    """A VAE with Bernoulli pixels."""

    def train_step(self, images):
        self.descend(0, self.networks.values(), self.loss_of, images)
        return self.logs()

    def loss_of(self, images):
        mean, log_variance = self.encoder(images, training=True)
        logits = self.decoder(draw(mean, log_variance), training=True)
        error = ops.sum(ops.softplus(logits) - images * logits, axis=(1, 2, 3))
        return ops.mean(error) + divergence(mean, log_variance)


class GAN(ByHand):
    """A GAN with the non-saturating loss."""

    critic_steps = 1

    def train_step(self, images):
        for part in tf.split(images, self.critic_steps):
            self.descend(0, [self.discriminator], self.critic_loss, part)
        self.descend(1, [self.generator], self.generator_loss, ops.shape(part)[0])
        return self.logs()

    def fake(self, count):
        return self.generator(keras.random.normal((count, self.generator.input_shape[-1])), training=True)

    def critic(self, images):
        return self.discriminator(images, training=True)[0]

    def critic_loss(self, images):
        fake = ops.stop_gradient(self.fake(ops.shape(images)[0]))
        return softplus(-self.critic(images)) + softplus(self.critic(fake))

    def generator_loss(self, count):
        return softplus(-self.critic(self.fake(count)))


class WGANGP(GAN):
    """A Wasserstein GAN with a penalty on gradients."""

    critic_steps = 5

    def critic_loss(self, images):
        fake = ops.stop_gradient(self.fake(ops.shape(images)[0]))
        mix = keras.random.uniform((ops.shape(images)[0], 1, 1, 1))
        between = mix * images + (1 - mix) * fake
        with tf.GradientTape() as tape:
            tape.watch(between)
            judged = self.critic(between)
        norm = ops.sqrt(ops.sum(tape.gradient(judged, between) ** 2, axis=(1, 2, 3)))
        return ops.mean(self.critic(fake)) - ops.mean(self.critic(images)) + 10 * ops.mean((norm - 1) ** 2)

    def generator_loss(self, count):
        return -ops.mean(self.critic(self.fake(count)))


class VAEGAN(ByHand):
    """A VAE that compares in the features of a discriminator."""

    def train_step(self, images):
        self.descend(0, [self.encoder], self.encoder_loss, images)
        self.descend(1, [self.decoder], self.decoder_loss, images)
        self.descend(2, [self.discriminator], self.judge_loss, images)
        return self.logs()

    def judge(self, images):
        return self.discriminator(images, training=True)

    def decoded(self, latents):
        return self.decoder(latents, training=True)

    @staticmethod
    def distance(features, others):
        return 0.5 * ops.mean(ops.sum((features - others) ** 2, axis=1))

    def encoder_loss(self, images):
        mean, log_variance = self.encoder(images, training=True)
        reconstructed = self.decoded(draw(mean, log_variance))
        return divergence(mean, log_variance) + self.distance(self.judge(images)[1], self.judge(reconstructed)[1])

    def decoder_loss(self, images):
        mean, log_variance = self.encoder(images, training=True)
        logits, features = self.judge(self.decoded(draw(mean, log_variance)))
        drawn = self.judge(self.decoded(keras.random.normal(ops.shape(mean))))[0]
        return GAMMA * self.distance(self.judge(images)[1], features) + softplus(-logits) + softplus(-drawn)

    def judge_loss(self, images):
        mean, log_variance = self.encoder(images, training=True)
        fakes = self.decoded(draw(mean, log_variance)), self.decoded(keras.random.normal(ops.shape(mean)))
        return softplus(-self.judge(images)[0]) + sum(softplus(self.judge(ops.stop_gradient(f))[0]) for f in fakes)


def mlp_vae(shape):
    image = keras.Input(shape)
    features = layers.Flatten()(image)
    for units in MLP["units"]:
        features = layers.Dense(units, "relu")(features)
    latents = pixels = keras.Input((MLP["latents"],))
    for units in MLP["units"][::-1]:
        pixels = layers.Dense(units, "relu")(pixels)
    pixels = layers.Reshape(shape)(layers.Dense(shape[0] * shape[1] * shape[2])(pixels))
    networks = {"encoder": encoder(image, features, MLP["latents"]), "decoder": keras.Model(latents, pixels)}
    return VAE(networks, 1e-3)


def conv_vae(shape):
    decoder = up(shape, CONV["latents"], CONV["filters"][::-1], normalized=False, tanh=False)
    networks = {"encoder": encoder(*down(shape, CONV["filters"], "relu"), CONV["latents"]), "decoder": decoder}
    return VAE(networks, 1e-3)


def dcgan(shape):
    networks = {
        "generator": up(shape, DCGAN["latents"], DCGAN["up"], normalized=True, tanh=True),
        "discriminator": discriminator(shape, DCGAN["down"]),
    }
    return GAN(networks, 2e-4, (0.5, 0.999), ("discriminator_loss", "generator_loss"))


def wgan_gp(shape):
    networks = {
        "generator": up(shape, WGAN["latents"], WGAN["up"], normalized=True, tanh=True),
        "discriminator": discriminator(shape, WGAN["down"], normalized=False),
    }
    return WGANGP(networks, 1e-4, (0.0, 0.9), ("discriminator_loss", "generator_loss"))


def vae_gan(shape):
    features = down(shape, VAE_GAN["encoder"], "relu", normalized=range(4), biased=True)
    networks = {
        "encoder": encoder(*features, VAE_GAN["latents"]),
        "decoder": up(shape, VAE_GAN["latents"], VAE_GAN["up"], normalized=True, tanh=True),
        "discriminator": discriminator(shape, VAE_GAN["down"]),
    }
    return VAEGAN(networks, 3e-4, (0.5, 0.999), ("encoder_loss", "decoder_loss", "discriminator_loss"))


BUILDERS = {each.__name__: each for each in (mlp_vae, conv_vae, dcgan, wgan_gp, vae_gan)}


def model(name, shape):
    """A system by name, compiled."""
    built = BUILDERS[name](shape)
    built.compile()
    return built
