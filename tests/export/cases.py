"""Models to export, and what to compare."""

import keras
import numpy as np
import pytest

from kerasgen import models, networks

CLASSES = 4
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


@keras.saving.register_keras_serializable("tests")
class Swing(keras.layers.Layer):
    """A layer that only this module knows: another process must import it before it can load a model."""

    def call(self, inputs):
        return inputs + 0.5 * keras.ops.sin(inputs)


def mlp_autoencoder():
    shape = (6, 5, 1)
    return models.Autoencoder(
        networks.mlp.encoder(shape, 3, units=(16,)), networks.mlp.decoder(shape, 3, units=(16,)), likelihood="laplace"
    )


def conv_vae():
    """Conditional, of an odd size, with state: batch statistics, dropout; with a layer of our own."""
    shape = (9, 7, 3)
    options = {"normalization": "batch", "dropout": 0.3, "num_classes": CLASSES}
    encoder = networks.conv.encoder(shape, 2, filters=(8, 12), posterior="gaussian", activation=Swing(), **options)
    return models.VAE(encoder, networks.conv.decoder(shape, 2, filters=(12, 8), **options))


def dcgan():
    """Conditional, of an odd size, with state: spectral vectors, batch statistics a class."""
    shape, classes = (9, 7, 3), {"num_classes": CLASSES}
    net = networks.dcgan
    options = {"spectral_normalization": True, "conditioning": "projection", "dropout": 0.3, **classes}
    return models.SNGAN(
        net.generator(shape, 3, filters=(12, 8), conditioning="batch_normalization", **classes),
        net.discriminator(shape, filters=(8, 12), normalization="layer", **options),
    )


def infogan():
    """Latents are mapped to a code before the generator sees them."""
    return models.InfoGAN(
        networks.mlp.generator((6, 5, 1), 8, units=(16,)),
        networks.mlp.discriminator((6, 5, 1), units=(16,), auxiliary_outputs=5),
        categorical=(3,),
        continuous=2,
    )


def vae_gan():
    shape = (6, 5, 1)
    return models.VAEGAN(
        networks.mlp.encoder(shape, 3, units=(16,), posterior="gaussian"),
        networks.mlp.generator(shape, 3, units=(16,), name="decoder"),
        networks.mlp.discriminator(shape, units=(16,)),
    )


def bigan():
    shape = (6, 5, 1)
    return models.BiGAN(
        networks.mlp.generator(shape, 3, units=(16,)),
        networks.mlp.encoder(shape, 3, units=(16,)),
        networks.mlp.discriminator(shape, units=(16,), latent_dim=3),
    )


def adversarial_autoencoder():
    shape, labels = (6, 5, 1), {"num_classes": CLASSES}
    return models.AdversarialAutoencoder(
        networks.mlp.encoder(shape, 3, units=(16,), **labels),
        networks.mlp.decoder(shape, 3, units=(16,), **labels),
        networks.mlp.discriminator((3,), units=(16,), **labels),
    )


# From another backend each export costs a process: there the models with everything must do.
BUILDERS = {"conv": conv_vae, "dcgan": dcgan}
if ON_TENSORFLOW:
    BUILDERS |= {"mlp": mlp_autoencoder, "infogan": infogan, "vae_gan": vae_gan, "bigan": bigan}
    BUILDERS |= {"adversarial_autoencoder": adversarial_autoencoder}

#: For parametrize; with the first two everything is exported once, the others are slow.
EACH = [pytest.param(name, marks=pytest.mark.slow if row > 1 else ()) for row, name in enumerate(BUILDERS)]


def build(name):
    """A model that is not compiled, whose biases and batch statistics are none that a fresh model has."""
    keras.utils.set_random_seed(5)
    model = BUILDERS[name]()
    rng = np.random.default_rng(5)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(keras.ops.convert_to_numpy(weight) + 0.3 * rng.random(weight.shape))
    return model


def inputs_of(model, count):
    rng = np.random.default_rng(count)
    labels = {"labels": np.arange(count, dtype="int32") % CLASSES} if model.conditional else {}
    images = {"images": rng.random((count, *model.image_shape), "float32"), **labels}
    latents = {"latents": rng.standard_normal((count, model.latent_dim), "float32"), **labels}
    return images, latents


def signature_inputs(model, signature, count):
    """The inputs of a signature of a model."""
    images, latents = inputs_of(model, count)
    served = next(iter(model.signatures())) if signature == "serving_default" else signature
    return latents if served in ("decode", "generate") else images


def expected(model, signature, inputs):
    """What the model's own method gives, under the names of the signature's outputs."""
    tensor, labels = next(iter(inputs.values())), inputs.get("labels")
    if signature == "serving_default":
        signature = next(iter(model.signatures()))
    if signature == "encode":
        gaussian = hasattr(model, "posterior")
        outputs = model.posterior(tensor, labels) if gaussian else [model.encode(tensor, labels)]
        return dict(zip(("latents", "log_variance") if gaussian else ("latents",), outputs))
    if signature == "discriminate":
        return {"logits": model.discriminate(tensor, labels)}
    return {"images": (model.reconstruct if signature == "reconstruct" else model.decode)(tensor, labels)}


def assert_equal(found, wanted, tolerance=1e-5, single=False):
    assert sorted(found) == sorted(wanted)
    for name, values in wanted.items():
        assert single or values.std() > 1e-2, "constant outputs would agree by chance"
        np.testing.assert_allclose(found[name], values, rtol=0, atol=tolerance, err_msg=name)
