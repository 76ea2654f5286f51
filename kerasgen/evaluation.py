"""Evaluation: figures of a model, or of any images, with the whole protocol that they depend on.

What is measured may be a run, a SavedModel, or images: a folder, an `.npy` or `.npz` file, the training images of a
data set (a yardstick: what the real thing scores). So models of other libraries are measured by the same protocol.
"""

import dataclasses
import datetime
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from kerasgen import datasets, metrics, plots
from kerasgen.datasets import catalogue
from kerasgen.export.saved_model import sampler
from kerasgen.files import replace
from kerasgen.metrics import comparison
from kerasgen.metrics import features as feature_networks

NEIGHBOURS = "nearest_neighbours"
#: What figures are called, where it is more than their key, and which of them are better lower or higher.
NAMES = {
    "negative_elbo": "negative ELBO (nats)",
    "reconstruction": "reconstruction term (nats)",
    "kl": "KL divergence (nats)",
    "negative_log_likelihood": "negative log-likelihood, importance-weighted bound (nats)",
    "negative_log_likelihood_ais": "negative log-likelihood, annealed importance sampling (nats)",
    "peak_signal_to_noise_ratio": "PSNR (dB)",
    "structural_similarity": "SSIM",
    "regularization": "regularization (penalties on weights)",
    "sharpness": "sharpness of reconstructions / of images",
    "multiscale_ssim": "MS-SSIM of pairs of samples",
    "frechet_distance": "Frechet distance",
    "kernel_distance": "kernel distance",
    "inception_score": "inception score",
    "class_share_distance": "distance of class shares (total variation)",
    "negative_log_likelihood_error": "its standard error over images",
    "negative_log_likelihood_ais_error": "its standard error over images",
    "kernel_distance_std": "its standard deviation over subsets",
    "inception_score_std": "its standard deviation over splits",
    "f_score": "F score",
    "mutual_information_gap": "MIG",
    "separated_attribute_predictability": "SAP",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "factor_vae_score": "FactorVAE score",
    "beta_vae_score": "beta-VAE score",
    "nearest_training_ratio": "distance to training images / that of held-out images",
}
DIRECTIONS = {
    "negative_elbo": "lower",
    **metrics.ReconstructionError.better,
    **metrics.NegativeLogLikelihood.better,
    **metrics.AnnealedImportanceSampling.better,
    **comparison.DIRECTIONS,
    **metrics.disentanglement.BETTER,
}
# Lower tells more diversity, and lowest of all is noise: nothing to rank models by.
del DIRECTIONS["multiscale_ssim"]
#: Generated images at most, unless more are asked for.
MOST = 10_000
#: Images whose likelihood is estimated by annealed importance sampling: each costs thousands of gradients.
ANNEALED = 100
#: Generated images whose nearest neighbours are looked for, at most.
NEIGHBOURS_AT_MOST = 1000
#: Images that are generated at once.
CHUNK = 1000


def evaluate(
    subject, against=None, metrics=None, samples=None, features=None, split=None, draws=100, seed=0, output=None
):
    """Measure a model, or images, and write the figures with their protocol.

    Args:
        subject: Path of a run, of a SavedModel, of a folder of images, of an `.npy` or `.npz` file of images; or the
            name of a data set, or a `kerasgen.datasets.Data`, whose training images are measured. A known name wins
            over a folder of that name, which is reached as `"./mnist"`.
        against: The real images: name of a data set, path of a folder or an `.npz` file, or of a run, whose data are
            taken as it was trained on them (size, crop, channels). None: the data of the run that is measured.
        metrics: List of names, or None: those of `default_metrics`. Of images: "frechet_distance", "kernel_distance",
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
            for the name of a data set in the working directory.

    Returns:
        Dict: "figures" (floats by name) and "protocol" (plain values); also "output", the path, and "pictures". The
        file holds the first two, and under "earlier" what it held before.

    Raises:
        ValueError: If something of that name does not exist, or does not fit.

    Example:
        >>> result = kerasgen.evaluation.evaluate("runs/vae_mnist-1", metrics=["frechet_distance"])
        >>> result["figures"]["frechet_distance"]
    """
    started = time.perf_counter()
    data = None if against is None else _data(against)
    measured = _subject(subject, data)
    if data is None:
        data = measured.data()
    split = split or ("test" if data.sizes["test"] else "train")
    network = feature_networks.get(features or feature_networks.default(data.image_shape))
    names = default_metrics(measured.model, network) if metrics is None else list(metrics)
    check(names, data, split, measured.model, f"{measured.kind} {measured.name}")
    protocol = {"data": data.name, "split": split, "images": data.sizes[split], **_data_protocol(data, split)}
    protocol |= {"subject": measured.name, "kind": measured.kind, **measured.training}
    protocol |= {"seed": seed, "sampling": measured.sampling}
    task = _Task(measured.model, data, split, draws, seed)
    figures = {}
    for name in names:
        if name in MODEL_METRICS:
            found, said = MODEL_METRICS[name](task)
            figures, protocol = figures | found, protocol | said
    pictures = {}
    of_images = [name for name in names if name not in MODEL_METRICS]
    if of_images:
        found, said, pictures = _measure_images(measured, task, of_images, network, samples)
        figures, protocol = figures | found, protocol | said
    path = Path(output) if output else measured.output
    drawn = [plots.save(figure, _picture_path(path, name)) for name, figure in pictures.items()]
    protocol |= {**environment(), "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")}
    protocol["evaluation_seconds"] = round(time.perf_counter() - started, 1)
    # What was measured before, perhaps by another protocol, stays in the file.
    before = json.loads(path.read_text()) if path.exists() else {}
    earlier = before.pop("earlier", [])
    write_json(path, {"figures": figures, "protocol": protocol, "earlier": [before, *earlier] if before else earlier})
    return {"figures": figures, "protocol": protocol, "output": path, "pictures": drawn}


def default_metrics(model, features=None):
    """The names of the metrics that are measured unless some are asked for.

    Args:
        model: A model of kerasgen, or None: there are only images.
        features: Name of a feature network, the network or a Keras model. None: what suits the model's images.

    Returns:
        List of str. Those that take long ("negative_log_likelihood", "annealed_importance_sampling",
        "disentanglement", "multiscale_ssim") and the picture of neighbours are not among them.
    """
    names = []
    if model is not None:
        names = ["terms"]
        names += ["reconstruction"] * (hasattr(model, "reconstruct") and getattr(model, "bounded", True))
        names += ["latent"] * hasattr(model, "posterior")
    # What a plain autoencoder makes of N(0, I) is no claim of anybody.
    if model is None or model.generates:
        features = features or feature_networks.default(model.image_shape)
        names += [name for name in comparison.available(features) if name != "multiscale_ssim"]
    return names


def terms(model, data, split):
    """The terms of a model's loss on a split, as `model.evaluate` gives them.

    Args:
        model: A compiled model of kerasgen.
        data: `kerasgen.datasets.Data`.
        split: str.

    Returns:
        Dict of floats; of a VAE with "negative_elbo", the sum of reconstruction and KL whatever `beta` is.
    """
    batches = getattr(data, split)
    figures = {name: float(value) for name, value in model.evaluate(batches, verbose=0, return_dict=True).items()}
    if _has_bound(model):
        figures["negative_elbo"] = figures["reconstruction"] + figures["kl"]
    return figures


def check(names, data, split, model, subject):
    """Refuse at once what could only fail after hours.

    Args:
        names: Names of metrics, as of `evaluate`.
        data: `kerasgen.datasets.Data`, the real images.
        split: "train", "validation" or "test"; None: the one that `evaluate` takes.
        model: The model that is measured, trained or not; None: there are only images.
        subject: str. What errors call it.

    Raises:
        ValueError: If there is no such metric or split, or a metric does not fit the model.
    """
    known = [*comparison.SAMPLE_METRICS, NEIGHBOURS, *MODEL_METRICS]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"Metrics are {', '.join(known)}. Received: {', '.join(unknown)}")
    if split is not None and not data.sizes.get(split):
        there = [name for name, size in data.sizes.items() if size]
        raise ValueError(f"{data.name} has the splits {', '.join(there)}. Received: split={split!r}")
    of_models = [name for name in names if name in MODEL_METRICS]
    if of_models and model is None:
        raise ValueError(f"{', '.join(of_models)} needs a run. Received: {subject}")
    needs = {
        "reconstruction": "reconstruct",
        "latent": "encode",
        "negative_log_likelihood": "log_likelihood",
        "annealed_importance_sampling": "log_likelihood",
        "disentanglement": "encode",
    }
    for name in of_models:
        if name in needs and not hasattr(model, needs[name]):
            raise ValueError(
                f"{name} needs a model with `{needs[name]}`. Received: {type(model).__name__} in {subject}"
            )
    if "reconstruction" in of_models and not getattr(model, "bounded", True):
        raise ValueError(
            'reconstruction compares values in [0, 1], which this model may leave: "terms" has its mean squared error. '
            f"Received: the likelihood {type(model.likelihood).__name__} in {subject}"
        )
    of_samples = [name for name in names if name not in MODEL_METRICS]
    if of_samples and model is not None and not hasattr(model, "generate"):
        raise ValueError(
            f"{', '.join(of_samples)} needs a model that draws images from latents. "
            f"Received: {type(model).__name__} in {subject}"
        )
    if model is not None and tuple(model.image_shape) != tuple(data.image_shape):
        raise ValueError(
            "The real images must have the shape of the model's. "
            f"Received: {data.image_shape} of {data.name}, {model.image_shape} of {subject}"
        )


def label(figure, protocol):
    """What a figure is called: with the network that its features come from.

    Args:
        figure: str, a key of "figures".
        protocol: Dict that stands beside them.

    Returns:
        str: "Frechet distance (mnist_classifier)"; "FID" only with the published weights of `fid_inception`.
    """
    features = protocol.get("features")
    if figure == "frechet_distance" and features == "fid_inception" and protocol.get("published"):
        return "FID"
    name = NAMES.get(figure, figure.replace("_", " "))
    of_features = figure in comparison.DIRECTIONS and figure != "multiscale_ssim"
    return f"{name} ({features})" if of_features and features else name


def arrow(figure):
    """Where a figure is better: " ↓", " ↑", or nothing."""
    return {"lower": " ↓", "higher": " ↑"}.get(DIRECTIONS.get(figure), "")


def environment():
    """Versions, backend and machine, as they stand beside figures.

    Returns:
        Dict: "backend", "device", "python", "machine", "versions".
    """
    packages = ["kerasgen", "keras", "numpy", "scipy", "scikit-learn", keras.backend.backend()]
    if "tensorflow" in sys.modules and "tensorflow" not in packages:
        packages.append("tensorflow")  # It reads data, and runs SavedModels, on other backends too.
    # Where a tensor lies, in the backend's words: Keras's list of devices knows PyTorch's not.
    device = str(keras.ops.zeros(()).device).rpartition("device:")[2]
    return {
        "backend": keras.backend.backend(),
        "device": device,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {package: version(package) for package in packages},
    }


def write_json(path, value):
    """Write a JSON file: a reader sees the old one or the new one, never a part.

    A number that is not finite (the PSNR of an exact reconstruction) becomes null, since JSON has no other word for it.
    """
    text = json.dumps(_finite(value), indent=2, allow_nan=False)
    return replace(path, lambda beside: Path(beside).write_text(text + "\n"))


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclasses.dataclass
class _Subject:
    """What is measured.

    Attributes:
        kind: str, for the protocol.
        name: str.
        output: Path of the JSON file, where none is given.
        images: Function `(count, seed, labels)` that gives batches of images: so many in all.
        available: int, how many there are; None: as many as one likes.
        takes_labels: bool. Whether images are drawn of given labels.
        model: The model of a run, else None.
        data: Function that gives the data of a run, or None.
        sampling: Dict for the protocol: how images are drawn.
        training: Dict for the protocol: what only the training knows.
    """

    kind: str
    name: str
    output: Path
    images: Callable
    available: int | None = None
    takes_labels: bool = False
    model: keras.Model | None = None
    data: Callable | None = None
    sampling: dict = dataclasses.field(default_factory=dict)
    training: dict = dataclasses.field(default_factory=dict)


def _subject(subject, real):
    """What is measured; `real` are the real images, or None: those of the subject."""
    if isinstance(subject, datasets.Data):
        return _stored("training images", subject.name, Path(f"{subject.name.replace('/', '-')}.metrics.json"), subject)
    path = Path(subject)
    if (path / "config.json").exists():
        return _run(path)
    # Images are read as the real ones are.
    as_real = {key: real.config[key] for key in ("image_size", "crop")} if real else {}
    # As in `load`, a known name wins over a folder, which is reached as "./mnist".
    if not path.exists() or catalogue.is_known(os.fspath(subject)):
        try:
            return _subject(datasets.load(str(subject), test=0.1, **as_real), real)
        except ValueError as error:
            raise ValueError(
                "Expected a run, a SavedModel, a folder of images, an .npy or .npz file, or the name of a data set. "
                f"{error}"
            ) from error
    if real is None:
        raise ValueError(
            "Images alone do not tell what they should look like: name the real ones, `against` a data set, a folder "
            f"or a run (--against). Received: {path} against None"
        )
    beside = path.with_name(f"{path.name}.metrics.json")
    if (path / "saved_model.pb").exists():
        draw = sampler(path)
        mode = dict.fromkeys(("batch_normalization", "weights", "truncation"), "as exported")
        return _Subject("SavedModel", str(path), beside, _drawn(draw), takes_labels=draw.takes_labels, sampling=mode)
    if path.suffix == ".npy":
        return _stored("images", str(path), beside, datasets.load(_array(path)))
    # Files of a folder are grey or in colour as one reads them.
    said = {"channels": real.image_shape[-1], **as_real} if path.is_dir() else {}
    return _stored("images", str(path), beside, datasets.load(os.path.abspath(path), **said))


def _stored(kind, name, output, data):
    """The training images of a data set: all of them, or a choice, in random order, since a folder may be sorted."""
    available = data.sizes["train"]

    def images(count, seed, labels):
        order = np.random.default_rng(seed).permutation(available)[:count]
        return (images for images, _ in data.batches("train", CHUNK, order))

    return _Subject(kind, name, output, images, available=available, data=lambda: data)


def _run(path):
    from kerasgen import runs

    model = runs.load(path)
    before = path / "metrics.json"
    kept = json.loads(before.read_text())["protocol"] if before.exists() else {}
    averages = getattr(model.optimizer, "keeps_averages", False)
    batch = any(isinstance(layer, keras.layers.BatchNormalization) for layer in model._flatten_layers())
    return _Subject(
        "run",
        str(path),
        before,
        _drawn(getattr(model, "generate", None)),
        takes_labels=model.conditional,
        model=model,
        data=lambda: runs.data_of(path),
        sampling={
            "batch_normalization": "moving statistics" if batch else None,
            "weights": "moving averages (EMA)" if averages else "as trained",
            "truncation": None,
        },
        training={key: kept[key] for key in ("curves", "seconds", "epochs_timed") if key in kept},
    )


def _drawn(draw):
    """Images of a function `(count, labels, seed)`, in chunks that bound the memory."""

    def images(count, seed, labels):
        starts = range(0, count, CHUNK)
        # Each chunk has a seed of its own; consecutive ones would give seed 1 the images that seed 0 gave second.
        seeds = np.random.SeedSequence(seed).generate_state(len(starts)) >> 1
        for start, chunk_seed in zip(starts, seeds):
            stop = min(count, start + CHUNK)
            yield draw(stop - start, labels=None if labels is None else labels[start:stop], seed=int(chunk_seed))

    return images


def _array(path):
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"This is no .npy file of plain numbers ({error}). Received: {path}") from error


def _data(against):
    from kerasgen import runs

    is_run = isinstance(against, (str, os.PathLike)) and (Path(against) / "config.json").exists()
    return runs.data_of(against) if is_run else datasets.load(against)


def _data_protocol(data, split):
    """How the real images were read, and a short form of what they depend on."""
    said = {
        key: data.config[key] for key in ("image_size", "crop", "binarize", "channels", "label", "validation", "test")
    }
    said["stored_size"] = data.stored_size
    said = {key: value for key, value in said.items() if value not in (None, False)}
    return {"data_config": said, "data_fingerprint": data.fingerprint(split)[:16]}


def _has_bound(model):
    """Whether the terms of a model's loss are those of the evidence lower bound."""
    return hasattr(model, "log_likelihood")


def _picture_path(path, name):
    """In the pictures of a run, else `SUBJECT.NAME.png` beside `SUBJECT.metrics.json`."""
    if path.name == "metrics.json":
        return path.parent / "pictures" / f"{name}.png"
    return path.with_name(f"{path.name.removesuffix('.json').removesuffix('.metrics')}.{name}.png")


# ---- the images


def _measure_images(measured, task, names, network, samples):
    """Figures, protocol and pictures of generated images."""
    data, split = task.data, task.split
    real_count = data.sizes[split]
    # Images of the user's own are all measured; of what there is without end, as many as there are real ones.
    most = measured.available or MOST
    count = samples or (most if measured.kind == "images" else min(real_count, MOST, most))
    if measured.available and count > measured.available:
        raise ValueError(f"There are {measured.available} images in {measured.name}. Received: samples={count}")
    compare = metrics.Comparison([name for name in names if name != NEIGHBOURS], network)
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


def _images(measured, task, count):
    """Batches of the subject's images, which must have the shape of the real ones."""
    labels = task.labels(count) if measured.takes_labels else None
    for images in measured.images(count, task.seed, labels):
        if images.shape[1:] != task.data.image_shape:
            raise ValueError(
                "Both sets must hold images of one shape; `image_size` and `channels` of kerasgen.datasets.load change "
                f"one. Received: {images.shape[1:]} of {measured.name}, {task.data.image_shape} of {task.data.name}"
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


# ---- the model


@dataclasses.dataclass
class _Task:
    """What a metric of a model needs: the model and the real images."""

    model: keras.Model | None
    data: datasets.Data
    split: str
    draws: int
    seed: int

    def batches(self, indices=None):
        """Pairs of real images and the labels that the model takes, or None."""
        for images, labels in self.data.batches(self.split, 500, indices):
            yield images, labels if self.model.conditional else None

    def choice(self, count):
        """Indices of so many real images, drawn at random: a folder may be in the order of its classes."""
        return np.random.default_rng(self.seed).permutation(self.data.sizes[self.split])[:count]

    def labels(self, count):
        """Labels for generated images: those of the real ones in random order, so that classes are as frequent."""
        labels = np.concatenate([labels for _, labels in self.data.batches(self.split)])
        return np.resize(labels[self.choice(len(labels))], count)


def _terms(task):
    said = {"unit": "nats an image"} if _has_bound(task.model) else {}
    return terms(task.model, task.data, task.split), said


def _reconstruction(task):
    metric = metrics.ReconstructionError()
    for images, labels in task.batches():
        metric.update_state(images, task.model.reconstruct(images, labels))
    return metric.result(), {"structural_similarity": metrics.similarity_protocol(task.data.image_shape)}


def _latent(task):
    metric = metrics.ActiveUnits()
    for images, labels in task.batches():
        metric.update_state(task.model.encode(images, labels))
    return metric.result(), {"active_units_threshold": metric.threshold}


def _negative_log_likelihood(task):
    metric = metrics.NegativeLogLikelihood(task.model, samples=task.draws, seed=task.seed)
    for images, labels in task.batches():
        metric.update_state(images, labels)
    return metric.result(), {"likelihood_draws": task.draws}


def _annealed_importance_sampling(task):
    metric = metrics.AnnealedImportanceSampling(task.model, seed=task.seed)
    chosen = task.choice(ANNEALED)
    for images, labels in task.batches(chosen):
        metric.update_state(images, labels)
    said = {"images": len(chosen), "chains": metric.chains, "temperatures": metric.steps}
    return metric.result(), {"annealed_importance_sampling": {**said, "leapfrog_steps": metric.leapfrog_steps}}


def _disentanglement(task):
    if task.data.name != "shapes":
        raise ValueError(
            f"disentanglement needs known factors, those of the data set shapes. Received: {task.data.name}"
        )
    if task.model.conditional:
        raise ValueError("disentanglement measures codes of images alone. Received: a model whose networks take labels")
    source = datasets.shapes.at(task.data.image_shape[0])
    figures = metrics.disentanglement.scores(task.model.encode, source, seed=task.seed)
    return figures, {"disentanglement": metrics.disentanglement.PROTOCOL}


#: The metrics of a model itself, beside those of its images (`kerasgen.metrics.comparison.SAMPLE_METRICS`).
MODEL_METRICS = {
    "terms": _terms,
    "reconstruction": _reconstruction,
    "latent": _latent,
    "negative_log_likelihood": _negative_log_likelihood,
    "annealed_importance_sampling": _annealed_importance_sampling,
    "disentanglement": _disentanglement,
}
