"""Time and memory of the metrics, each beside the shortest NumPy or scipy text of the same formula.

    python benchmarks/metrics_speed.py [--count 10000] [--dimensions 2048] [--images 2000]

Features are drawn from two Gaussians. Each line is one measurement in this process; `ratio` is kerasgen's time divided
by that of the text beside it. Memory is what NumPy allocates at its peak (tracemalloc), beyond the features.
"""

import argparse
import time
import tracemalloc

import numpy as np
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from kerasgen import metrics
from kerasgen.metrics.features import inception_network, inception_weights


def timed(function, *arguments):
    """The seconds and the result of a call."""
    started = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - started, result


def peak(function, *arguments):
    """MB allocated at the peak of a call."""
    tracemalloc.start()
    function(*arguments)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1e6


def streaming_frechet(real, generated, batch=100):
    """Features arrive batch by batch."""
    metric = metrics.FrechetDistance()
    for start in range(0, len(real), batch):
        part = slice(start, start + batch)
        metric.update_state(real=real[part], generated=generated[part])
    return metric.result()


def plain_frechet(real, generated):
    """The formula as it is written in papers."""
    c, d = np.cov(real, rowvar=False), np.cov(generated, rowvar=False)
    shift = real.mean(0) - generated.mean(0)
    return shift @ shift + np.trace(c + d - 2 * sqrtm(c @ d).real)


def plain_mmd(real, generated):
    """All kernel matrices at once."""
    d = real.shape[1]
    xx, yy, xy = ((a @ b.T / d + 1) ** 3 for a, b in ((real, real), (generated, generated), (real, generated)))
    n, m = len(real), len(generated)
    return (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * xy.mean()


def plain_precision(real, generated):
    """All distances at once; precision and recall."""
    radii = [np.sort(cdist(x, x), axis=1)[:, 3] for x in (real, generated)]
    distances = cdist(generated, real)
    return {
        "precision": (distances <= radii[0]).any(axis=1).mean(),
        "recall": np.less_equal(distances.T, radii[1]).any(axis=1).mean(),
    }


def line(name, ours, theirs, note=""):
    """Print a comparison."""
    (seconds, result), (other_seconds, other) = ours, theirs
    print(f"{name:<44}{seconds:>9.2f} s {other_seconds:>9.2f} s {seconds / other_seconds:>7.2f}   {note}")
    return result, other


def stream(count, dimensions):
    """Batches of features that are nowhere kept."""
    draws = np.random.default_rng(0)
    metric = metrics.FrechetDistance()
    for _ in range(count // 100):
        rows = draws.standard_normal((100, dimensions), "float32")
        metric.update_state(real=rows, generated=rows)
    return metric


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=2048)
    parser.add_argument("--images", type=int, default=2000)
    options = parser.parse_args()
    n, d = options.count, options.dimensions
    draws = np.random.default_rng(0)
    real, generated = (draws.standard_normal((n, d), "float32") + shift for shift in (0, 0.1))
    print(f"{n:,} against {n:,} rows of {d:,} features\n")
    print(f"{'':<44}{'kerasgen':>11} {'plain':>11} {'ratio':>7}")

    a, b = line(
        "Frechet distance, in batches of 100",
        timed(streaming_frechet, real, generated),
        timed(plain_frechet, real, generated),
        "plain: np.cov, scipy sqrtm",
    )
    np.testing.assert_allclose(a, b, rtol=1e-4)
    a, b = line(
        "squared MMD (KID without subsets)",
        timed(metrics.squared_mmd, real, generated),
        timed(plain_mmd, real.astype("float64"), generated.astype("float64")),
        "plain: three whole matrices",
    )
    np.testing.assert_allclose(a, b, rtol=1e-6)
    seconds, _ = timed(metrics.kernel_distance, real, generated)
    print(f"{'kernel distance, 100 subsets of 1000':<44}{seconds:>9.2f} s")
    few = real[: n // 5], generated[: n // 5]
    a, b = line(
        f"precision and recall of {n // 5:,}",
        timed(metrics.precision_recall, *few),
        timed(plain_precision, *few),
        "plain: scipy cdist, whole matrices",
    )
    assert b == {name: a[name] for name in b}
    seconds, _ = timed(metrics.precision_recall, real, generated)
    print(f"{'precision and recall':<44}{seconds:>9.2f} s")
    seconds, _ = timed(metrics.density_coverage, real, generated)
    print(f"{'density and coverage':<44}{seconds:>9.2f} s")

    print("\npeak memory")
    for count in (n // 5, n, 2 * n):
        print(f"  Frechet distance of {count:>7,} streamed rows{peak(stream, count, d):>12,.0f} MB")
    print(f"  squared MMD of {n:,}{peak(metrics.squared_mmd, real, generated):>29,.0f} MB")
    print(f"  plain{peak(plain_mmd, real.astype('float64'), generated.astype('float64')):>45,.0f} MB")
    print(f"  precision and recall of {n:,}{peak(metrics.precision_recall, real, generated):>20,.0f} MB")

    print("\nfeatures, images a second")
    for name, shape, count in (
        ("mnist_classifier", (28, 28, 1), options.images),
        ("random_projection", (64, 64, 3), options.images),
        ("fid_inception", (64, 64, 3), max(100, options.images // 50)),
    ):
        network = metrics.features.get(name)
        if name == "fid_inception":
            # Its speed does not depend on the values of the weights, and these need no download.
            shapes = inception_weights.shapes(inception_network.build())
            network = metrics.features.FIDInception({name: draws.random(shape) for name, shape in shapes.items()})
        images = draws.random((count, *shape), "float32")
        network(images[:25])
        seconds, _ = timed(lambda images=images, network=network: list(metrics.features.extract(network, images)))
        print(f"  {name:<20}{count / seconds:>12,.1f}   ({count:,} images of {'x'.join(map(str, shape))})")


if __name__ == "__main__":
    main()
