"""The plan of the house: which part imports which, no circles, files of a size to keep in mind, public names."""

import ast
import inspect
import json
import pathlib
import subprocess
import sys
import types

import pytest

import kerasgen

ROOT = pathlib.Path(__file__).parent.parent

# The table of CONTRIBUTING.md: part -> the parts that it may import.
MAY_IMPORT = {
    "files": set(),
    "export": {"files"},
    "engine": {"export", "files"},
    "losses": {"engine"},
    "layers": {"engine", "losses"},
    "datasets": {"engine", "files"},
    "networks": {"layers"},
    "models": {"engine", "losses", "layers"},
    "metrics": {"engine", "layers", "files"},
    "samplers": {"layers", "files"},
    "plots": {"layers", "files"},
    "callbacks": {"plots", "metrics", "samplers", "engine", "files"},
    "presets": {"datasets", "models", "networks", "metrics", "files"},
    "devices": {"engine"},
    "runs": {
        "callbacks",
        "datasets",
        "devices",
        "engine",
        "export",
        "files",
        "metrics",
        "plots",
        "presets",
        "samplers",
    },
    "evaluation": {"runs", "datasets", "metrics", "plots", "export", "files"},
    "reports": {"evaluation", "runs", "devices", "presets", "callbacks", "plots", "export", "files"},
}
# Of another part these files alone.
EXCEPTIONS = {
    ("datasets", "engine"): "kerasgen.engine.checks",
    ("callbacks", "engine"): "kerasgen.engine.checks",
    ("layers", "engine"): "kerasgen.engine.replicas",
    ("layers", "losses"): "kerasgen.losses.divergences",
    ("losses", "engine"): "kerasgen.engine",
    ("metrics", "engine"): "kerasgen.engine",
    ("runs", "engine"): ("kerasgen.engine.hardware", "kerasgen.engine.processes", "kerasgen.engine.sharing"),
    ("evaluation", "runs"): ("kerasgen.runs.folder", "kerasgen.runs.environment"),
}
BACKENDS = {"tensorflow", "jax", "torch", "tensorflow_datasets"}
#: Lines of a file, docstrings included; of a file of a model.
LONGEST, LONGEST_MODEL = 400, 200


def modules():
    """Every module of the packages by its dotted name."""
    paths = [*(ROOT / "kerasgen").rglob("*.py"), *(ROOT / "kerasgen_cli").rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_of(path, known):
    """The modules of ours that a file imports: of `from package import module` that module alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (each for each in (name if name in known else node.module for name in names) if each in known)


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_parts_import_in_one_direction(part):
    folder = ROOT / "kerasgen" / part
    for path in folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]:
        for name in imports_of(path):
            if not name.startswith("kerasgen."):
                continue
            other = name.split(".")[1]
            if other == part:
                continue
            assert other in MAY_IMPORT[part], f"{path.relative_to(ROOT)} imports {name}"
            only = EXCEPTIONS.get((part, other))
            assert only is None or name.startswith(only) or name == f"kerasgen.{other}", (
                f"{path.relative_to(ROOT)} may import {only} only, not {name}"
            )


def test_no_file_stands_in_a_circle():
    """Imports inside of functions count: who needs the other one late needs a third, below both."""
    known = modules()
    # A package is imported with each of its modules, but what its `__init__` gathers is no need of theirs.
    needs = {name: set(modules_of(path, known)) - {name} for name, path in known.items()}

    def reached(name, seen):
        for other in needs[name] - seen:
            seen.add(other)
            reached(other, seen)
        return seen

    assert [name for name in needs if name in reached(name, set())] == []


def test_files_can_be_kept_in_mind():
    """A file that must be longer says why in its first lines, with the words "longer than"."""
    too_long = {}
    for name, path in modules().items():
        lines = path.read_text(encoding="utf-8").splitlines()
        most = LONGEST_MODEL if name.startswith("kerasgen.models.") else LONGEST
        if len(lines) > most and "longer than" not in " ".join(lines[:12]):
            too_long[name] = len(lines)
    assert too_long == {}
    assert len((ROOT / "kerasgen/engine/model.py").read_text(encoding="utf-8").splitlines()) <= 300


def test_public_names_are_those_of_the_list():
    """What users may import is written down: a name that goes or comes is a change of tests/public_names.txt."""

    def walk(module, path):
        of_its_own = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and (inspect.isfunction(value) or inspect.isclass(value))
            and value.__module__ == module.__name__
        ]
        for name in sorted(getattr(module, "__all__", of_its_own)):
            value = getattr(module, name)
            yield f"{path}.{name}"
            if isinstance(value, types.ModuleType):
                yield from walk(value, f"{path}.{name}")

    listed = (ROOT / "tests/public_names.txt").read_text(encoding="utf-8").split()
    found = list(walk(kerasgen, "kerasgen"))
    assert sorted(set(listed) - set(found)) == [], "names that went"
    assert sorted(set(found) - set(listed)) == [], "names that came"


def test_backends_are_known_to_few_parts():
    for name, path in modules().items():
        if name.split(".")[1:2] and name.split(".")[1] in {"engine", "datasets", "devices", "export"}:
            continue
        found = {other.split(".")[0] for other in imports_of(path)} & BACKENDS
        # The command line starts the processes of PyTorch.
        allowed = {"trackers.py": {"tensorflow"}, "launch.py": {"torch"}}.get(path.name, set())
        assert found <= allowed, f"{path.relative_to(ROOT)} imports {found}"


def opens_text_without_encoding(call):
    """Whether a call opens a text file, or reads a process, in the encoding that the machine happens to have."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = {keyword.arg for keyword in call.keywords}
    words = [each.value for each in (*call.args, *[k.value for k in call.keywords]) if isinstance(each, ast.Constant)]
    if isinstance(call.func, ast.Attribute) and name == "open":
        text = words[:1] and words[0] in {"r", "w", "a", "x"}  # Of a path: others take a name first.
    elif name in {"open", "fdopen"}:
        text = not {"rb", "wb", "ab", "xb", "rb+", "r+b"} & set(words)
    else:
        text = name in {"read_text", "write_text"} or "text" in given
    return text and "encoding" not in given


@pytest.mark.parametrize("folder", ["kerasgen", "kerasgen_cli", "tools", "benchmarks", "tests"])
def test_text_files_are_utf_8_on_every_machine(folder):
    places = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and opens_text_without_encoding(node)
    ]
    assert places == []


@pytest.fixture(scope="module")
def imported():
    """What `import kerasgen` brings beside what `import keras` does: packages, and classes that Keras knows then."""
    code = (
        "import sys, json, keras; before = set(sys.modules); import kerasgen;"
        "new = sorted({name.split('.')[0] for name in set(sys.modules) - before});"
        "print(json.dumps([new, [n for n in keras.saving.get_custom_objects() if n.startswith('kerasgen>')]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    return json.loads(done.stdout)


def test_import_brings_nothing_heavy_that_keras_does_not(imported):
    """The time it costs is measured in `benchmarks/`; here is what would cost it."""
    heavy = {"matplotlib", "sklearn", "scipy", "PIL", "pandas", "wandb", "typer", "rich", "tensorflow_datasets", "onnx"}
    assert not heavy & set(imported[0])


def test_classes_are_known_to_keras_after_import(imported):
    """`load_model` must find each class by its registered name, hence no module may be imported lazily."""
    for name in ("VAE", "Autoencoder", "PlayersOptimizer", "Bernoulli", "Gaussian"):
        assert f"kerasgen>{name}" in imported[1]
