"""Deep convolutional GANs: transposed or resizing convolutions up, strided convolutions down.

Radford, Metz & Chintala (2016), "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", https://arxiv.org/abs/1511.06434. Here of any image size, and with what later papers put into them.

Notes:
    Weights begin as Keras draws them (Glorot's uniform); the paper draws kernels from N(0, 0.02^2).
    `benchmarks/dcgan_initialization.py` measures what other initial weights change.
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
from kerasgen.networks.blocks.arguments import check_image_shape, one_of
from kerasgen.networks.blocks.channels_last import Conv2D, Conv2DTranspose, UpSampling2D
from kerasgen.networks.blocks.hidden import gan_normalization, hidden, linear
from kerasgen.networks.blocks.maps import attention_after, crop, growing_sizes, layer_sizes, shrinking_heights

__all__ = ["discriminator", "generator"]


def generator(
    image_shape,
    latent_dim,
    *,
    filters=(128, 64),
    upsampling="transposed",
    kernel_size=4,
    activation="relu",
    normalization="batch",
    normalize_start=True,
    conditioning="concatenate",
    spectral_normalization=False,
    attention=None,
    num_classes=None,
    name="generator",
):
    """Build a generator: latents through a dense layer to small maps, through growing maps to the image.

    The sizes of the maps are halves of the image's, rounded up: 33 <- 17 <- 9. Where doubling gives a row or a column
    too many, these are cropped: any image size comes out exactly.

    Args:
        image_shape: Tuple `(height, width, channels)`, of any size.
        latent_dim: int. Dimensions of the latent space.
        filters: Tuple of ints, the channels of the maps: first those that the dense layer makes. One convolution more
            gives the image's channels, so there are as many as `filters`. Defaults to `(128, 64)`.
        upsampling: `"transposed"` for transposed convolutions of stride 2, or `"resize"`: all convolutions but the last
            see maps that were doubled by repeating each value. Defaults to `"transposed"`.
        kernel_size: int, or a tuple of one a convolution. Defaults to 4: multiples of the stride leave no checkerboard.
            With `"resize"` 3 is usual.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to `"relu"`.
        normalization: None, `"batch"`, `"synchronized_batch"`, `"layer"` or `"instance"`. Normalisation before each
            hidden activation. Defaults to `"batch"`.
        normalize_start: bool. Whether the dense layer is normalised, too. Instance normalisation needs False. Defaults
            to True.
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
        >>> generator((28, 28, 1), latent_dim=100)(latents)    # (batch, 28, 28, 1)
    """
    *size, channels = check_image_shape(image_shape)
    upsample = UPSAMPLINGS[one_of("upsampling", upsampling, UPSAMPLINGS)]
    filters, kernels, strides = layer_sizes(filters, kernel_size, 2, "same")
    if upsample is resized:
        strides = *strides[:-1], 1
    sizes = growing_sizes(size, kernels, strides, "same")
    attend = attention_after(attention, [height for height, _ in sizes[:-1]], spectral_normalization)
    inputs, features, normalize = generator_inputs(
        latent_dim, num_classes, conditioning, normalization, spectral_normalization
    )
    add = hidden(activation, normalize, bias=False, spectral_normalization=spectral_normalization)

    def add_linear(features, make, name):
        return linear(make(name=name), spectral_normalization)(features)

    height, width = sizes[0]
    dense = partial(layers.Dense, height * width * filters[0])
    features = add(features, dense, "start", normalized=normalize_start)
    features = attend(layers.Reshape((height, width, filters[0]), name="start_maps")(features), 0)
    for index, count in enumerate(filters[1:], start=1):
        kernel, stride = kernels[index - 1], strides[index - 1]
        features = upsample(features, add, count, kernel, stride, sizes[index], f"{upsampling}_{index}")
        features = attend(features, index)
    features = upsample(features, add_linear, channels, kernels[-1], strides[-1], size, "pixels")
    return keras.Model(inputs, image_outputs(features), name=name)


def discriminator(
    image_shape,
    *,
    filters=(64, 128),
    kernel_size=4,
    strides=2,
    activation="leaky_relu",
    normalization="batch",
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
    """Build a discriminator: the image through strided convolutions, flattened, to one logit.

    It sees images in [-1, 1], to which it rescales them. The flattened maps before the logit are the output of the
    layer `features`.

    Args:
        image_shape: Tuple `(height, width, channels)`, of any size.
        filters: Tuple of ints, one a convolution. Defaults to `(64, 128)`.
        kernel_size: int, or a tuple of one a convolution. Defaults to 4: at stride 2, each pixel is seen equally often.
        strides: int, or a tuple of one a convolution. Defaults to 2.
        activation: Activation of the hidden layers, as Keras takes it. Defaults to `"leaky_relu"`, of slope 0.2.
        normalization: None, `"batch"`, `"synchronized_batch"`, `"layer"` or `"instance"`. Normalisation before each
            hidden activation but the first. Defaults to `"batch"`.
        spectral_normalization: bool. Whether all kernels up to the logit's, and the label's embedding, are divided by
            their largest singular values. Defaults to False.
        dropout: float. Dropout rate after each hidden activation. Defaults to 0.
        input_noise: float. Standard deviation, on the scale [-1, 1], of normal noise added to the image in training.
            Defaults to 0.
        minibatch_deviation: bool. Whether the standard deviation over the batch is a further channel of the last maps.
            Defaults to False.
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
        >>> discriminator((28, 28, 1))(images)    # (batch, 1)
    """
    image_shape = check_image_shape(image_shape)
    filters, kernels, strides = layer_sizes(filters, kernel_size, strides, "same")
    attend = attention_after(attention, shrinking_heights(image_shape[0], strides), spectral_normalization)
    shared = {
        "num_classes": num_classes,
        "conditioning": conditioning,
        "spectral_normalization": spectral_normalization,
    }
    inputs, features = discriminator_inputs(image_shape, latent_dim, flat=False, input_noise=input_noise, **shared)
    add = hidden(
        activation,
        gan_normalization(normalization),
        dropout,
        bias=False,
        spectral_normalization=spectral_normalization,
    )
    for index, (count, kernel, stride) in enumerate(zip(filters, kernels, strides)):
        make = partial(Conv2D, count, kernel, stride, "same")
        features = attend(add(features, make, f"conv_{index + 1}", normalized=index > 0), index)
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


def transposed(features, add, filters, kernel_size, stride, size, name):
    """Add a transposed convolution, then crop to `size`."""
    make = partial(Conv2DTranspose, filters, kernel_size, stride, "same")
    return crop(add(features, make, name), size, f"{name}_crop")


def resized(features, add, filters, kernel_size, stride, size, name):
    """Repeat each value `stride` times, crop to `size`, then add a convolution."""
    if stride > 1:
        features = crop(UpSampling2D(stride, name=f"{name}_upsampling")(features), size, f"{name}_crop")
    return add(features, partial(Conv2D, filters, kernel_size, padding="same"), name)


UPSAMPLINGS = {"transposed": transposed, "resize": resized}
