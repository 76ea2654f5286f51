"""Hidden layers: a linear one with normalisation, activation and dropout, and stacks of them."""

from functools import partial

from keras import layers

from kerasgen.layers import SpectralNormalization, SynchronizedBatchNormalization
from kerasgen.networks.blocks.arguments import one_of, positive_ints

# Batch normalisation of GANs, which change too fast for the longer averages of Keras's 0.99.
GAN_BATCH = {"momentum": 0.9, "epsilon": 1e-5}


def linear(layer, spectral_normalization):
    """Return a linear layer as it is, or, under its own name, with its kernel divided by its spectral norm."""
    return SpectralNormalization(layer) if spectral_normalization else layer


def batch_normalization(features, name, **options):
    """Normalise each channel over the batch."""
    return layers.BatchNormalization(name=name, **options)(features)


def synchronized_batch_normalization(features, name, **options):
    """Normalise each channel over the batch of all devices that train the network together."""
    return SynchronizedBatchNormalization(name=name, **options)(features)


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


NORMALIZATIONS = {
    "batch": batch_normalization,
    "synchronized_batch": synchronized_batch_normalization,
    "layer": layer_normalization,
    "instance": instance_normalization,
}
#: Of these the ones that normalise over a batch.
OVER_BATCHES = ("batch", "synchronized_batch")


def named_normalization(name, **batch_options):
    """Return the function `NORMALIZATIONS[name]`, None for None; the options are those of batch normalisation."""
    if one_of("normalization", name, [None, *NORMALIZATIONS]) is None:
        return None
    return partial(NORMALIZATIONS[name], **(batch_options if name in OVER_BATCHES else {}))


def gan_normalization(name):
    """Return a normalisation for `hidden`, batch normalisation with the momentum and epsilon of GANs."""
    return named_normalization(name, **GAN_BATCH)


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
