"""Trains a classifier of `kerasgen.metrics.features`, and writes its weights and its card.

    python tools/train_classifiers.py mnist_classifier
    python tools/train_classifiers.py mnist_resnet
    python tools/train_classifiers.py imagenette_classifier     # seven minutes on one core

Each has a recipe, which was fixed before anything was measured: trained on the whole training split, moved a little;
nothing is chosen on the test split, whose accuracy is measured once, with the weights as they are stored, nor by
generated images.
"""

import argparse
import importlib.metadata
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

import kerasgen
from kerasgen.metrics.features import ImagenetteClassifier, MNISTClassifier, MNISTResNet
from kerasgen.metrics.features.stored import StoredClassifier

CARD = """# {name}

{what};
{parameters:,} parameters, stored as float16 in {size:.0f} kB.

| split of {title} | images | accuracy |
|---|---|---|
| training | {train_count:,} | {train:.2%} |
| test | {test_count:,} | {test:.2%} |

- Training: {epochs} epochs over the training split, {moved};
  batch {batch_size}, {optimizer}, seed {seed}, one run.
  Nothing was chosen on the test split, or by generated images.
- Software: keras {keras}, {backend} backend. Made by `python tools/train_classifiers.py {name}`.
- SHA-256 of the weights: `{hash}`

Figures on it are called by its name, "Frechet distance ({name})": they are no FID.
It has seen {title}'s training images, so the features of these are more certain than those of test images: measure
against the test split.

{licence}
"""


class Pictures(NamedTuple):
    """What a classifier is trained on: arguments of `kerasgen.datasets.load`, and what its card says of it."""

    title: str
    licence: str
    arguments: dict


MNIST = Pictures(
    "MNIST", "MNIST (Y. LeCun, C. Cortes, C. J. C. Burges) is commonly stated as CC BY-SA 3.0.", {"name": "mnist"}
)
IMAGENETTE = Pictures(
    "Imagenette",
    "Imagenette (J. Howard, fast.ai): photographs under ImageNet's terms, non-commercial research.",
    {"name": "imagenette/160px-v2", "image_size": 64},
)


class Recipe(NamedTuple):
    """How a classifier is trained, and what its card says of it."""

    network: type[StoredClassifier]
    pictures: Pictures
    what: str
    epochs: int
    batch_size: int
    seed: int
    moved: str
    movements: Callable
    optimizer: str
    optimize: Callable


RECIPES = {
    recipe.network.name: recipe
    for recipe in (
        Recipe(
            MNISTClassifier,
            MNIST,
            "The feature network of kerasgen's figures on grey 28x28 images: three convolutions (16, 32, 64 filters, "
            "3x3, batch\nnormalisation, ReLU, max pooling), a dense layer of 64 units (the features) and one of 10 "
            "(the logits)",
            12,
            128,
            0,
            "shifted by up to 2 pixels and turned by up to 10 degrees",
            lambda: [
                keras.layers.RandomTranslation(2 / 28, 2 / 28, fill_mode="constant"),
                keras.layers.RandomRotation(10 / 360, fill_mode="constant"),
            ],
            "Adam, learning rate from 2e-3 to 0 along a cosine",
            lambda steps: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        ),
        Recipe(
            MNISTResNet,
            MNIST,
            "The second feature network of kerasgen's figures on grey 28x28 images, to see whether they hold in other "
            "features:\na 5x5 convolution of stride 2, residual blocks of 24 filters and (stride 2) of 48, a 1x1 "
            "convolution of 96, each with\nbatch normalisation and SiLU, means over places (the 96 features), and a "
            "dense layer of 10 units (the logits)",
            5,
            128,
            1,
            "seen in perspectives (corners moved by up to 30%)",
            lambda: [keras.layers.RandomPerspective(1.0, 0.3)],
            "SGD with Nesterov momentum 0.9, learning rate from 0.05 to 0 along a cosine",
            lambda steps: keras.optimizers.SGD(
                keras.optimizers.schedules.CosineDecay(0.05, steps), momentum=0.9, nesterov=True
            ),
        ),
        Recipe(
            ImagenetteClassifier,
            IMAGENETTE,
            "The second feature network of kerasgen's figures on Imagenette's photographs at 64x64, beside a random "
            "projection:\na 5x5 convolution of 24 filters and stride 2, residual blocks of 32, 40 and 48 filters "
            "(stride 2), a 1x1 convolution\nof 96, each with batch normalisation and SiLU, means over places (the 96\n"
            "features), and a dense layer of 10 units (the logits)",
            30,
            64,
            0,
            "mirrored, shifted by up to 8 pixels",
            lambda: [
                keras.layers.RandomFlip("horizontal"),
                keras.layers.RandomTranslation(8 / 64, 8 / 64, fill_mode="reflect"),
            ],
            "Adam, learning rate from 3e-3 to 0 along a cosine",
            lambda steps: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        ),
    )
}


def main():
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=RECIPES)
    recipe = RECIPES[parser.parse_args().name]
    keras.utils.set_random_seed(recipe.seed)
    data = kerasgen.datasets.load(batch_size=recipe.batch_size, seed=recipe.seed, **recipe.pictures.arguments)
    network = recipe.network.build()

    images = moved = keras.Input(recipe.network.image_shape)
    for movement in recipe.movements():
        moved = movement(moved)
    model = keras.Model(images, network(moved)[1])
    model.compile(
        recipe.optimize(recipe.epochs * len(data.train)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    model.fit(data.train, epochs=recipe.epochs, shuffle=False, verbose=2)

    stored = {str(index): weight.astype("float16") for index, weight in enumerate(network.get_weights())}
    np.savez_compressed(recipe.network.file(".npz"), **stored)
    classifier = recipe.network()
    accuracy = {}
    for split in ("train", "test"):
        images, labels = data.arrays(split)
        accuracy[split] = float(np.mean(classifier(images, ("logits",))["logits"].argmax(1) == labels))
    card = CARD.format(
        **recipe._asdict(),
        title=recipe.pictures.title,
        licence=recipe.pictures.licence,
        name=recipe.network.name,
        parameters=network.count_params(),
        size=recipe.network.file(".npz").stat().st_size / 1000,
        train_count=data.sizes["train"],
        test_count=data.sizes["test"],
        keras=importlib.metadata.version("keras"),
        backend=keras.backend.backend(),
        hash=classifier.weights_hash,
        **accuracy,
    )
    recipe.network.file(".md").write_text(card, encoding="utf-8")
    print(card)


if __name__ == "__main__":
    main()
