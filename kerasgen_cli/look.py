"""The panel Look of the help: generate, reconstruct, translate, interpolate."""

import itertools
from typing import Annotated

import typer

from kerasgen_cli import launch, printing
from kerasgen_cli.options import Output, RunBackend, Seed, Trained, Way, examples
from kerasgen_cli.printing import console

panel = typer.Typer(rich_markup_mode="rich")


@panel.command(
    rich_help_panel="Look",
    epilog=examples(
        "kerasgen generate runs/vae-1",
        "kerasgen generate saved_models/vae_mnist",
        "kerasgen generate runs/vae-1 --count 100 --seed 3 --output digits.png",
        "kerasgen generate runs/vae_binary_mnist-1 --count 10 --columns 10 --draw-pixels --output sample.png",
    ),
)
def generate(
    run: Trained,
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
    kerasgen = launch.open_model(run, backend, data=False)
    labels = list(itertools.islice(itertools.cycle(label), count)) if label else None
    with console.status("Generating"):
        path = kerasgen.runs.generate(run, count, labels, seed, output, columns, draw_pixels)
    printing.section("Picture", [path])


@panel.command(rich_help_panel="Look", epilog=examples("kerasgen reconstruct runs/vae-1 --count 20"))
def reconstruct(
    run: Trained,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many images.")] = 20,
    output: Output = None,
    backend: RunBackend = None,
):
    """Draw test images above what the model makes of them."""
    kerasgen = launch.open_model(run, backend)
    with console.status("Reconstructing"):
        path = kerasgen.runs.reconstruct(run, count, output)
    printing.section("Picture", [path])


@panel.command(rich_help_panel="Look", epilog=examples("kerasgen translate runs/star_gan-1 --count 10"))
def translate(
    run: Trained,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many images.")] = 8,
    output: Output = None,
    backend: RunBackend = None,
):
    """Draw test images in every domain: of a model that translates."""
    kerasgen = launch.open_model(run, backend)
    with console.status("Translating"):
        path = kerasgen.runs.translate(run, count, output)
    printing.section("Picture", [path])


@panel.command(
    rich_help_panel="Look",
    epilog=examples(
        "kerasgen interpolate runs/vae-1 --from 2 --to 8",
        "kerasgen interpolate runs/vae-1 --start 3 --end 7 --steps 12",
    ),
)
def interpolate(
    run: Trained,
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
    if output and output.suffix.lower() == ".gif":
        message = f"The GIF stands beside the picture: name the picture. Received: {output}"
        raise typer.BadParameter(message, param_hint="--output")
    labels = None if from_class is None else (from_class, to_class)
    if labels and (start, end) != (None, None):
        raise typer.BadParameter("Give classes or numbers, not both.", param_hint="--from, --to, --start, --end")
    start, end = 0 if start is None else start, 1 if end is None else end
    kerasgen = launch.open_model(run, backend)
    with console.status("Interpolating"):
        paths = kerasgen.runs.interpolate(run, start, end, steps, method.value, labels, seed, output)
    printing.section("Pictures", paths)
