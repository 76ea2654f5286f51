"""Measures the published models of MNIST in the features of two classifiers: does a figure hold in both?

    python benchmarks/two_classifiers.py [--samples 10000] [--bootstrap 100] [MODEL ...]

Each model of `saved_models/` draws images by seed 0, means of its likelihood where it has one. They are compared with
the test split, and so are as many training images, a yardstick. Prints a table in Markdown, a line a model and
classifier, each figure with the half width of its interval of 95% (`kerasgen.metrics.bootstrap`).
"""

import argparse
import pathlib

import keras

import kerasgen
from kerasgen import metrics

MODELS = ["dcgan_mnist", "gan_mnist", "relativistic_gan_mnist", "vae_gan_mnist", "vae_mnist"]
METRICS = ["frechet_distance", "precision_recall", "density_coverage"]
CLASSIFIERS = ["mnist_classifier", "mnist_resnet"]
COLUMNS = {
    "frechet_distance": ("Frechet distance", ".3f"),
    "precision": ("precision", ".3f"),
    "recall": ("recall", ".3f"),
    "density": ("density", ".3f"),
    "coverage": ("coverage", ".3f"),
}
YARDSTICK = "training images"


def main():
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--bootstrap", type=int, default=100)
    options = parser.parse_args()
    data = kerasgen.datasets.load("mnist")
    compares = []
    for classifier in CLASSIFIERS:
        compare = metrics.Comparison(
            ["frechet_distance", "precision_recall", "density_coverage"], classifier, options.bootstrap
        )
        compare.set_real(data.arrays("test")[0])
        compares.append(compare)

    directions = metrics.comparison.DIRECTIONS
    arrows = {"lower": "↓", "higher": "↑"}
    titles = [f"{title} {arrows[directions[name]]}" for name, (title, _) in COLUMNS.items()]
    print(f"| images | features | {' | '.join(titles)} |\n|{'---|' * (len(titles) + 2)}", flush=True)
    for name in [*options.models, YARDSTICK]:
        images = _images(name, options.samples, data)
        for compare in compares:
            figures = compare(images)
            cells = [_cell(figures, column, form) for column, (_, form) in COLUMNS.items()]
            print(f"| {name} | {compare.network.name} | {' | '.join(cells)} |", flush=True)
    hashes = ", ".join(f"{compare.network.name} {compare.network.weights_hash[:8]}" for compare in compares)
    print(
        f"\nMNIST's test split ({data.sizes['test']:,} images); {options.samples:,} samples of seed 0; "
        f"weights {hashes}; half widths of intervals of 95% from {options.bootstrap} draws; "
        f"kerasgen {kerasgen.__version__}, {keras.backend.backend()}."
    )


def _images(name, count, data):
    """Images of a published model, or of the training split."""
    if name == YARDSTICK:
        return data.arrays("train")[0][:count]
    folder = pathlib.Path(__file__).parent.parent / "saved_models" / name
    return keras.models.load_model(folder / "model.keras", compile=False).generate(count, seed=0)


def _cell(figures, name, form):
    """A figure with the half width of its interval, where it has one."""
    if f"{name}_high" not in figures:
        return f"{figures[name]:{form}}"
    half = (figures[f"{name}_high"] - figures[f"{name}_low"]) / 2
    return f"{figures[name]:{form}} ± {half:{form}}"


if __name__ == "__main__":
    main()
