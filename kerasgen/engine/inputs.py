"""What a network is called on: images or latents, and labels where it takes some."""

import keras


def takes_labels(network):
    """Whether a network has an input named "label"."""
    return any(tensor.name == "label" for tensor in getattr(network, "inputs", None) or [])


def inputs_of(network, inputs, labels):
    """What a network is called on: the labels come last, where it takes some."""
    return [*keras.tree.flatten(inputs), labels] if takes_labels(network) else inputs


def input_specs(name, shape, *networks):
    """The inputs of a signature: tensors `(batch, *shape)`, and `labels` where one of the networks takes some.

    Args:
        name: str.
        shape: Tuple of ints.
        *networks: The networks that the signature runs.

    Returns:
        List of `keras.InputSpec`.
    """
    specs = [keras.InputSpec("float32", (None, *shape), name=name)]
    if any(takes_labels(network) for network in networks):
        specs.append(keras.InputSpec("int32", (None,), name="labels"))
    return specs
