"""A measurement: the figures and the protocol that they depend on."""

import datetime
import time
from pathlib import Path

from kerasgen import plots
from kerasgen.evaluation import images
from kerasgen.evaluation.choices import check, check_counts, default_metrics
from kerasgen.evaluation.models import MODEL_METRICS, Task
from kerasgen.evaluation.statistics import measure as of_statistics
from kerasgen.evaluation.statistics import read_statistics, write_statistics
from kerasgen.evaluation.subjects import real_data, refuse, subject_of
from kerasgen.files import read_json, write_json
from kerasgen.metrics import features as feature_networks
from kerasgen.runs.environment import environment


def evaluate(
    subject,
    against=None,
    metrics=None,
    samples=None,
    features=None,
    split=None,
    draws=100,
    seed=0,
    output=None,
    image_size=None,
    crop=None,
    channels=None,
    statistics=None,
):
    """Measure a model, or images, and write the figures with their protocol.

    Args:
        subject: Path of a run or of a published model, or name of a trained preset; path of a SavedModel, of a folder
            of images, of an `.npy` or `.npz` file of images; or the name of a data set, or a `kerasgen.datasets.Data`,
            whose training images are measured. A known name wins over a folder of that name, which is reached as
            `"./mnist"`.
        against: The real images: name of a data set, path of a folder or an `.npz` file, or a `kerasgen.datasets.Data`;
            or path of a run, whose data are taken as it was trained on them (size, crop, channels). None: the data of
            the run that is measured. An `.npz` file of `mu` and `sigma`, the mean and the covariance of features, gives
            the Frechet distance alone.
        metrics: List of names, or one name; None: those of `default_metrics`. Of images: "frechet_distance",
            "kernel_distance",
            "precision_recall", "density_coverage", "inception_score", "class_shares", "multiscale_ssim", and
            "nearest_neighbours", which draws a picture. Of a model: "terms" (of its loss), "reconstruction", "latent"
            (dimensions in use), "negative_log_likelihood", "annealed_importance_sampling", "disentanglement" (on the
            data set `shapes`).
        samples: int or None. Generated images; of stored ones a random choice. None: of a folder or file all, else as
            many as there are real ones, 10,000 at most.
        features: Name of a feature network, or a Keras model. None: what suits the size of the images, see
            `kerasgen.metrics.features.default`.
        split: "train", "validation" or "test" of the real images. None: the test split, else train.
        draws: int. Of "negative_log_likelihood": latents an image.
        seed: int. Of all random draws.
        output: Path of the JSON file. None: `metrics.json` in a run, else `NAME.metrics.json` beside the subject, and
            for a published model or the name of a data set in the working directory.
        image_size: int or None. Both sets of images are read at this size; see `kerasgen.datasets.load`.
        crop: bool or None. Both are cut to squares first.
        channels: 1, 3 or None. Files of both are read in grey or in colour.
        statistics: Path of an `.npz` file to write: mean and covariance of the features of the real images, against
            which others can be measured without them. See `write_statistics`.

    Returns:
        Dict: "figures" (floats by name), "intervals" (of figures of samples: `[low, high]` by name, of 95%, see
        `kerasgen.metrics.bootstrap`) and "protocol" (plain values); also "output", the path, and "pictures". The file
        holds the first three, and under "earlier" what it held before.

    Raises:
        ValueError: If something of that name does not exist, or does not fit.

    Example:
        >>> result = kerasgen.evaluation.evaluate("runs/vae_mnist-1", metrics=["frechet_distance"])
        >>> result["figures"]["frechet_distance"]
    """
    started = time.perf_counter()
    check_counts(samples=(samples, 2), draws=(draws, 1), seed=(seed, 0))
    asked = {"image_size": image_size, "crop": crop, "channels": channels}
    asked = {key: value for key, value in asked.items() if value is not None}
    names = [metrics] if isinstance(metrics, str) else metrics
    known = read_statistics(against)
    if known:
        measured = subject_of(subject, True, asked)
        if names not in (None, ["frechet_distance"]) or split or statistics:
            raise ValueError(
                "Statistics of real images give the Frechet distance alone, of the split that they were made of. "
                f"Received: metrics={names}, split={split!r}, statistics={statistics!r} against {against}"
            )
        data = measured.data() if measured.data else None
        network = _network(features or known.get("features"), data, against)
        protocol = {"data": known.get("data", str(against)), "split": known.get("split", "unknown")}
        protocol |= {"images": known.get("count", "unknown"), "statistics": str(against)}
        protocol |= _subject_protocol(measured, seed)
        figures, said = of_statistics(measured, known, network, samples, seed)
        protocol, pictures = protocol | said, {}
    else:
        data = None if against is None else real_data(against, asked)
        measured = subject_of(subject, data is not None, _as_read(data) if data else asked)
        if data is None:
            data = measured.data()
            refuse(asked if measured.model is not None else {}, f"{measured.kind} {measured.name}")
        split = split or ("test" if data.sizes["test"] else "train")
        network = _network(features, data, against)
        names = default_metrics(measured.model, network) if names is None else list(names)
        check(names, data, split, measured.model, f"{measured.kind} {measured.name}")
        protocol = {"data": data.name, "split": split, "images": data.sizes[split], **_data_protocol(data, split)}
        protocol |= _subject_protocol(measured, seed)
        if statistics:
            write_statistics(statistics, data, network, split)
        task = Task(measured.model, data, split, draws, seed)
        figures, said, pictures = _of_images_and_model(measured, task, names, network, samples)
        protocol |= said
    path = Path(output) if output else measured.output
    drawn = [plots.save(figure, _picture_path(path, name)) for name, figure in pictures.items()]
    protocol |= {**environment(), "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")}
    protocol["evaluation_seconds"] = round(time.perf_counter() - started, 1)
    figures, intervals = _intervals_apart(figures)
    # What was measured before, perhaps by another protocol, stays in the file.
    before = read_json(path, "delete it") if path.exists() else {}
    earlier = before.pop("earlier", [])
    found = {"figures": figures, "intervals": intervals, "protocol": protocol}
    write_json(path, {**found, "earlier": [before, *earlier] if before else earlier})
    return {**found, "output": path, "pictures": drawn}


def _intervals_apart(figures):
    """Figures, and the intervals of those that have one: pairs `[low, high]` by name."""
    having = [name for name in figures if f"{name}_low" in figures]
    intervals = {name: [figures[f"{name}_low"], figures[f"{name}_high"]] for name in having}
    ends = {f"{name}_{end}" for name in intervals for end in ("low", "high")}
    return {name: value for name, value in figures.items() if name not in ends}, intervals


def _of_images_and_model(measured, task, names, network, samples):
    """Figures, what the protocol says of them, and pictures by name."""
    figures, protocol, pictures = {}, {}, {}
    for name in names:
        if name in MODEL_METRICS:
            found, said = MODEL_METRICS[name](task)
            figures, protocol = figures | found, protocol | said
    of_images = [name for name in names if name not in MODEL_METRICS]
    if of_images:
        found, said, pictures = images.measure(measured, task, of_images, network, samples)
        figures, protocol = figures | found, protocol | said
    return figures, protocol, pictures


def _network(features, data, against):
    """The feature network of a name, or that which suits the images."""
    if features is None and data is None:
        raise ValueError(
            "Neither these statistics nor a SavedModel says which features are meant: pass `features` (--features). "
            f"Received: features=None against {against}"
        )
    return feature_networks.get(features or feature_networks.default(data.image_shape))


def _as_read(data):
    """How the real images are read."""
    return {"image_size": data.config["image_size"], "crop": data.config["crop"], "channels": data.image_shape[-1]}


def _subject_protocol(measured, seed):
    said = {"subject": measured.name, "kind": measured.kind, **measured.training}
    return said | {"seed": seed, "sampling": measured.sampling}


def _data_protocol(data, split):
    """How the real images were read, and a short form of what they depend on."""
    said = {
        key: data.config[key] for key in ("image_size", "crop", "binarize", "channels", "label", "validation", "test")
    }
    said["stored_size"] = data.stored_size
    said = {key: value for key, value in said.items() if value not in (None, False)}
    return {"data_config": said, "data_fingerprint": data.fingerprint(split)[:16]}


def _picture_path(path, name):
    """In the pictures of a run, else `SUBJECT.NAME.png` beside `SUBJECT.metrics.json`."""
    if path.name == "metrics.json":
        return path.parent / "pictures" / f"{name}.png"
    return path.with_name(f"{path.name.removesuffix('.json').removesuffix('.metrics')}.{name}.png")
