"""Layers that networks need and Keras lacks."""

from kerasgen.layers.conditional_batch_normalization import ConditionalBatchNormalization
from kerasgen.layers.kl_divergence import KLDivergence
from kerasgen.layers.minibatch_standard_deviation import MinibatchStandardDeviation
from kerasgen.layers.sampling import Sampling
from kerasgen.layers.self_attention import SelfAttention
from kerasgen.layers.spatial_transformer import SpatialTransformer, affine_grid, bilinear_sample
from kerasgen.layers.spectral_normalization import SpectralNormalization
from kerasgen.layers.synchronized_batch_normalization import SynchronizedBatchNormalization

__all__ = [
    "ConditionalBatchNormalization",
    "KLDivergence",
    "MinibatchStandardDeviation",
    "Sampling",
    "SelfAttention",
    "SpatialTransformer",
    "SpectralNormalization",
    "SynchronizedBatchNormalization",
    "affine_grid",
    "bilinear_sample",
]
