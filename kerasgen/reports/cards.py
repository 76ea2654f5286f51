"""Cards: a trained model in `saved_models/`, with what a stranger needs to use it and to judge its figures."""

import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np

from kerasgen import evaluation, export, presets, runs
from kerasgen.files import BESIDE, replace_folder, write_json
from kerasgen.presets import trained
from kerasgen.reports import card_text
from kerasgen.runs.folder import RunFolder

#: All that a published folder holds.
PUBLISHED = {
    *("saved_model", "model.keras", "config.json", "metrics.json", "README.md", "learning_curves.png"),
    *("interpolation.png", "interpolation.gif", *(f"{name}.png" for name in card_text.PICTURES)),
}


def zoo():
    """The presets as a Markdown table: what `ZOO.md` shows.

    Returns:
        str, lines of a table: name (with a link where a trained model is in `saved_models/`), summary, data,
        parameters, and figures of the published training.

    Example:
        >>> print(kerasgen.cards.zoo())
    """
    lines = ["| preset | what | data | parameters | figures |", "|---|---|---|---|---|"]
    for name in sorted(
        presets.names(), key=lambda name: (presets.get(name)["dataset"]["name"].endswith("digits"), name)
    ):
        config, expected = presets.get(name), presets.expected(name)
        link = f"[`{name}`](saved_models/{name})" if (trained.SAVED_MODELS / name).exists() else f"`{name}`"
        data = config["dataset"]["name"].split("/")[0]
        lines.append(f"| {link} | {config['summary']} | {data} | {expected['parameters']:,} | {figures(expected)} |")
    return "\n".join(lines)


def figures(expected):
    """Expected figures in a line, such as `precision 0.82, recall 0.84`; with their features but mnist_classifier.

    Of several training seeds, their mean and standard deviation stand there.
    """
    features = expected["features"]
    protocol = {} if features == "mnist_classifier" else {"features": features}
    found = {key: card_text.number(value) for key, value in expected["figures"].items()} | expected["over_seeds"]
    return ", ".join(f"{evaluation.label(key, protocol)} {value}" for key, value in found.items())


def publish(run_dir, folder, draws=100, others=(), features=None):
    """Write the trained model of a run with its card, as `saved_models/` holds them.

        folder/saved_model/    for TensorFlow alone
        folder/model.keras     for kerasgen, without the state of the optimizer
        folder/config.json     what it was made by, so that commands on runs take the folder, too
        folder/metrics.json    the figures of the card, with their protocol
        folder/README.md       the card, and its pictures

    Weights are rounded to half precision in both, which halves their size; the card says by how much that changes
    outputs.

    Args:
        run_dir: Path of a run that has ended.
        folder: Path of a folder, made where missing; what was published there before is replaced as a whole, once all
            of the new one is written.
        draws: int. Latents an image for the importance-weighted bound on a VAE's log-likelihood.
        others: Paths of runs of the same config from other seeds. The card gives each figure's mean and standard
            deviation over all of them, too.
        features: Name of a feature network. None: what suits the size of the images, as in `evaluation.evaluate`.

    Returns:
        Path of the card.

    Raises:
        ValueError: If there is no such run, it has not ended, or one of the others is of another config; if the folder
            holds anything else than what is published.
    """
    path, folder = Path(run_dir), Path(folder)
    _check_replaceable(folder)
    for each in map(RunFolder, (path, *others)):
        if each.published:
            raise ValueError(f"This model is published already, and what is published is a run. Received: {each.path}")
        if not each.finished:
            raise ValueError(f"A run is published when it has ended: `kerasgen resume RUN`. Received: {each.path}")
    config = RunFolder(path).config()
    if "preset" not in config:
        raise ValueError("What is published is a preset, as it stands or with changes. Received: a config of no preset")
    seeds = _seeds([path, *others])
    RunFolder(path).check_model_file()
    model = keras.models.load_model(path / "model.keras", compile=False)
    names = evaluation.default_metrics(model, features)
    names += ["nearest_neighbours"] * model.generates
    names += ["negative_log_likelihood"] * hasattr(model, "log_likelihood")
    metrics, *more = (
        evaluation.evaluate(each, metrics=names, draws=draws, features=features) for each in (path, *others)
    )
    shown = [name for name in card_text.PICTURES if (path / "pictures" / f"{name}.png").exists()]
    data = runs.data_of(path)
    measured = ",".join(names) + (f" --features {features}" if features else "")
    options = "".join(f" --other RUN_{seed}" for seed in seeds[1:]) + (f" --features {features}" if features else "")

    def write(beside):
        beside.mkdir()
        for picture in (*shown, "learning_curves"):
            shutil.copyfile(path / "pictures" / f"{picture}.png", beside / f"{picture}.png")
        way = card_text.WAY.format(ends=_interpolation(path, beside, model, data)) if hasattr(model, "decode") else ""
        rounded = _round_weights(model, data)
        target = RunFolder(beside)
        _compressed(model, target.model_file)
        write_json(target.config_file, config | {"published": True})
        write_json(target.metrics_file, {part: metrics[part] for part in ("figures", "intervals", "protocol")})
        export.saved_model(model, beside / "saved_model", weights_dtype="float16")
        said = card_text.text(
            folder.name or folder.resolve().name,
            model,
            shown,
            way,
            config,
            metrics,
            data,
            seeds,
            more,
            rounded,
            measured,
            options,
        )
        (beside / "README.md").write_text(said, encoding="utf-8")

    return replace_folder(folder, write) / "README.md"


def _check_replaceable(folder):
    """Refuse a folder that holds things of others: it is replaced as a whole."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"What is published is a folder: name another one, or delete this file. Received: {folder}")
    others = [path.name for path in folder.glob("*") if path.name not in PUBLISHED and not path.name.startswith(BESIDE)]
    if others:
        raise ValueError(
            "A published folder is replaced as a whole, and this one holds other things: name a folder of its own. "
            f"Received: {folder} with {', '.join(sorted(others)[:3])}"
        )


def _interpolation(path, folder, model, data):
    """Draw the way from one image to another: between what, in words."""
    output = folder / "interpolation.png"
    of = "test images" if hasattr(model, "encode") else "samples"
    given = model.conditional and not hasattr(model, "encode")
    # As the named systems are looked at: from a 2 to an 8. A generated image's class is read from its pixels, which say
    # little of a photograph's.
    if (data.num_classes or 0) > 8 and (hasattr(model, "encode") or data.image_shape[-1] == 1):
        try:
            runs.interpolate(path, labels=(2, 8), output=output)
        except ValueError:  # A GAN none of whose samples looks like one of them.
            pass
        else:
            names = f"{data.class_names[2]} and {data.class_names[8]}"
            between = f"two latents, decoded as each of the classes {names}"
            like = of if hasattr(model, "encode") else f"the {of} most like training images"
            each = ", decoded as each" if model.conditional else ""
            return between if given else f"latents of {like} of the classes {names}{each}"
    runs.interpolate(path, output=output)
    return f"two latents, decoded as {of} of two classes" if given else f"latents of two {of}"


def _round_weights(model, data):
    """Round a model's weights to float16 where they are in its range: what of 64 outputs -> their largest change."""
    images, classes = runs.held_out_images(data, 64)
    labels = {"labels": classes} if model.conditional else {}

    def outputs():
        found = {}
        if model.generates:
            found["64 samples"] = model.generate(64, seed=0)
        if hasattr(model, "reconstruct"):
            found[f"{len(images)} reconstructions"] = model.reconstruct(images, **labels)
        if hasattr(model, "translate"):
            found[f"{len(images)} translations"] = model.translate(images, **labels)
        return found

    before = outputs()
    for variable in model.variables:
        if variable.dtype == "float32":
            with np.errstate(over="ignore"):
                rounded = keras.ops.convert_to_numpy(variable.value).astype("float16")
            if np.isfinite(rounded).all():
                variable.assign(rounded.astype("float32"))
    return {name: float(np.abs(after - before[name]).max()) for name, after in outputs().items()}


def _compressed(model, path):
    """Save a model with its parts compressed: of rounded weights half of the bits are zero. Bzip2 sees that best."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _seeds(paths):
    """The seeds of runs that differ in nothing else."""
    configs = [runs.info(path)["config"] for path in paths]
    ours = [trained.trained_on(each) | {"seed": None} for each in configs]
    seeds = [config["seed"] for config in configs]
    if any(each != ours[0] for each in ours) or len(set(seeds)) < len(seeds):
        raise ValueError(f"The others must be runs of the same config, each from its own seed. Received: seeds {seeds}")
    return seeds
