import contextlib
import functools
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from kerasgen_cli.main import main

BACKEND = keras.backend.backend()
COMMANDS = [
    "train",
    "resume",
    "generate",
    "reconstruct",
    "translate",
    "interpolate",
    "evaluate",
    "benchmark",
    "sweep",
    "export",
    "publish",
    "list",
    "info",
]
SCRIPT = Path(sysconfig.get_path("scripts")) / "kerasgen"
CHANGES = ["--latent-dim", "3", "--beta", "2", "--set", "networks.encoder.units=[16]"]


def call(capsys, *arguments):
    """The exit status of a command, and what it printed."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Commands write into their working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def interrupt_a_training(folder):
    """A training in a process of its own, stopped by Ctrl-C in its third epoch: the finished process."""
    (folder / "runs" / "vae-1").mkdir(parents=True)
    command = [SCRIPT, "train", "vae", *CHANGES, "--epochs", "100000", "--tensorboard"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    # JAX sets it to 1 in this process when it is imported; a shell has none.
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell starts its background jobs deaf to Ctrl-C, and their children inherit it.
    pipes["preexec_fn"] = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, cwd=folder, env=environment, **pipes) as process:
        try:
            for line in process.stdout:
                # The line of the epoch, not one within it.
                if line.split()[:1] == ["2/100000"]:
                    process.send_signal(signal.SIGINT)
                    break
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has ended."""
    path = tmp_path_factory.mktemp("a place") / "a run"
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["train", "vae", *CHANGES, "--epochs", "2", "--run-dir", str(path)]) == 0
    return path


def test_help_needs_no_keras_and_names_all_commands():
    code = (
        "import sys; from kerasgen_cli.main import main; main(['--help']);"
        "sys.exit([name for name in ('keras', 'kerasgen', 'numpy', 'matplotlib') if name in sys.modules] or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    for command in COMMANDS:
        assert re.search(rf"^\W*{command} ", done.stdout, re.MULTILINE), command


def test_alone_it_shows_help(capsys):
    assert call(capsys) == call(capsys, "--help")


def test_version(capsys):
    assert call(capsys, "--version") == (0, "kerasgen 0.1.0\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example(capsys, command):
    status, out, _ = call(capsys, command, "--help")
    assert status == 0
    assert f"kerasgen {command}" in out[out.index("Examples") :]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("trian vae", "train"),
        ("train", "MODEL"),
        ("train vae --epoch 3", "--epoch"),
        ("train vae --epochs 0", "--epochs"),
        ("train vae --epochs many", "--epochs"),
        ("train vae --backend mxnet", "mxnet"),
        ("train vae --mixed-precision float8", "float8"),
        ("train vea", "the nearest: vae"),
        ("train vae --set epochs", "KEY=VALUE"),
        ("train vae --set epoch=3", "the nearest: epochs"),
        ("train autoencoder --beta 3", "Autoencoder has no entry 'beta'"),
        ("train vae --likelihood poisson", "bernoulli"),
        ("train vae --dataset mnits", "mnist"),
        ("train vae --set networks.encoder.activation=relo", "relo"),
        ("resume runs/vae-1", "There is no run here"),
        ("generate runs/vae-1 --count 0", "--count"),
        ("interpolate runs/vae-1 --method curved", "curved"),
        ("export runs/vae-1 --format jpeg", "jpeg"),
        ("list cats", "cats"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(capsys, folder, arguments, message):
    status, _, err = call(capsys, *arguments.split())
    assert status == 2
    assert err.startswith("Error: ") and err.count("\n") == 1
    assert message in err
    assert not list(folder.rglob("*.*")), "nothing is left behind"


def test_debug_shows_the_traceback_wherever_it_stands(capsys):
    for arguments in (["train", "vea", "--debug"], ["--debug", "train", "vea"]):
        status, _, err = call(capsys, *arguments)
        assert status == 2
        assert "Traceback" in err and "the nearest: vae" in err.splitlines()[-1]


def test_an_error_of_the_program_is_one_line_and_status_1(capsys, run):
    status, _, err = call(capsys, "interpolate", run, "--end", "9999")
    assert status == 1
    assert err.startswith("Error: There are 360 test images") and err.count("\n") == 1


def test_an_error_that_points_at_a_character_keeps_its_lines(capsys):
    status, _, err = call(capsys, "train", "autoencoder_iris", "--set", "networks.encoder.layout=DENSE|2|SIGMOYD")
    text, caret, received = err.splitlines()[-3:]
    assert status == 2 and received == "Received: 'SIGMOYD'"
    assert caret.index("^") == text.index("SIGMOYD")


@pytest.mark.slow
def test_an_interrupted_training_says_how_to_go_on_and_does(capsys, folder):
    process, path = interrupt_a_training(folder), folder / "runs" / "vae-2"
    assert process.returncode == 130
    # The only line: neither a traceback nor what libraries print when they are loaded.
    assert process.stderr == "Interrupted. Go on with: kerasgen resume runs/vae-2\n"
    # Without `--run-dir` a run takes the next free folder.
    assert not list((path.parent / "vae-1").iterdir())
    assert not (path / "model.keras").exists()
    status, out, _ = call(capsys, "info", path)
    assert status == 0
    assert "not finished" in out and "kerasgen resume" in out
    # For one more epoch than it has, from the last checkpoint.
    before = set((path / "tensorboard").iterdir())
    epochs = 1 + max(int(checkpoint.name[6:10]) for checkpoint in (path / "checkpoints").glob("epoch-*.h5"))
    status, out, _ = call(capsys, "resume", path, "--epochs", epochs)
    assert status == 0
    assert set((path / "tensorboard").iterdir()) > before, "it is logged on where it was logged before"
    assert re.findall(r"^ +(\d+/\d+) ", out, re.MULTILINE) == [f"{epochs}/{epochs}"], "the lines of epochs"
    assert (path / "model.keras").exists()


def test_a_taken_folder_is_left_as_it_is(capsys, run):
    before = (run / "config.json").read_bytes()
    status, _, err = call(capsys, "train", "vae", "--run-dir", run)
    assert status == 2
    assert "taken" in err
    assert (run / "config.json").read_bytes() == before


def test_options_reach_the_config(run):
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert config["epochs"] == 2
    assert config["latent_dim"] == 3
    assert config["arguments"]["beta"] == 2
    assert config["networks"]["encoder"]["units"] == [16]
    assert config["environment"]["backend"] == BACKEND


def test_info(capsys, run):
    status, out, _ = call(capsys, "info", run)
    assert status == 0
    assert " finished, 2 of 2 epochs" in out
    assert "negative ELBO" in out
    assert f"{run}/pictures/samples.png" in out


@pytest.mark.parametrize("command", ["generate", "reconstruct", "interpolate"])
def test_pictures(capsys, run, folder, command):
    status, out, err = call(capsys, command, run, "--output", folder / "picture.png")
    assert (status, err) == (0, "")
    assert str(folder / "picture.png") in out
    with Image.open(folder / "picture.png") as picture:
        assert min(picture.size) > 50


def test_evaluate(capsys, run):
    names = "terms,frechet_distance,nearest_neighbours"
    status, out, _ = call(capsys, "evaluate", run, "--metrics", names, "--samples", "100", "--features", "pixels")
    assert status == 0
    measured = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert "Frechet distance (pixels)" in out
    assert "FID" not in out
    assert f"{measured['figures']['negative_elbo']:.4g}" in out
    assert measured["protocol"]["samples"] == 100
    assert str(run / "pictures" / "nearest_neighbours.png") in out


def test_evaluate_images(capsys, folder):
    np.save(folder / "noise.npy", np.random.default_rng(0).random((50, 8, 8, 1)))
    status, out, _ = call(capsys, "evaluate", "noise.npy", "--against", "digits", "--metrics", "precision_recall")
    assert status == 0
    assert "precision (pixels)" in out
    assert json.loads((folder / "noise.npy.metrics.json").read_text(encoding="utf-8"))["figures"]["precision"] == 0


@pytest.mark.slow
def test_benchmark(capsys, folder, monkeypatch):
    import kerasgen

    config = kerasgen.presets.get("vae") | {"epochs": 1}
    monkeypatch.setitem(kerasgen.presets.PRESETS, "vae", {k: v for k, v in config.items() if k != "preset"})
    status, out, _ = call(capsys, "benchmark", "vae", "--seeds", "2", "--samples", "100")
    assert status == 0
    assert "| `vae` |" in out
    assert "2 training seeds" in out
    assert (folder / "benchmarks" / "results.md").read_text(encoding="utf-8").strip() in out


@pytest.mark.slow
def test_sweep(capsys, folder, monkeypatch):
    from unittest import mock

    wandb = mock.MagicMock()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    command = ("sweep", "autoencoder", "--set", "latent_dim=2,3", "--set", "input_noise=0.1", "--epochs", "1")
    status, _, err = call(capsys, *command[:-4], "--set", "latent_dimm=1")
    assert status == 2 and "latent_dim" in err
    status, out, _ = call(capsys, *command, "--wandb")
    assert status == 0
    assert "| latent_dim | input_noise |" in out and "figures.png" in out
    swept = folder / "sweeps" / "autoencoder-latent_dim,input_noise"
    assert (swept / "results.md").read_text(encoding="utf-8").strip() in out
    opened = [each.kwargs for each in wandb.init.call_args_list]
    assert [each["name"] for each in opened] == ["latent_dim=2,input_noise=0.1", "latent_dim=3,input_noise=0.1"]
    assert {each["group"] for each in opened} == {"sweeps/autoencoder-latent_dim,input_noise"}
    assert len({each["id"] for each in opened}) == 2 and {each["reinit"] for each in opened} == {"finish_previous"}
    # Going on, a run finds its curves again; one that has ended is not opened.
    (swept / "runs" / "latent_dim=3,input_noise=0.1" / "model.keras").unlink()
    assert call(capsys, *command, "--wandb")[0] == 0
    assert [each.kwargs["id"] for each in wandb.init.call_args_list[2:]] == [opened[1]["id"]]
    # Another sweep in a folder of the same name is not this one.
    shutil.rmtree(swept)
    assert call(capsys, *command, "--wandb")[0] == 0
    assert {each.kwargs["id"] for each in wandb.init.call_args_list[3:]}.isdisjoint(each["id"] for each in opened)


def test_null_is_a_value_of_a_setting_and_no_value_of_other_options(capsys, monkeypatch):
    import kerasgen

    asked = []
    monkeypatch.setattr(kerasgen.presets, "override", lambda config, key, value: asked.append((key, value)) or config)
    monkeypatch.setattr(kerasgen.runs, "train", lambda *_, **__: 1 / 0)
    call(capsys, "train", "vae", "--set", "networks.encoder.dropout=null", "--epochs", "3")
    assert asked == [("epochs", 3), ("networks.encoder.dropout", None)]


def test_values_of_a_sweep(capsys, folder, monkeypatch):
    from kerasgen_cli import options

    values = {
        "latent_dim=2,10": ("latent_dim", [2, 10]),
        "units=[8],[8,4]": ("units", [[8], [8, 4]]),
        "likelihood=laplace,gaussian": ("likelihood", ["laplace", "gaussian"]),
        "beta=1,abc": ("beta", [1, "abc"]),
    }
    for text, expected in values.items():
        assert options.values(text) == expected
    status, _, err = call(capsys, "sweep", "vae", "--set", "latent_dim=2,10,")
    assert status == 2 and "Expected KEY=VALUE,VALUE,..." in err
    asked = {}
    import kerasgen

    monkeypatch.setattr(kerasgen.sweeps, "run", lambda config, grid, *_, **__: asked.update(grid) or 1 / 0)
    call(capsys, "sweep", "vae", "--set", "latent_dim=2", "--set", "latent_dim=10")
    assert asked == {"latent_dim": [2, 10]}


def test_classes_or_numbers_of_a_walk(capsys, folder):
    status, _, err = call(capsys, "interpolate", folder, "--from", "2", "--to", "8", "--start", "3")
    assert status == 2 and "Give classes or numbers, not both." in err


def test_export(capsys, run, folder):
    status, out, _ = call(capsys, "export", run, "--output", folder / "exported")
    assert status == 0
    assert str(folder / "exported") in out
    assert (folder / "exported" / "saved_model.pb").exists()


def test_a_run_keeps_its_backend_unless_another_is_asked_for(capsys, run, folder):
    other = "jax" if BACKEND != "jax" else "tensorflow"
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    config["environment"]["backend"] = other
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    # This process has its backend already: that a command asks for the other one is an error.
    assert f"Received: backend='{other}'" in call(capsys, "generate", folder)[2]
    assert "This run has not ended" in call(capsys, "generate", folder, "--backend", BACKEND)[2]


@pytest.mark.slow
def test_a_gan_trains_from_the_command_line(capsys, folder):
    quick = ("--epochs", "1", "--set", "networks.generator.units=[8]", "--set", "jit_compile=false")
    command = ("train", "gan", *quick, "--learning-rate", "0.001", "--set", "metrics_every=1")
    status, out, _ = call(capsys, *command)
    assert status == 0
    run = folder / "runs" / "gan-1"
    for text in ("discriminator loss", "real accuracy", "samples.png", "kerasgen generate"):
        assert text in out, text
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert config["optimizer"]["config"]["learning_rate"] == 0.001
    assert call(capsys, "generate", run, "--count", "4")[0] == 0
    status, _, err = call(capsys, "reconstruct", run)
    assert status == 1 and "needs a model that has an encoder; this one can be asked to generate. Received: GAN" in err


@pytest.mark.slow
def test_a_model_that_translates_is_asked_for_translations(capsys, folder):
    networks = (
        "networks.generator.filters=[4]",
        "networks.generator.residual_blocks=1",
        "networks.discriminator.filters=[4]",
    )
    settings = (*networks, "arguments.discriminator_steps=1", "dataset.batch_size=479", "jit_compile=false")
    status, out, _ = call(capsys, "train", "star_gan", "--epochs", "1", *(f"--set={setting}" for setting in settings))
    run = folder / "runs" / "star_gan-1"
    assert status == 0 and "kerasgen translate runs/star_gan-1" in out and "kerasgen generate" not in out
    assert call(capsys, "translate", run, "--count", "3", "--output", folder / "picture.png")[0] == 0
    with Image.open(folder / "picture.png") as picture:
        assert min(picture.size) > 50
    for command, needed in (("generate", "draws images from latents"), ("interpolate", "has a latent space")):
        status, _, err = call(capsys, command, run)
        assert status == 1 and f"needs a model that {needed}; this one can be asked to translate" in err


def test_what_was_made_for_the_data_is_recommended(capsys, monkeypatch):
    import kerasgen

    asked = {}
    monkeypatch.setattr(kerasgen.runs, "train", lambda config, *_, **__: asked.update(config) or 1 / 0)
    _, out, _ = call(capsys, "train", "gan", "--dataset", "mnist")
    assert "Made for mnist, and better on it: kerasgen train relativistic_gan_mnist" in out
    assert asked["dataset"]["name"] == "mnist"


def test_list(capsys):
    status, out, _ = call(capsys, "list")
    assert status == 0
    for name in ("vae_mnist", "Autoencoder", "fashion_mnist"):
        assert name in out
    assert "fashion_mnist" not in call(capsys, "list", "models")[1]
