"""Parts that the builders of networks share: checks, inputs, labels, hidden layers, heads."""

from functools import partial
from numbers import Integral

import keras
from keras import layers

from kerasgen.layers import (
    ConditionalBatchNormalization,
    MinibatchStandardDeviation,
    SelfAttention,
    SpectralNormalization,
)

# A label enters as this many learned numbers: enough to tell many classes apart, few beside an image's features.
LABEL_FEATURES = 16

# Batch normalisation of GANs, which change too fast for the longer averages of Keras's 0.99.
GAN_BATCH = {"momentum": 0.9, "epsilon": 1e-5}

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


def one_of(name, value, choices):
    """Return `value`, or raise a `ValueError` that speaks of the argument `name` and lists the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {list(choices)}. Received: {value!r}")
    return value


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


def linear(layer, spectral_normalization):
    """Return a linear layer as it is, or, under its own name, with its kernel divided by its spectral norm."""
    return SpectralNormalization(layer) if spectral_normalization else layer


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
    features = layers.Flatten(name="flatten")(image) if flat else image
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


def batch_normalization(features, name, **options):
    """Normalise each channel over the batch."""
    return layers.BatchNormalization(name=name, **options)(features)


def layer_normalization(features, name):
    """Normalise each image's features."""
    if len(features.shape) == 2:
        return layers.LayerNormalization(epsilon=1e-5, name=name)(features)
    return layers.GroupNormalization(1, epsilon=1e-5, name=name)(features)


def instance_normalization(features, name):
    """Normalise each channel of each image."""
    if len(features.shape) == 2:
        raise ValueError(
            'normalization="instance" needs maps to normalise over: take "batch" or "layer" for vectors, and '
            f"normalize_start=False where a generator starts with one. Received: a vector of {features.shape[1]}"
        )
    return layers.GroupNormalization(-1, epsilon=1e-5, name=name)(features)


NORMALIZATIONS = {"batch": batch_normalization, "layer": layer_normalization, "instance": instance_normalization}


def named_normalization(name, **batch_options):
    """Return the function `NORMALIZATIONS[name]`, None for None; the options are those of batch normalisation."""
    if one_of("normalization", name, [None, *NORMALIZATIONS]) is None:
        return None
    return partial(NORMALIZATIONS[name], **(batch_options if name == "batch" else {}))


def hidden(activation, normalization=None, dropout=0.0, *, bias=True, spectral_normalization=False):
    """Return a function that adds one hidden layer, always of the same kind, to a network.

    Args:
        activation: Activation as `keras.activations.get` takes it.
        normalization: None, or what stands before the activation: a name of `NORMALIZATIONS`, or a function of features
            and of the layer's name.
        dropout: float. Rate of a dropout after the activation; 0 leaves the layer out.
        bias: bool. Whether the linear layer has a bias even before a normalisation, which has an offset of its own.
        spectral_normalization: bool. Whether the linear layer's kernel is divided by its spectral norm.

    Returns:
        Function of the features, of `make`, which makes the linear layer from `name`, `activation` and `use_bias`, of
        its name, and of `normalized`: False leaves the normalisation of this one layer out.

    Raises:
        ValueError: If there is no such normalization.
    """
    normalization = normalization if callable(normalization) else named_normalization(normalization)

    def add(features, make, name, normalized=True):
        normalize = normalization if normalized else None
        if normalize is None and not spectral_normalization:
            features = make(activation=activation, name=name)(features)
        else:
            layer = make(activation=None, use_bias=bias or normalize is None, name=name)
            features = linear(layer, spectral_normalization)(features)
            if normalize is not None:
                features = normalize(features, f"{name}_normalization")
            features = layers.Activation(activation, name=f"{name}_activation")(features)
        return layers.Dropout(dropout, name=f"{name}_dropout")(features) if dropout else features

    return add


def dense_layers(features, units, add, dense=layers.Dense):
    """Stack dense layers `dense_1`, `dense_2`, ... of `units`; `add` is a function made by `hidden`."""
    for index, width in enumerate(positive_ints("units", units), start=1):
        features = add(features, partial(dense, width), f"dense_{index}")
    return features


def gan_normalization(name):
    """Return a normalisation for `hidden`, batch normalisation with the momentum and epsilon of GANs."""
    return named_normalization(name, **GAN_BATCH)


def _check_conditioning(conditioning, known, num_classes):
    one_of("conditioning", conditioning, known)
    if num_classes is None and conditioning != "concatenate":
        raise ValueError(f"conditioning= needs labels: pass num_classes=. Received: conditioning={conditioning!r}")


def generator_inputs(latent_dim, num_classes, conditioning, normalization, spectral_normalization):
    """Start a generator.

    Args:
        latent_dim: int.
        num_classes: int or None. With it the network also takes labels.
        conditioning: `"concatenate"` sets a label's embedding beside the latents; `"batch_normalization"` gives each
            batch normalisation a scale and an offset a class.
        normalization: None or a name of `NORMALIZATIONS`.
        spectral_normalization: bool. Whether the embedding is normalised.

    Returns:
        Inputs of the network, `latents` or `[latents, label]`, the first features, and the normalisation for `hidden`.

    Raises:
        ValueError: If there is no such conditioning, or it does not go with the normalization.
    """
    _check_conditioning(conditioning, ("concatenate", "batch_normalization"), num_classes)
    if conditioning == "concatenate":
        inputs, features = latent_inputs(latent_dim, num_classes, spectral_normalization)
        return inputs, features, gan_normalization(normalization)
    if normalization != "batch":
        raise ValueError(
            f'conditioning="batch_normalization" needs normalization="batch". Received: normalization={normalization!r}'
        )
    latents, features = latent_inputs(latent_dim, None)
    label = label_input(num_classes)

    def normalize(features, name):
        return ConditionalBatchNormalization(num_classes, **GAN_BATCH, name=name)([features, label])

    return [latents, label], features, normalize


def image_outputs(features):
    """End a generator in images in [0, 1], in float32 whatever the dtype policy."""
    features = layers.Activation("tanh", dtype="float32", name="tanh")(features)
    return layers.Rescaling(0.5, 0.5, dtype="float32", name="images")(features)


def discriminator_inputs(
    image_shape, latent_dim, num_classes, conditioning, *, flat, input_noise, spectral_normalization
):
    """Start a discriminator: images in [0, 1], which it sees in [-1, 1], or rows, which it sees as they are.

    Args:
        image_shape: Tuple of ints.
        latent_dim: int or None. With it the network also takes latents.
        num_classes: int or None. With it the network also takes labels.
        conditioning: `"concatenate"`, or `"projection"`, which `discriminator_outputs` adds.
        flat: bool. Whether the image is flattened.
        input_noise: float. Standard deviation of normal noise on what the network sees, in training.
        spectral_normalization: bool. Whether the layers that bring the label in are normalised.

    Returns:
        Inputs of the network, a dict with `image`, `latents` and `label` in this order, and the first features.

    Raises:
        ValueError: If there is no such conditioning.
    """
    _check_conditioning(conditioning, ("concatenate", "projection"), num_classes)
    inputs = {"image": keras.Input(image_shape, name="image")}
    if latent_dim is not None:
        inputs["latents"] = keras.Input((positive_int("latent_dim", latent_dim),), name="latents")
    if num_classes is not None:
        inputs["label"] = label_input(num_classes)

    features = inputs["image"]
    if len(image_shape) == 3:
        features = layers.Rescaling(2.0, -1.0, name="rescaling")(features)
    if input_noise:
        features = layers.GaussianNoise(input_noise, name="input_noise")(features)
    if flat:
        features = layers.Flatten(name="flatten")(features)
    if num_classes is not None and conditioning == "concatenate":
        features = join_label(features, inputs["label"], num_classes, flat, spectral_normalization)
    return inputs, features


def discriminator_outputs(
    inputs,
    features,
    add,
    *,
    joint_units,
    minibatch_deviation,
    auxiliary_outputs,
    num_classes,
    conditioning,
    spectral_normalization,
):
    """End a discriminator in a logit, in float32 whatever the dtype policy.

    The layer before the logit is named `features`, the logit's `logits`. With a projection the network gives
    `logits(features) + <embedding(label), features>` (Miyato & Koyama, 2018).

    Args:
        inputs: Dict of inputs, from `discriminator_inputs`.
        features: Tensor, maps or vectors.
        add: Function made by `hidden`, for the layers that join latents.
        joint_units: int. Width of these: one dense layer of the latents, one of image and latents together.
        minibatch_deviation: bool. Whether the standard deviation over the batch is a further feature.
        auxiliary_outputs: int or None. Width of a second, linear output.
        num_classes: int or None.
        conditioning: `"concatenate"` or `"projection"`.
        spectral_normalization: bool. Whether the layers up to the logit's are normalised.

    Returns:
        Logits `(batch, 1)`, or with `auxiliary_outputs` a list of them and of `(batch, auxiliary_outputs)`.
    """
    if minibatch_deviation:
        features = MinibatchStandardDeviation(name="minibatch_deviation")(features)
    if "latents" in inputs:
        dense = partial(layers.Dense, joint_units)
        image_features = layers.Flatten(name="image_features")(features)
        latent_features = add(inputs["latents"], dense, "latent_features", normalized=False)
        features = layers.Concatenate(name="image_and_latents")([image_features, latent_features])
        features = add(features, dense, "joint_features", normalized=False)
    features = layers.Flatten(name="features")(features)

    logits = linear(layers.Dense(1, dtype="float32", name="logits"), spectral_normalization)(features)
    if "label" in inputs and conditioning == "projection":
        embedding = layers.Embedding(
            int(num_classes), features.shape[1], "glorot_uniform", dtype="float32", name="label_embedding"
        )
        embedding = linear(embedding, spectral_normalization)(inputs["label"])
        projection = layers.Dot(1, dtype="float32", name="projection")([embedding, features])
        logits = layers.Add(dtype="float32", name="logits_and_projection")([logits, projection])
    if auxiliary_outputs is None:
        return logits
    units = positive_int("auxiliary_outputs", auxiliary_outputs)
    return [logits, layers.Dense(units, dtype="float32", name="auxiliary")(features)]


def discriminator_model(inputs, outputs, name):
    """Return the network from a dict of inputs: one that has a single input takes it outside of a list."""
    inputs = list(inputs.values())
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=name)


def attention_after(attention, heights, spectral_normalization):
    """Return a function that lets each place of some maps see all others.

    Args:
        attention: int or None. Height of the maps that get a `SelfAttention`, the first of this height; None for none.
        heights: Heights of the maps that could get one, in order.
        spectral_normalization: bool.

    Returns:
        Function of the features and of their place in `heights`; returns the features as they are at other places.

    Raises:
        ValueError: If no maps have this height.
    """
    if attention is not None and attention not in heights:
        raise ValueError(
            f"attention must be None or a height of maps, here one of {sorted(set(heights))}. Received: {attention!r}"
        )
    chosen = None if attention is None else heights.index(attention)

    def attend(features, index):
        if index != chosen:
            return features
        return SelfAttention(spectral_normalization=spectral_normalization, name="attention")(features)

    return attend
