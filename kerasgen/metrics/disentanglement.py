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

from kerasgen.metrics.accumulators import as_rows

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
# Images that are drawn and encoded at once, and rows of codes that are looked at at once.
_IMAGES = 1024
_ROWS = 2**16


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
    codes_of = _Codes(represent, source)
    total = math.prod(codes_of.sizes)
    chosen = np.random.default_rng(seed).choice(total, size=min(samples, total), replace=False)
    factors = np.stack(np.unravel_index(chosen, codes_of.sizes), axis=-1)
    codes = codes_of(factors)
    return {
        "mutual_information_gap": mutual_information_gap(codes, factors),
        "separated_attribute_predictability": separated_attribute_predictability(codes, factors, seed=seed),
        **{f"dci_{name}": value for name, value in dci(codes, factors, seed=seed).items()},
        "factor_vae_score": _factor_vae_score(codes_of, seed=seed),
        "beta_vae_score": _beta_vae_score(codes_of, seed=seed),
    }


def mutual_information_gap(codes, factors, bins=20):
    """How much more the best dimension tells of a factor than the second one, as part of what there is to tell.

        MIG = 1/K sum_k (I(z_(1); v_k) - I(z_(2); v_k)) / H(v_k)

    with the two dimensions of the largest mutual information with factor k. 1 if each factor is told by one dimension
    and by no other; 0 if two dimensions tell it equally well, or none does.

    Args:
        codes: Array `(n, d)`.
        factors: int array `(n, k)`.
        bins: int. Of equal width between the extremes of a dimension. A dimension in which one bin takes several values
            of a factor, or most samples (an outlier does that), tells less than it does.

    Returns:
        float in [0, 1].

    Raises:
        ValueError: If codes are not finite, the two do not fit together, a factor has one value, or there are fewer
            samples than bins.

    Example:
        >>> data = kerasgen.datasets.load("shapes")
        >>> codes = model.encode(data.arrays("test")[0])
        >>> kerasgen.metrics.disentanglement.mutual_information_gap(codes, data.factors("test"))

    Notes:
        A dimension that is constant tells nothing, and of a single dimension the second one counts as such. Information
        is counted on the values given (posterior means, of a VAE), as by Locatello et al.; Chen et al. take it under
        the posterior's noise. With fewer samples than some ten times bins times values, every dimension seems to tell
        more than it does, and the gap is too small.

    Reference:
        Chen et al., "Isolating Sources of Disentanglement in Variational Autoencoders", 2018, eq. 6.
        https://arxiv.org/abs/1802.04942
    """
    from sklearn.metrics import mutual_info_score

    codes, factors = _check(codes, factors)
    codes = _two_at_least(codes)
    if not 2 <= bins <= len(codes):
        raise ValueError(
            f"bins must be at least 2, and at most the samples. Received: bins={bins}, {len(codes)} samples"
        )
    low, width = codes.min(axis=0), np.ptp(codes, axis=0)
    places = np.floor((codes - low) / np.where(width > 0, width, 1) * bins).astype(int)
    places = np.minimum(places, bins - 1)  # the largest value belongs to the last bin
    information = [[mutual_info_score(values, place) for place in places.T] for values in factors.T]
    entropies = [mutual_info_score(values, values) for values in factors.T]
    return float(np.mean(_gap(information) / entropies))


def separated_attribute_predictability(codes, factors, classifier=None, held_out=1 / 3, seed=0):
    """SAP: how much better the best dimension alone predicts a factor than the second best.

        SAP = 1/K sum_k (A_(1)k - A_(2)k)

    where A_jk is the balanced accuracy, on held-out rows, of a classifier of factor k that sees dimension j alone, and
    (1) and (2) are the two best dimensions. A dimension that carries nothing is right once in V_k values, so the best
    possible score is the mean of 1 - 1 / V_k, not 1.

    Args:
        codes: Array `(n, d)`.
        factors: int array `(n, k)`.
        classifier: scikit-learn classifier, copied for each pair. None: `LinearSVC(C=0.01, class_weight="balanced")`.
        held_out: float. The share of rows that accuracies are measured on.
        seed: int. Of the choice of those rows.

    Returns:
        float in [0, 1].

    Raises:
        ValueError: If codes are not finite, the two do not fit together, a factor has one value, or there are too few
            samples to learn from and to hold out.

    Example:
        >>> kerasgen.metrics.disentanglement.separated_attribute_predictability(codes, factors)

    Notes:
        The linear classifier sets one value against the rest, and on a line it cannot cut out a value between others:
        of a factor of 8 values even `z = v` has an accuracy of 1/2 at the most, and the ideal code of
        `kerasgen.datasets.shapes` has SAP 0.48. Published figures have such a ceiling, too. A tree fits thresholds and
        has none: `DecisionTreeClassifier(max_leaf_nodes=8, class_weight="balanced")` gives that code 0.81.
        Locatello et al. do not standardise the codes. A constant dimension predicts at chance, and of a single
        dimension the second one counts as such.

    Reference:
        Kumar et al., "Variational Inference of Disentangled Latent Concepts from Unlabeled Observations", 2018,
        section 3. https://arxiv.org/abs/1711.00848
    """
    from sklearn.base import clone
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.svm import LinearSVC

    codes, factors = _check(codes, factors)
    train, test = _parts(factors, held_out, seed)
    codes = _two_at_least(_standardise(codes, codes[train]))
    if classifier is None:
        classifier = LinearSVC(C=0.01, class_weight="balanced", dual=False)

    def accuracy(values, code):
        fitted = clone(classifier).fit(code[train, None], values[train])
        return balanced_accuracy_score(values[test], fitted.predict(code[test, None]))

    accuracies = [[accuracy(values, code) for code in codes.T] for values in factors.T]
    return float(np.mean(_gap(accuracies)))


def dci(codes, factors, classifier=None, held_out=1 / 3, seed=0):
    """Disentanglement, completeness and informativeness, from how much a classifier of each factor uses each dimension.

    With the importances R_jk of dimension j for factor k, and entropies H in the base of the number of their terms,

        disentanglement   sum_j r_j (1 - H(R_j. / sum_k R_jk)),    r_j = sum_k R_jk / sum R
        completeness      1/K sum_k (1 - H(R_.k / sum_j R_jk))
        informativeness   1/K sum_k (accuracy of the classifier of v_k on held-out rows)

    Args:
        codes: Array `(n, d)`.
        factors: int array `(n, k)`.
        classifier: scikit-learn classifier with `feature_importances_`, copied for each factor. None:
            `RandomForestClassifier(10, max_features=None, min_samples_leaf=20)`.
        held_out: float. The share of rows that accuracies are measured on.
        seed: int. Of the choice of those rows, and of the forest.

    Returns:
        Dict of floats in [0, 1]: "disentanglement", "completeness", "informativeness". Higher is better for all: the
        last is an accuracy, where the paper gives an error.

    Raises:
        ValueError: If codes are not finite, the two do not fit together, a factor has one value, or there are too few
            samples to learn from and to hold out.

    Example:
        >>> kerasgen.metrics.disentanglement.dci(codes, factors)["disentanglement"]

    Notes:
        The figures depend on the classifier, so they compare only for the same one. Here: ten trees, as in the paper,
        that see all dimensions at each split (else a split is sometimes forced onto a dimension that matters little,
        and ideal codes have 0.76), with leaves of 20 (grown trees fit noise, and count it as importance). Locatello et
        al. take `GradientBoostingClassifier()`: nearly the same figures for nearly ideal codes (0.95 here, 0.96 there),
        higher ones for entangled codes (0.10 and 0.17), at forty times the time.
        A factor that no dimension matters for has completeness 0; where that holds for all, disentanglement is 0. A
        single factor has disentanglement 1, a single dimension completeness 1.

    Reference:
        Eastwood and Williams, "A Framework for the Quantitative Evaluation of Disentangled Representations", 2018,
        section 2. https://openreview.net/forum?id=By-7dz-AZ
    """
    from sklearn.base import clone
    from sklearn.ensemble import RandomForestClassifier

    codes, factors = _check(codes, factors)
    train, test = _parts(factors, held_out, seed)
    if classifier is None:
        classifier = RandomForestClassifier(10, max_features=None, min_samples_leaf=20, random_state=seed, n_jobs=-1)
    importances, accuracies = [], []
    for values in factors.T:
        fitted = clone(classifier).fit(codes[train], values[train])
        importances.append(fitted.feature_importances_)
        accuracies.append(fitted.score(codes[test], values[test]))
    importances = np.array(importances).T
    of_code = importances.sum(axis=1)
    weights = of_code / (of_code.sum() or 1)
    return {
        "disentanglement": float(weights @ _concentration(importances)),
        "completeness": float(_concentration(importances.T).mean()),
        "informativeness": float(np.mean(accuracies)),
    }


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
    return _factor_vae_score(_Codes(represent, source), train, test, batch_size, samples, threshold, seed)


def _factor_vae_score(codes_of, train=10_000, test=5_000, batch_size=64, samples=10_000, threshold=0.05, seed=0):
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
    return _beta_vae_score(_Codes(represent, source), train, test, batch_size, seed)


def _beta_vae_score(codes_of, train=10_000, test=5_000, batch_size=64, seed=0):
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


class _Codes:
    """The codes of factors. Each image is drawn and encoded at first use, and never again.

    Attributes:
        sizes: tuple, how many values each factor has.
    """

    def __init__(self, represent, source):
        self.sizes = tuple(source.FACTORS.values())
        if not self.sizes or min(self.sizes) < 2:
            raise ValueError(
                f"Every factor needs two values at least; leave out the others. Received: {source.FACTORS}"
            )
        self._represent = represent
        self._source = source
        self._known = np.zeros(math.prod(self.sizes), bool)
        self._table = None

    def __call__(self, factors):
        """Codes `(..., d)` of factors, an int array `(..., k)`."""
        index = np.ravel_multi_index(tuple(np.moveaxis(factors, -1, 0)), self.sizes)
        new = np.unique(index[~self._known[index]])
        for start in range(0, len(new), _IMAGES):
            self._encode(new[start : start + _IMAGES])
        return self._table[index]

    def _encode(self, index):
        factors = np.stack(np.unravel_index(index, self.sizes), axis=-1)
        codes = as_rows(self._represent(self._source.render(factors)))
        if self._table is None:
            self._table = np.empty((len(self._known), codes.shape[1]), codes.dtype)
        if codes.shape != (len(index), self._table.shape[1]):
            raise ValueError(
                "represent must map n images to an array (n, d), with one d for all. "
                f"Received: shape {codes.shape} for {len(index)} images"
            )
        self._table[index] = codes
        self._known[index] = True


def _check(codes, factors):
    """Codes and factors as float64 and int arrays that belong together."""
    codes, factors = as_rows(codes).astype("float64"), np.asarray(factors)
    if factors.ndim != 2 or factors.shape[1] == 0 or factors.dtype.kind not in "iub":
        raise ValueError(
            f"Factors are an int array (n, k), one column a factor. Received: dtype {factors.dtype}, "
            f"shape {factors.shape}"
        )
    if len(codes) != len(factors) or codes.shape[1] == 0:
        raise ValueError(
            "Codes (n, d) and factors (n, k) must have one row an image each, and a column at least. "
            f"Received: shapes {codes.shape} and {factors.shape}"
        )
    constant = [k for k, values in enumerate(factors.T) if len(np.unique(values)) < 2]
    if constant:
        raise ValueError(
            "Of a factor with one value there is nothing to tell; leave its column out, or take more samples. "
            f"Received: {len(factors)} samples with one value in the columns {constant}"
        )
    return codes, factors


def _check_counts(least, **counts):
    if min(counts.values()) < least:
        raise ValueError(f"{', '.join(counts)} must be {least} at least. Received: {counts}")


def _parts(factors, held_out, seed):
    """The rows to learn from, and those held out."""
    count = len(factors)
    if not 0 < held_out < 1:
        raise ValueError(f"held_out is a share of the samples, between 0 and 1. Received: {held_out}")
    order = np.random.default_rng(seed).permutation(count)
    train, test = np.split(order, [count - round(count * held_out)])
    if not len(test) or not len(train) or not np.ptp(factors[train], axis=0).all():
        raise ValueError(
            "Too few samples: each factor needs two values among those to learn from, and one sample must be held out. "
            f"Received: {count} samples, {len(test)} held out"
        )
    return train, test


def _standardise(codes, of):
    deviation = of.std(axis=0)
    return (codes - of.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def _two_at_least(codes):
    """Codes, with a dimension that carries nothing beside a single one: then there is a second best."""
    return codes if codes.shape[1] > 1 else np.pad(codes, ((0, 0), (0, 1)))


def _gap(values):
    """The largest less the second largest of each row."""
    second, first = np.sort(values, axis=1)[:, -2:].T
    return first - second


def _concentration(importances):
    """1 less the entropy of each row in the base of its length: 1 if one entry has it all, 0 if all have the same."""
    rows, length = importances.shape
    total = importances.sum(axis=1, keepdims=True)
    share = np.divide(importances, total, out=np.zeros((rows, length)), where=total > 0)
    logarithm = np.log(share, out=np.zeros((rows, length)), where=share > 0)
    entropy = -(share * logarithm).sum(axis=1) / (math.log(length) or 1)
    return np.where(total[:, 0] > 0, 1 - entropy, 0.0)


def _draw(rng, sizes, shape):
    return rng.integers(sizes, size=(*shape, len(sizes)))


def _chunks(array, batch_size):
    return np.array_split(array, math.ceil(len(array) * batch_size / _ROWS))
