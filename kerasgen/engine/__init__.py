"""The engine: players, their optimizers and gradients, on three backends. An author of models never edits it."""

from kerasgen.engine.gradients import input_gradient
from kerasgen.engine.model import GenerativeModel, Tunable, takes_labels
from kerasgen.engine.optimizer import PlayersOptimizer

__all__ = ["GenerativeModel", "PlayersOptimizer", "Tunable", "input_gradient", "takes_labels"]
