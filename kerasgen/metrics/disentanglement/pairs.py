"""Measures of pairs of codes and factors: the mutual information gap, SAP and DCI."""

import math

import numpy as np

from kerasgen.metrics.accumulators import as_rows


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
