"""The KL divergence as a layer's loss: closed forms, gradients to both inputs, and in whose loss it ends up."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import models, networks
from kerasgen.engine import input_gradient
from kerasgen.layers import KLDivergence
from kerasgen.losses.divergences import kl_standard_normal
from tests.conftest import JITTED

RANDOM = np.random.default_rng(0)
MEAN, LOG_VARIANCE = RANDOM.standard_normal((2, 6, 3)).astype("float32")
IMAGES = RANDOM.uniform(size=(6, 8)).astype("float32")


def array(value):
    return np.array(ops.convert_to_numpy(ops.cast(value, "float32")))


def added(layer, *inputs):
    """What the layer adds to the loss in one call."""
    layer([ops.convert_to_tensor(each) for each in inputs])
    (loss,) = layer.losses
    return float(array(loss))


def divergence(mean=MEAN, log_variance=LOG_VARIANCE):
    mean, log_variance = (each.astype("float64") for each in (mean, log_variance))
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).reshape(len(mean), -1).sum(1).mean()


def test_closed_forms():
    zeros = np.zeros((4, 2), "float32")
    assert added(KLDivergence(), zeros, zeros) == 0
    # Two dimensions of a mean of 3, 3^2 / 2 nats each; a variance of 4 gives (4 - 1 - log 4) / 2.
    assert added(KLDivergence(), zeros + 3, zeros) == pytest.approx(9)
    assert added(KLDivergence(), zeros, zeros + np.log(4)) == pytest.approx(3 - np.log(4), rel=1e-5)


@pytest.mark.parametrize("weight", [1, 0.25, 0])
@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (2, 3, 1, 3)])
def test_is_the_function_of_the_losses_summed_and_averaged(shape, weight):
    mean, log_variance = MEAN.reshape(shape), LOG_VARIANCE.reshape(shape)
    terms = array(kl_standard_normal(mean, log_variance))
    assert added(KLDivergence(weight), mean, log_variance) == pytest.approx(weight * terms.sum() / shape[0], rel=1e-5)
    assert weight * divergence(mean, log_variance) == pytest.approx(weight * terms.sum() / shape[0], rel=1e-5)


def test_a_batch_twice_over_gives_the_same():
    twice = [np.concatenate([each, each]) for each in (MEAN, LOG_VARIANCE)]
    assert added(KLDivergence(), *twice) == pytest.approx(added(KLDivergence(), MEAN, LOG_VARIANCE), rel=1e-5)


def test_passes_its_inputs_on():
    outputs = KLDivergence()([MEAN, LOG_VARIANCE])
    assert isinstance(outputs, list)
    for output, expected in zip(outputs, (MEAN, LOG_VARIANCE)):
        np.testing.assert_array_equal(array(output), expected)


@pytest.mark.parametrize("jitted", JITTED)
def test_the_gradient_reaches_both_inputs(jitted):
    """A step of gradient descent of rate 1 takes the gradient off: `w m / n` and `w (v - 1) / (2 n)`."""
    inputs = keras.Input((6,))
    # On the identity matrix, outputs and their gradients are the kernel's.
    heads = [layers.Dense(3, use_bias=False) for _ in range(2)]
    mean, log_variance = KLDivergence(weight=2.0)([head(inputs) for head in heads])
    model = keras.Model(inputs, mean + log_variance)
    for head, start in zip(heads, (MEAN, LOG_VARIANCE)):
        head.kernel.assign(start)
    model.compile(keras.optimizers.SGD(1.0), loss=None, jit_compile=jitted)
    model.fit(np.eye(6), batch_size=6, verbose=0)
    expected = 2 * MEAN / 6, 2 * (np.exp(LOG_VARIANCE) - 1) / 2 / 6
    for head, start, gradient in zip(heads, (MEAN, LOG_VARIANCE), expected):
        np.testing.assert_allclose(start - array(head.kernel), gradient, atol=1e-6)


def test_the_gradient_flows_through_what_it_passes_on():
    layer = KLDivergence()
    gradient = input_gradient(lambda x: ops.sin(layer([x, ops.square(x)])[1]), MEAN)
    np.testing.assert_allclose(array(gradient), 2 * MEAN * np.cos(MEAN**2), atol=1e-5)


def functional(weight=1.0):
    """The docstring's variational autoencoder, smaller."""
    image = keras.Input((8,))
    hidden = layers.Dense(5, "relu")(image)
    heads = [layers.Dense(2, name="mean")(hidden), layers.Dense(2, name="log_variance")(hidden)]
    mean, log_variance = KLDivergence(weight, name="kl")(heads)
    noise = layers.GaussianNoise(1.0)(ops.zeros_like(mean))
    latents = mean + ops.exp(0.5 * log_variance) * noise
    return keras.Model(image, layers.Dense(8)(latents))


def test_in_the_loss_of_a_functional_model(tmp_path):
    model = functional(weight=0.5)
    heads = keras.Model(model.input, model.get_layer("kl").output)
    kl = divergence(*map(array, heads(IMAGES)))
    assert kl > 0.01
    # Of rate 0: the loss in `fit` is that of the weights as they are.
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mse"], jit_compile=keras.backend.backend() == "jax")
    history = model.fit(IMAGES, IMAGES, verbose=0).history
    assert history["loss"][0] - history["mse"][0] == pytest.approx(0.5 * kl, rel=1e-4)
    loss, mse = model.evaluate(IMAGES, IMAGES, verbose=0)
    assert loss - mse == pytest.approx(0.5 * kl, rel=1e-4)

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_layer("kl").get_config() == model.get_layer("kl").get_config()
    assert again.evaluate(IMAGES, IMAGES, verbose=0)[0] == pytest.approx(loss, rel=1e-6)


def test_in_the_total_of_a_model_of_kerasgen(digits):
    images = digits[0][:32]
    inputs = keras.Input((8, 8, 1))
    hidden = layers.Dense(6)(layers.Flatten()(inputs))
    mean, log_variance = KLDivergence(3.0)([hidden[:, :3], hidden[:, 3:]])
    encoder = keras.Model(inputs, mean + 0 * log_variance, name="encoder")
    kl = divergence(*np.split(array(keras.Model(inputs, hidden)(images)), 2, axis=1))
    model = models.Autoencoder(encoder, networks.mlp.decoder((8, 8, 1), latent_dim=3, units=(5,)))
    model.compile("sgd", run_eagerly=keras.backend.backend() == "tensorflow")
    before = [array(each) for each in encoder.trainable_variables]
    for logs in (
        model.evaluate(images, batch_size=32, verbose=0, return_dict=True),
        {name: values[0] for name, values in model.fit(images, batch_size=32, verbose=0).history.items()},
    ):
        assert logs["regularization"] == pytest.approx(3 * kl, rel=1e-4)
        assert logs["loss"] == pytest.approx(logs["reconstruction"] + 3 * kl, rel=1e-5)
    # The log variances are of no use to the decoder: that part of the kernel moves by the divergence alone.
    assert (np.abs(before[0] - array(encoder.trainable_variables[0]))[:, 3:].max(0) > 0).all()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_half_precision_is_left_first(policy):
    """The squares of 300 end beyond float16; inputs in float32 lose nothing."""
    layer = KLDivergence(dtype=policy)
    assert added(layer, np.full((2, 2), 300, "float16"), np.zeros((2, 2), "float16")) == 90_000
    assert added(layer, MEAN, LOG_VARIANCE) == added(KLDivergence(), MEAN, LOG_VARIANCE)
    for dtype in ("float16", "float32"):
        outputs = layer([ops.cast(each, dtype) for each in (MEAN, LOG_VARIANCE)])
        symbolic = layer([keras.Input((3,), dtype=dtype), keras.Input((3,), dtype=dtype)])
        assert {keras.backend.standardize_dtype(each.dtype) for each in (*outputs, *symbolic)} == {dtype}


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf, "1", None])
def test_refuses_other_weights(weight):
    with pytest.raises(ValueError, match=r"weight must be a finite number, 0 or more. Received: "):
        KLDivergence(weight)


@pytest.mark.parametrize("inputs", [MEAN, [MEAN], [MEAN] * 3, MEAN[:2], {"mean": MEAN, "log_variance": MEAN}])
def test_refuses_what_is_no_pair(inputs):
    with pytest.raises(ValueError, match=r"must be \[mean, log_variance\]. Received: shapes"):
        KLDivergence()(inputs)


@pytest.mark.parametrize("other", [MEAN[:, :1], MEAN[:, 0], MEAN[..., None]])
def test_refuses_two_shapes(other):
    for pair in ([MEAN, other], [other, MEAN]):
        with pytest.raises(ValueError, match=r"must have one shape, \(batch, ...\). Received: shapes"):
            KLDivergence()(pair)
    with pytest.raises(ValueError, match="must have one shape"):
        KLDivergence()([MEAN[:, 0], MEAN[:, 0]])
