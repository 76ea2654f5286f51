import numpy as np
import pytest

from kerasgen.samplers import interpolation

RNG = np.random.default_rng(0)
WAYS = pytest.mark.parametrize("way", [interpolation.linear, interpolation.spherical])


def angles(latents):
    """Angles between successive latents, in radians."""
    units = latents / np.linalg.norm(latents, axis=-1, keepdims=True)
    return np.arccos(np.clip(np.sum(units[..., 1:, :] * units[..., :-1, :], axis=-1), -1, 1))


@WAYS
@pytest.mark.parametrize("shape", [(5,), (4, 5)])
def test_ends_are_exact(way, shape):
    start, end = RNG.normal(size=(2, *shape)).astype("float32")
    latents = way(start, end, 7)
    assert latents.shape == (*shape[:-1], 7, 5) and latents.dtype == "float32"
    np.testing.assert_array_equal(latents[..., 0, :], start)
    np.testing.assert_array_equal(latents[..., -1, :], end)
    np.testing.assert_allclose(way(end, start, 7), latents[..., ::-1, :], atol=1e-6)


@WAYS
def test_pairs_do_not_mix(way):
    start, end = RNG.normal(size=(2, 3, 5))
    rows = [way(a, b, 6) for a, b in zip(start, end)]
    np.testing.assert_allclose(way(start, end, 6), rows, atol=1e-6)


def test_linear_steps_are_equal():
    start, end = RNG.normal(size=(2, 3, 5))
    steps = np.diff(interpolation.linear(start, end, 9), axis=1)
    np.testing.assert_allclose(steps, np.broadcast_to((end - start)[:, None] / 8, steps.shape), atol=1e-6)


def test_spherical_angles_are_equal_and_norms_linear():
    start, end = RNG.normal(size=(2, 3, 5))
    latents = interpolation.spherical(start, end, 9)
    whole = angles(np.stack([start, end], axis=1))
    np.testing.assert_allclose(angles(latents), np.broadcast_to(whole / 8, (3, 8)), atol=1e-5)
    norms = np.linspace(np.linalg.norm(start, axis=1), np.linalg.norm(end, axis=1), 9, axis=1)
    np.testing.assert_allclose(np.linalg.norm(latents, axis=2), norms, rtol=1e-6)


def test_spherical_stays_on_the_sphere_and_in_the_plane():
    start, end = RNG.normal(size=(2, 5))
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    latents = interpolation.spherical(start, end, 9)
    np.testing.assert_allclose(np.linalg.norm(latents, axis=1), np.linalg.norm(start), rtol=1e-6)
    assert np.linalg.matrix_rank(np.vstack([latents, start, end]), tol=1e-5) == 2


def test_spherical_equals_shoemakes_formula():
    start, end = (each / np.linalg.norm(each) for each in RNG.normal(size=(2, 5)))
    angle, t = np.arccos(start @ end), np.linspace(0, 1, 9)[:, None]
    formula = (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)
    np.testing.assert_allclose(interpolation.spherical(start, end, 9), formula, atol=1e-6)


@pytest.mark.parametrize("nudge", [0.0, 1e-13, 1e-9, 1e-5])
def test_parallel_vectors_are_joined_by_the_straight_line(nudge):
    start = RNG.normal(size=5)
    end = 3 * start + nudge * RNG.normal(size=5)
    np.testing.assert_allclose(
        interpolation.spherical(start, end, 5), interpolation.linear(start, end, 5), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("nudge", [0.0, 1e-13, 1e-9, 1e-5])
@pytest.mark.parametrize("start", [[1.0, 0.0], [0.0, -2.0, 0.0], [1.0, 2.0, 3.0]])
def test_opposite_vectors_are_joined_by_an_arc(start, nudge):
    start = np.array(start)
    latents = interpolation.spherical(start, -start + nudge * RNG.normal(size=start.shape), 7)
    np.testing.assert_allclose(np.linalg.norm(latents, axis=1), np.linalg.norm(start), rtol=1e-4)
    np.testing.assert_allclose(angles(latents), np.pi / 6, atol=1e-4)


def test_zero_has_no_direction():
    np.testing.assert_allclose(interpolation.spherical([0.0, 0.0], [3.0, 4.0], 3)[1], [1.5, 2.0], rtol=1e-6)
    assert (interpolation.spherical([0.0, 0.0], [0.0, 0.0], 3) == 0).all()


def test_one_dimension_leads_through_zero():
    assert interpolation.spherical([2.0], [-2.0], 5)[:, 0] == pytest.approx([2, 2**0.5, 0, -(2**0.5), -2], abs=1e-6)


@WAYS
def test_bad_arguments(way):
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
        way([0.0, 0.0], [0.0, 0.0, 0.0], 5)
    with pytest.raises(ValueError, match=r"steps .*Received: 1"):
        way([0.0], [1.0], 1)
