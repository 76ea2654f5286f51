"""The network of the Frechet inception distance, without its weights."""

import keras
from keras import layers

#: The side of the images that it takes, and the number of its classes.
SIZE = 299
CLASSES = 1008

# The network. A convolution's batch normalisation is folded into its kernel and bias. Names are the published ones;
# Keras's names hold "-" for their ".", which PyTorch forbids.


def build():
    """The network without weights: `(n, 299, 299, 3)` to a dict of layers by their published names."""
    found = {}
    images = keras.Input((SIZE, SIZE, 3), dtype="float32")
    x = convolution(images, "Conv2d_1a_3x3", 32, 3, strides=2, padding="valid")
    x = convolution(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
    x = convolution(x, "Conv2d_2b_3x3", 64, 3)
    x = pool(layers.MaxPooling2D, x, strides=2, padding="valid")
    found["64"] = spatial_mean(x)
    x = convolution(x, "Conv2d_3b_1x1", 80, 1)
    x = convolution(x, "Conv2d_4a_3x3", 192, 3, padding="valid")
    x = pool(layers.MaxPooling2D, x, strides=2, padding="valid")
    found["192"] = spatial_mean(x)
    x = mixed_5(x, "Mixed_5b", 32)
    x = mixed_5(x, "Mixed_5c", 64)
    x = mixed_5(x, "Mixed_5d", 64)
    x = mixed_6a(x, "Mixed_6a")
    x = mixed_6(x, "Mixed_6b", 128)
    x = mixed_6(x, "Mixed_6c", 160)
    x = mixed_6(x, "Mixed_6d", 160)
    x = mixed_6(x, "Mixed_6e", 192)
    found["768"] = spatial_mean(x)
    x = mixed_7a(x, "Mixed_7a")
    x = mixed_7(x, "Mixed_7b", layers.AveragePooling2D)
    x = mixed_7(x, "Mixed_7c", layers.MaxPooling2D)
    x = found["2048"] = spatial_mean(x)
    for name, use_bias in (("logits_unbiased", False), ("logits", True)):
        dense = layers.Dense(CLASSES, use_bias=use_bias, kernel_initializer="zeros", dtype="float32", name=name)
        found[name] = dense(x)
    model = keras.Model(images, found, name="fid_inception")
    model.trainable = False
    return model


def mixed_5(x, name, pooled):
    """Three sizes of windows side by side, at 35x35."""
    return concatenate(
        convolution(x, f"{name}.branch1x1", 64, 1),
        chain(x, f"{name}.branch5x5_", (48, 1), (64, 5)),
        chain(x, f"{name}.branch3x3dbl_", (64, 1), (96, 3), (96, 3)),
        convolution(pool(layers.AveragePooling2D, x), f"{name}.branch_pool", pooled, 1),
    )


def mixed_6a(x, name):
    """From 35x35 to 17x17."""
    double = chain(x, f"{name}.branch3x3dbl_", (64, 1), (96, 3))
    return concatenate(
        convolution(x, f"{name}.branch3x3", 384, 3, strides=2, padding="valid"),
        convolution(double, f"{name}.branch3x3dbl_3", 96, 3, strides=2, padding="valid"),
        pool(layers.MaxPooling2D, x, strides=2, padding="valid"),
    )


def mixed_6(x, name, width):
    """Windows of 7x7 made of rows and columns, at 17x17."""
    row, column = (1, 7), (7, 1)
    return concatenate(
        convolution(x, f"{name}.branch1x1", 192, 1),
        chain(x, f"{name}.branch7x7_", (width, 1), (width, row), (192, column)),
        chain(x, f"{name}.branch7x7dbl_", (width, 1), (width, column), (width, row), (width, column), (192, row)),
        convolution(pool(layers.AveragePooling2D, x), f"{name}.branch_pool", 192, 1),
    )


def mixed_7a(x, name):
    """From 17x17 to 8x8."""
    single = chain(x, f"{name}.branch3x3_", (192, 1))
    double = chain(x, f"{name}.branch7x7x3_", (192, 1), (192, (1, 7)), (192, (7, 1)))
    return concatenate(
        convolution(single, f"{name}.branch3x3_2", 320, 3, strides=2, padding="valid"),
        convolution(double, f"{name}.branch7x7x3_4", 192, 3, strides=2, padding="valid"),
        pool(layers.MaxPooling2D, x, strides=2, padding="valid"),
    )


def mixed_7(x, name, pooling):
    """Rows and columns side by side, at 8x8. The last block takes maxima where the paper takes averages."""
    single = chain(x, f"{name}.branch3x3_", (384, 1))
    double = chain(x, f"{name}.branch3x3dbl_", (448, 1), (384, 3))
    return concatenate(
        convolution(x, f"{name}.branch1x1", 320, 1),
        convolution(single, f"{name}.branch3x3_2a", 384, (1, 3)),
        convolution(single, f"{name}.branch3x3_2b", 384, (3, 1)),
        convolution(double, f"{name}.branch3x3dbl_3a", 384, (1, 3)),
        convolution(double, f"{name}.branch3x3dbl_3b", 384, (3, 1)),
        convolution(pool(pooling, x), f"{name}.branch_pool", 192, 1),
    )


# Whatever the user's defaults are: float32, channels last. Zeros, not a random start, which would move random states.


def convolution(x, name, filters, kernel_size, strides=1, padding="same"):
    """A convolution with its batch normalisation and relu."""
    return layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding,
        data_format="channels_last",
        activation="relu",
        kernel_initializer="zeros",
        dtype="float32",
        name=name.replace(".", "-"),
    )(x)


def chain(x, prefix, *steps):
    """Convolutions of stride 1 after one another, numbered from 1; steps are (filters, kernel size)."""
    for number, (filters, kernel_size) in enumerate(steps, 1):
        x = convolution(x, f"{prefix}{number}", filters, kernel_size)
    return x


def pool(pooling, x, strides=1, padding="same"):
    """Maxima or averages of 3x3; in Keras neither counts the padding."""
    return pooling(3, strides, padding, data_format="channels_last", dtype="float32")(x)


def spatial_mean(x):
    """One number a channel."""
    return layers.GlobalAveragePooling2D(data_format="channels_last", dtype="float32")(x)


def concatenate(*branches):
    """Branches side by side."""
    return layers.Concatenate(dtype="float32")(branches)
