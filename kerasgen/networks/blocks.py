"""Parts that the builders of networks share: checks, inputs, labels, hidden layers, heads."""

from functools import partial
from numbers import Integral

import keras
from keras import layers

# A label enters as this many learned numbers: enough to tell many classes apart, few beside an image's features.
LABEL_FEATURES = 16

NORMALIZATIONS = {"batch": layers.BatchNormalization}

POSTERIORS = {None: ("latents",), "gaussian": ("mean", "log_variance")}


def positive_int(name, value):
    """Return `value` as an int, or raise a `ValueError` that speaks of the argument `name`."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a positive int. Received: {value!r}")
    return int(value)


def positive_ints(name, values):
    """Return `values` as a tuple of ints, or raise a `ValueError` that speaks of the argument `name`."""
    if not isinstance(values, (tuple, list)) or not all(isinstance(each, Integral) and each > 0 for each in values):
        raise ValueError(f"{name} must be a tuple of positive ints. Received: {values!r}")
    return tuple(int(each) for each in values)


def check_image_shape(image_shape, ranks=(3,)):
    """Return `image_shape` as a tuple of ints, or raise a `ValueError`: its length must be one of `ranks`."""
    shape = positive_ints("image_shape", image_shape)
    if len(shape) not in ranks:
        features = "(features,) or " if 1 in ranks else ""
        raise ValueError(
            f"image_shape must be {features}(height, width, channels), with 1 as the channels of a grey image. "
            f"Received: {image_shape!r}"
        )
    return shape


def label_input(num_classes):
    """Return the input of integer labels `(batch,)`, and their embedding `(batch, 16)`.

    The embedding starts as draws from the standard normal, the scale of the latents that it is set beside.
    """
    num_classes = positive_int("num_classes", num_classes)
    label = keras.Input((), dtype="int32", name="label")
    embedding = layers.Embedding(
        num_classes, LABEL_FEATURES, keras.initializers.RandomNormal(stddev=1.0), name="label_embedding"
    )
    return label, embedding(label)


def image_inputs(image_shape, num_classes, flat):
    """Start a network that sees images: an encoder or a discriminator.

    Args:
        image_shape: Tuple of ints.
        num_classes: int or None. With it the network also takes labels.
        flat: bool. True flattens the image and sets the label's embedding beside its values; False maps the embedding
            to one further channel of the image, a learned pattern a class, as in conditional GANs.

    Returns:
        Inputs of the network, `image` or `[image, label]`, and the first features.
    """
    image = keras.Input(image_shape, name="image")
    features = layers.Flatten(name="flatten")(image) if flat else image
    if num_classes is None:
        return image, features
    label, embedding = label_input(num_classes)
    if not flat:
        height, width, _ = image_shape
        embedding = layers.Dense(height * width, name="label_dense")(embedding)
        embedding = layers.Reshape((height, width, 1), name="label_channel")(embedding)
    return [image, label], layers.Concatenate(name="image_and_label")([features, embedding])


def latent_inputs(latent_dim, num_classes):
    """Start a network that sees latents: a decoder or a generator. A label's embedding is set beside them.

    Args:
        latent_dim: int.
        num_classes: int or None. With it the network also takes labels.

    Returns:
        Inputs of the network, `latents` or `[latents, label]`, and the first features.
    """
    latents = keras.Input((positive_int("latent_dim", latent_dim),), name="latents")
    if num_classes is None:
        return latents, latents
    label, embedding = label_input(num_classes)
    return [latents, label], layers.Concatenate(name="latents_and_label")([latents, embedding])


def latent_outputs(features, latent_dim, posterior, activation):
    """End an encoder in dense heads, in float32 whatever the dtype policy.

    Args:
        features: Tensor `(batch, features)`.
        latent_dim: int.
        posterior: None for one tensor of latents, or `"gaussian"` for `[mean, log_variance]`.
        activation: Activation of the latents; a posterior's parameters are linear and take none.

    Returns:
        Tensor `(batch, latent_dim)`, or a list of two.

    Raises:
        ValueError: If there is no such posterior, or it is given an activation.
    """
    latent_dim = positive_int("latent_dim", latent_dim)
    if posterior not in POSTERIORS:
        raise ValueError(f"posterior must be one of {list(POSTERIORS)}. Received: {posterior!r}")
    if posterior is not None and activation is not None:
        raise ValueError(f"latent_activation needs posterior=None: means have any sign. Received: {activation!r}")
    heads = [
        layers.Dense(latent_dim, activation, dtype="float32", name=name)(features) for name in POSTERIORS[posterior]
    ]
    return heads if posterior else heads[0]


def hidden(activation, normalization=None, dropout=0.0):
    """Return a function that adds one hidden layer, always of the same kind, to a network.

    Args:
        activation: Activation as `keras.activations.get` takes it.
        normalization: None, or `"batch"` for batch normalisation before the activation.
        dropout: float. Rate of a dropout after the activation; 0 leaves the layer out.

    Returns:
        Function of the features, of `make`, which makes the linear layer from `name` and `activation`, and of its name.

    Raises:
        ValueError: If there is no such normalization.
    """
    if normalization is not None and normalization not in NORMALIZATIONS:
        raise ValueError(f"normalization must be one of {[None, *NORMALIZATIONS]}. Received: {normalization!r}")

    def add(features, make, name):
        if normalization is None:
            features = make(activation=activation, name=name)(features)
        else:
            features = make(activation=None, name=name)(features)
            features = NORMALIZATIONS[normalization](name=f"{name}_normalization")(features)
            features = layers.Activation(activation, name=f"{name}_activation")(features)
        return layers.Dropout(dropout, name=f"{name}_dropout")(features) if dropout else features

    return add


def dense_layers(features, units, add):
    """Stack dense layers `dense_1`, `dense_2`, ... of `units`; `add` is a function made by `hidden`."""
    for index, width in enumerate(positive_ints("units", units), start=1):
        features = add(features, partial(layers.Dense, width), f"dense_{index}")
    return features
