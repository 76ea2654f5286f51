"""What networks end in: units that a likelihood or an objective maps itself must not have been squashed before."""

import math
import operator
import warnings

import keras
import numpy as np

# Activations, layers and functions of `keras.ops`, by name -> the range of what they give.
RANGES = {
    **dict.fromkeys(("sigmoid", "hard_sigmoid", "hardsigmoid", "sparse_sigmoid", "sparsesigmoid"), (0, 1)),
    **dict.fromkeys(("softmax", "gauss"), (0, 1)),
    **dict.fromkeys(("tanh", "hard_tanh", "hardtanh", "softsign", "soft_sign"), (-1, 1)),
    **dict.fromkeys(("relu", "softplus", "exponential", "exp", "symmrelu"), (0, math.inf)),
}
# Who writes the functions of these names; another's `tanh` may be any function.
KNOWN = ("keras.", "kerasgen.", "tensorflow.", "jax.", "torch.")
# Arithmetic with a number.
ARITHMETIC = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": operator.truediv,
    "TrueDivide": operator.truediv,
}
# Layers and functions that change shapes and types alone, in inference.
PASSING = {
    *("ActivityRegularization", "GaussianDropout", "GaussianNoise", "SpatialDropout2D", "UpSampling2D"),
    *("Cast", "Cropping1D", "Cropping2D", "Cropping3D", "Dropout", "ExpandDims", "Flatten", "GetItem", "Identity"),
    *("Permute", "Reshape", "Squeeze", "Transpose"),
}


def end(tensor, fed=None):
    """Find the activation after which a network only changes shapes, types and scales.

    Args:
        tensor: An output of a functional network.
        fed: Dict from the id of an input of a nested network to the tensor that it is given.

    Returns:
        Its name, and the lowest and highest number that the network can give; None where no bounds are known.
    """
    fed = fed or {}
    while id(tensor) in fed:
        tensor = fed[id(tensor)]
    layer, node, index = tensor._keras_history
    before = layer._inbound_nodes[node].input_tensors
    if isinstance(layer, keras.Model) and getattr(layer, "outputs", None):
        given = {id(inner): outer for inner, outer in zip(layer.inputs, before) if inner is not outer}
        return end(layer.outputs[index], {**fed, **given})
    arguments = layer._inbound_nodes[node].arguments.args
    if isinstance(layer, keras.layers.Wrapper) and type(layer).__module__.startswith(KNOWN):
        layer = layer.layer
    own = not type(layer).__module__.startswith("keras.")  # What it does with its `activation` is not known.
    if own or (isinstance(layer, keras.layers.RNN) and not _is_output(layer, before, index)):
        return None
    kind = type(layer).__name__
    if kind in ARITHMETIC:
        return _shifted(ARITHMETIC[kind], arguments[:2], fed)
    if kind == "Rescaling" and np.ndim(layer.scale) == np.ndim(layer.offset) == 0:
        found = end(before[0], fed)
        return found and (found[0], *sorted(limit * layer.scale + layer.offset for limit in found[1:]))
    name, found = _activation(layer)
    if kind in PASSING or (kind == "Activation" and name == "linear"):
        return end(before[0], fed)
    return found


def _is_output(layer, inputs, index):
    """Whether a recurrent layer gives numbers of its activation, times gates in [0, 1], and not states.

    A state may be a sum over time, and what begins at a state that is given has the bounds of that.
    """
    gate = getattr(getattr(layer, "recurrent_activation", None), "__name__", "sigmoid")
    return index == 0 and len(inputs) == 1 and RANGES.get(gate) == (0, 1)


def _activation(layer):
    """The name of the function that a layer ends in, and that with its range, or None where no bounds are known."""
    function = getattr(layer, "activation", None) or getattr(layer, "function", None)
    function = getattr(function, "activation", function)  # Of an Activation layer that is another one's activation.
    relu = next((each for each in (layer, function) if isinstance(each, keras.layers.ReLU)), None)
    if relu is not None:
        bounded = not (relu.negative_slope or relu.threshold)
        return "relu", ("relu", 0, relu.max_value or math.inf) if bounded else None
    if function is None:
        name = type(layer).__name__.lower()
    elif getattr(function, "__module__", type(function).__module__).startswith(KNOWN):
        name = getattr(function, "__name__", type(function).__name__.lower())
    else:
        name = None
    return name, (name, *RANGES[name]) if name in RANGES else None


def _shifted(operation, arguments, fed):
    """The end of `tensor + 1`, `2 * tensor` and the like; None where two tensors meet."""
    tensors = [each for each in arguments if isinstance(each, keras.KerasTensor)]
    numbers = [each for each in arguments if isinstance(each, (int, float))]
    if len(tensors) != 1 or len(numbers) != 1 or (operation is operator.truediv and arguments[0] is not tensors[0]):
        return None
    found = end(tensors[0], fed)
    if found is None:
        return None
    first = arguments[0] is tensors[0]
    return (
        found[0],
        *sorted(operation(limit, numbers[0]) if first else operation(numbers[0], limit) for limit in found[1:]),
    )


def check_linear(network, remedy):
    """Refuse a network whose outputs are squashed into [-1, 1]; warn where they have one bound.

    A sigmoid that follows maps [-1, 1] to [0.27, 0.73] and [0, inf) to [0.5, 1): black pixels, or "generated", are out
    of reach, and training goes on all the same.

    Args:
        network: `keras.Model`, functional.
        remedy: str. What maps the units, and what to do; the error begins with it.
    """
    for output in network.outputs:
        found = end(output)
        if found is None:
            continue
        name, low, high = found
        message = f"{remedy} Received: '{network.name}', which ends in {name}, with values from {low:g} to {high:g}"
        if low >= -1 and high <= 1:
            raise ValueError(message)
        if low >= 0 or high <= 0:
            warnings.warn(message, stacklevel=3)


def check_units(decoder, likelihood):
    """Refuse a decoder that maps to [0, 1] where the likelihood does so itself."""
    if likelihood.link == "sigmoid":
        check_linear(
            decoder,
            "The likelihood maps linear units to [0, 1] itself: end the decoder without an activation "
            '(`activation=None` in the last layer), or take a likelihood that does not, `Gaussian(link="identity")`.',
        )


def check_logits(discriminator, objective):
    """Refuse a discriminator that gives no logits where the objective takes some.

    One that compares its outputs with a number of its own, as least squares do with 1/2, may take any.
    """
    if objective.threshold in (None, 0):
        check_linear(
            discriminator,
            "The objective takes logits, numbers without bounds: end the discriminator without an activation "
            "(`activation=None` in the last layer).",
        )
