"""Sets of TensorFlow Datasets."""

import itertools
import math
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasgen.datasets import catalogue
from kerasgen.datasets.sources.source import Source
from kerasgen.datasets.splits import Records, tensorflow

#: What several labels may combine to.
MOST_CLASSES = 10_000


def tfds(name, label, geometry, data_dir, download):
    """A set of TensorFlow Datasets, `name[/config][:version]`."""
    info = _builder(name, data_dir, download).info
    image_key = _image_key(name, info.features)
    labels = [_label(name, info.features, each) for each in (label if isinstance(label, list | tuple) else [label])]
    label_paths = tuple((path, len(names)) for path, names in labels if path)
    if math.prod(size for _, size in label_paths) > MOST_CLASSES:
        raise ValueError(f"Labels may combine to {MOST_CLASSES:,} classes at most. Received: label={label!r}")
    class_names = [", ".join(names) for names in itertools.product(*(names for path, names in labels if path))]
    splits = {}
    for split in ("train", "validation", "test"):
        if split in info.splits and info.splits[split].num_examples:
            part = info.splits[split]
            splits[split] = Records(
                name=f"{name}, split {split}",
                files=[str(file) for file in part.filepaths],
                lengths=list(part.shard_lengths),
                record_bytes=part.num_bytes // part.num_examples,
                features=info.features,
                image_key=image_key,
                label_paths=label_paths,
                geometry=geometry,
                span=range(part.num_examples),
            )
    if "train" not in splits:
        raise ValueError(f"{name} has no split train; choose another set. Received: splits {list(info.splits)}")
    if "test" not in splits and "validation" in splits:
        splits["test"] = splits.pop("validation")
    shape, stored_size = info.features[image_key].shape, None
    if geometry.changes(shape):
        shape, stored_size = splits["train"].read(0).shape, _stored_size(splits["train"])
    splits = {split: replace(part, image_shape=tuple(shape)) for split, part in splits.items()}
    # Some sets store binary images as zeros and ones.
    head = splits["train"].select(range(256)).decode()
    files = tuple(file for split in splits.values() for file in split.files)
    return Source(
        name,
        splits,
        class_names if label_paths else [],
        mixed=True,
        scale=255.0 if head.images.max() > 1 else 1.0,
        files=files,
        stored_size=stored_size,
    )


def _stored_size(records):
    """The height and width of the first 256 images, as they are stored."""
    sizes = records.stored_sizes(256)
    low, high = ("x".join(map(str, end)) for end in (sizes.min(axis=0), sizes.max(axis=0)))
    return low if low == high else f"{low} to {high}"


def _builder(name, data_dir, download):
    """The TFDS builder of a set that is on disk."""
    if re.match(r"\w+:(?![\d*])", name):  # after a colon stands a version
        raise ValueError(
            "Sets of other collections, such as Hugging Face, are not read by name: read them with the package of "
            "their own (pip install datasets), and give arrays, load((images, labels)). "
            f"Received: {name!r}"
        )
    tensorflow()
    import tensorflow_datasets as tfds

    data_dir = data_dir or os.environ.get("TFDS_DATA_DIR")
    data_dir = os.path.expanduser(data_dir) if data_dir else None
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (ValueError, AssertionError, RuntimeError) as error:  # TFDS's words for a wrong name, config or version
        base = catalogue.base(name)
        known = tfds.list_builders(with_community_datasets=False)
        if base not in known:
            raise ValueError(
                "No image set has this name, and no folder this path. The nearest names are "
                f"{', '.join(catalogue.nearest(name, known))}. Received: {name!r}"
            ) from error
        configs = [f"{base}/{config}" for config in tfds.builder_cls(base).builder_configs]
        raise ValueError(
            f"{base} is a TFDS set, but has no such config or version. It has: {', '.join(configs) or 'no configs'}. "
            f"(A folder of this path is read by './{name}'.) Received: {name!r}"
        ) from error
    if not builder.is_prepared():
        if not download:
            root = Path(builder.data_dir).parents[2 if builder.builder_config else 1]
            infos = root.glob(f"{builder.name}/**/dataset_info.json")
            others = sorted({str(info.parent.parent.relative_to(root)) for info in infos})
            raise ValueError(
                f"{name} is not at {builder.data_dir}. Pass download=True (`--download` on the command line) to fetch "
                "it, or give the folder that holds it as data_dir= or TFDS_DATA_DIR."
                f"{f' There is {others}.' if others else ''} Received: {name!r}"
            )
        try:
            builder.download_and_prepare()
        except ModuleNotFoundError as error:  # TFDS leaves out packages that only preparing needs
            raise ValueError(
                f"TFDS needs the package {error.name} to prepare {name}: pip install {error.name}. Received: {name!r}"
            ) from error
    return builder


def _image_key(name, features):
    from tensorflow_datasets import features as kinds

    images = [key for key, feature in features.items() if isinstance(feature, kinds.Image)]
    key = "image" if "image" in images else images[0] if len(images) == 1 else None
    if key is None or features[key].np_dtype != np.uint8:
        raise ValueError(
            f"{name} must have one image feature, or one called 'image', of 8 bits a channel; choose another set. "
            f"Received: { {key: str(feature) for key, feature in features.items()} }"
        )
    return key


def _label(name, features, label):
    """The keys that lead to the label and its class names: those of `label`, or of the set's own label, or none."""
    from tensorflow_datasets import features as kinds

    found = {}

    def collect(features, path):
        for key, feature in features.items():
            if isinstance(feature, kinds.FeaturesDict):
                collect(feature, (*path, key))
            elif isinstance(feature, kinds.ClassLabel):
                found[(*path, key)] = catalogue.class_names(name, feature.names)
            elif feature.shape == () and feature.np_dtype == np.bool_:
                found[(*path, key)] = [f"not {key}", key]

    collect(features, ())
    if label is None:
        own = [(key,) for key, feature in features.items() if isinstance(feature, kinds.ClassLabel)]
        path = ("label",) if ("label",) in own else own[0] if len(own) == 1 else ()
        return path, found.get(path, [])
    for path, names in found.items():
        if label in (path[-1], "/".join(path)):
            return path, names
    names = sorted("/".join(path) for path in found)
    raise ValueError(
        f"{name} has no such class or yes-no feature. It has: {', '.join(names) or 'none'}. Received: label={label!r}"
    )
