"""Trains the classifier of `kerasgen.metrics.features.MNISTClassifier`, and writes its weights and its card.

    python tools/train_mnist_classifier.py

Trained on the whole training split, shifted and turned a little; nothing is chosen on the test split, whose accuracy is
measured once, with the weights as they are stored.
"""

import argparse
import importlib.metadata
import pathlib

import keras
import numpy as np

import kerasgen
from kerasgen.metrics.features import mnist_classifier

CARD = """# mnist_classifier

The feature network of kerasgen's figures on grey 28x28 images: three convolutions ({filters} filters, 3x3, batch
normalisation, ReLU, max pooling), a dense layer of 64 units (the features) and one of 10 (the logits); {parameters:,}
parameters, stored as float16 in {size:.0f} kB.

| split of MNIST | images | accuracy |
|---|---|---|
| training | {train_count:,} | {train:.2%} |
| test | {test_count:,} | {test:.2%} |

- Training: {epochs} epochs over the training split, shifted by up to 2 pixels and turned by up to 10 degrees; batch
  128, Adam, learning rate from 2e-3 to 0 along a cosine, seed {seed}, one run. Nothing was chosen on
  the test split.
- Software: keras {keras}, {backend} backend. Made by `python tools/train_mnist_classifier.py`.
- SHA-256 of the weights: `{hash}`

Figures on it are called by its name, "Frechet distance (mnist_classifier)": they are no FID. It has seen MNIST's
training images, so the features of these are more certain than those of test images: measure against the test split.

MNIST (Y. LeCun, C. Cortes, C. J. C. Burges) is commonly stated as CC BY-SA 3.0.
"""


def main():
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    data = kerasgen.datasets.load("mnist", batch_size=128, seed=options.seed)
    network = mnist_classifier.build()

    images = keras.Input(mnist_classifier.MNISTClassifier.image_shape)
    moved = keras.layers.RandomTranslation(2 / 28, 2 / 28, fill_mode="constant")(images)
    turned = keras.layers.RandomRotation(10 / 360, fill_mode="constant")(moved)
    model = keras.Model(images, network(turned)[1])
    steps = options.epochs * len(data.train)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    model.fit(data.train, epochs=options.epochs, shuffle=False, verbose=2)

    stored = {str(index): weight.astype("float16") for index, weight in enumerate(network.get_weights())}
    np.savez_compressed(mnist_classifier.WEIGHTS, **stored)
    classifier = mnist_classifier.MNISTClassifier()
    accuracy = {}
    for split in ("train", "test"):
        images, labels = data.arrays(split)
        accuracy[split] = float(np.mean(classifier(images, ("logits",))["logits"].argmax(1) == labels))
    filters = [layer.filters for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    card = CARD.format(
        filters=", ".join(map(str, filters)),
        parameters=network.count_params(),
        size=mnist_classifier.WEIGHTS.stat().st_size / 1000,
        train_count=data.sizes["train"],
        test_count=data.sizes["test"],
        epochs=options.epochs,
        seed=options.seed,
        keras=importlib.metadata.version("keras"),
        backend=keras.backend.backend(),
        hash=classifier.weights_hash,
        **accuracy,
    )
    pathlib.Path(mnist_classifier.__file__).with_suffix(".md").write_text(card)
    print(card)


if __name__ == "__main__":
    main()
