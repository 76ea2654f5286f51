import copy
import types
import warnings

import pytest

from kerasgen import presets, runs
from kerasgen.presets import configs, lengths, registry, trained
from kerasgen.presets.overrides import override


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("epochs", 3, ["epochs"]),
        ("networks.encoder.units", [64, 32], ["networks", "encoder", "units"]),
        ("networks.decoder.dropout", 0.1, ["networks", "decoder", "dropout"]),
        ("dataset.image_size", 16, ["dataset", "image_size"]),
        ("arguments.free_bits", 0.5, ["arguments", "free_bits"]),
        ("beta", 4.0, ["arguments", "beta"]),
        ("likelihood", "gaussian", ["arguments", "likelihood"]),
        ("input_noise", 0.2, ["arguments", "input_noise"]),
        ("learning_rate", 0.01, ["optimizer", "config", "learning_rate"]),
        ("optimizer.config.beta_1", 0.5, ["optimizer", "config", "beta_1"]),
        ("optimizer.class_name", "RMSprop", ["optimizer", "class_name"]),
        ("seed", 7, ["seed"]),
    ],
)
def test_sets_one_entry_and_leaves_the_rest(key, value, path):
    config = presets.get("vae")
    before = copy.deepcopy(config)
    changed = override(config, key, value)
    assert config == before
    node = changed
    for name in path:
        node = node[name]
    assert node == value
    changed.pop("epochs_asked", None)
    # Without its first entry on the path, the config is the old one.
    assert {k: v for k, v in changed.items() if k != path[0]} == {k: v for k, v in before.items() if k != path[0]}


@pytest.mark.parametrize(
    ("preset", "key", "value", "message"),
    [
        ("autoencoder", "beta", 4.0, "Autoencoder has no entry 'beta'"),
        ("vae", "epoch", 4, "the nearest: epochs"),
        ("vae", "networks.encodr.units", [8], "'networks' has no entry 'encodr'; the nearest: .*encoder"),
        ("vae", "networks.encoder.kernel_size", 3, "'networks.encoder' has no entry 'kernel_size'"),
        ("vae", "dataset.batchsize", 3, "the nearest: batch_size"),
        ("vae", "optimizer.config.lr", 3, "'optimizer.config' has no entry 'lr'.*learning_rate"),
        ("vae", "epochs.x", 3, "'epochs' has no entry 'x'; it has none"),
        ("vae", "networks.encoder", "conv", "has entries, set one: builder, units"),
        ("vae", "epochs", "many", "is a number"),
        ("vae", "arguments.seed", 3, "no entry 'seed'"),
        ("vae", "", 3, "no entry ''"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_what_there_is(preset, key, value, message):
    with pytest.raises(ValueError, match=message) as caught:
        override(presets.get(preset), key, value)
    assert "Received: " in str(caught.value)


def test_a_network_of_another_kind_brings_its_own_entries():
    config = override(presets.get("vae"), "networks.encoder.builder", "conv.encoder")
    with pytest.raises(ValueError, match="has no entry 'unit_count'"):
        override(config, "networks.encoder.unit_count", 3)
    broken = override(presets.get("vae"), "networks.encoder.builder", "mlp.nothing")
    with pytest.raises(ValueError, match=r"such as mlp\.encoder"):
        override(broken, "networks.encoder.units", [3])


def test_the_changed_config_builds():
    config = presets.get("vae")
    for key, value in {"networks.encoder.units": [16], "beta": 2.5, "learning_rate": 0.02, "latent_dim": 3}.items():
        config = override(config, key, value)
    model, _ = presets.load(config)
    assert float(model.beta) == 2.5
    assert model.latent_dim == 3
    assert model.encoder.count_params() == 64 * 16 + 16 + 2 * (16 * 3 + 3)
    assert float(model.optimizer.of("autoencoder").learning_rate) == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("preset", "key", "path"),
    [
        ("vae", "optimizer", ["optimizer"]),
        ("vae", "metrics_every", ["metrics_every"]),
        ("vae", "dataset.image_size", ["dataset", "image_size"]),
        ("dcgan", "networks.generator.normalization", ["networks", "generator", "normalization"]),
        ("gan", "objective", ["arguments", "objective"]),
        ("vae", "optimizer.config.clipnorm", ["optimizer", "config", "clipnorm"]),
    ],
)
def test_null_switches_off_what_may_be_off(preset, key, path):
    node = override(presets.get(preset), key, None)
    for name in path[:-1]:
        node = node[name]
    assert node[path[-1]] is None


@pytest.mark.parametrize(
    "key",
    [
        *("networks", "networks.encoder", "networks.encoder.builder", "epochs", "beta", "seed"),
        *("dataset.batch_size", "dataset.name", "learning_rate", "optimizer.config.beta_1"),
    ],
)
def test_null_is_no_value_of_what_must_be_there(key):
    with pytest.raises(ValueError, match=f"'{key}' cannot be switched off. Received: None"):
        override(presets.get("vae"), key, None)


def test_a_network_says_what_it_cannot_do_without():
    config = override(presets.get("vae"), "networks.encoder.units", None)
    with pytest.raises(ValueError, match=r"units must be .*Received: None"):
        presets.load(config)


# ---- steps, not epochs, carry over to other data


@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        # 60 epochs of 23 batches of digits; MNIST has 938 of 64 images, and 469 of 128.
        ({"dataset.name": "mnist"}, 1),
        ({"dataset.name": "coloured_digits"}, 60),
        ({"dataset.name": "iris", "dataset.batch_size": 4}, 46),
        ({"dataset.batch_size": 8}, 60),
        ({"dataset.name": "iris", "epochs": 60}, 60),
        ({"epochs": 60, "dataset.name": "iris"}, 60),
        ({"epochs": 7, "dataset.name": "iris"}, 7),
        ({"dataset.name": "iris", "dataset.drop_remainder": True}, 1380),
    ],
)
def test_steps_carry_over_where_epochs_were_not_asked_for(changes, epochs):
    config = presets.get("vae")
    for key, value in changes.items():
        config = override(config, key, value)
    rows = {"mnist": 60_000, "iris": 120}.get(config["dataset"]["name"], 1437)
    batches = {"drop_remainder": False, **config["dataset"]}
    data = types.SimpleNamespace(name=config["dataset"]["name"], sizes={"train": rows}, config=batches)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert lengths.with_epochs(config, data)["epochs"] == epochs
    asked = "epochs" in changes or epochs == 60
    assert [str(warning.message)[:8] for warning in said] == ([] if asked else ["Epochs: "])
    # It is no other training than one of so many epochs.
    assert "epochs_asked" not in trained.trained_on(config)


def test_back_to_the_presets_own_data_its_epochs_are_back():
    config = override(override(presets.get("vae"), "dataset.name", "mnist"), "dataset.name", "digits")
    assert config == presets.get("vae")


# ---- configs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is a whole number, at least 1. Received: epochs=0"),
        ({"epochs": -1}, "Received: epochs=-1"),
        ({"epochs": "4"}, "Received: epochs='4'"),
        ({"epochs": 2.5}, r"Received: epochs=2\.5"),
        ({"epochs": True}, "Received: epochs=True"),
        ({"latent_dim": 0}, "latent_dim is a whole number"),
        ({"seed": -1}, "seed is a whole number, at least 0"),
        ({"seed": None}, "Received: seed=None"),
        ({"pictures_every": 0}, "pictures_every is a whole number"),
        ({"epoch": 3}, "no entry 'epoch'; the nearest: epochs.*Received: 'epoch'"),
        ({"networks": ["mlp.encoder"]}, "networks is a dict such as"),
        ({"networks": {"encoder": {"units": [3]}}}, "networks is a dict such as"),
        ({"dataset": "digits"}, "dataset is a dict such as.*Received: dataset='digits'"),
        ({"arguments": None}, "arguments is a dict"),
    ],
)
def test_a_config_that_cannot_be_meant_is_refused(change, message):
    for function in (presets.load, presets.load_data, runs.train):
        with pytest.raises(ValueError, match=message) as error:
            function({**presets.get("vae"), **change})
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("config", [None, 3, ["vae"]])
def test_what_is_no_config_is_refused(config):
    with pytest.raises(ValueError, match=r"name of a preset or a dict.*Received: config="):
        presets.load(config)
    with pytest.raises(ValueError, match=r"A preset is asked for by its name.*Received: "):
        presets.get(config)


def test_a_config_lacks_nothing():
    config = presets.get("vae")
    del config["dataset"]
    with pytest.raises(ValueError, match="Received: one without dataset"):
        presets.load(config)
    # What has a default may be left out.
    short = {key: presets.get("vae")[key] for key in ("model", "networks", "latent_dim", "dataset", "epochs")}
    assert configs.full(short).items() >= registry.DEFAULTS.items()


def test_a_layout_is_given_once():
    config = presets.get("autoencoder_iris")
    layout = "Encoder={RESHAPE|1|1|4|FLAT,DENSE|9|RELU,DENSE|2|LINEAR}Decoder={DENSE|4|LINEAR,RESHAPE|1|1|4}"
    model, _ = presets.load(override(config, "layout", layout))
    assert model.encoder.count_params() == 5 * 9 + 10 * 2 and model.decoder.count_params() == 3 * 4
    with pytest.raises(ValueError, match="no entry 'layout'"):
        override(presets.get("vae"), "layout", layout)
