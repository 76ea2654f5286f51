"""What commands pass on: each is a thin layer over one public function."""

import json
import sys
from pathlib import Path

import pytest

import kerasgen
from kerasgen_cli.main import main


class Asked(Exception):  # noqa: N818
    """Ends a command at the function that it calls."""


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The arguments of the public function that a command calls."""
    monkeypatch.chdir(tmp_path)
    found = {}

    def catch(module, name):
        def function(*args, **kwargs):
            found.update(name=name, args=args, kwargs=kwargs)
            raise Asked

        monkeypatch.setattr(module, name, function)

    for name in ("generate", "reconstruct", "interpolate", "translate", "export", "info", "resume", "train"):
        catch(kerasgen.runs, name)
    catch(kerasgen.evaluation, "evaluate")
    return found


def published(folder):
    """A folder with a config, as a run or a published model has it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model": "VAE", "dataset": {"name": "digits"}}), encoding="utf-8")


@pytest.mark.parametrize("command", ["generate", "reconstruct", "interpolate", "translate", "export", "info"])
def test_a_run_a_published_folder_or_a_preset_are_passed_on_as_given(asked, capsys, command):
    published(Path("saved_models/vae_mnist"))
    for given in ("saved_models/vae_mnist", "./saved_models/vae_mnist/", "vae_mnist"):
        asked.clear()
        main([command, given])
        assert asked["name"] == command and asked["args"][0] == given
    asked.clear()
    capsys.readouterr()
    wrong = {
        "saved_models/vae": "There are saved_models/vae_mnist.",
        "vae_mnits": "There are vae_mnist,",
        "./vae_mnist": "`kerasgen train vae` makes one.",
    }
    for given, hint in wrong.items():
        assert main([command, given]) == 2
        message = capsys.readouterr().err
        assert f"There is no run here. {hint}" in message and message.endswith(f"Received: {given}\n")
    assert not asked


def test_a_preset_is_no_run_to_go_on_with_or_to_publish(asked, capsys):
    for command in (["resume", "vae_mnist"], ["publish", "vae_mnist", "saved"]):
        assert main(command) == 2
        assert "There is no run here" in capsys.readouterr().err
    assert not asked


def test_a_run_begins_anew_when_it_is_asked_to(asked):
    published(Path("runs/vae-1"))
    main(["resume", "runs/vae-1", "--restart", "--epochs", "3"])
    assert asked["args"] == (Path("runs/vae-1"), 3) and asked["kwargs"]["restart"] is True
    main(["resume", "runs/vae-1"])
    assert not asked["kwargs"].get("restart", False)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--image-size 64 --crop", {"image_size": 64, "crop": True}),
        ("--image-size 48x64 --channels 1", {"image_size": (48, 64), "channels": 1}),
        ("--statistics mnist.npz", {"statistics": Path("mnist.npz")}),
        ("", {}),
    ],
)
def test_how_images_are_read_to_be_measured(asked, options, expected):
    main(["evaluate", "samples/", "--against", "photos/", *options.split()])
    assert asked["args"][:2] == ("samples/", "photos/")
    nothing = dict.fromkeys(("image_size", "crop", "channels", "statistics"))
    assert asked["kwargs"] == {**nothing, **expected}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--image-size 0", "Expected N, or HEIGHTxWIDTH, in pixels. Received: 0"),
        ("--image-size 64x", "Received: 64x"),
        ("--image-size 4x4x3", "Received: 4x4x3"),
        ("--image-size -4", "Received: -4"),
        ("--channels 2", "'2' is not one of '1', '3'"),
        ("--statistics mnist.json", "Expected a file that ends in .npz. Received: mnist.json"),
    ],
)
def test_what_no_image_has_is_refused(asked, capsys, options, words):
    assert main(["evaluate", "digits", *options.split()]) == 2
    assert words in capsys.readouterr().err
    assert not asked


def test_a_sweep_needs_wandb_before_its_first_training(asked, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert main(["sweep", "vae", "--set", "beta=1,2", "--wandb"]) == 1
    captured = capsys.readouterr()
    assert "pip install 'kerasgen[wandb]'" in captured.err and captured.out == ""
    assert not list(Path().iterdir())
