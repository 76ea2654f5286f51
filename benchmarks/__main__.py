"""Measure speed, write it down in `benchmarks/speed.json`, and as tables in `benchmarks/speed.md`.

    python -m benchmarks                        # step times of all systems beside the same by hand: twenty minutes
    python -m benchmarks dcgan mlp_vae          # of some
    python -m benchmarks costs                  # against batch size, image size, critic steps, images, devices
    python -m benchmarks overhead feeding       # what callbacks and pictures take; how fast data come

Leave the machine alone meanwhile. Systems that are not named keep their figures.
"""

import argparse
import json
import pathlib

from benchmarks import costs, feeding, overhead, step_times
from benchmarks.systems import SYSTEMS

HERE = pathlib.Path(__file__).parent
PARTS = {"costs": costs, "overhead": overhead, "feeding": feeding}
HEADINGS = {
    "steps": "Train steps",
    "costs": "What a step costs",
    "overhead": "What is no mathematics",
    "feeding": "How fast data come",
}


def page(results):
    """The Markdown page of all results."""
    tables = {"steps": step_times.table, **{name: part.table for name, part in PARTS.items()}}
    parts = ["# Speed\n\nWritten by `python -m benchmarks` from `speed.json`.\n"]
    parts += [f"## {HEADINGS[name]}\n\n{tables[name](results[name])}" for name in tables if name in results]
    return "\n".join(parts)


def main():
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join([*SYSTEMS, *PARTS])}; default: systems")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each loop (9)")
    parser.add_argument("--steps", type=int, help="steps of a turn, for a trial")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of overhead and feeding: less is quicker, and rougher"
    )
    parser.add_argument("--output", type=pathlib.Path, default=HERE, help="folder of speed.json and speed.md")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in (*SYSTEMS, *PARTS)]
    if unknown:
        parser.error(f"there are {', '.join([*SYSTEMS, *PARTS])}. Received: {', '.join(unknown)}")
    file = options.output / "speed.json"
    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def write():
        options.output.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        file.with_suffix(".md").write_text(page(results), encoding="utf-8")
        if "costs" in results:
            costs.figure(results["costs"]).savefig(options.output / "costs.png", dpi=120)

    names = options.names or list(SYSTEMS)
    for name in [name for name in names if name in SYSTEMS]:
        found = step_times.measure([name], options.rounds, options.steps)
        results["steps"] = {**results.get("steps", {}), **found}
        write()
    for name in [name for name in names if name in PARTS]:
        results[name] = PARTS[name].measure(*([] if name == "costs" else [options.scale]))
        write()
    print(page(results))


if __name__ == "__main__":
    main()
