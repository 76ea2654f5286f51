"""How generators and discriminators begin and end."""

from functools import partial

import keras
from keras import layers

from kerasgen.layers import ConditionalBatchNormalization, MinibatchStandardDeviation
from kerasgen.networks.blocks.arguments import one_of, positive_int
from kerasgen.networks.blocks.channels_last import Flatten
from kerasgen.networks.blocks.ends import join_label, label_input, latent_inputs
from kerasgen.networks.blocks.hidden import GAN_BATCH, OVER_BATCHES, gan_normalization, linear


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
    if normalization not in OVER_BATCHES:
        raise ValueError(
            'conditioning="batch_normalization" needs normalization="batch" or "synchronized_batch". '
            f"Received: normalization={normalization!r}"
        )
    latents, features = latent_inputs(latent_dim, None)
    label = label_input(num_classes)

    def normalize(features, name):
        synchronized = normalization == "synchronized_batch"
        layer = ConditionalBatchNormalization(num_classes, **GAN_BATCH, synchronized=synchronized, name=name)
        return layer([features, label])

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
        features = Flatten(name="flatten")(features)
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
        image_features = Flatten(name="image_features")(features)
        latent_features = add(inputs["latents"], dense, "latent_features", normalized=False)
        features = layers.Concatenate(name="image_and_latents")([image_features, latent_features])
        features = add(features, dense, "joint_features", normalized=False)
    features = Flatten(name="features")(features)

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
