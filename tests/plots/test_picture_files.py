"""Figures and GIFs on disk; what holds for all figures."""

import sys

import matplotlib
import matplotlib._pylab_helpers
import numpy as np
import pytest
from PIL import Image

from kerasgen import plots

IMAGES = np.random.default_rng(0).random((12, 8, 8, 1))
LATENTS = np.random.default_rng(0).normal(size=(40, 5))
NAMES = ["a class of a very long name"] * 10

FIGURES = {
    "grid": lambda: plots.grid(IMAGES, columns=3, title="Samples of a long title", row_names=NAMES[:4]),
    "one image": lambda: plots.grid(IMAGES[:1], title="Samples of a title that is longer than the picture"),
    "reconstructions": lambda: plots.reconstructions(IMAGES, IMAGES, title="Reconstructions, epoch 1000"),
    "interpolation": lambda: plots.interpolation(IMAGES.reshape(2, 6, 8, 8, 1)),
    "manifold": lambda: plots.manifold(IMAGES[:9]),
    "large images": lambda: plots.grid(np.zeros((64, 160, 160, 3)), title="Samples", row_names=NAMES[:8]),
    "scatter": lambda: plots.scatter(LATENTS, np.arange(40) % 10, NAMES, title="Latent space, epoch 1000"),
    "many classes": lambda: plots.scatter(LATENTS, np.arange(40), NAMES),
    "strips": lambda: plots.scatter(LATENTS[:, :1], np.arange(40) % 10, NAMES),
    "kl": lambda: plots.kl_dimensions(LATENTS[0] ** 2, LATENTS[0] > 0, title="KL divergence, epoch 1000"),
    "many dimensions": lambda: plots.kl_dimensions(LATENTS.reshape(-1) ** 2),
    "curves": lambda: plots.learning_curves({f"a long term {i}": [1e5, 1e-5] for i in range(8)} | {"val_kl": [1, 2]}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_off(name):
    """Whatever is drawn, texts included, lies within the figure."""
    figure = FIGURES[name]()
    figure.draw_without_rendering()
    box = figure.get_tightbbox().get_points() * figure.dpi
    assert np.all(box >= 0)
    assert np.all(box <= figure.get_size_inches() * figure.dpi)


def test_the_users_own_settings_neither_change_figures_nor_are_changed():
    with matplotlib.rc_context({"figure.facecolor": "black", "text.color": "white", "font.size": 30}):
        figure = plots.scatter(LATENTS)
        assert figure.texts[0].get_color() != "white"
        assert matplotlib.rcParams["text.color"] == "white"


def test_pyplot_is_not_touched(tmp_path, monkeypatch):
    """Keras imports pyplot by itself; here an import fails, and pyplot knows of no figure in the end."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for name in ("grid", "scatter", "kl", "curves"):
        plots.save(FIGURES[name](), tmp_path / f"{name}.png")
    plots.gif([tmp_path / "kl.png"], tmp_path / "kl.gif")
    assert not matplotlib._pylab_helpers.Gcf.figs


def test_save_makes_folders_and_leaves_nothing_else(tmp_path):
    path = plots.save(plots.grid(IMAGES), tmp_path / "a" / "b.png")
    assert path == tmp_path / "a" / "b.png"
    assert [p.name for p in path.parent.iterdir()] == ["b.png"]
    assert Image.open(path).format == "PNG"


@pytest.mark.parametrize("name", ["grid", "scatter", "curves"])
def test_a_png_has_the_bytes_that_matplotlib_writes(name, tmp_path):
    """`save` lets it draw once where `savefig` does so twice."""
    FIGURES[name]().savefig(tmp_path / "savefig.png", dpi=100)
    saved = plots.save(FIGURES[name](), tmp_path / "save.png")
    assert saved.read_bytes() == (tmp_path / "savefig.png").read_bytes()
    Image.open(plots.save(FIGURES[name](), tmp_path / "large.png", dpi=200)).verify()


@pytest.mark.parametrize(
    ("name", "start"),
    [("x.png", b"\x89PNG"), ("x.JPG", b"\xff\xd8\xff"), ("x.svg", b"<?xml"), ("x.pdf", b"%PDF"), ("a.b.webp", b"RIFF")],
)
def test_the_suffix_is_the_format(name, start, tmp_path):
    assert plots.save(FIGURES["kl"](), tmp_path / name).read_bytes().startswith(start)


def test_other_suffixes_are_refused_with_those_that_there_are(tmp_path):
    for name in ("picture", "picture.docx", "picture.pngg", ".png"):
        with pytest.raises(ValueError, match=rf"(?s)ends in one of .*\.jpg.*\.png.* Received: .*{name}"):
            plots.save(FIGURES["kl"](), tmp_path / name)
    with pytest.raises(ValueError, match=r"ends in \.gif\. Received: .*film\.mp4"):
        plots.gif([np.zeros((4, 4))], tmp_path / "film.mp4")
    assert not list(tmp_path.iterdir())


#: No formula, or half of one, or signs that matplotlib gives a meaning elsewhere.
SIGNS = ["$\\foo$", "$\\frac$", "a_b^c", "100%", "{x}", "_hidden", "5$ to 9$", "\\"]


def texts_of(figure):
    figure.draw_without_rendering()
    return {text.get_text() for text in figure.findobj(matplotlib.text.Text)}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.grid(IMAGES[:8], columns=1, row_names=SIGNS, title=SIGNS[0]),
        lambda: plots.interpolation(IMAGES[:8].reshape(8, 1, 8, 8, 1), row_names=SIGNS),
        lambda: plots.translations(IMAGES[:1], np.zeros((1, 8, 8, 8, 1)), SIGNS),
        lambda: plots.class_shares(np.full(8, 1 / 8), class_names=SIGNS),
        lambda: plots.scatter(LATENTS, np.arange(40) % 8, SIGNS),
        lambda: plots.scatter(LATENTS[:, :1], np.arange(40) % 8, SIGNS),
        lambda: plots.scatter(LATENTS, np.arange(40), [sign for sign in SIGNS for _ in range(4)] + list(range(8))),
        lambda: plots.learning_curves({sign: [1.0, 2.0] for sign in SIGNS}),
        lambda: plots.sweep(SIGNS, {sign: dict.fromkeys(SIGNS, range(8)) for sign in SIGNS}, SIGNS[0]),
    ],
)
def test_names_are_drawn_as_they_are(draw):
    """Class folders and logs have whatever names their owner likes."""
    figure = draw()
    shown = " ".join(texts_of(figure))
    # A log's underscores are drawn as spaces.
    assert [sign for sign in SIGNS if sign not in shown and sign.replace("_", " ").strip() not in shown] == []
    for text in figure.findobj(matplotlib.text.Text):
        if any(sign in text.get_text() for sign in ("$", "\\")):
            assert not text.get_parse_math()


def test_a_figure_that_fails_leaves_the_old_file(tmp_path):
    path = plots.save(plots.grid(IMAGES), tmp_path / "picture.png")
    before = path.read_bytes()
    broken = plots.kl_dimensions([1.0])
    broken.text(0, 0, r"$\frac$")  # no formula: matplotlib finds that out when it draws
    with pytest.raises(ValueError, match="frac"):
        plots.save(broken, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["picture.png"]


def test_gif_holds_each_frame_for_ever_and_the_last_longer(tmp_path):
    frames = [np.full((20, 30), level, "uint8") for level in (10, 120, 230)]
    paths = []
    for index, frame in enumerate(frames):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(frame).save(paths[-1])
    for source in (frames, paths, [frame / 255 for frame in frames]):
        with Image.open(plots.gif(source, tmp_path / "all.gif")) as gif:
            assert (gif.n_frames, gif.size, gif.info["loop"]) == (3, (30, 20), 0)
            durations = []
            for index, frame in enumerate(frames):
                gif.seek(index)
                np.testing.assert_array_equal(np.asarray(gif.convert("RGB")), np.repeat(frame[..., None], 3, axis=-1))
                durations.append(gif.info["duration"])
            assert durations[0] == durations[1] < durations[2]


def test_frames_of_other_sizes_are_padded(tmp_path):
    frames = [np.zeros((10, 10)), np.zeros((12, 15, 3))]
    with Image.open(plots.gif(frames, tmp_path / "all.gif")) as gif:
        assert (gif.n_frames, gif.size) == (2, (15, 12))
        first = np.asarray(gif.convert("RGB"))
    assert np.all(first[:10, :10] == 0)
    assert np.all(first[10:] == 255)
    assert np.all(first[:, 10:] == 255)


def test_no_frames_are_refused(tmp_path):
    with pytest.raises(ValueError, match="one frame at least"):
        plots.gif([], tmp_path / "all.gif")
