"""Convolutional networks: strided convolutions down, transposed convolutions up."""

from functools import partial
from numbers import Integral

import keras
from keras import layers

from kerasgen.networks import blocks


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
        normalization: None, `"batch"`, `"layer"` or `"instance"`. Normalisation before each hidden activation;
            `"instance"` only without `units`. Defaults to None.
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
    image_shape = blocks.check_image_shape(image_shape)
    inputs, features = blocks.image_inputs(image_shape, num_classes, flat=False)
    add = blocks.hidden(activation, normalization, dropout)
    features = convolutions(features, add, filters=filters, kernel_size=kernel_size, strides=strides, padding=padding)
    features = blocks.dense_layers(layers.Flatten(name="flatten")(features), units, add)
    outputs = blocks.latent_outputs(features, latent_dim, posterior, latent_activation)
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
        normalization: None, `"batch"` or `"layer"`. Normalisation before each hidden activation. Defaults to None.
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
    image_shape = blocks.check_image_shape(image_shape)
    inputs, features = blocks.latent_inputs(latent_dim, num_classes)
    add = blocks.hidden(activation, normalization, dropout)
    features = blocks.dense_layers(features, units, add)
    add_start = add if start_activation is None else blocks.hidden(start_activation, normalization, dropout)
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

    `add` is a function made by `blocks.hidden`, the other arguments are those of `encoder`.
    """
    filters, kernels, strides = layer_sizes(filters, kernel_size, strides, padding)
    for index, (count, kernel, stride) in enumerate(zip(filters, kernels, strides), start=1):
        smallest = min(features.shape[1:3])
        if padding == "valid" and smallest < kernel:
            raise ValueError(
                f'Convolution {index} has a kernel of {kernel} and sees maps of {smallest}: use padding="same", fewer '
                f"filters or smaller kernels. Received: filters={filters}, kernel_size={kernels}, strides={strides}"
            )
        features = add(features, partial(layers.Conv2D, count, kernel, stride, padding), f"conv_{index}")
    return features


def transposed_convolutions(features, image_shape, add, add_start, *, filters, kernel_size, strides, padding):
    """Map `(batch, features)` through hidden maps to linear units `(batch, *image_shape)`.

    `add` is a function made by `blocks.hidden`, as is `add_start` for the dense layer; the other arguments are those of
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
        make = partial(layers.Conv2DTranspose, count, kernels[index], strides[index], padding)
        features = crop(add(features, make, name), sizes[index + 1], f"{name}_crop")
    # float32 whatever the dtype policy: likelihoods are sums over pixels.
    last = layers.Conv2DTranspose(channels, kernels[-1], strides[-1], padding, dtype="float32", name="pixels")
    return crop(last(features), size, "outputs", dtype="float32")


def growing_sizes(size, kernels, strides, padding):
    """Return the sizes `[height, width]` of the maps that transposed convolutions pass through, the last being `size`.

    Each is the smallest that covers the next: a transposed convolution gives `length * stride`, and without padding
    also what its kernel reaches beyond the stride.
    """
    sizes = [list(size)]
    for kernel, stride in zip(reversed(kernels), reversed(strides)):
        beyond = max(kernel - stride, 0) if padding == "valid" else 0
        sizes.insert(0, [max(1, -(-(length - beyond) // stride)) for length in sizes[0]])
    return sizes


def shrinking_heights(height, strides):
    """Return the height of the maps after each convolution of these strides, with padding."""
    heights = []
    for stride in strides:
        height = -(-height // stride)
        heights.append(height)
    return heights


def crop(features, size, name, dtype=None):
    """Crop maps to `size`, `(height, width)`, about their middle. No layer is added where nothing is left over."""
    extra = [have - want for have, want in zip(features.shape[1:3], size)]
    if not any(extra):
        return features
    return layers.Cropping2D([(each // 2, each - each // 2) for each in extra], dtype=dtype, name=name)(features)


def layer_sizes(filters, kernel_size, strides, padding):
    """Return filters, kernel sizes and strides, each a tuple of one a layer, or raise a `ValueError`."""
    filters = blocks.positive_ints("filters", filters)
    if not filters:
        raise ValueError(f"filters must name at least one convolution. Received: {filters!r}")
    if padding not in ("same", "valid"):
        raise ValueError(f'padding must be "same" or "valid". Received: {padding!r}')
    each = []
    for name, value in (("kernel_size", kernel_size), ("strides", strides)):
        values = blocks.positive_ints(name, (value,) * len(filters) if isinstance(value, Integral) else value)
        if len(values) != len(filters):
            raise ValueError(f"{name} must be an int or a tuple of {len(filters)}, one a layer. Received: {value!r}")
        each.append(values)
    return filters, *each
