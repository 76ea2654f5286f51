"""The engine: players, their optimizers and gradients, on three backends. An author of models never edits it."""

from kerasgen.engine.gradients import input_gradient, require
from kerasgen.engine.inputs import input_specs, takes_labels
from kerasgen.engine.model import GenerativeModel
from kerasgen.engine.not_finite import NotFiniteError
from kerasgen.engine.optimizer import PlayersOptimizer
from kerasgen.engine.replicas import mean as global_mean
from kerasgen.engine.saving import Tunable

__all__ = [
    "GenerativeModel",
    "NotFiniteError",
    "PlayersOptimizer",
    "Tunable",
    "global_mean",
    "input_gradient",
    "input_specs",
    "require",
    "takes_labels",
]
