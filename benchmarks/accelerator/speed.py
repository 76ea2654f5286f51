"""Images a second: of kerasgen as a user calls it, of the same step without its input, and of PyTorch by hand."""

import itertools
import time

import keras
import numpy as np

from benchmarks.accelerator import device
from benchmarks.systems import SYSTEMS

#: Of Keras's policies, the type that products are done in.
TYPES = {"float32": "float32", "mixed_bfloat16": "bfloat16"}
#: Rows of the matrices whose product gives the card's rate.
ROWS = 8192


class Epochs(keras.callbacks.Callback):
    """Times epochs, from the second on, and stops the training when they took so many seconds."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.of_epochs = seconds, []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        device.wait()
        if epoch:
            self.of_epochs.append(time.perf_counter() - self.start)
        # Three at least, as the first timed one may still be slower.
        self.model.stop_training = len(self.of_epochs) >= 3 and sum(self.of_epochs) >= self.seconds


def images_of(system, count, small):
    """Random images, and the shape of one; small ones cost a CPU less."""
    height, _, channels = system.shape
    side = 16 if small and height > 28 else height
    return np.random.default_rng(1).random((count, side, side, channels), "float32")


def rates(settings, report):
    """The card's matrix rate in each type: dict."""
    device.allow_tf32(True)
    report("rounding of float32", device.rounding())
    rows = 256 if settings["small"] else ROWS
    found = {kind: device.matrix_rate(kind, rows, settings["seconds"] / 4) for kind in TYPES.values()}
    report("matrix rate", {"rows": rows, "operations a second": found})
    return found


def of_kerasgen(settings, report):
    """Each system by `fit` on arrays, several steps an execution first: what `compile` takes by itself."""
    rate, steps = rates(settings, report), (20, 1) if device.on_jax() else (1,)
    for steps_per_execution, policy in itertools.product(steps, TYPES):
        for name in settings["systems"]:
            key = f"{policy}, {steps_per_execution} steps an execution"
            if report.time_left() < settings["seconds"] * 4:
                report("systems", name, key, {"skipped": "no time was left"})
                continue
            found = report.tried(one, SYSTEMS[name], policy, steps_per_execution, settings, rate[TYPES[policy]])
            report("systems", name, key, found)


def one(system, policy, steps_per_execution, settings, rate):
    """One system in one precision."""
    batch = 8 * system.critic_steps if settings["small"] else system.images_of_step
    images = images_of(system, batch * settings["steps"], settings["small"])
    started = time.perf_counter()
    model = build(system, policy, images.shape[1:], steps_per_execution)
    epochs = Epochs(settings["seconds"])
    model.fit(images, batch_size=batch, epochs=1000, verbose=0, callbacks=[epochs])
    total = time.perf_counter() - started
    of_step = float(np.median(epochs.of_epochs)) / settings["steps"]
    without = resident(model, images[:batch], settings["seconds"], settings["group"])
    operations = system.operations(model) * batch / system.images_of_step
    return {
        **figures(batch, of_step, without, operations, rate),
        "epochs timed": len(epochs.of_epochs),
        "seconds before": total - sum(epochs.of_epochs),
    }


def figures(batch, of_step, without, operations, rate):
    """What is told of a step: `of_step` and `without` its input, seconds."""
    return {
        "images a second": batch / of_step,
        "milliseconds a step": 1e3 * of_step,
        "milliseconds a step without input": 1e3 * without,
        "images a second without input": batch / without,
        "share of the matrix rate": operations / of_step / rate,
        "share of the matrix rate without input": operations / without / rate,
        "operations a step": operations,
        "batch": batch,
    }


def build(system, policy, shape, steps_per_execution=1):
    """The model of a system in a precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return system.model(shape, steps_per_execution=steps_per_execution)
    finally:
        keras.config.set_dtype_policy(before)


def resident(model, images, seconds, group=10):
    """Seconds of a step on a batch that lies on the device, by the function that `fit` has compiled.

    The model can do nothing else afterwards: on JAX its state has left its variables.
    """
    batch = (device.tensor(images),)
    many = model.steps_per_execution
    if device.on_jax():
        groups = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
        state = model._get_jax_state(**dict.fromkeys(groups, True), purge_model_variables=True)

        def execution():
            nonlocal state
            logs, state = model.train_function(state, itertools.repeat(batch))
            return logs
    else:

        def execution():
            return model.train_function([batch])

    return of_repeated(execution, seconds, group) / many


def of_repeated(function, seconds, group):
    """Seconds of a call, of calls in groups at whose end the device has done them."""
    device.wait(function())
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        for _ in range(group):
            last = function()
        device.wait(last)
        times.append((time.perf_counter() - begin) / group)
    return float(np.median(times))


def by_hand(settings, report):
    """Each system by hand in PyTorch, each variant, in float32 (TF32) and under autocast to bfloat16."""
    import torch

    rate = rates(settings, report)
    place = "cuda" if torch.cuda.is_available() else "cpu"
    for variant, policy in itertools.product(settings["variants"], TYPES):
        for name in settings["systems"]:
            key = f"{policy}, {variant}"
            if report.time_left() < settings["seconds"] * 4:
                report("systems", name, key, {"skipped": "no time was left"})
                continue
            found = report.tried(one_by_hand, name, variant, policy, place, settings, rate[TYPES[policy]])
            report("systems", name, key, found)


def one_by_hand(name, variant, policy, place, settings, rate):
    """One system by hand: from arrays in the host's memory, shuffled, and on a batch on the device."""
    import torch

    from benchmarks import by_hand_torch

    system = SYSTEMS[name]
    batch = 8 * system.critic_steps if settings["small"] else system.images_of_step
    images = images_of(system, batch * settings["steps"], settings["small"])
    dtype = None if policy == "float32" else torch.bfloat16
    started = time.perf_counter()
    _, step, incoming = by_hand_torch.steps(name, images.shape[1:], variant, place, dtype)
    first = incoming(images[:batch])
    with torch.enable_grad():
        for _ in range(3):
            step(first)
        device.wait()
        before = time.perf_counter() - started

        def epoch():
            order = np.random.permutation(len(images))
            for start in range(0, len(images), batch):
                step(incoming(images[order[start : start + batch]]))

        of_step = of_repeated(epoch, settings["seconds"], 1) / settings["steps"]
        without = of_repeated(lambda: step(first), settings["seconds"], settings["group"])
    # What a step costs is of the networks, which are the same by kerasgen.
    operations = system.operations(build(system, "float32", images.shape[1:])) * batch / system.images_of_step
    return {
        **figures(batch, of_step, without, operations, rate),
        "seconds before": before,
    }


def largest(settings, report):
    """The largest batch, doubled until the memory is full, by kerasgen; and how fast the largest is."""
    for policy, name in itertools.product(TYPES, settings["systems"]):
        if name == "mlp_vae":
            continue  # It would be bound by the host's memory.
        system, good, limit = SYSTEMS[name], None, None
        images = settings["first_batch"] * system.critic_steps
        while limit is None:
            if report.time_left() < 10:
                limit = "no time was left"
            elif images > settings["most_images"]:
                limit = f"no larger one was tried than {settings['most_images']}"
            else:
                found = report.tried(try_batch, system, policy, images, settings)
                limit = "memory" if found.get("out of memory") else found.get("error")
                good = good if limit else {"images": images, "images a second without input": found["rate"]}
                report("systems", name, policy, {"largest": good, "limit": limit, "tried": images})
                images *= 2
        report("systems", name, policy, {"largest": good, "limit": limit})


def try_batch(system, policy, count, settings):
    """Train on a batch of so many images."""
    images = images_of(system, count, settings["small"])
    model = build(system, policy, images.shape[1:])
    model.fit(images, batch_size=count, epochs=1, verbose=0)
    return {"rate": count / resident(model, images, 0.2, group=1)}
