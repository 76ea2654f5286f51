"""Whether XLA shortens a step of TensorFlow: measured before a long training, and remembered.

The rule of `prefers_xla` was learned on one processor and is wrong on others, where TensorFlow's own convolutions take
two and a half times as long. So a training that will take minutes does a few steps each way, from which the model comes
back as it was. Short trainings follow the rule.
"""

import contextlib
import hashlib
import json
import os
import platform
import time
import types
from importlib.metadata import version

import keras
from keras import ops

from kerasgen.engine.sharing import strategy_of
from kerasgen.files import cache_folder, write_json

#: Seconds of training below which nothing is measured: to compile takes up to half a minute.
LONG = 120.0
#: Steps that are timed each way, the first one, which compiles, left out.
STEPS = 4
#: The other way than the rule's must take less than this part of its time.
BETTER = 0.95


def choose_xla(model, data, batch_size, epochs, steps_per_epoch=None):
    """Let a model that begins to train do so with XLA, or without it, whichever is quicker.

    Nothing is measured and nothing changes for a model that has trained before, whose noise would change within a
    training, for a short training, or where `compile` was told what to do.

    Args:
        model: A compiled model of kerasgen.
        data: Tuple of images, labels and weights, as `fit` takes them.
        batch_size: int or None.
        epochs: int.
        steps_per_epoch: int or None.

    Returns:
        Dict from bool (with XLA or without) to seconds a step, None where nothing was measured.
    """
    told = model.run_eagerly or model._requested["jit_compile"] != "auto" or strategy_of(model) is not None
    if keras.backend.backend() != "tensorflow" or told or int(model.optimizer.iterations):
        return None
    batch, batches = _first(data, batch_size)
    steps = epochs * (steps_per_epoch or batches or 0)
    if batch is None or not steps:
        return None
    rule = model.jit_compile
    file = cache_folder() / "xla" / f"{_key(model, batch)}.json"
    seconds = _remembered(file)
    if seconds is None:
        first = _seconds(model, batch, rule)
        if first * steps < LONG:
            return None
        seconds = {rule: first, not rule: _seconds(model, batch, not rule)}
        _remember(file, seconds)
    elif seconds[rule] * steps < LONG:
        return None
    _train_with(model, rule if seconds[not rule] > BETTER * seconds[rule] else not rule)
    return seconds


def _first(data, batch_size):
    """The first batch, as Keras gives it to `train_step`, and how many there are; None where they are not known."""
    images = data[0]
    if isinstance(images, (types.GeneratorType, keras.utils.PyDataset)):
        return None, None
    if hasattr(images, "shape"):
        size = batch_size or 32
        parts = [None if part is None else part[:size] for part in data]
        batch, batches = keras.utils.pack_x_y_sample_weight(*parts), -(-len(images) // size)
    else:
        batch, batches = next(iter(images), None), len(images) if hasattr(images, "__len__") else None
    return keras.tree.map_structure(ops.convert_to_tensor, batch), batches


def _seconds(model, batch, xla):
    """The least seconds of a step, after which the model is what it was before."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    values = [ops.copy(variable) for variable in variables]
    way, executed = model.jit_compile, model.steps_per_execution
    model.steps_per_execution = 1
    _train_with(model, xla)
    try:
        model.make_train_function()
        taken = []
        for _ in range(STEPS + 1):
            start = time.perf_counter()
            model.train_function(iter([batch]))
            taken.append(time.perf_counter() - start)
        return min(taken[1:])
    finally:
        for variable, value in zip(variables, values):
            variable.assign(value)
        model.steps_per_execution = executed
        _train_with(model, way)


def _train_with(model, xla):
    model.jit_compile = xla
    model.train_function = model.test_function = model.predict_function = None


def _key(model, batch):
    """What the quicker way depends on: machine, versions, networks, batch, optimizers."""
    networks = [
        [type(layer).__name__, *(tuple(variable.shape) for variable in layer.variables)]
        for network in model._networks()
        for layer in network._flatten_layers()
    ]
    known = [
        _processor(),
        os.cpu_count(),
        [version(package) for package in ("kerasgen", "keras", "tensorflow")],
        ops.zeros(()).device,
        type(model).__name__,
        networks,
        [(tuple(array.shape), str(array.dtype)) for array in keras.tree.flatten(batch)],
        keras.optimizers.serialize(model.optimizer),
        keras.config.dtype_policy().name,
    ]
    return hashlib.sha256(json.dumps(known, default=str).encode()).hexdigest()[:32]


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file.read().partition("\n\n")[0].splitlines() if ":" in line)
        return [value.strip() for name, value in lines.items() if name.strip() in ("model name", "model", "flags")]
    except OSError:
        return platform.processor()


def _remembered(file):
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {True: float(found["with"]), False: float(found["without"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(file, seconds):
    with contextlib.suppress(OSError):  # It is measured again.
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {"with": seconds[True], "without": seconds[False], "unit": "seconds a step"})
