"""What several commands share: the examples of their help, options, and how `--set` is read."""

import enum
import json
import math
from pathlib import Path
from typing import Annotated

import typer

from kerasgen_cli.errors import usage


def examples(*lines):
    """The examples below the help of a command."""
    return "\n".join(["[bold]Examples[/]", *(f"  {line}" for line in lines)])


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


class Quantization(enum.StrEnum):
    """How `kerasgen.export.litert` may store numbers."""

    dynamic = "dynamic"
    float16 = "float16"
    int8 = "int8"


class Split(enum.StrEnum):
    """Parts of a data set."""

    train = "train"
    validation = "validation"
    test = "test"


class Channels(enum.StrEnum):
    """Channels of images."""

    grey = "1"
    colour = "3"


class Kind(enum.StrEnum):
    """What can be listed."""

    presets = "presets"
    models = "models"
    datasets = "datasets"


def finite(value):
    """A number that is neither infinite nor NaN: the minimum of an option lets NaN pass."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"Expected a number that is finite. Received: {value}")
    return value


def ending_in(path, known):
    """A path, or None, that ends in one of the suffixes: what cannot be written is told before the work is done."""
    if path is not None and path.suffix.lower() not in known:
        raise typer.BadParameter(f"Expected a file that ends in {' or '.join(sorted(known))}. Received: {path}")
    return path


def image_size(text):
    """An int, or a tuple of height and width, of `64` or `48x64`; None of None."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise typer.BadParameter(f"Expected N, or HEIGHTxWIDTH, in pixels. Received: {text}")
    return int(text) if len(parts) == 1 else tuple(map(int, parts))


def picture(path):
    """A path, or None, of a picture that can be written."""
    if path is None:
        return None
    # Only where it is needed: Matplotlib takes a while.
    from matplotlib.backend_bases import FigureCanvasBase

    return ending_in(path, {f".{suffix}" for suffix in FigureCanvasBase.filetypes})


def devices(text):
    """An int from 1, or "all"; None of None."""
    if text in (None, "all"):
        return text
    if not text.isdecimal() or not int(text):
        raise typer.BadParameter(f"Expected a whole number from 1, or all. Received: {text}")
    return int(text)


#: NumPy's and Keras's generators take no larger one.
LARGEST_SEED = 2**32 - 1
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/vae-1.")]
# Text, since a preset `vae` is not the folder `./vae`.
Trained = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="Folder of a run, or of a published model, such as saved_models/vae_mnist; or a preset."
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        "--devices",
        metavar="N|all",
        callback=devices,
        help="Train on several: GPUs, or parts of the CPU. The batch size is that of all together.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Train in so many processes at once. Killed ones are replaced."),
]
Ray = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Train on a Ray cluster that shares this storage, such as auto.")
]
AnyBackend = Annotated[Backend | None, typer.Option(help="Keras's backend. Default: KERAS_BACKEND, else tensorflow")]
RunBackend = Annotated[Backend | None, typer.Option(help="Keras's backend. Default: that of the training")]
Output = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", callback=picture, help="Picture to write: .png, .jpg, .pdf. Default: in RUN/pictures, else here"
    ),
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=LARGEST_SEED, help="Of the random draws.")]


def setting(text):
    """The key and the value of a `--set`: JSON where it is, else a string."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise typer.BadParameter(f"Expected KEY=VALUE. Received: {text!r}", param_hint="--set")
    try:
        return key, _json(value)
    except json.JSONDecodeError:
        return key, value


def values(text):
    """The key and the list of values of a sweep's `--set`."""
    key, _ = setting(text)
    value = text.partition("=")[2]
    try:
        return key, _json(f"[{value}]")
    except json.JSONDecodeError:
        parts = value.split(",")
    if not all(parts):
        raise typer.BadParameter(f"Expected KEY=VALUE,VALUE,... Received: {text!r}", param_hint="--set")
    return key, [setting(f"{key}={part}")[1] for part in parts]


def changed(kerasgen, config, changes):
    """A config with the changes that were asked for: tuples of an option, a key and a value."""
    for option, key, value in changes:
        with usage(option):
            config = kerasgen.presets.override(config, key, value)
    return config


def _json(text):
    """The value of a text in JSON, which has no NaN and no infinity, though Python reads them."""

    def refuse(constant):
        raise typer.BadParameter(f"Expected numbers that are finite. Received: {constant}", param_hint="--set")

    return json.loads(text, parse_constant=refuse)
