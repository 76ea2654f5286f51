"""Whether compiling shortens a step, by XLA on TensorFlow or `torch.compile` on PyTorch: measured, and remembered.

The rule of `prefers_xla` was learned on one processor and is wrong on others, where TensorFlow's own convolutions take
two and a half times as long. `torch.compile` shortens the steps of dense networks to a half, lengthens those of
convolutions, and cannot compile some. So a training that will take minutes does a few steps each way, from which the
model comes back as it was. Short trainings follow the rule: those of few steps, and those that some steps by the rule's
way show to be short.
"""

import contextlib
import hashlib
import json
import os
import platform
import time
from importlib.metadata import version

import keras
from keras import ops

from kerasgen.engine import replicas
from kerasgen.engine.sharing import strategy_of
from kerasgen.files import cache_folder, write_json

#: Seconds of training below which nothing is measured: to compile takes up to half a minute, PyTorch up to two.
LONG = {"tensorflow": 120.0, "torch": 900.0}
COMPILER = {"tensorflow": "XLA", "torch": "torch.compile"}
#: Steps below which a training is short, whatever a step takes: not even one way is timed.
FEWEST = 300
#: Steps that are timed each way, the first one, which compiles, left out.
STEPS = 4
#: The other way than the rule's must take less than this part of its time.
BETTER = 0.95


def choose_compilation(model, batch, steps, say=lambda text: None):
    """Let a model that begins to train do so compiled, or not, whichever is quicker.

    Nothing is measured and nothing changes for a model that has trained before, whose noise would change within a
    training, for a short training, or where `compile` was told what to do.

    Args:
        model: A compiled model of kerasgen.
        batch: The first batch, as Keras gives it to `train_step`.
        steps: int. The steps of the training; 0 where they are not known.
        say: Function that is told, in a line, that the other way is about to be compiled.

    Returns:
        Dict from bool (compiled or not) to seconds a step, None where nothing was measured.
    """
    long = LONG.get(keras.backend.backend())
    if long is None or not model.compiled or steps < FEWEST or replicas.count() > 1:
        return None
    told_what = model.run_eagerly or model._requested["jit_compile"] != "auto"
    if told_what or strategy_of(model) is not None or int(model.optimizer.iterations):
        return None
    batch = keras.tree.map_structure(ops.convert_to_tensor, batch)
    rule = model.jit_compile
    file = cache_folder() / "compilation" / f"{_key(model, batch)}.json"
    seconds = _remembered(file)
    if seconds is None:
        first = _seconds(model, batch, rule)
        if first * steps < long:
            return None
        compiler = COMPILER[keras.backend.backend()]
        say(f"Measuring whether {compiler} shortens a step, once for these networks on this machine")
        other = _seconds_if_it_compiles(model, batch, not rule, say)
        if other is None:
            return None
        seconds = {rule: first, not rule: other}
        _remember(file, seconds)
    elif seconds[rule] * steps < long:
        return None
    _train_with(model, rule if seconds[not rule] > BETTER * seconds[rule] else not rule)
    return seconds


def told(seconds, chosen):
    """What was measured and chosen, in a line."""
    name, ways = COMPILER[keras.backend.backend()], {True: "with", False: "without"}
    return (
        f"{name}: {1000 * seconds[True]:.3g} ms a step with it, {1000 * seconds[False]:.3g} without; trains "
        f"{ways[chosen]} it"
    )


def _seconds_if_it_compiles(model, batch, compiled, say):
    """The seconds of a step; None where PyTorch cannot compile it, which is told and not remembered."""
    try:
        return _seconds(model, batch, compiled)
    except Exception as error:
        # Of many kinds: no compiler on the machine, a gradient of a gradient, a bug of torch.compile.
        if keras.backend.backend() != "torch":
            raise
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        say(f"torch.compile cannot compile this step, which trains without it ({why})")
        return None


def _seconds(model, batch, compiled):
    """The least seconds of a step, after which the model is what it was before."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    values = [ops.copy(variable) for variable in variables]
    way, executed = model.jit_compile, model.steps_per_execution
    model.steps_per_execution = 1
    _train_with(model, compiled)
    try:
        model.make_train_function()
        taken = []
        for _ in range(STEPS + 1):
            start = time.perf_counter()
            model.train_function([batch] if keras.backend.backend() == "torch" else iter([batch]))
            taken.append(time.perf_counter() - start)
        return min(taken[1:])
    finally:
        for variable, value in zip(variables, values):
            variable.assign(value)
        model.steps_per_execution = executed
        _train_with(model, way)


def _train_with(model, compiled):
    model.jit_compile = compiled
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
        [version(package) for package in ("kerasgen", "keras", keras.backend.backend())],
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
