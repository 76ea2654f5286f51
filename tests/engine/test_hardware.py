"""The device's name beside figures, and float32 that is float32."""

import types

import keras
import numpy as np
import pytest

from kerasgen.engine import hardware
from kerasgen.metrics.features import Pixels
from kerasgen.runs.environment import environment

BACKEND = keras.backend.backend()
CARD = "NVIDIA H100 80GB HBM3"


def settings():
    """What the backend is set to."""
    if BACKEND == "jax":
        import jax

        return jax.config.jax_default_matmul_precision
    if BACKEND == "torch":
        import torch

        return torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision
    import tensorflow as tf

    return tf.config.experimental.tensor_float_32_execution_enabled()


EXACT = {"jax": "highest", "torch": ("ieee", "ieee"), "tensorflow": False}[BACKEND]


def test_float32_is_exact_within_the_context_and_settings_come_back():
    before = settings()
    assert before != EXACT
    with pytest.raises(KeyError), hardware.exact_float32():
        assert settings() == EXACT
        raise KeyError
    assert settings() == before


def test_features_are_computed_in_exact_float32(monkeypatch):
    seen = []
    monkeypatch.setattr(Pixels, "_compute", lambda self, images, layers: seen.append(settings()) or {})
    before = settings()
    Pixels()(np.zeros((1, 2, 2, 1), "float32"))
    assert seen == [EXACT] and settings() == before


def test_a_cpu_is_named_in_the_words_of_the_backend():
    assert "cpu" in hardware.device_name().lower()
    assert environment()["device"] == hardware.device_name()


def test_a_card_is_named_as_its_maker_calls_it(monkeypatch):
    """There is none in the tests: a tensor that says it lies on one."""

    class Place:
        id, platform, type, device_kind = 0, "gpu", "cuda", CARD

        def __str__(self):
            return "cuda:0"

    place = Place()
    tensor = types.SimpleNamespace(device=place, devices=lambda: {place})
    if BACKEND == "torch":
        import torch

        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: device.device_kind)
    elif BACKEND == "tensorflow":
        import tensorflow as tf

        tensor.device = "/job:localhost/replica:0/task:0/device:GPU:0"
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: {"device_name": CARD})
    monkeypatch.setattr(hardware.keras.ops, "zeros", lambda shape: tensor)
    assert hardware.device_name() == f"{CARD} ({'GPU:0' if BACKEND == 'tensorflow' else 'cuda:0'})"
