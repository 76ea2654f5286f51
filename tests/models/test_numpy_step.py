"""A train step of a VAE against one written by hand in NumPy, which all three backends must follow."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import models, networks


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def terms_and_gradients(weights, x, noise, beta):
    """The negative evidence lower bound (Bernoulli) and its gradients by hand, in float64."""
    w1, b1, wm, bm, wv, bv, w2, b2, w3, b3 = weights
    n = len(x)
    flat = x.reshape(n, -1)
    h1 = np.maximum(flat @ w1 + b1, 0)
    mean, log_variance = h1 @ wm + bm, h1 @ wv + bv
    z = mean + np.exp(0.5 * log_variance) * noise
    h2 = np.maximum(z @ w2 + b2, 0)
    logits = h2 @ w3 + b3
    terms = {
        "reconstruction": np.mean(np.sum(np.logaddexp(0, logits) - flat * logits, axis=1)),
        "kl": np.mean(np.sum(0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance), axis=1)),
    }
    d_logits = (sigmoid(logits) - flat) / n
    d_h2 = (d_logits @ w3.T) * (h2 > 0)
    d_z = d_h2 @ w2.T
    d_mean = d_z + beta * mean / n
    d_log_variance = d_z * noise * 0.5 * np.exp(0.5 * log_variance) + beta * 0.5 * (np.exp(log_variance) - 1) / n
    d_h1 = (d_mean @ wm.T + d_log_variance @ wv.T) * (h1 > 0)
    gradients = [
        flat.T @ d_h1, d_h1.sum(0),
        h1.T @ d_mean, d_mean.sum(0),
        h1.T @ d_log_variance, d_log_variance.sum(0),
        z.T @ d_h2, d_h2.sum(0),
        h2.T @ d_logits, d_logits.sum(0),
    ]  # fmt: skip
    return terms, gradients


def sgd(gradient, rate):
    return rate * gradient


def adam(gradient, rate):
    """The first step: both moments start at zero and are corrected for it; epsilon stands where Keras has it."""
    first, second = 0.1 * gradient, 0.001 * gradient**2
    return rate * np.sqrt(1 - 0.999) / (1 - 0.9) * first / (np.sqrt(second) + 1e-7)


@pytest.mark.parametrize(("optimizer", "step"), [("Adam", adam), ("SGD", sgd)])
def test_a_step_is_the_one_written_by_hand(digits, optimizer, step):
    x, rate, beta = digits[0][:32], 0.01, 1.5
    noise = np.random.default_rng(1).standard_normal((32, 3)).astype("float32")
    model = models.VAE(
        networks.mlp.encoder((8, 8, 1), 3, units=(20,), posterior="gaussian"),
        networks.mlp.decoder((8, 8, 1), 3, units=(20,)),
        beta=beta,
    )
    # Weights as arrays: the same on each backend.
    rng = np.random.default_rng(2)
    model.set_weights([0.3 * rng.standard_normal(w.shape).astype("float32") for w in model.weights])
    paths = [weight.path for weight in model.weights]
    assert [path.split("/")[-2] for path in paths[2:6]] == ["mean"] * 2 + ["log_variance"] * 2
    start = [weight.astype("float64") for weight in model.get_weights()]
    model.draw = lambda distribution, shape: ops.convert_to_tensor(noise)
    model.compile(getattr(keras.optimizers, optimizer)(rate))
    logs = model.train_on_batch(x, return_dict=True)
    terms, gradients = terms_and_gradients(start, x.astype("float64"), noise.astype("float64"), beta)
    assert logs["reconstruction"] == pytest.approx(terms["reconstruction"], rel=1e-4)
    assert logs["kl"] == pytest.approx(terms["kl"], rel=1e-4)
    assert logs["loss"] == pytest.approx(terms["reconstruction"] + beta * terms["kl"], rel=1e-4)
    for path, got, weight, gradient in zip(paths, model.get_weights(), start, gradients):
        np.testing.assert_allclose(got, weight - step(gradient, rate), rtol=1e-4, atol=2e-6, err_msg=path)
