"""The random draws of the data, each a function of its arguments alone.

Philox is a counter-based generator whose stream NumPy keeps the same in all versions, so that a run resumed in another
process, or years later, sees the same order and the same binary pixels. TensorFlow's global seed plays no part.
"""

import numpy as np

_ORDER, _SEED, _PIXELS = range(3)  # disjoint streams of one (seed, epoch)


def order(count, seed, epoch):
    """A permutation of `range(count)`: int64 array, given by `(seed, epoch)` alone."""
    return np.argsort(_philox(seed, epoch, _ORDER).random_raw(count), kind="stable").astype("int64")


def buffer_seed(seed, epoch):
    """An int64 that seeds a shuffle buffer, given by `(seed, epoch)` alone."""
    return np.int64(_philox(seed, epoch, _SEED).random_raw() >> 1)


def bernoulli(images, indices, seed, epoch):
    """Binary images: each pixel is 1 with the probability that its value says.

    Args:
        images: float32 array `(count, height, width, channels)` in [0, 1].
        indices: int array `(count,)`, each image's place in its split. The draw of an image depends on
            `(seed, epoch, index)`, not on the batch that it stands in.
        seed: int, not negative.
        epoch: int, not negative.

    Returns:
        float32 array of zeros and ones, of the shape of `images`.
    """
    size = images[0].size
    generator = _philox(seed, epoch, _PIXELS)
    state = generator.state  # setting the counter costs a third of a new generator
    state["buffer_pos"] = 4  # "nothing drawn yet"
    words = np.empty((len(images), -(-size // 4)), "uint64")  # sixteen bits a pixel
    for row, index in enumerate(indices):
        state["state"]["counter"][:] = 0, index, 0, _PIXELS
        generator.state = state
        words[row] = generator.random_raw(words.shape[1])
    thresholds = words.view("uint16")[:, :size].reshape(images.shape)
    return (thresholds < images * np.float32(65536)).astype("float32")


def _philox(seed, epoch, stream):
    return np.random.Philox(key=[int(seed), int(epoch)], counter=[0, 0, 0, stream])
