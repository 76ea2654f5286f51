"""One loop in a process of its own: it makes its first step, then a turn of some steps each time that it is told to.

    python -m benchmarks.loop dcgan kerasgen            # on the backend of KERAS_BACKEND
    python -m benchmarks.loop dcgan keras               # plain Keras on TensorFlow
    python -m benchmarks.loop dcgan channels_last       # by hand in PyTorch; or eager, compiled

`Loop` is the other side: it starts such a process, and asks it. All loops read the same random images in
shuffled batches.
kerasgen's is `model.fit` on what `kerasgen.datasets.load` gives, with the defaults of `compile()`, for a long training:
whether XLA pays is measured first, as `fit` does it.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
#: Steps of a training that is long enough for `fit` to measure what pays.
LONG = 10**9
MARK = "@benchmark "


class Loop:
    """A loop in a process of its own.

    Attributes:
        start_seconds: From the start of the process to the end of the first step.
        about: What the loop says of itself: `operations` and `moves` of kerasgen's, how it was compiled.
    """

    def __init__(self, system, contestant, backend=None, environment=None, **options):
        named = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
        others = {"TF_CPP_MIN_LOG_LEVEL": "3", **(environment or {})}
        if backend is not None:
            others["KERAS_BACKEND"] = backend
        # Open as long as the loop.
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.loop", system, contestant, *named],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=ROOT,
            env={**os.environ, **others},
            encoding="utf-8",
        )
        self._hear()
        self.start_seconds = time.perf_counter() - started
        self.about = None

    def warm_up(self):
        """Let it choose, compile and do a turn, which does not count."""
        self.about = self._ask("warm up")

    def turn(self):
        """Seconds a step, of a turn of steps."""
        return self._ask("turn")["seconds"]

    def close(self):
        """End it; its peak memory in bytes."""
        peak = self._ask("end")["peak_bytes"]
        self._process.communicate()
        return peak

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def _ask(self, what):
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self):
        for line in self._process.stdout:
            if line.startswith(MARK):
                return json.loads(line.removeprefix(MARK))
        self._process.wait()
        self._said.seek(0)
        raise RuntimeError(f"The loop {' '.join(self._process.args[2:])} ended: {self._said.read()[-2000:]}")


def take_turns(loops, rounds):
    """Milliseconds a step of each turn of each of some loops, which take turns after each has warmed up.

    Args:
        loops: Dict from anything to `Loop`.
        rounds: int. Turns of each.

    Returns:
        Dict from the same to a list.
    """
    for loop in loops.values():
        loop.warm_up()
    taken = {key: [] for key in loops}
    for _ in range(rounds):
        for key, loop in loops.items():
            taken[key].append(1000 * loop.turn())
    return taken


def kerasgen_loop(system, images, batch):
    """One step; what there is to say; a turn."""
    import keras

    import kerasgen

    model = system.model(images.shape[1:])
    model.fit(images[:batch], batch_size=batch, verbose=0)
    data = kerasgen.datasets.load((images, np.zeros(len(images), "int32")), batch_size=batch, drop_remainder=True)

    def warm_up():
        nonlocal model
        model = system.model(images.shape[1:])  # One that has trained goes on as it began.
        first = next(iter(data.train))
        seconds = kerasgen.engine.choosing.choose_compilation(model, first, LONG)
        model.fit(data.train, verbose=0)
        return {
            "operations": system.operations(model),
            "moves": system.moves(model),
            "jit_compile": model.jit_compile,
            "steps_per_execution": model.steps_per_execution,
            "seconds_compiled_and_not": seconds and [seconds[way] for way in (True, False)],
            "keras": keras.__version__,
        }

    return warm_up, lambda: model.fit(data.train, verbose=0)


def keras_loop(name, images, batch):
    """The same in plain Keras."""
    import tensorflow as tf

    from benchmarks import by_hand_keras

    model = by_hand_keras.model(name, images.shape[1:])
    model.fit(images[:batch], batch_size=batch, verbose=0)
    data = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(batch, True).prefetch(2)

    def turn():
        model.fit(data, verbose=0)

    def warm_up():
        turn()
        return {"jit_compile": bool(model.jit_compile)}

    return warm_up, turn


def torch_loop(name, images, batch, variant):
    """The same by hand in PyTorch."""
    import torch

    from benchmarks import by_hand_torch

    _, step, incoming = by_hand_torch.steps(name, images.shape[1:], variant)
    images = incoming(images)
    step(images[:batch])

    def turn():
        for part in torch.randperm(len(images)).split(batch):
            step(images[part])

    def warm_up():
        turn()
        return {"torch": torch.__version__}

    return warm_up, turn


def main():
    """Build the loop, make a step, and do as told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("system")
    parser.add_argument("contestant", choices=("kerasgen", "keras", "eager", "channels_last", "compiled"))
    for number in ("steps", "batch", "size", "critic-steps", "devices"):
        parser.add_argument(f"--{number}", type=int)
    options = parser.parse_args()
    from benchmarks.systems import SYSTEMS

    if options.devices:
        import kerasgen

        kerasgen.devices.use(options.devices)
    system = SYSTEMS[options.system]
    system = dataclasses.replace(
        system, batch=options.batch or system.batch, critic_steps=options.critic_steps or system.critic_steps
    )
    steps, batch = options.steps or system.turn, system.images_of_step
    shape = (options.size, options.size, system.shape[2]) if options.size else system.shape
    images = np.random.default_rng(0).random((steps * batch, *shape), "float32")
    if options.contestant == "kerasgen":
        warm_up, turn = kerasgen_loop(system, images, batch)
    elif options.contestant == "keras":
        warm_up, turn = keras_loop(options.system, images, batch)
    else:
        warm_up, turn = torch_loop(options.system, images, batch, options.contestant)
    say({})
    for line in sys.stdin:
        if line.strip() == "warm up":
            say(warm_up())
        elif line.strip() == "turn":
            started = time.perf_counter()
            turn()
            say({"seconds": (time.perf_counter() - started) / steps})
        else:
            say({"peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss})
            break


def say(what):
    print(MARK + json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
