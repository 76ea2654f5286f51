"""Ways from one latent to another: straight, and along the sphere."""

import numpy as np


def linear(start, end, steps):
    """Latents at equal distances on the straight line from `start` to `end`, both included.

        z(t) = (1 - t) start + t end,    t = 0 ... 1

    Args:
        start: Array `(latent_dim,)` or `(n, latent_dim)`.
        end: Array of the same shape.
        steps: int, at least 2. Points on the way.

    Returns:
        NumPy array `(steps, latent_dim)` or `(n, steps, latent_dim)`, float32.

    Raises:
        ValueError: If the shapes differ or there are fewer than two steps.

    Example:
        >>> linear([0.0, 0.0], [1.0, 2.0], steps=3)
        [[0.0, 0.0], [0.5, 1.0], [1.0, 2.0]]
    """
    start, end, times = checked(start, end, steps)
    return way((1 - times) * start[..., None, :] + times * end[..., None, :], start, end)


def spherical(start, end, steps):
    """Latents at equal angles on the arc from `start` to `end`, both included.

    In many dimensions nearly all of a Gaussian prior lies near a sphere, and a straight line leaves it. The directions
    follow Shoemake's formula; the norms, which need not be equal, are interpolated linearly. With norms r and s of
    `start` and `end`, unit vectors u and v along them, and the angle w between these:

        z(t) = ((1 - t) r + t s) (sin((1 - t) w) u + sin(t w) v) / sin(w),    t = 0 ... 1

    Parallel vectors are joined by the straight line. Between opposite ones there are many arcs, and the one towards the
    coordinate axis most nearly perpendicular to them is taken (in one dimension there is none, and the way leads
    through zero). The zero vector has no direction and takes the other's.

    Args:
        start: Array `(latent_dim,)` or `(n, latent_dim)`.
        end: Array of the same shape.
        steps: int, at least 2. Points on the way.

    Returns:
        NumPy array `(steps, latent_dim)` or `(n, steps, latent_dim)`, float32.

    Raises:
        ValueError: If the shapes differ or there are fewer than two steps.

    Example:
        >>> spherical([1.0, 0.0], [0.0, 1.0], steps=3)
        [[1.0, 0.0], [0.7071, 0.7071], [0.0, 1.0]]

    Reference:
        Shoemake, "Animating Rotation with Quaternion Curves", 1985. For latents: White, "Sampling Generative
        Networks", 2016. https://arxiv.org/abs/1609.04468
    """
    start, end, times = checked(start, end, steps)
    start_norm, end_norm = (np.linalg.norm(each, axis=-1, keepdims=True) for each in (start, end))
    u = unit(np.where(start_norm > 0, start, end))
    v = unit(np.where(end_norm > 0, end, start))

    # The same formula with p, the unit vector along the part of v that is perpendicular to u: cos(t w) u + sin(t w) p.
    # It divides by no sine, so parallel vectors need no case of their own, and opposite ones only another p.
    cosine = np.sum(u * v, axis=-1, keepdims=True)
    across = v - cosine * u
    sine = np.linalg.norm(across, axis=-1, keepdims=True)
    axis = np.eye(u.shape[-1])[np.argmin(np.abs(u), axis=-1)]
    axis = axis - np.sum(axis * u, axis=-1, keepdims=True) * u
    perpendicular = unit(np.where(sine > 1e-8, across, axis))

    angle = np.arctan2(sine, cosine)[..., None, :] * times
    norm = (1 - times) * start_norm[..., None, :] + times * end_norm[..., None, :]
    return way(norm * (np.cos(angle) * u[..., None, :] + np.sin(angle) * perpendicular[..., None, :]), start, end)


def checked(start, end, steps):
    """Return both ends as float64 arrays and the times `(steps, 1)`, or raise a `ValueError`."""
    start, end = np.asarray(start, "float64"), np.asarray(end, "float64")
    if start.shape != end.shape or start.ndim not in (1, 2):
        raise ValueError(
            "start and end must have one shape, (latent_dim,) or (n, latent_dim). "
            f"Received: shapes {start.shape} and {end.shape}"
        )
    if steps < 2:
        raise ValueError(f"steps counts both ends, so it must be at least 2. Received: {steps!r}")
    return start, end, np.linspace(0.0, 1.0, steps)[:, None]


def unit(vectors):
    """Return vectors of length 1; zero vectors stay zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1.0)


def way(latents, start, end):
    """Return the latents as float32, their ends exactly `start` and `end` whatever was rounded."""
    latents[..., 0, :], latents[..., -1, :] = start, end
    return latents.astype("float32")
