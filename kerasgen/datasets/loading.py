"""`load`: from a name, a path or arrays to the splits of a set."""

import functools
import math
import os
import warnings

import numpy as np

from kerasgen.datasets import catalogue, randomness
from kerasgen.datasets.data import Data
from kerasgen.datasets.images import Geometry
from kerasgen.datasets.sources import arrays, embedded, folder, npz, records
from kerasgen.datasets.splits import Files, Memory, Records

# Sets whose decoded images take more bytes are streamed.
MEMORY_BYTES = 2**30


def load(
    name,
    batch_size=128,
    image_size=None,
    crop=False,
    validation=None,
    test=None,
    binarize=None,
    seed=0,
    channels=None,
    label=None,
    drop_remainder=False,
    in_memory=None,
    data_dir=None,
    download=False,
    on_error="raise",
):
    """Load an image set, scaled to [0, 1] and split.

    `name` is one of:

    - `"digits"`: the embedded set, 1,797 handwritten digits of 8x8. The last 360, of other writers, are the test split.
    - `"coloured_digits"`: the same, each in one of five colours, which is its label.
    - `"iris"`: the embedded set of rows of a table, 150 irises of four lengths, `(1, 4, 1)`: an image of one row of
      pixels. Each column goes from its least value among the training rows, 0, to its greatest, 1; what lies beyond is
      cut off. Every fifth row is for test. Tables of one's own come as arrays or `.npz` files `(count, 1, columns)`.
    - `"shapes"`: the embedded set of known factors (`kerasgen.datasets.shapes`): an arrow, a moon or a pie of 4 scales,
      8 rotations, 8 x 8 places and 6 colours. It is drawn, at 32x32 or the `image_size` asked for. A random tenth of
      the combinations, always the same, is the test split.
    - A TFDS name, with its config where there are several: `"mnist"`, `"imagenette/160px-v2"`. A known name wins over a
      folder of that name, which is reached as `"./mnist"`. A set whose only held-out split is `validation` has it as
      `test`.
    - A folder of images, flat or with one sub-folder a class, as `keras.utils.image_dataset_from_directory` reads it;
      or such folders called `train`, `validation` and `test` (or `training`, `val`, `valid`, `dev`, `testing`, in any
      case). Files are opened by their content, as PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF and the like; of what moves
      the first frame counts, what is transparent is laid on white. Links to folders are followed, to each folder once.
    - A `.npz` file with the arrays `x` and `y`, `images` and `labels`, `arr_0` and `arr_1`, or `x_train`, `y_train`,
      `x_validation`, `y_validation`, `x_test`, `y_test`. Labels and the last two splits may be missing. One that
      unpacks to more than 4 GiB, and to more than its own size, is refused; `KERASGEN_NPZ_GIB` sets another limit.
    - An array of images `(count, height, width)` or `(count, height, width, channels)`, or a tuple
      `(images, labels)`, or two such tuples, train and test, as `keras.datasets` has them: floating-point numbers in
      [0, 1], or whole ones, which are divided by 255, or by 65,535 where they are greater (unless they are zeros and
      ones only: that is a binary image).

    Labels of arrays are whole numbers, bools or strings. The classes are those that occur: `class_names` holds them,
    and `data` numbers them from 0 on.

    What is left out of a folder or file, or might have been meant otherwise, a warning says.

    Args:
        name: string, path, array, or tuple. See above.
        batch_size: int. Images a batch. Defaults to 128.
        image_size: `None` (as they are; all must have one shape), an int (squares) or `(height, width)`. Bilinear, with
            antialiasing. For an int, an image that is not square is an error unless `crop` is given; `(height, width)`
            stretches it.
        crop: bool. Take the largest central part of the proportions of `image_size` first: a square for an int or
            `None`.
        validation: float between 0 and 1, or `None`. The share of train to hold out as validation split, if the set
            brings none; one that it brings stays as it is. Held out is the last part of train; where that would be no
            fair sample (folders, arrays, a `.npz` file without splits), a random choice, the same for every `seed`.
        test: as `validation`, for the test split. `None`, the default, leaves a set that brings none without.
        binarize: `None`, `"threshold"` (a pixel above 0.5 is 1, else 0), `"static"` (a pixel is 1 with the probability
            that its value says, drawn once: the binary MNIST of Larochelle and Murray, "The Neural Autoregressive
            Distribution Estimator", 2011, was made so, by draws of its own) or `"dynamic"` (drawn anew each epoch).
            Draws depend on the index of the image in its split; those of `"dynamic"` in train on the seed and the epoch
            too, all others are the same for every seed, epoch and machine.
        seed: int, not negative. Seeds the order of train and its dynamic draws.
        channels: 3 (colour, the default, as in Keras), 1 (grey) or 4 (colour, and opacity). For folders.
        label: string. For TFDS: the feature that is the label, a class or a yes-no attribute (`"Smiling"` of
            `celeb_a`); or a list of several, each combination of which is a class. Defaults to the set's own; where it
            has none, labels are 0 and `num_classes` is `None`.
        drop_remainder: bool. Drop a smaller last batch of train. Held-out splits keep theirs.
        in_memory: `True` (decode once and keep), `False` (stream from disk) or `None` (in memory up to 1 GiB of decoded
            images). Arrays are in memory already.
        data_dir: string. The folder of the TFDS sets. Defaults to the environment variable `TFDS_DATA_DIR`, then to
            TFDS's own.
        download: bool. Whether TFDS may fetch a set that is not there.
        on_error: `"raise"` or `"skip"`: whether a file that cannot be read stops the loading, or is left out and
            counted in a warning; to find such files each one is read once more. For folders.

    Returns:
        A `Data`.

    Raises:
        ValueError: If the name, a file, the values of the images or an argument is wrong. Each message says what to do.

    Example:
        >>> data = kerasgen.datasets.load("digits", batch_size=64)
        >>> model.fit(data.train, validation_data=data.test, epochs=10)
    """
    config = dict(locals())  # the arguments
    _check_arguments(batch_size, binarize, seed, on_error)
    geometry = Geometry(tuple(image_size) if isinstance(image_size, list) else image_size, bool(crop))
    source, config["name"] = _read(name, geometry, channels, label, data_dir, download, on_error)
    for note in source.notes:
        warnings.warn(note, stacklevel=2)
    config["data_dir"] = data_dir and os.fspath(data_dir)
    splits = _hold_out(source, {"test": test, "validation": validation})

    train = splits["train"]
    if channels not in (None, train.image_shape[-1]):
        raise ValueError(
            f"channels is for folders; {source.name} has {train.image_shape[-1]}. Received: channels={channels}"
        )
    if label is not None and not isinstance(train, Records):
        raise ValueError(f"label is for TFDS sets; {source.name} brings its own. Received: label={label!r}")
    if on_error != "raise" and not isinstance(train, Files):
        raise ValueError(f"on_error is for folders; {source.name} is none. Received: on_error={on_error!r}")
    if drop_remainder and batch_size > len(train):
        raise ValueError(f"drop_remainder leaves no batch of {len(train)} images. Received: batch_size={batch_size}")
    if isinstance(train, Memory) and in_memory is False:
        raise ValueError(f"{source.name} is in memory already and cannot stream. Received: in_memory=False")
    if in_memory is None:
        size = sum(len(split) for split in splits.values()) * math.prod(train.image_shape)
        in_memory = isinstance(train, Memory) or size <= MEMORY_BYTES
    if in_memory and isinstance(train, Files):
        # At once, so that `load` itself names an image that cannot be read. TFDS sets are decoded at first use.
        splits = {split: files.decode() for split, files in splits.items()}
    return Data(source, splits, in_memory, config)


@functools.cache  # once a process
def _tell_of_static():
    warnings.warn(
        'binarize="static" is one fixed draw of each pixel, as in the literature. Up to version 0.1.0 the word meant '
        'what is now binarize="threshold": a pixel above 0.5 is 1.',
        stacklevel=4,
    )


def _check_arguments(batch_size, binarize, seed, on_error):
    if not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ValueError(f"batch_size must be a positive int. Received: {batch_size!r}")
    if binarize not in (None, "threshold", "static", "dynamic"):
        raise ValueError(f'binarize must be None, "threshold", "static" or "dynamic". Received: {binarize!r}')
    if binarize == "static":
        _tell_of_static()
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be an int that is not negative. Received: {seed!r}")
    if on_error not in ("raise", "skip"):
        raise ValueError(f'on_error must be "raise" or "skip". Received: {on_error!r}')


def _read(name, geometry, channels, label, data_dir, download, on_error):
    """The `Source` of a name, and what to call it in a configuration."""
    if not isinstance(name, str | os.PathLike):
        return arrays.arrays(name, geometry), "arrays"
    text = os.fspath(name)
    path = os.path.abspath(os.path.expanduser(text))
    if text == "arrays":
        raise ValueError(
            "Arrays are not kept in a configuration; pass them: load((images, labels)). Received: 'arrays'"
        )
    if text in embedded.EMBEDDED:
        return embedded.EMBEDDED[text](geometry), text
    if text.lower().endswith(".npz"):
        return npz.npz(path, geometry), path
    means_path = isinstance(name, os.PathLike) or text.startswith((".", "~")) or os.path.isabs(text)
    if means_path or (os.path.exists(path) and not catalogue.is_known(text)):
        return folder.folder(path, 3 if channels is None else channels, geometry, on_error), path
    return records.tfds(text, label, geometry, data_dir, download), text


def _hold_out(source, shares):
    """Take the validation and test images that a set lacks out of its train split."""
    splits = dict(source.splits)
    total = len(splits["train"])
    counts = {}
    for split, share in shares.items():
        if share is None:
            continue
        if not 0 < share < 1:
            raise ValueError(f"{split} is the share of train to hold out, between 0 and 1. Received: {split}={share}")
        if split not in splits:
            counts[split] = max(1, round(total * share))
    left = total - sum(counts.values())
    if left < 1:
        raise ValueError(f"Nothing is left to train on: {total} images, held out {counts}. Received: {shares}")
    train, stop = splits["train"], total
    # Last comes the test split, before it validation.
    chosen = np.arange(total) if source.mixed else randomness.order(total, seed=0, epoch=0)
    for split, count in counts.items():
        part = range(stop - count, stop)
        splits[split] = train.select(part if source.mixed else np.sort(chosen[part]))
        stop -= count
    if counts:
        splits["train"] = train.select(range(stop) if source.mixed else np.sort(chosen[:stop]))
    return splits
