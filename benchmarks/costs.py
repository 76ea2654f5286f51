"""What a train step costs against batch size, image size, critic steps, the size of the set, and devices.

Each point is a loop in a process of its own (`loop.py`), those of a series take turns. A straight line goes through the
first and the last point of a series: how far the others are from it says how linear the cost is.
"""

import contextlib

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from benchmarks import machine
from benchmarks.loop import Loop, take_turns

ROUNDS = 5
#: A thread a device, so that the first one does not take all cores.
ONE_CORE = "--xla_cpu_multi_thread_eigen=false"


def devices(count):
    """The environment of so many devices of JAX."""
    return {"XLA_FLAGS": f"{ONE_CORE} --xla_force_host_platform_device_count={count}"}


#: Title, what x is, the system, and for each x what the loop gets.
SERIES = {
    "batch": {
        "title": "Batch size (MLP VAE)",
        "x": "images a step",
        "system": "mlp_vae",
        "points": {batch: {"batch": batch, "steps": 6400 // batch} for batch in (16, 64, 128, 256, 512, 1024)},
    },
    "convolutional batch": {
        "title": "Batch size (convolutional VAE 64x64x3)",
        "x": "images a step",
        "system": "conv_vae",
        "points": {batch: {"batch": batch, "steps": 640 // batch} for batch in (8, 16, 32, 64, 128)},
    },
    "size": {
        "title": "Image size (convolutional VAE, 16 images)",
        "x": "pixels",
        "system": "conv_vae",
        "points": {size**2: {"size": size, "batch": 16, "steps": 20} for size in (32, 64, 96, 128)},
    },
    "critic steps": {
        "title": "Critic steps (WGAN-GP, 16 images each)",
        "x": "critic steps a train step",
        "system": "wgan_gp",
        "points": {count: {"critic_steps": count, "batch": 16, "steps": 10} for count in (1, 2, 3, 4, 5)},
    },
    "images": {
        "title": "Size of the set (MLP VAE)",
        "x": "images an epoch",
        "system": "mlp_vae",
        "points": {64 * steps: {"steps": steps} for steps in (20, 100, 200, 400, 800)},
        "of_epoch": True,
    },
    "devices": {
        "title": "Devices that JAX makes of a CPU",
        "x": "devices",
        "system": "conv_vae",
        "backend": "jax",
        "points": {count: {"devices": count, "steps": 5, "environment": devices(count)} for count in (1, 2, 4)},
    },
}


def measure(rounds=ROUNDS, series=SERIES):
    """The times.

    Returns:
        Dict: "machine", "rounds", "series", name -> "x", "ms", both lists: of a step, or of an epoch.
    """
    found = {}
    for name, each in series.items():
        backend = each.get("backend", "tensorflow")
        if backend not in machine.backends():
            continue
        with contextlib.ExitStack() as stack:
            loops = {
                x: stack.enter_context(Loop(each["system"], "kerasgen", backend, **options))
                for x, options in each["points"].items()
            }
            taken = take_turns(loops, rounds)
        times = {x: each["points"][x]["steps"] if each.get("of_epoch") else 1 for x in loops}
        found[name] = {"x": list(loops), "ms": [times[x] * min(taken[x]) for x in loops]}
        print(name, found[name], flush=True)
    return {"machine": machine.describe(), "rounds": rounds, "series": found}


def line(x, ms):
    """Offset and slope of the straight line through the ends, and its largest relative error in between."""
    slope = (ms[-1] - ms[0]) / (x[-1] - x[0])
    offset = ms[0] - slope * x[0]
    errors = [offset / value + slope * at / value - 1 for at, value in zip(x, ms)]
    return offset, slope, max(errors, key=abs)


def table(results):
    """Markdown."""
    lines = ["![What a step costs](costs.png)", "", "| | milliseconds at | |", "|---|---|---|"]
    for name, found in results["series"].items():
        times = ", ".join(f"{x:,}: {ms:.3g}" for x, ms in zip(found["x"], found["ms"]))
        offset, slope, error = line(found["x"], found["ms"])
        law = f"{offset:.3g} + {slope:.3g} x, within {100 * abs(error):.0f}%"
        if name == "devices":
            first = found["ms"][0]
            law = "speed-up " + ", ".join(f"{first / ms:.2f}" for ms in found["ms"])
        lines.append(f"| {SERIES[name]['title']} | {times} | {law} |")
    lines += [
        "",
        f"Best of {results['rounds']} turns of each point; x is what the column before it counts. The line goes "
        "through the first and the last point. JAX computes these convolutions on one core, and what it makes of a CPU "
        "are devices to try programs on: they do not share its cores. Processes of PyTorch do, and the tutorial "
        "`18_many_devices` measures them.",
        machine.sentence(results["machine"]),
    ]
    return "\n".join(lines) + "\n"


def figure(results):
    """All series, one a panel, with their lines."""
    drawn, axes = plt.subplots(2, 3, figsize=(11, 6.5), layout="constrained")
    for axis, (name, found) in zip(axes.flat, results["series"].items()):
        x, ms = np.array(found["x"]), np.array(found["ms"])
        axis.plot(x, ms, "o", label="measured")
        if name == "devices":
            axis.plot(x, ms[0] / x, "-", label="a share each")
        else:
            offset, slope, _ = line(found["x"], found["ms"])
            axis.plot(x, offset + slope * x, "-", label="line through the ends")
        axis.set(title=SERIES[name]["title"], xlabel=SERIES[name]["x"], ylim=(0, None))
        axis.title.set_fontsize(9)
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axis.set_ylabel("ms an epoch" if SERIES[name].get("of_epoch") else "ms a step")
        axis.legend(frameon=False, fontsize=8)
    return drawn
