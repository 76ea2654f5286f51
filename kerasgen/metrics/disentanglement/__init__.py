"""How far each dimension of a code stands for one factor of variation, on a set whose factors are known.

`codes` are float arrays `(n, d)`, one row an image; `factors` are int arrays `(n, k)`, the values that the images were
made from. The measures of such pairs are

    mutual_information_gap              does one dimension alone tell the factor (information)?
    separated_attribute_predictability  the same (accuracy of a linear classifier)
    dci                                 does a dimension tell one factor only, and a factor need one dimension only?

and those that draw images of their own, with factors held fixed, are `factor_vae_score` and `beta_vae_score`. They
take `represent`, a function of images to codes such as a model's `encode`, and a `source` of images: anything with
`FACTORS`, a dict of the number of values of each factor, and `render(factors)`, the images of an int array `(n, k)`.
`kerasgen.datasets.shapes` is one for 32 pixels, and `kerasgen.datasets.shapes.at(size)` for others.

No measure depends on order, sign and common unit of the dimensions. Protocols differ between papers, and change the
figures; where there is a choice, the defaults are those of Locatello et al., "Challenging Common Assumptions in the
Unsupervised Learning of Disentangled Representations", 2019 (https://arxiv.org/abs/1811.12359), but for what is named.
"""

import math

import numpy as np

from kerasgen.metrics.disentanglement.codes import Codes
from kerasgen.metrics.disentanglement.interventions import (
    beta_vae_score,
    beta_vae_score_of,
    factor_vae_score,
    factor_vae_score_of,
)
from kerasgen.metrics.disentanglement.pairs import dci, mutual_information_gap, separated_attribute_predictability

__all__ = [
    "beta_vae_score",
    "dci",
    "factor_vae_score",
    "mutual_information_gap",
    "scores",
    "separated_attribute_predictability",
]

#: Which values of the figures of `scores` are the better ones.
BETTER = {
    "mutual_information_gap": "higher",
    "separated_attribute_predictability": "higher",
    "dci_disentanglement": "higher",
    "dci_completeness": "higher",
    "dci_informativeness": "higher",
    "factor_vae_score": "higher",
    "beta_vae_score": "higher",
}
#: What the figures of `scores` depend on besides the codes; the docstrings of the measures say why it is so.
PROTOCOL = {
    "samples": "15,000 different images, a third held out",
    "mutual_information_gap": "20 bins",
    "separated_attribute_predictability": "LinearSVC(C=0.01), balanced accuracy",
    "dci": "RandomForestClassifier(10, max_features=None, min_samples_leaf=20)",
    "factor_vae_score": "10,000 votes of 64 images, 5,000 held out",
    "beta_vae_score": "10,000 points of 64 pairs, 5,000 held out, logistic regression",
}


def scores(represent, source, samples=15_000, seed=0):
    """All measures of one model, each by its default protocol.

    Every image is drawn and encoded once, however many measures look at it.

    Args:
        represent: Function of images to codes, an array `(n, d)`, that gives an image the same code each time:
            `model.encode` (of a VAE, the posterior means).
        source: What draws images: see the top of this page.
        samples: int. How many combinations of factors, all different, the gap, SAP and DCI look at (their classifiers
            learn from two thirds, and are held against the third). All combinations, where there are fewer.
        seed: int. Of all draws.

    Returns:
        Dict of floats: "mutual_information_gap", "separated_attribute_predictability", "dci_disentanglement",
        "dci_completeness", "dci_informativeness", "factor_vae_score", "beta_vae_score". All are better if higher.

    Raises:
        ValueError: If codes are not finite, no matrix or not one an image, a factor has one value, or there are too few
            samples.

    Example:
        >>> kerasgen.metrics.disentanglement.scores(model.encode, kerasgen.datasets.shapes)
    """
    codes_of = Codes(represent, source)
    total = math.prod(codes_of.sizes)
    chosen = np.random.default_rng(seed).choice(total, size=min(samples, total), replace=False)
    factors = np.stack(np.unravel_index(chosen, codes_of.sizes), axis=-1)
    codes = codes_of(factors)
    return {
        "mutual_information_gap": mutual_information_gap(codes, factors),
        "separated_attribute_predictability": separated_attribute_predictability(codes, factors, seed=seed),
        **{f"dci_{name}": value for name, value in dci(codes, factors, seed=seed).items()},
        "factor_vae_score": factor_vae_score_of(codes_of, seed=seed),
        "beta_vae_score": beta_vae_score_of(codes_of, seed=seed),
    }
