"""Intervals of figures of samples: how far they would move if other images of the same number had been looked at.

A figure F of n images is computed again of n that are drawn from these with replacement (Efron, 1979). How far such
replicates F* lie from their own mean is about how far F lies from its expectation, so that

    [F + q_a(F* - mean F*),  F + q_b(F* - mean F*)],    a = (1 - level) / 2,    b = (1 + level) / 2

covers the expectation of the figure **at this number of images** in a share of about `level` of cases. Replicates are
taken around their mean, not around F, for a draw with replacement holds fewer different images: figures that fall with
the number of images, as a Frechet distance does, are higher in it, by about what F itself is too high. For the same
reason the interval says nothing of infinitely many images: compare figures of equal numbers.

What is drawn anew differs, and all else is held fixed:

    Frechet distance, inception score    the generated images, with the means and covariances that come of them
    precision, density                   the generated images, among the balls of the real ones
    recall, coverage, F score            no interval: they depend on where all generated images lie together, and to
                                         draw some twice would make balls of no width. Draw samples from several seeds
    kernel distance                      nothing: the spread over its subsets tells the error, of both sets

An interval ends where the range of its figure does. Where all images agree, as at a precision of 1, it has no width.
"""

import numpy as np

#: The share of cases in which an interval covers.
LEVEL = 0.95


def interval(figure, replicates):
    """See the top of this page.

    Args:
        figure: float.
        replicates: Array `(resamples,)`.

    Returns:
        Two floats, low and high.
    """
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = figure + np.quantile(replicates - np.mean(replicates), tails)
    return float(low), float(high)


def weights(count, resamples, seed):
    """How often each of so many images is in a draw of as many with replacement, divided by their number.

    Args:
        count: int.
        resamples: int. The number of draws.
        seed: int.

    Yields:
        float64 arrays `(count,)`, whose sum is 1.
    """
    draws = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(draws.integers(count, size=count), minlength=count) / count


def means(values, resamples, seed):
    """The means of draws with replacement.

    Args:
        values: Array `(n,)` or `(n, dimensions)`.
        resamples: int.
        seed: int.

    Returns:
        float64 array `(resamples,)` or `(resamples, dimensions)`.
    """
    return np.stack([weight @ values for weight in weights(len(values), resamples, seed)])
