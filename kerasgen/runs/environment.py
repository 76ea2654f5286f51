"""What a training, and a figure, depend on beside their settings."""

import os
import platform
import sys
from importlib.metadata import version

import keras

from kerasgen.engine.hardware import device_name


def environment():
    """Versions, backend and machine, as they stand beside figures.

    Returns:
        Dict: "backend", "device", "python", "machine", "versions".
    """
    packages = ["kerasgen", "keras", "numpy", "scipy", "scikit-learn", keras.backend.backend()]
    if "tensorflow" in sys.modules and "tensorflow" not in packages:
        packages.append("tensorflow")  # It reads data, and runs SavedModels, on other backends too.
    return {
        "backend": keras.backend.backend(),
        "device": device_name(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {package: version(package) for package in packages},
    }
