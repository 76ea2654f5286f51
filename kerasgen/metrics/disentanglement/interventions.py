"""Measures that draw images with one factor held fixed: the scores of FactorVAE and beta-VAE."""

import math

import numpy as np

from kerasgen.metrics.disentanglement.codes import Codes

# Rows of codes that are looked at at once.
_ROWS = 2**16


def factor_vae_score(
    represent, source, train=10_000, test=5_000, batch_size=64, samples=10_000, threshold=0.05, seed=0
):
    """Whether the dimension that varies least, where one factor is held fixed, tells which factor that was.

    For a vote, draw a factor k, fix it at a random value, and draw the others for each image of a batch. The vote is
    the pair of k and the dimension j of the smallest variance, in units of its variance over the whole set. A
    classifier that gives each dimension the factor of most of its votes is then held against further votes.

    Args:
        represent: Function of images to codes, an array `(n, d)`, that gives an image the same code each time.
        source: What draws images: see the top of this page.
        train: int. Votes that the classifier is made from.
        test: int. Votes that it is held against.
        batch_size: int. Images a vote, 2 at least.
        samples: int. Images that the variance over the whole set is taken from.
        threshold: float. Dimensions with less than this part of the largest standard deviation have collapsed, and are
            left out.
        seed: int.

    Returns:
        float in [0, 1], the accuracy on held-out votes. By chance it is 1/K.

    Raises:
        ValueError: If codes are not finite, no matrix or not one an image, a factor has one value, or a number above is
            too small.

    Example:
        >>> kerasgen.metrics.disentanglement.factor_vae_score(model.encode, kerasgen.datasets.shapes)

    Notes:
        Kim and Mnih take 800 votes of 200 images, and measure the accuracy on them; the other defaults are Locatello et
        al.'s, whose threshold is in units of the prior's standard deviation, 1: codes of another model may have any.
        Where all dimensions are constant, or there is one, all votes are for one dimension, and the score is chance.

    Reference:
        Kim and Mnih, "Disentangling by Factorising", 2018, section 4. https://arxiv.org/abs/1802.05983
    """
    return factor_vae_score_of(Codes(represent, source), train, test, batch_size, samples, threshold, seed)


def factor_vae_score_of(codes_of, train=10_000, test=5_000, batch_size=64, samples=10_000, threshold=0.05, seed=0):
    """`factor_vae_score` of `Codes`."""
    _check_counts(2, batch_size=batch_size, samples=samples)
    _check_counts(1, train=train, test=test)
    rng = np.random.default_rng(seed)
    variances = codes_of(_draw(rng, codes_of.sizes, (samples,))).var(axis=0, dtype="float64")
    deviations = np.sqrt(variances)
    active = deviations > threshold * deviations.max()
    scale = np.where(active, variances, 1)

    def dimensions(fixed):
        factors = _draw(rng, codes_of.sizes, (len(fixed), batch_size))
        of_batch = np.arange(len(fixed))
        factors[of_batch, :, fixed] = factors[of_batch, 0, fixed][:, None]
        spread = codes_of(factors).var(axis=1, dtype="float64")
        return np.where(active, spread / scale, np.inf).argmin(axis=1)

    fixed = rng.integers(len(codes_of.sizes), size=train + test)
    votes = np.concatenate([dimensions(part) for part in _chunks(fixed, batch_size)])
    counts = np.zeros((len(variances), len(codes_of.sizes)), int)
    np.add.at(counts, (votes[:train], fixed[:train]), 1)
    return float(np.mean(counts.argmax(axis=1)[votes[train:]] == fixed[train:]))


def beta_vae_score(represent, source, train=10_000, test=5_000, batch_size=64, seed=0):
    """Whether a linear classifier can tell, from how far the codes of pairs lie apart, which factor the pairs share.

    For a point, draw a factor k and pairs of images that agree in it and are free otherwise, and take the mean of
    |z_1 - z_2| over the pairs. A logistic regression learns k from such points, and is held against further ones.

    Args:
        represent: Function of images to codes, an array `(n, d)`, that gives an image the same code each time.
        source: What draws images: see the top of this page.
        train: int. Points that the classifier learns from.
        test: int. Points that it is held against.
        batch_size: int. Pairs a point.
        seed: int.

    Returns:
        float in [0, 1], the accuracy on held-out points. By chance it is 1/K.

    Raises:
        ValueError: If codes are not finite, no matrix or not one an image, a factor has one value, or a number above is
            too small.

    Example:
        >>> kerasgen.metrics.disentanglement.beta_vae_score(model.encode, kerasgen.datasets.shapes)

    Notes:
        The weakest of the measures: several dimensions may share a factor, and a rotated code can come near 1. The
        defaults are those of Locatello et al., but for the standardisation of the points.

    Reference:
        Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", 2017,
        section 3. https://openreview.net/forum?id=Sy2fzU9gl
    """
    return beta_vae_score_of(Codes(represent, source), train, test, batch_size, seed)


def beta_vae_score_of(codes_of, train=10_000, test=5_000, batch_size=64, seed=0):
    """`beta_vae_score` of `Codes`."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _check_counts(1, train=train, test=test, batch_size=batch_size)
    rng = np.random.default_rng(seed)

    def differences(shared):
        first, second = (_draw(rng, codes_of.sizes, (len(shared), batch_size)) for _ in range(2))
        of_point = np.arange(len(shared))
        second[of_point, :, shared] = first[of_point, :, shared]
        return np.abs(codes_of(first) - codes_of(second)).mean(axis=1, dtype="float64")

    # Each factor is shared equally often: all are there to learn, however few the points.
    shared = rng.permutation(np.arange(train + test) % len(codes_of.sizes))
    points = np.concatenate([differences(part) for part in _chunks(shared, batch_size)])
    if len(np.unique(shared[:train])) < 2:
        raise ValueError(f"The classifier needs points of two factors at least. Received: train={train}")
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(points[:train], shared[:train])
    return float(classifier.score(points[train:], shared[train:]))


def _check_counts(least, **counts):
    if min(counts.values()) < least:
        raise ValueError(f"{', '.join(counts)} must be {least} at least. Received: {counts}")


def _draw(rng, sizes, shape):
    return rng.integers(sizes, size=(*shape, len(sizes)))


def _chunks(array, batch_size):
    return np.array_split(array, math.ceil(len(array) * batch_size / _ROWS))
