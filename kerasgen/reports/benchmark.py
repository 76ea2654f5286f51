"""Benchmarks: presets trained and measured over several training seeds, and the table that comes of it.

    benchmarks/results.json       figures of each preset and seed, with their protocol
    benchmarks/results.md         the table
    benchmarks/runs/PRESET-K/     the run of seed K

A benchmark that was stopped goes on where it was: runs that have ended are kept, those that have not are resumed.
"""

import json
from pathlib import Path

import numpy as np

from kerasgen import evaluation, presets, runs
from kerasgen.evaluation.words import NAMES
from kerasgen.files import clear_left, read_json, replace_text, write_json
from kerasgen.reports.tasks import Task
from kerasgen.reports.workers import check as check_workers
from kerasgen.reports.workers import ended
from kerasgen.runs.folder import RunFolder

#: The figures of the table, where a preset has them.
COLUMNS = (
    "negative_elbo",
    "mean_squared_error",
    "frechet_distance",
    "kernel_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "inception_score",
)
BEGIN, END = "<!-- results: written by `kerasgen benchmark` -->", "<!-- end of results -->"
YARDSTICK = "training images"
#: What the figures of one table have in common.
SAME = (
    "split",
    "images",
    "data_fingerprint",
    "samples",
    "seed",
    "features",
    "weights_sha256",
    "metrics",
    "likelihood_draws",
    "backend",
    "versions",
)


def run(
    names,
    seeds=3,
    folder="benchmarks",
    readme=None,
    callbacks=(),
    verbose="auto",
    say=None,
    workers=None,
    ray=None,
    **options,
):
    """Train and measure presets over several training seeds.

    Args:
        names: List of names of presets.
        seeds: int. Each preset is trained with the seeds 0 to `seeds - 1`.
        folder: Path. Results of earlier calls in it stay: those of other presets in the table too.
        readme: Path of a text file or None: the table is written into it, between the two marks `BEGIN` and `END`.
        callbacks: Further callbacks of each training.
        verbose: As in `keras.Model.fit`.
        say: Function that is told, in a line, what is about to be done; or None.
        workers: int or None. Train in so many processes of this machine at once, as `kerasgen.sweeps.run` does.
        ray: str or None. Train on the Ray cluster of this address, as `kerasgen.sweeps.run` does.
        **options: `metrics`, `samples`, `features`, `split`, `seed` of `kerasgen.evaluation.evaluate`.

    Returns:
        Dict: the content of `results.json`.

    Raises:
        ValueError: If there is no such preset, a run in the folder was made by another config, or the text file lacks
            the marks, or `workers` is less than 1.
        ImportError: If `ray` is asked for and not installed.
        ChildProcessError: If a run fails otherwise in a worker, or its workers die again and again.

    Example:
        >>> kerasgen.benchmark.run(["vae", "autoencoder"], seeds=3)
    """
    check_workers(workers, ray)
    folder = Path(folder)
    path = folder / "results.json"
    configs = {name: presets.get(name) for name in names}
    if readme:
        _insert(Path(readme), None)  # refuses before the hours of training
    asked = json.loads(json.dumps(options, default=str))
    places = [(name, str(seed)) for name in configs for seed in range(seeds)]
    tasks = [
        Task(f"{name}, seed {seed}", {**configs[name], "seed": int(seed)}, folder / "runs" / f"{name}-{seed}", options)
        for name, seed in places
    ]
    for task in tasks:
        if RunFolder(task.folder).exists:
            runs.check(task.config, task.folder)
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    # Results are read once and written whole: two benchmarks at once would lose some.
    with runs.lock(folder / "runs"):
        clear_left(folder, "results.*")
        clear_left(folder / "runs")
        results = read_json(path, "delete it, and runs are measured again") if path.exists() else {}
        for task, (name, seed) in zip(tasks, places):
            before = results.setdefault(name, {}).get(seed)
            task.known = before if before and before["asked"] == asked else None
        for number, measured in ended(tasks, lambda *_: callbacks, verbose, say, workers, ray):
            name, seed = places[number]
            found = {"figures": measured["figures"], "protocol": measured["protocol"], "asked": asked}
            # In the order of the seeds, in whatever order they end.
            results[name] = dict(sorted({**results[name], seed: found}.items(), key=lambda each: int(each[0])))
            _write(path, results)
        for name in configs:
            measured = results[name]["0"]["protocol"]
            if "samples" in measured:
                # What real images score by the same protocol: no model should be expected to do better.
                data = runs.data_of(folder / "runs" / f"{name}-0")
                count = min(measured["samples"], data.sizes["train"])
                yardstick = {**options, "metrics": list(measured["metrics"]), "samples": count}
                key = f"{data.name} {measured['data_fingerprint']}"
                output = folder / "runs" / f"{data.name.replace('/', '-')}.metrics.json"
                _measure(results, key, data, yardstick, path, output)
        text = table(results)
        replace_text(folder / "results.md", text)
    if readme:
        _insert(Path(readme), text)
    return results


def table(results):
    """The results as Markdown: a table a data set, a row a preset, mean and spread over training seeds.

    Args:
        results: Dict, as `run` gives it.

    Returns:
        str.
    """
    by_data = {}
    for name, seeds in results.items():
        for each in seeds.values():
            protocol = each["protocol"]
            read = ", ".join(
                f"{key} {value}" for key, value in protocol.get("data_config", {}).items() if key != "test"
            )
            data = f"{protocol['data']} ({read})" if read else protocol["data"]
            by_data.setdefault(data, {}).setdefault(name, []).append(each)
    return "\n".join(_table(data, rows) for data, rows in sorted(by_data.items()))


def _table(data, rows):
    order = sorted(rows, key=lambda name: (name == YARDSTICK, name))
    everything = [each for name in order for each in rows[name]]
    columns = [c for c in COLUMNS if any(c in each["figures"] for each in everything)]
    protocol = {}
    for each in everything:
        for key in SAME:
            if key in each["protocol"] and protocol.setdefault(key, each["protocol"][key]) != each["protocol"][key]:
                raise ValueError(
                    f"Figures in one table must have one protocol; delete the results of {data} that differ. "
                    f"Received: {key} {protocol[key]} and {each['protocol'][key]}"
                )
    heads = [NAMES.get(c, c.replace("_", " ")) + evaluation.arrow(c) for c in columns]
    lines = [f"| {data} | {' | '.join(heads)} |", "|---" * (len(columns) + 1) + "|"]
    for name in order:
        cells = [summary([each["figures"].get(column) for each in rows[name]]) for column in columns]
        lines.append(f"| {name if name == YARDSTICK else f'`{name}`'} | {' | '.join(cells)} |")
    counts = sorted({len(seeds) for name, seeds in rows.items() if name != YARDSTICK})
    said = [
        f"Mean ± standard deviation over {' or '.join(map(str, counts))} training seeds, {protocol['split']} split "
        f"({protocol['images']:,} images)"
    ]
    if "samples" in protocol:
        hashed = f", weights {protocol['weights_sha256'][:8]}" if protocol.get("weights_sha256") else ""
        said.append(f"{protocol['samples']:,} samples, features `{protocol['features']}`{hashed}")
    versions = protocol["versions"]
    said.append(f"kerasgen {versions['kerasgen']}, keras {versions['keras']}, {protocol['backend']}")
    return "\n".join([*lines, "", "; ".join(said) + ".", ""])


def summary(values):
    """Figures over training seeds in a few characters.

    Args:
        values: list of floats, one a seed, None where one has none.

    Returns:
        str, such as `127.85 ± 0.14`, mean and standard deviation with as many digits as the latter bears; the figure
        alone where there is one, nothing where there is none.

    Example:
        >>> kerasgen.benchmark.summary([127.71, 127.98, 127.85])
        '127.85 ± 0.14'
    """
    values = [value for value in values if value is not None]
    if not values:
        return ""
    mean = np.mean(values)
    spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
    # As many digits as the spread, or the size, of the figure bears; a count that all agree on is whole.
    if spread:
        digits = max(0, 1 - int(np.floor(np.log10(spread))))
    else:
        agreed = len(values) > 1 and float(mean).is_integer()
        digits = 0 if agreed else max(0, 2 - int(np.floor(np.log10(abs(mean) or 1))))
    return f"{mean:.{digits}f}" + (f" ± {spread:.{digits}f}" if len(values) > 1 else "")


def _measure(results, key, data, options, path, output):
    """Put the figures of real images into the results, unless they are there by the same options."""
    asked = json.loads(json.dumps(options, default=str))
    before = results.setdefault(YARDSTICK, {}).get(key)
    if before and before["asked"] == asked:
        return
    found = evaluation.evaluate(data, output=output, **options)
    results[YARDSTICK][key] = {"figures": found["figures"], "protocol": found["protocol"], "asked": asked}
    _write(path, results)


def _write(path, results):
    """Write the results, without presets that have none yet."""
    write_json(path, {name: seeds for name, seeds in results.items() if seeds})


def _insert(path, text):
    """Put the table between the marks of a text file; None: only look whether they are there."""
    content = path.read_text(encoding="utf-8")
    before, begin, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The table goes between the lines {BEGIN} and {END}. Received: {path} without them")
    if text is not None:
        replace_text(path, f"{before}{BEGIN}\n\n{text}\n{END}{after}")
