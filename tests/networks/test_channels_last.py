"""Maps have their channels last, whatever Keras is set to."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import networks

SHAPE = (10, 12, 3)
TEXT = (
    "Encoder={PADDING2D|0|1|2|0,CONV|4|3|3|2|2|1|1|RELU,MAXPOOL|2|2|1|1,RESIDUAL{CONV|5|3|3|2|2|1|1|RELU},RESHAPE|FLAT,"
    "DENSE|2|LINEAR}Decoder={DENSE|60|LINEAR,RESHAPE|2|5|6,UPSAMPLE|2,TRANSCONV|3|3|3|1|1|1|1|LINEAR}"
)
LABELS = {"num_classes": 3}
BUILDERS = {
    "conv.encoder": lambda: networks.conv.encoder(SHAPE, 2, filters=(4, 5), **LABELS),
    "conv.decoder": lambda: networks.conv.decoder(SHAPE, 2, filters=(4, 5), normalization="batch"),
    "dcgan.generator": lambda: networks.dcgan.generator(SHAPE, 2, filters=(4, 5), attention=3),
    "dcgan.resize": lambda: networks.dcgan.generator(SHAPE, 2, filters=(4, 5), upsampling="resize"),
    "dcgan.discriminator": lambda: networks.dcgan.discriminator(SHAPE, filters=(4, 5), minibatch_deviation=True),
    "resnet.generator": lambda: networks.resnet.generator(SHAPE, 2, filters=(4, 5), spectral_normalization=True),
    "resnet.discriminator": lambda: networks.resnet.discriminator(SHAPE, filters=(4, 5), **LABELS),
    "stargan.generator": lambda: networks.stargan.generator(SHAPE, filters=(4, 5), residual_blocks=1, **LABELS),
    "stargan.discriminator": lambda: networks.stargan.discriminator(SHAPE, filters=(4, 5), **LABELS),
    "mlp.encoder": lambda: networks.mlp.encoder(SHAPE, 2, units=(4,)),
    "mlp.generator": lambda: networks.mlp.generator(SHAPE, 2, units=(4,)),
    "layout.encoder": lambda: networks.layout.encoder(SHAPE, 2, layout=TEXT),
    "layout.decoder": lambda: networks.layout.decoder(SHAPE, 2, layout=TEXT),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_network_does_not_depend_on_the_setting_of_keras(name):
    """The same outputs from the same weights, also after a round trip of the config."""
    network, before = BUILDERS[name](), keras.config.image_data_format()
    rng = np.random.default_rng(0)
    inputs = [
        np.int32([0, 2]) if each.dtype == "int32" else rng.random((2, *each.shape[1:]), "float32")
        for each in network.inputs
    ]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    expected = keras.tree.flatten(network(inputs))
    keras.config.set_image_data_format("channels_first")
    try:
        again = BUILDERS[name]()
        for other in (again, type(again).from_config(network.get_config())):
            other.set_weights(network.get_weights())
            for a, b in zip(expected, keras.tree.flatten(other(inputs)), strict=True):
                np.testing.assert_allclose(ops.convert_to_numpy(b), ops.convert_to_numpy(a), atol=1e-5)
    finally:
        keras.config.set_image_data_format(before)
