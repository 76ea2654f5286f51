"""What differs between JAX and PyTorch on an accelerator: waiting for it, its rounding, its matrix rate, its memory."""

import time

import keras
import numpy as np

#: Above this error of products of float32, relative to their size, they are rounded to TF32: 2^-11 against 2^-24.
ROUNDED = 1e-5


def on_jax():
    return keras.backend.backend() == "jax"


def wait(tensors=()):
    """Wait until the device has computed some tensors; on PyTorch, everything."""
    if on_jax():
        import jax

        jax.block_until_ready(tensors)
        return
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def allow_tf32(allowed):
    """Let products of float32 be rounded to TF32, or not, from now on; a CPU knows no TF32."""
    if on_jax():
        import jax

        jax.config.update("jax_default_matmul_precision", None if allowed else "highest")
        return
    import torch

    for setting in (torch.backends.cuda.matmul, torch.backends.cudnn.conv):
        setting.fp32_precision = "tf32" if allowed else "ieee"


def rounding():
    """How products of float32 are rounded now, as they are found to be, whatever is set.

    Returns:
        Dict: of a matrix product and of a convolution the error relative to the size of the result, and whether that is
        TF32's.
    """
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((256, 256)).astype("float32") for _ in range(2))
    product = a.astype("float64") @ b
    # A convolution of 1x1 is a matrix product too, done by what does convolutions.
    images, kernel = a.reshape(4, 8, 8, 256), b.reshape(1, 1, 256, 256)
    found = {
        "matrix product": keras.ops.matmul(tensor(a), tensor(b)),
        "convolution": keras.ops.conv(tensor(images), tensor(kernel), padding="valid", data_format="channels_last"),
    }
    errors = {
        name: float(np.abs(keras.ops.convert_to_numpy(value).reshape(256, 256) - product).max() / np.abs(product).max())
        for name, value in found.items()
    }
    return {name: {"error": error, "tf32": error > ROUNDED} for name, error in errors.items()}


def matrix_rate(dtype, size, seconds=0.5):
    """Operations a second of a product of square matrices of so many rows; random numbers, as zeros cost less power."""
    rng = np.random.default_rng(0)
    a, b = (keras.ops.cast(tensor(rng.standard_normal((size, size), "float32")), dtype) for _ in range(2))
    product = keras.ops.matmul
    if on_jax():
        import jax

        product = jax.jit(product)
    for _ in range(3):
        wait(product(a, b))
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(5):
            last = product(a, b)
        wait(last)
        count += 5
    return 2 * size**3 * count / (time.perf_counter() - start)


def tensor(array):
    """An array on the device."""
    return keras.ops.convert_to_tensor(array)


def out_of_memory(error):
    """Whether an error says that the memory of the device is full."""
    words = str(error).lower()
    return type(error).__name__ == "OutOfMemoryError" or "resource_exhausted" in words or "out of memory" in words
