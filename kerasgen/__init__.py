"""kerasgen: a zoo of generative image models for Keras 3.

>>> import kerasgen as kg
>>> data = kg.datasets.load("digits", batch_size=64)
>>> model = kg.models.VAE(
...     encoder=kg.networks.mlp.encoder(data.image_shape, latent_dim=8, posterior="gaussian"),
...     decoder=kg.networks.mlp.decoder(data.image_shape, latent_dim=8))
>>> model.compile()
>>> model.fit(data.train, validation_data=data.test, epochs=30)
>>> images = model.generate(64, seed=1)
"""

from kerasgen import (
    callbacks,
    datasets,
    devices,
    engine,
    evaluation,
    export,
    layers,
    losses,
    metrics,
    models,
    networks,
    plots,
    presets,
    runs,
    samplers,
)
from kerasgen.presets.trained import from_preset
from kerasgen.reports import benchmark, cards, sweeps

__version__ = "0.1.0"

__all__ = [
    "benchmark",
    "callbacks",
    "cards",
    "datasets",
    "devices",
    "engine",
    "evaluation",
    "export",
    "from_preset",
    "layers",
    "losses",
    "metrics",
    "models",
    "networks",
    "plots",
    "presets",
    "runs",
    "samplers",
    "sweeps",
]
