"""The batches of a set in memory where there is no TensorFlow: those that its `tf.data.Dataset` would give."""

import importlib.util
import math
import operator

import keras
import numpy as np

from kerasgen.datasets import randomness


def needed(in_memory):
    """Whether a set must, and can, do without TensorFlow: streams from a disk cannot."""
    return in_memory and importlib.util.find_spec("tensorflow") is None


class Batches(keras.utils.PyDataset):
    """Batches of a split, with the order, the epochs and the shares that `kerasgen.datasets.Data` tells of.

    Args:
        read: Function of `(indices, epoch)` that gives the images and labels of these places.
        count: int. The images of an epoch.
        batch_size: int.
        order: Function of an epoch that gives the indices of its images, or None: the split's own order.
        part: Function from the number of images in a batch to a slice of them, or None: all.
    """

    def __init__(self, read, count, batch_size, order=None, part=None):
        super().__init__()
        self._read, self._count, self._batch_size, self._order, self._part = read, count, batch_size, order, part
        self._epoch, self._advance = 0, 1
        self._ordered = None, None

    def __len__(self):
        return math.ceil(self._count / self._batch_size)

    def __getitem__(self, number):
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self._batch(number, self._epoch)

    def __iter__(self):
        epoch, self._epoch = self._epoch, self._epoch + self._advance
        return (self._batch(number, epoch) for number in range(len(self)))

    def on_epoch_end(self):
        """Go on to the next epoch, unless somebody says which it is."""
        self._epoch += self._advance

    def set_epoch(self, number):
        """Make each pass that begins from now on that of an epoch."""
        self._epoch, self._advance = operator.index(number), 0

    def share(self, part):
        """The same with a part of each batch, and the sizes of whole ones; see `kerasgen.datasets.Data`."""
        starts = range(0, self._count, self._batch_size)
        sizes = [min(self._batch_size, self._count - start) for start in starts]
        if not all(len(range(size)[part(size)]) for size in sizes):
            raise ValueError(
                "A share holds one image of each batch at least; take all of a batch that is too small to cut, "
                f"slice(None). Received: none of {min(sizes)}"
            )
        shared = Batches(self._read, self._count, self._batch_size, self._order, part)
        shared._epoch, shared._advance = self._epoch, self._advance
        own_epoch = self.set_epoch

        def set_epoch(number):
            own_epoch(number)
            Batches.set_epoch(shared, number)

        self.set_epoch = set_epoch
        return shared, sizes

    def _batch(self, number, epoch):
        start = number * self._batch_size
        stop = min(start + self._batch_size, self._count)
        if self._order is None:
            indices = np.arange(start, stop)
        else:
            if self._ordered[0] != epoch:
                self._ordered = epoch, self._order(epoch)
            indices = self._ordered[1][start:stop]
        return self._read(indices if self._part is None else indices[self._part(len(indices))], epoch)


def of_split(memory, finished, batch_size, drop_remainder=False, seed=None):
    """The batches of a split.

    Args:
        memory: `kerasgen.datasets.splits.Memory`.
        finished: Function of `(images, indices, epoch)`: images as stored to images as given.
        batch_size: int.
        drop_remainder: bool.
        seed: int, of the order; None: the split's own order, the same in each epoch.

    Returns:
        `Batches`.
    """
    count = len(memory)

    def read(indices, epoch):
        return finished(memory.images[indices], indices, epoch), memory.labels[indices]

    order = None if seed is None else lambda epoch: randomness.order(count, seed, epoch)
    return Batches(read, count - count % batch_size if drop_remainder else count, batch_size, order)
