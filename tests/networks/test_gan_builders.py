"""What holds for the generators and discriminators of every architecture."""

from functools import lru_cache, partial

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import layers as own_layers
from kerasgen import models
from kerasgen.engine import input_gradient
from kerasgen.networks import dcgan, mlp, resnet

ARCHITECTURES = {"mlp": mlp, "dcgan": dcgan, "resnet": resnet}
SMALL = {mlp: {"units": (8,)}, dcgan: {"filters": (4, 6)}, resnet: {"filters": (4, 6)}}
BUILDERS = pytest.mark.parametrize("builder", ARCHITECTURES.values(), ids=ARCHITECTURES)
CONVOLUTIONAL = pytest.mark.parametrize("builder", [dcgan, resnet], ids=["dcgan", "resnet"])
SHAPE = (9, 7, 3)
LINEAR = (keras.layers.Dense, keras.layers.Conv2D, keras.layers.Conv2DTranspose, keras.layers.Embedding)


def generator(builder, shape=SHAPE, latent_dim=3, **arguments):
    return builder.generator(shape, latent_dim, **{**SMALL[builder], **arguments})


def discriminator(builder, shape=SHAPE, **arguments):
    return builder.discriminator(shape, **{**SMALL[builder], **arguments})


def images(count=2, shape=SHAPE, seed=0):
    return ops.convert_to_tensor(np.random.default_rng(seed).uniform(size=(count, *shape)).astype("float32"))


def latents(count=2, latent_dim=3, seed=1):
    return ops.convert_to_tensor(np.random.default_rng(seed).standard_normal((count, latent_dim)).astype("float32"))


def labels(count=2):
    return ops.arange(count, dtype="int32")


def numpy_of(outputs):
    return keras.tree.map_structure(lambda each: np.array(ops.convert_to_numpy(each)), outputs)


def run(network, inputs, training=False):
    """What a network gives, as NumPy."""
    if keras.backend.backend() != "jax":
        return numpy_of(network(inputs, training=training))
    weights = ([each.value for each in part] for part in (network.trainable_variables, network.non_trainable_variables))
    outputs, state = program(network, training)(*weights, inputs)
    for variable, value in zip(network.non_trainable_variables, state):
        variable.assign(value)
    return numpy_of(outputs)


@lru_cache(maxsize=4)
def program(network, training):
    """One JAX program of a whole network: quicker to compile than its operations one by one."""
    import jax

    return jax.jit(partial(network.stateless_call, training=training))


def values(network, layer, inputs, training=False):
    """What a layer of the network gives."""
    return run(keras.Model(network.input, network.get_layer(layer).output), inputs, training)


# JAX compiles each operation anew for each size.
SIZES = (33,) if keras.backend.backend() == "jax" else (8, 28, 32, 33, 48, 64, 96)
QUICK_SIZES = (28, 33)


def cases():
    """Each architecture with each size and each normalisation; channels and labels take turns."""
    for name, builder in ARCHITECTURES.items():
        vectors = builder is mlp
        for row, normalization in enumerate(
            (None, "batch", "layer") if vectors else (None, "batch", "layer", "instance")
        ):
            for column, size in enumerate(SIZES):
                channels, classes = (1, 3)[column % 2], (None, 4)[(row + column // 2) % 2]
                case = builder, size, channels, classes, normalization
                marks = pytest.mark.slow if len(SIZES) > 1 and size not in QUICK_SIZES else ()
                yield pytest.param(*case, id="-".join(map(str, (name, *case[1:]))), marks=marks)


@pytest.mark.parametrize(("builder", "size", "channels", "num_classes", "normalization"), cases())
def test_any_size_any_channels_with_and_without_labels_makes_images_and_a_step(
    builder, size, channels, num_classes, normalization
):
    arguments = {"num_classes": num_classes, "normalization": normalization}
    start = {"normalize_start": False} if builder is dcgan and normalization == "instance" else {}
    made = generator(builder, (size, size, channels), **arguments, **start)
    judge = discriminator(builder, (size, size, channels), **arguments)
    given = [] if num_classes is None else [labels()]
    pictures = run(made, [latents(), *given] if given else latents())
    seen = ops.convert_to_tensor(pictures)
    logits = run(judge, [seen, *given] if given else seen)
    assert pictures.shape == (2, size, size, channels) and logits.shape == (2, 1)
    assert pictures.dtype == logits.dtype == "float32"
    assert np.isfinite(pictures).all() and np.isfinite(logits).all()
    assert pictures.min() >= 0 and pictures.max() <= 1
    # A step of training, eagerly where that is quicker than tracing it.
    jax = keras.backend.backend() == "jax"
    model = models.GAN(made, judge)
    model.compile("sgd", run_eagerly=not jax, jit_compile=jax)
    logs = model.train_on_batch(pictures, ops.convert_to_numpy(labels()) if given else None, return_dict=True)
    assert np.isfinite(list(logs.values())).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@BUILDERS
def test_images_fill_the_range_and_stay_in_it(builder):
    pictures = run(generator(builder, normalization=None), 1e4 * latents(8))
    assert pictures.min() == 0 and pictures.max() == 1


@BUILDERS
def test_latents_of_zero_give_grey(builder):
    # Biases start at zero, so that the last layer gives 0: the middle of [0, 1].
    np.testing.assert_array_equal(run(generator(builder), ops.zeros((1, 3))), 0.5)


@BUILDERS
def test_a_discriminator_sees_minus_one_to_one(builder):
    judge = discriminator(builder, normalization=None, activation="relu")
    low, grey, high = (ops.full((1, *SHAPE), value, "float32") for value in (0, 0.5, 1))
    np.testing.assert_array_equal(values(judge, "rescaling", low), -1)
    np.testing.assert_array_equal(values(judge, "rescaling", high), 1)
    assert run(judge, grey).item() == 0


@BUILDERS
def test_logits_are_linear(builder):
    judge = discriminator(builder, auxiliary_outputs=3)
    for name in ("logits", "auxiliary"):
        assert judge.get_layer(name).activation is keras.activations.linear


@BUILDERS
def test_every_pixel_is_seen_and_drawn(builder):
    judge = discriminator(builder, activation="tanh", normalization=None)
    seen = numpy_of(input_gradient(lambda x: ops.sum(judge(x), axis=1), images(1)))
    assert (seen != 0).all()
    drawn = run(generator(builder, activation="tanh"), latents())
    assert (drawn[0] != drawn[1]).all()


@BUILDERS
@pytest.mark.usefixtures("zero_weights")
def test_names(builder):
    made = generator(builder, num_classes=4)
    judge = discriminator(builder, num_classes=4, latent_dim=3, auxiliary_outputs=5)
    assert (made.name, judge.name) == ("generator", "discriminator")
    assert [each.name for each in made.inputs] == ["latents", "label"]
    assert [each.name for each in judge.inputs] == ["image", "latents", "label"]
    assert judge.output_names == ["logits", "auxiliary"]
    assert judge.output_shape == [(None, 1), (None, 5)]
    assert judge.get_layer("logits").input is judge.get_layer("features").output
    assert judge.get_layer("auxiliary").input is judge.get_layer("features").output
    assert generator(builder, name="painter").name == "painter"
    assert discriminator(builder, name="critic").name == "critic"


@BUILDERS
def test_mixed_precision_computes_in_half_and_answers_in_full(builder):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        options = {"num_classes": 4, "normalization": "batch"}
        made = generator(builder, **options)
        judge = discriminator(
            builder, **options, conditioning="projection", spectral_normalization=True, auxiliary_outputs=2
        )
    finally:
        keras.config.set_dtype_policy(policy)
    assert [each.dtype for each in (*made.outputs, *judge.outputs)] == ["float32"] * 3
    assert made.get_layer("pixels").output.dtype == judge.get_layer("features").output.dtype == "float16"
    pictures = run(made, [1e3 * latents(), labels()])
    outputs = [pictures, *run(judge, [ops.convert_to_tensor(pictures), labels()], training=True)]
    assert all(each.dtype == "float32" and np.isfinite(each).all() for each in outputs)
    assert outputs[0].min() >= 0 and outputs[0].max() <= 1


@BUILDERS
@pytest.mark.parametrize("conditioning", ["concatenate", "projection"])
def test_labels_matter(builder, conditioning):
    judge = discriminator(builder, num_classes=4, conditioning=conditioning, activation="tanh")
    made = generator(builder, num_classes=4, activation="tanh")
    for network, same in ((judge, ops.ones((2, *SHAPE))), (made, ops.ones((2, 3)))):
        first, second = run(network, [same, labels()])
        assert np.abs(first - second).max() > 1e-4


@BUILDERS
def test_labels_by_batch_normalization_start_as_nothing_and_matter_once_they_are_learned(builder):
    made = generator(builder, num_classes=4, normalization="batch", conditioning="batch_normalization")
    plain = generator(builder, normalization="batch")
    kinds = [type(layer) for layer in made.layers]
    conditional = kinds.count(own_layers.ConditionalBatchNormalization)
    assert conditional == [type(layer) for layer in plain.layers].count(keras.layers.BatchNormalization) > 0
    assert keras.layers.BatchNormalization not in kinds and keras.layers.Embedding not in kinds
    first, second = run(made, [ops.ones((2, 3)), labels()])
    np.testing.assert_array_equal(first, second)
    for layer in made.layers:
        if isinstance(layer, own_layers.ConditionalBatchNormalization):
            table = layer.offset.embeddings
            table.assign(np.arange(4.0)[:, None] * np.ones(table.shape))
    first, second = run(made, [ops.ones((2, 3)), labels()])
    assert np.abs(first - second).max() > 1e-3


@BUILDERS
@pytest.mark.parametrize("spectral_normalization", [False, True], ids=["plain", "spectral"])
def test_projection_is_the_formula(builder, spectral_normalization):
    judge = discriminator(
        builder, num_classes=4, conditioning="projection", spectral_normalization=spectral_normalization
    )
    classes = np.array([0, 3, 1, 3], "int32")
    inputs = [images(4), ops.convert_to_tensor(classes)]

    def linear(name):
        return judge.get_layer(name).layer if spectral_normalization else judge.get_layer(name)

    # Of rank one: a single power iteration finds its norm.
    table = linear("label_embedding").embeddings
    table.assign(np.outer(np.arange(1, 5), np.random.default_rng(2).standard_normal(table.shape[1])))
    run(judge, inputs, training=True)

    def kernel(name):
        matrix = numpy_of(linear(name).weights[0])
        return matrix / np.linalg.norm(matrix, 2) if spectral_normalization else matrix

    linear("logits").bias.assign([0.3])
    features = values(judge, "features", inputs)
    expected = features @ kernel("logits") + 0.3
    expected += np.sum(kernel("label_embedding")[classes] * features, axis=1, keepdims=True)
    np.testing.assert_allclose(run(judge, inputs), expected, rtol=1e-4, atol=1e-5)


@BUILDERS
def test_auxiliary_is_a_dense_layer_on_the_features(builder):
    judge = discriminator(builder, auxiliary_outputs=3)
    logits, auxiliary = run(judge, images())
    kernel, bias = judge.get_layer("auxiliary").get_weights()
    assert logits.shape == (2, 1) and auxiliary.shape == (2, 3)
    np.testing.assert_allclose(auxiliary, values(judge, "features", images()) @ kernel + bias, rtol=1e-4, atol=1e-5)


@BUILDERS
def test_pairs_of_image_and_latents_are_judged(builder):
    judge = discriminator(builder, latent_dim=3, activation="tanh")
    # Each image with each latents.
    pictures, codes = ops.repeat(images(2), 2, axis=0), ops.tile(latents(2), (2, 1))
    logits = run(judge, [pictures, codes]).reshape(2, 2)
    assert (np.abs(np.diff(logits, axis=0)) > 1e-5).all() and (np.abs(np.diff(logits, axis=1)) > 1e-5).all()
    # Not a sum of one score each: some layer sees both.
    assert abs(np.diff(np.diff(logits, axis=0), axis=1).item()) > 1e-5


@BUILDERS
@pytest.mark.parametrize("conditioning", ["concatenate", "projection"])
def test_spectral_normalization_is_on_all_that_stands_before_the_logit(builder, conditioning):
    options = {"num_classes": 4, "spectral_normalization": True}
    judge = discriminator(
        builder, conditioning=conditioning, latent_dim=3, auxiliary_outputs=2, activation="tanh", **options
    )
    for network in (judge, generator(builder, **options)):
        assert {layer.name for layer in network.layers if isinstance(layer, LINEAR)} <= {"auxiliary"}
    wrapped = [layer for layer in judge.layers if isinstance(layer, own_layers.SpectralNormalization)]
    assert {"logits", "label_embedding", "latent_features", "joint_features"} <= {layer.name for layer in wrapped}
    inputs = [images(), latents(), labels()]
    before = run(judge, inputs)
    for layer in wrapped:
        layer.kernel.assign(7 * numpy_of(layer.kernel))
    for first, second in zip(before, run(judge, inputs)):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-5)


@CONVOLUTIONAL
def test_spectral_normalization_of_an_attention_layer(builder):
    for network in (
        generator(builder, spectral_normalization=True, attention=5),
        discriminator(builder, spectral_normalization=True, attention=5),
    ):
        assert network.get_layer("attention").spectral_normalization


@CONVOLUTIONAL
@pytest.mark.usefixtures("zero_weights")
def test_attention_stands_after_the_maps_of_its_height(builder):
    for build in (generator, discriminator):
        assert not any(isinstance(layer, own_layers.SelfAttention) for layer in build(builder).layers)
        for height in (3, 5):
            assert build(builder, attention=height).get_layer("attention").output.shape[1] == height
    once = discriminator(builder, filters=(4, 4, 4), strides=(2, 1, 1), attention=5)
    assert [type(layer) for layer in once.layers].count(own_layers.SelfAttention) == 1


@CONVOLUTIONAL
@pytest.mark.parametrize(("build", "heights"), [(generator, r"\[3, 5"), (discriminator, r"\[3, 5\]")])
def test_attention_at_another_height_is_refused(builder, build, heights):
    with pytest.raises(ValueError, match=rf"attention .*{heights}.*Received: 4"):
        build(builder, attention=4)


@BUILDERS
def test_minibatch_deviation_makes_a_logit_depend_on_the_batch(builder):
    pictures = images(4)
    alike = ops.repeat(pictures[:1], 4, axis=0)
    for deviation in (False, True):
        judge = discriminator(builder, minibatch_deviation=deviation, normalization=None)
        judge.get_layer("logits").kernel.assign(np.ones(judge.get_layer("logits").kernel.shape))
        difference = np.abs(run(judge, pictures)[0] - run(judge, alike)[0])
        assert (difference > 1e-3) if deviation else (difference < 1e-4)


@BUILDERS
@pytest.mark.parametrize("option", ["dropout", "input_noise"])
def test_noise_acts_in_training_only(builder, option):
    judge = discriminator(builder, **{option: 0.5}, normalization=None, activation="tanh")
    first, second = (run(judge, images(8), training=True) for _ in range(2))
    assert (first != second).all()
    first, second = (run(judge, images(8)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@BUILDERS
@pytest.mark.parametrize("normalization", ["batch", "layer", "instance"])
@pytest.mark.usefixtures("zero_weights")
def test_layers_before_a_normalization_have_no_bias(builder, normalization):
    if normalization == "instance" and builder is mlp:
        return
    start = {"normalize_start": False} if builder is dcgan else {}
    for network in (
        generator(builder, normalization=normalization, **start),
        discriminator(builder, normalization=normalization),
    ):
        normalized = [layer for layer in network.layers if layer.name.endswith("_normalization")]
        assert normalized
        for layer in normalized:
            before = layer.input._keras_history.operation
            assert not isinstance(before, LINEAR) or not before.use_bias or before.name.startswith("start")
        if normalization == "batch":
            assert {(layer.momentum, layer.epsilon) for layer in normalized} == {(0.9, 1e-5)}


@CONVOLUTIONAL
@pytest.mark.parametrize(("normalization", "axes"), [("batch", (0, 1, 2)), ("layer", (1, 2, 3)), ("instance", (1, 2))])
def test_maps_are_normalized_over_the_axes_of_the_name(builder, normalization, axes):
    judge = discriminator(builder, normalization=normalization)
    layer = next(layer.name for layer in judge.layers if layer.name.endswith("_normalization"))
    maps = values(judge, layer, images(16), training=True)
    np.testing.assert_allclose(maps.mean(axis=axes), 0, atol=1e-4)
    np.testing.assert_allclose(maps.var(axis=axes), 1, atol=0.05)


FULL = {"num_classes": 4, "spectral_normalization": True}


def everything(builder):
    """A generator and a discriminator with all there is, and inputs for them."""
    options = FULL if builder is mlp else {**FULL, "attention": 5}
    dropout = {"dropout": 0.1} if builder is mlp else {}
    made = generator(builder, **options, **dropout, normalization="batch", conditioning="batch_normalization")
    judge = discriminator(
        builder,
        **options,
        normalization="layer",
        dropout=0.1,
        input_noise=0.1,
        minibatch_deviation=True,
        latent_dim=3,
        auxiliary_outputs=2,
        conditioning="projection",
    )
    return (made, [latents(), labels()]), (judge, [images(), latents(), labels()])


@BUILDERS
def test_saved_and_loaded(builder, tmp_path):
    rng = np.random.default_rng(3)
    for network, inputs in everything(builder):
        network.set_weights([rng.uniform(0.1, 1, weight.shape) for weight in network.get_weights()])
        network.save(tmp_path / "network.keras")
        loaded = keras.models.load_model(tmp_path / "network.keras")
        for before, after in zip(keras.tree.flatten(run(network, inputs)), keras.tree.flatten(run(loaded, inputs))):
            np.testing.assert_array_equal(before, after)
        assert loaded.to_json() == network.to_json()


@BUILDERS
@pytest.mark.usefixtures("zero_weights")
def test_default_networks_need_no_class_of_ours(builder):
    for network in (generator(builder, num_classes=4), discriminator(builder, num_classes=4)):
        assert "kerasgen" not in network.to_json()


@BUILDERS
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (28, 28)}, r"image_shape .*Received: \(28, 28\)"),
        ({"num_classes": 0}, "num_classes .*Received: 0"),
        ({"normalization": "group"}, "normalization .*batch.*Received: 'group'"),
        ({"activation": "reluu"}, "reluu"),
    ],
)
@pytest.mark.parametrize("build", [generator, discriminator])
def test_bad_arguments(builder, build, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(builder, **arguments)


@BUILDERS
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latent_dim": 0}, "latent_dim .*Received: 0"),
        ({"auxiliary_outputs": 0}, "auxiliary_outputs .*Received: 0"),
        ({"conditioning": "film"}, "conditioning .*concatenate.*projection.*Received: 'film'"),
        ({"conditioning": "projection"}, "needs labels.*num_classes.*Received: conditioning='projection'"),
    ],
)
def test_bad_arguments_of_a_discriminator(builder, arguments, message):
    with pytest.raises(ValueError, match=message):
        discriminator(builder, **arguments)


@BUILDERS
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latent_dim": 0}, "latent_dim .*Received: 0"),
        ({"conditioning": "batch_normalization"}, "needs labels.*num_classes.*Received: conditioning='batch_norm"),
        ({"conditioning": "projection"}, "conditioning .*batch_normalization.*Received: 'projection'"),
        (
            {"conditioning": "batch_normalization", "normalization": "layer", "num_classes": 4},
            'conditioning="batch_normalization" needs normalization="batch".*Received: .*layer',
        ),
    ],
)
def test_bad_arguments_of_a_generator(builder, arguments, message):
    with pytest.raises(ValueError, match=message):
        generator(builder, **arguments)


@CONVOLUTIONAL
def test_a_generator_needs_filters(builder):
    with pytest.raises(ValueError, match=r"filters .*Received: \(\)"):
        generator(builder, filters=())
