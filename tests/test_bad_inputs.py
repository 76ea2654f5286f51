"""The table of bad inputs: what is said of each, and the exit status.

A row is a name, the input, words of the message and the exit status. The input is a command line, which runs in this
process in a folder of its own with the runs and files of `place`; or a function without arguments that calls the API,
whose row has no status: it raises a ValueError. The message is one line whatever the input, and nothing is left behind.
"""

import contextlib
import io
import json
import shlex
import shutil
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

import kerasgen
from kerasgen_cli.main import main

OTHER_BACKEND = "jax" if keras.backend.backend() != "jax" else "tensorflow"

OPTIONS = [
    ("no such command", "trian vae", "train", 2),
    ("no such option", "train vae --epoch 3", "--epochs", 2),
    ("an argument is missing", "train", "MODEL", 2),
    ("an argument too many", "info runs/ok runs/ok", "unexpected", 2),
    ("an option without its value", "train vae --epochs", "--epochs", 2),
    ("no epochs", "train vae --epochs 0", "--epochs", 2),
    ("a negative number of epochs", "train vae --epochs -1", "--epochs", 2),
    ("half an epoch", "train vae --epochs 1.5", "--epochs", 2),
    ("epochs in words", "train vae --epochs many", "--epochs", 2),
    ("epochs as a string", "train vae --set 'epochs=\"4\"'", "'epochs' is a number", 2),
    ("a part of an epoch", "train vae --set epochs=2.5", "'epochs' is a whole number", 2),
    ("epochs of nothing", "train vae --set epochs=null", "'epochs'", 2),
    ("a batch of no images", "train vae --batch-size 0", "--batch-size", 2),
    ("no latents", "train vae --latent-dim 0", "--latent-dim", 2),
    ("a negative seed", "train vae --seed -1", "--seed", 2),
    ("a seed too large", "train vae --seed 4294967296", "--seed", 2),
    ("a weight that is no number", "train vae --beta nan", "--beta", 2),
    ("an infinite weight", "train vae --beta inf", "--beta", 2),
    ("a rate that is no number", "train vae --learning-rate nan", "--learning-rate", 2),
    ("NaN in a setting", "train vae --set beta=NaN", "Expected numbers that are finite. Received: NaN", 2),
    ("a setting without value", "train vae --set epochs", "Expected KEY=VALUE. Received: 'epochs'", 2),
    ("a setting without name", "train vae --set =3", "Expected KEY=VALUE. Received: '=3'", 2),
    ("a setting that there is not", "train vae --set epoch=3", "the nearest: epochs. Received: 'epoch'", 2),
    ("null for all networks", "train vae --set networks=null", "'networks'", 2),
    ("a network without layers", "train vae --set networks.encoder.units=null", "Received: None", 2),
    ("an activation that there is not", "train vae --set networks.encoder.activation=relo", "relo", 2),
    ("a layout that cannot be read", "train autoencoder --set networks.encoder.builder=layout.no", "layout.no", 2),
    ("an option of another model", "train autoencoder --beta 3", "Autoencoder has no entry 'beta'", 2),
    ("a likelihood that there is not", "train vae --likelihood poisson", "bernoulli", 2),
    ("a backend that there is not", "train vae --backend mxnet", "mxnet", 2),
    ("an option of another command", "list --backend jax", "--backend", 2),
    ("a precision that there is not", "train vae --mixed-precision float8", "float8", 2),
    ("a preset that there is not", "train vea", "the nearest: vae", 2),
    ("an empty preset", "train ''", "Received: ''", 2),
    ("metrics of a model without samples", "train star_gan --set metrics_every=1", "metrics_every measures", 2),
    ("something that cannot be listed", "list cats", "cats", 2),
    ("a sweep over nothing", "sweep vae", "--set", 2),
    ("a sweep with an empty value", "sweep vae --set beta=1,,2", "Expected KEY=VALUE,VALUE,...", 2),
    ("a sweep over what there is not", "sweep vae --set latent_dimm=1,2", "latent_dim", 2),
    ("a sweep over NaN", "sweep vae --set beta=NaN,1", "finite", 2),
    ("a sweep of a measure that there is not", "sweep vae --set beta=1,2 --metrics fid", "fid", 1),
    ("a benchmark of nothing", "benchmark", "MODEL", 2),
    ("a benchmark of what there is not", "benchmark vea", "the nearest: vae", 2),
    ("a benchmark without trainings", "benchmark vae --seeds 0", "--seeds", 2),
    ("a page without marks", "benchmark vae --readme page.md", "page.md", 1),
]
RUNS = [
    ("no run", "generate runs/ko", "There are runs/ok", 2),
    ("a file for a run", "info page.md", "There is no run here", 2),
    ("no run to go on with", "resume runs/ko", "There is no run here", 2),
    ("no run to publish", "publish runs/ko saved", "There is no run here", 2),
    ("a folder that is taken", "train vae --run-dir runs/ok", "This folder is taken", 2),
    ("a folder that holds other things", "train vae --run-dir classes", "This folder is taken", 2),
    ("a run that has not ended", "generate runs/killed", "`kerasgen resume runs/killed` goes on with it", 1),
    ("an export of a run that has not ended", "export runs/killed", "This run has not ended", 1),
    ("a config of no bytes", "info runs/empty", "The config of this run is damaged", 1),
    ("half a config", "resume runs/half", "The config of this run is damaged", 1),
    ("a config that is a list", "generate runs/list", "The config of this run is damaged", 1),
    ("a config of bytes", "export runs/bytes", "The config of this run is damaged", 1),
    ("a config that is a folder", "info runs/folder", "config.json", 1),
    ("a run of another backend", f"generate runs/{OTHER_BACKEND}", f"backend='{OTHER_BACKEND}'", 1),
    (
        "a run that is trained on another backend",
        f"resume runs/{OTHER_BACKEND} --backend {keras.backend.backend()}",
        "Random numbers differ between backends",
        1,
    ),
    ("fewer epochs than there are", "resume runs/ok --epochs 1", "2 epochs already", 1),
    ("no epochs to go on with", "resume runs/ok --epochs 0", "--epochs", 2),
    ("no images", "generate runs/ok --count 0", "--count", 2),
    ("half an image", "generate runs/ok --count 1.5", "--count", 2),
    ("a negative class", "generate runs/ok --label -1", "--label", 2),
    ("half a class", "generate runs/ok --label 1.5", "--label", 2),
    ("a class for a model without classes", "generate runs/ok --label 1", "label", 1),
    ("no columns", "generate runs/ok --columns 0", "--columns", 2),
    ("a negative seed of images", "generate runs/ok --seed -1", "--seed", 2),
    ("a picture of no known format", "generate runs/ok --output x.tga", "Received: x.tga", 2),
    ("a picture without format", "reconstruct runs/ok --output x", ".png", 2),
    ("a GIF for the picture", "interpolate runs/ok --output way.gif", "name the picture", 2),
    ("no test image of that number", "interpolate runs/ok --end 9999", "There are 360 test images", 1),
    ("no class of that number", "interpolate runs/ok --from 2 --to 10", "digits has 10 classes", 1),
    ("half a pair of classes", "interpolate runs/ok --from 2", "Give both classes, or none", 2),
    ("classes and numbers", "interpolate runs/ok --from 2 --to 8 --start 3", "Give classes or numbers", 2),
    ("a way of no length", "interpolate runs/ok --steps 1", "--steps", 2),
    ("a way that there is not", "interpolate runs/ok --method curved", "curved", 2),
    ("translations of a model of one domain", "translate runs/ok", "translates images between domains", 1),
    ("a format that there is not", "export runs/ok --format jpeg", "jpeg", 2),
    ("a folder that is no run beside one", "publish runs/ok saved --other runs/ko", "runs/ko", 1),
]
DATA = [
    ("data of no known name", "train vae --dataset mnits", "mnist", 2),
    ("no folder", "train vae --dataset nowhere/", "nowhere/", 2),
    ("no folder, into a folder of its own", "train vae --dataset nowhere/ --run-dir a/b", "nowhere/", 2),
    ("no file", "train vae --dataset nowhere.npz", "nowhere.npz", 2),
    ("a set that is not downloaded", "train vae --dataset cifar100", "--download", 2),
    ("a set that is not downloaded, to measure", "evaluate cifar100 --metrics frechet_distance", "--download", 1),
    ("a file that is no archive", "train vae --dataset text.npz", "text.npz", 2),
    ("half a file", "train vae --dataset half.npz", "half.npz", 2),
    ("objects", "train vae --dataset objects.npz", "objects.npz", 2),
    ("arrays of other names", "train vae --dataset names.npz", "names.npz", 2),
    ("fewer labels than images", "train vae --dataset labels.npz", "(5,)", 2),
    ("labels that are no classes", "train vae --dataset floats.npz", "0.5", 2),
    ("floats in [0, 255]", "train vae --dataset bright.npz", "254.8", 2),
    ("images that hold NaN", "train vae --dataset nan.npz", "NaN", 2),
    ("vectors", "train vae --dataset vectors.npz", "(20, 64)", 2),
    ("channels first", "train vae --dataset first.npz", "(20, 1, 8, 8)", 2),
    ("an empty folder", "train vae --dataset ./hollow", "hollow", 2),
    ("images beside classes", "train vae --dataset ./beside", "beside", 2),
    ("an image that cannot be read", "train vae --dataset ./broken", "b.png", 2),
    ("images of several sizes", "train vae --dataset ./sizes", "image_size", 2),
    ("a text for the data", "train vae --dataset page.md", "page.md", 2),
    ("nothing to measure", "evaluate nowhere", "Expected a run, a SavedModel", 1),
    ("images without real ones", "evaluate classes", "--against", 1),
    ("a measure that there is not", "evaluate digits --metrics fid", "fid", 1),
    ("a measure of models, of images", "evaluate digits --metrics latent", "latent", 1),
    ("features that there are not", "evaluate digits --features vgg", "vgg", 1),
    ("one sample", "evaluate runs/ok --samples 1", "--samples", 2),
    ("no draws", "evaluate runs/ok --draws 0", "--draws", 2),
    ("a split that there is not", "evaluate runs/ok --split half", "half", 2),
    ("figures for a picture", "evaluate runs/ok --output figures.png", ".json", 2),
]
API = [
    ("a preset that there is not", lambda: kerasgen.presets.get("vea"), "the nearest: vae", None),
    (
        "a setting that there is not",
        lambda: kerasgen.presets.override(kerasgen.presets.get("vae"), "epoch", 3),
        "epochs",
        None,
    ),
    ("no run", lambda: kerasgen.runs.load("nowhere"), "There is no run here", None),
    ("no data", lambda: kerasgen.datasets.load("nowhere.npz"), "nowhere.npz", None),
    ("no frames", lambda: kerasgen.plots.gif([], "x.gif"), "one frame at least", None),
]
ROWS = [*OPTIONS, *RUNS, *DATA, *API]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run that has ended, runs that are damaged, and files that are no data."""
    place = tmp_path_factory.mktemp("place")
    ok = place / "runs" / "ok"
    quick = "--epochs 2 --latent-dim 2 --set networks.encoder.units=[8] --set jit_compile=false"
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["train", "vae", *quick.split(), "--run-dir", str(ok)]) == 0
    _runs(place, json.loads((ok / "config.json").read_text(encoding="utf-8")))
    shutil.copytree(ok, place / "runs" / "killed")
    (place / "runs" / "killed" / "model.keras").unlink()
    (place / "page.md").write_text("a page", encoding="utf-8")
    _arrays(place)
    _folders(place)
    return place


def _runs(place, config):
    environment = {**config["environment"], "backend": OTHER_BACKEND}
    configs = {
        "empty": b"",
        "half": json.dumps(config)[:100].encode(),
        "list": b"[1, 2]",
        "bytes": bytes(range(256)),
        OTHER_BACKEND: json.dumps({**config, "environment": environment}).encode(),
    }
    for name, content in configs.items():
        (place / "runs" / name).mkdir()
        (place / "runs" / name / "config.json").write_bytes(content)
    (place / "runs" / "folder" / "config.json").mkdir(parents=True)


def _arrays(place):
    x, y = np.random.default_rng(0).random((20, 8, 8, 1)).astype("float32"), np.arange(20) % 2
    np.savez(place / "whole.npz", x=x, y=y)
    np.savez(place / "names.npz", photos=x)
    np.savez(place / "labels.npz", x=x, y=y[:5])
    np.savez(place / "floats.npz", x=x, y=y + 0.5)
    np.savez(place / "bright.npz", x=255 * x)
    np.savez(place / "nan.npz", x=np.where(x > 0.5, np.nan, x))
    np.savez(place / "vectors.npz", x=x.reshape(20, 64))
    np.savez(place / "first.npz", x=x.reshape(20, 1, 8, 8))
    np.savez(place / "objects.npz", x=np.array([{}, None], object))
    (place / "text.npz").write_text("no archive", encoding="utf-8")
    whole = (place / "whole.npz").read_bytes()
    (place / "half.npz").write_bytes(whole[: len(whole) // 2])
    assert zipfile.is_zipfile(place / "whole.npz") and not zipfile.is_zipfile(place / "half.npz")


def _folders(place):
    for folder in ("hollow", "broken", "sizes", "beside/cat", "classes/cat", "classes/dog"):
        (place / folder).mkdir(parents=True)
    picture = Image.fromarray(np.zeros((8, 8), "uint8"))
    for path in (
        "broken/a.png",
        "sizes/a.png",
        "beside/a.png",
        "beside/cat/a.png",
        "classes/cat/a.png",
        "classes/dog/a.png",
    ):
        picture.save(place / path)
    picture.resize((9, 7)).save(place / "sizes" / "b.png")
    (place / "broken" / "b.png").write_bytes((place / "broken" / "a.png").read_bytes()[:40])


def test_rows_have_names_of_their_own():
    names = [(callable(given), name) for name, given, *_ in ROWS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("given", "words", "status"), [pytest.param(*row, id=name) for name, *row in ROWS])
def test_a_bad_input_is_told_in_one_line(place, capfd, monkeypatch, given, words, status):
    monkeypatch.chdir(place)
    monkeypatch.setenv("TFDS_DATA_DIR", str(place / "no-sets"))
    before = _content(place)
    if status is None:
        with pytest.raises(ValueError) as raised:
            given()
        message = str(raised.value)
        # A layout's error points at the character, in lines of its own.
        assert "Received" in message and ("\n" not in message or "^" in message), message
    else:
        assert main(shlex.split(given)) == status
        captured = capfd.readouterr()
        message = captured.err
        assert message.startswith("Error: ") and message.count("\n") == 1 and message.endswith("\n"), message
        assert captured.out == "" or not given.startswith(("train", "resume")), captured.out
    assert words in message
    assert _content(place) == before, "nothing is left behind, and nothing has changed"


def _content(place):
    """What is in the folder, and when it was written."""
    paths = [path for path in place.rglob("*") if path.name != ".lock"]
    return {path: path.stat().st_mtime_ns if path.is_file() else None for path in paths}
