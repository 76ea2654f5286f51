"""The command line of kerasgen: each command calls one public function."""

import contextlib
import enum
import hashlib
import importlib.metadata
import itertools
import json
import os
import sys
import traceback
import uuid
from pathlib import Path
from typing import Annotated

import typer

from kerasgen_cli import launch, look, progress
from kerasgen_cli.look import console

# Of typer's own copy of click, or of click, as typer's version has it.
UsageError = typer.BadParameter.__base__
INTERRUPTED = 130


def examples(*lines):
    """The examples below the help of a command."""
    return "\n".join(["[bold]Examples[/]", *(f"  {line}" for line in lines)])


app = typer.Typer(
    epilog=examples(
        "kerasgen train vae",
        "kerasgen generate runs/vae-1",
        "kerasgen list",
        "[dim]kerasgen COMMAND --help says more about a command.[/]",
    ),
    rich_markup_mode="rich",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Backend(enum.StrEnum):
    """Keras's backends."""

    tensorflow = "tensorflow"
    jax = "jax"
    torch = "torch"


class Precision(enum.StrEnum):
    """Keras's policies of mixed precision."""

    mixed_float16 = "mixed_float16"
    mixed_bfloat16 = "mixed_bfloat16"


class Way(enum.StrEnum):
    """Ways through latent space."""

    linear = "linear"
    spherical = "spherical"


class Format(enum.StrEnum):
    """Formats of `kerasgen.export`."""

    saved_model = "saved_model"
    onnx = "onnx"
    litert = "litert"


class Split(enum.StrEnum):
    """Parts of a data set."""

    train = "train"
    validation = "validation"
    test = "test"


class Kind(enum.StrEnum):
    """What can be listed."""

    presets = "presets"
    models = "models"
    datasets = "datasets"


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/vae-1.")]
AnyBackend = Annotated[Backend | None, typer.Option(help="Keras's backend. Default: KERAS_BACKEND, else tensorflow")]
RunBackend = Annotated[Backend | None, typer.Option(help="Keras's backend. Default: that of the training")]
Output = Annotated[Path | None, typer.Option(metavar="PATH", help="PNG to write. Default: in RUN/pictures")]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Of the random draws.")]


def _show_version(asked: bool):
    if asked:
        console.print(f"kerasgen {importlib.metadata.version('kerasgen')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and what the libraries say. May stand anywhere.")
    ] = False,
):
    """Train, look at, measure and export generative image models."""
    launch.debug = debug
    if not debug:
        look.show_warnings()


@app.command(
    rich_help_panel="Train",
    epilog=examples(
        "kerasgen train vae",
        "kerasgen train vae --dataset fashion_mnist --epochs 20 --latent-dim 16",
        "kerasgen train vae --dataset photos/ --set dataset.image_size=32",
        "kerasgen train vae --set 'networks.encoder.units=\\[512, 256]'",
        "kerasgen train autoencoder --set input_noise=0.2 --run-dir runs/denoising",
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
        float | None, typer.Option(metavar="X", min=0, help="Weight on the KL divergence of a VAE.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="X", min=0, help="Of the optimizer.")] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Of weights, noise and the order of images.")
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
    backend: AnyBackend = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Log to RUN/tensorboard, too.")] = False,
    wandb: Annotated[bool, typer.Option("--wandb", help="Log to Weights & Biases, too.")] = False,
):
    """Train a model, and leave everything about the run in a folder.

    MODEL is a preset: a model, its networks, data and settings.
    Options change single settings.
    """
    changes = [
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
        *(("--set", *_setting(text)) for text in settings or ()),
    ]
    kerasgen = launch.start(backend)
    with _usage("MODEL"):
        config = kerasgen.presets.get(model)
    config = _changed(kerasgen, config, changes)
    better = kerasgen.presets.recommended(config)
    if better:
        console.print(f"[dim]Made for {config['dataset']['name']}, and better on it: kerasgen train {better}[/]")
    trackers = {"tensorboard": True} if tensorboard else {}
    if wandb:
        trackers["wandb"] = uuid.uuid4().hex[:8]
    config |= {"trackers": trackers} if trackers else {}
    path = run_dir or _next_run_dir(model)

    def go(display, trackers):
        try:
            return kerasgen.runs.train(config, path, callbacks=[display, *trackers], verbose=0)
        except ValueError as error:
            if display.begun:
                raise
            # Nothing has been trained: what was asked for is at fault.
            raise UsageError(str(error)) from error

    try:
        _train(kerasgen, "Training", path, config, go)
    finally:
        if run_dir is None:
            # Only if nothing has come of the run: a folder that holds something stays.
            with contextlib.suppress(OSError):
                path.rmdir()


@app.command(
    rich_help_panel="Train", epilog=examples("kerasgen resume runs/vae-1", "kerasgen resume runs/vae-1 --epochs 100")
)
def resume(
    run: RunFolder,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs in all. Default: as many as were asked for.")
    ] = None,
    backend: RunBackend = None,
):
    """Go on with a run that was stopped, or train one for longer."""
    config, kerasgen = _open(run, backend)

    def go(display, trackers):
        return kerasgen.runs.resume(run, epochs, callbacks=[display, *trackers], verbose=0)

    _train(kerasgen, "Going on with", run, config, go)


@app.command(
    rich_help_panel="Look",
    epilog=examples(
        "kerasgen generate runs/vae-1",
        "kerasgen generate runs/vae-1 --count 100 --seed 3 --output digits.png",
        "kerasgen generate runs/vae_binary_mnist-1 --count 10 --columns 10 --draw-pixels --output sample.png",
    ),
)
def generate(
    run: RunFolder,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many images.")] = 64,
    label: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=0, help="Class, for a model that takes labels. Repeatable: in turn."),
    ] = None,
    columns: Annotated[int | None, typer.Option(metavar="N", min=1, help="Images a row. Default: a square.")] = None,
    draw_pixels: Annotated[
        bool, typer.Option("--draw-pixels", help="Draw pixels from the likelihood of a VAE, in place of their means.")
    ] = False,
    seed: Seed = 0,
    output: Output = None,
    backend: RunBackend = None,
):
    """Draw new images."""
    _, kerasgen = _open(run, backend, data=False)
    labels = list(itertools.islice(itertools.cycle(label), count)) if label else None
    with console.status("Generating"):
        path = kerasgen.runs.generate(run, count, labels, seed, output, columns, draw_pixels)
    look.section("Picture", [path])


@app.command(rich_help_panel="Look", epilog=examples("kerasgen reconstruct runs/vae-1 --count 20"))
def reconstruct(
    run: RunFolder,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many images.")] = 20,
    output: Output = None,
    backend: RunBackend = None,
):
    """Draw test images above what the model makes of them."""
    _, kerasgen = _open(run, backend)
    with console.status("Reconstructing"):
        path = kerasgen.runs.reconstruct(run, count, output)
    look.section("Picture", [path])


@app.command(rich_help_panel="Look", epilog=examples("kerasgen translate runs/star_gan-1 --count 10"))
def translate(
    run: RunFolder,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many images.")] = 8,
    output: Output = None,
    backend: RunBackend = None,
):
    """Draw test images in every domain: of a model that translates."""
    _, kerasgen = _open(run, backend)
    with console.status("Translating"):
        path = kerasgen.runs.translate(run, count, output)
    look.section("Picture", [path])


@app.command(
    rich_help_panel="Look",
    epilog=examples(
        "kerasgen interpolate runs/vae-1 --from 2 --to 8",
        "kerasgen interpolate runs/vae-1 --start 3 --end 7 --steps 12",
    ),
)
def interpolate(
    run: RunFolder,
    from_class: Annotated[
        int | None,
        typer.Option(
            "--from",
            metavar="CLASS",
            min=0,
            help="Class of the first image; with --to. Of a model that takes labels: of the first row.",
        ),
    ] = None,
    to_class: Annotated[
        int | None,
        typer.Option(
            "--to",
            metavar="CLASS",
            min=0,
            help="Class of the last image; with --from. Of a model that takes labels: of the second row.",
        ),
    ] = None,
    start: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Number of a test image, or of a GAN's sample. Default: 0")
    ] = None,
    end: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Number of a test image, or of a GAN's sample. Default: 1")
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", min=2, help="Images on the way, both ends included.")] = 10,
    method: Annotated[Way, typer.Option(help="The way through latent space.")] = Way.linear,
    seed: Seed = 0,
    output: Output = None,
    backend: RunBackend = None,
):
    """Draw the way from one image to another, as a picture and as a GIF: test images, or samples of a GAN."""
    if (from_class is None) != (to_class is None):
        raise typer.BadParameter("Give both classes, or none.", param_hint="--from and --to")
    labels = None if from_class is None else (from_class, to_class)
    if labels and (start, end) != (None, None):
        raise typer.BadParameter("Give classes or numbers, not both.", param_hint="--from, --to, --start, --end")
    start, end = 0 if start is None else start, 1 if end is None else end
    _, kerasgen = _open(run, backend)
    with console.status("Interpolating"):
        paths = kerasgen.runs.interpolate(run, start, end, steps, method.value, labels, seed, output)
    look.section("Pictures", paths)


@app.command(
    rich_help_panel="Measure and use",
    epilog=examples(
        "kerasgen evaluate runs/vae_mnist-1",
        "kerasgen evaluate runs/vae_mnist-1 --metrics negative_log_likelihood --draws 1000",
        "kerasgen evaluate saved_models/vae_mnist/saved_model --against mnist",
        "kerasgen evaluate photos/ --against cifar10 --metrics frechet_distance,precision_recall",
        "kerasgen evaluate mnist    [dim]# what real images score: a yardstick[/]",
    ),
)
def evaluate(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="A run, a SavedModel, a folder or .npy or .npz file of images, or a data set's name."
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help="The real images: a name, a folder, an .npz file, or a run's. Default: its own."
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Names, with commas between. Default: those that are quick."),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(metavar="N", min=2, help="Generated images. Default: as many as real ones, 10,000 at most."),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="fid_inception, mnist_classifier, pixels, random_projection, or a .pth of fid_inception's weights. "
            "Default: what suits the images' size.",
        ),
    ] = None,
    split: Annotated[Split | None, typer.Option(help="Of the real images. Default: test, else train.")] = None,
    draws: Annotated[
        int, typer.Option(metavar="N", min=1, help="Latents an image, for negative_log_likelihood.")
    ] = 100,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option(metavar="PATH", help="JSON to write. Default: metrics.json in the run, or beside.")
    ] = None,
    backend: RunBackend = None,
):
    """Measure a model, or any images, and write the figures with their protocol.

    Metrics of images: frechet_distance, kernel_distance, precision_recall, density_coverage, inception_score,
    class_shares, multiscale_ssim, nearest_neighbours (a picture). Of a run: terms, reconstruction, latent,
    negative_log_likelihood, annealed_importance_sampling, disentanglement.
    """
    is_run = (Path(subject) / "config.json").exists()
    kerasgen = _open(Path(subject), backend)[1] if is_run else launch.start(backend)
    names = [name.strip() for text in metrics or () for name in text.split(",")] or None
    look.heading(f"Measuring {subject}")
    measured = kerasgen.evaluation.evaluate(
        subject, against, names, samples, features, split and split.value, draws, seed, output
    )
    _figures(kerasgen, measured)
    look.section("Pictures", measured["pictures"])
    look.section("Written to", [measured["output"]])


@app.command(
    rich_help_panel="Measure and use",
    epilog=examples(
        "kerasgen benchmark vae autoencoder --seeds 3", "kerasgen benchmark vae_mnist --seeds 3 --readme README.md"
    ),
)
def benchmark(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Presets.")],
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Trainings of each, with seeds from 0 on.")] = 3,
    folder: Annotated[Path, typer.Option(metavar="PATH", help="Where runs and results go.")] = Path("benchmarks"),
    samples: Annotated[
        int | None, typer.Option(metavar="N", min=2, help="Generated images. Default: as many as real ones.")
    ] = None,
    readme: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A text file between whose marks the table is written, too.")
    ] = None,
    backend: AnyBackend = None,
):
    """Train and measure presets over several training seeds, and make a table of it.

    What is done is kept: stopped, the same command goes on.
    """
    kerasgen = launch.start(backend)
    for model in models:
        with _usage("MODEL"):
            kerasgen.presets.get(model)
    with progress.training() as display:
        results = kerasgen.benchmark.run(
            models, seeds, folder, readme, [display], verbose=0, say=look.heading, samples=samples
        )
    console.print(f"\n{kerasgen.benchmark.table(results)}", soft_wrap=True, markup=False)
    look.section("Written to", [folder / "results.json", folder / "results.md", *([readme] if readme else [])])


@app.command(
    rich_help_panel="Train",
    epilog=examples(
        "kerasgen sweep autoencoder_mnist --set latent_dim=2,10,100",
        "kerasgen sweep vae --set beta=0.5,1,4 --set latent_dim=2,8 --metrics terms,frechet_distance",
        "kerasgen sweep vae --set 'networks.encoder.units=\\[128],\\[256,128]'",
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
    backend: AnyBackend = None,
):
    """Train a model with each combination of settings, and compare.

    What is done is kept: stopped, the same command goes on.
    """
    kerasgen = launch.start(backend)
    with _usage("MODEL"):
        config = kerasgen.presets.get(model)
    changes = [
        ("--dataset", "dataset.name", dataset),
        ("--download", "dataset.download", download or None),
        ("--epochs", "epochs", epochs),
    ]
    config = _changed(kerasgen, config, changes)
    grid = {}
    for key, values in map(_values, settings):
        grid[key] = [*grid.get(key, []), *values]
    for key, values in grid.items():
        for value in values:
            with _usage("--set"):
                kerasgen.presets.override(config, key, value)
    folder = folder or kerasgen.sweeps.default_folder(config, grid)
    with progress.training() as display:

        def callbacks(path, config):
            trackers = [_wandb(kerasgen, path, config, _identity(folder, path), str(folder))] if wandb else []
            return [display, *trackers]

        names = [name.strip() for name in metrics.split(",")]
        results = kerasgen.sweeps.run(
            config, grid, folder, names, callbacks, verbose=0, say=look.heading, split=split and split.value
        )
    console.print(f"\n{kerasgen.sweeps.table(results)}", soft_wrap=True, markup=False)
    look.section("Pictures", sorted(folder.glob("*.png")))
    look.section("Written to", [folder / "results.json", folder / "results.md"])


@app.command(
    rich_help_panel="Measure and use",
    epilog=examples("kerasgen export runs/vae-1", "kerasgen export runs/vae-1 --format onnx --output vae-onnx"),
)
def export(
    run: RunFolder,
    format: Annotated[Format, typer.Option(help="saved_model: all of the model. onnx, litert: each network.")] = (
        Format.saved_model
    ),
    output: Annotated[Path | None, typer.Option(metavar="PATH", help="Where to write. Default: RUN/FORMAT")] = None,
    backend: RunBackend = None,
):
    """Write the model for use without kerasgen."""
    _, kerasgen = _open(run, backend)
    with console.status("Exporting"):
        path = kerasgen.runs.export(run, format.value, output)
    look.section(f"Written as {format.value}", [path])


@app.command(
    rich_help_panel="Measure and use",
    epilog=examples(
        "kerasgen publish runs/vae_mnist-1 saved_models/vae_mnist",
        "kerasgen publish runs/vae_mnist-1 saved_models/vae_mnist --other runs/vae_mnist-2 --other runs/vae_mnist-3",
    ),
)
def publish(
    run: RunFolder,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write, such as saved_models/NAME.")],
    others: Annotated[
        list[Path] | None,
        typer.Option("--other", metavar="RUN", help="A run from another seed, for means over seeds. Repeatable."),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="As in `kerasgen evaluate`. Default: what suits the images' size."),
    ] = None,
    backend: RunBackend = None,
):
    """Write the model with a card: data, protocol, figures, pictures."""
    _, kerasgen = _open(run, backend)
    with console.status("Measuring and exporting"):
        card = kerasgen.cards.publish(run, folder, others=others or (), features=features)
    look.section("Card", [card])


@app.command("list", rich_help_panel="Find", epilog=examples("kerasgen list", "kerasgen list datasets"))
def list_(kind: Annotated[Kind | None, typer.Argument(help="What to list. Default: all.", show_default=False)] = None):
    """List presets, models and datasets."""
    kerasgen = launch.start(data=False)
    tables = {Kind.presets: _presets, Kind.models: _models, Kind.datasets: _datasets}
    for each in [kind] if kind else tables:
        tables[each](kerasgen)


@app.command(rich_help_panel="Find", epilog=examples("kerasgen info runs/vae-1"))
def info(run: RunFolder):
    """Show what is known of a run."""
    config, kerasgen = _open(run, data=False)
    found = kerasgen.runs.info(run)
    environment = config.get("environment", {})
    state = "finished" if found["finished"] else "not finished"
    about = {
        "state": f"{state}, {found['epochs']} of {config['epochs']} epochs",
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
    look.table(str(run), ["", ""], [[key, str(value)] for key, value in about.items() if value not in (None, "")])
    if found["metrics"]:
        _figures(kerasgen, found["metrics"])
    look.section("Pictures", found["pictures"])
    look.section("Checkpoints", found["checkpoints"])
    if not found["finished"]:
        look.next_commands((f"kerasgen resume {look.quoted(run)}", "go on"))


def main(arguments=None):
    """Run the command line.

    Args:
        arguments: List of str. None: those of the process.

    Returns:
        int. The exit status: 0, 1 (it failed), 2 (bad usage) or 130 (interrupted).
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    arguments = arguments or ["--help"]
    try:
        # An int where typer was told to exit; else what the command returns: nothing.
        return app(["--debug"] * debug + arguments, "kerasgen", standalone_mode=False) or 0
    except typer.Abort:
        return INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, UsageError):
            # "Value error": pydantic's words, which newer versions of typer pass on.
            message = error.format_message().replace("Value error, ", "")
            # The errors of kerasgen say by themselves what there is.
            hint = "" if "Received" in message or not error.ctx else f" See `{error.ctx.command_path} --help`."
            look.fail(message + hint)
            return error.exit_code
        known = isinstance(error, (ValueError, OSError, ImportError))
        look.fail(error if known else f"{type(error).__name__}: {error} (--debug shows where)")
        return 1


def _open(run, backend=None, data=True):
    """The config of a run, and kerasgen on the backend of its training unless another one is asked for."""
    config = launch.config_of(run)
    return config, launch.start(backend or config.get("environment", {}).get("backend"), data)


def _train(kerasgen, verb, path, config, go):
    """Train or go on, and tell what came of it."""
    look.heading(f"{verb} {config.get('preset', config['model'])} on {config['dataset']['name']} in {path}")
    trackers = [_tracker(kerasgen, name, path, config) for name in config.get("trackers", ())]
    with progress.training() as display:
        try:
            run = go(display, trackers)
        except KeyboardInterrupt:
            hint = f" Go on with: kerasgen resume {look.quoted(path)}" if (path / "config.json").exists() else ""
            look.errors.print(f"Interrupted.{hint}", soft_wrap=True)
            raise typer.Exit(INTERRUPTED) from None
    _figures(kerasgen, run.metrics)
    look.section("Pictures", run.pictures)
    folder = look.quoted(path)
    if hasattr(run.model, "translate"):
        commands = [(f"kerasgen translate {folder}", "test images in every domain")]
    else:
        commands = [(f"kerasgen generate {folder}", "new images")]
        commands.append((f"kerasgen interpolate {folder}", "from one image to another"))
    if run.model.generates:
        commands.append((f"kerasgen evaluate {folder}", "what its samples are worth"))
    look.next_commands(*commands, (f"kerasgen export {folder}", "for use without kerasgen"))


def _figures(kerasgen, measured):
    """Print the content of a `metrics.json`."""
    protocol = measured["protocol"]
    evaluation = kerasgen.evaluation
    rows = [
        (evaluation.label(name, protocol), value, evaluation.DIRECTIONS.get(name))
        for name, value in measured["figures"].items()
    ]
    look.figures(rows, protocol)


def _tracker(kerasgen, name, path, config):
    if name == "tensorboard":
        return kerasgen.callbacks.TensorBoardLogger(path)
    # The same id in a resumed run: its curves go on where they stopped.
    return _wandb(kerasgen, path, config, config["trackers"]["wandb"])


def _wandb(kerasgen, path, config, identity, group=None):
    logger = kerasgen.callbacks.WandbLogger(path)
    import wandb

    wandb.init(
        project=os.environ.get("WANDB_PROJECT", "kerasgen"),
        name=path.name,
        id=identity,
        group=group,
        resume="allow",
        reinit="finish_previous",
        config=config,
    )
    return logger


def _identity(folder, path):
    """An id of a run: the same whenever its sweep goes on, and none of another sweep in a folder of that name."""
    own = folder / "wandb.txt"
    if not own.exists():
        own.write_text(uuid.uuid4().hex)
    return hashlib.sha256(f"{own.read_text()}/{path.name}".encode()).hexdigest()[:8]


def _next_run_dir(name):
    """The next free `runs/NAME-N`, made: of two processes only one makes it."""
    for number in itertools.count(1):
        path = Path("runs", f"{name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path


def _setting(text):
    """The key and the value of a `--set`: JSON where it is, else a string."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise typer.BadParameter(f"Expected KEY=VALUE. Received: {text!r}", param_hint="--set")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _values(text):
    """The key and the list of values of a sweep's `--set`."""
    key, _ = _setting(text)
    value = text.partition("=")[2]
    try:
        return key, json.loads(f"[{value}]")
    except json.JSONDecodeError:
        parts = value.split(",")
    if not all(parts):
        raise typer.BadParameter(f"Expected KEY=VALUE,VALUE,... Received: {text!r}", param_hint="--set")
    return key, [_setting(f"{key}={part}")[1] for part in parts]


def _changed(kerasgen, config, changes):
    """A config with the changes that were asked for: tuples of an option, a key and a value, or None."""
    for option, key, value in changes:
        if value is not None:
            with _usage(option):
                config = kerasgen.presets.override(config, key, value)
    return config


@contextlib.contextmanager
def _usage(option):
    """Blame a ValueError on an option."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _presets(kerasgen):
    rows = []
    for name in kerasgen.presets.names():
        config, expected = kerasgen.presets.get(name), kerasgen.presets.expected(name)
        dataset = config["dataset"]["name"].split("/")[0]
        figures = kerasgen.cards.figures(expected)
        what = f"{config['summary']}; {figures}" if figures else config["summary"]
        rows.append([name, dataset, f"{expected['parameters']:,}", what])
    columns = ["name", "dataset", "parameters", "what it is; figures of the trained model"]
    look.table("Presets: kerasgen train NAME", columns, rows)


def _models(kerasgen):
    rows = []
    for name in kerasgen.models.__all__:
        model = getattr(kerasgen.models, name)
        rows.append([name, model.__doc__.splitlines()[0], ", ".join(model._arguments())])
    look.table("Models: kerasgen.models.NAME", ["name", "what", "arguments"], rows)


def _datasets(kerasgen):
    rows = [[entry.name, entry.description, entry.sizes] for entry in kerasgen.datasets.list_names()]
    look.table(
        "Datasets: --dataset NAME, any other TFDS name, a folder of images, an .npz file",
        ["name", "what", "images"],
        rows,
    )


def _pairs(values):
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in values.items())
