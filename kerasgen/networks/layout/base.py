"""What a word of a layout is: arguments, read from the text, and the layers that they stand for."""

from dataclasses import dataclass, field, fields
from functools import partial
from typing import NamedTuple

import keras
from keras import ops

from kerasgen.networks.layout.limits import error


@keras.saving.register_keras_serializable("kerasgen")
def symmrelu(x):
    """`|x|`."""
    return ops.abs(x)


@keras.saving.register_keras_serializable("kerasgen")
def gauss(x):
    """`exp(-x^2)`."""
    return ops.exp(-ops.square(x))


ACTIVATIONS = {
    "LINEAR": "linear",
    "RELU": "relu",
    "LEAKYRELU": "leaky_relu",
    "SIGMOID": "sigmoid",
    "TANH": "tanh",
    "SYMMRELU": symmrelu,
    "SOFTSIGN": "softsign",
    "GAUSS": gauss,
}
ACTIVATION_NAMES = {keras.activations.get(function): name for name, function in ACTIVATIONS.items()}


def written(tokens):
    """The canonical text of a list of tokens."""
    return ",".join(map(str, tokens))


class Part(NamedTuple):
    """One layer of a token.

    Attributes:
        options: Dict, arguments of the layer.
        shape: Tuple, what it gives.
        weights: int, how many it has.
        suffix: str. With it the layer's name is that of the token and the suffix, such as `2_conv_padding`.
        layer: Class of the layer; None for that of the token.
    """

    options: dict
    shape: tuple
    weights: int = 0
    suffix: str = ""
    layer: type | None = None


def whole(least, most):
    """A field that is a whole number in the text."""
    return field(metadata={"read": lambda reader, what: reader.whole(what, least, most)})


def choice(choices):
    """A field that is one of some words in the text."""
    return field(metadata={"read": lambda reader, what: reader.choice(what, choices)})


def rate():
    """A field that is a number in [0, 1) in the text."""
    return field(metadata={"read": lambda reader, what: reader.rate(what)})


@dataclass(frozen=True)
class Token:
    """One word of a layout: its arguments are fields, in the order of the text.

    Attributes:
        start: int. Where it stood in the text, for errors; tokens are equal wherever they stood.
    """

    start: int = field(default=0, compare=False, repr=False, kw_only=True)

    # The layer that has the token's name, and its attributes that are the arguments.
    layer = None
    attributes = ()

    @classmethod
    def kind(cls):
        """The word itself."""
        return cls.__name__.upper()

    @classmethod
    def arguments(cls):
        """The fields that the text gives."""
        return [each for each in fields(cls) if each.name != "start"]

    @classmethod
    def form(cls):
        """The word with the names of its arguments."""
        return "|".join([cls.kind(), *(each.name for each in cls.arguments())])

    @classmethod
    def read(cls, reader, start):
        """Read the arguments after the word."""
        values = [reader.argument(cls, each.name, each.metadata["read"]) for each in cls.arguments()]
        return cls(*values, start=start)

    @classmethod
    def of(cls, layer, others):
        """The token that a layer stands for; `others` holds its further layers, or None, by suffix."""
        values = keras.tree.flatten([getattr(layer, name) for name in cls.attributes])
        return cls(*(ACTIVATION_NAMES.get(value) if callable(value) else value for value in values))

    def __str__(self):
        values = (str(getattr(self, each.name)) for each in self.arguments())
        # 0.5, but 0 and not 0.0.
        return "|".join([self.kind(), *(value.removesuffix(".0").upper() for value in values)])

    def parts(self, shape, wrong):
        """Give the layers, one after another, by arithmetic alone.

        Args:
            shape: Tuple, what the token is given.
            wrong: Function of what was expected and what was received, which makes the error.

        Yields:
            `Part`.
        """
        raise NotImplementedError

    def plan(self, plan, name, source, shape):
        """Add the layers to a plan, after the step `source`; return the last one's name and shape."""
        for part in self.parts(shape, partial(error, plan.text, self.start)):
            source, shape = plan.add(self, name, [source], part)
        return source, shape

    def vector(self, shape, wrong):
        """Return the length of a vector, or raise."""
        if len(shape) != 1:
            raise wrong(f"a vector for {self.kind()} (put RESHAPE|FLAT before it)", shape)
        return shape[0]

    def maps(self, shape, wrong):
        """Return height, width and channels of maps, or raise."""
        if len(shape) != 3:
            raise wrong(f"maps for {self.kind()} (put RESHAPE|depth|height|width before it)", shape)
        return shape
