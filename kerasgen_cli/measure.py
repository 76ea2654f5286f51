"""The panel Measure and use of the help: evaluate, benchmark, export, publish."""

from pathlib import Path
from typing import Annotated

import typer

from kerasgen_cli import launch, printing, progress
from kerasgen_cli.errors import usage
from kerasgen_cli.options import (
    AnyBackend,
    Channels,
    Format,
    Quantization,
    Ray,
    RunBackend,
    RunFolder,
    Seed,
    Split,
    Trained,
    Workers,
    ending_in,
    examples,
    image_size,
)
from kerasgen_cli.printing import console

panel = typer.Typer(rich_markup_mode="rich")


@panel.command(
    rich_help_panel="Measure and use",
    epilog=examples(
        "kerasgen evaluate runs/vae_mnist-1",
        "kerasgen evaluate runs/vae_mnist-1 --metrics negative_log_likelihood --draws 1000",
        "kerasgen evaluate saved_models/vae_mnist/saved_model --against mnist",
        "kerasgen evaluate photos/ --against cifar10 --metrics frechet_distance,precision_recall",
        "kerasgen evaluate samples/ --against photos/ --image-size 64 --crop",
        "kerasgen evaluate mnist    [dim]# what real images score: a yardstick[/]",
    ),
)
def evaluate(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A run, a published model, a preset, a SavedModel, a folder or .npy or .npz file of images, or a data "
            "set's name.",
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
            help="fid_inception, imagenette_classifier, mnist_classifier, mnist_resnet, pixels, random_projection, or "
            "a .pth of weights. Default: what suits the images' size.",
        ),
    ] = None,
    split: Annotated[Split | None, typer.Option(help="Of the real images. Default: test, else train.")] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--image-size",
            metavar="N|HxW",
            callback=image_size,
            help="Resize the images, both those measured and the real ones.",
        ),
    ] = None,
    crop: Annotated[bool, typer.Option("--crop", help="Cut images to the proportions of --image-size.")] = False,
    channels: Annotated[Channels | None, typer.Option(help="Read all images as grey (1) or in colour (3).")] = None,
    draws: Annotated[
        int, typer.Option(metavar="N", min=1, help="Latents an image, for negative_log_likelihood.")
    ] = 100,
    seed: Seed = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            callback=lambda path: ending_in(path, {".json"}),
            help="JSON to write. Default: metrics.json in the run, or beside.",
        ),
    ] = None,
    statistics: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            callback=lambda path: ending_in(path, {".npz"}),
            help="File .npz to write mean and covariance of the real images' features to. It may stand for DATA.",
        ),
    ] = None,
    backend: RunBackend = None,
):
    """Measure a model, or any images, and write the figures with their protocol.

    Metrics of images: frechet_distance, kernel_distance, precision_recall, density_coverage, inception_score,
    class_shares, multiscale_ssim, nearest_neighbours (a picture). Of a model: terms, reconstruction, latent,
    negative_log_likelihood, annealed_importance_sampling, disentanglement.

    A SavedModel is a program: its graph can read and write files while it is measured, so measure none from a
    stranger. Runs, .keras files, .npz and .npy files and images are safe to open.
    """
    is_run = (Path(subject) / "config.json").exists()
    kerasgen = launch.open_model(subject, backend) if is_run else launch.start(backend)
    names = [name.strip() for text in metrics or () for name in text.split(",")] or None
    printing.heading(f"Measuring {subject}")
    measured = kerasgen.evaluation.evaluate(
        subject,
        against,
        names,
        samples,
        features,
        split and split.value,
        draws,
        seed,
        output,
        image_size=size,
        crop=crop or None,
        channels=channels and int(channels),
        statistics=statistics,
    )
    printing.figures(kerasgen, measured)
    printing.section("Pictures", measured["pictures"])
    printing.section("Written to", [measured["output"], *([statistics] if statistics else [])])


@panel.command(
    rich_help_panel="Measure and use",
    epilog=examples(
        "kerasgen benchmark vae autoencoder --seeds 3",
        "kerasgen benchmark vae_mnist --seeds 3 --readme README.md",
        "kerasgen benchmark vae autoencoder --seeds 5 --workers 2",
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
    workers: Workers = None,
    ray: Ray = None,
    backend: AnyBackend = None,
):
    """Train and measure presets over several training seeds, and make a table of it.

    What is done is kept: stopped, the same command goes on.
    """
    kerasgen = launch.with_workers(backend, workers, ray)
    for model in models:
        with usage("MODEL"):
            kerasgen.presets.get(model)
    with progress.training() as display:
        shown = [] if workers or ray else [display]
        how = {"verbose": 0, "say": printing.heading, "workers": workers, "ray": ray}
        results = kerasgen.benchmark.run(models, seeds, folder, readme, shown, **how, samples=samples)
    console.print(f"\n{kerasgen.benchmark.table(results)}", soft_wrap=True, markup=False)
    printing.section("Written to", [folder / "results.json", folder / "results.md", *([readme] if readme else [])])


@panel.command(
    rich_help_panel="Measure and use",
    epilog=examples(
        "kerasgen export runs/vae-1",
        "kerasgen export runs/vae-1 --format onnx --output vae-onnx",
        "kerasgen export runs/vae-1 --format litert --quantize int8",
    ),
)
def export(
    run: Trained,
    format: Annotated[Format, typer.Option(help="saved_model: all of the model. onnx, litert: each network.")] = (
        Format.saved_model
    ),
    output: Annotated[Path | None, typer.Option(metavar="PATH", help="Where to write. Default: RUN/FORMAT")] = None,
    quantize: Annotated[
        Quantization | None,
        typer.Option(help="Of litert: smaller files. int8 also computes so, and reads training images for its ranges."),
    ] = None,
    backend: RunBackend = None,
):
    """Write the model for use without kerasgen."""
    if quantize and format != Format.litert:
        message = f"Files of LiteRT alone are quantised: pass --format litert. Received: --format {format.value}"
        raise typer.BadParameter(message, param_hint="--quantize")
    kerasgen = launch.open_model(run, backend)
    with console.status("Exporting"):
        path = kerasgen.runs.export(run, format.value, output, quantize and quantize.value)
    printing.section(f"Written as {format.value}", [path])


@panel.command(
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
    _, kerasgen = launch.open_run(run, backend)
    with console.status("Measuring and exporting"):
        card = kerasgen.cards.publish(run, folder, others=others or (), features=features)
    printing.section("Card", [card])
