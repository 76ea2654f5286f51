"""Evaluation: figures of a model, or of any images, with the whole protocol that they depend on.

What is measured may be a run, a SavedModel, or images: a folder, an `.npy` or `.npz` file, the training images of a
data set (a yardstick: what the real thing scores). So models of other libraries are measured by the same protocol.
"""

from kerasgen.evaluation.choices import check, default_metrics
from kerasgen.evaluation.measuring import evaluate
from kerasgen.evaluation.statistics import read_statistics, write_statistics
from kerasgen.evaluation.words import DIRECTIONS, arrow, label
from kerasgen.files import write_json
from kerasgen.metrics.terms import terms
from kerasgen.runs.environment import environment

__all__ = [
    "DIRECTIONS",
    "arrow",
    "check",
    "default_metrics",
    "environment",
    "evaluate",
    "label",
    "read_statistics",
    "terms",
    "write_json",
    "write_statistics",
]
