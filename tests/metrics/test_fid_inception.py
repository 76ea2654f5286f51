"""The network of the FID: its numbers, its images, and where its weights come from."""

import functools
import http.server
import json
import pathlib
import random
import socket
import threading
import zlib

import keras
import numpy as np
import pytest

from kerasgen.metrics.features import FIDInception, fid_inception, inception_network, inception_weights
from tests.metrics.test_torch_file import save

REFERENCES = pathlib.Path(__file__).parent / "references"
# Layer of ours: published name.
LAYERS = {**{name: name for name in ("64", "192", "768", "2048", "logits_unbiased")}, "logits_biased": "logits"}


def weight(name, shape):
    """The rule of the references."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.array(0)
    if name.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape)
    if name.endswith("running_mean"):
        return 0.1 * rng.standard_normal(shape)
    if name.endswith("bn.weight"):
        return rng.uniform(0.8, 1.2, shape)
    if name.endswith("bias"):
        return 0.1 * rng.standard_normal(shape)
    gain = 2.0 if len(shape) == 4 else 1.0
    return rng.standard_normal(shape) * np.sqrt(gain / np.prod(shape[1:]))


@pytest.fixture(scope="module")
def tensors():
    shapes = json.loads((REFERENCES / "inception_weight_shapes.json").read_text(encoding="utf-8"))
    return {name: weight(name, shape).astype("float32") for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def network(tensors):
    return FIDInception(tensors)


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCES / "inception_reference.npz") as file:
        return dict(file)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Of the downloaded weights; it is not there yet."""
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def relative_error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("images", ["small", "odd", "smooth"])
def test_layers_are_those_of_the_reference(network, reference, images):
    found = network(reference[f"{images}.images"], LAYERS)
    for layer, name in LAYERS.items():
        assert found[layer].dtype == np.float32
        assert relative_error(found[layer], reference[f"{images}.{name}"]) < 1e-5, layer


def test_roles_of_layers(network, reference):
    """The inception score takes logits without the bias, which are not the published layer `logits`."""
    images = reference["smooth.images"]
    found = network(images, ("features", "logits"))
    assert relative_error(found["features"], reference["smooth.2048"]) < 1e-5
    assert relative_error(found["logits"], reference["smooth.logits_unbiased"]) < 1e-5
    with pytest.raises(ValueError, match=r"fid_inception has the layers .*Received: \['1024'\]"):
        network(images, ("1024",))


def test_features_do_not_depend_on_the_batch(network, reference, monkeypatch):
    monkeypatch.setattr(fid_inception, "BATCH", 2)
    found = network(reference["small.images"][:3])["features"]
    assert relative_error(found, reference["small.2048"][:3]) < 1e-5


def test_users_defaults_change_nothing(tensors, reference):
    """Neither a policy of mixed precision nor channels first."""
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    try:
        found = FIDInception(tensors)(reference["smooth.images"])["features"]
    finally:
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(data_format)
    assert relative_error(found, reference["smooth.2048"]) < 1e-5


def test_building_draws_no_random_numbers():
    """Measuring during training changes nothing of it."""
    state = random.getstate(), np.random.get_state()[1].tolist()
    inception_network.build()
    assert state == (random.getstate(), np.random.get_state()[1].tolist())


def resize(images, size):
    return keras.ops.convert_to_numpy(fid_inception.resize(keras.ops.convert_to_tensor(images), size))


@pytest.mark.parametrize("length", [1, 2, 7, 32, 298, 300, 1000])
def test_output_pixel_i_lies_at_i_times_the_scale(length):
    """A ramp gives its own positions, up to its last pixel, which is repeated."""
    ramp = np.arange(length, dtype="float32")
    expected = np.minimum(np.arange(299) * length / 299, length - 1)
    columns = resize(np.broadcast_to(ramp[None, None, :, None], (1, 3, length, 2)).copy(), 299)
    np.testing.assert_allclose(columns, np.broadcast_to(expected[None, None, :, None], (1, 299, 299, 2)), rtol=2e-6)
    rows = resize(np.broadcast_to(ramp[None, :, None, None], (1, length, 5, 1)).copy(), 299)
    np.testing.assert_allclose(rows, np.broadcast_to(expected[None, :, None, None], (1, 299, 299, 1)), rtol=2e-6)


def test_resizing_takes_no_averages():
    """Half the size is each second pixel, and the same size is the same image."""
    images = np.random.default_rng(0).random((2, 20, 40, 3), "float32")
    np.testing.assert_array_equal(resize(images[:, :, ::2], 20), images[:, :, ::2])
    np.testing.assert_array_equal(resize(images, 20), images[:, :, ::2])


def test_input_of_the_network():
    """8 bits, three channels, (x - 128) / 128."""
    codes = np.arange(256, dtype="float32").reshape(1, 16, 16, 1)
    prepared = keras.ops.convert_to_numpy(fid_inception.prepare(codes / 255))
    assert prepared.shape == (1, 299, 299, 3)
    np.testing.assert_array_equal(prepared[..., :1], prepared[..., 1:2])
    np.testing.assert_array_equal(prepared[0, 0, 0], (0 - 128) / 128)
    np.testing.assert_array_equal(prepared[0, -1, -1], (255 - 128) / 128)
    for shift in (-0.49, 0.49):
        rounded = fid_inception.prepare(np.repeat((codes + shift) / 255, 3, axis=-1))
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(rounded), prepared)
    with pytest.raises(ValueError, match=r"1 or 3 channels. Received: images \(16, 16, 4\)"):
        fid_inception.prepare(np.zeros((1, 16, 16, 4), "float32"))


# Weights.


@pytest.fixture(scope="module")
def expected(network):
    return inception_weights.shapes(network.model)


def test_protocol_tells_weights_apart(network, tensors, expected):
    found = network.protocol(("features", "logits"))
    assert found == {
        "features": "fid_inception",
        "weights_sha256": network.weights_hash,
        "layer": {"features": "2048", "logits": "logits_unbiased"},
        "resize": "bilinear to 299x299 as TensorFlow 1, after rounding to 8 bits",
        "published": False,
    }
    assert json.loads(json.dumps(found)) == found
    assert len(found["weights_sha256"]) == 64
    # The order of the dict and what the network does not use count for nothing.
    used = {name: tensors[name] for name in reversed(tensors) if "num_batches_tracked" not in name}
    assert inception_weights.load(used, expected)[1] == network.weights_hash
    changed = {**tensors, "fc.bias": tensors["fc.bias"] + 1}
    assert inception_weights.load(changed, expected)[1] != network.weights_hash


@pytest.mark.slow
def test_published_file_and_what_is_converted_from_it(tmp_path, monkeypatch, tensors, network, expected):
    """Both are the published weights; other files, and changed ones, are not."""
    path, converted = save("legacy", tmp_path / "weights.pth", tensors), tmp_path / "weights.npz"
    sha256 = inception_weights.hash_file(path)
    other = FIDInception(path)
    for mine, given in zip(other.model.get_weights(), network.model.get_weights()):
        np.testing.assert_array_equal(mine, given)
    assert other.weights_hash == sha256
    assert other.protocol()["published"] is False
    monkeypatch.setattr(inception_weights, "SHA256", sha256)
    assert other.protocol()["published"] is True

    fid_inception.convert(path, converted)
    found, origin = inception_weights.load(str(converted), expected)
    assert origin == sha256
    for name in expected:
        np.testing.assert_array_equal(found[name], tensors[name])
    changed = {**np.load(converted), "fc.bias": tensors["fc.bias"] + 1}
    np.savez(converted, **changed)
    with pytest.raises(ValueError, match=r"changed after `convert`.*Received: .*weights.npz"):
        inception_weights.load(converted, expected)
    del changed[inception_weights.ORIGIN]
    np.savez(converted, **changed)
    assert inception_weights.load(converted, expected)[1] == inception_weights.hash_file(converted) != sha256


def test_other_tensors_are_named(tmp_path, tensors, expected):
    wrong = {name: value for name, value in tensors.items() if name != "Mixed_6c.branch7x7_2.conv.weight"}
    with pytest.raises(ValueError, match=r"Mixed_6c.branch7x7_2.conv.weight is missing. Received: a dict"):
        FIDInception(wrong)(np.zeros((1, 8, 8, 3), "float32"))
    wrong = {**tensors, "fc.weight": tensors["fc.weight"][:1000], "fc.bias": tensors["fc.bias"][:1000]}
    message = (
        r"fc.weight has shape \(1000, 2048\) and not \(1008, 2048\), fc.bias has shape \(1000,\) and not \(1008,\)"
    )
    with pytest.raises(ValueError, match=message):
        inception_weights.load(wrong, expected)
    path = save("legacy", tmp_path / "other.pth", {"fc.bias": np.zeros(1008, "float32")})
    message = r"fc.weight is missing, .* is missing, and \d+ more. Received: .*other.pth"
    with pytest.raises(ValueError, match=message):
        inception_weights.load(path, expected)
    with pytest.raises(ValueError, match=message):
        fid_inception.convert(path, tmp_path / "weights.npz")
    assert not (tmp_path / "weights.npz").exists()


def test_files_that_are_none(tmp_path, expected):
    with pytest.raises(ValueError, match=r"a file, .pth or .npz. Received: .*nowhere.pth, which is none"):
        FIDInception(tmp_path / "nowhere.pth")(np.zeros((1, 8, 8, 3), "float32"))
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    (tmp_path / "text.npz").write_text("Not Found", encoding="utf-8")
    (tmp_path / "half.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "none.npz").write_bytes(b"")
    for name in ("array", "text", "half", "none"):
        with pytest.raises(ValueError, match=rf"Expected a .npz file of arrays.*Received: .*{name}.npz"):
            inception_weights.load(tmp_path / f"{name}.npz", expected)


# Download, from a server on this machine.


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A small torch file at the address, and how often it was asked for."""
    monkeypatch.setenv("no_proxy", "*")
    source = tmp_path / "served"
    source.mkdir()
    path = save("legacy", source / inception_weights.FILE, {"fc.bias": np.zeros(1008, "float32")})
    asked = []

    class Handler(Silent):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=source))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(inception_weights, "ADDRESS", f"http://127.0.0.1:{server.server_port}/{inception_weights.FILE}")
    monkeypatch.setattr(inception_weights, "SHA256", inception_weights.hash_file(path))
    yield path, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_download_happens_once(folder, served, capsys):
    path, asked = served
    found = inception_weights.published_file()
    assert found.read_bytes() == path.read_bytes()
    assert "Downloading data from http://127.0.0.1" in capsys.readouterr().out
    assert inception_weights.published_file() == found == folder / inception_weights.FILE
    assert len(asked) == 1
    assert [file.name for file in folder.iterdir()] == [inception_weights.FILE]
    # It is what a network without an argument looks at, and this one lacks tensors.
    with pytest.raises(ValueError, match=rf"fc.weight is missing.*Received: {found}"):
        FIDInception().protocol()


def test_constructing_costs_nothing(folder, served):
    FIDInception()
    assert not folder.exists()
    assert not served[1]


def test_another_file_at_the_address_is_not_kept(folder, served):
    served[0].write_bytes(b"a page that says 'log in'")
    with pytest.raises(OSError, match=r"cannot be downloaded: .*sha256 file hash does not match") as error:
        FIDInception().protocol()
    assert str(folder / inception_weights.FILE) in str(error.value)
    assert not list(folder.iterdir())


def test_another_file_in_the_cache_is_not_used(folder, served):
    folder.mkdir()
    path = folder / inception_weights.FILE
    path.write_bytes(served[0].read_bytes()[:-1])
    with pytest.raises(ValueError, match=rf"is not used.*{inception_weights.SHA256}. Received: [0-9a-f]+ of {path}"):
        FIDInception().protocol()
    assert not served[1]


def test_without_network_the_way_out_is_told(folder, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/weights.pth"
    monkeypatch.setattr(inception_weights, "ADDRESS", address)
    with pytest.raises(OSError, match="cannot be downloaded") as error:
        FIDInception()(np.zeros((1, 8, 8, 3), "float32"))
    told = [
        "weights=",
        "imagenette_classifier",
        "mnist_classifier",
        "pixels",
        "random_projection",
        address,
        str(folder / inception_weights.FILE),
    ]
    assert all(word in str(error.value) for word in told)
    assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    """Keras would write to /tmp instead."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("KERASGEN_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match="cannot be downloaded"):
        FIDInception().protocol()
