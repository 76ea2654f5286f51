"""Measurements in processes of their own: what one leaves behind in memory, caches and threads is none of the next.

A module of measurements names its jobs, functions of plain values that return plain values:

    if __name__ == "__main__":
        children.answer({"feed": feed})

and `children.run("benchmarks.feeding", "feed", ...)` runs one of them in a new Python.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]


def run(module, job, backend="tensorflow", **arguments):
    """Run a job of a module in a new process.

    Args:
        module: str. Dotted name of the module.
        job: str. Name of the job.
        backend: str. The backend of Keras there.
        **arguments: What the job takes; JSON must have words for it.

    Returns:
        What the job returns.

    Raises:
        RuntimeError: If the process ends with an error, whose last lines the message holds.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-m", module, job, json.dumps(arguments)],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"{module} {job} ended with an error:\n{done.stderr[-3000:]}\nReceived: {backend}, {arguments}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def answer(jobs):
    """Do the job that the command line names, and print what it returns as the last line."""
    job, arguments = sys.argv[1:]
    result = jobs[job](**json.loads(arguments))
    print(f"\n{json.dumps(result)}", flush=True)


def timed(function):
    """The seconds of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def summary(values):
    """Median, least and greatest of several rounds."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "rounds": len(values)}
