"""Penalties where the gradient of the critic is known."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import models, networks
from kerasgen.engine import input_gradient
from kerasgen.losses import penalties
from tests.conftest import JITTED

JAX = keras.backend.backend() == "jax"
RNG = np.random.default_rng(0)
SHAPE = (3, 2, 1)
KERNEL = RNG.standard_normal((6, 1)).astype("float32")
# A curved critic `x A x / 2`, whose gradient at `x` is `A x`.
CURVE = RNG.standard_normal((6, 6))
CURVE = (0.5 * (CURVE + CURVE.T)).astype("float32")


def images(count, seed=0):
    return np.random.default_rng(seed).uniform(size=(count, *SHAPE)).astype("float32")


def linear(kernel):
    return lambda x: ops.matmul(ops.reshape(x, (-1, 6)), ops.convert_to_tensor(kernel)) + 2.0


def curved(x):
    flat = ops.reshape(x, (-1, 6))
    return 0.5 * ops.sum(flat * ops.matmul(flat, ops.convert_to_tensor(CURVE)), axis=1, keepdims=True)


def norms_of_curved(points):
    return np.linalg.norm(points.reshape(-1, 6) @ CURVE, axis=1)


def norm(kernel):
    return float(np.linalg.norm(kernel))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_of_a_linear_critic_is_that_of_its_kernel_whatever_the_batch(count):
    real, fake, mix = images(count), images(count, 1), RNG.uniform(size=count).astype("float32")
    critic, slope = linear(KERNEL), norm(KERNEL)
    real, fake, mix = map(ops.convert_to_tensor, (real, fake, mix))
    for penalty in (
        penalties.gradient_penalty(critic, real, fake, mix),
        penalties.one_centred(critic, real),
        penalties.dragan(critic, real, fake),
    ):
        assert tuple(penalty.shape) == ()
        assert float(penalty) == pytest.approx((slope - 1) ** 2, rel=1e-4)
    assert float(penalties.zero_centred_gradient_penalty(critic, real)) == pytest.approx(slope**2, rel=1e-5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(penalties.squared_gradient_norm(critic, real)), np.full(count, slope**2), rtol=1e-5
    )


def test_of_a_unit_gradient_is_zero():
    unit = linear(KERNEL / norm(KERNEL))
    assert float(penalties.one_centred(unit, ops.convert_to_tensor(images(5)))) == pytest.approx(0, abs=1e-10)


def test_is_taken_at_the_points_of_the_papers():
    """One point an image, of one weight: with a curved critic each has a norm of its own."""
    real, fake, mix = images(5), images(5, 1), np.array([0.0, 0.25, 0.5, 0.9, 1.0], "float32")
    points = mix[:, None, None, None] * real + (1 - mix)[:, None, None, None] * fake
    arguments = [ops.convert_to_tensor(each) for each in (real, fake, mix)]
    found = penalties.gradient_penalty(curved, *arguments)
    assert float(found) == pytest.approx(np.mean((norms_of_curved(points) - 1) ** 2), rel=1e-4)
    displaced = penalties.dragan(curved, *arguments[:2])
    assert float(displaced) == pytest.approx(np.mean((norms_of_curved(real + fake) - 1) ** 2), rel=1e-4)
    squared = penalties.zero_centred_gradient_penalty(curved, arguments[0])
    assert float(squared) == pytest.approx(np.mean(norms_of_curved(real) ** 2), rel=1e-4)


def test_images_twice_leave_it():
    once = images(4)
    values = [
        float(penalties.one_centred(curved, ops.convert_to_tensor(x))) for x in (once, np.concatenate([once, once]))
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_logits_of_an_image_are_averaged():
    kernels = RNG.standard_normal((6, 4)).astype("float32")
    x = ops.convert_to_tensor(images(3))

    def patches(x):
        return ops.reshape(linear(kernels)(x), (-1, 2, 2, 1))

    mean = norm(kernels.mean(axis=1))
    assert float(penalties.one_centred(patches, x)) == pytest.approx((mean - 1) ** 2, rel=1e-4)
    assert float(penalties.zero_centred_gradient_penalty(patches, x)) == pytest.approx(mean**2, rel=1e-4)
    # Logits without an axis of their own, too.
    flat = penalties.zero_centred_gradient_penalty(lambda x: linear(KERNEL)(x)[:, 0], x)
    assert float(flat) == pytest.approx(norm(KERNEL) ** 2, rel=1e-4)


@pytest.mark.parametrize("kernel", [np.zeros_like(KERNEL), KERNEL])
def test_its_own_gradient_is_known_and_finite_where_the_critic_is_flat(kernel):
    """`d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w|`; and 0 for a flat critic, thanks to the number inside the root."""
    x = ops.convert_to_tensor(images(3))

    def penalty(kernel):
        return penalties.one_centred(lambda x: ops.matmul(ops.reshape(x, (-1, 6)), kernel), x)

    found = ops.convert_to_numpy(input_gradient(penalty, kernel))
    slope = norm(kernel)
    np.testing.assert_allclose(found, 2 * (slope - 1) * kernel / max(slope, 1e-6), rtol=1e-4, atol=1e-6)

    def squared(kernel):
        return penalties.zero_centred_gradient_penalty(lambda x: ops.matmul(ops.reshape(x, (-1, 6)), kernel), x)

    np.testing.assert_allclose(ops.convert_to_numpy(input_gradient(squared, kernel)), 2 * kernel, rtol=1e-4, atol=1e-6)


def test_a_critic_that_looks_at_no_image_is_flat():
    x = ops.convert_to_tensor(images(3))
    assert float(penalties.zero_centred_gradient_penalty(lambda x: ops.ones((3, 1)) + 0 * x[:, 0, 0], x)) == 0
    assert float(penalties.one_centred(lambda x: ops.ones((3, 1)) + 0 * x[:, 0, 0], x)) == pytest.approx(1, rel=1e-5)


# ---- in a train step, where the points are tensors of a traced function


def alone(kind, penalty):
    """A model whose critic minimises half of one penalty, and watches all else."""

    class Alone(kind):
        @property
        def term_weights(self):
            return {**dict.fromkeys(self.terms["discriminator"]), penalty: 0.5}

    return Alone


def small(kind, **arguments):
    """A model of pairs of numbers with a linear critic."""
    return kind(
        networks.mlp.generator((2,), 3, units=()), networks.mlp.discriminator((2,), units=()), seed=1, **arguments
    )


def kernel_of(model):
    return np.array(ops.convert_to_numpy(model.discriminator.get_layer("logits").kernel))


PAIRS = np.random.default_rng(3).uniform(size=(28, 2)).astype("float32")


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # The bias has none.
@pytest.mark.parametrize("jitted", JITTED)
@pytest.mark.parametrize("count", [1, 2, 28])
def test_a_train_step_descends_the_one_centred_penalty(count, jitted):
    """SGD of rate 1 on half the penalty takes the kernel `w` to `w - (|w| - 1) w / |w|`: to length 1 at once."""
    model = small(alone(models.WGANGP, "gradient_penalty"), discriminator_steps=1)
    model.compile(keras.optimizers.SGD(1.0), jit_compile=jitted)
    model.discriminator.get_layer("logits").kernel.assign([[3.0], [4.0]])
    logs = model.train_on_batch(PAIRS[:count], return_dict=True)
    assert logs["gradient_penalty"] == pytest.approx(16, rel=1e-5)
    np.testing.assert_allclose(kernel_of(model), [[0.6], [0.8]], rtol=1e-5)
    if not jitted:
        assert model.evaluate(PAIRS[:1], verbose=0, return_dict=True)["gradient_penalty"] == pytest.approx(0, abs=1e-9)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # The bias has none.
@pytest.mark.parametrize("jitted", JITTED)
@pytest.mark.parametrize("term", ["real_gradient_penalty", "fake_gradient_penalty"])
def test_a_train_step_descends_the_zero_centred_penalty(jitted, term):
    """SGD of rate 0.25 on half the penalty takes the kernel `w` to `w - w / 4`."""
    model = small(alone(models.RelativisticGAN, term))
    model.compile(keras.optimizers.SGD(0.25), jit_compile=jitted)
    kernel = kernel_of(model)
    logs = model.train_on_batch(PAIRS, return_dict=True)
    assert logs["real_gradient_penalty"] == pytest.approx(norm(kernel) ** 2, rel=1e-5)
    assert logs["fake_gradient_penalty"] == pytest.approx(norm(kernel) ** 2, rel=1e-5)
    np.testing.assert_allclose(kernel_of(model), 0.75 * kernel, rtol=1e-5)


@pytest.mark.parametrize("jitted", JITTED)
def test_a_flat_critic_trains_on(jitted):
    model = small(models.WGANGP, discriminator_steps=1)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=jitted)
    model.discriminator.get_layer("logits").kernel.assign(np.zeros((2, 1)))
    model.train_on_batch(PAIRS)
    assert np.isfinite(kernel_of(model)).all() and (kernel_of(model) != 0).all()


# ---- the bound on weights

CLIP = 0.05


def wgan(optimizer=None):
    generator = networks.mlp.generator((8, 8, 1), 3, units=(8,))
    discriminator = networks.mlp.discriminator((8, 8, 1), units=(8,), normalization="layer")
    model = models.WGAN(generator, discriminator, clip=CLIP, discriminator_steps=2, seed=1)
    model.compile(optimizer, jit_compile=JAX)
    return model


def largest(variables):
    return max(np.abs(ops.convert_to_numpy(variable)).max() for variable in variables)


class Look(keras.callbacks.Callback):
    """The largest weight of the critic after each step, and the largest of their averages."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.averages = []

    def on_train_batch_end(self, batch, logs=None):
        with self.model.weights_in_use(averaged=False):
            self.seen.append(largest(self.model.discriminator.trainable_variables))
        optimizer = self.model.optimizer.of("discriminator")
        if optimizer.use_ema:
            self.averages.append(largest(optimizer._model_variables_moving_average))


def test_clipping_holds_after_each_step(digits):
    model, look = wgan(keras.optimizers.RMSprop(0.02)), Look()
    model.fit(digits[0], batch_size=32, verbose=0, callbacks=[look])
    assert look.seen == pytest.approx([CLIP] * 8)  # Steps are so large that the bound is felt.
    assert largest(model.generator.trainable_variables) > 2 * CLIP


def test_averages_of_clipped_weights_are_in_the_box(digits):
    model, look = wgan(keras.optimizers.RMSprop(0.02, use_ema=True, ema_momentum=0.9)), Look()
    model.fit(digits[0], batch_size=32, verbose=0, callbacks=[look])
    assert look.seen == pytest.approx([CLIP] * 8)
    assert max(look.averages) <= CLIP * 1.0001
    # After `fit` the averages are the weights.
    assert largest(model.discriminator.trainable_variables) <= CLIP * 1.0001


def test_clipping_outlives_saving(digits, tmp_path):
    model = wgan("rmsprop")
    model.fit(digits[0], batch_size=32, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.clip == CLIP
    assert again.discriminator.trainable_variables[0].constraint.get_config() == {"limit": CLIP}
    again.optimizer.of("discriminator").learning_rate = 0.5
    look = Look()
    again.fit(digits[0][:64], batch_size=32, verbose=0, callbacks=[look])
    assert look.seen == pytest.approx([CLIP, CLIP])


def test_clipping_itself():
    constraint = penalties.WeightClipping(0.5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(constraint(ops.convert_to_tensor([-2.0, -0.5, 0.1, 0.7]))), [-0.5, -0.5, 0.1, 0.5]
    )
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(constraint))
    assert isinstance(again, penalties.WeightClipping) and again.limit == 0.5
    for limit in (0, -1.0):
        with pytest.raises(ValueError, match=f"limit must be positive. Received: {limit}"):
            penalties.WeightClipping(limit)
