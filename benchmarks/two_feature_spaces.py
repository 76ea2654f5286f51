"""Measures the published models that draw images in two feature spaces: does a figure hold in both?

    python benchmarks/two_feature_spaces.py            # what is not measured yet, and the tables
    python benchmarks/two_feature_spaces.py MODEL ...  # these again

Each is measured as `kerasgen evaluate saved_models/MODEL --features SPACE` measures it, against the test split, and so
are as many training images, a yardstick. Figures, their intervals of 95% (`kerasgen.metrics.bootstrap`) and protocols
are kept in `two_feature_spaces.json`; ZOO.md's tables are written from that file, and printed.
"""

import argparse
import json
import pathlib
import re
import tempfile

import kerasgen
from kerasgen import evaluation
from kerasgen.files import write_json
from kerasgen.reports import card_text
from kerasgen.runs.folder import RunFolder

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "two_feature_spaces.json"
BEGIN, END = "<!-- two feature spaces: written by benchmarks/two_feature_spaces.py -->", "<!-- end of two spaces -->"
#: The features of the cards first.
SPACES = {
    "mnist": ("mnist_classifier", "mnist_resnet"),
    "imagenette/160px-v2": ("random_projection", "imagenette_classifier"),
}
COLUMNS = ("frechet_distance", "precision", "recall")
YARDSTICK = "training images"


def main():
    """Measure, keep, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    known, models = subjects(), parser.parse_args().models
    if not set(models) <= set(known):
        parser.error(f"Models are {', '.join(known)}. Received: {', '.join(models)}")
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name in models or [name for name in known if name not in results]:
        results[name] = measure(name, *known[name])
        write_json(RESULTS, dict(sorted(results.items())))
    print(tables(results))
    zoo = ROOT / "ZOO.md"
    text = zoo.read_text(encoding="utf-8")
    between = f"{re.escape(BEGIN)}.*?{re.escape(END)}"
    zoo.write_text(
        re.sub(between, lambda _: f"{BEGIN}\n\n{tables(results)}\n\n{END}", text, flags=re.DOTALL), encoding="utf-8"
    )


def subjects():
    """What is measured: pairs of a path or None, and arguments of `kerasgen.datasets.load`, by name."""
    found, yardsticks = {}, {}
    for folder in sorted((ROOT / "saved_models").iterdir()):
        if "frechet_distance" not in RunFolder(folder).metrics()["figures"]:
            continue  # It draws no images.
        dataset = {key: value for key, value in RunFolder(folder).config()["dataset"].items() if key != "batch_size"}
        binarized = ", binarised" if dataset.get("binarize") else ""
        found[folder.name] = (folder, dataset)
        yardsticks[f"{YARDSTICK} ({dataset['name'].split('/')[0]}{binarized})"] = (None, dataset)
    return found | yardsticks


def measure(name, folder, dataset):
    """Figures, intervals and protocol in each space of a data set, by the space."""
    found = {}
    for space in SPACES[dataset["name"]]:
        print(f"{name} in {space}", flush=True)
        with tempfile.TemporaryDirectory() as beside:
            measured = evaluation.evaluate(
                folder or kerasgen.datasets.load(**dataset),
                metrics=evaluation.default_metrics(None, space),
                features=space,
                output=pathlib.Path(beside) / "figures.json",
            )
        measured["protocol"]["subject"] = f"saved_models/{name}" if folder else name
        found[space] = {part: measured[part] for part in ("figures", "intervals", "protocol")}
    return found


def tables(results):
    """Tables in Markdown, one a data set: a line a model, its figures with their intervals, each in both spaces."""
    found = []
    for data, spaces in SPACES.items():
        lines = {name: spaces_of for name, spaces_of in results.items() if set(spaces_of) == set(spaces)}
        # Yardsticks come last.
        names = sorted(lines, key=lambda name: (name.startswith(YARDSTICK), name))
        titles = [
            f"{f'{evaluation.label(column, {})}{evaluation.arrow(column)} ' * (space == spaces[0])}in `{space}`"
            for column in COLUMNS
            for space in spaces
        ]
        rows = [f"| {data.split('/')[0]} | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
        for name in names:
            cells = [cell(lines[name][space], column) for column in COLUMNS for space in spaces]
            said = name if name.startswith(YARDSTICK) else f"`{name}`"
            rows.append(f"| {said} | {' | '.join(cells)} |")
        found.append("\n".join(rows) + f"\n\n{_protocol(lines[names[-1]], spaces)}")
    return "\n\n".join(found)


def cell(measured, figure):
    """A figure as cards round it, with its interval, where it has one."""
    text = card_text.number(measured["figures"][figure])
    if figure not in measured["intervals"]:
        return text
    return f"{text} ({' to '.join(map(card_text.number, measured['intervals'][figure]))})"


def _protocol(measured, spaces):
    """What the figures of a table depend on, in a line."""
    protocol = measured[spaces[0]]["protocol"]
    hashes = {space: measured[space]["protocol"]["weights_sha256"] for space in spaces}
    weights = ", ".join(f"`{space}` {value[:8]}" for space, value in hashes.items() if value)
    intervals, versions = protocol["intervals"], protocol["versions"]
    return (
        f"{protocol['samples']:,} samples of seed {protocol['seed']} (of their labels, where a model takes some) "
        f"against the {protocol['images']:,} images of the {protocol['split']} split; weights {weights}; intervals of "
        f"{intervals['level']:.0%} from {intervals['bootstrap']} draws; kerasgen {versions['kerasgen']}, "
        f"keras {versions['keras']}, {protocol['backend']}."
    )


if __name__ == "__main__":
    main()
