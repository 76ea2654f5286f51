"""Runs: a training and what became of it, in a folder. The command line is a thin layer over these functions."""

from kerasgen.files import lock
from kerasgen.runs.looking import (
    data_of,
    export,
    generate,
    held_out_images,
    info,
    interpolate,
    load,
    reconstruct,
    translate,
)
from kerasgen.runs.training import Run, check, complete, resume, train

__all__ = [
    "Run",
    "check",
    "complete",
    "data_of",
    "export",
    "generate",
    "held_out_images",
    "info",
    "interpolate",
    "load",
    "lock",
    "reconstruct",
    "resume",
    "train",
    "translate",
]
