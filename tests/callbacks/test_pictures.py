"""Callbacks that draw: what they show, where they put it, and that training does not notice."""

import random

import keras
import numpy as np
import pytest
from PIL import Image

from kerasgen import callbacks, plots
from kerasgen.callbacks.data import choose, one_of_each
from kerasgen.engine.streams import steps_between
from tests.conftest import assert_same_state

NAMES = ["latent_scatter", "posterior", "reconstructions", "samples"]


class Tick(callbacks.PictureCallback):
    """Draws a bar as high as the epoch."""

    name = "tick"

    def draw(self, epoch, logs):
        return plots.kl_dimensions([epoch], title=f"epoch {epoch}")


def frames(folder, name="tick"):
    return sorted(path.name for path in (folder / "pictures" / name).glob("*.png"))


def train(model, data, run_dir, epochs=3, initial_epoch=0, drawing=True):
    """Train on digits, unshuffled, with each callback that fits; returns `History.history`."""
    images, labels = data
    test = images[128:], labels[128:]
    drawn = [
        callbacks.PosteriorMonitor(test, run_dir),
        callbacks.ReconstructionLogger(test, run_dir),
        callbacks.LatentScatter(test, run_dir, max_points=100),
        callbacks.SampleGrid(run_dir, count=9),
        callbacks.LearningCurves(run_dir),
    ]
    return model.fit(
        images[:128],
        labels[:128],
        validation_data=test,
        batch_size=64,
        epochs=epochs,
        initial_epoch=initial_epoch,
        shuffle=False,
        verbose=0,
        callbacks=[callbacks.Annealing("beta", callbacks.linear_schedule(2)), *(drawn if drawing else [])],
    ).history


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_vae, digits):
    """A run of three epochs: its folder, its model, its history, and the state of NumPy's and Python's generators."""
    folder = tmp_path_factory.mktemp("run")
    model = make_vae()
    history = train(model, digits, folder)
    return folder, model, history, (random.getstate(), np.random.get_state())


def test_a_run_leaves_its_pictures(run):
    folder = run[0] / "pictures"
    for name in NAMES:
        assert frames(run[0], name) == ["epoch-0001.png", "epoch-0002.png", "epoch-0003.png"]
        assert (folder / f"{name}.png").read_bytes() == (folder / name / "epoch-0003.png").read_bytes()
        with Image.open(folder / f"{name}.gif") as gif:
            assert gif.n_frames == 3
    assert (folder / "learning_curves.png").exists()
    assert not list(run[0].rglob(".tmp-*"))


def test_the_table_is_the_history_of_fit(run):
    table = callbacks.read_history(run[0] / "history.csv")
    assert table.pop("epoch") == [1, 2, 3]
    assert table == run[2]
    assert table["beta"] == [0.0, 0.5, 1.0]
    assert all(0 <= count <= 3 for count in table["active_units"])
    for term in ("", "val_"):
        loss = np.array(table[f"{term}reconstruction"]) + np.array(table["beta"]) * table[f"{term}kl"]
        np.testing.assert_allclose(table[f"{term}loss"], loss, rtol=1e-5)


def test_training_does_not_notice(run, make_vae, digits, tmp_path):
    """Not a bit of weights and optimizer differs, and none of the generators that others may share."""
    model = make_vae()
    train(model, digits, tmp_path, drawing=False)
    assert_same_state(model, run[1])
    assert random.getstate() == run[3][0]
    for before, after in zip(np.random.get_state(), run[3][1]):
        np.testing.assert_array_equal(before, after)


@pytest.mark.slow
def test_a_resumed_run_leaves_the_same_pictures_and_table(run, make_vae, digits, tmp_path):
    model = make_vae()
    train(model, digits, tmp_path, epochs=2)
    train(model, digits, tmp_path, initial_epoch=2)  # other callbacks, as in another process
    assert (tmp_path / "history.csv").read_bytes() == (run[0] / "history.csv").read_bytes()
    for path in sorted((run[0] / "pictures").rglob("*.*")):
        assert (tmp_path / path.relative_to(run[0])).read_bytes() == path.read_bytes(), path.name


def test_every_few_epochs_and_after_the_last(tmp_path, play):
    play([Tick(tmp_path, every=2)], [{}] * 5)
    assert frames(tmp_path) == ["epoch-0002.png", "epoch-0004.png", "epoch-0005.png"]
    with pytest.raises(ValueError, match="Received: 0"):
        Tick(tmp_path, every=0)


def test_two_of_a_class_get_names(tmp_path, play):
    play([Tick(tmp_path, name="first"), Tick(tmp_path, name="second")], [{}])
    assert sorted(path.name for path in (tmp_path / "pictures").glob("*.png")) == ["first.png", "second.png"]


def test_pictures_of_epochs_that_are_done_again_are_dropped(tmp_path, play):
    """A run was killed in its fifth epoch, and goes on after its second. Then a new one begins."""
    play([Tick(tmp_path)], [{}] * 5, end=False)
    other = tmp_path / "pictures" / "tick" / "epoch-notes.png"
    other.write_text("not ours", encoding="utf-8")
    play([Tick(tmp_path)], [{}], initial_epoch=2)
    assert frames(tmp_path) == ["epoch-0001.png", "epoch-0002.png", "epoch-0003.png", other.name]
    with Image.open(tmp_path / "pictures" / "tick.gif") as gif:
        assert gif.n_frames == 3
    play([Tick(tmp_path)], [{}])
    assert frames(tmp_path) == ["epoch-0001.png", other.name]


# ---- pictures by steps


class Steps:
    """What a callback that draws by steps sees of a model, and `fit` with several steps an execution."""

    def __init__(self, done=0):
        self.optimizer = self
        self.iterations = np.array(done)

    def fit(self, callback, epochs, execution=1, steps=8, initial_epoch=0, last_epoch=None):
        callback.set_model(self)
        callback.set_params({"epochs": last_epoch or epochs})
        callback.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            callback.on_epoch_begin(epoch)
            for first in range(0, steps, execution):
                self.iterations = self.iterations + min(execution, steps - first)
                # Keras counts an execution at the end of the data as a full one.
                callback.on_train_batch_end(first + execution - 1, {})
            callback.on_epoch_end(epoch, {})
        if last_epoch in (None, epochs):
            callback.on_train_end()


def steps_of(folder):
    return [int(name.removeprefix("step-").removesuffix(".png")) for name in frames(folder)]


def test_pictures_by_steps_count_over_all_epochs(tmp_path):
    Steps().fit(Tick(tmp_path, every_steps=5), epochs=3)
    assert frames(tmp_path)[0] == "step-000005.png"
    assert steps_of(tmp_path) == [5, 10, 15, 20, 24], "and after the last epoch"
    newest = tmp_path / "pictures" / "tick.png"
    assert newest.read_bytes() == (tmp_path / "pictures" / "tick" / "step-000024.png").read_bytes()
    with Image.open(tmp_path / "pictures" / "tick.gif") as gif:
        assert gif.n_frames == 5
    with pytest.raises(ValueError, match="Received: 0"):
        Tick(tmp_path, every_steps=0)


@pytest.mark.parametrize("every", [2, 8])
def test_no_picture_is_drawn_twice(tmp_path, every):
    Steps().fit(Tick(tmp_path, every_steps=every), epochs=2)
    assert steps_of(tmp_path) == list(range(every, 17, every))


def test_pictures_by_steps_come_after_the_execution_that_holds_their_step(tmp_path):
    """Executions end after the steps 3, 6, 8 of each epoch; none holds two pictures."""
    Steps().fit(Tick(tmp_path, every_steps=5), epochs=3, execution=3)
    assert steps_of(tmp_path) == [6, 11, 16, 22, 24]


def test_pictures_of_steps_that_are_done_again_are_dropped(tmp_path):
    Steps().fit(Tick(tmp_path, every_steps=3), epochs=3, last_epoch=4)  # killed in its fourth epoch
    assert steps_of(tmp_path) == [3, 6, 9, 12, 15, 18, 21, 24]
    Steps(done=8).fit(Tick(tmp_path, every_steps=3), epochs=2, initial_epoch=1)
    assert steps_of(tmp_path) == [3, 6, 9, 12, 15, 16]
    # A second `fit` of the same model goes on; a new model begins anew.
    Steps(done=16).fit(Tick(tmp_path, every_steps=3), epochs=1)
    assert steps_of(tmp_path) == [3, 6, 9, 12, 15, 16, 18, 21, 24]
    Steps().fit(Tick(tmp_path, every_steps=3), epochs=1)
    assert steps_of(tmp_path) == [3, 6, 8]


def test_only_who_draws_by_steps_keeps_steps_from_running_as_one(tmp_path):
    by_epochs, by_steps = callbacks.SampleGrid(tmp_path), callbacks.SampleGrid(tmp_path, every_steps=6)
    assert steps_between([by_epochs], 20) == 20
    assert steps_between([by_epochs, by_steps], 20) == 6
    assert steps_between([callbacks.SampleGrid(tmp_path, every_steps=100)], 20) == 20

    class Looks(callbacks.PictureCallback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    assert steps_between([Looks(tmp_path)], 20) == 1


def train_by_steps(model, digits, folder, epochs, initial_epoch=0, drawing=True):
    """Eight steps an epoch, four an execution."""
    backend = keras.backend.backend()
    model.compile(steps_per_execution=1 if backend == "torch" else 4, jit_compile=backend == "jax")
    if initial_epoch:
        callbacks.restore(model, folder / "checkpoints" / f"epoch-{initial_epoch:04d}.weights.h5")
    drawn = [callbacks.SampleGrid(folder, count=4, every_steps=4)] if drawing else []
    model.fit(
        digits[0][:128],
        batch_size=16,
        epochs=epochs,
        initial_epoch=initial_epoch,
        shuffle=False,
        verbose=0,
        callbacks=[*drawn, callbacks.Checkpoint(folder, keep=9)],
    )
    return model


@pytest.mark.slow
def test_a_training_with_pictures_by_steps(make_vae, digits, tmp_path):
    model = train_by_steps(make_vae(), digits, tmp_path, epochs=2)
    folder = tmp_path / "pictures" / "samples"
    assert frames(tmp_path, "samples") == [f"step-{step:06d}.png" for step in (4, 8, 12, 16)]
    pictures = {path.name: path.read_bytes() for path in folder.iterdir()}
    last = plots.save(plots.grid(model.generate(4, seed=0), title="Samples, step 16"), tmp_path / "last.png")
    assert pictures["step-000016.png"] == last.read_bytes()
    shown = [plots.files._picture(path) for path in sorted(folder.iterdir())]
    below_title = {picture.crop((0, 40, *picture.size)).tobytes() for picture in shown}
    assert len(below_title) == 4, "each is of the weights after its step"
    # It was as if killed in its second epoch, and resumed after the first.
    (folder / "step-000099.png").write_bytes(last.read_bytes())
    train_by_steps(make_vae(seed=1), digits, tmp_path, epochs=2, initial_epoch=1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == pictures
    assert_same_state(model, train_by_steps(make_vae(), digits, tmp_path / "other", epochs=2, drawing=False))


def canvas_of(figure):
    return np.asarray(figure.axes[0].images[0].get_array())


def test_reconstructions_are_those_of_the_model(run, digits, tmp_path):
    model = run[1]
    callback = callbacks.ReconstructionLogger(digits, tmp_path, count=10)
    callback.set_model(model)
    images, labels = one_of_each(*choose(digits, 100), 10)
    np.testing.assert_array_equal(labels, np.arange(10))
    expected = canvas_of(plots.reconstructions(images, model.reconstruct(images)))
    np.testing.assert_array_equal(canvas_of(callback.draw(1, {})), expected)


def test_points_are_those_of_the_model(run, digits, make_vae, tmp_path):
    model = make_vae(latent_dim=2)
    callback = callbacks.LatentScatter(digits, tmp_path, max_points=200, class_names=[f"digit {i}" for i in range(10)])
    callback.set_model(model)
    figure = callback.draw(1, {})
    points = np.asarray(figure.axes[0].collections[0].get_offsets())
    np.testing.assert_allclose(points, model.encode(choose(digits, 200)[0]), rtol=1e-6)
    assert figure.legends[0].get_texts()[3].get_text() == "digit 3"
    callback.set_model(run[1])
    assert "epoch 4: PCA of 3 dimensions" in callback.draw(4, {}).texts[0].get_text()


UNUSABLE = {
    "other model": lambda file: np.save(file, np.ones((2, 7))),
    "pickled": lambda file: np.save(file, np.array([{}]), allow_pickle=True),
    "words": lambda file: np.save(file, np.full((2, 3), "a")),
    "NaN": lambda file: np.save(file, np.full((2, 3), np.nan)),
    "archive": lambda file: np.savez(file, np.ones((2, 3))),
}


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"not an array", b"PK\x03\x04 cut", *UNUSABLE])
def test_components_that_cannot_be_read_begin_anew_and_it_is_said(run, digits, tmp_path, content):
    callback = callbacks.LatentScatter(digits, tmp_path, max_points=50)
    callback.set_model(run[1])
    callback.path.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        callback.path.write_bytes(content)
    else:
        with open(callback.path, "wb") as file:
            UNUSABLE[content](file)
    with pytest.warns(UserWarning, match=r"later ones may be mirrored\. Received: .*components\.npy"):
        callback.begin(3)
    assert callback.components is None
    callback.draw(4, {})
    assert np.load(callback.path).shape == (2, 3)


def test_pictures_that_were_killed_while_written_are_none(tmp_path, play):
    folder = tmp_path / "pictures" / "tick"
    folder.mkdir(parents=True)
    (folder / ".tmp-1-epoch-0001.png").write_bytes(b"half")
    play([Tick(tmp_path)], [{}] * 2)
    with Image.open(tmp_path / "pictures" / "tick.gif") as gif:
        assert gif.n_frames == 2


def test_a_damaged_picture_of_earlier_epochs_ends_no_training(tmp_path, play):
    play([Tick(tmp_path)], [{}], end=False)
    damaged = tmp_path / "pictures" / "tick" / "epoch-0001.png"
    damaged.write_bytes(b"")
    with pytest.warns(UserWarning, match=r"not made into a GIF\. Received: .*epoch-0001\.png"):
        play([Tick(tmp_path)], [{}], initial_epoch=1)


def test_samples_come_from_the_same_latents(run, tmp_path):
    callback = callbacks.SampleGrid(tmp_path, count=9, seed=5)
    callback.set_model(run[1])
    expected = canvas_of(plots.grid(run[1].generate(9, seed=5)))
    np.testing.assert_array_equal(canvas_of(callback.draw(1, {})), expected)
    np.testing.assert_array_equal(canvas_of(callback.draw(2, {})), expected)


def test_conditional_models_show_a_class_a_row(make_vae, digits, tmp_path):
    model = make_vae(latent_dim=2, num_classes=10)
    names = [f"digit {i}" for i in range(10)]
    samples = callbacks.SampleGrid(tmp_path, count=12, labels=[3, 7], class_names=names)
    samples.set_model(model)
    figure = samples.draw(1, {})
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["digit 3", "digit 7"]
    expected = model.generate(12, labels=np.repeat([3, 7], 6), seed=0)
    np.testing.assert_array_equal(canvas_of(figure), canvas_of(plots.grid(expected, columns=6)))
    samples.labels = None
    assert len(samples.draw(1, {}).axes[0].get_yticklabels()) == 10
    # The others hand the labels on.
    for callback in (
        callbacks.ReconstructionLogger(digits, tmp_path),
        callbacks.LatentScatter(digits, tmp_path),
        callbacks.PosteriorMonitor(digits, tmp_path),
    ):
        callback.set_model(model)
        callback.draw(1, {})
    manifold = callbacks.LatentManifold(tmp_path, size=3, label=4)
    manifold.set_model(model)
    expected = model.decode(plots.quantile_grid(3), labels=np.full(9, 4))
    np.testing.assert_array_equal(canvas_of(manifold.draw(1, {})), canvas_of(plots.manifold(expected)))


def test_a_manifold_needs_two_dimensions(run, tmp_path):
    callback = callbacks.LatentManifold(tmp_path)
    callback.set_model(run[1])
    with pytest.raises(ValueError, match="Received: a model of latent_dim=3"):
        callback.on_train_begin()


def test_active_units_are_logged(run, digits, tmp_path):
    callback = callbacks.PosteriorMonitor(digits, tmp_path, threshold=0.0)
    callback.set_model(run[1])
    logs = {}
    figure = callback.draw(1, logs)
    assert logs == {"active_units": 3}
    assert "3 of 3 dimensions active" in figure.texts[0].get_text()
    # A plain model has no posterior.
    callback.set_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    with pytest.raises(ValueError, match="Received: Sequential"):
        callback.on_train_begin()
