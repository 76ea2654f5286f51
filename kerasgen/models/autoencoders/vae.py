"""Variational autoencoder."""

import math
import zlib

import keras
import numpy as np
from keras import ops

from kerasgen.engine import Tunable, global_mean
from kerasgen.losses import divergences
from kerasgen.models.autoencoders.autoencoder import Autoencoder
from kerasgen.models.checks import check_not_negative, gaussian_encoder
from kerasgen.models.encoding import GaussianEncoder
from kerasgen.models.terms import batch_mean, draw_posterior


@keras.saving.register_keras_serializable("kerasgen")
class VAE(GaussianEncoder, Autoencoder):
    """Variational autoencoder, and beta-VAE.

    The encoder gives a Gaussian `q(z | x) = N(m(x), diag v(x))`, the decoder and the likelihood give `p(x | z)`, the
    prior is `p(z) = N(0, I)`. Minimised is the negative evidence lower bound, with a weight on its second term:

        E_q[-log p(x | z)] + beta KL(q(z | x) || p(z)),    z = m(x) + sqrt(v(x)) e,    e ~ N(0, I)

    with one draw of `e` an image. It is conditional when its networks take labels: `q(z | x, y)` and `p(x | z, y)`.

    Args:
        encoder: `keras.Model`. Images `(batch, height, width, channels)` in [0, 1] to `[mean, log_variance]`, each
            `(batch, latent_dim)`: the networks of `kerasgen.networks` with `posterior="gaussian"`. Of an encoder
            `[mean, log_variance, z]`, `z` drawn from the other two as in the examples of Keras, `z` is left out.
        decoder: `keras.Model`. Latents to linear units of the images' shape; the likelihood maps them to images.
        likelihood: Name, config or `kerasgen.losses.likelihoods.Likelihood`. Defaults to `"bernoulli"`.
        beta: float. The weight on the KL divergence; 1 is the bound itself. It may change during training
            (`kerasgen.callbacks.Annealing`).
        free_bits: float. Nats below which the KL divergence of a latent dimension, a mean over the batch, is not
            minimised. The logged divergence is the whole one. Defaults to 0.
        **kwargs: `input_noise`, `target`, `seed`, `name`, `dtype` of `Autoencoder`.

    Raises:
        ValueError: If the encoder gives something else, `beta` or `free_bits` is negative; see also `Autoencoder`.

    Logs:
        reconstruction: `E_q[-log p(x | z)]`, nats an image.
        kl: `KL(q(z | x) || p(z))`, nats an image. With beta 1, `loss` is the negative evidence lower bound, and the
            term `regularization` beside it where layers have penalties (`l2=` of `mlp.decoder`).

    Example:
        >>> net = kerasgen.networks.mlp
        >>> model = kerasgen.models.VAE(net.encoder((28, 28, 1), latent_dim=16, posterior="gaussian"),
        ...                             net.decoder((28, 28, 1), latent_dim=16))
        >>> model.compile()
        >>> model.fit(images, epochs=30)

    Default optimizer: Adam with learning rate 1e-3.

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014. https://arxiv.org/abs/1312.6114
        Higgins et al., "beta-VAE", 2017 (beta). https://openreview.net/forum?id=Sy2fzU9gl
        Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", 2016, C.8 (free bits).
        https://arxiv.org/abs/1606.04934
    """

    terms = {"autoencoder": ("reconstruction", "kl")}
    generates = True
    beta = Tunable()

    def __init__(self, encoder, decoder, likelihood="bernoulli", beta=1.0, free_bits=0.0, **kwargs):
        encoder = gaussian_encoder(encoder, "VAE")
        check_not_negative(beta=beta, free_bits=free_bits)
        super().__init__(encoder, decoder, likelihood, **kwargs)
        self.beta = beta
        self.free_bits = free_bits

    @property
    def term_weights(self):
        """`beta` on the divergence."""
        return {"kl": self.beta}

    def autoencoder_loss(self, images, labels, weights, training):
        """The two terms of the negative evidence lower bound, each a weighted mean over the images of a batch."""
        mean, log_variance = self.run(self.encoder, self.noisy(images, training), labels, training)
        latents = draw_posterior(mean, log_variance, self.draw("normal", ops.shape(mean)))
        outputs = self.run(self.decoder, latents, labels, training)
        kl = batch_mean(divergences.kl_standard_normal(mean, log_variance), weights)
        if self.free_bits:
            # The value of the divergence, the gradient of max(kl, free_bits).
            above = ops.cast(global_mean(kl, ops.shape(images)[0]) > self.free_bits, "float32")
            kl = ops.stop_gradient(kl) + above * (kl - ops.stop_gradient(kl))
        nll = self.likelihood.negative_log_likelihood(outputs, self.targets(images, labels))
        return {"reconstruction": batch_mean(nll, weights), "kl": ops.sum(kl)}

    def log_likelihood(self, images, labels=None, samples=100, seed=0, chunk=20_000):
        """Estimate `log p(x)` by importance sampling from the posterior, a lower bound that rises with `samples`.

            log p(x) >= E[log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x)],    z_k ~ q(z | x)

        Args:
            images: Array `(n, height, width, channels)` in [0, 1].
            labels: int array `(n,)` where the networks take labels.
            samples: int. The number `K` of draws an image, exactly.
            seed: int. The draws of an image depend on it and on the image: neither on `chunk`, nor on what other images
                it comes with, or in which order.
            chunk: int. How many latents are decoded at once: bounds the memory.

        Returns:
            float32 NumPy array `(n,)`, nats.

        Raises:
            ValueError: If `samples` is below 1, or the model is one of `y` (`target="y"`).

        Reference:
            Burda et al., "Importance Weighted Autoencoders", 2016, eq. 8. https://arxiv.org/abs/1509.00519
        """
        if samples < 1:
            raise ValueError(f"samples must be at least 1. Received: {samples}")
        if self.target == "y":
            raise ValueError('log p(x) is that of a model of x. Received: a VAE with target="y"')
        images = self.incoming(images, "log_likelihood")
        self.likelihood.warn_unless_density(images)
        # Here and not in `infer` alone: a learned scale of the likelihood is averaged with the decoder.
        with self.weights_in_use(averaged=True):
            return self._importance_weighted(images, labels, samples, seed, chunk)

    def _importance_weighted(self, images, labels, samples, seed, chunk):
        mean, log_variance = self.posterior(images, labels)
        streams = [np.random.default_rng((seed, zlib.crc32(image.tobytes()))) for image in images]
        total = np.full(len(images), -np.inf)
        per_chunk = max(1, chunk // len(images))
        for start in range(0, samples, per_chunk):
            shape = (min(per_chunk, samples - start), self.latent_dim)
            noise = np.stack([stream.standard_normal(shape, "float32") for stream in streams], axis=1)
            latents = mean + np.exp(0.5 * log_variance) * noise
            # log p(z) - log q(z | x): the constants log(2 pi) / 2 cancel.
            log_ratio = 0.5 * (np.square(noise) + log_variance - np.square(latents)).sum(-1)
            weights = log_ratio + self._log_likelihood_of(latents, images, labels)
            total = np.logaddexp(total, np.logaddexp.reduce(weights, axis=0))
        return (total - math.log(samples)).astype("float32")

    def _log_likelihood_of(self, latents, images, labels):
        """`log p(x | z)` of latents `(k, n, latent_dim)` and images `(n, ...)`: NumPy array `(k, n)`."""
        count = len(latents)
        labels = None if labels is None else np.tile(labels, count)
        outputs = self.infer(self.decoder, latents.reshape(-1, latents.shape[-1]), labels, batch_size=2048)
        targets = np.broadcast_to(images, (count, *images.shape)).reshape(outputs.shape)
        nll = self.likelihood.negative_log_likelihood(outputs, targets)
        return -ops.convert_to_numpy(nll).reshape(count, -1)
