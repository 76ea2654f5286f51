"""What a training, and a figure, depend on beside their settings."""

import os
import platform
import sys
from importlib.metadata import version

import keras


def environment():
    """Versions, backend and machine, as they stand beside figures.

    Returns:
        Dict: "backend", "device", "python", "machine", "versions".
    """
    packages = ["kerasgen", "keras", "numpy", "scipy", "scikit-learn", keras.backend.backend()]
    if "tensorflow" in sys.modules and "tensorflow" not in packages:
        packages.append("tensorflow")  # It reads data, and runs SavedModels, on other backends too.
    # Where a tensor lies, in the backend's words: Keras's list of devices knows PyTorch's not.
    device = str(keras.ops.zeros(()).device).rpartition("device:")[2]
    return {
        "backend": keras.backend.backend(),
        "device": device,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {package: version(package) for package in packages},
    }
