"""What the initial weights do to a DCGAN: the preset of kerasgen, begun from weights as PyTorch draws them.

    python benchmarks/dcgan_initialization.py samples.npy --seed 0
    kerasgen evaluate samples.npy --against mnist --metrics frechet_distance,precision_recall,class_shares

The same as `kerasgen train dcgan --dataset mnist --latent-dim 100 --epochs 8`, but for kernels and biases uniform
within 1 / sqrt(n) of 0, n the inputs of a unit (of a transposed convolution those of its transpose, as PyTorch counts).
Writes 10,000 samples, float32 `(10000, 28, 28, 1)` in [0, 1]: beside those of `pytorch_dcgan.py` they tell whether a
difference is one of the libraries or of the initial weights.
"""

import argparse
import math

import numpy as np

import kerasgen


def draw(network, rng):
    """Draw the weights of dense layers and convolutions anew, layer by layer."""
    for layer in network.layers:
        if not hasattr(layer, "kernel"):
            continue
        # (inputs, units), or (height, width, inputs, filters) and (height, width, filters, inputs) of the transposed.
        bound = 1 / math.sqrt(math.prod(layer.kernel.shape[:-1]))
        for weight in layer.weights:
            weight.assign(rng.uniform(-bound, bound, weight.shape).astype("float32"))


def main():
    """Train, sample, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    config = kerasgen.presets.get("dcgan")
    for key, value in {"dataset.name": "mnist", "latent_dim": 100, "seed": arguments.seed}.items():
        config = kerasgen.presets.override(config, key, value)
    model, data = kerasgen.presets.load(config)
    rng = np.random.default_rng(arguments.seed)
    for network in (model.generator, model.discriminator):
        draw(network, rng)
    model.fit(data.train, epochs=8, verbose=2)
    np.save(arguments.output, np.concatenate([model.generate(1000, seed=seed) for seed in range(10)]))


if __name__ == "__main__":
    main()
