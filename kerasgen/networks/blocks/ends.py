"""How encoders and decoders begin, with labels or without, and how encoders end."""

import keras
from keras import layers

from kerasgen.networks.blocks.arguments import one_of, positive_int
from kerasgen.networks.blocks.channels_last import Flatten
from kerasgen.networks.blocks.hidden import linear

# A label enters as this many learned numbers: enough to tell many classes apart, few beside an image's features.
LABEL_FEATURES = 16

POSTERIORS = {None: ("latents",), "gaussian": ("mean", "log_variance")}


def label_input(num_classes):
    """Return the input of integer labels `(batch,)`."""
    positive_int("num_classes", num_classes)
    return keras.Input((), dtype="int32", name="label")


def label_embedding(label, num_classes, spectral_normalization=False):
    """Return the embedding `(batch, 16)` of labels.

    It starts as draws from the standard normal, the scale of the latents that it is set beside.
    """
    embedding = layers.Embedding(
        int(num_classes), LABEL_FEATURES, keras.initializers.RandomNormal(stddev=1.0), name="label_embedding"
    )
    return linear(embedding, spectral_normalization)(label)


def join_label(image, label, num_classes, flat, spectral_normalization=False):
    """Set a label beside an image: its embedding beside flat values, or mapped to one further channel.

    The channel is a learned pattern a class, as in conditional GANs.
    """
    embedding = label_embedding(label, num_classes, spectral_normalization)
    if not flat:
        height, width, _ = image.shape[1:]
        embedding = linear(layers.Dense(height * width, name="label_dense"), spectral_normalization)(embedding)
        embedding = layers.Reshape((height, width, 1), name="label_channel")(embedding)
    return layers.Concatenate(name="image_and_label")([image, embedding])


def image_inputs(image_shape, num_classes, flat):
    """Start an encoder.

    Args:
        image_shape: Tuple of ints.
        num_classes: int or None. With it the network also takes labels.
        flat: bool. True flattens the image and sets the label's embedding beside its values; False maps the embedding
            to one further channel of the image.

    Returns:
        Inputs of the network, `image` or `[image, label]`, and the first features.
    """
    image = keras.Input(image_shape, name="image")
    features = Flatten(name="flatten")(image) if flat else image
    if num_classes is None:
        return image, features
    label = label_input(num_classes)
    return [image, label], join_label(features, label, num_classes, flat)


def latent_inputs(latent_dim, num_classes, spectral_normalization=False):
    """Start a network that sees latents: a decoder or a generator. A label's embedding is set beside them.

    Args:
        latent_dim: int.
        num_classes: int or None. With it the network also takes labels.
        spectral_normalization: bool. Whether the embedding is normalised.

    Returns:
        Inputs of the network, `latents` or `[latents, label]`, and the first features.
    """
    latents = keras.Input((positive_int("latent_dim", latent_dim),), name="latents")
    if num_classes is None:
        return latents, latents
    label = label_input(num_classes)
    embedding = label_embedding(label, num_classes, spectral_normalization)
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
    one_of("posterior", posterior, POSTERIORS)
    if posterior is not None and activation is not None:
        raise ValueError(f"latent_activation needs posterior=None: means have any sign. Received: {activation!r}")
    heads = [
        layers.Dense(latent_dim, activation, dtype="float32", name=name)(features) for name in POSTERIORS[posterior]
    ]
    return heads if posterior else heads[0]
