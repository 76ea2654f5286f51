"""One part, as `tools/accelerator.py` starts it: it writes what it finds into `results.json` as soon as it is found."""

import gc
import importlib
import json
import pathlib
import sys
import time

from kerasgen import files

#: Part -> the module and the function that do it.
PARTS = {
    "jax-reference": ("checks", "reference"),
    "jax-checks": ("checks", "compare"),
    "jax-speed": ("speed", "of_kerasgen"),
    "jax-largest": ("speed", "largest"),
    "torch-reference": ("checks", "reference"),
    "torch-checks": ("checks", "compare"),
    "torch-speed": ("speed", "of_kerasgen"),
    "torch-by-hand": ("speed", "by_hand"),
    "training": ("training", "train"),
}


class Report:
    """Keeps what a part finds in the file, which the process that has started it leaves alone meanwhile.

        report("systems", "dcgan", "float32", {...})    # at results["parts"][PART]["results"]["systems"]["dcgan"]...

    Args:
        path: Path of the file.
        part: Name of the part.
        until: Time, as `time.time` says it, at which the part should be done.
    """

    def __init__(self, path, part, until):
        self.path, self.part, self.until = pathlib.Path(path), part, until

    def __call__(self, *keys_and_value):
        *keys, last, value = keys_and_value
        whole = files.read_json(self.path, "delete it")
        place = whole["parts"][self.part].setdefault("results", {})
        for key in keys:
            place = place.setdefault(key, {})
        place[last] = value
        files.write_json(self.path, whole)

    def time_left(self):
        """Seconds."""
        return self.until - time.time()

    def tried(self, function, *arguments):
        """What a function returns; or, where it fails, how: one failure must not take the others along."""
        from benchmarks.accelerator import device

        gc.collect()  # Models stand in circles, and their memory on the device with them.
        try:
            return function(*arguments)
        except Exception as error:
            words = f"{type(error).__name__}: {str(error).strip()[:500]}"
            return {"error": words, "good": False} | ({"out of memory": True} if device.out_of_memory(error) else {})


def main(part, settings):
    """Do a part."""
    settings = json.loads(pathlib.Path(settings).read_text(encoding="utf-8"))
    module, function = PARTS[part]
    report = Report(settings["results"], part, settings["until"])
    getattr(importlib.import_module(f"benchmarks.accelerator.{module}"), function)(settings, report)


if __name__ == "__main__":
    main(*sys.argv[1:])
