"""The images that callbacks look at come from whatever `fit` takes, a random choice of them."""

import keras
import numpy as np
import pytest

from kerasgen import callbacks, models, networks
from kerasgen.callbacks.data import choose, one_of_each
from kerasgen.losses import likelihoods

IMAGES = np.random.default_rng(0).random((50, 8, 8, 1), "float32")
LABELS = np.arange(50, dtype="int32") // 17  # In the order of the classes, as a folder is.


def assert_chosen(data, labelled=True):
    """Twenty different ones, with their labels, of all classes, whatever they come in."""
    images, labels = choose(data, 20)
    places = [np.flatnonzero((image == IMAGES).all(axis=(1, 2, 3)))[0] for image in images]
    assert len(set(places)) == 20
    if labelled:
        np.testing.assert_array_equal(labels, LABELS[places])
        assert set(labels) == {0, 1, 2}
    else:
        assert labels is None
    np.testing.assert_array_equal(images, choose(IMAGES, 20)[0])


def test_arrays():
    for data in ((IMAGES, LABELS), [IMAGES, LABELS]):
        assert_chosen(data)
    for data in (IMAGES, (IMAGES,)):
        assert_chosen(data, labelled=False)
        assert len(choose(data, 100)[0]) == 50


def test_tf_data():
    tf = pytest.importorskip("tensorflow")
    assert_chosen(tf.data.Dataset.from_tensor_slices((IMAGES, LABELS[:, None])).batch(16))
    assert_chosen(tf.data.Dataset.from_tensor_slices(IMAGES).batch(16), labelled=False)


def test_py_dataset():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return IMAGES[10 * index : 10 * index + 10], LABELS[10 * index : 10 * index + 10]

    assert_chosen(Batches())


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="two frameworks in a process take seconds to load")
def test_torch_loader():
    import torch

    pairs = torch.utils.data.TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(LABELS))
    assert_chosen(torch.utils.data.DataLoader(pairs, batch_size=16))


def test_one_of_each_takes_the_classes_in_turn():
    labels = np.array([2, 2, 2, 0, 1, 0, 2])
    images = np.arange(7)
    chosen, of_them = one_of_each(images, labels, 5)
    np.testing.assert_array_equal(chosen, [3, 4, 0, 5, 1])
    np.testing.assert_array_equal(of_them, [0, 1, 2, 0, 2])
    np.testing.assert_array_equal(one_of_each(images, None, 5)[0], images[:5])


def test_errors_say_what_to_pass():
    with pytest.raises(ValueError, match=r"for example `data\.test`"):
        choose(object(), 5)
    with pytest.raises(ValueError, match="one image at least"):
        choose((IMAGES[:0], LABELS[:0]), 5)


# ---- what a model does not take

WRONG = {
    "uint8": (lambda x: (255 * x).astype("uint8"), r"in \[0, 1\]. Divide them by 255"),
    "0 to 255": (lambda x: 255 * x, r"in \[0, 1\]. Divide them by 255"),
    "-1 to 1": (lambda x: 2 * x - 1, r"Map \[-1, 1\] there by"),
    "NaN": (lambda x: np.where(x > 0.5, np.nan, x), "finite numbers"),
    "infinite": (lambda x: np.where(x > 0.5, np.inf, x), "finite numbers"),
}
EACH = {
    "ReconstructionLogger": callbacks.ReconstructionLogger,
    "LatentScatter": callbacks.LatentScatter,
    "PosteriorMonitor": callbacks.PosteriorMonitor,
    "TranslationGrid": callbacks.TranslationGrid,
    "CollapseMonitor": callbacks.CollapseMonitor,
    "GenerationMetrics": lambda data, folder: callbacks.GenerationMetrics(data, ["precision_recall"]),
}


def begin(callback, model):
    callback.set_model(model)
    callback.set_params({"epochs": 1})
    callback.on_train_begin()


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", EACH)
def test_what_fit_refuses_is_refused_before_training(name, wrong, make_vae, tmp_path):
    change, said = WRONG[wrong]
    begin(EACH[name](IMAGES, tmp_path), make_vae())
    with pytest.raises(ValueError, match=f"^{name} expects .*{said}.*Received: "):
        begin(EACH[name](change(IMAGES), tmp_path), make_vae())


@pytest.mark.parametrize("name", ["ReconstructionLogger", "LatentScatter", "PosteriorMonitor", "TranslationGrid"])
def test_images_of_another_shape_are_refused(name, make_vae, tmp_path):
    with pytest.raises(
        ValueError, match=rf"^{name} expects images of shape \(8, 8, 1\).*Received: shape \(\d+, 8, 4, 1\)"
    ):
        begin(EACH[name](IMAGES[:, :, :4], tmp_path), make_vae())


def test_rows_of_a_table_may_have_any_range(tmp_path):
    net, shape = networks.mlp, (1, 4, 1)
    model = models.VAE(
        net.encoder(shape, 2, units=(4,), posterior="gaussian"),
        net.decoder(shape, 2, units=(4,)),
        likelihood=likelihoods.Gaussian(link="identity"),
    )
    rows = 100 * np.random.default_rng(0).standard_normal((20, *shape))
    for name in ("ReconstructionLogger", "LatentScatter", "PosteriorMonitor"):
        begin(EACH[name](rows, tmp_path), model)
    rows[3] = np.nan
    with pytest.raises(ValueError, match="LatentScatter expects finite numbers"):
        begin(callbacks.LatentScatter(rows, tmp_path), model)


def test_inputs_of_other_targets_may_have_any_range(tmp_path):
    net = networks.mlp
    model = models.Autoencoder(net.encoder((8, 8, 1), 2, units=(4,)), net.decoder((8, 8, 1), 2, units=(4,)), target="y")
    begin(callbacks.LatentScatter(5 * IMAGES, tmp_path), model)
