"""Callbacks: pictures and curves of a training in its run folder, and hyperparameters that change during it."""

from kerasgen.callbacks.annealing import Annealing, cyclical_schedule, linear_schedule
from kerasgen.callbacks.base import PictureCallback
from kerasgen.callbacks.checkpoint import Checkpoint, newest_checkpoint, restore
from kerasgen.callbacks.collapse_monitor import CollapseMonitor
from kerasgen.callbacks.generation_metrics import GenerationMetrics
from kerasgen.callbacks.history import read_history
from kerasgen.callbacks.latent_manifold import LatentManifold
from kerasgen.callbacks.latent_scatter import LatentScatter
from kerasgen.callbacks.learning_curves import LearningCurves
from kerasgen.callbacks.posterior_monitor import PosteriorMonitor
from kerasgen.callbacks.reconstruction_logger import ReconstructionLogger
from kerasgen.callbacks.sample_grid import SampleGrid
from kerasgen.callbacks.trackers import TensorBoardLogger, Tracker, WandbLogger
from kerasgen.callbacks.training_hints import TrainingHints
from kerasgen.callbacks.translation_grid import TranslationGrid

__all__ = [
    "Annealing",
    "Checkpoint",
    "CollapseMonitor",
    "GenerationMetrics",
    "LatentManifold",
    "LatentScatter",
    "LearningCurves",
    "PictureCallback",
    "PosteriorMonitor",
    "ReconstructionLogger",
    "SampleGrid",
    "TensorBoardLogger",
    "Tracker",
    "TrainingHints",
    "TranslationGrid",
    "WandbLogger",
    "cyclical_schedule",
    "linear_schedule",
    "newest_checkpoint",
    "read_history",
    "restore",
]
