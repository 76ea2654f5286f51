import copy

import pytest

from kerasgen import presets
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
