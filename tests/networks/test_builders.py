"""What holds for the encoders and decoders of every architecture."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen.engine import input_gradient
from kerasgen.networks import conv, mlp

SMALL = {mlp: {"units": (8,)}, conv: {"filters": (4, 6)}}
BUILDERS = pytest.mark.parametrize("builder", [mlp, conv], ids=["mlp", "conv"])
RNG = np.random.default_rng(0)


def pair(builder, shape=(9, 7, 3), latent_dim=3, posterior=None, **arguments):
    """An encoder and a decoder, as small as they get."""
    arguments = {**SMALL[builder], **arguments}
    return (
        builder.encoder(shape, latent_dim, posterior=posterior, **arguments),
        builder.decoder(shape, latent_dim, **arguments),
    )


def tensor(*shape):
    return ops.convert_to_tensor(RNG.uniform(size=shape).astype("float32"))


@pytest.mark.parametrize(
    "shape",
    [(8, 8, 1), (9, 9, 3), (28, 28, 1), (33, 17, 3), (96, 64, 4), (256, 256, 3)],
    ids=str,
)
@BUILDERS
@pytest.mark.usefixtures("zero_weights")
def test_any_image_shape(builder, shape):
    encoder, decoder = pair(builder, shape, posterior="gaussian")
    assert encoder.input_shape == decoder.output_shape == (None, *shape)
    assert encoder.output_shape == [(None, 3), (None, 3)] and decoder.input_shape == (None, 3)
    assert encoder.built and decoder.built


@BUILDERS
def test_every_pixel_is_seen_and_drawn(builder):
    encoder, decoder = pair(builder, activation="tanh")
    seen = ops.convert_to_numpy(input_gradient(lambda x: ops.sum(encoder(x), axis=1), tensor(1, 9, 7, 3)))
    assert (seen != 0).all()
    drawn = ops.convert_to_numpy(decoder(tensor(2, 3)))
    assert (drawn[0] != drawn[1]).all()


@BUILDERS
@pytest.mark.usefixtures("zero_weights")
def test_names(builder):
    encoder, decoder = pair(builder, posterior="gaussian", num_classes=4)
    assert (encoder.name, decoder.name) == ("encoder", "decoder")
    assert [each.name for each in encoder.inputs] == ["image", "label"]
    assert [each.name for each in decoder.inputs] == ["latents", "label"]
    assert encoder.output_names == ["mean", "log_variance"]
    assert builder.encoder((9, 7, 3), 3, name="recognition").name == "recognition"


@BUILDERS
def test_outputs_are_linear(builder):
    encoder, decoder = pair(builder, posterior="gaussian")
    outputs = [*encoder(tensor(20, 9, 7, 3) - 0.5), decoder(tensor(20, 3) - 0.5)]
    assert all(ops.min(each) < 0 < ops.max(each) for each in outputs)


@BUILDERS
def test_latent_activation(builder):
    encoder = builder.encoder((9, 7, 3), 3, latent_activation="relu", **SMALL[builder])
    assert ops.min(encoder(tensor(20, 9, 7, 3) - 0.5)) == 0


@BUILDERS
def test_labels_matter(builder):
    encoder, decoder = pair(builder, num_classes=4)
    image, latents, labels = ops.ones((2, 9, 7, 3)), ops.ones((2, 3)), ops.arange(2, dtype="int32")
    for outputs in (encoder([image, labels]), decoder([latents, labels])):
        first, second = ops.convert_to_numpy(outputs)
        assert np.abs(first - second).max() > 1e-3


@BUILDERS
@pytest.mark.usefixtures("zero_weights")
def test_dropout_and_normalization_only_when_asked(builder):
    kinds = {keras.layers.Dropout, keras.layers.BatchNormalization}
    for network in pair(builder):
        assert not kinds & {type(layer) for layer in network.layers}
    for network in pair(builder, dropout=0.5, normalization="batch"):
        assert kinds <= {type(layer) for layer in network.layers}


def test_dropout_acts_in_training_only():
    encoder, _ = pair(mlp, dropout=0.5)
    images = tensor(2, 9, 7, 3)
    first, second = (ops.convert_to_numpy(encoder(images, training=True)) for _ in range(2))
    assert (first != second).any()
    first, second = (ops.convert_to_numpy(encoder(images, training=False)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@BUILDERS
@pytest.mark.usefixtures("zero_weights")
def test_mixed_precision_computes_in_half_and_answers_in_full(builder):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        encoder, decoder = pair(builder, posterior="gaussian", num_classes=4)
    finally:
        keras.config.set_dtype_policy(policy)
    assert [each.dtype for each in (*encoder.outputs, *decoder.outputs)] == ["float32"] * 3
    for layer in (encoder.layers[-3], decoder.get_layer("dense_1" if builder is mlp else "transposed_1")):
        assert layer.output.dtype == "float16"


@BUILDERS
def test_saved_without_a_class_of_ours(builder, tmp_path):
    arguments = {"num_classes": 4, "dropout": 0.1, "normalization": "batch", "posterior": "gaussian"}
    encoder, decoder = pair(builder, **arguments)
    labels = ops.arange(2, dtype="int32")
    for network, inputs in ((encoder, [tensor(2, 9, 7, 3), labels]), (decoder, [tensor(2, 3), labels])):
        assert "kerasgen" not in network.to_json()
        network.save(tmp_path / "network.keras")
        loaded = keras.models.load_model(tmp_path / "network.keras")
        for before, after in zip(keras.tree.flatten(network(inputs)), keras.tree.flatten(loaded(inputs))):
            np.testing.assert_array_equal(ops.convert_to_numpy(before), ops.convert_to_numpy(after))


@BUILDERS
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (28, 28)}, r"image_shape .*Received: \(28, 28\)"),
        ({"shape": (28, 0, 1)}, r"image_shape .*Received: \(28, 0, 1\)"),
        ({"shape": 28}, "image_shape .*Received: 28"),
        ({"latent_dim": 0}, "latent_dim .*Received: 0"),
        ({"latent_dim": 2.5}, "latent_dim .*Received: 2.5"),
        ({"posterior": "laplace"}, "posterior .*gaussian.*Received: 'laplace'"),
        ({"num_classes": 0}, "num_classes .*Received: 0"),
        ({"normalization": "group"}, "normalization .*batch.*Received: 'group'"),
        ({"units": 512}, "units .*Received: 512"),
        ({"activation": "reluu"}, "activation"),
    ],
)
@pytest.mark.usefixtures("zero_weights")
def test_bad_arguments(builder, arguments, message):
    with pytest.raises(ValueError, match=message):
        pair(builder, **arguments)


@BUILDERS
def test_a_posterior_takes_no_activation(builder):
    with pytest.raises(ValueError, match=r"latent_activation .*Received: 'relu'"):
        builder.encoder((9, 7, 3), 3, posterior="gaussian", latent_activation="relu", **SMALL[builder])


@BUILDERS
@pytest.mark.parametrize("arguments", [{"image_shape": (28, 28)}, {"latent_dim": 0}, {"num_classes": 0}])
def test_bad_arguments_of_a_decoder(builder, arguments):
    with pytest.raises(ValueError, match="Received"):
        builder.decoder(**{"image_shape": (9, 7, 3), "latent_dim": 3, **arguments})
