"""Which part imports which, and that `import kerasgen` stays light."""

import ast
import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent / "kerasgen"

# The table of CONTRIBUTING.md: part -> the parts that it may import.
MAY_IMPORT = {
    "engine": set(),
    "losses": {"engine"},
    "layers": {"losses"},
    "datasets": {"engine"},
    "networks": {"layers"},
    "models": {"engine", "losses", "layers"},
    "metrics": {"engine", "layers"},
    "samplers": {"layers"},
    "plots": {"layers"},
    "export": {"layers"},
    "callbacks": {"plots", "metrics", "samplers"},
}
# Files for which one import more is allowed, and why.
EXCEPTIONS = {
    ("datasets", "engine"): "kerasgen.engine.checks",
    ("layers", "losses"): "kerasgen.losses.divergences",
    ("losses", "engine"): "kerasgen.engine",
    ("metrics", "engine"): "kerasgen.engine",
}
BACKENDS = {"tensorflow", "jax", "torch", "tensorflow_datasets"}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_parts_import_in_one_direction(part):
    for path in (ROOT / part).rglob("*.py"):
        for name in imports_of(path):
            if not name.startswith("kerasgen."):
                continue
            other = name.split(".")[1]
            if other == part:
                continue
            assert other in MAY_IMPORT[part], f"{path.relative_to(ROOT)} imports {name}"
            only = EXCEPTIONS.get((part, other))
            assert only is None or name.startswith(only), f"{path.relative_to(ROOT)} may import {only} only, not {name}"


def test_backends_are_known_to_few_parts():
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] in {"engine", "datasets", "export"}:
            continue
        found = {name.split(".")[0] for name in imports_of(path)} & BACKENDS
        allowed = {"tensorflow"} if path.name == "trackers.py" else set()
        assert found <= allowed, f"{path.relative_to(ROOT)} imports {found}"


def in_new_process(code):
    return json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def test_import_brings_nothing_heavy_that_keras_does_not():
    """The time it costs is measured in tests/benchmarks; here is what would cost it."""
    new = in_new_process(
        "import sys, json, keras; before = set(sys.modules); import kerasgen;"
        "print(json.dumps(sorted({name.split('.')[0] for name in set(sys.modules) - before})))"
    )
    heavy = {"matplotlib", "sklearn", "scipy", "PIL", "pandas", "wandb", "typer", "rich", "tensorflow_datasets", "onnx"}
    assert not heavy & set(new)


def test_classes_are_known_to_keras_after_import():
    """`load_model` must find each class by its registered name, hence no module may be imported lazily."""
    registered = in_new_process(
        "import json, keras, kerasgen;"
        "print(json.dumps([n for n in keras.saving.get_custom_objects() if n.startswith('kerasgen>')]))"
    )
    for name in ("VAE", "Autoencoder", "PlayersOptimizer", "Bernoulli", "Gaussian"):
        assert f"kerasgen>{name}" in registered
