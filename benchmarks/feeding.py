"""Whether images come faster than a model takes them, and whether memory stays flat on a set larger than it.

    python -m benchmarks feeding

Three figures of each source, all in images a second and each measured in a process of its own:

    feeding     `data.train` iterated alone, with no model. The first epoch of a set that is kept in memory decodes it;
                each later one shuffles and gathers what is there. A set that streams reads and decodes in each epoch.
    the step    `fit` on one batch that stays where it is, the step without input: of the quickest model for such images
                on the quickest of the installed backends
    training    `fit` on `data.train`, on that backend: feeding and the step share the cores

Memory: a process whose data segment (`RLIMIT_DATA`: heap and private mappings) may not exceed `LIMIT` streams images
that would take more than that once decoded. What is resident is read after each batch. As a check of the limit, keeping
the set in memory fails there.
"""

import datetime
import os
import pathlib
import tempfile
import time

from benchmarks import children, machine

BATCH = 64
#: Bytes of the data segment that a process gets which streams.
LIMIT = 3 * 2**29
#: The size at which the images of `SETS` take more than that.
LARGE = 256
IMAGENETTE = "imagenette/160px-v2"
#: Source -> what `kerasgen.datasets.load` is asked for, beside the name: None is the folder of JPEGs.
SETS = {
    "MNIST (TFDS)": ("mnist", {}),
    "folder of JPEGs": (None, {"image_size": 64, "crop": True}),
    "Imagenette (TFDS)": (IMAGENETTE, {"image_size": 64, "crop": True}),
}
#: Source -> the quickest system of `systems.py` that takes its images.
SYSTEM_OF = {"MNIST (TFDS)": "mlp_vae", "folder of JPEGs": "conv_vae", "Imagenette (TFDS)": "conv_vae"}


# ---- jobs: each in a process of its own


def write_folder(path, count=None):
    """Write the first training images of Imagenette, as their JPEGs are, into a folder with one sub-folder a class."""
    import tensorflow_datasets as tfds

    builder = tfds.builder(IMAGENETTE)
    data = builder.as_dataset("train", decoders={"image": tfds.decode.SkipDecoding()})
    names = builder.info.features["label"].names
    sides, total = [], 0
    for index, example in enumerate(data.take(-1 if count is None else count).as_numpy_iterator()):
        folder = pathlib.Path(path) / names[example["label"]]
        folder.mkdir(exist_ok=True)
        (folder / f"{index:05d}.jpg").write_bytes(example["image"])
        total += len(example["image"])
        sides.append(_shape_of_jpeg(example["image"]))
    return {"images": len(sides), "bytes": total, "smallest": min(sides), "largest": max(sides)}


def _shape_of_jpeg(content):
    import io

    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        return image.size[::-1]


def feed(name, arguments, rounds=3, batches=None):
    """Seconds of epochs of `data.train` alone, at most so many batches of each."""
    import kerasgen

    start = time.perf_counter()
    data = kerasgen.datasets.load(name, batch_size=BATCH, **arguments)
    loading = time.perf_counter() - start

    def epoch():
        images, start = 0, time.perf_counter()
        for index, (batch, _) in enumerate(data.train):
            images += len(batch)
            if index + 1 == batches:
                break
        return images / (time.perf_counter() - start)

    start = time.perf_counter()
    first = epoch()
    seconds = loading + time.perf_counter() - start
    return {
        "images": data.sizes["train"],
        "shape": list(data.image_shape),
        "loading_seconds": loading,
        "first": first,
        "seconds_to_the_end_of_the_first": seconds,
        "later": children.summary([epoch() for _ in range(rounds)]),
    }


def step(system, rounds=5, steps=200):
    """Images a second of `fit` on one batch that is repeated."""
    import keras
    import numpy as np

    from benchmarks.systems import SYSTEMS

    model = SYSTEMS[system].model()
    model.fit(resident(SYSTEMS[system].shape, steps), epochs=1, verbose=0)
    taken = [
        children.timed(lambda: model.fit(resident(SYSTEMS[system].shape, steps), epochs=1, verbose=0))
        for _ in range(rounds)
    ]
    assert np.isfinite(float(keras.ops.convert_to_numpy(model.get_metrics_result()["loss"])))
    return {
        "images_a_second": children.summary([BATCH * steps / seconds for seconds in taken]),
        "steps_per_execution": model.steps_per_execution,
        "xla": bool(model.jit_compile),
    }


def train(name, arguments, system, rounds=2, batches=None):
    """Images a second of epochs of `fit` on a source; the first one, which compiles and may decode, is left out."""
    import kerasgen
    from benchmarks.systems import SYSTEMS

    data = kerasgen.datasets.load(name, batch_size=BATCH, **arguments)
    images = data.train if batches is None else data.train.take(batches)
    count = min(data.sizes["train"], (batches or 10**9) * BATCH)
    model = SYSTEMS[system].model(data.image_shape)
    model.fit(images, epochs=1, verbose=0)
    taken = [children.timed(lambda: model.fit(images, epochs=1, verbose=0)) for _ in range(rounds)]
    return children.summary([count / seconds for seconds in taken])


def flat(name, arguments, limit=LIMIT, epochs=3, batches=None):
    """What is resident while images stream through a process whose data segment is limited."""
    import resource

    import kerasgen

    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    data = kerasgen.datasets.load(name, batch_size=BATCH, **arguments)
    images, taken, of_epochs = [], [], []
    for _ in range(epochs):
        begun = len(taken)
        for index, (batch, _) in enumerate(data.train):
            images.append(len(batch))
            taken.append(_resident_mib())
            if index + 1 == batches:
                break
        of_epochs.append(max(taken[begun:]))
    quarter = max(1, len(taken) // 4)
    decoded = data.sizes["train"]
    for side in data.image_shape:
        decoded *= side
    in_memory = "not tried: the limit is higher"
    if decoded > limit:  # Else there might be room for the set and none for TensorFlow, which ends the process.
        try:
            kerasgen.datasets.load(name, batch_size=BATCH, **{**arguments, "in_memory": True}).arrays("train")
            in_memory = "fits"
        except MemoryError as error:
            in_memory = type(error).__name__
    return {
        "shape": list(data.image_shape),
        "images": data.sizes["train"],
        "decoded_mib": decoded / 2**20,
        "limit_mib": limit / 2**20,
        "images_read": sum(images),
        "first_quarter_mib": max(taken[:quarter]),
        "rest_mib": max(taken[quarter:] or taken),
        "of_epochs_mib": of_epochs,
        "end_mib": taken[-1],
        "in_memory": in_memory,
    }


def _resident_mib():
    """What of this process is in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def resident(shape, steps):
    """A stream of one batch, over and over."""
    import numpy as np
    import tensorflow as tf

    images = np.random.default_rng(0).random((BATCH, *shape), "float32")
    return tf.data.Dataset.from_tensors((images, np.zeros(BATCH, "int32"))).repeat(steps)


# ---- all of them


def measure(scale=1.0):
    """Measure all.

    Args:
        scale: float. Below 1: fewer images, steps and rounds, for a trial.

    Returns:
        Dict of plain values, which `table` takes.
    """
    with tempfile.TemporaryDirectory(prefix="kerasgen-jpegs-") as folder:
        return _measure(folder, scale)


def _measure(folder, scale):
    some = scale < 1
    count = max(4 * BATCH, round(9_469 * scale)) if some else None
    batches = max(4, round(900 * scale)) if some else None
    rounds = 2 if some else 5
    results = {
        "date": datetime.date.today().isoformat(),
        "scale": scale,
        "machine": machine.describe(),
        "protocol": {"batch": BATCH, "rounds": rounds, "steps": max(20, round(200 * scale))},
        "folder": _run("write_folder", path=folder, count=count),
    }
    results["steps"] = {
        system: {
            backend: _run("step", backend, system=system, rounds=rounds, steps=results["protocol"]["steps"])
            for backend in machine.backends()
        }
        for system in dict.fromkeys(SYSTEM_OF.values())
    }
    results["sources"] = []
    for source, (name, arguments) in SETS.items():
        system = SYSTEM_OF[source]
        backend = _quickest(results["steps"][system])
        for in_memory in (True, False):
            given = {"name": name or folder, "arguments": {**arguments, "in_memory": in_memory}, "batches": batches}
            row = {"source": source, "in_memory": in_memory, "system": system, "backend": backend}
            row["feeding"] = _run("feed", rounds=rounds, **given)
            row["training"] = _run("train", backend, system=system, rounds=max(2, rounds // 2), **given)
            results["sources"].append(row)
    results["memory"] = []
    for source, name in (("folder of JPEGs", folder), ("Imagenette (TFDS)", IMAGENETTE)):
        asked = {"image_size": LARGE, "crop": True, "in_memory": False if some else None}
        row = _run("flat", name=name, arguments=asked, epochs=2 if some else 3, batches=batches)
        results["memory"].append({"source": source, **row})
    return results


def _run(job, backend="tensorflow", **arguments):
    return children.run(__name__, job, backend, **arguments)


def _quickest(steps):
    """The backend on which a system takes most images a second."""
    return max(steps, key=lambda backend: steps[backend]["images_a_second"]["most"])


def ratio(results, row):
    """Feeding over the step: the median of the later epochs over the best round of the quickest backend."""
    step = results["steps"][row["system"]][row["backend"]]["images_a_second"]
    return row["feeding"]["later"]["median"] / step["most"]


def table(results):
    """The results in Markdown."""
    folder = results["folder"]
    steps = "; ".join(
        f"{system}: "
        + ", ".join(f"{backend} {each['images_a_second']['median']:,.0f}" for backend, each in of_backend.items())
        for system, of_backend in results["steps"].items()
    )
    lines = [
        "| source | images | kept | first epoch | later epochs | the step | feeding / step | training |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results["sources"]:
        feeding, step = row["feeding"], results["steps"][row["system"]][row["backend"]]["images_a_second"]
        lines.append(
            f"| {row['source']} | {feeding['images']:,} of {_size(feeding['shape'])} "
            f"| {'in memory' if row['in_memory'] else 'streamed'} | {feeding['first']:,.0f} "
            f"| {feeding['later']['median']:,.0f} | {step['most']:,.0f} | {ratio(results, row):.1f} "
            f"| {row['training']['median']:,.0f} |"
        )
    lines += [
        "",
        f"Images a second, batches of {results['protocol']['batch']}: medians of {results['protocol']['rounds']} "
        "rounds, of the step the best. Sets of up to 1 GiB decoded are kept in memory unless `in_memory=False` asks "
        "for a stream; their first epoch decodes them, of a folder `load` has done so before. The step is `fit` on one "
        "batch that stays where it is, of the quickest system for such images on the quickest backend; training is "
        f"`fit` on the source, where both share the cores. Medians of the step: {steps}. The folder has "
        f"{folder['images']:,} JPEGs of {_size(folder['smallest'])} to {_size(folder['largest'])} pixels, "
        f"{folder['bytes'] / folder['images'] / 1000:.1f} kB each.",
        "",
        "| source | decoded | limit | images read | most in first quarter | after it | in each epoch | at the end |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results["memory"]:
        lines.append(
            f"| {row['source']}, {_size(row['shape'])} | {row['decoded_mib']:,.0f} MiB | {row['limit_mib']:,.0f} MiB "
            f"| {row['images_read']:,} | {row['first_quarter_mib']:,.0f} MiB | {row['rest_mib']:,.0f} MiB "
            f"| {', '.join(f'{most:,.0f}' for most in row['of_epochs_mib'])} MiB | {row['end_mib']:,.0f} MiB |"
        )
    kept = "; ".join(f"{row['source']}: {row['in_memory']}" for row in results["memory"])
    lines += [
        "",
        "Resident memory of a process whose data segment may not exceed the limit (`RLIMIT_DATA`), while it streams a "
        f"set. What `in_memory=True` comes to there: {kept}.",
        "",
        f"{results['date']}, {machine.sentence(results['machine'])}",
    ]
    return "\n".join(lines) + "\n"


def _size(shape):
    return "x".join(map(str, shape))


if __name__ == "__main__":
    children.answer({job.__name__: job for job in (write_folder, feed, step, train, flat)})
