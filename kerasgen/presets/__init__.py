"""Presets: a name stands for a model, its networks, data, optimizer and length of training. Data, not code.

A config is a plain dict that JSON can hold, and says everything about a run:

    {"preset": "vae", "model": "VAE", "arguments": {"likelihood": "discretized_logistic"},
     "networks": {"encoder": {"builder": "mlp.encoder", "units": [256, 128], "posterior": "gaussian"},
                  "decoder": {"builder": "mlp.decoder", "units": [128, 256]}},
     "latent_dim": 8, "conditional": False, "dataset": {"name": "digits", "batch_size": 64},
     "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.002}},
     "epochs": 60, "seed": 0, "mixed_precision": None, "jit_compile": "auto",
     "pictures_every": None, "metrics_every": None}

A network is built for the images of the data and the `latent_dim` of the config; with `"conditional": True` it takes
labels. In its options the words `"latent_dim"` and `"num_classes"` stand for these numbers, and `"layout"` for a layout
that the config gives once, for its encoder and its decoder. The optimizer is None (the
model's default), one for all players, or a dict that names one per player. `metrics_every` is the number of epochs from
one measurement of generated images to the next (`kerasgen.callbacks.GenerationMetrics`), None for none.

Where `override` exchanges the data set and epochs are not asked for, `"epochs"` is None until the data are known: as
many as make about the train steps that the preset makes on its own data (`kerasgen.presets.lengths`).
"""

from kerasgen.presets.building import load, load_data
from kerasgen.presets.expected import EXPECTED  # noqa: F401
from kerasgen.presets.overrides import override
from kerasgen.presets.registry import PRESETS, expected, get, names, recommended  # noqa: F401

__all__ = ["expected", "get", "load", "load_data", "names", "override", "recommended"]
