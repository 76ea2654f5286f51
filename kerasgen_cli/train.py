"""The panel Train of the help: train, resume, sweep."""

import contextlib
import itertools
from pathlib import Path
from typing import Annotated

import typer

from kerasgen_cli import launch, printing, progress, trackers
from kerasgen_cli.errors import UsageError, usage
from kerasgen_cli.options import (
    LARGEST_SEED,
    AnyBackend,
    Devices,
    Precision,
    Ray,
    RunBackend,
    RunFolder,
    Split,
    Workers,
    changed,
    examples,
    finite,
    setting,
    values,
)
from kerasgen_cli.printing import console

panel = typer.Typer(rich_markup_mode="rich")


@panel.command(
    rich_help_panel="Train",
    epilog=examples(
        "kerasgen train vae",
        "kerasgen train vae --dataset fashion_mnist --epochs 20 --latent-dim 16",
        "kerasgen train vae --dataset photos/ --set dataset.image_size=32",
        "kerasgen train vae --set 'networks.encoder.units=\\[512, 256]'",
        "kerasgen train autoencoder --set input_noise=0.2 --run-dir runs/denoising",
        "kerasgen train gan_mnist --devices 4 --batch-size 512",
    ),
)
def train(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A preset; `kerasgen list presets` shows them.")],
    dataset: Annotated[
        str | None, typer.Option(metavar="DATA", help="A name, a folder of images or an .npz file.")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the dataset if it is not there yet.")] = False,
    epochs: Annotated[int | None, typer.Option(metavar="N", min=1, help="Passes over the training images.")] = None,
    batch_size: Annotated[int | None, typer.Option(metavar="N", min=1, help="Images a step.")] = None,
    latent_dim: Annotated[int | None, typer.Option(metavar="N", min=1, help="Dimensions of the latent space.")] = None,
    likelihood: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the pixels: bernoulli, gaussian, ...")
    ] = None,
    beta: Annotated[
        float | None, typer.Option(metavar="X", min=0, callback=finite, help="Weight on the KL divergence of a VAE.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(metavar="X", min=0, callback=finite, help="Of the optimizer.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, max=LARGEST_SEED, help="Of weights, noise and the order of images."),
    ] = None,
    mixed_precision: Annotated[
        Precision | None, typer.Option(metavar="POLICY", help="mixed_float16 or mixed_bfloat16.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any entry of the config, by its dotted path. Repeatable."),
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Folder of the run, new or empty. Default: runs/MODEL-N")
    ] = None,
    devices: Devices = None,
    backend: AnyBackend = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Log to RUN/tensorboard, too.")] = False,
    wandb: Annotated[bool, typer.Option("--wandb", help="Log to Weights & Biases, too.")] = False,
):
    """Train a model, and leave everything about the run in a folder.

    MODEL is a preset: a model, its networks, data and settings.
    Options change single settings.
    """
    given = [
        ("--dataset", "dataset.name", dataset),
        ("--download", "dataset.download", download or None),
        ("--epochs", "epochs", epochs),
        ("--batch-size", "dataset.batch_size", batch_size),
        ("--latent-dim", "latent_dim", latent_dim),
        ("--likelihood", "likelihood", likelihood),
        ("--beta", "beta", beta),
        ("--learning-rate", "learning_rate", learning_rate),
        ("--seed", "seed", seed),
        ("--mixed-precision", "mixed_precision", mixed_precision and mixed_precision.value),
    ]
    changes = [change for change in given if change[2] is not None]
    # Last, and null among them: it is a value here.
    changes += [("--set", *setting(text)) for text in settings or ()]
    kerasgen = launch.start(backend)
    with usage("MODEL"):
        config = kerasgen.presets.get(model)
    config = changed(kerasgen, config, changes)
    better = kerasgen.presets.recommended(config)
    if better:
        console.print(f"[dim]Made for {config['dataset']['name']}, and better on it: kerasgen train {better}[/]")
    tracked = {"tensorboard": True} if tensorboard else {}
    tracked |= {"wandb": trackers.new_identity()} if wandb else {}
    config |= {"trackers": tracked} if tracked else {}

    with _run_dir(run_dir, model) as path:
        if launch.on_devices(kerasgen, devices, path, [] if run_dir else ["--run-dir", str(path)]):
            return

        def go(display, tracking):
            try:
                return kerasgen.runs.train(config, path, callbacks=[display, *tracking], verbose=0)
            except ValueError as error:
                if display.begun:
                    raise
                # Nothing has been trained: what was asked for is at fault.
                raise UsageError(str(error)) from error

        _train(kerasgen, "Training", path, config, go)


@panel.command(
    rich_help_panel="Train", epilog=examples("kerasgen resume runs/vae-1", "kerasgen resume runs/vae-1 --epochs 100")
)
def resume(
    run: RunFolder,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Epochs in all. Default: as many as were asked for.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, with the same config: what was trained is dropped.")
    ] = False,
    devices: Devices = None,
    backend: RunBackend = None,
):
    """Go on with a run that was stopped, or train one for longer."""
    config, kerasgen = launch.open_run(run, backend)
    before = config.get("environment", {}).get("devices", 1)
    if before > 1 and devices is None:
        console.print(f"[dim]Trained on {before} devices until now; --devices {before} goes on with as many.[/]")
    if launch.on_devices(kerasgen, devices, run):
        return

    def go(display, tracking):
        return kerasgen.runs.resume(run, epochs, callbacks=[display, *tracking], verbose=0, restart=restart)

    _train(kerasgen, "Going on with", run, config, go)


@panel.command(
    rich_help_panel="Train",
    epilog=examples(
        "kerasgen sweep autoencoder_mnist --set latent_dim=2,10,100",
        "kerasgen sweep vae --set beta=0.5,1,4 --set latent_dim=2,8 --metrics terms,frechet_distance",
        "kerasgen sweep vae --set 'networks.encoder.units=\\[128],\\[256,128]'",
        "kerasgen sweep vae --set beta=0.5,1,4 --workers 3",
    ),
)
def sweep(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A preset; `kerasgen list presets` shows them.")],
    settings: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE,...", help="A setting and its values. Repeatable: all combinations."),
    ],
    dataset: Annotated[
        str | None, typer.Option(metavar="DATA", help="A name, a folder of images or an .npz file.")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the dataset if it is not there yet.")] = False,
    epochs: Annotated[int | None, typer.Option(metavar="N", min=1, help="Passes over the training images.")] = None,
    metrics: Annotated[
        str, typer.Option(metavar="NAMES", help="Of `kerasgen evaluate`, with commas between.")
    ] = "terms",
    split: Annotated[
        Split | None, typer.Option(help="The images that are measured. Default: test, else train.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where runs and results go. Default: sweeps/MODEL-KEYS")
    ] = None,
    wandb: Annotated[bool, typer.Option("--wandb", help="Log to Weights & Biases, too, as one group.")] = False,
    workers: Workers = None,
    ray: Ray = None,
    backend: AnyBackend = None,
):
    """Train a model with each combination of settings, and compare.

    What is done is kept: stopped, the same command goes on.
    """
    kerasgen = launch.with_workers(backend, workers, ray)
    with usage("MODEL"):
        config = kerasgen.presets.get(model)
    given = [
        ("--dataset", "dataset.name", dataset),
        ("--download", "dataset.download", download or None),
        ("--epochs", "epochs", epochs),
    ]
    config = changed(kerasgen, config, [change for change in given if change[2] is not None])
    grid = {}
    for key, found in map(values, settings):
        grid[key] = [*grid.get(key, []), *found]
    for key, found in grid.items():
        for value in found:
            with usage("--set"):
                kerasgen.presets.override(config, key, value)
    if wandb:
        kerasgen.callbacks.WandbLogger(Path())  # refuses before the first training, if it is not installed
    folder = folder or kerasgen.sweeps.default_folder(config, grid)
    with progress.training() as display:

        def callbacks(path, config):
            shown = [] if workers or ray else [display]
            if not wandb:
                return shown
            identity = trackers.identity_in(folder, path)
            return [*shown, *trackers.wandb(kerasgen, path, config, identity, str(folder))]

        names = [name.strip() for name in metrics.split(",")]
        how = {"verbose": 0, "say": printing.heading, "workers": workers, "ray": ray}
        results = kerasgen.sweeps.run(config, grid, folder, names, callbacks, split=split and split.value, **how)
    console.print(f"\n{kerasgen.sweeps.table(results)}", soft_wrap=True, markup=False)
    printing.section("Pictures", sorted(folder.glob("[!.]*.png")))
    printing.section("Written to", [folder / "results.json", folder / "results.md"])


def _train(kerasgen, verb, path, config, go):
    """Train or go on, and tell what came of it."""
    heading = f"{verb} {config.get('preset', config['model'])} on {config['dataset']['name']} in {path}"
    tracking = trackers.of_run(kerasgen, path, config)
    with progress.training(lambda: printing.heading(heading)) as display:
        try:
            run = go(display, tracking)
        except KeyboardInterrupt:
            begun = (path / "config.json").exists()
            hint = f"Go on with: kerasgen resume {printing.quoted(path)}" if begun else ""
            raise KeyboardInterrupt(hint) from None
    if not kerasgen.devices.is_first():
        return
    printing.figures(kerasgen, run.metrics)
    printing.section("Pictures", run.pictures)
    folder = printing.quoted(path)
    if hasattr(run.model, "translate"):
        commands = [(f"kerasgen translate {folder}", "test images in every domain")]
    else:
        commands = [(f"kerasgen generate {folder}", "new images")]
        commands.append((f"kerasgen interpolate {folder}", "from one image to another"))
    if run.model.generates:
        commands.append((f"kerasgen evaluate {folder}", "what its samples are worth"))
    printing.next_commands(*commands, (f"kerasgen export {folder}", "for use without kerasgen"))


@contextlib.contextmanager
def _run_dir(asked, name):
    """The folder that was asked for, else the next free `runs/NAME-N`, which is made: of two processes only one does.

    What was made here and is empty in the end, because nothing has come of the run, is taken away again.
    """
    if asked:
        yield asked
        return
    runs = Path("runs")
    made = [] if runs.exists() else [runs]
    for number in itertools.count(1):
        path = runs / f"{name}-{number}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        break
    try:
        yield path
    finally:
        for folder in [path, *made]:
            with contextlib.suppress(OSError):
                folder.rmdir()
