"""The parts of `tools/accelerator.py`, each a process: `python -m benchmarks.accelerator PART SETTINGS.json`."""
