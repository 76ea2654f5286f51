"""`vae_imagenette` and `gan_imagenette`, measured after each epoch, and the same by hand.

    python benchmarks/imagenette.py vae kerasgen --seed 0
    python benchmarks/imagenette.py vae keras --seed 0
    python benchmarks/imagenette.py vae pytorch --seed 0

The Frechet distance of the GAN may double from one epoch to the next, so that the last one alone says little. Prints
the figures of 3,925 samples, drawn in inference mode, against the 3,925 test images after each epoch, and their mean
and standard deviation over the last five. `--features fid_inception` gives the FID, where its weights can be fetched.
`keras` is the VAE in plain Keras, from the same initial weights, with the same batches and noise; `pytorch` begins from
PyTorch's own, and `kerasgen --pytorch-weights` from such.
"""

import argparse

import keras
import numpy as np
import plain_keras
from dcgan_initialization import draw as draw_weights
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
    parser.add_argument("library", choices=("kerasgen", "keras", "pytorch"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="default: those of the preset")
    parser.add_argument(
        "--pytorch-weights", action="store_true", help="begin kerasgen's training from weights as PyTorch draws them"
    )
    parser.add_argument("--features", default="random_projection", help="default: %(default)s")
    arguments = parser.parse_args()
    if (arguments.system, arguments.library) == ("gan", "keras"):
        parser.error("in plain Keras there is the vae")
    if arguments.pytorch_weights and arguments.library != "kerasgen":
        parser.error("--pytorch-weights is for kerasgen")
    config = kerasgen.presets.get(f"{arguments.system}_imagenette")
    epochs = arguments.epochs or config["epochs"]

    compare = kerasgen.metrics.Comparison(["frechet_distance", "precision_recall"], features=arguments.features)
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
            measure(draw(system))
    elif arguments.library == "keras":
        model, plain, data, _ = plain_keras.pair(f"{arguments.system}_imagenette", seed=arguments.seed)
        for epoch in range(epochs):
            plain_keras.train_epoch(plain, data, epoch)
            # Its weights, sampled the same way.
            plain_keras.copy(plain.trainable_variables, plain_keras.trainable(model))
            measure(model.generate(SAMPLES, seed=0))
    else:
        config = kerasgen.presets.override(config, "seed", arguments.seed)
        # As `kerasgen.runs.train` seeds a run.
        keras.utils.set_random_seed(config["seed"])
        model, data = kerasgen.presets.load(config)
        if arguments.pytorch_weights:
            rng = np.random.default_rng(arguments.seed)
            parts = [getattr(model, name) for names in model.players.values() for name in names]
            for network in (part for part in parts if isinstance(part, keras.Model)):
                draw_weights(network, rng)
        model.fit(data.train, epochs=epochs, verbose=0, callbacks=[Measure(measure)])
    for name in figures[0]:
        values = [each[name] for each in figures[-LAST:]]
        print(f"{name}, last {len(values)} epochs: {kerasgen.benchmark.summary(values)}")


if __name__ == "__main__":
    main()
