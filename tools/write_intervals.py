"""Write the intervals of published models' figures onto their cards, from `benchmarks/two_feature_spaces.json`.

    python tools/write_intervals.py                  # onto cards whose figures of samples were repeated as rounded
    python tools/write_intervals.py --within 0.05    # and where each lies that near, in widths of its interval

A card's figures are those of the weights before these were stored in half precision, the benchmark's those of the
weights as stored. Figures stay as they are. Of the cards that are left alone it says which figures differ.
"""

import argparse
import json
import pathlib
import re

from kerasgen import evaluation
from kerasgen.files import replace_text, write_json
from kerasgen.reports import card_text
from kerasgen.runs.folder import RunFolder

ROOT = pathlib.Path(__file__).parents[1]
TITLE = "95% interval"
SAID = "Intervals: of samples of the weights as stored (`python benchmarks/two_feature_spaces.py`).\n"


def main():
    """Write what was repeated; name the rest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--within", type=float, default=0.0, metavar="SHARE")
    within = parser.parse_args().within
    results = json.loads((ROOT / "benchmarks" / "two_feature_spaces.json").read_text(encoding="utf-8"))
    for name, spaces in results.items():
        folder = RunFolder(ROOT / "saved_models" / name)
        if not folder.exists:
            continue  # A yardstick.
        kept = folder.metrics()
        measured = spaces[kept["protocol"]["features"]]
        other = differing(kept["figures"], measured, within)
        if other:
            print(f"{name}: left as it is; {', '.join(f'{key} {old}, now {new}' for key, (old, new) in other.items())}")
            continue
        intervals = {key: [rounded(end) for end in ends] for key, ends in measured["intervals"].items()}
        protocol = kept["protocol"] | {"intervals": measured["protocol"]["intervals"] | {"weights": "as stored"}}
        found = {"figures": kept["figures"], "intervals": intervals, "protocol": protocol}
        card = folder.path / "README.md"
        replace_text(card, with_intervals(card.read_text(encoding="utf-8"), found))
        write_json(folder.metrics_file, found)
        print(f"{name}: {len(intervals)} intervals")


def rounded(value):
    """A figure as cards round it: float."""
    return float(card_text.number(value))


def differing(figures, measured, within):
    """The figures that were not repeated.

    Args:
        figures: Dict, those of a card.
        measured: Dict, the "figures" and "intervals" of the benchmark.
        within: float. How far a figure may lie from the measured one, in widths of its interval; one without an
            interval may then differ as it does. 0: none may differ, as cards round it.

    Returns:
        Dict of pairs, the card's figure and the measured one as cards round it, by name.
    """
    found = {}
    for key, value in measured["figures"].items():
        low, high = measured["intervals"].get(key, (-float("inf"), float("inf")))
        near = bool(within) and abs(figures[key] - value) <= within * (high - low)
        if rounded(figures[key]) != rounded(value) and not near:
            found[key] = (figures[key], rounded(value))
    return found


def with_intervals(card, found):
    """The text of a card whose table of figures has a column of intervals.

    Args:
        card: str, the text of a card, with such a column or without.
        found: Dict, what its `metrics.json` is to hold: "figures", "intervals", "protocol".

    Returns:
        str.
    """
    begin = card.index("| figure | value |")
    end = card.index("\n\n", begin)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in card[begin:end].splitlines()]
    if TITLE in rows[0]:
        rows = [[*row[:2], *row[3:]] for row in rows]
    named = {f"{evaluation.label(key, found['protocol'])}{evaluation.arrow(key)}": key for key in found["figures"]}
    cells = [TITLE, "---", *(card_text.interval(found["intervals"], named[row[0]]) for row in rows[2:])]
    lines = ["| " + " | ".join([*row[:2], cell, *row[2:]]) + " |" for row, cell in zip(rows, cells)]
    lines[1] = lines[1].replace(" ", "")
    card = card[:begin] + "\n".join(lines) + card[end:]
    return re.sub(r"^(Images: .*\n)", rf"\1{SAID}", card.replace(SAID, ""), count=1, flags=re.MULTILINE)


if __name__ == "__main__":
    main()
