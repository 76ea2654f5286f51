"""`vae_imagenette` and `gan_imagenette`, measured after each epoch, and the same by hand in PyTorch.

    python tests/benchmarks/imagenette.py gan kerasgen --seed 0
    python tests/benchmarks/imagenette.py gan pytorch --seed 0

The Frechet distance of the GAN may double from one epoch to the next, so that the last one alone says little. Prints
the figures of 3,925 samples against the 3,925 test images, in the features of random_projection, after each epoch, and
their mean and standard deviation over the last five.
"""

import argparse

import keras
import torch
from pytorch_imagenette import SAMPLES, draw, train

import kerasgen

LAST = 5


class Measure(keras.callbacks.Callback):
    """Calls a function with samples after each epoch."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def on_epoch_end(self, epoch, logs=None):
        """Draw, and call."""
        self.function(self.model.generate(SAMPLES, seed=0))


def main():
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system", choices=("vae", "gan"))
    parser.add_argument("library", choices=("kerasgen", "pytorch"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="default: those of the preset")
    arguments = parser.parse_args()
    config = kerasgen.presets.get(f"{arguments.system}_imagenette")
    epochs = arguments.epochs or config["epochs"]

    compare = kerasgen.metrics.Comparison(["frechet_distance", "precision_recall"], features="random_projection")
    compare.set_real(kerasgen.presets.load_data(config).arrays("test")[0])
    figures = []

    def measure(samples):
        figures.append(compare(samples, description=None))
        print(
            f"epoch {len(figures)}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures[-1].items()),
            flush=True,
        )

    if arguments.library == "pytorch":
        for system in train(arguments.system, arguments.seed, epochs):
            measure(draw(system, torch.Generator().manual_seed(0)))
    else:
        config = kerasgen.presets.override(config, "seed", arguments.seed)
        # As `kerasgen.runs.train` seeds a run.
        keras.utils.set_random_seed(config["seed"])
        model, data = kerasgen.presets.load(config)
        model.fit(data.train, epochs=epochs, verbose=0, callbacks=[Measure(measure)])
    for name in figures[0]:
        values = [each[name] for each in figures[-LAST:]]
        print(f"{name}, last {len(values)} epochs: {kerasgen.benchmark.summary(values)}")


if __name__ == "__main__":
    main()
