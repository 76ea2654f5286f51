"""What statistical tests share: a seed that can be changed, and the error by which bounds are derived."""

import os

import numpy as np

#: Of the draws of statistical tests: `KERASGEN_TEST_SEED=1 pytest tests/metrics` asks whether they hold for others.
SEED = int(os.environ.get("KERASGEN_TEST_SEED", "0"))


def standard_error(values):
    """The standard error of the mean of independent values."""
    return np.std(values, ddof=1) / np.sqrt(len(values))
