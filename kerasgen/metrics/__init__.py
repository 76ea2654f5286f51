"""Measures of models: how good their images are, and what they carry.

Pure functions on arrays (`frechet_distance(real_features, generated_features)`) and, on top of each, a streaming Keras
metric (`FrechetDistance`) that takes batches in any cut. `features` holds the networks whose features they look at,
`disentanglement` the scores of codes whose factors are known.
"""

from kerasgen.metrics import accumulators, bootstrap, cache, comparison, disentanglement, features, latent
from kerasgen.metrics.accumulators import Moments
from kerasgen.metrics.annealing import annealed_importance_sampling, bidirectional_monte_carlo
from kerasgen.metrics.base import SampleMetric, StreamingMetric
from kerasgen.metrics.class_shares import ClassShares, class_shares
from kerasgen.metrics.comparison import Comparison
from kerasgen.metrics.frechet import FrechetDistance, frechet_distance
from kerasgen.metrics.inception_score import InceptionScore, inception_score
from kerasgen.metrics.kernel import KernelDistance, kernel_distance, squared_mmd
from kerasgen.metrics.latent import ActiveUnits, KLPerDimension
from kerasgen.metrics.likelihood import AnnealedImportanceSampling, NegativeLogLikelihood, bits_per_dimension
from kerasgen.metrics.precision_recall import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    nearest_neighbours,
    precision_recall,
)
from kerasgen.metrics.reconstruction import (
    ReconstructionError,
    mean_squared_error,
    peak_signal_to_noise_ratio,
    sharpness,
)
from kerasgen.metrics.structural_similarity import (
    MultiscaleSSIM,
    multiscale_structural_similarity,
    similarity_protocol,
    structural_similarity,
)

__all__ = [
    "ActiveUnits",
    "AnnealedImportanceSampling",
    "ClassShares",
    "Comparison",
    "DensityCoverage",
    "FrechetDistance",
    "InceptionScore",
    "KLPerDimension",
    "KernelDistance",
    "Moments",
    "MultiscaleSSIM",
    "NegativeLogLikelihood",
    "PrecisionRecall",
    "ReconstructionError",
    "SampleMetric",
    "StreamingMetric",
    "accumulators",
    "annealed_importance_sampling",
    "bidirectional_monte_carlo",
    "bits_per_dimension",
    "bootstrap",
    "cache",
    "class_shares",
    "comparison",
    "density_coverage",
    "disentanglement",
    "features",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "latent",
    "mean_squared_error",
    "multiscale_structural_similarity",
    "nearest_neighbours",
    "peak_signal_to_noise_ratio",
    "precision_recall",
    "sharpness",
    "similarity_protocol",
    "squared_mmd",
    "structural_similarity",
]
