"""What a time depends on beside the code: the machine, and the versions of packages.

Imports no backend, so that the process that starts measurements stays small.
"""

import os
import platform
import statistics
import time
from importlib import metadata

import numpy as np

#: Packages whose versions stand beside figures, where they are installed.
PACKAGES = (
    "kerasgen",
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "tensorflow-datasets",
    "numpy",
    "scikit-learn",
    "matplotlib",
    "pillow",
)
#: Backend of Keras -> the package that it needs.
BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


def describe():
    """The machine and the versions.

    Returns:
        Dict: "processor" and "cores"; "gflops", of a float32 matrix product of NumPy; "copy_gb", gigabytes that a copy
        reads and writes a second; "load", the processes that wanted a core in the last minute (None where the system
        does not say), by which a reader sees whether the machine was idle; "python", "versions".
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "gflops": round(gflops(), 1),
        "copy_gb": round(copy_gb(), 1),
        "load": None if load is None else round(load, 2),
        "python": platform.python_version(),
        "versions": versions(),
    }


def sentence(*machines):
    """What `describe` gave, in a line for a page: once for a machine that was described several times."""
    lines = {}
    for machine in machines:
        known = (machine["processor"], machine["cores"], machine["python"], *machine["versions"].items())
        lines.setdefault(known, []).append(machine)
    return " ".join(_line(alike) for alike in lines.values())


def _line(alike):
    first = alike[0]
    versions = ", ".join(f"{package} {version}" for package, version in first["versions"].items())
    rate, copy = (_range([machine[key] for machine in alike]) for key in ("gflops", "copy_gb"))
    return (
        f"{first['processor']}, {first['cores']} cores, {rate} GFLOP/s (float32 matrix product), "
        f"{copy} GB/s (copy); Python {first['python']}, {versions}."
    )


def _range(values):
    texts = dict.fromkeys(f"{value:.0f}" for value in (min(values), max(values)))
    return " to ".join(texts)


def backends():
    """The backends of Keras whose packages are installed."""
    return [backend for backend, package in BACKENDS.items() if _version(package)]


def processor():
    """The processor's name; where it is a family's, with the numbers that tell its members apart."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file.read().partition("\n\n")[0].splitlines() if ":" in line)
    except OSError:
        return platform.processor() or platform.machine()
    values = {name.strip(): value.strip() for name, value in lines.items()}
    if "model name" not in values:
        return platform.machine()
    return f"{values['model name']} (family {values.get('cpu family', '?')}, model {values.get('model', '?')})"


def versions():
    """Package -> version, of those that are installed."""
    return {package: found for package in PACKAGES if (found := _version(package))}


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def gflops(size=1024, rounds=15):
    """Billions of operations a second of a float32 matrix product in NumPy, an addition counted as one."""
    first, second = np.random.default_rng(0).standard_normal((2, size, size)).astype("float32")
    return 2 * size**3 / _seconds(lambda: first @ second, rounds) / 1e9


def copy_gb(size=2**25, rounds=15):
    """Gigabytes that a copy reads and writes a second."""
    source, target = np.ones(size, "float32"), np.empty(size, "float32")
    return 2 * source.nbytes / _seconds(lambda: np.copyto(target, source), rounds) / 1e9


def _seconds(function, rounds):
    """The median of the quicker half of the calls: what the machine does where nothing disturbs it."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return statistics.median(sorted(taken)[: (rounds + 1) // 2])
