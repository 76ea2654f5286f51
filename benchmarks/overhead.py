"""What of a training is no computing: Python, callbacks, logging, metrics; and what pictures take of an epoch.

    python -m benchmarks overhead

**A step.** `Idle` is the MLP VAE whose step does nothing: its networks, weights and optimizer go through the engine's
loop, its logs through `log`, the means and the watch over numbers that are not finite, and nothing is differentiated.
Milliseconds a step, each of medians over epochs:

    step        the MLP VAE, `fit` on one batch that stays where it is, without callbacks; what `fit` does before its
                first step is in it, and in "loop", shared out among as many steps as MNIST has
    whole       the MLP VAE, `fit` on `data.train`, and its callbacks: what a user waits for
    loop        Idle on the batch that stays: Python of Keras and the engine, logs, means, the watch
    callbacks   what the methods of callbacks take while Idle trains on `data.train`: those of `kerasgen train` (hints,
                history, checkpoint, progress) but for pictures, learning curves among them, which have a share of
                their own. What they do once an epoch is shared out among the 938 steps of an epoch of MNIST
    input       the rest of that training beyond the loop: `data.train`, and handing its batches on
    input alone `data.train` iterated with no model

The share of a step that is no computing is `(loop + callbacks) / whole`.

**Pictures.** `kerasgen train` of a preset with its defaults, stopped after a few epochs; each callback's methods are
timed. As presets draw every few epochs, whole cycles are counted, the first left out, which compiles.
"""

import contextlib
import datetime
import pathlib
import statistics
import tempfile

from benchmarks import children, machine

BATCH, STEPS_OF_MNIST = 64, 938
PRESETS = ("vae_mnist", "vae_mnist_2d")
#: Shares that are aimed at: of the step, and of the epoch.
STEP_TARGET, PICTURES_TARGET = 0.05, 0.10


# ---- jobs: each in a process of its own


def idle_vae():
    """The MLP VAE of `systems.py` whose train step does nothing."""
    from benchmarks.systems import SYSTEMS
    from kerasgen.engine.not_finite import NOT_FINITE
    from kerasgen.models import VAE

    class Idle(VAE):
        """Everything of a VAE but what its step computes."""

        def train_step(self, data):
            """Log numbers as a VAE does."""
            images, _, weights = self.unpack(data)
            pixel = images[0, 0, 0, 0]  # For it the batch must arrive where the step runs.
            terms = dict.fromkeys((*self.terms["autoencoder"], "loss"), pixel)
            watched = [(index, name) for index, (_, name) in enumerate(self._watched)]
            self._trouble.update_state(self.optimizer.iterations + 1, terms, watched)
            self.optimizer.iterations.assign_add(1)
            return self.log({**terms, NOT_FINITE: self._trouble.result()}, images, weights)

    vae = SYSTEMS["mlp_vae"].build(SYSTEMS["mlp_vae"].shape, 0)
    return Idle(vae.encoder, vae.decoder, seed=0)


def steps(idle, steps_per_execution="auto", rounds=4, count=STEPS_OF_MNIST):
    """Milliseconds a step of the MLP VAE, or of Idle: on a batch that stays, and on MNIST with callbacks."""
    import kerasgen
    from benchmarks.clock import Clock
    from benchmarks.feeding import resident as repeated
    from benchmarks.systems import SYSTEMS
    from kerasgen_cli import progress

    def model():
        made = idle_vae() if idle else SYSTEMS["mlp_vae"].build(SYSTEMS["mlp_vae"].shape, 0)
        made.compile(steps_per_execution=steps_per_execution)
        return made

    alone = model()
    alone.fit(repeated((28, 28, 1), count), verbose=0)
    still = [
        1000 * children.timed(lambda: alone.fit(repeated((28, 28, 1), count), verbose=0)) / count for _ in range(rounds)
    ]
    images = _mnist(count)
    trained, clock = model(), Clock()
    with tempfile.TemporaryDirectory(prefix="kerasgen-run-") as folder, progress.training() as display:
        callbacks = [*_standard(kerasgen.callbacks, folder), display]
        trained.fit(images, epochs=rounds + 2, verbose=0, callbacks=clock.watch(callbacks))
    epochs = clock.epochs[1:-1]  # The first compiles, the last draws.
    return {
        "resident": children.summary(still),
        "beside_callbacks": children.summary([1000 * _beside_callbacks(epoch) / count for epoch in epochs]),
        "callbacks": {name: _of_step(epochs, name, count) for name in epochs[-1]["callbacks"]},
        "logs": sorted(trained.history.history),
        "steps_per_execution": trained.steps_per_execution,
        "xla": bool(trained.jit_compile),
    }


def _standard(callbacks, folder):
    """The callbacks that `kerasgen train` has, but for pictures: the curves are drawn after the last epoch alone."""
    return [callbacks.TrainingHints(), callbacks.LearningCurves(folder, every=10**9), callbacks.Checkpoint(folder)]


def _beside_callbacks(epoch):
    """Seconds of an epoch in which no callback works."""
    return epoch["seconds"] - sum(sum(taken.values()) for taken in epoch["callbacks"].values())


def _of_step(epochs, name, count):
    """Milliseconds that a callback takes of a step: of a batch, and its part of an epoch of MNIST."""
    taken = [epoch["callbacks"].get(name, {"batch": 0.0, "epoch": 0.0}) for epoch in epochs]
    return {
        "batch": 1000 * statistics.mean(each["batch"] for each in taken) / count,
        "epoch": 1000 * statistics.mean(each["epoch"] for each in taken) / STEPS_OF_MNIST,
    }


def input_alone(rounds=4, count=STEPS_OF_MNIST):
    """Milliseconds a batch of iterating `data.train` of MNIST, which is in memory."""
    images = _mnist(count)

    def epoch():
        for _ in images:
            pass

    epoch()
    return children.summary([1000 * children.timed(epoch) / count for _ in range(rounds)])


def _mnist(steps):
    """So many batches of MNIST's `data.train`, or all."""
    import kerasgen

    data = kerasgen.datasets.load("mnist", batch_size=BATCH)
    if steps >= STEPS_OF_MNIST:
        return data.train
    return kerasgen.datasets.load(data.arrays("train", steps * BATCH), batch_size=BATCH).train


def pictures(preset, cycles=2, count=None):
    """Seconds of epochs of `kerasgen train`, and of its callbacks; of the first `count` images of MNIST, or all."""
    import keras

    import kerasgen
    from benchmarks.clock import Clock
    from kerasgen.engine.model import GenerativeModel
    from kerasgen_cli import progress

    config = kerasgen.presets.get(preset)
    every = config.get("pictures_every") or max(1, config["epochs"] // 12)
    last, clock, fit = every * (1 + cycles), Clock(), GenerativeModel.fit

    def watched_fit(model, *arguments, callbacks, **named):
        return fit(model, *arguments, callbacks=clock.watch(callbacks), **named)

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch + 1 == last

    with tempfile.TemporaryDirectory(prefix="kerasgen-run-") as made, contextlib.ExitStack() as stack:
        folder = pathlib.Path(made)
        if count is not None:
            config["dataset"] = {**config["dataset"], "name": _part(config["dataset"]["name"], count, folder)}
        GenerativeModel.fit = watched_fit
        stack.callback(setattr, GenerativeModel, "fit", fit)
        display = stack.enter_context(progress.training())
        run = kerasgen.runs.train(config, folder / "run", callbacks=[display, Stop()], verbose=0)
        known = [name for name in clock.epochs[-1]["callbacks"] if _draws(kerasgen.callbacks, name)]
        return {
            "every": every,
            "steps": -(-run.data.sizes["train"] // config["dataset"]["batch_size"]),
            "epochs": clock.epochs,
            "counted": cycles * every,
            "pictures": known,
            "end": clock.end,
            "frames": len(list((folder / "run/pictures").glob("*/*.png"))),
            "steps_per_execution": run.model.steps_per_execution,
            "xla": bool(run.model.jit_compile),
        }


def _draws(callbacks, name):
    kind = getattr(callbacks, name, None)
    return kind is not None and issubclass(kind, callbacks.PictureCallback)


def _part(name, count, folder):
    """The first images of a set as an `.npz` file."""
    import numpy as np

    import kerasgen

    data = kerasgen.datasets.load(name)
    arrays = {}
    for split, most in (("train", count), ("test", max(200, count // 6))):
        images, labels = data.arrays(split, most)
        arrays |= {f"x_{split}": np.rint(255 * images).astype("uint8"), f"y_{split}": labels}
    np.savez(folder / "part.npz", **arrays)
    return str(folder / "part.npz")


# ---- all of them


def measure(scale=1.0):
    """Measure all.

    Args:
        scale: float. Below 1: fewer images and rounds, for a trial.

    Returns:
        Dict of plain values, which `table` takes.
    """
    some = scale < 1
    rounds, cycles = (2, 1) if some else (4, 2)
    count = max(20, round(STEPS_OF_MNIST * scale))
    results = {
        "date": datetime.date.today().isoformat(),
        "scale": scale,
        "machine": machine.describe(),
        "protocol": {"batch": BATCH, "rounds": rounds, "steps": count, "cycles": cycles},
        "input_alone": _run("input_alone", rounds=rounds, count=count),
        "steps": [],
    }
    for backend in machine.backends():
        # PyTorch runs one step an execution, whatever is asked for.
        for asked in ("auto", 1) if backend != "torch" else ("auto",):
            asks = {"steps_per_execution": asked, "rounds": rounds, "count": count}
            results["steps"].append(
                {
                    "backend": backend,
                    "asked": asked,
                    "idle": _run("steps", backend, idle=True, **asks),
                    "vae": _run("steps", backend, idle=False, **asks),
                }
            )
    images = BATCH * count if some else None
    results["pictures"] = {preset: _run("pictures", preset=preset, cycles=cycles, count=images) for preset in PRESETS}
    return results


def _run(job, backend="tensorflow", **arguments):
    return children.run(__name__, job, backend, **arguments)


def parts(row):
    """Milliseconds a step of one row of `results["steps"]`, as the head of this file names them, and the share."""
    idle, vae = row["idle"], row["vae"]
    loop, callbacks = idle["resident"]["median"], _callbacks(idle)
    whole = vae["beside_callbacks"]["median"] + _callbacks(vae)
    return {
        "step": vae["resident"]["median"],
        "whole": whole,
        "loop": loop,
        "callbacks": callbacks,
        "input": idle["beside_callbacks"]["median"] - loop,
        "share": (loop + callbacks) / whole,
    }


def _callbacks(measured):
    return sum(sum(each.values()) for each in measured["callbacks"].values())


def epoch_of(run):
    """Seconds of a mean epoch of one of `results["pictures"]`, of its pictures, of each callback; and their share."""
    counted = run["epochs"][-run["counted"] :]

    def mean(name):
        taken = [epoch["callbacks"].get(name, {}) for epoch in counted]
        return statistics.mean(sum(each.values()) for each in taken)

    callbacks = {name: mean(name) for name in counted[-1]["callbacks"]}
    seconds = statistics.mean(epoch["seconds"] for epoch in counted)
    drawing = sum(callbacks[name] for name in run["pictures"])
    return {"seconds": seconds, "pictures": drawing, "callbacks": callbacks, "share": drawing / seconds}


def table(results):
    """The results in Markdown."""
    lines = [
        "| backend | steps an execution | step | whole | loop | callbacks | input | share that is no computing |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results["steps"]:
        each = parts(row)
        times = " | ".join(f"{each[name]:.3f} ms" for name in ("step", "whole", "loop", "callbacks", "input"))
        steps = row["vae"]["steps_per_execution"]
        lines.append(
            f"| {row['backend']} | {steps}{' (default)' if row['asked'] == 'auto' else ''} | {times} "
            f"| {100 * each['share']:.1f}% |"
        )
    protocol = results["protocol"]
    lines += [
        "",
        f"Of a step of the MLP VAE, 28x28, batch {protocol['batch']}; medians of {protocol['rounds']} epochs of "
        f"{protocol['steps']} steps. Step: on one batch that stays where it is, without callbacks. Whole: on MNIST, "
        "with the callbacks of `kerasgen train` but for pictures. Loop: the same as step, of a model whose step does "
        "nothing: Python, logs, means, the watch over numbers that are not finite. Callbacks: their own time, what "
        "they do once an epoch shared out among its 938 steps. Input: what training that model on MNIST takes beyond "
        f"both (`data.train` alone: {results['input_alone']['median']:.3f} ms a batch). The share is loop and "
        f"callbacks over whole; aimed at are less than {100 * STEP_TARGET:.0f}%.",
        "",
        "| preset | pictures every | seconds an epoch | pictures | share | dearest callbacks | GIFs at the end |",
        "|---|---|---|---|---|---|---|",
    ]
    for preset, run in results["pictures"].items():
        each = epoch_of(run)
        dearest = sorted(each["callbacks"].items(), key=lambda item: -item[1])[:4]
        epochs = "epoch" if run["every"] == 1 else f"{run['every']} epochs"
        end = sum(run["end"].get(name, 0.0) for name in run["pictures"])
        lines.append(
            f"| `{preset}` | {epochs} | {each['seconds']:.1f} | {each['pictures']:.2f} | {100 * each['share']:.1f}% "
            f"| {', '.join(f'{name} {seconds:.2f} s' for name, seconds in dearest)} "
            f"| {end:.1f} s of {run['frames']} pictures |"
        )
    lines += [
        "",
        "Means an epoch of `kerasgen train` with its defaults on TensorFlow, validation on the test images included; "
        f"{protocol['cycles']} times the epochs from one picture to the next, after as many that are left out. Aimed "
        f"at are less than {100 * PICTURES_TARGET:.0f}% of an epoch for pictures.",
        "",
        f"{results['date']}, {machine.sentence(results['machine'])}",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    children.answer({job.__name__: job for job in (steps, input_alone, pictures)})
