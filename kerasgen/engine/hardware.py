"""The device that computes: its name beside figures, and float32 that is float32 on it."""

import contextlib

import keras


def device_name():
    """The device that computes: of an accelerator the card's name, as "NVIDIA H100 80GB HBM3 (cuda:0)".

    Returns:
        str. On a CPU the backend's word for it alone.
    """
    tensor = keras.ops.zeros(())
    # Where a tensor lies, in the backend's words: Keras's list of devices knows PyTorch's not.
    place = str(tensor.device).rpartition("device:")[2]
    card = {"jax": _jax_card, "tensorflow": _tensorflow_card, "torch": _torch_card}[keras.backend.backend()](tensor)
    return place if card is None else f"{card} ({place})"


def _jax_card(tensor):
    device = min(tensor.devices(), key=lambda each: each.id)
    return None if device.platform == "cpu" else device.device_kind


def _torch_card(tensor):
    import torch

    return torch.cuda.get_device_name(tensor.device) if tensor.device.type == "cuda" else None


def _tensorflow_card(tensor):
    import tensorflow as tf

    kind, _, number = tensor.device.rpartition("device:")[2].partition(":")
    found = tf.config.list_physical_devices(kind)
    if kind == "CPU" or int(number or 0) >= len(found):
        return None
    return tf.config.experimental.get_device_details(found[int(number or 0)]).get("device_name")


def exact_float32():
    """A context in which products of float32 are not rounded to TF32, as GPUs do where a setting allows it.

    TF32 keeps 10 of 23 bits. PyTorch's convolutions and all products of JAX and TensorFlow are of that kind by default;
    what was set is set again after the context. On a CPU it changes nothing.

    Example:
        >>> with exact_float32():
        ...     features = network(images)
    """
    return {"jax": _jax_exact, "tensorflow": _tensorflow_exact, "torch": _torch_exact}[keras.backend.backend()]()


def _jax_exact():
    import jax

    return jax.default_matmul_precision("highest")  # of convolutions, too


@contextlib.contextmanager
def _tensorflow_exact():
    import tensorflow as tf

    allowed = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(allowed)


@contextlib.contextmanager
def _torch_exact():
    import torch

    # Not by `allow_tf32`, which cannot even be read where somebody has set these.
    settings = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    before = [setting.fp32_precision for setting in settings]
    for setting in settings:
        setting.fp32_precision = "ieee"
    try:
        yield
    finally:
        for setting, precision in zip(settings, before):
            setting.fp32_precision = precision
