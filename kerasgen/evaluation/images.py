"""Figures of images: generated ones, or those of the user's own."""

from importlib.metadata import version

import numpy as np

from kerasgen import metrics, plots
from kerasgen.metrics import features as feature_networks

NEIGHBOURS = "nearest_neighbours"
#: Draws with replacement for the intervals of figures.
RESAMPLES = 200
#: Generated images at most, unless more are asked for.
MOST = 10_000
#: Generated images whose nearest neighbours are looked for, at most.
NEIGHBOURS_AT_MOST = 1000


def measure(measured, task, names, network, samples):
    """Figures with their intervals, protocol and pictures of generated images."""
    data, split = task.data, task.split
    real_count = data.sizes[split]
    count = count_of(measured, samples, real_count)
    compare = metrics.Comparison([name for name in names if name != NEIGHBOURS], network, bootstrap=RESAMPLES)
    key = {"fingerprint": data.fingerprint(split), "kerasgen": version("kerasgen")}
    compare.set_real((images for images, _ in data.batches(split)), real_count, key)
    figures = compare(_images(measured, task, count), count=count)
    protocol = {"samples": count, **compare.protocol()}
    if measured.takes_labels:
        protocol["sampling"] = measured.sampling | {"labels": "those of the real images, in random order"}
    if "multiscale_ssim" in names:
        protocol["structural_similarity"] = metrics.similarity_protocol(data.image_shape)
    if NEIGHBOURS not in names:
        return figures, protocol, {}
    found, picture = _neighbours(measured, task, network, min(count, real_count, NEIGHBOURS_AT_MOST))
    return figures | found, protocol, {NEIGHBOURS: picture}


def count_of(measured, samples, real_count):
    """How many images of a subject are measured."""
    # Images of the user's own are all measured; of what there is without end, as many as there are real ones.
    most = measured.available or MOST
    count = samples or (most if measured.kind == "images" else min(real_count, MOST, most))
    if measured.available and count > measured.available:
        raise ValueError(f"There are {measured.available} images in {measured.name}. Received: samples={count}")
    return count


def _images(measured, task, count):
    """Batches of the subject's images, which must have the shape of the real ones."""
    labels = task.labels(count) if measured.takes_labels else None
    for images in measured.images(count, task.seed, labels):
        if images.shape[1:] != task.data.image_shape:
            raise ValueError(
                "Both sets must hold images of one shape; `image_size`, `crop` and `channels` (--image-size, --crop, "
                f"--channels) read them alike. Received: {images.shape[1:]} of {measured.name}, "
                f"{task.data.image_shape} of {task.data.name}"
            )
        yield images


def _neighbours(measured, task, network, count, shown=10, nearest=5):
    """Generated images beside the training images nearest to them, and how near they are.

    The figure is the median distance from a generated image to the nearest training image, divided by that from a real
    image that is not among them (of the held-out split): about 1 for a good model, near 0 for one that copies.
    """
    data = task.data
    training = metrics.accumulators.Rows()
    batches = (images for images, _ in data.batches("train"))
    bar = {"description": "Training images", "count": data.sizes["train"]}
    for _, outputs in feature_networks.extract(network, batches, **bar):
        training.add(outputs["features"])

    def nearest_to(images):
        rows = np.concatenate([outputs["features"] for _, outputs in feature_networks.extract(network, images)])
        return metrics.nearest_neighbours(rows, training.array, nearest)

    generated = np.concatenate(list(_images(measured, task, count)))
    distances, indices = nearest_to(generated)
    figures = {}
    if task.split != "train":
        real = np.concatenate([images for images, _ in data.batches(task.split, indices=task.choice(count))])
        figures["nearest_training_ratio"] = float(np.median(distances[:, 0]) / np.median(nearest_to(real)[0][:, 0]))
    wanted, found, start = indices[:shown], {}, 0
    for images, _ in data.batches("train"):
        found |= {i: images[i - start] for i in np.unique(wanted) if start <= i < start + len(images)}
        start += len(images)
    pictures = np.stack([[found[index] for index in row] for row in wanted])
    return figures, plots.neighbours(generated[:shown], pictures, distances[:shown])
