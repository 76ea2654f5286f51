"""What a run shows arrives in TensorBoard and in Weights & Biases."""

import sys

import numpy as np
import pytest
from PIL import Image

from kerasgen import callbacks, plots


class Tick(callbacks.PictureCallback):
    """Draws a bar as high as the epoch, in every second epoch."""

    name = "tick"

    def draw(self, epoch, logs):
        return plots.kl_dimensions([epoch], title=f"epoch {epoch}")


LOGS = [{"kl": 3.0, "val_kl": 4.0}, {"kl": 2.0, "val_kl": 3.5}, {"kl": 1.5, "val_kl": 3.25}, {"kl": 1.0, "val_kl": 3.0}]


def test_tensorboard_reads_pictures_and_scalars_back(tmp_path, play):
    tf = pytest.importorskip("tensorflow")
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    play([Tick(tmp_path, every=2), callbacks.TensorBoardLogger(tmp_path)], LOGS)
    events = accumulators.EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    assert set(events.Tags()["tensors"]) == {"kl", "val_kl", "tick"}
    values = [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events.Tensors("val_kl")]
    assert values == [(1, 4.0), (2, 3.5), (3, 3.25), (4, 3.0)]
    pictures = events.Tensors("tick")
    assert [event.step for event in pictures] == [2, 4]
    for event in pictures:
        shown = tf.io.decode_png(event.tensor_proto.string_val[2]).numpy()
        frame = Image.open(tmp_path / "pictures" / "tick" / f"epoch-{event.step:04d}.png").convert("RGB")
        np.testing.assert_array_equal(shown, np.asarray(frame))


@pytest.mark.slow
def test_wandb_keeps_pictures_and_scalars_offline(tmp_path, play, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    logger = callbacks.WandbLogger(tmp_path)
    with pytest.raises(ValueError, match=r"call `wandb\.init"):
        logger.on_train_begin()
    with wandb.init(project="kerasgen-tests") as run:
        play([Tick(tmp_path, every=2), logger], LOGS)
        assert dict(run.summary)["kl"] == 1.0
        assert dict(run.summary)["epoch"] == 4
    media = sorted((tmp_path / "wandb").glob("offline-run-*/files/media/images/tick_*.png"))
    assert len(media) == 2
    frames = [tmp_path / "pictures" / "tick" / f"epoch-{epoch:04d}.png" for epoch in (2, 4)]
    assert {path.read_bytes() for path in media} == {path.read_bytes() for path in frames}


@pytest.mark.parametrize(
    ("tracker", "package"),
    [("TensorBoardLogger", "tensorflow"), ("TensorBoardLogger", "tensorboard"), ("WandbLogger", "wandb")],
)
def test_a_missing_package_is_named_with_what_to_install(tracker, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'kerasgen\[(tensorboard|wandb)\]'"):
        getattr(callbacks, tracker)(tmp_path)
