"""Fully connected networks: for small images, and for rows of features."""

import math

import keras
from keras import layers

from kerasgen.networks import blocks


def encoder(
    image_shape,
    latent_dim,
    *,
    units=(512, 256),
    activation="relu",
    posterior=None,
    latent_activation=None,
    normalization=None,
    dropout=0.0,
    num_classes=None,
    name="encoder",
):
    """Build an encoder: the flattened image through dense layers to dense heads.

    Args:
        image_shape: Tuple `(height, width, channels)`, or `(features,)` for rows of a table.
        latent_dim: int. Dimensions of the latent space.
        units: Tuple of ints. Widths of the hidden layers. Defaults to `(512, 256)`.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to `"relu"`.
        posterior: None for one tensor of latents, or `"gaussian"` for the mean and log variance that a VAE needs.
        latent_activation: Activation of the latents; only without a posterior. Defaults to None, linear.
        normalization: None or `"batch"`. Normalisation before each hidden activation. Defaults to None.
        dropout: float. Dropout rate after each hidden activation. Defaults to 0.
        num_classes: int or None. With it the network also takes labels, whose embedding joins the flattened image.
        name: str. Name of the network. Defaults to `"encoder"`.

    Returns:
        A built `keras.Model`. Inputs: images `(batch, *image_shape)`, with `num_classes` `[images, labels]`, labels an
        int32 `(batch,)`. Outputs: latents `(batch, latent_dim)`, with `posterior="gaussian"` `[mean, log_variance]` of
        that shape each.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> encoder((28, 28, 1), latent_dim=16, posterior="gaussian")(images)    # [mean, log_variance], each (batch,
        16)
    """
    image_shape = blocks.check_image_shape(image_shape, ranks=(1, 3))
    inputs, features = blocks.image_inputs(image_shape, num_classes, flat=True)
    features = blocks.dense_layers(features, units, blocks.hidden(activation, normalization, dropout))
    outputs = blocks.latent_outputs(features, latent_dim, posterior, latent_activation)
    return keras.Model(inputs, outputs, name=name)


def decoder(
    image_shape,
    latent_dim,
    *,
    units=(256, 512),
    activation="relu",
    normalization=None,
    dropout=0.0,
    num_classes=None,
    name="decoder",
):
    """Build a decoder: latents through dense layers to one linear unit a value of the image.

    Args:
        image_shape: Tuple `(height, width, channels)`, or `(features,)` for rows of a table.
        latent_dim: int. Dimensions of the latent space.
        units: Tuple of ints. Widths of the hidden layers. Defaults to `(256, 512)`.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to `"relu"`.
        normalization: None or `"batch"`. Normalisation before each hidden activation. Defaults to None.
        dropout: float. Dropout rate after each hidden activation. Defaults to 0.
        num_classes: int or None. With it the network also takes labels, whose embedding joins the latents.
        name: str. Name of the network. Defaults to `"decoder"`.

    Returns:
        A built `keras.Model`. Inputs: latents `(batch, latent_dim)`, with `num_classes` `[latents, labels]`, labels an
        int32 `(batch,)`. Outputs: linear units `(batch, *image_shape)`, which a likelihood maps to [0, 1].

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> decoder((28, 28, 1), latent_dim=16)(latents)    # (batch, 28, 28, 1)
    """
    image_shape = blocks.check_image_shape(image_shape, ranks=(1, 3))
    inputs, features = blocks.latent_inputs(latent_dim, num_classes)
    features = blocks.dense_layers(features, units, blocks.hidden(activation, normalization, dropout))
    # float32 whatever the dtype policy: likelihoods are sums over pixels.
    outputs = layers.Dense(math.prod(image_shape), dtype="float32", name="pixels")(features)
    outputs = layers.Reshape(image_shape, dtype="float32", name="outputs")(outputs)
    return keras.Model(inputs, outputs, name=name)
