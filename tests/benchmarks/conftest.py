"""What the tables of benchmarks are tried on."""

import pytest


@pytest.fixture
def described():
    """A machine as `benchmarks.machine.describe` gives it."""
    return {
        "processor": "a processor",
        "cores": 2,
        "gflops": 100.0,
        "copy_gb": 10.0,
        "load": 0.1,
        "python": "3.11",
        "versions": {"keras": "3.15"},
    }
