"""Tiny sets on disk, and each way of holding one."""

import numpy as np
import pytest
from tiny_sets import constant_images, write_folder


@pytest.fixture(scope="session")
def flat_folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("images") / "flat", constant_images())


@pytest.fixture(scope="session")
def tfds_dir(tmp_path_factory):
    """A TFDS set "tiny" in three files with a validation split, a class called kind and yes-no attributes."""
    tf = pytest.importorskip("tensorflow")
    tfds = pytest.importorskip("tensorflow_datasets")
    root = tmp_path_factory.mktemp("tfds")
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "attributes": {"Smiling": np.bool_, "Hat": np.bool_},
            "kind": tfds.features.ClassLabel(names=["even", "odd"]),
        }
    )
    folder = root / "tiny" / "1.0.0"
    folder.mkdir(parents=True)
    template = tfds.core.ShardedFileTemplate(data_dir=folder, dataset_name="tiny", filetype_suffix="tfrecord")
    infos = []
    for split, images, shards in (("train", constant_images(), 3), ("validation", constant_images(10), 1)):
        numbers = np.array_split(np.arange(len(images)), shards)
        size = 0
        for shard, part in enumerate(numbers):
            path = folder / f"tiny-{split}.tfrecord-{shard:05d}-of-{shards:05d}"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for k in part:
                    attributes = {"Smiling": k % 3 == 0, "Hat": False}
                    example = {"image": images[k], "attributes": attributes, "kind": k % 2}
                    record = features.serialize_example(example)
                    size += len(record)
                    writer.write(record)
        lengths = [len(part) for part in numbers]
        infos.append(tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=size, filename_template=template))
    tfds.folder_dataset.write_metadata(
        data_dir=folder, features=features, split_infos=infos, filename_template=template, check_data=False
    )
    return str(root)


@pytest.fixture(params=["memory", "folder stream", "tfds stream"])
def tiny(request):
    """Arguments of `load` for 50 images that tell who they are, in each way of holding them."""
    if request.param == "memory":
        return {"name": constant_images()}
    if request.param == "folder stream":
        return {"name": str(request.getfixturevalue("flat_folder")), "in_memory": False}
    return {"name": "tiny", "data_dir": request.getfixturevalue("tfds_dir"), "in_memory": False}
