"""The panel Find of the help: list, info."""

import json
from typing import Annotated

import typer

from kerasgen_cli import launch, printing
from kerasgen_cli.options import Kind, Trained, examples

panel = typer.Typer(rich_markup_mode="rich")


@panel.command("list", rich_help_panel="Find", epilog=examples("kerasgen list", "kerasgen list datasets"))
def list_(kind: Annotated[Kind | None, typer.Argument(help="What to list. Default: all.", show_default=False)] = None):
    """List presets, models and datasets."""
    kerasgen = launch.start(data=False)
    tables = {Kind.presets: _presets, Kind.models: _models, Kind.datasets: _datasets}
    for each in [kind] if kind else tables:
        tables[each](kerasgen)


@panel.command(rich_help_panel="Find", epilog=examples("kerasgen info runs/vae-1"))
def info(run: Trained):
    """Show what is known of a run, or of a published model."""
    kerasgen = launch.open_model(run, data=False)
    found = kerasgen.runs.info(run)
    config = found["config"]
    environment = config.get("environment", {})
    state = "finished" if found["finished"] else "not finished"
    state += "; rows of history.csv are gone, it has" if found["rows_gone"] else ","
    about = {
        "state": f"{state} {found['epochs']} of {config['epochs']} epochs",
        "model": f"{config['model']} (preset {config['preset']})" if "preset" in config else config["model"],
        "arguments": _pairs(config["arguments"]),
        **{f"network {name}": _pairs(options) for name, options in config["networks"].items()},
        "latent dim": config.get("latent_dim"),
        "dataset": _pairs(config["dataset"]),
        "optimizer": json.dumps(config["optimizer"]) if config["optimizer"] else "the model's default",
        "seed": config["seed"],
        "precision": config["mixed_precision"] or "float32",
        "backend": environment.get("backend"),
        "versions": _pairs(environment.get("versions", {})),
        "machine": environment.get("machine"),
    }
    printing.table(run, ["", ""], [[key, str(value)] for key, value in about.items() if value not in (None, "")])
    if found["metrics"]:
        printing.figures(kerasgen, found["metrics"])
    printing.section("Pictures", found["pictures"])
    printing.section("Checkpoints", found["checkpoints"])
    if not found["finished"]:
        printing.next_commands((f"kerasgen resume {printing.quoted(run)}", "go on"))


def _presets(kerasgen):
    rows = []
    for name in kerasgen.presets.names():
        config, expected = kerasgen.presets.get(name), kerasgen.presets.expected(name)
        dataset = config["dataset"]["name"].split("/")[0]
        figures = kerasgen.cards.figures(expected)
        what = f"{config['summary']}; {figures}" if figures else config["summary"]
        rows.append([name, dataset, f"{expected['parameters']:,}", what])
    columns = ["name", "dataset", "parameters", "what it is; figures of the trained model"]
    printing.table("Presets: kerasgen train NAME", columns, rows)


def _models(kerasgen):
    rows = []
    for name in kerasgen.models.__all__:
        model = getattr(kerasgen.models, name)
        rows.append([name, model.__doc__.splitlines()[0], ", ".join(model._arguments())])
    printing.table("Models: kerasgen.models.NAME", ["name", "what", "arguments"], rows)


def _datasets(kerasgen):
    rows = [[entry.name, entry.description, entry.sizes] for entry in kerasgen.datasets.list_names()]
    printing.table(
        "Datasets: --dataset NAME, any other TFDS name, a folder of images, an .npz file",
        ["name", "what", "images"],
        rows,
    )


def _pairs(values):
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in values.items())
