"""What `load` returns."""

import functools
import hashlib
import operator
import os

import numpy as np

from kerasgen.datasets import in_numpy, randomness
from kerasgen.datasets.splits import tensorflow

# The (seed, epoch) of what is drawn once, the same for every run: all of binarize="static", and the held-out images of
# "dynamic". No training has such epochs.
_FIXED = {"train": (0, 2**62 - 1), "validation": (0, 2**62 + 1), "test": (0, 2**62)}


class Data:
    """An image set: what `load` returns.

    `train`, `validation` and `test` are `tf.data.Dataset`s of batches `(image, label)`: float32 `(batch, height, width,
    channels)` in [0, 1] and int32 `(batch,)`; `None` where there is no such split. They know their length. Where
    TensorFlow is not installed, those of a set in memory are `keras.utils.PyDataset`s of the same batches in NumPy.

    `train` has another order each epoch, and that of epoch k depends on the seed and k alone. `data.train.set_epoch(k)`
    makes every pass that begins from then on the one of epoch k; `fit` of kerasgen's models calls it before each epoch.
    Until it is called, passes count up from 0 by themselves. Held-out splits are never shuffled.

    Where several processes train a model, `fit` lets each of them read its own rows of every batch:
    `dataset, sizes = data.train.share(part)`, and likewise of held-out splits. `part` is a function from the number of
    images in a batch to a `slice` of them, one image at least; it is called for `batch_size` and the size of the last
    batch. `dataset` has the same epochs (`data.train.set_epoch` sets both), order and pixels: its batch k is
    `batch_k[part(len(batch_k))]`. `sizes` is the list of the sizes of the whole batches of an epoch. Of a folder only
    its own files are read, of `"shapes"` only its own images are drawn, of a TFDS set that streams only its own records
    are read and decoded, and besides, once, the lengths of all records (8 bytes each, of which a disk reads a page). A
    set in memory, an array and an `.npz` file are whole in each process.

    Attributes:
        name: string, for titles.
        image_shape: tuple `(height, width, channels)`.
        class_names: list of strings, for arrays their labels as they were; empty for a set without labels (its labels
            are all 0).
        num_classes: int, the number of classes that there are, or `None` for a set without labels.
        stored_size: string such as `"96x96"`, the size of the images of a TFDS set on disk, where reading changes it;
            else `None`.
        sizes: dict, the number of images in `"train"`, `"validation"`, `"test"`; 0 where there is no such split.
        config: dict of plain values: `load(**data.config)` loads the set again. Arrays are not in it: there, replace
            its `"name"` by them.
    """

    def __init__(self, source, splits, in_memory, config):
        self.name = source.name
        self.image_shape = splits["train"].image_shape
        self.stored_size = source.stored_size
        self.class_names = source.class_names
        self.num_classes = len(source.class_names) or None
        self.sizes = {split: len(splits[split]) if split in splits else 0 for split in ("train", "validation", "test")}
        self.config = config
        self._splits = splits
        self._in_memory = in_memory
        self._scale = np.float32(source.scale)
        self._files = source.files
        self._reading = source.reading

    def __repr__(self):
        sizes = ", ".join(f"{split} {size:,}" for split, size in self.sizes.items() if size)
        classes = f"{self.num_classes} classes" if self.num_classes else "no labels"
        return f"<Data {self.name}: {'x'.join(map(str, self.image_shape))}, {sizes}, {classes}>"

    @functools.cached_property
    def train(self):
        """The training split, shuffled anew each epoch."""
        batch_size, seed, drop_remainder = (self.config[key] for key in ("batch_size", "seed", "drop_remainder"))
        if in_numpy.needed(self._in_memory):
            return self._without_tensorflow("train", drop_remainder, seed)
        tf = tensorflow()
        split = self._split("train")
        with tf.device("CPU:0"):
            epoch = tf.Variable(0, dtype=tf.int64, name="epoch")
            advance = tf.Variable(1, dtype=tf.int64, name="advance")

        def passes(own):
            def one_pass(_):
                now = epoch.assign_add(advance) - advance
                return split.batches(batch_size, self._finish("train", now), drop_remainder, seed, now, own)

            return tf.data.Dataset.range(1).flat_map(tf.autograph.experimental.do_not_convert(one_pass))

        def set_epoch(number):
            epoch.assign(operator.index(number))
            advance.assign(0)

        count = len(split) - len(split) % batch_size if drop_remainder else len(split)
        dataset = _with_shares(passes, count, batch_size)
        dataset.set_epoch = set_epoch
        return dataset

    @functools.cached_property
    def validation(self):
        """The validation split in its own order, or `None`."""
        return self._held_out("validation")

    @functools.cached_property
    def test(self):
        """The test split in its own order, or `None`."""
        return self._held_out("test")

    def arrays(self, split, count=None):
        """A split as NumPy arrays, in its own order (train too). Needs no TensorFlow, but for TFDS sets.

        Args:
            split: `"train"`, `"validation"` or `"test"`.
            count: int or `None`. The first so many images only. A set that streams decodes just these.

        Returns:
            `(images, labels)`: float32 `(count, height, width, channels)` in [0, 1] and int32 `(count,)`. With
            `binarize="dynamic"` the training images are those of epoch 0.

        Raises:
            ValueError: If there is no such split.
        """
        self._check_split(split)
        if count is not None and not self._in_memory:
            memory = self._splits[split].select(range(min(count, self.sizes[split]))).decode()
        else:
            memory = self._split(split).decode()
            memory = memory.select(range(len(memory) if count is None else min(count, len(memory))))
        return self._finished(memory.images, split, np.arange(len(memory))), memory.labels.copy()

    def batches(self, split, batch_size=100, indices=None):
        """A split as NumPy arrays, batch by batch: memory does not grow with the split.

        Args:
            split: `"train"`, `"validation"` or `"test"`.
            batch_size: int.
            indices: int array or `None`. Which images, in this order; a set that streams gives them in its own.
                None: all, in the split's own order.

        Yields:
            `(images, labels)`, as `arrays` gives them. Needs no TensorFlow, but for TFDS sets and streams.

        Raises:
            ValueError: If there is no such split.
        """
        self._check_split(split)
        part = self._split(split)
        everything = indices is None
        indices = np.arange(len(part)) if everything else np.asarray(indices)
        if self._in_memory:
            memory = part.decode()
            for start in range(0, len(indices), batch_size):
                chosen = indices[start : start + batch_size]
                some = memory.select(range(chosen[0], chosen[-1] + 1) if everything else chosen)
                yield self._finished(some.images, split, chosen), some.labels.copy()
            return
        wanted = np.zeros(len(part), bool)
        wanted[indices] = True
        start = 0
        for images, labels in part.batches(batch_size, self._finish(split)).as_numpy_iterator():
            chosen = wanted[start : start + len(labels)]
            start += len(labels)
            if chosen.any():
                yield images[chosen], labels[chosen]

    def factors(self, split):
        """The factors of the images of a split, row by row those of `arrays(split)`. Of sets that know them: "shapes".

        Args:
            split: `"train"`, `"validation"` or `"test"`.

        Returns:
            int64 array `(count, 6)`; its columns are named by `kerasgen.datasets.shapes.FACTORS`.

        Raises:
            ValueError: If there is no such split, or the set knows no factors.

        Example:
            >>> data = kerasgen.datasets.load("shapes")
            >>> images, factors = data.arrays("test")[0], data.factors("test")
        """
        self._check_split(split)
        factors = getattr(self._splits[split], "factors", None)
        if factors is None:
            raise ValueError(
                'Only a set that is drawn from factors knows them: load("shapes"), at any image_size. '
                f"Received: factors of {self.name}"
            )
        return factors.copy()

    def fingerprint(self, split):
        """What the images of a split depend on, as hexadecimal digits: their source, its files, and how they are read.

        Args:
            split: `"train"`, `"validation"` or `"test"`.

        Returns:
            str. Another one when a file of the set changes its size or time, or an argument of `load` that matters.
        """
        self._check_split(split)
        irrelevant = ["batch_size", "drop_remainder", "in_memory", "download", "data_dir", "on_error"]
        if self.config["binarize"] != "dynamic" or split != "train":
            irrelevant.append("seed")  # It orders train, and held-out draws are the same for each.
        config = {key: value for key, value in self.config.items() if key not in irrelevant}
        digest = hashlib.sha256(repr((split, self.name, sorted(config.items(), key=str))).encode())
        digest.update(self._reading.encode())
        if self.config["binarize"] == "static" or (self.config["binarize"] == "dynamic" and split == "validation"):
            # Those of test are the ones that it had before validation had its own.
            digest.update(repr(self._key(split)).encode())
        for path in sorted(map(str, self._files)):
            state = os.stat(path)
            digest.update(f"{path} {state.st_size} {state.st_mtime_ns}".encode())
        if self.config["name"] == "arrays":
            digest.update(np.ascontiguousarray(self._split(split).images))
        return digest.hexdigest()

    def _check_split(self, split):
        if split not in self._splits:
            raise ValueError(
                f"{self.name} has no split of this name; load(..., {split}=0.1) holds one out of train. It has: "
                f"{list(self._splits)}. Received: {split!r}"
            )

    def _finished(self, images, split, indices, epoch=0):
        """Images as stored to images as given, in NumPy."""
        images = images / self._scale
        if self.config["binarize"] == "threshold":
            return (images > 0.5).astype("float32")
        if self.config["binarize"] is None:
            return images
        return randomness.bernoulli(images, indices, *self._key(split, epoch))

    def _key(self, split, epoch=0):
        """The `(seed, epoch)` from which the pixels of a split are drawn."""
        dynamic = self.config["binarize"] == "dynamic" and split == "train"
        return (self.config["seed"], epoch) if dynamic else _FIXED[split]

    def _split(self, name):
        """A split as it is read from: decoded at first use if the set is kept in memory."""
        if self._in_memory:
            self._splits[name] = self._splits[name].decode()
        return self._splits[name]

    def _held_out(self, name):
        if name not in self._splits:
            return None
        if in_numpy.needed(self._in_memory):
            return self._without_tensorflow(name)
        split, batch_size = self._split(name), self.config["batch_size"]
        return _with_shares(lambda own: split.batches(batch_size, self._finish(name), own=own), len(split), batch_size)

    def _without_tensorflow(self, name, drop_remainder=False, seed=None):
        def finished(images, indices, epoch):
            return self._finished(images, name, indices, epoch)

        return in_numpy.of_split(self._split(name), finished, self.config["batch_size"], drop_remainder, seed)

    def _finish(self, split, epoch=0):
        """The function from a batch as stored to a batch as given: [0, 1], binary where asked."""
        tf = tensorflow()
        binarize = self.config["binarize"]
        seed, epoch = self._key(split, epoch)

        def draw(image, index, epoch):
            return randomness.bernoulli(image, index, seed, epoch)

        def finish(index, image, label):
            image = tf.cast(image, tf.float32) / self._scale
            if binarize == "threshold":
                image = tf.cast(image > 0.5, tf.float32)
            elif binarize is not None:
                shape = image.shape
                image = tf.ensure_shape(tf.numpy_function(draw, [image, index, epoch], tf.float32), shape)
            return image, label

        return finish


def _with_shares(batches, count, batch_size):
    """A data set that has `share`, as `Data` says.

    Args:
        batches: function of `own`, as the splits' `batches` take it, to a `tf.data.Dataset`.
        count: int. The images of an epoch.
        batch_size: int.
    """
    starts = range(0, count, batch_size)

    def share(part):
        whole = [np.arange(start, min(start + batch_size, count)) for start in starts]
        own = [places[part(len(places))] for places in whole]
        if not all(len(places) for places in own):
            raise ValueError(
                "A share holds one image of each batch at least; take all of a batch that is too small to cut, "
                f"slice(None). Received: none of {min(map(len, whole))}"
            )
        return _prefetched(batches(own), len(starts)), [len(places) for places in whole]

    dataset = _prefetched(batches(None), len(starts))
    dataset.share = share
    return dataset


def _prefetched(dataset, count):
    """Read ahead in a data set of so many batches, and without autotuning, for whose thread the end of a pass may wait.

    It sleeps for 10 ms, 20 ms, 40 ms and so on: a pass of 45 s was followed by 37 s of nothing.
    """
    tf = tensorflow()
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(count))
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)
