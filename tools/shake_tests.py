"""Runs tests as other machines would: fewer vector units, one and two threads, and with other seeds.

    python tools/shake_tests.py                              # the suite, in every way
    python tools/shake_tests.py tests/layers -n 0            # what `pytest` takes
    python tools/shake_tests.py --ways sse4 seed1 -- tests/losses
    KERAS_BACKEND=torch python tools/shake_tests.py tests/layers

A sum of floats depends on how many are added at a time, hence on the processor. A test that holds for one order of
sums, or for one draw, says little: test another property, or derive its bound. Prints what failed where, and ends with
status 1 if anything did. What pytest said is in a temporary folder.

Where OPENBLAS_CORETYPE is set already, for a processor that needs it, it stays.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
# NumPy's own loops beyond its least processor; of these the ones of 512 bits.
BEYOND = np.show_config("dicts")["SIMD Extensions"].get("found", [])
WIDEST = [feature for feature in BEYOND if "512" in feature or feature == "X86_V4"]


def processor(onednn, openblas, xla, torch, mkl, numpy):
    """The environment in which the libraries use these vector units at most."""
    return {
        # TensorFlow asks the processor whether it has bfloat16, and not oneDNN, which then crashes.
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "ONEDNN_MAX_CPU_ISA": onednn,
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", openblas),
        "XLA_FLAGS": f"--xla_cpu_max_isa={xla}",
        "ATEN_CPU_CAPABILITY": torch,
        "MKL_CBWR": mkl,
        "NPY_DISABLE_CPU_FEATURES": " ".join(numpy),
    }


def threads(count):
    """The environment in which the libraries compute in this many threads."""
    libraries = ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")
    return {f"{library}_THREADS": str(count) for library in libraries}


WAYS = {
    "plain": {},
    "sse4": processor("SSE41", "Nehalem", "SSE4_2", "default", "COMPATIBLE", BEYOND),
    "avx": processor("AVX", "Sandybridge", "AVX", "default", "AVX", BEYOND),
    "avx2": processor("AVX2", "Haswell", "AVX2", "avx2", "AVX2", WIDEST),
    "no-onednn": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "one-thread": threads(1),
    "two-threads": threads(2),
    **{f"seed{number}": {"KERASGEN_TEST_SEED": str(number)} for number in (1, 2, 3)},
}


def main():
    """Run pytest in each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="Default: all")
    options, arguments = parser.parse_known_args()
    arguments = [argument for argument in arguments if argument != "--"]
    logs = pathlib.Path(tempfile.mkdtemp(prefix="kerasgen-shaken-"))
    failed = {}
    broken = False
    for way in options.ways:
        log = logs / f"{way}.txt"
        with log.open("w", encoding="utf-8") as file:
            command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
            status = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **WAYS[way]}, stdout=file, stderr=subprocess.STDOUT, check=False
            ).returncode
        said = log.read_text(encoding="utf-8", errors="replace")
        for test in re.findall(r"^(?:FAILED|ERROR) (\S+)", said, flags=re.MULTILINE):
            failed.setdefault(test, []).append(way)
        broken |= status != 0
        # A library may have the last word.
        counts = re.findall(r"^.*\b(?:passed|failed|errors?)\b.* in .*$", said, flags=re.MULTILINE)
        print(f"{way}: {(counts or said.strip().splitlines() or ['nothing'])[-1]}", flush=True)
    print("\nFailed:" if broken else "\nNothing failed.")
    for test, ways in sorted(failed.items()):
        print(f"  {test}: {', '.join(ways)}")
    print(f"What pytest said: {logs}")
    sys.exit(broken)


if __name__ == "__main__":
    main()
