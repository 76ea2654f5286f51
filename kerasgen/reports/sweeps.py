"""Sweeps: a preset trained once for each combination of settings, a table, and figures that compare them.

    folder/runs/latent_dim=2/     a run each
    folder/results.json           settings and figures of each run, those of former sweeps in this folder included
    folder/results.md             the table of those asked for
    folder/figures.png            each figure over the first setting
    folder/reconstructions.png    the same test images by each model that reconstructs

A sweep that was stopped goes on where it was: runs that have ended are kept, those that have not are resumed.
"""

import hashlib
import itertools
import json
import re
import textwrap
from pathlib import Path

import numpy as np

from kerasgen import evaluation, plots, presets, runs
from kerasgen.callbacks.data import one_of_each
from kerasgen.files import clear_left, read_json, replace_text, write_json
from kerasgen.plots.look import LINE
from kerasgen.presets.configs import full
from kerasgen.reports.tasks import Task
from kerasgen.reports.workers import check as check_workers
from kerasgen.reports.workers import ended
from kerasgen.runs.folder import RunFolder

#: The longest name of a run's folder; file systems take 255 bytes.
LONGEST = 120

#: Test images that `reconstructions.png` shows.
SHOWN = 10


def run(
    config,
    settings,
    folder=None,
    metrics=("terms",),
    callbacks=None,
    verbose="auto",
    say=None,
    split=None,
    workers=None,
    ray=None,
):
    """Train a preset with each combination of settings, and compare.

    Args:
        config: Name of a preset, or a dict as `kerasgen.presets.get` gives it.
        settings: Dict from a key of `kerasgen.presets.override` to the list of its values. The figures are drawn over
            the first one; each combination of the others is a line.
        folder: Path. None: that of `default_folder`.
        metrics: Names of metrics of `kerasgen.evaluation.evaluate`.
        callbacks: Function of a run's folder and config that gives its further callbacks; or None.
        verbose: As in `keras.Model.fit`.
        say: Function that is told, in a line, what is about to be done; or None.
        split: "train", "validation" or "test", the images that are measured: the validation split where a setting is
            chosen by the figures. None: the test split, else train.
        workers: int or None. Train in so many processes of this machine, which show nothing, at once; None: in this
            one, one run after the other. The results are the same. `kerasgen.reports.workers` says what workers have
            from this process; callbacks must be such that `pickle` takes them.
        ray: str or None. Train on the Ray cluster of this address, such as "auto". The folder is on storage that its
            machines share.

    Returns:
        List of dicts, one a run: "settings", "figures", "protocol", "metrics" and "split" as asked for, and "run", the
        path of its folder.

    Raises:
        ValueError: If there is no such setting, it has no value or one twice, a model cannot be built with one or
            measured so, the folder holds runs of another config, or `workers` is less than 1.
        ImportError: If `ray` is asked for and not installed.
        ChildProcessError: If a run fails otherwise in a worker, or its workers die again and again.

    Example:
        >>> kerasgen.sweeps.run("autoencoder_mnist", {"latent_dim": [2, 10, 100]})
    """
    check_workers(workers, ray)
    config = full(config)
    if not settings or not all(settings.values()):
        raise ValueError(f"A sweep needs settings, each with one value at least. Received: {settings}")
    folder = default_folder(config, settings) if folder is None else Path(folder)
    chosen = [dict(zip(settings, values)) for values in itertools.product(*settings.values())]
    paths = [folder / "runs" / _name(each) for each in chosen]
    if len(set(paths)) < len(paths):
        twice = max(paths, key=paths.count).name
        raise ValueError(f"Each combination of values is a run in a folder of its own. Received: {twice} twice")
    configs = [_overridden(config, each) for each in chosen]
    for path, changed in zip(paths, configs):
        # What cannot be built, measured or put into this folder is known before the hours of training.
        if RunFolder(path).exists:
            runs.check(changed, path)
        if not RunFolder(path).finished:
            model, data = presets.load(changed)
            evaluation.check(metrics, data, split, model, path)
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    asked = {"metrics": list(metrics), "split": split}
    entries = [{"settings": each, **asked, "run": str(path)} for each, path in zip(chosen, paths)]
    with runs.lock(folder / "runs"):
        for names in ("results.*", "figures.png", "reconstructions.png"):
            clear_left(folder, names)
        file = folder / "results.json"
        before = read_json(file, "delete it, and runs are measured again", list) if file.exists() else []
        tasks = [
            Task(_text(entry["settings"]), changed, path, asked, _known(before, entry))
            for entry, changed, path in zip(entries, configs, paths)
        ]
        done = {}
        for number, measured in ended(tasks, callbacks, verbose, say, workers, ray):
            entry = entries[number]
            # Without the loss: it is the sum of its terms, and weighted.
            figures = {name: figure for name, figure in measured["figures"].items() if name != "loss"}
            done[number] = {**entry, "figures": figures, "protocol": measured["protocol"]}
            before = [result for result in before if not entry.items() <= result.items()]
            results = [done[number] for number in sorted(done)]
            write_json(file, [*results, *before])
        replace_text(folder / "results.md", table(results) + "\n")
        plots.save(_figures(results), folder / "figures.png")
        if picture := _reconstructions(results):
            plots.save(picture, folder / "reconstructions.png")
    return results


def table(results):
    """The results as a Markdown table, a row a run.

    Args:
        results: List of dicts, as `run` gives it.

    Returns:
        str.
    """
    names = list(dict.fromkeys(name for each in results for name in each["figures"]))
    heads = [f"{evaluation.label(name, results[0]['protocol'])}{evaluation.arrow(name)}" for name in names]
    keys = list(results[0]["settings"])
    lines = [f"| {' | '.join([*keys, *heads])} |", "|---" * (len(keys) + len(heads)) + "|"]
    for each in results:
        figures = [each["figures"].get(name) for name in names]
        cells = [*map(_value, each["settings"].values()), *("" if f is None else f"{f:.4g}" for f in figures)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def default_folder(config, settings):
    """Where a sweep goes that is not told: a folder for each preset and set of settings, whatever their values.

    Args:
        config: Dict, as `kerasgen.presets.get` gives it.
        settings: As of `run`.

    Returns:
        Path, such as `sweeps/autoencoder_mnist-latent_dim`.
    """
    return Path("sweeps", _short(f"{config.get('preset', config['model'].lower())}-{','.join(settings)}"))


def _overridden(config, settings):
    for key, value in settings.items():
        config = presets.override(config, key, value)
    return config


def _figures(results):
    first, *others = results[0]["settings"]
    values = list(dict.fromkeys(_key(each["settings"][first]) for each in results))
    found = {}
    for each in results:
        line = _text({key: each["settings"][key] for key in others}) if others else None
        place = values.index(_key(each["settings"][first]))
        for name, figure in each["figures"].items():
            series = found.setdefault(evaluation.label(name, each["protocol"]), {})
            series.setdefault(line, [None] * len(values))[place] = figure
    shown = [json.loads(value) for value in values]
    return plots.sweep(shown, found, first.replace("_", " "), title=None)


def _known(before, entry):
    """What former results have of a run by the same settings and options, or None."""
    return next((result for result in before if entry.items() <= result.items()), None)


def _reconstructions(results):
    """Images above what the models make of them, and again where models see others; None where shapes differ."""
    rows, names, seen = [], [], None
    for each in results:
        model = runs.load(each["run"])
        if not hasattr(model, "reconstruct"):
            return None
        config, split = runs.info(each["run"])["config"]["dataset"], each["protocol"]["split"]
        if config != seen:
            images, labels = one_of_each(*runs.data_of(each["run"]).arrays(split), SHOWN)
            if not rows or images.shape != rows[-1].shape or (images != rows[-1]).any():
                rows.append(images)
                names.append(f"{split} images")
            seen = config
        rows.append(model.reconstruct(images, labels if model.conditional else None))
        names.append(_lines(each["settings"]))
    same = len({row.shape for row in rows}) == 1
    return plots.grid(np.concatenate(rows), columns=len(images), row_names=names) if same else None


def _name(settings):
    """A folder's name: settings, without what file systems or shells may not like."""
    return _short(",".join(f"{key}={_value(value)}" for key, value in settings.items()))


def _short(name):
    kept = re.sub(r"[^\w.=,+-]+", "_", name)
    if len(kept) > LONGEST:
        kept = f"{kept[:LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return kept


def _text(settings):
    return ", ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in settings.items())


def _lines(settings):
    """The same in lines as short as names beside a row of images are."""
    texts = (_text({key.replace(".", " "): value}) for key, value in settings.items())
    return "\n".join(line for text in texts for line in textwrap.wrap(text, LINE))


def _value(value):
    return value if isinstance(value, str) else json.dumps(value)


def _key(value):
    return json.dumps(value)
