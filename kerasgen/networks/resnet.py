"""Residual GANs: blocks of two convolutions beside a shortcut, nearest upsampling up, average pooling down.

The networks of Gulrajani et al. (2017), "Improved Training of Wasserstein GANs", https://arxiv.org/abs/1704.00028, and
of Miyato et al. (2018), "Spectral Normalization for Generative Adversarial Networks", https://arxiv.org/abs/1802.05957.
Here of any image size.
"""

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
from kerasgen.networks.blocks.arguments import check_image_shape
from kerasgen.networks.blocks.channels_last import AveragePooling2D, Conv2D, GlobalAveragePooling2D, UpSampling2D
from kerasgen.networks.blocks.hidden import gan_normalization, hidden, linear
from kerasgen.networks.blocks.maps import attention_after, crop, growing_sizes, layer_sizes, shrinking_heights

__all__ = ["discriminator", "generator"]


def generator(
    image_shape,
    latent_dim,
    *,
    filters=(128, 128, 128),
    activation="relu",
    normalization="batch",
    conditioning="concatenate",
    spectral_normalization=False,
    attention=None,
    num_classes=None,
    name="generator",
):
    """Build a generator: latents through a dense layer to small maps, through residual blocks that double them.

    The sizes of the maps are halves of the image's, rounded up: 28 <- 14 <- 7 <- 4. Where doubling gives a row or a
    column too many, these are cropped: any image size comes out exactly.

    Args:
        image_shape: Tuple `(height, width, channels)`, of any size.
        latent_dim: int. Dimensions of the latent space.
        filters: Tuple of ints, one a residual block; the dense layer makes maps of as many channels as the first.
            Defaults to `(128, 128, 128)`.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to `"relu"`.
        normalization: None, `"batch"`, `"synchronized_batch"`, `"layer"` or `"instance"`. Normalisation before each
            activation. Defaults to `"batch"`.
        conditioning: How labels enter: `"concatenate"` sets an embedding beside the latents, `"batch_normalization"`
            gives each batch normalisation a scale and an offset a class. Defaults to `"concatenate"`.
        spectral_normalization: bool. Whether all kernels and the label's embedding are divided by their largest
            singular values. Defaults to False.
        attention: int or None. Height of the maps after which self-attention stands. Defaults to None.
        num_classes: int or None. With it the network also takes labels.
        name: str. Name of the network. Defaults to `"generator"`.

    Returns:
        A built `keras.Model`. Inputs: latents `(batch, latent_dim)`, with `num_classes` `[latents, labels]`, labels an
        int32 `(batch,)`. Outputs: images `(batch, height, width, channels)`, float32 in [0, 1].

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> generator((32, 32, 3), latent_dim=128, filters=(256, 256, 256))(latents)    # (batch, 32, 32, 3)
    """
    *size, channels = check_image_shape(image_shape)
    filters, kernels, strides = layer_sizes(filters, 3, 2, "same")
    sizes = growing_sizes(size, kernels, strides, "same")
    attend = attention_after(attention, [height for height, _ in sizes], spectral_normalization)
    inputs, features, normalize = generator_inputs(
        latent_dim, num_classes, conditioning, normalization, spectral_normalization
    )
    block = partial(residual, activation=activation, normalize=normalize, spectral_normalization=spectral_normalization)

    height, width = sizes[0]
    dense = layers.Dense(height * width * filters[0], name="start")
    features = linear(dense, spectral_normalization)(features)
    features = attend(layers.Reshape((height, width, filters[0]), name="start_maps")(features), 0)
    for index, count in enumerate(filters, start=1):
        features = block(features, count, f"block_{index}", before=partial(doubled, size=sizes[index]))
        features = attend(features, index)
    features = activated(features, activation, normalize, "end")
    pixels = Conv2D(channels, 3, padding="same", name="pixels")
    features = linear(pixels, spectral_normalization)(features)
    return keras.Model(inputs, image_outputs(features), name=name)


def discriminator(
    image_shape,
    *,
    filters=(128, 128, 128),
    strides=2,
    activation="relu",
    normalization=None,
    spectral_normalization=False,
    dropout=0.0,
    input_noise=0.0,
    minibatch_deviation=False,
    attention=None,
    latent_dim=None,
    auxiliary_outputs=None,
    conditioning="concatenate",
    num_classes=None,
    name="discriminator",
):
    """Build a discriminator: the image through residual blocks that halve it, summed over all places, to one logit.

    It sees images in [-1, 1], to which it rescales them. The sums before the logit are the output of the layer
    `features`.

    Args:
        image_shape: Tuple `(height, width, channels)`, of any size.
        filters: Tuple of ints, one a residual block. Defaults to `(128, 128, 128)`.
        strides: int, or a tuple of one a block, by which its maps are pooled. Defaults to 2; Miyato et al. have
            `(2, 2, 1, 1)` with four blocks of 128 for images of 32 x 32.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to `"relu"`.
        normalization: None, `"batch"`, `"synchronized_batch"`, `"layer"` or `"instance"`. Normalisation before each
            activation after the first block. Defaults to None.
        spectral_normalization: bool. Whether all kernels up to the logit's, and the label's embedding, are divided by
            their largest singular values. Defaults to False.
        dropout: float. Dropout rate after each block. Defaults to 0.
        input_noise: float. Standard deviation, on the scale [-1, 1], of normal noise added to the image in training.
            Defaults to 0.
        minibatch_deviation: bool. Whether the standard deviation over the batch is a further feature. Defaults to
            False.
        attention: int or None. Height of the maps after which self-attention stands. Defaults to None.
        latent_dim: int or None. With it the network also takes latents, and judges pairs of image and latents.
        auxiliary_outputs: int or None. Width of a second, linear output from the features: classes, codes.
        conditioning: How labels enter: `"concatenate"` as a learned further channel of the image, `"projection"` by the
            product of an embedding and the features, added to the logit. Defaults to `"concatenate"`.
        num_classes: int or None. With it the network also takes labels.
        name: str. Name of the network. Defaults to `"discriminator"`.

    Returns:
        A built `keras.Model`. Inputs: images `(batch, height, width, channels)` in [0, 1], or a list of images, with
        `latent_dim` latents `(batch, latent_dim)`, with `num_classes` labels, an int32 `(batch,)`. Outputs: logits
        `(batch, 1)`, float32; with `auxiliary_outputs` `[logits, auxiliary]`, `(batch, auxiliary_outputs)`.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> discriminator((32, 32, 3), spectral_normalization=True)(images)    # (batch, 1)
    """
    image_shape = check_image_shape(image_shape)
    filters, _, strides = layer_sizes(filters, 3, strides, "same")
    attend = attention_after(attention, shrinking_heights(image_shape[0], strides), spectral_normalization)
    shared = {
        "num_classes": num_classes,
        "conditioning": conditioning,
        "spectral_normalization": spectral_normalization,
    }
    inputs, features = discriminator_inputs(image_shape, latent_dim, flat=False, input_noise=input_noise, **shared)
    normalize = gan_normalization(normalization)
    block = partial(residual, activation=activation, spectral_normalization=spectral_normalization)
    for index, (count, stride) in enumerate(zip(filters, strides)):
        # The first block sees the image itself: an activation would cut off half of it.
        options = {"normalize": normalize} if index else {"normalize": None, "activate_inputs": False}
        after = partial(pooled, stride=stride) if stride > 1 else None
        features = block(features, count, f"block_{index + 1}", after=after, **options)
        if dropout:
            features = layers.Dropout(dropout, name=f"block_{index + 1}_dropout")(features)
        features = attend(features, index)
    features = activated(features, activation, None, "end")
    height, width = features.shape[1:3]
    features = GlobalAveragePooling2D(name="means")(features)
    features = layers.Rescaling(float(height * width), name="sums")(features)
    add = hidden(activation, dropout=dropout, spectral_normalization=spectral_normalization)
    outputs = discriminator_outputs(
        inputs,
        features,
        add,
        joint_units=2 * filters[-1],
        minibatch_deviation=minibatch_deviation,
        auxiliary_outputs=auxiliary_outputs,
        **shared,
    )
    return discriminator_model(inputs, outputs, name)


def residual(
    features,
    filters,
    name,
    *,
    activation,
    normalize,
    spectral_normalization,
    before=None,
    after=None,
    activate_inputs=True,
):
    """Add a residual block: normalisation, activation and convolution, twice, beside a shortcut.

    Args:
        features: Tensor, maps.
        filters: int. Channels that come out.
        name: str, with which the names of the layers begin.
        activation: Activation as Keras takes it.
        normalize: Function of features and of a name, or None.
        spectral_normalization: bool.
        before: Function of features and of a name that changes their size before the first convolution.
        after: The same, after the second convolution.
        activate_inputs: bool. Whether the first normalisation and activation stand.

    Returns:
        The sum of both ways.
    """

    def convolution(features, kernel_size, part, **options):
        layer = Conv2D(filters, kernel_size, padding="same", name=f"{name}_{part}", **options)
        return linear(layer, spectral_normalization)(features)

    def resize(function, features, part):
        return features if function is None else function(features, f"{name}_{part}")

    change = activated(features, activation, normalize, f"{name}_1") if activate_inputs else features
    change = convolution(resize(before, change, "upsampling"), 3, "conv_1", use_bias=normalize is None)
    change = convolution(activated(change, activation, normalize, f"{name}_2"), 3, "conv_2")
    change = resize(after, change, "pooling")

    shortcut = resize(after, features, "shortcut_pooling")
    if before or after or features.shape[-1] != filters:
        # On the smaller maps, where it is cheaper: a convolution 1x1 and a change of size may change places.
        shortcut = convolution(shortcut, 1, "shortcut")
    return layers.Add(name=name)([change, resize(before, shortcut, "shortcut_upsampling")])


def activated(features, activation, normalize, name):
    """Add a normalisation, if any, and an activation."""
    if normalize is not None:
        features = normalize(features, f"{name}_normalization")
    return layers.Activation(activation, name=f"{name}_activation")(features)


def doubled(features, name, size):
    """Repeat each value in both directions, and crop to `size`."""
    return crop(UpSampling2D(2, name=name)(features), size, f"{name}_crop")


def pooled(features, name, stride):
    """Take means over squares, at the border over what there is."""
    return AveragePooling2D(stride, padding="same", name=name)(features)
