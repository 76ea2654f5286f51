"""What constructors refuse: networks that do not fit a model or each other, numbers that make no sense."""

import warnings
from numbers import Integral

import keras

from kerasgen.engine import takes_labels
from kerasgen.layers import MinibatchStandardDeviation


def check_not_negative(**values):
    """Refuse negative numbers, by the names of the arguments."""
    for name, value in values.items():
        if value < 0:
            raise ValueError(f"{name} must not be negative. Received: {value}")


def check_steps(discriminator_steps):
    """Refuse a number of steps of the discriminator that is no whole one, or none."""
    if not isinstance(discriminator_steps, Integral) or discriminator_steps < 1:
        raise ValueError(f"discriminator_steps must be an int, at least 1. Received: {discriminator_steps}")


def check_functional(**networks):
    """Refuse networks whose inputs and outputs are not known, by their roles."""
    for role, network in networks.items():
        if not getattr(network, "outputs", None):
            raise ValueError(
                f"The {role} must be a functional keras.Model, whose inputs and outputs are known. Begin a Sequential "
                "with keras.Input(shape), or call it on a batch first; wrap a subclassed model: "
                f"`x = keras.Input(shape); keras.Model(x, {role}(x), name={role!r})`. "
                f"Received: {getattr(network, 'name', network)!r}, a {type(network).__name__}"
            )


def check_labels_taken(network, model):
    """Refuse a network that takes no labels."""
    check_functional(network=network)
    if not takes_labels(network):
        raise ValueError(
            f"The networks of a {model} take labels: build them with `num_classes=`. Received: '{network.name}' without"
        )


def gaussian_encoder(encoder, model):
    """Return an encoder that gives `[mean, log_variance]`, or refuse it.

    A third output that was drawn from the first two, as in `kerasgen.layers.Sampling` and in the examples of Keras, is
    left out: the model draws by itself.
    """
    check_functional(encoder=encoder)
    outputs = encoder.outputs
    if len(outputs) == 3:
        operation, node, _ = outputs[2]._keras_history
        seen = [id(tensor) for tensor in operation._inbound_nodes[node].input_tensors]
        if seen == [id(tensor) for tensor in outputs[:2]]:
            return keras.Model(encoder.input, outputs[:2], name=encoder.name)
    if len(outputs) != 2:
        drop = " Drop what more it gives: `keras.Model(encoder.inputs, encoder.outputs[:2])`." * (len(outputs) > 2)
        raise ValueError(
            f'The encoder of a {model} gives [mean, log_variance]: build it with `posterior="gaussian"`.{drop} '
            f"Received: encoder '{encoder.name}' with {len(outputs)} output{'s' * (len(outputs) > 1)}"
        )
    return encoder


def check_no_posterior(encoder, model):
    """Refuse an encoder that gives more than latents."""
    check_functional(encoder=encoder)
    if len(encoder.outputs) != 1:
        raise ValueError(
            f"The encoder of a {model} gives latents: build it without `posterior=`. "
            f"Received: encoder '{encoder.name}' with {len(encoder.outputs)} outputs"
        )


def check_networks(encoder, decoder, same_shape=True):
    """Refuse a decoder that does not map the encoder's latents, to images of the encoder's shape if it must be so."""
    check_functional(encoder=encoder, decoder=decoder)
    codes = [tuple(output.shape[1:]) for output in encoder.outputs]
    images = tuple(encoder.inputs[0].shape[1:])
    other_shape = same_shape and images != tuple(decoder.outputs[0].shape[1:])
    if other_shape or any(code != tuple(decoder.inputs[0].shape[1:]) for code in codes):
        raise ValueError(
            "The decoder must map the encoder's latents to its images. Received: an encoder from "
            f"{images} to {codes}, a decoder from {decoder.inputs[0].shape[1:]} to {decoder.outputs[0].shape[1:]}"
        )


def check_discriminator(discriminator, image_shape, model, inputs=("label",), outputs=("logits",)):
    """Refuse a discriminator that a model cannot use.

    Args:
        discriminator: `keras.Model`.
        image_shape: Shape of the images that it is to judge.
        model: str. Name of the model, for the errors.
        inputs: Names of what it may take beside images.
        outputs: What it gives.
    """
    check_functional(discriminator=discriminator)
    if len(discriminator.outputs) != len(outputs):
        raise ValueError(
            f"The discriminator of a {model} gives {' and '.join(outputs)}. Received: '{discriminator.name}' with "
            f"{len(discriminator.outputs)} outputs"
        )
    taken = [tensor.name for tensor in discriminator.inputs[1:]]
    if set(taken) - set(inputs):
        may = f" and {' and '.join(inputs)}" if inputs else " only"
        raise ValueError(
            f"The discriminator of a {model} takes images{may}. Received: '{discriminator.name}' with {taken}"
        )
    seen = tuple(discriminator.inputs[0].shape[1:])
    if seen != tuple(image_shape):
        raise ValueError(f"The discriminator must take what the generator makes. Received: {image_shape} and {seen}")


def check_as_many_classes(discriminator, num_classes, remedy=""):
    """Refuse a discriminator whose second output tells other classes apart than the generator knows."""
    told = discriminator.outputs[1].shape[-1]
    if told != num_classes:
        raise ValueError(
            f"The discriminator tells as many classes as the generator knows{remedy}. "
            f"Received: {told} and {num_classes}"
        )


def warn_of_batch_layers(discriminator):
    """Warn where a discriminator whose gradient is penalised image by image looks at batches."""
    options = {
        keras.layers.BatchNormalization: '`normalization="layer"` or None',
        MinibatchStandardDeviation: "`minibatch_deviation=False`",
    }
    for kind, instead in options.items():
        layers = [layer for layer in discriminator._flatten_layers() if isinstance(layer, kind)]
        if layers:
            warnings.warn(
                f"A gradient penalty is a statement about each image alone, but {kind.__name__} in a discriminator "
                f"gives an image a logit that depends on the others. Build it with {instead}. "
                f"Received: '{discriminator.name}' with {len(layers)} such layers, {layers[0].name} first",
                stacklevel=3,
            )
