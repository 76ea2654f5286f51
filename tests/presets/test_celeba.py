"""CelebA's whole path, on a few images in its own TFDS format: faces cannot be downloaded here."""

import keras
import numpy as np
import pytest

from kerasgen import datasets, presets, runs

COUNTS = {"train": 8, "validation": 2, "test": 4}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """The folder that TFDS's own builder of celeb_a would leave: ovals on colours, some of them smiling."""
    tf = pytest.importorskip("tensorflow")
    tfds = pytest.importorskip("tensorflow_datasets")
    root = tmp_path_factory.mktemp("tfds")
    builder = tfds.builder("celeb_a", data_dir=root)
    features, folder = builder.info.features, root / "celeb_a" / str(builder.version)
    folder.mkdir(parents=True)
    template = tfds.core.ShardedFileTemplate(data_dir=folder, dataset_name="celeb_a", filetype_suffix="tfrecord")
    rng, infos = np.random.default_rng(0), []
    for split, count in COUNTS.items():
        size = 0
        with tf.io.TFRecordWriter(str(folder / f"celeb_a-{split}.tfrecord-00000-of-00001")) as writer:
            for number in range(count):
                image = np.full((218, 178, 3), rng.integers(0, 256, 3), "uint8")
                image[60:160, 50:130] = 40 * (number % 5) + 20
                attributes = {name: bool(rng.integers(2)) for name in features["attributes"]}
                attributes |= {"Smiling": number % 2 == 0, "Male": number % 4 < 2}
                example = {
                    "image": image,
                    "landmarks": dict.fromkeys(features["landmarks"], 90),
                    "attributes": attributes,
                    "identity": {"Identity_No": number} if hasattr(features["identity"], "keys") else number,
                }
                record = features.serialize_example(features.encode_example(example))
                size += len(record)
                writer.write(record)
        infos.append(tfds.core.SplitInfo(name=split, shard_lengths=[count], num_bytes=size, filename_template=template))
    tfds.folder_dataset.write_metadata(
        data_dir=folder, features=features, split_infos=infos, filename_template=template, check_data=False
    )
    return str(root)


def test_attributes_are_labels(data_dir):
    options = {"data_dir": data_dir, "image_size": 64, "crop": True}
    data = datasets.load("celeb_a", label=["Smiling", "Male"], **options)
    assert data.image_shape == (64, 64, 3) and data.sizes == COUNTS and data.stored_size == "218x178"
    assert data.class_names == ["not Smiling, not Male", "not Smiling, Male", "Smiling, not Male", "Smiling, Male"]
    numbers = np.arange(8)
    images, labels = data.arrays("train")
    np.testing.assert_array_equal(labels, 2 * (numbers % 2 == 0) + (numbers % 4 < 2))
    # The face is in the middle of the square that is cut out.
    middle = images[:, 28:36, 28:36].mean(axis=(1, 2, 3)) * 255
    np.testing.assert_allclose(middle, 40 * (numbers % 5) + 20, atol=8)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="17 million parameters are slow to step elsewhere")
def test_the_vae_gan_of_faces_makes_a_step(data_dir):
    config = presets.get("vae_gan_celeba")
    assert config["dataset"]["batch_size"] == 512
    config["dataset"] |= {"data_dir": data_dir, "batch_size": 4}
    model, data = presets.load(config)
    encoder = [layer for layer in model.encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(layer.filters, layer.kernel_size, layer.strides) for layer in encoder] == [
        (filters, (5, 5), (2, 2)) for filters in (32, 64, 128, 256)
    ]
    discriminator = [layer for layer in model.discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(layer.filters, layer.kernel_size, layer.strides) for layer in discriminator] == [
        (filters, (5, 5), (2, 2)) for filters in (64, 128, 256, 256)
    ]
    decoder = [layer for layer in model.decoder.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert [(layer.filters, layer.kernel_size, layer.strides) for layer in decoder] == [
        (filters, (4, 4), (2, 2)) for filters in (128, 64, 32, 3)
    ]
    assert all(float(optimizer.learning_rate) == pytest.approx(3e-4) for optimizer in model.optimizer.optimizers)
    model.compile(config["optimizer"], run_eagerly=True)
    images, _ = data.arrays("train", 4)
    logs = model.train_on_batch(images, return_dict=True)
    assert np.isfinite(list(logs.values())).all()
    assert model.reconstruct(images).shape == model.generate(4, seed=0).shape == (4, 64, 64, 3)


CONVOLUTIONS = {"builder": "conv.encoder", "filters": [4], "posterior": "gaussian"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "networks", "label", "pictures"),
    [
        (
            "vae_gan_celeba",
            {
                "encoder": CONVOLUTIONS,
                "decoder": {"builder": "dcgan.generator", "filters": [4, 4], "name": "decoder"},
                "discriminator": {"builder": "dcgan.discriminator", "filters": [4]},
            },
            "Smiling",
            {"reconstructions.png", "samples.png", "latent_scatter.png"},
        ),
        (
            "star_gan",
            {
                "generator": {"builder": "stargan.generator", "filters": [4], "residual_blocks": 1},
                "discriminator": {"builder": "stargan.discriminator", "filters": [4]},
            },
            ["Smiling", "Male"],
            {"translations.png"},
        ),
    ],
)
def test_faces_from_records_to_a_finished_run(name, networks, label, pictures, data_dir, tmp_path):
    """The whole path of `kerasgen train` on CelebA's own records, with small networks."""
    dataset = {"name": "celeb_a", "data_dir": data_dir, "image_size": 16, "crop": True, "label": label, "batch_size": 4}
    config = {**presets.get(name), "networks": networks, "dataset": dataset, "epochs": 1}
    config |= {"latent_dim": config["latent_dim"] and 2, "jit_compile": keras.backend.backend() == "jax"}
    run = runs.train(config, tmp_path / "run", verbose=0)
    assert {path.name for path in run.pictures} >= pictures
    assert np.isfinite([value for value in run.metrics["figures"].values() if value is not None]).all()
    assert run.data.stored_size == "218x178"
    again = runs.load(run.path)
    images = run.data.arrays("test")[0]
    if name == "star_gan":
        assert again.translations(images).shape == (4, 4, 16, 16, 3)
    else:
        np.testing.assert_allclose(again.reconstruct(images), run.model.reconstruct(images), atol=1e-6)
