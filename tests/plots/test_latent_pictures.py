"""Pictures of latent spaces show the points, colours and numbers that they are given."""

import statistics

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from kerasgen import plots
from kerasgen.plots.look import class_colors


def title_of(figure):
    return figure.texts[0].get_text()


def points_of(figure):
    return np.asarray(figure.axes[0].collections[0].get_offsets())


def cross(*variances):
    """Points on the axes of a space, with these variances along them and zero mean."""
    points = [
        sign * np.sqrt(len(variances) * v) * axis
        for axis, v in zip(np.eye(len(variances)), variances)
        for sign in (1, -1)
    ]
    return np.array(points)


def test_two_dimensions_are_drawn_as_they_are():
    latents = np.random.default_rng(0).normal(size=(50, 2))
    figure = plots.scatter(latents, np.arange(50) % 10)
    np.testing.assert_allclose(points_of(figure), latents)
    assert figure.axes[0].get_aspect() == 1
    assert "PCA" not in title_of(figure)


def test_more_dimensions_go_through_pca_and_the_title_says_so():
    points = cross(2, 4, 1)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    figure = plots.scatter(points @ rotation, title="Latent space, epoch 7")
    assert title_of(figure) == "Latent space, epoch 7: PCA of 3 dimensions, 85.7% of the variance"
    np.testing.assert_allclose(np.abs(points_of(figure)), np.abs(points[:, [1, 0]]), atol=1e-9)
    labels = (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel())
    assert labels == ("principal component 1 (57.1%)", "principal component 2 (28.6%)")


def test_components_keep_the_side_of_those_they_are_like():
    points = np.random.default_rng(0).normal(size=(100, 5)) * [3, 2, 1, 1, 1]
    pca = plots.principal_components(points)
    mirrored = plots.principal_components(points, like=-pca.components_)
    np.testing.assert_allclose(mirrored.components_, -pca.components_)
    np.testing.assert_allclose(points_of(plots.scatter(points, pca=mirrored)), -points_of(plots.scatter(points)))
    # Slightly other points, as an epoch later: near the ones before, on whichever side these are.
    later = points + 0.05 * np.random.default_rng(1).normal(size=points.shape)
    for before in (pca, mirrored):
        after = plots.principal_components(later, like=before.components_)
        assert np.all(np.sum(after.components_ * before.components_, axis=1) > 0.9)


@pytest.mark.parametrize("classes", [2, 10, 12, 20])
def test_each_class_has_a_colour_and_a_place_in_the_legend(classes):
    labels = np.arange(40) % classes
    figure = plots.scatter(np.random.default_rng(0).normal(size=(40, 2)), labels, [f"name {i}" for i in range(classes)])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"name {i}" for i in range(classes)]
    colors = [to_rgb(handle.get_color()) for handle in legend.legend_handles]
    assert len(set(colors)) == classes
    np.testing.assert_allclose(figure.axes[0].collections[0].get_facecolors()[:, :3], np.array(colors)[labels])


def test_the_legend_lies_outside_the_axes_and_holds_classes_without_points():
    figure = plots.scatter(np.random.default_rng(0).normal(size=(40, 2)), np.zeros(40), ["a", "b", "c"])
    figure.draw_without_rendering()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]
    assert figure.legends[0].get_window_extent().x0 >= figure.axes[0].get_window_extent().x1


def test_many_classes_get_a_colour_bar():
    figure = plots.scatter(np.random.default_rng(0).normal(size=(300, 2)), np.arange(300) % 100)
    assert not figure.legends
    assert figure.axes[1].get_ylabel() == "class"
    assert len(set(class_colors(100))) == 100


def test_ten_classes_get_tab10():
    import matplotlib

    assert class_colors(10) == list(matplotlib.colormaps["tab10"].colors)


def test_one_dimension_is_a_strip_a_class():
    latents, labels = np.random.default_rng(0).normal(size=(60, 1)), np.arange(60) % 3
    figure = plots.scatter(latents, labels)
    points = points_of(figure)
    np.testing.assert_allclose(points[:, 0], latents[:, 0])
    np.testing.assert_array_equal(np.round(points[:, 1]), labels)
    unlabelled = plots.scatter(latents)
    assert sum(bar.get_height() for bar in unlabelled.axes[0].patches) == 60


def test_points_that_are_not_finite_are_left_out_and_counted():
    latents = np.random.default_rng(0).normal(size=(20, 4))
    latents[3, 1], latents[5, 2] = np.nan, np.inf
    figure = plots.scatter(latents, np.arange(20) % 2)
    assert "(2 points are not finite)" in title_of(figure)
    assert len(points_of(figure)) == 18
    assert len(points_of(plots.scatter(np.full((20, 4), np.nan), np.arange(20) % 2))) == 0


def test_collapsed_latents_are_drawn():
    assert "0.0% of the variance" in title_of(plots.scatter(np.zeros((20, 4))))


def test_quantile_grid_is_the_inverse_of_the_normal_distribution():
    latents = plots.quantile_grid(4)
    assert latents.shape == (16, 2)
    levels = np.vectorize(statistics.NormalDist().cdf)(latents.astype("float64")).reshape(4, 4, 2)
    np.testing.assert_allclose(levels[..., 0], [[0.125, 0.375, 0.625, 0.875]] * 4, atol=1e-6)
    np.testing.assert_allclose(levels[..., 1], np.repeat([[0.875], [0.625], [0.375], [0.125]], 4, axis=1), atol=1e-6)


def test_manifold_has_the_larger_second_dimension_on_top_and_says_where():
    size = 5
    latents = plots.quantile_grid(size)
    images = np.broadcast_to(((latents[:, 1] + 2) / 4)[:, None, None, None], (25, 8, 8, 1))
    figure = plots.manifold(images)
    canvas = np.asarray(figure.axes[0].images[0].get_array())
    assert canvas.shape == (40, 40)
    assert np.all(np.diff(canvas[::8, 0]) < 0)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["1.3", "0.5", "0.0", "-0.5", "-1.3"]
    with pytest.raises(ValueError, match="Received: 7 images"):
        plots.manifold(images[:7])


def test_kl_bars_are_sorted_and_numbered():
    figure = plots.kl_dimensions([0.5, 0.001, 3.0], active=[True, False, True], title="KL divergence, epoch 2")
    axes = figure.axes[0]
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], [3.0, 0.5, 0.001])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["3", "1", "2"]
    assert title_of(figure) == "KL divergence, epoch 2: 3.5 nats, 2 of 3 dimensions active"
    colors = [bar.get_facecolor() for bar in axes.patches]
    assert colors[0] == colors[1] != colors[2]


def test_errors_name_what_came():
    with pytest.raises(ValueError, match=r"Received: an array of shape \(20,\)"):
        plots.scatter(np.zeros(20))
    with pytest.raises(ValueError, match="Received: 20 points, 3 labels"):
        plots.scatter(np.zeros((20, 2)), [1, 2, 3])
