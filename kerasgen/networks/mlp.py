"""Fully connected networks: for small images, and for rows of features."""

import math
from functools import partial

import keras
from keras import layers

from kerasgen.networks.blocks.adversarial import (
    discriminator_inputs,
    discriminator_model,
    discriminator_outputs,
    generator_inputs,
    image_outputs,
)
from kerasgen.networks.blocks.arguments import check_image_shape, positive_ints
from kerasgen.networks.blocks.ends import image_inputs, latent_inputs, latent_outputs
from kerasgen.networks.blocks.hidden import dense_layers, gan_normalization, hidden, linear

__all__ = ["decoder", "discriminator", "encoder", "generator"]

# Keras's own "leaky_relu" has a slope of 0.2.
LEAKY_RELU = {
    "module": "keras.layers",
    "class_name": "LeakyReLU",
    "config": {"name": "leaky_relu", "negative_slope": 0.01},
}


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
        normalization: None, `"batch"`, `"synchronized_batch"` or `"layer"`. Normalisation before each hidden
            activation. Defaults to None.
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
    image_shape = check_image_shape(image_shape, ranks=(1, 3))
    inputs, features = image_inputs(image_shape, num_classes, flat=True)
    features = dense_layers(features, units, hidden(activation, normalization, dropout))
    outputs = latent_outputs(features, latent_dim, posterior, latent_activation)
    return keras.Model(inputs, outputs, name=name)


def decoder(
    image_shape,
    latent_dim,
    *,
    units=(256, 512),
    activation="relu",
    normalization=None,
    dropout=0.0,
    l2=0.0,
    num_classes=None,
    name="decoder",
):
    """Build a decoder: latents through dense layers to one linear unit a value of the image.

    Args:
        image_shape: Tuple `(height, width, channels)`, or `(features,)` for rows of a table.
        latent_dim: int. Dimensions of the latent space.
        units: Tuple of ints. Widths of the hidden layers. Defaults to `(256, 512)`.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to `"relu"`.
        normalization: None, `"batch"`, `"synchronized_batch"` or `"layer"`. Normalisation before each hidden
            activation. Defaults to None.
        dropout: float. Dropout rate after each hidden activation. Defaults to 0.
        l2: float. The sum of squares of the dense layers' weights and biases, times this, is added to the loss.
            Defaults to 0.
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
    image_shape = check_image_shape(image_shape, ranks=(1, 3))
    inputs, features = latent_inputs(latent_dim, num_classes)
    penalty = keras.regularizers.L2(l2) if l2 else None
    dense = partial(layers.Dense, kernel_regularizer=penalty, bias_regularizer=penalty)
    features = dense_layers(features, units, hidden(activation, normalization, dropout), dense)
    # float32 whatever the dtype policy: likelihoods are sums over pixels.
    outputs = dense(math.prod(image_shape), dtype="float32", name="pixels")(features)
    outputs = layers.Reshape(image_shape, dtype="float32", name="outputs")(outputs)
    return keras.Model(inputs, outputs, name=name)


def generator(
    image_shape,
    latent_dim,
    *,
    units=(256,),
    activation=LEAKY_RELU,
    normalization=None,
    conditioning="concatenate",
    spectral_normalization=False,
    dropout=0.0,
    num_classes=None,
    name="generator",
):
    """Build a generator: latents through dense layers to the image.

    Args:
        image_shape: Tuple `(height, width, channels)`, or `(features,)` for rows, such as latents of another model.
        latent_dim: int. Dimensions of the latent space.
        units: Tuple of ints. Widths of the hidden layers. Defaults to `(256,)`.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to a leaky relu of slope 0.01.
        normalization: None, `"batch"`, `"synchronized_batch"` or `"layer"`. Normalisation before each hidden
            activation. Defaults to None.
        conditioning: How labels enter: `"concatenate"` sets an embedding beside the latents, `"batch_normalization"`
            gives each batch normalisation a scale and an offset a class. Defaults to `"concatenate"`.
        spectral_normalization: bool. Whether all kernels and the label's embedding are divided by their largest
            singular values. Defaults to False.
        dropout: float. Dropout rate after each hidden activation. Defaults to 0.
        num_classes: int or None. With it the network also takes labels.
        name: str. Name of the network. Defaults to `"generator"`.

    Returns:
        A built `keras.Model`. Inputs: latents `(batch, latent_dim)`, with `num_classes` `[latents, labels]`, labels an
        int32 `(batch,)`. Outputs: images `(batch, height, width, channels)`, float32 in [0, 1]; or rows
        `(batch, features)`, float32 and linear.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> generator((28, 28, 1), latent_dim=64)(latents)    # (batch, 28, 28, 1)
    """
    image_shape = check_image_shape(image_shape, ranks=(1, 3))
    inputs, features, normalize = generator_inputs(
        latent_dim, num_classes, conditioning, normalization, spectral_normalization
    )
    add = hidden(activation, normalize, dropout, bias=False, spectral_normalization=spectral_normalization)
    features = dense_layers(features, units, add)
    if len(image_shape) == 1:
        outputs = layers.Dense(*image_shape, dtype="float32", name="outputs")
        return keras.Model(inputs, linear(outputs, spectral_normalization)(features), name=name)
    pixels = layers.Dense(math.prod(image_shape), name="pixels")
    features = layers.Reshape(image_shape, name="maps")(linear(pixels, spectral_normalization)(features))
    return keras.Model(inputs, image_outputs(features), name=name)


def discriminator(
    image_shape,
    *,
    units=(128,),
    activation=LEAKY_RELU,
    normalization=None,
    spectral_normalization=False,
    dropout=0.0,
    input_noise=0.0,
    minibatch_deviation=False,
    latent_dim=None,
    auxiliary_outputs=None,
    conditioning="concatenate",
    num_classes=None,
    name="discriminator",
):
    """Build a discriminator: the flattened image through dense layers to one logit.

    It sees images in [-1, 1], to which it rescales them, and rows as they are. What the logit sees is the output of the
    layer `features`.

    Args:
        image_shape: Tuple `(height, width, channels)`, or `(features,)` for rows, such as latents of another model.
        units: Tuple of ints. Widths of the hidden layers. Defaults to `(128,)`.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to a leaky relu of slope 0.01.
        normalization: None, `"batch"`, `"synchronized_batch"` or `"layer"`. Normalisation before each hidden
            activation. Defaults to None.
        spectral_normalization: bool. Whether all kernels up to the logit's, and the label's embedding, are divided by
            their largest singular values. Defaults to False.
        dropout: float. Dropout rate after each hidden activation. Defaults to 0.
        input_noise: float. Standard deviation of normal noise on what the network sees, in training. Defaults to 0.
        minibatch_deviation: bool. Whether the standard deviation over the batch is a further feature. Defaults to
            False.
        latent_dim: int or None. With it the network also takes latents, and judges pairs of image and latents.
        auxiliary_outputs: int or None. Width of a second, linear output from the features: classes, codes.
        conditioning: How labels enter: `"concatenate"` by an embedding beside the image's values, `"projection"` by the
            product of an embedding and the features, added to the logit. Defaults to `"concatenate"`.
        num_classes: int or None. With it the network also takes labels.
        name: str. Name of the network. Defaults to `"discriminator"`.

    Returns:
        A built `keras.Model`. Inputs: images `(batch, *image_shape)` in [0, 1], or a list of images, with `latent_dim`
        latents `(batch, latent_dim)`, with `num_classes` labels, an int32 `(batch,)`. Outputs: logits `(batch, 1)`,
        float32; with `auxiliary_outputs` `[logits, auxiliary]`, the second `(batch, auxiliary_outputs)`.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> discriminator((28, 28, 1))(images)    # (batch, 1)
    """
    image_shape = check_image_shape(image_shape, ranks=(1, 3))
    units = positive_ints("units", units)
    shared = {
        "num_classes": num_classes,
        "conditioning": conditioning,
        "spectral_normalization": spectral_normalization,
    }
    inputs, features = discriminator_inputs(image_shape, latent_dim, flat=True, input_noise=input_noise, **shared)
    add = hidden(
        activation,
        gan_normalization(normalization),
        dropout,
        bias=False,
        spectral_normalization=spectral_normalization,
    )
    features = dense_layers(features, units, add)
    outputs = discriminator_outputs(
        inputs,
        features,
        add,
        joint_units=features.shape[1],
        minibatch_deviation=minibatch_deviation,
        auxiliary_outputs=auxiliary_outputs,
        **shared,
    )
    return discriminator_model(inputs, outputs, name)
