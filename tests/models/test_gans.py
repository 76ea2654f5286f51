"""Generative adversarial networks: which term moves what and whither; games whose outcome is known."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy import stats
from scipy.special import softmax

from kerasgen import models, networks
from kerasgen.engine.gradients import Scope, gradients
from kerasgen.losses import adversarial
from kerasgen.losses.adversarial import AdversarialLoss

JAX = keras.backend.backend() == "jax"
TENSORFLOW = keras.backend.backend() == "tensorflow"
TORCH = keras.backend.backend() == "torch"
SHAPE, LATENTS = (8, 8, 1), 6


def build(name, normalization=None, **arguments):
    """A small model; the networks that may look at batches get the normalization."""
    mlp = networks.mlp

    def generator(**options):
        return mlp.generator(SHAPE, LATENTS, units=(8,), **{"normalization": normalization, **options})

    def discriminator(**options):
        return mlp.discriminator(SHAPE, units=(8,), **{"normalization": normalization, **options})

    def encoder(**options):
        return mlp.encoder(SHAPE, LATENTS, units=(8,), normalization=normalization, **options)

    makers = {
        "GAN": lambda: (generator(), discriminator()),
        "LSGAN": lambda: (generator(), discriminator()),
        "WGAN": lambda: (generator(), discriminator()),
        # Smooth ones: a penalty on slopes jumps where a unit passes a kink, and then no step need lead downhill.
        "WGANGP": lambda: (generator(), discriminator(normalization="layer", activation="tanh")),
        "SNGAN": lambda: (generator(), discriminator(normalization=None, spectral_normalization=True)),
        "RelativisticGAN": lambda: (generator(), discriminator(normalization=None, activation="tanh")),
        "ConditionalGAN": lambda: (generator(num_classes=10), discriminator(num_classes=10)),
        "ProjectionGAN": lambda: (
            generator(num_classes=10),
            discriminator(num_classes=10, conditioning="projection", normalization=None, spectral_normalization=True),
        ),
        "ACGAN": lambda: (generator(num_classes=10), discriminator(auxiliary_outputs=10)),
        "InfoGAN": lambda: (generator(), discriminator(auxiliary_outputs=5)),
        "BiGAN": lambda: (generator(), encoder(), discriminator(latent_dim=LATENTS)),
        "VAEGAN": lambda: (encoder(posterior="gaussian"), generator(name="decoder"), discriminator()),
        "AdversarialAutoencoder": lambda: (
            encoder(),
            mlp.decoder(SHAPE, LATENTS, units=(8,), normalization=normalization),
            mlp.discriminator((LATENTS,), units=(8,), normalization=normalization),
        ),
    }
    if name == "InfoGAN":
        arguments = {"categorical": (3,), "continuous": 2, **arguments}
    if name == "WGAN":
        arguments = {"clip": 10.0, **arguments}  # So far off that steps are plain ones.
    if name in ("WGAN", "WGANGP", "SNGAN", "ProjectionGAN"):
        arguments = {"discriminator_steps": 1, **arguments}
    return getattr(models, name)(*makers[name](), seed=5, **arguments)


NAMES = [
    *("GAN", "LSGAN", "WGAN", "WGANGP", "SNGAN", "RelativisticGAN", "ConditionalGAN", "ProjectionGAN", "ACGAN"),
    *("InfoGAN", "BiGAN", "VAEGAN", "AdversarialAutoencoder"),
]


class Noise:
    """In the place of a model's `draw`: the first, second, ... draw is always the same, its rows repeated at need."""

    def __init__(self, rows):
        self.rows = rows
        self.drawn = 0

    def __call__(self, distribution, shape):
        rng = np.random.default_rng(self.drawn)
        self.drawn += 1
        shape = [int(size) for size in shape]
        draw = {"normal": rng.standard_normal, "uniform": rng.random}[distribution]
        draws = draw((self.rows, *shape[1:])).astype("float32")
        return ops.convert_to_tensor(np.concatenate([draws] * (shape[0] // self.rows)))


def batch_of(model, digits, count=16):
    """What the losses of a model take: images, labels where they are used, and no weights."""
    labels = ops.convert_to_tensor(digits[1][:count]) if model.conditional else None
    return ops.convert_to_tensor(digits[0][:count]), labels


def loss_of(model, player):
    if player == "autoencoder":
        return lambda images, labels, training: model.autoencoder_loss(images, labels, None, training)
    return getattr(model, f"{player}_loss")


def terms_of(model, player, batch, training=True):
    """The terms of a player's loss under fixed noise; nothing that layers assign is kept."""
    model.draw = Noise(16)
    with Scope():
        return {name: float(term) for name, term in loss_of(model, player)(*batch, training=training).items()}


def step(model, player, batch):
    """One step of a player alone, under the noise of `terms_of`."""
    model.draw = Noise(16)
    return model.minimize(player, loss_of(model, player), *batch)


def values(variables):
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


def networks_by_name(model):
    return {
        attribute: getattr(model, attribute)
        for attributes in model.players.values()
        for attribute in attributes
        if isinstance(getattr(model, attribute), keras.Model)
    }


def moved(model, before):
    """The names of the networks of which some variable moved."""
    return {
        name
        for name, network in networks_by_name(model).items()
        if any((a != b).any() for a, b in zip(values(network.variables), before[name]))
    }


def state(model):
    return {name: values(network.variables) for name, network in networks_by_name(model).items()}


def alone(monkeypatch, model, player, term):
    """Let a player minimise one term only, at its own weight, which is returned."""
    weight = {**dict.fromkeys(model.terms[player], 1.0), **model.term_weights}[term]
    weights = {**dict.fromkeys(model.terms[player]), term: weight}
    monkeypatch.setattr(type(model), "term_weights", property(lambda self: weights))
    return weight


# ---- each player, each term


@pytest.mark.parametrize("name", NAMES)
def test_a_players_step_moves_its_own_networks_alone(name, digits):
    """Weights, batch statistics and spectral vectors: the others run, too, and stay as they are."""
    model = build(name, normalization="batch")
    model.compile(keras.optimizers.SGD(0.1))
    batch = batch_of(model, digits)
    for player, attributes in model.players.items():
        before = state(model)
        step(model, player, batch)
        assert moved(model, before) == set(attributes) - {"likelihood"}
        for attribute in set(attributes) - {"likelihood"}:
            network = getattr(model, attribute)
            statistics = [v for v in network.non_trainable_variables if "seed" not in v.path]
            # The vectors of a kernel with a single column are known at once, and stay until it has moved.
            statistics = [v for v in statistics if "logits" not in v.path]
            assert statistics or name in ("WGANGP", "RelativisticGAN"), "the test wants networks that keep statistics"
            start = dict(zip([id(v) for v in network.variables], before[attribute]))
            assert all((np.array(ops.convert_to_numpy(v)) != start[id(v)]).any() for v in statistics), attribute


#: Terms that move other networks than all of their player's.
MOVES = {("AdversarialAutoencoder", "generator_loss"): {"encoder"}}


@pytest.mark.parametrize("name", NAMES)
def test_each_term_alone_moves_its_networks_downhill(name, digits, monkeypatch):
    plain = build(name)
    minimised = [
        (player, term)
        for player, terms in plain.terms.items()
        for term in terms
        if {**dict.fromkeys(terms, 1.0), **plain.term_weights}[term] is not None
    ]
    assert {player for player, _ in minimised} == set(plain.players)
    for player, term in minimised:
        model = build(name)
        model.compile(keras.optimizers.SGD(1e-3))
        batch = batch_of(model, digits)
        if name in ("SNGAN", "ProjectionGAN"):
            for _ in range(30):  # Until the spectral vectors are those of the kernels.
                model.logits(*batch, training=True)
        first, before = terms_of(model, player, batch), state(model)
        with monkeypatch.context() as patch:
            weight = alone(patch, model, player, term)
            step(model, player, batch)
        expected = MOVES.get((name, term), set(model.players[player]) - {"likelihood"})
        assert moved(model, before) == expected, term
        assert weight * terms_of(model, player, batch)[term] < weight * first[term], term


ADVERSARIAL = [name for name in NAMES if name not in ("BiGAN", "VAEGAN", "AdversarialAutoencoder")]


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_generator_raises_the_logits_of_its_images_and_the_discriminator_tells_better(name, digits, monkeypatch):
    for player, term in (("generator", "generator_loss"), ("discriminator", "discriminator_loss")):
        model = build(name)
        model.compile(keras.optimizers.SGD(1e-3))
        batch = batch_of(model, digits)
        first = terms_of(model, "discriminator", batch, training=False)
        with monkeypatch.context() as patch:
            alone(patch, model, player, term)
            step(model, player, batch)
        last = terms_of(model, "discriminator", batch, training=False)
        if player == "generator":
            assert last["fake_logit"] > first["fake_logit"]
            assert last["real_logit"] == first["real_logit"]
        elif name != "LSGAN":  # Its logits are drawn to 1 and 0, be they farther apart or not.
            assert last["real_logit"] - last["fake_logit"] > first["real_logit"] - first["fake_logit"]


@pytest.mark.parametrize("name", NAMES)
def test_images_twice_leave_every_term(name, digits):
    model = build(name)
    images, labels = batch_of(model, digits)
    twice = ops.concatenate([images, images]), None if labels is None else ops.concatenate([labels, labels])
    for player in model.players:
        once = terms_of(model, player, (images, labels), training=False)
        assert terms_of(model, player, twice, training=False) == pytest.approx(once, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_terms_are_the_objective_of_the_logits(name, digits):
    """Computed by hand, in NumPy, from what the networks give."""
    model = build(name)
    (images, labels), noise = batch_of(model, digits), Noise(16)
    latents = noise("normal", (16, LATENTS))
    inputs = model.code(latents) if name == "InfoGAN" else latents
    fake = model.run(model.generator, inputs, labels)
    real, fake = (
        ops.convert_to_numpy(keras.tree.flatten(model.run(model.discriminator, each, labels))[0]).astype("float64")
        for each in (images, fake)
    )
    softplus = lambda x: np.mean(np.logaddexp(0, x))  # noqa: E731
    by_hand = {
        "LSGAN": (0.5 * np.mean((real - 1) ** 2) + 0.5 * np.mean(fake**2), 0.5 * np.mean((fake - 1) ** 2)),
        "WGAN": (np.mean(fake) - np.mean(real), -np.mean(fake)),
        "SNGAN": (np.mean(np.maximum(0, 1 - real)) + np.mean(np.maximum(0, 1 + fake)), -np.mean(fake)),
        "RelativisticGAN": (softplus(fake - real), softplus(real - fake)),
    }
    by_hand |= {"WGANGP": by_hand["WGAN"], "ProjectionGAN": by_hand["SNGAN"]}
    discriminator, generator = by_hand.get(name, (softplus(-real) + softplus(fake), softplus(-fake)))
    terms = terms_of(model, "discriminator", (images, labels), training=False)
    assert terms["discriminator_loss"] == pytest.approx(discriminator, rel=1e-4)
    assert terms["real_logit"] == pytest.approx(real.mean(), rel=1e-4, abs=1e-6)
    assert terms["fake_logit"] == pytest.approx(fake.mean(), rel=1e-4, abs=1e-6)
    terms = terms_of(model, "generator", (images, labels), training=False)
    assert terms["generator_loss"] == pytest.approx(generator, rel=1e-4)


def test_the_relativistic_generator_feels_real_logits_as_constants(digits):
    """`d/df softplus(r - f) = -sigmoid(r - f)`: its gradient is that of the fake logits, weighted so."""
    model = build("RelativisticGAN")
    batch = batch_of(model, digits)
    variables = model.generator.trainable_variables

    def total():
        model.draw = Noise(16)
        return model.generator_loss(*batch, training=False)["generator_loss"], {}

    def weighted():
        model.draw = Noise(16)
        fake = model.logits(model.fake(*batch, training=False), None, False)
        weights = ops.stop_gradient(ops.sigmoid(model.logits(*batch, training=False) - fake))
        return -ops.mean(weights * fake), {}

    for found, formula in zip(gradients(total, variables)[0], gradients(weighted, variables)[0]):
        np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(formula), rtol=1e-4, atol=1e-7)


# ---- the discriminator's steps


class Recorded(models.GAN):
    """Remembers what each step saw."""

    def minimize(self, player, loss, *batch):
        self.steps.append((player, *[None if each is None else np.array(ops.convert_to_numpy(each)) for each in batch]))
        return super().minimize(player, loss, *batch)

    def draw(self, distribution, shape):
        noise = super().draw(distribution, shape)
        self.draws.append(np.array(ops.convert_to_numpy(noise)))
        return noise


def test_each_step_sees_images_and_latents_of_its_own(digits):
    options = {"units": (8,), "num_classes": 10}
    model = Recorded(
        networks.mlp.generator(SHAPE, LATENTS, **options),
        networks.mlp.discriminator(SHAPE, **options),
        discriminator_steps=3,
        seed=5,
    )
    model.steps, model.draws = [], []
    model.compile(run_eagerly=True)
    model.train_on_batch(digits[0][:14], digits[1][:14])  # Two more than three steps of four.
    assert [player for player, *_ in model.steps] == ["discriminator"] * 3 + ["generator"]
    for index, (_, images, labels) in enumerate(model.steps[:3]):
        part = slice(4 * index, 4 * index + 4)
        np.testing.assert_array_equal(images, digits[0][:14][part])
        np.testing.assert_array_equal(labels, digits[1][:14][part])
    # The generator's labels are those of the last step.
    np.testing.assert_array_equal(model.steps[3][2], digits[1][8:12])
    assert [draws.shape for draws in model.draws] == [(4, LATENTS)] * 4
    assert len(np.unique(np.concatenate(model.draws), axis=0)) == 16
    assert int(model.optimizer.iterations) == 1
    assert int(model.optimizer.of("discriminator").iterations) == 3
    assert int(model.optimizer.of("generator").iterations) == 1


@pytest.mark.parametrize("kind", ["arrays", "tf.data"])
def test_a_remainder_too_small_for_all_steps_names_the_remedy(kind, digits):
    if kind == "tf.data" and not TENSORFLOW:
        pytest.skip("elsewhere the sizes of batches are known when the step is traced, as for arrays")
    model = build("WGAN", discriminator_steps=4)
    model.compile(jit_compile=JAX, run_eagerly=TENSORFLOW and kind == "arrays")
    expected = ValueError
    data = {"x": digits[0][:19], "batch_size": 16}
    if TENSORFLOW:
        import tensorflow as tf

        if kind == "tf.data":
            expected = tf.errors.InvalidArgumentError
            data = {"x": tf.data.Dataset.from_tensor_slices(digits[0][:19]).batch(16)}
    with pytest.raises(expected, match="drop_remainder") as error:
        model.fit(**data, shuffle=False, verbose=0)
    assert "4" in str(error.value) and "Received" in str(error.value)


def test_evaluation_needs_no_image_a_step(digits):
    model = build("WGAN", discriminator_steps=4)
    model.compile(jit_compile=JAX)
    assert np.isfinite(model.evaluate(digits[0][:3], verbose=0, return_dict=True)["generator_loss"])


# ---- one model each


def gradient_names(loss, network):
    """The layers of a network that a loss has a gradient for."""
    variables = network.trainable_variables
    found = gradients(lambda: (loss(), {}), variables)[0]
    return {
        variable.path.split("/")[-2]
        for variable, g in zip(variables, found)
        if g is not None and np.any(ops.convert_to_numpy(g))
    }


def test_acgan_classifies_by_the_second_head(digits):
    model = build("ACGAN")
    batch = batch_of(model, digits)

    def term(player, name):
        model.draw = Noise(16)
        return loss_of(model, player)(*batch, training=False)[name]

    assert gradient_names(lambda: term("discriminator", "real_classification"), model.discriminator) == {
        "dense_1",
        "auxiliary",
    }
    assert gradient_names(lambda: term("discriminator", "discriminator_loss"), model.discriminator) == {
        "dense_1",
        "logits",
    }
    assert not gradient_names(lambda: term("discriminator", "fake_classification"), model.generator)
    assert "label_embedding" in gradient_names(lambda: term("generator", "generator_classification"), model.generator)
    probabilities = model.classify(digits[0][:16])
    assert probabilities.shape == (16, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    cross_entropy = -np.mean(np.log(probabilities[np.arange(16), digits[1][:16]]))
    found = terms_of(model, "discriminator", batch, training=False)["real_classification"]
    assert found == pytest.approx(cross_entropy, rel=1e-4)


def code_of(categories, numbers):
    return np.concatenate([np.eye(3)[categories], numbers], axis=1).astype("float32")


def information(model, code, read):
    return float(model.information(*(ops.convert_to_tensor(each.astype("float32")) for each in (code, read))))


def test_the_bound_of_infogan_is_reached_by_exact_reading():
    """`log 3` for the category, 1/2 for each number: its entropy, less that of `Q` at the best."""
    model = build("InfoGAN")
    rng = np.random.default_rng(0)
    code = code_of(rng.integers(0, 3, 20), rng.standard_normal((20, 2)))
    exact = code * [50, 50, 50, 1, 1]
    top = np.log(3) + 2 * 0.5
    assert information(model, code, exact) == pytest.approx(top, rel=1e-5)
    assert top < np.log(3) + 2 * stats.norm.entropy()  # H(c)
    for _ in range(10):
        assert information(model, code, exact + rng.standard_normal(code.shape)) < top
    # A head that reads nothing knows nothing of the category, and takes all numbers for 0.
    unread = 2 * 0.5 - 0.5 * np.mean(np.sum(code[:, 3:] ** 2, axis=1))
    assert information(model, code, np.zeros_like(code)) == pytest.approx(unread, rel=1e-5)
    # Wrong by one in each number costs half a nat each.
    assert information(model, code, np.add(exact, [0, 0, 0, 1, -1])) == pytest.approx(top - 1, rel=1e-5)
    # It is the mean of log Q(c | x) - log P(c) over codes: of many, since P is in it by its entropy.
    many = code_of(rng.integers(0, 3, 100_000), rng.standard_normal((100_000, 2)))
    read = many + 0.3 * rng.standard_normal(many.shape)
    log_q = np.log(np.sum(many[:, :3] * softmax(read[:, :3], axis=1), axis=1))
    log_q += stats.norm.logpdf(many[:, 3:], read[:, 3:]).sum(axis=1)
    log_p = -np.log(3) + stats.norm.logpdf(many[:, 3:]).sum(axis=1)
    # The entropy stands for the mean of log P, which differs by its standard error.
    error = np.std(log_p) / np.sqrt(len(many))
    assert information(model, many, read) == pytest.approx(np.mean(log_q - log_p), abs=5 * error)


def test_the_bound_of_infogan_moves_both_players_and_rises(digits):
    model = build("InfoGAN", information_weight=1.0)
    batch = batch_of(model, digits)

    def bound(player, name):
        model.draw = Noise(16)
        return loss_of(model, player)(*batch, training=False)[name]

    assert gradient_names(lambda: bound("discriminator", "mutual_information"), model.discriminator) == {
        "dense_1",
        "auxiliary",
    }
    assert not gradient_names(lambda: bound("discriminator", "mutual_information"), model.generator)
    assert gradient_names(lambda: bound("generator", "generator_mutual_information"), model.generator) == {
        "dense_1",
        "pixels",
    }
    model.compile(keras.optimizers.Adam(0.02), jit_compile=JAX)
    history = model.fit(digits[0], batch_size=32, epochs=6, verbose=0).history
    for name in ("mutual_information", "generator_mutual_information"):
        assert history[name][-1] > history[name][0] + 0.1
        assert max(history[name]) < np.log(3) + 2 * 0.5


def test_codes_are_what_latents_stand_for():
    """Categories of equal probability, numbers standard normal; `latents_of` is the inverse."""
    model = build("InfoGAN")
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((20_000, LATENTS)).astype("float32")
    codes = ops.convert_to_numpy(model.code(ops.convert_to_tensor(latents)))
    assert codes.shape == latents.shape
    np.testing.assert_array_equal(codes[:, 0], latents[:, 0])
    np.testing.assert_allclose(codes[:, 1:4].mean(axis=0), 1 / 3, atol=5 * np.sqrt(2 / 9 / 20_000))
    np.testing.assert_array_equal(codes[:, 1:4].sum(axis=1), 1)
    shares = np.array([0.1, 0.5, 0.9])
    quantiles = stats.norm.ppf(shares)
    errors = np.sqrt(shares * (1 - shares) / 20_000) / stats.norm.pdf(quantiles)
    for numbers in codes[:, 4:].T:
        assert (np.abs(np.quantile(numbers, shares) - quantiles) < 5 * errors).all()
    chosen = [[0, 2, 1], rng.uniform(-1, 1, (3, 2))]
    latents = model.latents_of(rng.standard_normal((3, 1)), np.array(chosen[0])[:, None], chosen[1])
    assert latents.shape == (3, LATENTS) and latents.dtype == np.float32
    codes = ops.convert_to_numpy(model.code(ops.convert_to_tensor(latents)))
    np.testing.assert_allclose(codes[:, 1:], code_of(*chosen), atol=1e-5)
    # What is generated of normal latents is what the generator makes of codes.
    np.testing.assert_allclose(
        model.decode(latents), ops.convert_to_numpy(model.generator(ops.convert_to_tensor(codes))), atol=1e-6
    )
    read = model.read_code(model.decode(latents))
    assert read.shape == (3, 5)
    np.testing.assert_allclose(read[:, :3].sum(axis=1), 1, rtol=1e-5)
    for arguments in ({}, {"categories": [[1]]}, {"categories": [[1, 2]], "numbers": [[0.5, 0.5]]}):
        with pytest.raises(ValueError, match="must have the shape"):
            model.latents_of([[0.3]], **arguments)


@pytest.mark.parametrize(("categorical", "continuous"), [((), 3), ((2, 3), 0)])
def test_codes_of_one_kind(categorical, continuous, digits):
    size = sum(categorical) + continuous
    model = models.InfoGAN(
        networks.mlp.generator(SHAPE, size + 1, units=(8,)),
        networks.mlp.discriminator(SHAPE, units=(8,), auxiliary_outputs=size),
        categorical=categorical,
        continuous=continuous,
    )
    assert np.isfinite(terms_of(model, "discriminator", batch_of(model, digits))["mutual_information"])
    categories = [[1, 2]] if categorical else None
    numbers = [[0.5] * continuous] if continuous else None
    codes = ops.convert_to_numpy(model.code(ops.convert_to_tensor(model.latents_of([[0.3]], categories, numbers))))
    np.testing.assert_allclose(codes, [[0.3, 0, 1, 0, 0, 1] if categorical else [0.3, 0.5, 0.5, 0.5]], atol=1e-6)


def test_bigan_exchanges_the_answers(digits):
    """Generator and encoder minimise what the discriminator would if real were fake."""
    model = build("BiGAN")
    images, _ = batch_of(model, digits)
    latents = Noise(16)("normal", (16, LATENTS))
    with Scope():
        encoded, generated = model.encoder(images), model.generator(latents)
        real = ops.convert_to_numpy(model.discriminator([images, encoded]))
        fake = ops.convert_to_numpy(model.discriminator([generated, latents]))
    losses = [terms_of(model, player, (images, None), training=False) for player in ("discriminator", "generator")]
    softplus = lambda x: np.mean(np.logaddexp(0, x))  # noqa: E731
    assert losses[0]["discriminator_loss"] == pytest.approx(softplus(-real) + softplus(fake), rel=1e-5)
    assert losses[1]["generator_loss"] == pytest.approx(softplus(real) + softplus(-fake), rel=1e-5)
    np.testing.assert_allclose(model.discriminate(digits[0][:16]), real, rtol=1e-4, atol=1e-6)
    assert model.reconstruct(digits[0][:3]).shape == (3, *SHAPE)


def test_bigan_brings_logits_of_pairs_together(digits):
    model = build("BiGAN")
    model.compile(keras.optimizers.SGD(1e-3))
    batch = batch_of(model, digits)
    first = terms_of(model, "discriminator", batch)
    step(model, "generator", batch)
    last = terms_of(model, "discriminator", batch)
    assert last["fake_logit"] > first["fake_logit"]
    assert last["real_logit"] < first["real_logit"]


# ---- public methods


@pytest.mark.parametrize("name", NAMES)
def test_generates_the_same_from_a_seed(name, digits):
    model = build(name)
    images = model.generate(5, seed=1)
    assert images.shape == (5, *SHAPE) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    np.testing.assert_array_equal(images, model.generate(5, seed=1))
    assert (images != model.generate(5, seed=2)).any()
    # The first images do not depend on how many there are, where labels do not.
    np.testing.assert_allclose(model.generate(300, seed=1)[:5], images, atol=1e-5)
    if model.conditional:
        for labels in (np.array([3, 1, 4]), [3, 1, 4], range(3)):
            assert model.generate(3, labels=labels, seed=1).shape == (3, *SHAPE)


@pytest.mark.parametrize("name", NAMES)
def test_discriminates_images_by_a_logit_each(name, digits):
    model = build(name)
    labels = digits[1][:5] if model.conditional else None
    logits = model.discriminate(digits[0][:5], labels)
    assert logits.shape == (5, 1) and logits.dtype == np.float32
    with pytest.raises(ValueError, match="expects images of shape"):
        model.discriminate(digits[0][:5, :4], labels)
    if name in ("ConditionalGAN", "ProjectionGAN"):
        with pytest.raises(ValueError, match="takes labels"):
            model.discriminate(digits[0][:5])


def test_a_map_of_logits_is_judged_patch_by_patch(digits):
    image = keras.Input(SHAPE)
    patches = layers.Conv2D(1, 4, 2, "same", name="logits")(layers.Conv2D(4, 4, 2, "same", activation="relu")(image))
    discriminator = keras.Model(image, patches, name="discriminator")
    for kind in (models.GAN, models.RelativisticGAN):
        model = kind(networks.mlp.generator(SHAPE, LATENTS, units=(8,)), discriminator)
        logits = np.array(ops.convert_to_numpy(discriminator(digits[0][:16])))
        terms = terms_of(model, "discriminator", batch_of(model, digits))
        assert terms["real_logit"] == pytest.approx(logits.mean(), rel=1e-4, abs=1e-6)
        assert terms["real_accuracy"] == pytest.approx(
            np.mean(logits > (0 if kind is models.GAN else terms["real_logit"] / 2 + terms["fake_logit"] / 2))
        )
        assert model.discriminate(digits[0][:5]).shape == (5, 2, 2, 1)


def test_generates_with_averaged_weights_while_training(digits):
    seen = {}

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            latents = np.random.default_rng(1).standard_normal((4, LATENTS), "float32")
            seen["generated"] = self.model.generate(4, seed=1)
            with self.model.weights_in_use(averaged=False):
                seen["raw"] = ops.convert_to_numpy(self.model.generator(latents))
            with self.model.weights_in_use(averaged=True):
                seen["averaged"] = ops.convert_to_numpy(self.model.generator(latents))

    model = build("GAN")
    average = keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9)
    model.compile({"discriminator": keras.optimizers.Adam(0.01), "generator": average}, jit_compile=JAX)
    model.fit(digits[0], batch_size=64, epochs=2, verbose=0, callbacks=[Look()])
    np.testing.assert_allclose(seen["generated"], seen["averaged"], atol=1e-5)
    assert np.abs(seen["raw"] - seen["averaged"]).max() > 1e-3
    np.testing.assert_allclose(model.generate(4, seed=1), seen["averaged"], atol=1e-5)


# ---- what is refused


@pytest.mark.parametrize("name", ["GAN", "ConditionalGAN", "BiGAN", "VAEGAN", "AdversarialAutoencoder"])
def test_real_images_cannot_be_weighed(name, digits):
    model = build(name)
    model.compile(jit_compile=JAX)
    labels = digits[1][:32]
    with pytest.raises(ValueError, match=r"cannot weigh \w+\. Received: sample_weight"):
        model.fit(digits[0][:32], labels, sample_weight=np.ones(32), verbose=0)
    with pytest.raises(ValueError, match=r"cannot weigh \w+\. Received: sample_weight"):
        model.fit(iter([(digits[0][:32], labels, np.ones(32))]), verbose=0)


def test_labels_are_asked_for(digits):
    model = build("ACGAN")
    model.compile(jit_compile=JAX)
    with pytest.raises(ValueError, match="take labels, pass x and y"):
        model.fit(digits[0][:32], verbose=0)


def small(kind="generator", **options):
    if kind == "generator":
        return networks.mlp.generator(SHAPE, LATENTS, **{"units": (4,), **options})
    if kind == "encoder":
        return networks.mlp.encoder(SHAPE, LATENTS, **{"units": (4,), **options})
    return networks.mlp.discriminator(SHAPE, **{"units": (4,), **options})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: models.GAN(small(), small("discriminator"), discriminator_steps=0),
            "discriminator_steps must be an int, at least 1. Received: 0",
        ),
        (
            lambda: models.GAN(small(), networks.mlp.discriminator((4, 4, 1), units=(4,))),
            r"must take what the generator makes. Received: \(8, 8, 1\) and \(4, 4, 1\)",
        ),
        (
            lambda: models.GAN(small(), small("discriminator", auxiliary_outputs=3)),
            "of a GAN gives logits. Received: 'discriminator' with 2 outputs",
        ),
        (
            lambda: models.GAN(small(), small("discriminator", latent_dim=2)),
            r"of a GAN takes images and label. Received: 'discriminator' with \['latents'\]",
        ),
        (
            lambda: models.ACGAN(small(num_classes=3), small("discriminator", auxiliary_outputs=3, num_classes=3)),
            "of a ACGAN takes images only",
        ),
        (lambda: models.GAN(small(), small("discriminator"), objective="hing"), "the nearest: hinge"),
        (lambda: models.WGAN(small(), small("discriminator"), clip=0), "limit must be positive. Received: 0"),
        (
            lambda: models.WGANGP(small(), small("discriminator"), penalty_weight=-1),
            "penalty_weight must not be negative. Received: -1",
        ),
        (
            lambda: models.RelativisticGAN(small(), small("discriminator"), penalty_weight=-1),
            "penalty_weight must not be negative. Received: -1",
        ),
        (
            lambda: models.ConditionalGAN(small(), small("discriminator", num_classes=3)),
            "of a ConditionalGAN take labels.*Received: 'generator' without",
        ),
        (
            lambda: models.ConditionalGAN(small(num_classes=3), small("discriminator")),
            "of a ConditionalGAN take labels.*Received: 'discriminator' without",
        ),
        (
            lambda: models.ProjectionGAN(small(), small("discriminator", spectral_normalization=True)),
            "of a ProjectionGAN take labels",
        ),
        (
            lambda: models.ACGAN(small(), small("discriminator", auxiliary_outputs=3)),
            "of a ACGAN take labels.*Received: 'generator' without",
        ),
        (
            lambda: models.ACGAN(small(num_classes=3), small("discriminator")),
            "gives logits and class logits.*Received: 'discriminator' with 1 outputs",
        ),
        (
            lambda: models.ACGAN(small(num_classes=3), small("discriminator", auxiliary_outputs=2)),
            "tells as many classes as the generator knows.*Received: 2 and 3",
        ),
        (
            lambda: models.ACGAN(
                small(num_classes=3), small("discriminator", auxiliary_outputs=3), classification_weight=-1
            ),
            "classification_weight must not be negative",
        ),
        (
            lambda: models.InfoGAN(small(), small("discriminator", auxiliary_outputs=3), (2,), 2),
            "Received: a code of 4, 6 latents, 3 outputs",
        ),
        (
            lambda: models.InfoGAN(small(), small("discriminator", auxiliary_outputs=6), (4,), 2),
            "Received: a code of 6, 6 latents, 6 outputs",
        ),
        (
            lambda: models.InfoGAN(small(), small("discriminator", auxiliary_outputs=1), (), 0),
            "Received: a code of 0",
        ),
        (
            lambda: models.BiGAN(small(), small("encoder"), small("discriminator")),
            "takes images and latents: build it with `latent_dim=`. Received: 'discriminator'",
        ),
        (
            lambda: models.InfoGAN(small(), small("discriminator"), information_weight=-1.0),
            "information_weight must not be negative. Received: -1",
        ),
        (
            lambda: models.BiGAN(
                small(), small("encoder", posterior="gaussian"), small("discriminator", latent_dim=LATENTS)
            ),
            "of a BiGAN gives latents: build it without `posterior=`. Received: encoder 'encoder' with 2 outputs",
        ),
        (
            lambda: models.BiGAN(small(), small("encoder"), small("discriminator", latent_dim=LATENTS + 1)),
            "Received: .*7",
        ),
        (
            lambda: models.BiGAN(
                small(), networks.mlp.encoder(SHAPE, 2, units=(4,)), small("discriminator", latent_dim=2)
            ),
            "must map the encoder's latents",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.WGANGP(small(), small("discriminator", normalization="batch")), "BatchNormalization"),
        (lambda: models.RelativisticGAN(small(), small("discriminator", normalization="batch")), "BatchNormalization"),
        (
            lambda: models.WGANGP(small(), small("discriminator", minibatch_deviation=True)),
            "MinibatchStandardDeviation",
        ),
        (lambda: models.SNGAN(small(), small("discriminator")), "spectrally normalised"),
    ],
)
def test_what_does_not_go_together_warns(make, message):
    with pytest.warns(UserWarning, match=message) as caught:
        make()
    assert [warning.filename for warning in caught if message in str(warning.message)] == [__file__]


@pytest.mark.parametrize("name", ["GAN", "BiGAN", "VAEGAN"])
def test_a_generator_that_leaves_the_range_of_images_warns(name, digits):
    """`networks.mlp.decoder` in its place ends in linear units."""
    linear = networks.mlp.decoder(SHAPE, LATENTS, units=(8,))
    model = {
        "GAN": lambda: models.GAN(linear, small("discriminator")),
        "BiGAN": lambda: models.BiGAN(linear, small("encoder"), small("discriminator", latent_dim=LATENTS)),
        "VAEGAN": lambda: models.VAEGAN(small("encoder", posterior="gaussian"), linear, small("discriminator")),
    }[name]()
    with pytest.warns(UserWarning, match=r"must give images in \[0, 1\].*Received: values from -") as caught:
        model.decode(10 * np.ones((2, LATENTS), "float32") * np.array([[1], [-1]]))
    assert [each.filename for each in caught if "must give images" in str(each.message)] == [__file__]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "A generator must give images")
        build(name).decode(np.ones((2, LATENTS), "float32"))


def test_rows_of_any_range_are_discriminated_as_they_are_trained_on():
    rows = np.random.default_rng(0).uniform(-3, 3, (4, 5)).astype("float32")
    mlp = networks.mlp
    networks_of_rows = mlp.generator((5,), 2, units=(4,)), mlp.encoder((5,), 2, units=(4,))
    model = models.BiGAN(*networks_of_rows, mlp.discriminator((5,), units=(4,), latent_dim=2))
    assert model.discriminate(rows).shape == (4, 1)


def test_averages_beside_batch_normalization_warn_when_compiled_and_not_when_loaded(tmp_path):
    average = keras.optimizers.Adam(use_ema=True)
    message = "do not match the moving statistics.*Received: generator$"
    model = models.GAN(small(normalization="batch"), small("discriminator", normalization="batch"))
    with pytest.warns(UserWarning, match=message) as caught:
        model.compile({"generator": average, "discriminator": "adam"})
    assert [each.filename for each in caught if "moving statistics" in str(each.message)] == [__file__]
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Averages of weights")
        keras.models.load_model(tmp_path / "model.keras")
        models.GAN(small(normalization="layer"), small("discriminator")).compile(average)
        model.compile("adam")


def test_latents_of_another_size_are_refused():
    for name in ("GAN", "InfoGAN", "BiGAN", "VAEGAN"):
        with pytest.raises(ValueError, match=r"Latents have the shape \(n, 6\). Received: shape \(2, 9\)"):
            build(name).decode(np.zeros((2, 9)))


# ---- objectives


@keras.saving.register_keras_serializable("kerasgen_tests")
def own_discriminator(real_logits, fake_logits):
    return ops.mean(ops.square(fake_logits)) - ops.mean(real_logits)


@keras.saving.register_keras_serializable("kerasgen_tests")
def own_generator(real_logits, fake_logits):
    return -ops.mean(fake_logits)


OBJECTIVES = [*adversarial.LOSSES, AdversarialLoss(own_discriminator, own_generator)]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=[*adversarial.LOSSES, "own"])
def test_any_objective_trains_and_is_in_the_config(objective, digits):
    model = build("GAN", objective=objective)
    again = type(model).from_config(model.get_config())
    assert again.objective.get_config() == model.objective.get_config() == adversarial.get(objective).get_config()
    batch = batch_of(model, digits)
    for player in model.players:
        assert np.isfinite(list(terms_of(model, player, batch).values())).all()


def test_default_objectives():
    names = {"GAN": "non_saturating", "LSGAN": "least_squares", "WGAN": "wasserstein", "WGANGP": "wasserstein"}
    names |= {"SNGAN": "hinge", "ProjectionGAN": "hinge", "RelativisticGAN": "relativistic"}
    for name in [*ADVERSARIAL, "BiGAN"]:
        assert build(name).objective is adversarial.LOSSES[names.get(name, "non_saturating")]


# ---- games whose outcome is known

P, Q = stats.norm(0.5, 1.0), stats.norm(-0.5, 1.5)
QUANTILES = (np.arange(512) + 0.5) / 512


@pytest.mark.parametrize(("kind", "tolerance"), [(models.GAN, 0.25), (models.LSGAN, 0.04)])
def test_a_discriminator_learns_the_ratio_of_densities(kind, tolerance):
    """Data `N(0.5, 1)`, a generator that stays at `N(-0.5, 1.5^2)`; quantiles of both stand for draws."""
    generator = networks.mlp.generator((1,), 1, units=())
    generator.set_weights([np.array([[1.5]]), np.array([-0.5])])
    generator.trainable = False
    model = kind(generator, networks.mlp.discriminator((1,), units=(32,), activation="tanh"))
    noise = stats.norm.ppf(QUANTILES)[:, None].astype("float32")
    model.draw = lambda distribution, shape: ops.convert_to_tensor(noise)
    model.compile({"discriminator": keras.optimizers.Adam(0.04), "generator": "sgd"}, jit_compile=JAX)
    images = P.ppf(QUANTILES)[:, None].astype("float32")
    for _ in range(150):
        model.train_on_batch(images)
    x = np.linspace(-2, 2, 41)[:, None]
    learned = ops.convert_to_numpy(model.logits(ops.convert_to_tensor(x.astype("float32")), None, training=False))
    log_ratio = P.logpdf(x) - Q.logpdf(x)
    best = {models.GAN: log_ratio, models.LSGAN: 1 / (1 + np.exp(-log_ratio))}[kind]
    assert np.ptp(best) > 0.5
    assert np.abs(learned - best).max() < tolerance


ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = 0.5 + 0.35 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
SCALE = 0.03


@pytest.mark.slow
@pytest.mark.skipif(TORCH, reason="thousands of eager steps take PyTorch minutes; the mathematics is the same text")
@pytest.mark.parametrize(
    ("kind", "steps", "arguments"),
    [
        (models.GAN, 1400, {}),
        (models.WGANGP, 3000, {"discriminator_steps": 3, "penalty_weight": 0.1}),
        (models.RelativisticGAN, 3000, {"penalty_weight": 0.003}),
    ],
)
def test_a_ring_of_eight_gaussians_is_covered(kind, steps, arguments):
    """A discriminator twice as quick as the generator, without momentum, and the average of the generator's weights.

    With momentum, or as quick as each other, the plain GAN runs round the ring: it holds few modes at any moment, and
    its average some of each. The penalties weigh little, since gradients are large where data fill a unit square.
    """
    model = kind(
        networks.mlp.generator((2,), 2, units=(64, 64), activation="relu"),
        networks.mlp.discriminator((2,), units=(64, 64)),
        **arguments,
    )
    optimizers = {
        "discriminator": keras.optimizers.Adam(3e-3, beta_1=0.0, beta_2=0.99),
        "generator": keras.optimizers.Adam(1.5e-3, beta_1=0.0, beta_2=0.99, use_ema=True, ema_momentum=0.97),
    }
    model.compile(optimizers, jit_compile=JAX)
    batch = 128 * model.discriminator_steps
    rng = np.random.default_rng(0)
    data = CENTRES[rng.integers(0, 8, 20 * batch)] + SCALE * rng.standard_normal((20 * batch, 2))
    model.fit(data.clip(0, 1).astype("float32"), batch_size=batch, epochs=steps // 20, verbose=0)
    distances = np.linalg.norm(model.generate(1000, seed=0)[:, None] - CENTRES, axis=-1)
    near = distances.min(axis=1) < 3 * SCALE
    counts = np.bincount(distances.argmin(axis=1)[near], minlength=8)
    assert counts.min() >= 60  # Even shares are 125.
    assert near.mean() > 0.8  # Of points anywhere on the circle it would be 0.66, and of the data 0.99.
