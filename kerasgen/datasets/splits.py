"""The ways in which a split holds its images: decoded in memory, image files, images to be drawn, TFDS records.

All have `len()`, `image_shape`, `select` (some of the images), `decode` (into memory) and `batches` (tf.data).
"""

import contextlib
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from kerasgen.datasets import randomness, tfrecords
from kerasgen.datasets.images import Geometry, read_image

# Encoded records that the shuffle buffer of a stream may hold.
SHUFFLE_BYTES = 256 * 2**20
# Records of a stream among which those that belong to a share are looked for at a time.
_BLOCK = 128


def tensorflow():
    """TensorFlow, imported when a `tf.data.Dataset` or a TFDS set is asked for."""
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            "TFDS sets, and what streams from a disk, need TensorFlow: pip install tensorflow tensorflow-datasets. "
            "Without it, digits, shapes, arrays, .npz files and folders are read into memory (in_memory=True)."
        ) from error
    import keras

    if keras.config.backend() != "tensorflow":
        # TensorFlow only reads data then, and must not take the accelerator's memory. Where it already did, leave it.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    return tf


class Memory:
    """Decoded images.

    Args:
        images: uint8 or float32 array `(count, height, width, channels)`.
        labels: int32 array `(count,)`.
        factors: int array `(count, k)`, or `None` for a set without known factors.
    """

    def __init__(self, images, labels, factors=None):
        self.images = images
        self.labels = labels
        self.factors = factors
        self.image_shape = images.shape[1:]

    def __len__(self):
        return len(self.images)

    def select(self, indices):
        """The images at these indices, an int array or a range."""
        if isinstance(indices, range):
            indices = slice(indices.start, indices.stop)  # a view, not a copy
        factors = None if self.factors is None else self.factors[indices]
        return Memory(self.images[indices], self.labels[indices], factors)

    def decode(self):
        """The split in memory, which is itself."""
        return self

    def batches(self, batch_size, finish, drop_remainder=False, seed=0, epoch=None, own=None):
        """Batches of the split as a `tf.data.Dataset`.

        Args:
            batch_size: int.
            finish: function `(index, image, label)` of a batch as stored to a batch as given.
            drop_remainder: bool.
            seed: int.
            epoch: int64 tensor, the epoch whose order to take, or `None`: the split's own order.
            own: list of int64 arrays, or `None`: all. For each batch, in the place of `batch_size` and
                `drop_remainder`, the places in this order of the images that it has. All but the last have as many.
        """
        tf = tensorflow()
        images, labels = self._tensors
        order, count = _order(tf, len(self), seed, epoch, own)

        # Whole batches are gathered: shuffling and batching single images costs several times as much.
        def gather(index):
            return finish(index, tf.gather(images, index), tf.gather(labels, index))

        if own is None:
            full = count - count % batch_size
            count = full if drop_remainder else count
        else:
            batch_size = len(own[0])
            full = batch_size * (len(own) - 1)
        indices = tf.data.Dataset.from_tensor_slices(tf.reshape(order[:full], (-1, batch_size)))
        if full < count:
            indices = indices.concatenate(tf.data.Dataset.from_tensors(order[full:count]))
        return indices.map(gather, num_parallel_calls=tf.data.AUTOTUNE)

    @functools.cached_property
    def _tensors(self):
        """Images and labels as tensors."""
        tf = tensorflow()
        with tf.init_scope(), tf.device("CPU:0"):  # outside of any traced function: no constants in graphs
            images, labels = tf.constant(self.images), tf.constant(self.labels)
        self.images = np.asarray(images)  # the tensor's own memory: one copy of the set, not two
        return images, labels


class _OneByOne:
    """A split whose images are had one at a time, by `read(index)`."""

    def batches(self, batch_size, finish, drop_remainder=False, seed=0, epoch=None, own=None):
        """As `Memory.batches`; the images are read as they are asked for."""
        tf = tensorflow()
        with tf.init_scope(), tf.device("CPU:0"):
            labels = tf.constant(self.labels)
        order, _ = _order(tf, len(self), seed, epoch, own)

        def read(index):
            return index, _numpy(tf, self.read, [index], tf.uint8, self.image_shape), tf.gather(labels, index)

        images = tf.data.Dataset.from_tensor_slices(order).map(read, num_parallel_calls=tf.data.AUTOTUNE)
        return _batched(images, batch_size, drop_remainder, own).map(finish)


@dataclass(frozen=True)
class Files(_OneByOne):
    """Image files.

    Attributes:
        paths: array of strings.
        labels: int32 array `(count,)`.
        channels: int, 1, 3 or 4.
        geometry: `Geometry`.
        image_shape: tuple, the shape that all must have, or `None` while it is not known.
    """

    paths: np.ndarray
    labels: np.ndarray
    channels: int
    geometry: Geometry
    image_shape: tuple | None = None

    def __len__(self):
        return len(self.paths)

    def read(self, index):
        """One image: uint8 array `(height, width, channels)`."""
        what = f"the image {self.paths[index]}"
        return _fit(self, read_image(self.paths[index], self.channels), what)

    def select(self, indices):
        """The images at these indices, an int array or a range."""
        indices = np.asarray(indices)
        return replace(self, paths=self.paths[indices], labels=self.labels[indices])

    def readable(self):
        """Those that can be read, and the errors of the others: reads each file."""

        def error(path):
            try:
                read_image(path, self.channels)
            except ValueError as error:
                return error
            return None

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            errors = list(pool.map(error, self.paths))
        return self.select(np.flatnonzero([each is None for each in errors])), [each for each in errors if each]

    def decode(self):
        """Read all images into memory."""
        images = np.empty((len(self), *self.image_shape), "uint8")

        def read(index):
            images[index] = self.read(index)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(read, range(len(self))):  # raises the first error
                pass
        return Memory(images, self.labels)


@dataclass(frozen=True)
class Drawn(_OneByOne):
    """Images that are drawn from their factors.

    Attributes:
        factors: int array `(count, k)`.
        labels: int32 array `(count,)`.
        draw: function of factors `(n, k)` to images, a uint8 array `(n, height, width, channels)`.
        image_shape: tuple.
    """

    factors: np.ndarray
    labels: np.ndarray
    draw: Callable
    image_shape: tuple

    def __len__(self):
        return len(self.factors)

    def read(self, index):
        """One image: uint8 array `(height, width, channels)`."""
        return self.draw(self.factors[index][None])[0]

    def select(self, indices):
        """The images at these indices, an int array or a range."""
        indices = np.asarray(indices)
        return replace(self, factors=self.factors[indices], labels=self.labels[indices])

    def decode(self):
        """Draw all images into memory."""
        return Memory(self.draw(self.factors), self.labels, self.factors)


@dataclass(frozen=True)
class Records:
    """A TFDS split, or a contiguous part of it.

    Attributes:
        name: string, for errors.
        files: list of TFRecord files.
        lengths: list of their numbers of records.
        record_bytes: int, the mean size of a record.
        features: the set's `tfds.features.FeaturesDict`.
        image_key: string, the feature that is the image.
        label_paths: tuple of pairs, for each part of the label: the keys that lead to it, and the number of its values.
            The first part counts most. Empty: labels are 0.
        geometry: `Geometry`.
        span: range, the records that belong to this part.
        image_shape: tuple, the shape that all must have, or `None` while it is not known.
    """

    name: str
    files: list
    lengths: list
    record_bytes: int
    features: object
    image_key: str
    label_paths: tuple
    geometry: Geometry
    span: range
    image_shape: tuple | None = None

    def __len__(self):
        return len(self.span)

    def read(self, index):
        """One image: uint8 array `(height, width, channels)`."""
        tf = tensorflow()
        record = next(iter(tf.data.TFRecordDataset(self.files).skip(self.span[index])))
        image = self.features.deserialize_example(record)[self.image_key].numpy()
        return _fit(self, image, f"image {index} of {self.name}")

    def stored_sizes(self, count):
        """Height and width of the first images before `geometry` changes them: int array `(count, 2)`."""
        tf = tensorflow()
        records = tf.data.TFRecordDataset(self.files).take(count)
        images = records.map(lambda record: self.features.deserialize_example(record)[self.image_key])
        return np.stack([shape[:2] for shape in images.map(tf.shape).as_numpy_iterator()])

    def select(self, indices):
        """The records of a range; a stream has no quick way to single ones."""
        return replace(self, span=self.span[indices.start : indices.stop])

    def decode(self):
        """Decode all images into memory."""
        tf = tensorflow()
        images = np.empty((len(self), *self.image_shape), "uint8")
        labels = np.empty(len(self), "int32")
        try:
            for index, image, label in self.batches(256, lambda *batch: batch).prefetch(2).as_numpy_iterator():
                images[index], labels[index] = image, label
        except tf.errors.OpError as error:
            reason = error.message.split("ValueError: ")[-1].split("\n")[0]
            raise ValueError(f"{self.name} cannot be decoded. {reason}") from error
        return Memory(images, labels)

    def batches(self, batch_size, finish, drop_remainder=False, seed=0, epoch=None, own=None):
        """As `Memory.batches`; the records are read and decoded as they are asked for.

        An epoch's order is that of the files, then of a buffer of encoded records: a full permutation only of a split
        in one file that fits the buffer. It depends on how many records there are, and not on what they hold. Where
        `own` are asked for, numbers are put in order, and those records alone are read, beside the lengths of all.
        """
        tf = tensorflow()
        stops = np.cumsum(self.lengths)
        starts = stops - self.lengths
        used = np.flatnonzero((starts < self.span.stop) & (stops > self.span.start))
        # Of each file: how many records to leave out, how many to take, and the place of its first in this part.
        skips = np.maximum(self.span.start - starts[used], 0)
        takes = np.minimum(stops[used], self.span.stop) - starts[used] - skips
        places = starts[used] + skips - self.span.start
        files = tf.constant([self.files[k] for k in used])
        skips, takes, places = (tf.constant(column, tf.int64) for column in (skips, takes, places))

        def records(k):
            if own is not None:
                return tf.data.Dataset.range(places[k], places[k] + takes[k])
            return tf.data.TFRecordDataset(files[k]).skip(skips[k]).take(takes[k]).enumerate(places[k])

        if epoch is None:
            dataset = tf.data.Dataset.range(len(used)).flat_map(records)
        else:
            order = tf.data.Dataset.from_tensor_slices(_permutation(tf, len(used), seed, epoch))
            dataset = order.interleave(records, cycle_length=min(16, len(used)), block_length=16)
            # TensorFlow's global seed must not enter the order. Where there is an epoch tf.data is tracing a function,
            # and there this sets the seed of that function alone.
            tf.random.set_seed(1)
            buffer = int(np.clip(SHUFFLE_BYTES // max(1, self.record_bytes), 1, len(self)))
            buffer_seed = _numpy(tf, lambda e: randomness.buffer_seed(seed, e), [epoch], tf.int64, ())
            dataset = dataset.shuffle(buffer, seed=buffer_seed, reshuffle_each_iteration=False)
        if own is not None:
            dataset = self._read_own(dataset, own)
        images = dataset.map(self._example, num_parallel_calls=tf.data.AUTOTUNE)
        return _batched(images, batch_size, drop_remainder, own).map(finish)

    def _read_own(self, numbers, own):
        """Pairs of number and record, of those numbers alone that stand at the places of `own`.

        By blocks: a function of Python takes longer to call than to read a record.
        """
        tf = tensorflow()
        wanted = np.zeros((-(-len(self) // _BLOCK), _BLOCK), bool)
        wanted.flat[np.concatenate(own)] = True
        with tf.init_scope(), tf.device("CPU:0"):
            wanted = tf.constant(wanted)
        reader = tfrecords.Reader(self.files, self.lengths)

        def read(block, numbers):
            numbers = tf.boolean_mask(numbers, wanted[block][: tf.size(numbers)])
            return numbers, _numpy(tf, reader, [numbers + self.span.start], tf.string, (None,))

        return numbers.batch(_BLOCK).enumerate().map(read, num_parallel_calls=tf.data.AUTOTUNE).unbatch()

    def _example(self, index, record):
        tf = tensorflow()
        example = self.features.deserialize_example(record)
        image = example[self.image_key]
        if self.geometry.changes(image.shape.as_list()):
            image = _numpy(tf, lambda x: _fit(self, x, f"an image of {self.name}"), [image], tf.uint8, self.image_shape)
        label = tf.constant(0)
        for path, size in self.label_paths:
            part = functools.reduce(lambda features, key: features[key], path, example)
            label = label * size + tf.cast(part, tf.int32)
        return index, image, label


def _fit(split, image, what):
    """Crop and resize an image as the split's geometry says, and hold it to the shape of the others."""
    image = split.geometry(image, what)
    if split.image_shape not in (None, image.shape):
        raise ValueError(
            f"All images must have one shape, and {what} differs from the first. Pass image_size=, with crop=True "
            f"where proportions differ. Received: shape {image.shape}, expected {split.image_shape}"
        )
    return image


def _numpy(tf, function, inputs, dtype, shape):
    return tf.ensure_shape(tf.numpy_function(function, inputs, dtype), shape)


def _order(tf, count, seed, epoch, own):
    """The indices of the images in the order in which they come, and how many these are."""
    order = tf.range(count, dtype=tf.int64) if epoch is None else _permutation(tf, count, seed, epoch)
    if own is None:
        return order, count
    with tf.init_scope(), tf.device("CPU:0"):
        places = tf.constant(np.concatenate(own))
    return tf.gather(order, places), len(places)


def _batched(images, batch_size, drop_remainder, own):
    """Single images in batches, as `Memory.batches` says."""
    if own is None:
        return images.batch(batch_size, drop_remainder)
    sizes = [len(batch) for batch in own]
    alike = len(set(sizes)) == 1
    batches = images.batch(sizes[0], drop_remainder=alike)  # which drops nothing, and makes the size known
    return batches if alike else batches.rebatch(sizes)  # The last may be greater.


def _permutation(tf, count, seed, epoch):
    return _numpy(tf, lambda e: randomness.order(count, seed, e), [epoch], tf.int64, (count,))
