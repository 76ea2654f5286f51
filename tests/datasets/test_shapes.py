"""The set of known factors: every factor can be told from the picture, and a split knows its factors."""

import json
import math

import numpy as np
import pytest

from kerasgen.datasets import list_names, load, shapes, splits

SIZES = list(shapes.FACTORS.values())
TOTAL = math.prod(SIZES)


@pytest.fixture(scope="module")
def masks():
    """Every picture of one colour that is white in one channel: factors, and cover (n, 32, 32) in [0, 1]."""
    factors = shapes.factors_of(np.arange(0, TOTAL, SIZES[-1]))
    return factors, shapes.render(factors)[..., 0]


def test_an_image_depends_on_its_factors_alone():
    factors = shapes.sample_factors(300, seed=0)
    images = shapes.render(factors)
    assert images.shape == (300, 32, 32, 3) and images.dtype == "float32"
    order = np.random.default_rng(1).permutation(300)
    np.testing.assert_array_equal(shapes.render(factors[order]), images[order])
    np.testing.assert_array_equal(np.concatenate([shapes.render(factors[k : k + 1]) for k in range(20)]), images[:20])
    np.testing.assert_array_equal(shapes.render_bytes(factors) / np.float32(255), images)


def test_no_shape_reaches_the_border(masks):
    cover = masks[1]
    border = np.concatenate([cover[:, [0, -1]].ravel(), cover[:, :, [0, -1]].ravel()])
    assert not border.any()
    assert cover.max(axis=(1, 2)).min() == 1  # and each has a pixel of the full colour


def test_area_tells_the_scale_and_its_centre_the_position(masks):
    """The cover of a pixel is exact but for corners, hence the tolerances: of the area, and of a step of 1.8 pixels."""
    factors, cover = masks
    area = cover.sum(axis=(1, 2))
    sides = 32 * np.linspace(0.15, 0.27, 4)
    np.testing.assert_allclose(area, sides[factors[:, 1]] ** 2, rtol=0.06)
    places, pixels = 32 * np.linspace(0.3, 0.7, 8), np.arange(32) + 0.5
    np.testing.assert_allclose(cover.sum(axis=1) @ pixels / area, places[factors[:, 3]], atol=0.2)
    np.testing.assert_allclose(cover.sum(axis=2) @ pixels / area, places[factors[:, 4]], atol=0.2)


def test_shapes_and_rotations_differ_at_the_smallest_scale(masks):
    factors, cover = masks
    for x in range(8):
        chosen = (factors[:, 1] == 0) & (factors[:, 3] == x) & (factors[:, 4] == 3)
        pictures = cover[chosen].reshape(24, -1)
        distances = ((pictures[:, None] - pictures) ** 2).sum(axis=-1) / pictures.sum(axis=-1).mean()
        assert distances[~np.eye(24, dtype=bool)].min() > 0.2


def test_colours_differ_by_the_whole_range_of_a_channel():
    factors = np.tile([2, 3, 0, 4, 4, 0], (6, 1))
    factors[:, 5] = range(6)
    colours = shapes.render(factors).max(axis=(1, 2))
    with_ground = np.concatenate([colours, np.zeros((1, 3))])
    differences = np.abs(with_ground[:, None] - with_ground).max(axis=-1)
    np.testing.assert_array_equal(differences, 1 - np.eye(7))
    assert dict(zip(shapes.COLOURS, colours.tolist()))["yellow"] == [1, 1, 0]


@pytest.mark.parametrize("image_size", [32, 45])
def test_a_quarter_turn_is_two_steps_of_the_rotation(image_size):
    factors = shapes.sample_factors(100, seed=2)
    shape, scale, rotation, x, y, colour = factors.T
    turned = np.stack([shape, scale, (rotation + 2) % 8, 7 - y, x, colour], axis=-1)
    expected = np.rot90(shapes.render(factors, image_size), k=-1, axes=(1, 2))
    np.testing.assert_allclose(shapes.render(turned, image_size), expected, atol=1.01 / 255)


def test_a_mirror_image_is_the_opposite_rotation():
    factors = shapes.sample_factors(100, seed=3)
    shape, scale, rotation, x, y, colour = factors.T
    mirrored = np.stack([shape, scale, -rotation % 8, x, 7 - y, colour], axis=-1)
    np.testing.assert_allclose(shapes.render(mirrored), shapes.render(factors)[:, ::-1], atol=1.01 / 255)


def test_another_size_is_drawn_and_not_resized():
    factors = shapes.sample_factors(50, seed=4)
    small, large = shapes.render(factors), shapes.render(factors, 128)
    # A pixel of 32 is the mean of the 16 pixels of 128 in its place.
    means = large.reshape(50, 32, 4, 32, 4, 3).mean(axis=(2, 4))
    edges = np.abs(means - small)[(means > 0) & (means < 1)]
    assert edges.mean() < 0.03 and edges.max() < 0.5  # the largest where two edges meet in a pixel
    # Edges are as sharp as at 32: a quarter of the share of pixels is neither empty nor full.
    grey = [np.mean((images > 0) & (images < 1)) for images in (small, large)]
    assert 3 < grey[0] / grey[1] < 5
    at = shapes.at(128)
    np.testing.assert_array_equal(at.render(at.sample_factors(5, 4)), shapes.render(shapes.sample_factors(5, 4), 128))


def test_places_and_factors_are_inverse():
    index = np.arange(TOTAL)
    factors = shapes.factors_of(index)
    np.testing.assert_array_equal(shapes.index_of(factors), index)
    np.testing.assert_array_equal(
        factors[[0, 1, 6, -1]], [[0] * 6, [0] * 5 + [1], [0, 0, 0, 0, 1, 0], np.array(SIZES) - 1]
    )
    assert (shapes.SHAPES, len(shapes.COLOURS)) == (("arrow", "moon", "pie"), SIZES[-1])


def test_sampled_factors_are_uniform_and_seeded():
    factors = shapes.sample_factors(20_000, seed=5)
    np.testing.assert_array_equal(shapes.sample_factors(20_000, seed=5), factors)
    for column, size in zip(factors.T, SIZES):
        # Five standard deviations of a count.
        np.testing.assert_allclose(
            np.bincount(column, minlength=size), 20_000 / size, atol=5 * math.sqrt(20_000 / size)
        )
    rng = np.random.default_rng(5)
    first, second = shapes.sample_factors(10, rng), shapes.sample_factors(10, rng)
    assert (first != second).any()


@pytest.mark.parametrize(
    "factors, image_size, message",
    [
        ([[0, 0, 0]], 32, r"int array \(n, 6\), one column each for shape, scale.* shape \(1, 3\)"),
        ([[0.0] * 6], 32, "Received: dtype float64"),
        ([[0, 0, 0, 0, 0, 6]], 32, r"Received: \[0, 0, 0, 0, 0, 6\]"),
        ([[0, 0, 0, 0, 0, -1]], 32, "count from 0 on"),
        ([[0] * 6], 8, "16 at least. Received: 8"),
        ([[0] * 6], (32, 32), "16 at least"),
    ],
)
def test_wrong_factors_are_refused(factors, image_size, message):
    with pytest.raises(ValueError, match=message):
        shapes.render(np.array(factors), image_size)


def test_load_gives_every_combination_once():
    data = load("shapes", validation=0.1)
    assert data.sizes == {"train": 29_860, "validation": 3_318, "test": 3_686}
    assert (data.image_shape, data.class_names) == ((32, 32, 3), ["arrow", "moon", "pie"])
    index = np.concatenate([shapes.index_of(data.factors(split)) for split in data.sizes])
    np.testing.assert_array_equal(np.sort(index), np.arange(TOTAL))
    # Each split is a fair sample: five standard deviations of a count.
    for column, size in zip(data.factors("test").T, SIZES):
        np.testing.assert_allclose(np.bincount(column), 3_686 / size, atol=5 * math.sqrt(3_686 / size))
    entry = next(entry for entry in list_names() if entry.name == "shapes")
    whole = load("shapes").sizes
    assert entry.sizes == f"train {whole['train']:,}, test {whole['test']:,}" and "32x32x3" in entry.description


def test_a_part_of_a_split_has_its_part_of_the_factors():
    factors = shapes.sample_factors(6, seed=6)
    whole = splits.Drawn(factors, factors[:, 0], shapes.render_bytes, (32, 32, 3))
    for chosen in (range(1, 4), np.array([5, 0])):
        for part in (whole.select(chosen), whole.decode().select(chosen)):
            np.testing.assert_array_equal(part.factors, factors[chosen])
            np.testing.assert_array_equal(part.decode().images, shapes.render_bytes(factors[chosen]))
            assert len(part) == len(chosen)


@pytest.mark.parametrize("in_memory", [True, False])
def test_factors_belong_to_the_images(in_memory):
    data = load("shapes", in_memory=in_memory)
    before = data.factors("test")
    images, labels = data.arrays("test", count=100)
    after = data.factors("test")
    np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(images, shapes.render(after[:100]))
    np.testing.assert_array_equal(labels, after[:100, 0])
    assert labels.dtype == "int32"


def test_config_loads_the_set_again():
    data = load("shapes", image_size=20, validation=0.2, seed=4)
    again = load(**json.loads(json.dumps(data.config)))
    assert again.image_shape == (20, 20, 3) and again.sizes == data.sizes
    np.testing.assert_array_equal(again.factors("validation"), data.factors("validation"))
    np.testing.assert_array_equal(again.arrays("test")[0], data.arrays("test")[0])


def test_batches_have_the_seeded_order():
    pytest.importorskip("tensorflow")
    # Held out almost all, to be quick.
    arguments = {"name": "shapes", "validation": 0.99, "batch_size": 100, "seed": 7}
    data, stream = load(**arguments), load(**arguments, in_memory=False)
    assert data.sizes["train"] == 332
    factors = data.factors("train")
    passes = []
    for epoch in (0, 1):
        data.train.set_epoch(epoch)
        stream.train.set_epoch(epoch)
        images, labels = (np.concatenate(parts) for parts in zip(*((x.numpy(), y.numpy()) for x, y in data.train)))
        streamed = np.concatenate([image.numpy() for image, _ in stream.train])
        np.testing.assert_array_equal(images, streamed)
        np.testing.assert_array_equal(np.sort(labels), np.sort(factors[:, 0]))
        passes.append(images)
    assert (passes[0] != passes[1]).any()
    assert {image.tobytes() for image in passes[0]} == {image.tobytes() for image in shapes.render(factors)}


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"image_size": (32, 40)}, r"drawn on squares; give one int. Received: image_size=\(32, 40\)"),
        ({"image_size": 8}, "16 at least. Received: 8"),
        ({"channels": 1}, "shapes has 3"),
        ({"label": "colour"}, "label is for TFDS"),
    ],
)
def test_wrong_arguments_of_shapes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        load("shapes", **arguments)


def test_factors_of_other_sets_are_refused():
    with pytest.raises(ValueError, match=r'load\("shapes"\).*Received: factors of digits'):
        load("digits").factors("test")
    with pytest.raises(ValueError, match="has no split of this name"):
        load("shapes").factors("validation")
