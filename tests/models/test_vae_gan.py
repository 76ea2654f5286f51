"""VAE-GAN and adversarial autoencoder: what each player feels, and what it does not."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import stats

from kerasgen import models, networks
from kerasgen.engine.gradients import Scope, gradients
from tests.models.test_gans import (
    JAX,
    LATENTS,
    SHAPE,
    Noise,
    alone,
    batch_of,
    build,
    loss_of,
    moved,
    small,
    state,
    step,
    terms_of,
    values,
)


def softplus(x):
    return np.mean(np.logaddexp(0, np.asarray(x, "float64")))


def numpy_of(tensors):
    return keras.tree.map_structure(lambda t: np.array(ops.convert_to_numpy(t), "float64"), tensors)


def features_of(discriminator, images, layer="features"):
    network = keras.Model(discriminator.inputs, discriminator.get_layer(layer).output)
    return numpy_of(network(images))


def test_the_terms_of_a_vae_gan_are_those_of_algorithm_1(digits):
    model = build("VAEGAN")
    batch = images, _ = batch_of(model, digits)
    mean, log_variance = model.encoder(images)
    first, second = Noise(16), Noise(16)
    posterior_noise = first("normal", (16, LATENTS))  # The encoder draws once,
    prior, other_noise = second("normal", (16, LATENTS)), second("normal", (16, LATENTS))  # the others twice.

    def reconstruct(noise):
        return model.decoder(mean + ops.exp(0.5 * log_variance) * noise)

    def judge(images):
        return numpy_of(model.discriminator(images)), features_of(model.discriminator, images)

    (real, real_features), (drawn, _) = judge(images), judge(model.decoder(prior))
    reconstructed, features = judge(reconstruct(other_noise))

    def distance(features):
        return 0.5 * np.mean(np.sum((features - real_features) ** 2, axis=1))

    m, v = numpy_of(mean), np.exp(numpy_of(log_variance))
    error = numpy_of(reconstruct(posterior_noise)) - numpy_of(images)
    assert terms_of(model, "encoder", batch, training=False) == pytest.approx(
        {
            "kl": 0.5 * np.mean(np.sum(m**2 + v - 1 - np.log(v), axis=1)),
            "feature_reconstruction": distance(judge(reconstruct(posterior_noise))[1]),
            "drawn_mean_squared_error": np.mean(error**2),
        },
        rel=1e-4,
    )
    assert terms_of(model, "decoder", batch, training=False) == pytest.approx(
        {
            "decoder_feature_reconstruction": distance(features),
            "generator_loss": softplus(-reconstructed) + softplus(-drawn),
        },
        rel=1e-4,
    )
    assert terms_of(model, "discriminator", batch, training=False) == pytest.approx(
        {
            "discriminator_loss": softplus(-real) + softplus(reconstructed) + softplus(drawn),
            "real_accuracy": np.mean(real > 0),
            "fake_accuracy": np.mean(drawn < 0),
            "real_logit": np.mean(real),
            "fake_logit": np.mean(drawn),
        },
        rel=1e-4,
        abs=1e-6,
    )


def gradients_of(model, player, term, batch, variables):
    """The gradient of one term of a player's loss, for any variables; 0 where there is none."""

    def total():
        model.draw = Noise(16)
        return loss_of(model, player)(*batch, training=True)[term], {}

    found = gradients(total, variables)[0]
    return [np.zeros(v.shape) if g is None else ops.convert_to_numpy(g) for g, v in zip(found, variables)]


@pytest.mark.parametrize(
    ("player", "weights"),
    [
        ("encoder", {"kl": 1, "feature_reconstruction": 1}),
        ("decoder", {"decoder_feature_reconstruction": 0.3, "generator_loss": 1}),
        ("discriminator", {"discriminator_loss": 1}),
    ],
)
def test_a_player_of_a_vae_gan_feels_its_own_terms_and_no_other(player, weights, digits):
    """A step of SGD is minus the gradient of these terms."""
    model = build("VAEGAN", gamma=0.3)
    model.compile(keras.optimizers.SGD(1.0))
    batch, variables = batch_of(model, digits), getattr(model, player).trainable_variables
    parts = [gradients_of(model, player, term, batch, variables) for term in weights]
    before = values(variables)
    step(model, player, batch)
    for index, (start, end) in enumerate(zip(before, values(variables))):
        total = sum(weight * part[index] for weight, part in zip(weights.values(), parts))
        np.testing.assert_allclose(end - start, -total, rtol=1e-3, atol=1e-5)
        assert np.any(total)


def test_fakes_are_given_to_the_discriminator_of_a_vae_gan_without_their_makers(digits):
    model = build("VAEGAN")
    batch = batch_of(model, digits)
    for network in (model.encoder, model.decoder):
        for g in gradients_of(model, "discriminator", "discriminator_loss", batch, network.trainable_variables):
            np.testing.assert_array_equal(g, 0)


def test_the_decoder_of_a_vae_gan_deceives_and_reconstructs(digits, monkeypatch):
    """Each of its terms, alone: reconstructions and draws look more real; reconstructions come nearer."""
    for term in ("generator_loss", "decoder_feature_reconstruction"):
        model = build("VAEGAN", gamma=1.0)
        model.compile(keras.optimizers.SGD(1e-3))
        batch = batch_of(model, digits)

        def seen(model=model, batch=batch):
            model.draw = Noise(16)
            reconstructed, drawn = model.fakes(*batch, training=False)
            logits = [float(ops.mean(model.judge(each, None, False)[0])) for each in (reconstructed, drawn)]
            return *logits, terms_of(model, "decoder", batch)["decoder_feature_reconstruction"]

        first = seen()
        with monkeypatch.context() as patch:
            alone(patch, model, "decoder", term)
            step(model, "decoder", batch)
        last = seen()
        if term == "generator_loss":
            assert last[0] > first[0] and last[1] > first[1]
        else:
            assert last[2] < first[2]


def test_features_come_with_the_logits_from_any_layer_and_are_no_new_network(digits):
    def make(**arguments):
        keras.utils.set_random_seed(1)
        discriminator = networks.dcgan.discriminator(SHAPE, filters=(4, 8), normalization=None)
        return models.VAEGAN(small("encoder", posterior="gaussian"), small(name="decoder"), discriminator, **arguments)

    plain, other = make(), make(feature_layer="conv_1")
    images = ops.convert_to_tensor(digits[0][:16])
    for model, layer in ((plain, "features"), (other, "conv_1")):
        names = [variable.path for variable in model.variables]
        logits, features = model.judge(images, None, training=False)
        np.testing.assert_allclose(numpy_of(logits), numpy_of(model.discriminator(images)), atol=1e-6)
        np.testing.assert_allclose(numpy_of(features), features_of(model.discriminator, images, layer), atol=1e-6)
        assert [variable.path for variable in model.variables] == names
        assert model.from_config(model.get_config()).feature_layer == layer
    # A sum over maps, too.
    maps = np.random.default_rng(0).standard_normal((2, 3, 4, 4, 8)).astype("float32")
    expected = 0.5 * np.mean(np.sum((maps[0] - maps[1]) ** 2, axis=(1, 2, 3)))
    distance = other.distance(*map(ops.convert_to_tensor, maps))
    assert float(distance) == pytest.approx(expected, rel=1e-5)
    assert float(other.distance(*[ops.convert_to_tensor(maps[0])] * 2)) == 0


def test_batch_statistics_of_a_judged_network_are_kept_once_by_their_owner(digits):
    """The network with a hidden output shares the layers of the discriminator."""
    model = build("VAEGAN", normalization="batch")
    model.compile(keras.optimizers.SGD(0.0))
    batch, before = batch_of(model, digits), state(model)
    step(model, "encoder", batch)
    assert moved(model, before) == {"encoder"}
    before = state(model)
    step(model, "discriminator", batch)
    assert moved(model, before) == {"discriminator"}


def test_a_vae_gan_learns_to_reconstruct(digits):
    keras.utils.set_random_seed(0)
    model = models.VAEGAN(
        networks.mlp.encoder(SHAPE, LATENTS, units=(64,), posterior="gaussian"),
        networks.mlp.generator(SHAPE, LATENTS, units=(64,), name="decoder"),
        networks.mlp.discriminator(SHAPE, units=(64,)),
        gamma=1.0,
    )
    model.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), jit_compile=JAX)
    model.fit(digits[0], batch_size=32, epochs=25, verbose=0)
    images = model.reconstruct(digits[0])
    distances = np.sum((images[:, None] - digits[0][None]) ** 2, axis=(2, 3, 4))
    own, others = np.diag(distances), distances.mean(axis=1)
    assert np.mean(own < others) > 0.95
    assert own.mean() < 0.6 * others.mean()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: models.VAEGAN(
                small("encoder", posterior="gaussian"), small(name="decoder"), small("discriminator"), gamma=0
            ),
            "gamma must be positive. Received: 0",
        ),
        (
            lambda: models.VAEGAN(small("encoder"), small(name="decoder"), small("discriminator")),
            r'of a VAE-GAN gives \[mean, log_variance\]: build it with `posterior="gaussian"`',
        ),
        (
            lambda: models.VAEGAN(
                small("encoder", posterior="gaussian"),
                small(name="decoder"),
                small("discriminator"),
                feature_layer="conv",
            ),
            "has the layers image, .*features, logits. Received: feature_layer='conv'",
        ),
        (
            lambda: models.VAEGAN(
                networks.mlp.encoder(SHAPE, 3, units=(4,), posterior="gaussian"),
                small(name="decoder"),
                small("discriminator"),
            ),
            "must map the encoder's latents to its images",
        ),
        (
            lambda: models.VAEGAN(
                small("encoder", posterior="gaussian"),
                small(name="decoder"),
                networks.mlp.discriminator((4, 4, 1), units=(4,)),
            ),
            r"Received: .*\(4, 4, 1\)",
        ),
        (
            lambda: models.VAEGAN(
                small("encoder", posterior="gaussian"),
                small(name="decoder"),
                small("discriminator", auxiliary_outputs=3),
            ),
            "Received: 'discriminator' with 2 outputs",
        ),
        (
            lambda: models.AdversarialAutoencoder(
                small("encoder"), decoder(), networks.mlp.discriminator((LATENTS,)), adversarial_weight=-1
            ),
            "adversarial_weight must not be negative. Received: -1",
        ),
        (
            lambda: models.AdversarialAutoencoder(small("encoder"), decoder(), networks.mlp.discriminator((3,))),
            r"The discriminator judges latents. Received: latents of shape \(6,\), a discriminator of \(3,\)",
        ),
        (
            lambda: models.AdversarialAutoencoder(
                small("encoder", posterior="gaussian"), decoder(), networks.mlp.discriminator((LATENTS,))
            ),
            "of a adversarial autoencoder gives latents|of an adversarial autoencoder gives latents",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        make()


def decoder():
    return networks.mlp.decoder(SHAPE, LATENTS, units=(4,))


# ---- adversarial autoencoder


def test_the_terms_of_an_adversarial_autoencoder(digits):
    """Real are draws of the prior, fake the codes of images."""
    model = build("AdversarialAutoencoder")
    batch = images, _ = batch_of(model, digits)
    with Scope():
        codes = model.encoder(images)
        prior = Noise(16)("normal", (16, LATENTS))
        real, fake = numpy_of(model.discriminator(prior)), numpy_of(model.discriminator(codes))
    found = terms_of(model, "discriminator", batch, training=False)
    assert found["discriminator_loss"] == pytest.approx(softplus(-real) + softplus(fake), rel=1e-4)
    assert found["real_logit"] == pytest.approx(real.mean(), rel=1e-4, abs=1e-6)
    assert found["fake_logit"] == pytest.approx(fake.mean(), rel=1e-4, abs=1e-6)
    found = terms_of(model, "autoencoder", batch, training=False)
    assert found["generator_loss"] == pytest.approx(softplus(-fake), rel=1e-4)
    error = numpy_of(model.likelihood.mean(model.decoder(codes))) - numpy_of(images)
    assert found["mean_squared_error"] == pytest.approx(np.mean(error**2), rel=1e-4)
    constant = 64 * 0.5 * np.log(np.pi)
    assert found["reconstruction"] == pytest.approx(np.mean(np.sum(error**2, axis=(1, 2, 3))) + constant, rel=1e-4)


def test_an_adversarial_autoencoder_discriminates_images_by_their_codes(digits):
    model = build("AdversarialAutoencoder")
    images = digits[0][:5]
    expected = numpy_of(model.discriminator(model.encode(images)))
    np.testing.assert_allclose(model.discriminate(images), expected, atol=1e-6)
    function, specs = model.signatures()["discriminate"]
    assert [spec.name for spec in specs] == ["images"]
    np.testing.assert_allclose(numpy_of(function(images)["logits"]), expected, atol=1e-6)


def test_the_weight_of_an_adversarial_autoencoder_weighs_the_deceit_of_the_encoder(digits):
    moves = {}
    for weight in (0.0, 1.0, 3.0):
        keras.utils.set_random_seed(1)
        model = build("AdversarialAutoencoder", adversarial_weight=weight)
        model.compile(keras.optimizers.SGD(1e-2))
        batch, before = batch_of(model, digits), values(model.encoder.trainable_variables)
        step(model, "autoencoder", batch)
        moves[weight] = [a - b for a, b in zip(values(model.encoder.trainable_variables), before)]
    for none, once, thrice in zip(*moves.values()):
        np.testing.assert_allclose(thrice - none, 3 * (once - none), rtol=1e-2, atol=1e-5)
    assert any(np.abs(once - none).max() > 1e-4 for none, once in zip(moves[0.0], moves[1.0]))


def test_codes_of_images_are_given_to_the_discriminator_without_the_encoder(digits):
    model = build("AdversarialAutoencoder")
    batch = batch_of(model, digits)
    for g in gradients_of(model, "discriminator", "discriminator_loss", batch, model.encoder.trainable_variables):
        np.testing.assert_array_equal(g, 0)


@pytest.mark.slow
def test_the_codes_of_an_adversarial_autoencoder_come_to_the_prior(digits):
    """From a cloud far off, narrow and elsewhere."""
    encoder = networks.mlp.encoder(SHAPE, 2, units=(32,))
    encoder.get_layer("latents").bias.assign([2.0, -2.0])
    model = models.AdversarialAutoencoder(
        encoder,
        networks.mlp.decoder(SHAPE, 2, units=(32,)),
        networks.mlp.discriminator((2,), units=(32,)),
        adversarial_weight=30.0,
    )
    rates = {"discriminator": 8e-3, "autoencoder": 4e-3}
    model.compile({k: keras.optimizers.Adam(v, beta_1=0.5) for k, v in rates.items()}, jit_compile=JAX)

    def off():
        return max(stats.kstest(codes, "norm").statistic for codes in model.encode(digits[0]).T)

    assert off() > 0.8
    model.fit(digits[0], batch_size=32, epochs=80, verbose=0)
    assert off() < 0.25


def test_a_regularizer_belongs_to_its_player(digits):
    """`layers` of another player's network add nothing to a player's loss."""
    image = keras.Input(SHAPE)
    features = layers.Dense(4, kernel_regularizer="l2", name="features")(layers.Flatten()(image))
    discriminator = keras.Model(image, layers.Dense(1, name="logits")(features), name="discriminator")
    model = models.VAEGAN(small("encoder", posterior="gaussian"), small(name="decoder"), discriminator)
    model.compile(keras.optimizers.SGD(1e-3))
    batch = batch_of(model, digits)
    assert "regularization" not in step(model, "encoder", batch)
    assert "regularization" not in step(model, "decoder", batch)
    assert float(step(model, "discriminator", batch)["regularization"]) > 0
