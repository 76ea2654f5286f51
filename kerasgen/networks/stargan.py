"""The networks of StarGAN: images to images through a bottleneck of residual blocks, and a patch discriminator.

Choi et al. (2018), "StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation",
Tables 4 and 5, https://arxiv.org/abs/1711.09020. Here of any image size.
"""

from functools import partial

import keras
from keras import layers, ops

from kerasgen.networks.blocks.adversarial import image_outputs
from kerasgen.networks.blocks.arguments import check_image_shape, positive_int, positive_ints
from kerasgen.networks.blocks.channels_last import Conv2D, Conv2DTranspose, Flatten, UpSampling2D
from kerasgen.networks.blocks.ends import label_input
from kerasgen.networks.blocks.hidden import hidden
from kerasgen.networks.blocks.maps import crop

__all__ = ["discriminator", "generator"]


def generator(
    image_shape,
    latent_dim=None,
    *,
    num_classes,
    filters=(64, 128, 256),
    residual_blocks=6,
    normalization="instance",
    residual=False,
    name="generator",
):
    """Build a generator: the image and its new domain through convolutions down, residual blocks, and up again.

    Args:
        image_shape: Tuple `(height, width, channels)`, of any size.
        latent_dim: None. There are no latents.
        num_classes: int. Number of domains. A domain enters as further channels of the image, a one-hot code at each
            place.
        filters: Tuple of ints: the channels of the first convolution, 7x7 of stride 1, and of those of stride 2, 4x4,
            that follow. Defaults to `(64, 128, 256)`.
        residual_blocks: int. Blocks of two convolutions 3x3 between them. Defaults to 6.
        normalization: None, `"batch"`, `"synchronized_batch"`, `"layer"` or `"instance"`, after each convolution but
            the last. Defaults to `"instance"`.
        residual: bool. Add `artanh(0.96 (2 x - 1))` of the image before the last tanh, so that the network learns a
            change of the image (Shen and Liu, 2017, "Learning Residual Images for Face Attribute Manipulation"). Small
            images need it: where a convolution sees most of the image, nothing else holds a translation to the shapes
            that it was given. Defaults to False.
        name: str. Name of the network. Defaults to `"generator"`.

    Returns:
        A built `keras.Model`. Inputs: `[images, labels]`, images `(batch, height, width, channels)` in [0, 1], labels
        the domains asked for, an int32 `(batch,)`. Outputs: images of the same shape, float32 in [0, 1].

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> generator((64, 64, 3), num_classes=5)([images, labels])    # (batch, 64, 64, 3)
    """
    *size, channels = check_image_shape(image_shape)
    first, *below = positive_ints("filters", filters)
    add = hidden("relu", normalization, bias=False)
    image, label = keras.Input((*size, channels), name="image"), label_input(num_classes)
    features = layers.Rescaling(2.0, -1.0, name="rescaling")(image)
    features = layers.Concatenate(name="image_and_domain")([features, _everywhere(label, num_classes, size)])
    features = add(features, partial(Conv2D, first, 7, padding="same"), "conv_1")
    sizes = [size]
    for index, count in enumerate(below, start=2):
        features = add(features, partial(Conv2D, count, 4, 2, "same"), f"conv_{index}")
        sizes.append(list(features.shape[1:3]))
    for index in range(1, residual_blocks + 1):
        features = _residual(features, add, normalization, f"block_{index}")
    for index, (count, wanted) in enumerate(zip([*below[-2::-1], first], sizes[-2::-1]), start=1):
        name_of = f"transposed_{index}"
        features = add(features, partial(Conv2DTranspose, count, 4, 2, "same"), name_of)
        features = crop(features, wanted, f"{name_of}_crop")
    features = Conv2D(channels, 7, padding="same", use_bias=False, name="pixels")(features)
    if residual:
        features = features + ops.arctanh(layers.Rescaling(1.92, -0.96, name="inside")(image))
    return keras.Model([image, label], image_outputs(features), name=name)


def discriminator(
    image_shape,
    latent_dim=None,
    *,
    num_classes,
    filters=(64, 128, 256, 512, 1024, 2048),
    name="discriminator",
):
    """Build a discriminator: the image through convolutions to a map of logits, a patch each, and to its domain.

    Args:
        image_shape: Tuple `(height, width, channels)`, of any size.
        latent_dim: None. There are no latents.
        num_classes: int. Number of domains.
        filters: Tuple of ints, one a convolution 4x4 of stride 2, each before a leaky relu of slope 0.01. Defaults to
            `(64, 128, 256, 512, 1024, 2048)`, for images of 128 x 128; fewer for smaller ones.
        name: str. Name of the network. Defaults to `"discriminator"`.

    Returns:
        A built `keras.Model`. Inputs: images `(batch, height, width, channels)` in [0, 1]. Outputs: logits
        `(batch, rows, columns, 1)` and domain logits `(batch, num_classes)`, float32.

    Raises:
        ValueError: If an argument is none of these.

    Example:
        >>> discriminator((64, 64, 3), num_classes=5, filters=(64, 128, 256, 512))(images)
        # (batch, 4, 4, 1) and (batch, 5)
    """
    image_shape = check_image_shape(image_shape)
    units = positive_int("num_classes", num_classes)
    image = keras.Input(image_shape, name="image")
    features = layers.Rescaling(2.0, -1.0, name="rescaling")(image)
    for index, count in enumerate(positive_ints("filters", filters), start=1):
        features = Conv2D(count, 4, 2, "same", name=f"conv_{index}")(features)
        features = layers.LeakyReLU(0.01, name=f"conv_{index}_activation")(features)
    logits = Conv2D(1, 3, padding="same", use_bias=False, dtype="float32", name="logits")(features)
    features = Flatten(name="features")(features)
    domains = layers.Dense(units, use_bias=False, dtype="float32", name="domains")(features)
    return keras.Model(image, [logits, domains], name=name)


def _everywhere(label, num_classes, size):
    """A one-hot code of a label, at each place of maps of a size."""
    code = layers.CategoryEncoding(num_classes, output_mode="one_hot", name="domain")(label)
    code = layers.Reshape((1, 1, num_classes), name="domain_maps")(code)
    return UpSampling2D(tuple(size), name="domain_everywhere")(code)


def _residual(features, add, normalization, name):
    """Two convolutions beside the identity, of which the second is not activated."""
    count = features.shape[-1]
    change = add(features, partial(Conv2D, count, 3, padding="same"), f"{name}_conv_1")
    linear = hidden("linear", normalization, bias=False)
    change = linear(change, partial(Conv2D, count, 3, padding="same"), f"{name}_conv_2")
    return layers.Add(name=name)([features, change])
