"""The folder in which the rows run: a run that has ended, runs that are damaged, and files that are no data."""

import contextlib
import io
import json
import shutil
import zipfile

import numpy as np
from PIL import Image

from kerasgen_cli.main import main
from tests.bad_inputs.commands import OTHER_BACKEND


def fill(place):
    """Make all of it in an empty folder."""
    ok = place / "runs" / "ok"
    quick = "--epochs 2 --latent-dim 2 --set networks.encoder.units=[8] --set jit_compile=false"
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["train", "vae", *quick.split(), "--run-dir", str(ok)]) == 0
    _configs(place, json.loads((ok / "config.json").read_text(encoding="utf-8")))
    _damaged(place, ok)
    (place / "page.md").write_text("a page", encoding="utf-8")
    _arrays(place)
    _folders(place)


def _configs(place, config):
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


def _damaged(place, ok):
    """Copies of the run, in each of which one file is not what it was, or gone."""
    for name, file, change in (
        ("killed", "model.keras", None),
        ("gone", "checkpoints", None),
        ("model", "model.keras", lambda content: content[: len(content) // 2]),
        ("nothing", "model.keras", lambda content: b""),
        ("metrics", "metrics.json", lambda content: content[:40]),
        ("figures", "metrics.json", lambda content: b"[]"),
        ("seconds", "seconds.json", lambda content: content[:5]),
        ("history", "history.csv", lambda content: content + b"3,many\n"),
        ("gap", "history.csv", lambda content: b"".join(content.splitlines(keepends=True)[::2])),
        ("flipped", "checkpoints/epoch-0002.weights.h5", lambda content: content[:999] + b"?" + content[1000:]),
    ):
        shutil.copytree(ok, place / "runs" / name)
        path = place / "runs" / name / file
        if change:
            path.write_bytes(change(path.read_bytes()))
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    (place / "runs" / "flipped" / "checkpoints" / "epoch-0001.weights.h5").unlink()


def _arrays(place):
    x, y = np.random.default_rng(0).random((20, 8, 8, 1)).astype("float32"), np.arange(20) % 2
    np.savez(place / "whole.npz", x=x, y=y)
    np.savez(place / "empty.npz")
    (place / "nothing.npz").write_bytes(b"")
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
