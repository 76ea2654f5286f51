"""Inception score: are generated images recognised, and are all classes among them?"""

import keras
import numpy as np

from kerasgen.metrics import bootstrap
from kerasgen.metrics.accumulators import Mean, as_rows
from kerasgen.metrics.base import SampleMetric


def inception_score(logits, splits=1):
    """The exponential of the mutual information between a generated image and its class.

        exp( E_x KL(p(y | x) || p(y)) ),    p(y) = E_x p(y | x)

    Args:
        logits: Array `(n, classes)`: what a classifier says of generated images, before the softmax.
        splits: int. Image i counts in split `i % splits`; each split has a score of its own.

    Returns:
        Dict of floats: "inception_score", the mean over splits, between 1 and the number of classes, and, of several
        splits, "inception_score_std" over them.

    Raises:
        ValueError: If there are fewer images than splits, or the logits are not finite.

    Example:
        >>> network = kerasgen.metrics.features.get("mnist_classifier")
        >>> kerasgen.metrics.inception_score(network(images, ("logits",))["logits"])

    Reference:
        Salimans et al., "Improved Techniques for Training GANs", 2016, section 4. https://arxiv.org/abs/1606.03498
        Barratt and Sharma, "A Note on the Inception Score", 2018 (why one split is best). https://arxiv.org/abs/1801.01973
    """
    metric = InceptionScore(splits=splits)
    metric.update_state(generated=logits)
    return metric.result()


@keras.saving.register_keras_serializable("kerasgen")
class InceptionScore(SampleMetric):
    """Streaming `inception_score`, from sums: `E KL = E sum_y p log p - sum_y E[p] log E[p]`.

    Args:
        features: See `SampleMetric`: None (batches are logits), or a network with a layer "logits": `"fid_inception"`,
            `"mnist_classifier"`.
        splits: int. Image i counts in split `i % splits`.
        name: str.

    Raises:
        ValueError: See `inception_score`.

    Example:
        >>> metric = kerasgen.metrics.InceptionScore(features="mnist_classifier")
        >>> metric.update_state(generated=model.generate(1000, seed=0))
        >>> metric.result()["inception_score"]

    Reference:
        Salimans et al., 2016, section 4. https://arxiv.org/abs/1606.03498
    """

    layer = "logits"
    sides = ("generated",)
    better = {"inception_score": "higher"}

    def __init__(self, features=None, splits=1, name="inception_score"):
        if splits < 1:
            raise ValueError(f"splits must be at least 1. Received: {splits}")
        self.splits = splits
        super().__init__(features, name)

    def empty_state(self):
        """Sums of each split."""
        return {"generated": _Probabilities(self.splits)}

    def result(self):
        """Dict: "inception_score", and "inception_score_std" of several splits."""
        sums = self.state["generated"]
        if sums.count < self.splits:
            raise ValueError(f"Each split needs an image. Received: {sums.count} images, splits={self.splits}")
        scores = [_score(split.mean) for split in sums.parts]
        spread = {"inception_score_std": float(np.std(scores))} if self.splits > 1 else {}
        return {"inception_score": float(np.mean(scores)), **spread}

    def replicates(self, generated, resamples, seed):
        """The mean score over splits, with draws from each split."""
        rows = _probabilities(generated)
        parts = [rows[split :: self.splits] for split in range(self.splits)]
        # Each split has a stream of draws of its own.
        drawn = [bootstrap.means(part, resamples, (seed, split)) for split, part in enumerate(parts)]
        return {"inception_score": np.mean([_score(means) for means in drawn], axis=0)}

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "splits": self.splits}


class _Probabilities:
    """Mean of `(p, sum p log p)` over the images of each split."""

    def __init__(self, splits):
        self.count = 0
        self.parts = [Mean() for _ in range(splits)]

    def add(self, logits):
        rows = _probabilities(logits)
        split_of = (self.count + np.arange(len(rows))) % len(self.parts)
        for index, part in enumerate(self.parts):
            part.add(rows[split_of == index])
        self.count += len(rows)

    def merge(self, other):
        # The first image of the other one comes after this one's last.
        for index, part in enumerate(other.parts):
            self.parts[(self.count + index) % len(self.parts)].merge(part)
        self.count += other.count


def _probabilities(logits):
    """Rows `(p, sum p log p)` of logits."""
    from scipy.special import softmax

    probabilities = softmax(as_rows(logits).astype("float64"), axis=1)
    return np.column_stack([probabilities, _entropy_terms(probabilities).sum(axis=1)])


def _score(means):
    """The score of means of such rows, an array `(..., classes + 1)`."""
    return np.exp(means[..., -1] - _entropy_terms(means[..., :-1]).sum(axis=-1))


def _entropy_terms(probabilities):
    from scipy.special import xlogy

    return xlogy(probabilities, probabilities)
