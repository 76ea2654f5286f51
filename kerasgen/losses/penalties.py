"""Penalties on a discriminator: statements about its gradient with respect to images, and bounds on its weights.

A penalty returns the plain expectation, a scalar; weights (the 10 of WGAN-GP, the 1/2 of R1) belong to the model. There
is one norm an image, over all its values, and one point an image. A critic is a function of images `(batch, ...)` that
gives logits `(batch, ...)`; several logits of an image (patch discriminators) are averaged.
"""

import keras
from keras import ops

from kerasgen.engine import input_gradient

# Inside the root: the norm has no gradient where the critic is flat.
EPSILON = 1e-12


def squared_gradient_norm(critic, images):
    """The squared norm of a critic's gradient at each image, `|grad D(x)|^2`.

    Args:
        critic: Function of images that gives logits.
        images: Tensor `(batch, ...)`.

    Returns:
        float32 tensor `(batch,)`.
    """

    def mean_logit(points):
        logits = ops.cast(critic(points), "float32")
        return ops.mean(ops.reshape(logits, (ops.shape(points)[0], -1)), axis=1)

    gradient = ops.cast(input_gradient(mean_logit, images), "float32")
    return ops.sum(ops.square(gradient), axis=tuple(range(1, len(gradient.shape))))


def one_centred(critic, images):
    """`E (|grad D(x)| - 1)^2`: 0 for a critic whose gradient has norm 1 at each image.

    Args:
        critic: Function of images that gives logits.
        images: Tensor `(batch, ...)`, the points at which the gradient is taken.

    Returns:
        Scalar.
    """
    return ops.mean(ops.square(ops.sqrt(squared_gradient_norm(critic, images) + EPSILON) - 1))


def gradient_penalty(critic, real, fake, mix):
    """The penalty of WGAN-GP, at points between real and generated images.

        E (|grad D(u)| - 1)^2,    u = a x + (1 - a) G(z),    a ~ Uniform(0, 1), one an image

    Args:
        critic: Function of images that gives logits.
        real: Tensor `(batch, ...)`.
        fake: Tensor of the same shape.
        mix: Tensor `(batch,)`, the weights `a`.

    Returns:
        Scalar.

    Reference:
        Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, eq. 3. https://arxiv.org/abs/1704.00028
    """
    mix = ops.reshape(mix, (-1,) + (1,) * (len(real.shape) - 1))
    return one_centred(critic, mix * real + (1 - mix) * fake)


def zero_centred_gradient_penalty(critic, images):
    """`E |grad D(x)|^2`: on real images R1, on generated ones R2. The papers weigh it by `gamma / 2`.

    Args:
        critic: Function of images that gives logits.
        images: Tensor `(batch, ...)`.

    Returns:
        Scalar.

    Reference:
        Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018, eq. 9.
        https://arxiv.org/abs/1801.04406
    """
    return ops.mean(squared_gradient_norm(critic, images))


def dragan(critic, real, noise):
    """The penalty of DRAGAN, at points about the real images: `E (|grad D(x + d)| - 1)^2,  d ~ N(0, c I)`.

    Args:
        critic: Function of images that gives logits.
        real: Tensor `(batch, ...)`.
        noise: Tensor of the same shape, the displacements `d`.

    Returns:
        Scalar.

    Reference:
        Kodali et al., "On Convergence and Stability of GANs", 2017, eq. 3. https://arxiv.org/abs/1705.07215
    """
    return one_centred(critic, real + noise)


@keras.saving.register_keras_serializable("kerasgen")
class WeightClipping(keras.constraints.Constraint):
    """Keeps each weight in `[-limit, limit]` after each step: a crude bound on the slope of a network.

    Args:
        limit: float.

    Raises:
        ValueError: If `limit` is not positive.

    Reference:
        Arjovsky et al., "Wasserstein GAN", 2017, Algorithm 1. https://arxiv.org/abs/1701.07875
    """

    def __init__(self, limit=0.01):
        if limit <= 0:
            raise ValueError(f"limit must be positive. Received: {limit}")
        self.limit = limit

    def __call__(self, w):
        """Clip a weight."""
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        """Return the constructor's arguments."""
        return {"limit": self.limit}
