"""StarGAN: the terms, who feels them, and that translations keep what comes back."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import log_softmax

from kerasgen import models, networks
from kerasgen.networks import stargan
from tests.models.test_gans import JAX, alone, moved, state, step, terms_of

SHAPE, DOMAINS = (8, 8, 3), 3


def build(normalization="instance", **arguments):
    generator = stargan.generator(
        SHAPE, num_classes=DOMAINS, filters=(4, 6), residual_blocks=1, normalization=normalization
    )
    discriminator = stargan.discriminator(SHAPE, num_classes=DOMAINS, filters=(4, 6))
    return models.StarGAN(generator, discriminator, seed=5, **{"discriminator_steps": 1, **arguments})


def batch(count=16):
    rng = np.random.default_rng(0)
    images = rng.random((count, *SHAPE), "float32")
    return ops.convert_to_tensor(images), ops.convert_to_tensor(np.arange(count, dtype="int32") % DOMAINS)


def numpy_of(tensors):
    return keras.tree.map_structure(lambda t: np.array(ops.convert_to_numpy(t), "float64"), tensors)


def drawn_domains(count=16):
    """The targets under `Noise`, whose first draw they are."""
    return (np.random.default_rng(0).random((count,)).astype("float32") * DOMAINS).astype("int32")


def cross_entropy(labels, logits):
    return -np.mean(log_softmax(logits, axis=1)[np.arange(len(labels)), labels])


def test_the_terms_are_the_objective():
    model = build()
    images, labels = batch()
    targets = drawn_domains()
    assert set(targets) == set(range(DOMAINS))
    fake = model.generator([images, ops.convert_to_tensor(targets)])
    back = numpy_of(model.generator([fake, labels]))
    (real_logits, real_domains), (fake_logits, fake_domains) = (
        numpy_of(model.discriminator(each)) for each in (images, fake)
    )
    assert real_logits.shape == (16, 2, 2, 1)
    found = terms_of(model, "discriminator", (images, labels), training=False)
    assert found["discriminator_loss"] == pytest.approx(fake_logits.mean() - real_logits.mean(), rel=1e-4, abs=1e-6)
    assert found["real_classification"] == pytest.approx(
        cross_entropy(numpy_of(labels).astype(int), real_domains), rel=1e-4
    )
    assert found["real_logit"] == pytest.approx(real_logits.mean(), rel=1e-4, abs=1e-6)
    found = terms_of(model, "generator", (images, labels), training=False)
    assert found == pytest.approx(
        {
            "generator_loss": -fake_logits.mean(),
            "fake_classification": cross_entropy(targets, fake_domains),
            "cycle_reconstruction": np.abs(numpy_of(images) - back).mean(),
        },
        rel=1e-4,
        abs=1e-6,
    )


def with_a_linear_critic():
    image = keras.Input(SHAPE, name="image")
    flat = keras.layers.Flatten()(image)
    outputs = [keras.layers.Dense(units, name=name)(flat) for name, units in (("logits", 1), ("domains", DOMAINS))]
    return models.StarGAN(build().generator, keras.Model(image, outputs), discriminator_steps=1)


def test_the_penalty_is_that_of_the_realness_alone():
    """Of a critic that is linear in the image: (|w| - 1)^2, whatever the domains' output is."""
    model = with_a_linear_critic()
    slope = np.linalg.norm(ops.convert_to_numpy(model.discriminator.get_layer("logits").kernel))
    found = terms_of(model, "discriminator", batch(), training=False)
    assert found["gradient_penalty"] == pytest.approx((slope - 1) ** 2, rel=1e-4)


def test_domains_are_drawn_evenly_and_all():
    model = build()
    images = ops.zeros((3000, *SHAPE))
    counts = np.bincount(ops.convert_to_numpy(model.targets(images)), minlength=DOMAINS)
    assert len(counts) == DOMAINS and abs(counts - 1000).max() < 5 * np.sqrt(3000 * 2 / 9)
    model.draw = lambda distribution, shape: ops.ones(shape)  # The end of the interval, should rounding reach it.
    assert set(ops.convert_to_numpy(model.targets(images[:4]))) == {DOMAINS - 1}


@pytest.mark.parametrize(
    ("player", "term"),
    [
        (player, term)
        for player, terms in models.StarGAN.terms.items()
        for term in terms
        if term not in models.StarGAN.watched
    ],
)
def test_each_term_alone_moves_its_player_downhill(player, term, monkeypatch):
    # A penalty on slopes jumps where a unit passes a kink, and then no step need lead downhill.
    model = with_a_linear_critic() if term == "gradient_penalty" else build()
    model.compile(keras.optimizers.SGD(1e-3))
    alone(monkeypatch, model, player, term)
    before, start = terms_of(model, player, batch())[term], state(model)
    step(model, player, batch())
    assert terms_of(model, player, batch())[term] < before
    assert moved(model, start) == {player}


def test_the_weights_weigh_their_terms():
    weights = build(classification_weight=2.0, cycle_weight=3.0, penalty_weight=4.0).term_weights
    named = {name: weight for name, weight in weights.items() if weight is not None}
    assert named == {
        "gradient_penalty": 4.0,
        "real_classification": 2.0,
        "fake_classification": 2.0,
        "cycle_reconstruction": 3.0,
    }


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's convolutions alone cannot do it")
def test_a_step_on_a_single_image_is_told_in_words():
    images = np.zeros((2, 8, 8, 1), "float32")
    generator = networks.stargan.generator((8, 8, 1), num_classes=2, filters=(4, 4), residual_blocks=1)
    discriminator = networks.stargan.discriminator((8, 8, 1), num_classes=2, filters=(4, 4))
    model = models.StarGAN(generator, discriminator, discriminator_steps=2)
    model.compile()
    with pytest.raises(ValueError, match="two images or more for each step of the discriminator"):
        model.fit(images, np.array([0, 1]), verbose=0)


def test_each_step_of_the_discriminator_sees_images_of_its_own():
    model = build(discriminator_steps=2)
    model.compile(keras.optimizers.SGD(1e-3), jit_compile=JAX)
    images, labels = (ops.convert_to_numpy(each) for each in batch(17))
    logs = model.train_on_batch(images, labels, return_dict=True)
    assert np.isfinite(list(logs.values())).all()
    assert int(model.optimizer.of("discriminator").iterations) == 2
    assert int(model.optimizer.of("generator").iterations) == 1


def test_translates_judges_and_classifies():
    model = build()
    images, labels = (ops.convert_to_numpy(each) for each in batch(5))
    translated = model.translate(images, labels)
    assert translated.shape == images.shape and translated.dtype == np.float32
    assert translated.min() >= 0 and translated.max() <= 1
    np.testing.assert_allclose(model.translate(images, 1)[1], translated[1], atol=1e-6)
    assert np.abs(model.translate(images, 0) - model.translate(images, 2)).max() > 1e-4
    np.testing.assert_allclose(model.classify(images).sum(axis=1), 1, rtol=1e-5)
    assert model.discriminate(images).shape == (5, 2, 2, 1)
    for labels, message in (
        (3, "expects class numbers from 0 to 2: the networks know 3 classes"),
        ([0, 1], "a label for each of 5 images. Received: 2"),
    ):
        with pytest.raises(ValueError, match=message):
            model.translate(images, labels)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="320 steps take minutes there")
def test_a_toy_learns_to_recolour():
    """Squares, reddish or bluish: after some steps a translated square has the colour asked for, and its place."""
    rng = np.random.default_rng(1)
    images, labels = np.zeros((256, 8, 8, 3), "float32"), np.arange(256) % 2
    for image, label, (row, column) in zip(images, labels, rng.integers(0, 6, (256, 2))):
        image[row : row + 3, column : column + 3] = 0.4
        image[row : row + 3, column : column + 3, 2 * label] = 1
    model = models.StarGAN(
        stargan.generator(SHAPE, num_classes=2, filters=(16,), residual_blocks=1, residual=True),
        stargan.discriminator(SHAPE, num_classes=2, filters=(16, 16)),
        classification_weight=1.0,  # These three as in the preset: it takes few steps.
        cycle_weight=20.0,
        penalty_weight=10.0,
        discriminator_steps=1,
        seed=3,
    )
    model.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), jit_compile=JAX)
    model.fit(images, labels, batch_size=32, epochs=40, verbose=0)
    shown, recoloured = images[:40], images[:40, ..., ::-1]

    def error(translated):
        return np.mean((translated - recoloured) ** 2)

    assert error(model.translate(shown, 1 - labels[:40])) < 0.5 * error(shown)
    kept = np.mean((model.translate(shown, labels[:40]) - shown) ** 2)
    assert kept < 0.5 * error(shown)  # asked for its own colour, it keeps it


def test_a_residual_generator_adds_to_the_image():
    """With nothing to add the image comes back, but for the values that tanh does not reach."""
    made = stargan.generator(SHAPE, num_classes=2, filters=(4,), residual_blocks=0, residual=True)
    made.get_layer("pixels").kernel.assign(0 * made.get_layer("pixels").kernel)
    images, labels = batch(6)
    expected = 0.5 + 0.96 * (ops.convert_to_numpy(images) - 0.5)
    np.testing.assert_allclose(ops.convert_to_numpy(made([images, labels % 2])), expected, atol=1e-6)
    again = keras.Model.from_config(made.get_config())
    assert again.count_params() == made.count_params()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cycle_weight": -1.0}, "cycle_weight must not be negative. Received: -1"),
        ({"discriminator_steps": 0}, "discriminator_steps must be an int, at least 1. Received: 0"),
        (
            {"generator": networks.mlp.generator((8, 8, 3), 4, units=(4,), num_classes=3)},
            "maps images and labels to images",
        ),
        ({"discriminator": stargan.discriminator((8, 8, 3), num_classes=4, filters=(4,))}, "Received: 4 and 3"),
        ({"discriminator": networks.dcgan.discriminator((8, 8, 3), filters=(4,))}, "gives logits and domain logits"),
        (
            {"discriminator": stargan.discriminator((4, 4, 3), num_classes=3, filters=(4,))},
            "must take what the generator",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    model = build()
    arguments = {"generator": model.generator, "discriminator": model.discriminator, **change}
    with pytest.raises(ValueError, match=message):
        models.StarGAN(**arguments)


# ---- networks


@pytest.mark.parametrize("shape", [(9, 7, 3), (8, 8, 1), (33, 20, 2)])
@pytest.mark.parametrize("normalization", [None, "instance", "batch", "layer"])
def test_networks_of_any_size(shape, normalization):
    made = stargan.generator(shape, num_classes=4, filters=(4, 6, 8), residual_blocks=2, normalization=normalization)
    judge = stargan.discriminator(shape, num_classes=4, filters=(4, 6))
    assert made.output_shape == (None, *shape)
    assert judge.output_shape == [(None, -(-shape[0] // 4), -(-shape[1] // 4), 1), (None, 4)]


def test_the_paper_s_networks():
    """Tables 4 and 5, for images of 128 x 128 and five domains: layers counted by hand."""
    made = stargan.generator((128, 128, 3), num_classes=5)
    judge = stargan.discriminator((128, 128, 3), num_classes=5)
    norms = 2 * (64 + 128 + 256 + 12 * 256 + 128 + 64)
    down = 49 * 8 * 64 + 16 * 64 * 128 + 16 * 128 * 256
    up = 16 * 256 * 128 + 16 * 128 * 64 + 49 * 64 * 3
    assert made.count_params() == down + 12 * 9 * 256 * 256 + up + norms
    sizes = [3, 64, 128, 256, 512, 1024, 2048]
    hidden = sum(16 * a * b + b for a, b in itertools.pairwise(sizes))
    assert judge.count_params() == hidden + 9 * 2048 + 4 * 2048 * 5
    assert judge.output_shape == [(None, 2, 2, 1), (None, 5)]
