"""What a network is called on: images or latents, and labels where it takes some."""

import keras
from keras import ops


def takes_labels(network):
    """Whether a network has an input named "label"."""
    return any(tensor.name == "label" for tensor in getattr(network, "inputs", None) or [])


def inputs_of(network, inputs, labels):
    """What a network is called on: the labels come last, where it takes some."""
    return [*keras.tree.flatten(inputs), labels] if takes_labels(network) else inputs


def known_or_nan(images, labels, classes):
    """Make a batch that has a label of no class one of NaN, which stops the training in words.

    `fit` looks at the labels of the first batch of a stream, and an embedding may look at none: on JAX it takes the
    last class for all above. This costs a few comparisons a label, and nothing where no network takes labels.

    Args:
        images: float32 tensor `(batch, ...)`.
        labels: Tensor `(batch,)` or `(batch, 1)` of any type of numbers.
        classes: int or None, the number of classes that the networks know; None: any.

    Returns:
        The images, and the labels as an int32 tensor `(batch,)`, 0 in the place of those of no class.
    """
    labels = ops.reshape(labels, (-1,))
    numbers = ops.cast(labels, "int32")
    known = ops.logical_and(ops.equal(ops.cast(numbers, labels.dtype), labels), ops.greater_equal(numbers, 0))
    if classes is not None:
        known = ops.logical_and(known, ops.less(numbers, classes))
    return ops.where(ops.all(known), images, float("nan")), ops.where(known, numbers, 0)


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
