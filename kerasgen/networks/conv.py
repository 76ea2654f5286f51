"""Convolutional networks: strided convolutions down, transposed convolutions up."""

from functools import partial

import keras
from keras import layers

from kerasgen.networks.blocks.arguments import check_image_shape
from kerasgen.networks.blocks.channels_last import Conv2D, Conv2DTranspose, Flatten
from kerasgen.networks.blocks.ends import image_inputs, latent_inputs, latent_outputs
from kerasgen.networks.blocks.hidden import dense_layers, hidden
from kerasgen.networks.blocks.maps import crop, growing_sizes, layer_sizes

__all__ = ["decoder", "encoder"]


def encoder(
    image_shape,
    latent_dim,
    *,
    filters=(32, 64, 128),
    kernel_size=4,
    strides=2,
    padding="same",
    units=(),
    activation="relu",
    posterior=None,
    latent_activation=None,
    normalization=None,
    dropout=0.0,
    num_classes=None,
    name="encoder",
):
    """Build an encoder: the image through convolutions, flattened, through dense layers if any, to dense heads.

    Args:
        image_shape: Tuple `(height, width, channels)`, of any size.
        latent_dim: int. Dimensions of the latent space.
        filters: Tuple of ints, one a convolution. Defaults to `(32, 64, 128)`.
        kernel_size: int, or a tuple of one a convolution. Defaults to 4: at stride 2, each pixel is seen equally often.
        strides: int, or a tuple of one a convolution. Defaults to 2.
        padding: `"same"` or `"valid"`. Defaults to `"same"`.
        units: Tuple of ints. Widths of dense layers after the convolutions. Defaults to none.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to `"relu"`.
        posterior: None for one tensor of latents, or `"gaussian"` for the mean and log variance that a VAE needs.
        latent_activation: Activation of the latents; only without a posterior. Defaults to None, linear.
        normalization: None, `"batch"`, `"synchronized_batch"`, `"layer"` or `"instance"`. Normalisation before each
            hidden activation; `"instance"` only without `units`. Defaults to None.
        dropout: float. Dropout rate after each hidden activation. Defaults to 0.
        num_classes: int or None. With it the network also takes labels, each a learned further channel of the image.
        name: str. Name of the network. Defaults to `"encoder"`.

    Returns:
        A built `keras.Model`. Inputs: images `(batch, height, width, channels)`, with `num_classes` `[images, labels]`,
        labels an int32 `(batch,)`. Outputs: latents `(batch, latent_dim)`, with `posterior="gaussian"`
        `[mean, log_variance]` of that shape each.

    Raises:
        ValueError: If an argument is none of these, or the image is too small for convolutions without padding.

    Example:
        >>> encoder((64, 64, 3), latent_dim=32, posterior="gaussian")(images)  # [mean, log_variance], each (batch, 32)
    """
    image_shape = check_image_shape(image_shape)
    inputs, features = image_inputs(image_shape, num_classes, flat=False)
    add = hidden(activation, normalization, dropout)
    features = convolutions(features, add, filters=filters, kernel_size=kernel_size, strides=strides, padding=padding)
    features = dense_layers(Flatten(name="flatten")(features), units, add)
    outputs = latent_outputs(features, latent_dim, posterior, latent_activation)
    return keras.Model(inputs, outputs, name=name)


def decoder(
    image_shape,
    latent_dim,
    *,
    filters=(128, 64, 32),
    kernel_size=4,
    strides=2,
    padding="same",
    units=(),
    activation="relu",
    start_activation=None,
    normalization=None,
    dropout=0.0,
    num_classes=None,
    name="decoder",
):
    """Build a decoder: latents through a dense layer to small maps, through transposed convolutions to the image.

    The sizes of the maps are those of an encoder with the same strides, backwards: 28 <- 14 <- 7 <- 4. Where a
    transposed convolution gives a row or a column too many (8 for 7), these are cropped: any image size comes out
    exactly.

    Args:
        image_shape: Tuple `(height, width, channels)`, of any size.
        latent_dim: int. Dimensions of the latent space.
        filters: Tuple of ints, the channels that each transposed convolution sees: first those of the maps that the
            dense layer makes. The last convolution gives the image's channels, so there are as many as `filters`.
            Defaults to `(128, 64, 32)`, an encoder's `(32, 64, 128)` backwards.
        kernel_size: int, or a tuple of one a convolution. Defaults to 4: multiples of the stride leave no checkerboard.
        strides: int, or a tuple of one a convolution. Defaults to 2.
        padding: `"same"` or `"valid"`. Defaults to `"same"`.
        units: Tuple of ints. Widths of dense layers before the maps. Defaults to none.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to `"relu"`.
        start_activation: Activation of the dense layer that the first maps are made of; `"linear"`: none. None: that of
            the others.
        normalization: None, `"batch"`, `"synchronized_batch"` or `"layer"`. Normalisation before each hidden
            activation. Defaults to None.
        dropout: float. Dropout rate after each hidden activation. Defaults to 0.
        num_classes: int or None. With it the network also takes labels, whose embedding joins the latents.
        name: str. Name of the network. Defaults to `"decoder"`.

    Returns:
        A built `keras.Model`. Inputs: latents `(batch, latent_dim)`, with `num_classes` `[latents, labels]`, labels an
        int32 `(batch,)`. Outputs: linear units `(batch, height, width, channels)`, which a likelihood maps to [0, 1].

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> decoder((64, 64, 3), latent_dim=32)(latents)    # (batch, 64, 64, 3)
    """
    image_shape = check_image_shape(image_shape)
    inputs, features = latent_inputs(latent_dim, num_classes)
    add = hidden(activation, normalization, dropout)
    features = dense_layers(features, units, add)
    add_start = add if start_activation is None else hidden(start_activation, normalization, dropout)
    outputs = transposed_convolutions(
        features,
        image_shape,
        add,
        add_start,
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding,
    )
    return keras.Model(inputs, outputs, name=name)


def convolutions(features, add, *, filters, kernel_size, strides, padding):
    """Stack hidden convolutions `conv_1`, `conv_2`, ... on `(batch, height, width, channels)`.

    `add` is a function made by `hidden`, the other arguments are those of `encoder`.
    """
    filters, kernels, strides = layer_sizes(filters, kernel_size, strides, padding)
    for index, (count, kernel, stride) in enumerate(zip(filters, kernels, strides), start=1):
        smallest = min(features.shape[1:3])
        if padding == "valid" and smallest < kernel:
            raise ValueError(
                f'Convolution {index} has a kernel of {kernel} and sees maps of {smallest}: use padding="same", fewer '
                f"filters or smaller kernels. Received: filters={filters}, kernel_size={kernels}, strides={strides}"
            )
        features = add(features, partial(Conv2D, count, kernel, stride, padding), f"conv_{index}")
    return features


def transposed_convolutions(features, image_shape, add, add_start, *, filters, kernel_size, strides, padding):
    """Map `(batch, features)` through hidden maps to linear units `(batch, *image_shape)`.

    `add` is a function made by `hidden`, as is `add_start` for the dense layer; the other arguments are those of
    `decoder`.
    """
    filters, kernels, strides = layer_sizes(filters, kernel_size, strides, padding)
    *size, channels = image_shape
    sizes = growing_sizes(size, kernels, strides, padding)
    height, width = sizes[0]
    features = add_start(features, partial(layers.Dense, height * width * filters[0]), "start")
    features = layers.Reshape((height, width, filters[0]), name="start_maps")(features)
    for index, count in enumerate(filters[1:]):
        name = f"transposed_{index + 1}"
        make = partial(Conv2DTranspose, count, kernels[index], strides[index], padding)
        features = crop(add(features, make, name), sizes[index + 1], f"{name}_crop")
    # float32 whatever the dtype policy: likelihoods are sums over pixels.
    last = Conv2DTranspose(channels, kernels[-1], strides[-1], padding, dtype="float32", name="pixels")
    return crop(last(features), size, "outputs", dtype="float32")
