"""Time of a train step of each system beside PyTorch by hand, plain Keras by hand, and a floor.

Each loop has a process of its own, and they take turns, so that none disturbs another and all see the same drifts of
the machine. The floor is what the arithmetic and Adam's memory traffic cost at the speeds of a matrix product and of a
copy: no convolution reaches it.
"""

import contextlib
import statistics

from benchmarks import machine
from benchmarks.loop import Loop, take_turns
from benchmarks.systems import SYSTEMS

#: By hand in PyTorch; the best of them is what ratios refer to.
VARIANTS = ("eager", "channels_last", "compiled")
#: Starts of each loop, whose quickest counts.
STARTS = 1
#: Bytes that Adam moves for a weight: it, its gradient and two moments are read, all but the gradient written.
ADAM = 4 * 7


def contestants(name):
    """`(contestant, backend)` of each loop of a system."""
    ours = [("kerasgen", backend) for backend in machine.backends()]
    keras = [("keras", "tensorflow")] if "tensorflow" in machine.backends() else []
    # A memory format of maps: there are none in a network of dense layers.
    variants = [each for each in VARIANTS if name != "mlp_vae" or each != "channels_last"]
    return ours + keras + ([(each, "torch") for each in variants] if "torch" in machine.backends() else [])


def measure(names=SYSTEMS, rounds=9, steps=None):
    """The times of some systems.

    Returns:
        Dict from name to "machine", "rounds", "floor_ms", "images" of a step, and "loops", a list.
    """
    here = machine.describe()
    return {name: of_system(name, here, rounds, steps) for name in names}


def of_system(name, here, rounds, steps):
    starts, found = {}, []
    with contextlib.ExitStack() as stack:
        loops = {}
        for key in contestants(name):
            loops[key], starts[key] = started(stack, name, *key, steps)
        taken = take_turns(loops, rounds)
        for (contestant, backend), loop in loops.items():
            ms = taken[contestant, backend]
            found.append(
                {
                    "contestant": contestant,
                    "backend": backend,
                    "best_ms": min(ms),
                    "median_ms": statistics.median(ms),
                    "ms": ms,
                    "first_step_seconds": starts[contestant, backend],
                    "peak_bytes": loop.close(),
                    "about": loop.about,
                }
            )
            print(f"{name}: {contestant} on {backend} {min(ms):.4g} ms, median {statistics.median(ms):.4g}", flush=True)
    ours = next(loop["about"] for loop in found if loop["contestant"] == "kerasgen")
    floor = ours["operations"] / (1e9 * here["gflops"]) + ADAM * ours["moves"] / (1e9 * here["copy_gb"])
    images = SYSTEMS[name].images_of_step
    return {"machine": here, "rounds": rounds, "floor_ms": 1000 * floor, "images": images, "loops": found}


def started(stack, name, contestant, backend, steps):
    """A loop that has made its first step, and the seconds of the quickest start."""
    seconds = []
    for _ in range(STARTS - 1):
        with Loop(name, contestant, backend, steps=steps) as once:
            seconds.append(once.start_seconds)
    loop = stack.enter_context(Loop(name, contestant, backend, steps=steps))
    seconds.append(loop.start_seconds)
    print(f"{name}: {contestant} on {backend}, first step after {min(seconds):.1f} s", flush=True)
    return loop, min(seconds)


def best(results, contestant, backend=None):
    """The quickest loop of a contestant, by its best turn; None where there is none."""
    loops = [
        loop
        for loop in results["loops"]
        if (loop["contestant"] in VARIANTS if contestant == "torch" else loop["contestant"] == contestant)
        and backend in (None, loop["backend"])
    ]
    return min(loops, key=lambda loop: loop["best_ms"], default=None)


def _ms(value):
    return f"{value:,.0f} ms" if value >= 1000 else f"{value:.3g} ms"


def table(results):
    """Markdown: the ratios of all systems, then each system's loops."""
    lines = [
        "| best step beside PyTorch's best | by hand in PyTorch | kerasgen on TensorFlow | on JAX | on PyTorch "
        "| plain Keras | floor |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in results.items():
        yardstick = best(found, "torch")
        cells = [f"{_ms(yardstick['best_ms'])} ({yardstick['contestant'].replace('_', ' ')})"]
        for contestant, backend in (*(("kerasgen", each) for each in machine.BACKENDS), ("keras", "tensorflow")):
            loop = best(found, contestant, backend)
            ratio = loop and f"{loop['best_ms'] / yardstick['best_ms']:.2f} ({_ms(loop['best_ms'])})"
            cells.append(ratio or "")
        cells.append(f"{found['floor_ms'] / yardstick['best_ms']:.2f}")
        lines.append(f"| {SYSTEMS[name].title} | {' | '.join(cells)} |")
    turns = sorted({found["rounds"] for found in results.values()})
    lines += [
        "",
        f"{' or '.join(map(str, turns))} turns of each loop, in turn, each of some seconds: the quickest turn of each "
        "beside PyTorch's quickest. Defaults of `compile()`. The first step is counted from the start of the process; "
        "what PyTorch has compiled lay in its cache then.",
    ]
    lines.append(machine.sentence(*(found["machine"] for found in results.values())))
    for name, found in results.items():
        yardstick = best(found, "torch")["best_ms"]
        lines += [
            "",
            f"**{SYSTEMS[name].title}**, {found['images']} images a step",
            "",
            "| | best step | median | best / PyTorch's best | images a second | first step after | peak memory |",
            "|---|---|---|---|---|---|---|",
        ]
        for loop in sorted(found["loops"], key=lambda loop: loop["best_ms"]):
            lines.append(
                f"| {_called(loop)} | {_ms(loop['best_ms'])} | {_ms(loop['median_ms'])} "
                f"| {loop['best_ms'] / yardstick:.2f} | {1000 * found['images'] / loop['best_ms']:,.0f} "
                f"| {loop['first_step_seconds']:.1f} s | {loop['peak_bytes'] / 1e6:,.0f} MB |"
            )
    return "\n".join(lines) + "\n"


def _called(loop):
    if loop["contestant"] == "kerasgen":
        xla = " with XLA" * (loop["backend"] == "tensorflow" and loop["about"]["jit_compile"])
        return f"kerasgen on {NAMES[loop['backend']]}{xla}"
    if loop["contestant"] == "keras":
        return "plain Keras on TensorFlow" + " with XLA" * loop["about"]["jit_compile"]
    return f"PyTorch by hand, {loop['contestant'].replace('_', ' ')}"


NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
