"""The language of layouts, that of the autoencoders of TMVA: tokens, how they are read from a text, what each does.

    Encoder={RESHAPE|1|1|4|FLAT,DENSE|2|SIGMOID}Decoder={DENSE|4|LINEAR}

A layout is two lists of tokens; `Layout=` may stand before it, white space around each word and sign, and case does not
matter.

| token | what it does to `(height, width, channels)` |
|---|---|
| `DENSE|units|ACT` | vectors only: `ACT(x K + b)` |
| `CONV|filters|kh|kw|sh|sw|ph|pw|ACT` | convolution, kernel `kh x kw`, strides, zeros added on both sides |
| `TRANSCONV|filters|kh|kw|sh|sw|ph|pw|ACT` | the transpose of that convolution |
| `MAXPOOL|h|w|sh|sw` | maximum over windows `h x w`, with strides |
| `PADDING2D|top|bottom|left|right` | adds zeros |
| `UPSAMPLE|factor` | repeats each row and column |
| `RESHAPE|depth|height|width` | any shape of as many values to `(height, width, depth)` |
| `RESHAPE|depth|height|width|FLAT` | any shape of as many values to a vector |
| `RESHAPE|FLAT` | any shape to a vector |
| `BNORM` | batch normalisation |
| `DROPOUT|p` | drops values at the rate `p`, in training |
| `RESIDUAL{...}` | the sum of a list of tokens and a shortcut around it; lists may nest |

Sizes of maps are `floor((in + 2 p - k) / s) + 1` after a convolution or pooling (`p = 0`), `(in - 1) s - 2 p + k` after
a transposed convolution. A shortcut is the identity where shapes are equal, else a projection without bias: a dense
layer on vectors, a convolution of kernel 1 on maps, with the smallest strides that give the size.

Activations: LINEAR, RELU, LEAKYRELU (slope 0.2 below zero, as in Keras), SIGMOID, TANH, SYMMRELU `|x|`, SOFTSIGN
`x / (1 + |x|)`, GAUSS `exp(-x^2)`.

Reference:
    ROOT, `TMVA::MethodDL`, option `Layout`. https://root.cern/doc/master/classTMVA_1_1MethodDL.html
    He et al., "Deep Residual Learning for Image Recognition", 2016, section 3.2 (shortcuts).
    https://arxiv.org/abs/1512.03385
"""

import math
import re
from dataclasses import dataclass, field, fields
from functools import partial
from typing import NamedTuple

import keras
from keras import layers, ops

# What a text may ask for: all of it is checked before anything is allocated.
MAX_CHARACTERS = 20_000  # More than as many tokens as may be have in canonical form.
MAX_TOKENS = 200
MAX_NESTING = 8
MAX_UNITS = 100_000  # And filters.
MAX_SIZE = 1_000  # Of kernels, windows, strides, padding and factors.
MAX_VALUES = 100_000_000  # Of one image, in any of its tensors: 400 MB.
MAX_WEIGHTS = 100_000_000  # Of a network.

# Characters that an error shows on either side of the one that it points at.
WINDOW = 50

# What reads up to a sign or white space.
WORD = re.compile(r"[^\s|,{}=]*")
RATE = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(E[+-]?[0-9]+)?")


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


@dataclass(frozen=True)
class Layout:
    """The tokens of an autoencoder; `str` gives its canonical text: tokens in upper case, no spaces, no `Layout=`.

    Attributes:
        encoder: Tuple of tokens.
        decoder: Tuple of tokens.
    """

    encoder: tuple
    decoder: tuple

    def __str__(self):
        return f"Encoder={{{written(self.encoder)}}}Decoder={{{written(self.decoder)}}}"


def parse(text):
    """Read a layout.

    Args:
        text: str, `Encoder={...}Decoder={...}`; or a `Layout`, which is checked alike.

    Returns:
        `Layout`, with `parse(str(layout)) == layout`.

    Raises:
        ValueError: If the text is no layout, or above a limit. The error shows the text, points at the character, and
            says what was expected there.

    Example:
        >>> str(parse("layout = encoder={dense|2|sigmoid} decoder={dense|4|linear}"))
        'Encoder={DENSE|2|SIGMOID}Decoder={DENSE|4|LINEAR}'
    """
    return Reader(text).layout()


def written(tokens):
    """The canonical text of a list of tokens."""
    return ",".join(map(str, tokens))


def error(text, at, expected, received):
    """Return the `ValueError` that points at a character, in a window of one line."""
    first, last = max(0, at - WINDOW), at + WINDOW
    shown = "".join(sign if sign.isprintable() else " " if sign.isspace() else "?" for sign in text[first:last])
    before, after = "..." if first else "", "..." if last < len(text) else ""
    return ValueError(
        f"Expected {expected}, at character {at + 1} of the layout:\n"
        f"    {before}{shown}{after}\n"
        f"    {' ' * (len(before) + at - first)}^\n"
        f"Received: {received}"
    )


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


@dataclass(frozen=True)
class Dense(Token):
    """`DENSE|units|ACT`."""

    units: int = whole(1, MAX_UNITS)
    activation: str = choice(ACTIVATIONS)

    layer = layers.Dense
    attributes = "units", "activation"

    def parts(self, shape, wrong):
        """One layer."""
        options = {"units": self.units, "activation": ACTIVATIONS[self.activation]}
        yield Part(options, (self.units,), (self.vector(shape, wrong) + 1) * self.units)


@dataclass(frozen=True)
class Conv(Token):
    """`CONV|filters|kh|kw|sh|sw|ph|pw|ACT`."""

    filters: int = whole(1, MAX_UNITS)
    kernel_height: int = whole(1, MAX_SIZE)
    kernel_width: int = whole(1, MAX_SIZE)
    stride_height: int = whole(1, MAX_SIZE)
    stride_width: int = whole(1, MAX_SIZE)
    padding_height: int = whole(0, MAX_SIZE)
    padding_width: int = whole(0, MAX_SIZE)
    activation: str = choice(ACTIVATIONS)

    layer = layers.Conv2D
    # Suffix of the layer that holds the padding, and its attribute.
    margins = "padding", "padding"

    @classmethod
    def of(cls, layer, others):
        """The token of a convolution and of the layer beside it, if any."""
        suffix, attribute = cls.margins
        (height, _), (width, _) = getattr(others[suffix], attribute, ((0, 0), (0, 0)))
        activation = ACTIVATION_NAMES.get(layer.activation)
        return cls(layer.filters, *layer.kernel_size, *layer.strides, height, width, activation)

    @property
    def kernel(self):
        """Height and width of the kernel."""
        return self.kernel_height, self.kernel_width

    @property
    def strides(self):
        """Down and across."""
        return self.stride_height, self.stride_width

    @property
    def padding(self):
        """Rows of zeros above and below, columns on the left and on the right."""
        return self.padding_height, self.padding_width

    def convolution(self, size, channels):
        """The convolution, or its transpose, itself, which gives maps of a size."""
        options = {
            "filters": self.filters,
            "kernel_size": self.kernel,
            "strides": self.strides,
            "padding": "valid",
            "activation": ACTIVATIONS[self.activation],
        }
        return Part(options, (*size, self.filters), (math.prod(self.kernel) * channels + 1) * self.filters)

    def parts(self, shape, wrong):
        """Padding, if any, and a convolution."""
        *size, channels = self.maps(shape, wrong)
        size = [length + 2 * padding for length, padding in zip(size, self.padding)]
        if any(self.padding):
            options = {"padding": self.padding}
            yield Part(options, (*size, channels), suffix="padding", layer=layers.ZeroPadding2D)
        size = places(size, self.kernel, self.strides)
        if min(size) < 1:
            raise wrong(f"maps that hold a kernel of {self.kernel}, with a padding of {self.padding}", shape)
        yield self.convolution(size, channels)


@dataclass(frozen=True)
class TransConv(Conv):
    """`TRANSCONV|filters|kh|kw|sh|sw|ph|pw|ACT`."""

    layer = layers.Conv2DTranspose
    margins = "crop", "cropping"

    def parts(self, shape, wrong):
        """A transposed convolution, and cropping: of the padding, and of what Keras gives beyond the definition."""
        *size, channels = self.maps(shape, wrong)
        # Where the kernel is smaller than the stride, Keras goes on for a whole stride after the last kernel.
        beyond = [max(stride - kernel, 0) for kernel, stride in zip(self.kernel, self.strides)]
        reached = [(length - 1) * s + k for length, k, s in zip(size, self.kernel, self.strides)]
        left = [length - 2 * padding for length, padding in zip(reached, self.padding)]
        if min(left) < 1:
            raise wrong(
                f"maps of which (in - 1) s - 2 p + k leaves something, with a kernel of {self.kernel}, strides of "
                f"{self.strides} and a padding of {self.padding}",
                f"{shape}, of which it leaves {tuple(left)}",
            )
        yield self.convolution([length + more for length, more in zip(reached, beyond)], channels)
        cropping = [(padding, padding + more) for padding, more in zip(self.padding, beyond)]
        if any(map(any, cropping)):
            yield Part({"cropping": cropping}, (*left, self.filters), suffix="crop", layer=layers.Cropping2D)


@dataclass(frozen=True)
class MaxPool(Token):
    """`MAXPOOL|h|w|sh|sw`."""

    height: int = whole(1, MAX_SIZE)
    width: int = whole(1, MAX_SIZE)
    stride_height: int = whole(1, MAX_SIZE)
    stride_width: int = whole(1, MAX_SIZE)

    layer = layers.MaxPooling2D
    attributes = "pool_size", "strides"

    def parts(self, shape, wrong):
        """One layer."""
        *size, channels = self.maps(shape, wrong)
        window, strides = (self.height, self.width), (self.stride_height, self.stride_width)
        size = places(size, window, strides)
        if min(size) < 1:
            raise wrong(f"maps that hold a window of {window}", shape)
        yield Part({"pool_size": window, "strides": strides}, (*size, channels))


@dataclass(frozen=True)
class Reshape(Token):
    """`RESHAPE|depth|height|width`, `RESHAPE|depth|height|width|FLAT` or `RESHAPE|FLAT`."""

    depth: int | None = None
    height: int | None = None
    width: int | None = None
    flat: bool = False

    layer = layers.Reshape

    @classmethod
    def form(cls):
        """All three."""
        return "RESHAPE|depth|height|width, RESHAPE|depth|height|width|FLAT or RESHAPE|FLAT"

    @classmethod
    def read(cls, reader, start):
        """Read `FLAT`, or three numbers and perhaps `FLAT`."""
        reader.take("|", f"'|' and the depth, or FLAT, of {cls.form()}")
        if reader.skip("FLAT"):
            return cls(flat=True, start=start)
        sizes = [reader.whole(f"depth (or FLAT) of {cls.form()}", 1, MAX_VALUES)]
        for name in ("height", "width"):
            sizes.append(reader.argument(cls, name, lambda reader, what: reader.whole(what, 1, MAX_VALUES)))
        if reader.next() != "|":
            return cls(*sizes, start=start)
        reader.take("|", "'|'")
        if not reader.skip("FLAT"):
            raise reader.error(f"FLAT, or the end of {cls.form()}")
        return cls(*sizes, flat=True, start=start)

    @classmethod
    def of(cls, layer, others):
        """The token of the layer that makes maps, if any, and of the one that flattens, if any."""
        maps = getattr(others["maps"], "target_shape", layer.target_shape)
        height, width, depth = maps if len(maps) == 3 else (None,) * 3
        return cls(depth, height, width, flat=len(layer.target_shape) == 1)

    def __str__(self):
        sizes = [] if self.depth is None else [self.depth, self.height, self.width]
        return "|".join([self.kind(), *map(str, sizes), *(["FLAT"] if self.flat else [])])

    def parts(self, shape, wrong):
        """A layer that makes maps, and one that flattens: the network shows both."""
        values = math.prod(shape)
        if self.depth is not None:
            maps = self.height, self.width, self.depth
            if math.prod(maps) != values:
                raise wrong(f"a shape of {math.prod(maps):,} values for {self}", f"{shape}, {values:,} values")
            yield Part({"target_shape": maps}, maps, suffix="maps" if self.flat else "")
        if self.flat:
            yield Part({"target_shape": (values,)}, (values,))


@dataclass(frozen=True)
class Padding2D(Token):
    """`PADDING2D|top|bottom|left|right`."""

    top: int = whole(0, MAX_SIZE)
    bottom: int = whole(0, MAX_SIZE)
    left: int = whole(0, MAX_SIZE)
    right: int = whole(0, MAX_SIZE)

    layer = layers.ZeroPadding2D
    attributes = ("padding",)

    def parts(self, shape, wrong):
        """One layer."""
        height, width, channels = self.maps(shape, wrong)
        padding = (self.top, self.bottom), (self.left, self.right)
        yield Part({"padding": padding}, (height + sum(padding[0]), width + sum(padding[1]), channels))


@dataclass(frozen=True)
class BNorm(Token):
    """`BNORM`."""

    layer = layers.BatchNormalization

    def parts(self, shape, wrong):
        """One layer."""
        yield Part({}, shape, 4 * shape[-1])


@dataclass(frozen=True)
class Dropout(Token):
    """`DROPOUT|p`."""

    rate: float = rate()

    layer = layers.Dropout
    attributes = ("rate",)

    def parts(self, shape, wrong):
        """One layer."""
        yield Part({"rate": self.rate}, shape)


@dataclass(frozen=True)
class UpSample(Token):
    """`UPSAMPLE|factor`."""

    factor: int = whole(1, MAX_SIZE)

    layer = layers.UpSampling2D

    @classmethod
    def of(cls, layer, others):
        """The token of this layer, which holds the factor twice."""
        return cls(layer.size[0])

    def parts(self, shape, wrong):
        """One layer."""
        height, width, channels = self.maps(shape, wrong)
        yield Part({"size": self.factor}, (height * self.factor, width * self.factor, channels))


@dataclass(frozen=True)
class Residual(Token):
    """`RESIDUAL{...}`."""

    tokens: tuple

    layer = layers.Add

    @classmethod
    def form(cls):
        """The word with its list."""
        return "RESIDUAL{tokens}"

    @classmethod
    def read(cls, reader, start):
        """Read the list."""
        return cls(reader.nested(cls, start), start=start)

    def __str__(self):
        return f"{self.kind()}{{{written(self.tokens)}}}"

    def plan(self, plan, name, source, shape):
        """A chain of layers, a projection where shapes differ, and a sum."""
        end, after = plan.chain(self.tokens, source, shape, f"{name}_")
        shortcut = source
        if after != shape:
            shortcut, _ = plan.add(self, name, [source], self.projection(shape, after, plan.text))
        return plan.add(self, name, [end, shortcut], Part({}, after))

    def projection(self, before, after, text):
        """The linear layer from one shape to another."""
        options = {"use_bias": False}
        if len(before) == len(after) == 1:
            options["units"] = after[0]
            return Part(options, after, before[0] * after[0], "shortcut", layers.Dense)
        sizes = list(zip(before[:2], after[:2]))
        strides = [-(-have // want) for have, want in sizes]
        if len(before) != len(after) or any(-(-have // s) != want for (have, want), s in zip(sizes, strides)):
            expected = (
                "RESIDUAL around tokens that keep the shape, or that change it as a projection can: from vectors to "
                "vectors, or from maps to maps of their sizes divided by some strides and rounded up"
            )
            raise error(text, self.start, expected, f"{before} before and {after} after them")
        options |= {"filters": after[2], "kernel_size": 1, "strides": strides}
        return Part(options, after, before[2] * after[2], "shortcut", layers.Conv2D)


TOKENS = {
    each.kind(): each
    for each in (Dense, Conv, TransConv, MaxPool, Reshape, Padding2D, BNorm, Dropout, UpSample, Residual)
}
SUFFIXES = "padding", "crop", "maps"


def places(size, window, strides):
    """How many places a window has in maps, down and across."""
    return [(length - k) // s + 1 for length, k, s in zip(size, window, strides)]


class Reader:
    """Reads tokens from a text, from left to right.

    Args:
        text: str or `Layout`.

    Raises:
        ValueError: If it is neither, or too long; as do all methods, where something else stands in the text.
    """

    def __init__(self, text):
        if not isinstance(text, (str, Layout)):
            raise ValueError(f"A layout is a text, such as DENSE|2|SIGMOID, or a Layout. Received: {text!r}")
        self.text = str(text)
        self.at = 0
        self.start = 0  # Of the last word.
        self.count = 0
        self.depth = 0
        if len(self.text) > MAX_CHARACTERS:
            expected, received = f"at most {MAX_CHARACTERS:,} characters", f"{len(self.text):,} characters"
            raise error(self.text, MAX_CHARACTERS, expected, received)

    def error(self, expected, at=None):
        """The error that something else was expected at a character, by default at the next one."""
        if at is None:
            self.next()
            at = self.at
        word = WORD.match(self.text, at).group() or self.text[at : at + 1]
        short = word if len(word) <= 30 else word[:30] + "..."
        return error(self.text, at, expected, repr(short) if word else "the end of the text")

    def next(self):
        """The next character that is no white space, which stays; empty at the end."""
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, sign, expected):
        """Go past a sign."""
        if self.next() != sign:
            raise self.error(expected)
        self.at += 1

    def word(self):
        """Go past a word and return it in upper case; it may be empty."""
        self.next()
        word = WORD.match(self.text, self.at)
        self.start, self.at = word.span()
        # Some letters have capitals that are ASCII: the long s.
        return word.group().upper() if word.group().isascii() else word.group()

    def skip(self, word):
        """Go past this word if it is the next."""
        back = self.at
        if self.word() != word:
            self.at = back
        return self.at != back

    def half(self, name):
        """Read all of the text: a layout, of which one half is wanted, or a list of tokens."""
        word = self.word()
        self.at = 0
        return getattr(self.layout(), name) if word in ("LAYOUT", "ENCODER", "DECODER") else self.all_tokens()

    def layout(self):
        """Read all of the text, a layout."""
        if self.skip("LAYOUT"):
            self.take("=", "'=' after Layout")
        halves = []
        for name in ("Encoder", "Decoder"):
            if not self.skip(name.upper()):
                raise self.error(f"{name}={{tokens}}")
            self.take("=", f"'=' after {name}")
            self.take("{", f"'{{' after {name}=")
            halves.append(self.tokens())
            self.take("}", f"',' and a token, or the '}}' of {name}")
        if self.next():
            raise self.error("the end of the text after the decoder")
        return Layout(*halves)

    def all_tokens(self):
        """Read all of the text, a list of tokens."""
        tokens = self.tokens()
        if self.next():
            raise self.error("',' and a token, or the end of the text")
        return tokens

    def tokens(self):
        """Read tokens as long as commas follow."""
        tokens = [self.token()]
        while self.next() == ",":
            self.at += 1
            tokens.append(self.token())
        return tuple(tokens)

    def token(self):
        """Read one token."""
        token = TOKENS.get(self.word())
        start = self.start
        if token is None:
            raise self.error(f"a token ({', '.join(TOKENS)})", start)
        self.count += 1
        if self.count > MAX_TOKENS:
            raise self.error(f"at most {MAX_TOKENS} tokens", start)
        return token.read(self, start)

    def nested(self, token, start):
        """Read the list of a token, in braces."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.error(f"{token.kind()} nested at most {MAX_NESTING} deep", start)
        self.take("{", f"'{{' of {token.form()}")
        tokens = self.tokens()
        self.take("}", f"',' and a token, or the '}}' of {token.form()}")
        self.depth -= 1
        return tokens

    def argument(self, token, name, read):
        """Read `|` and an argument of a token."""
        what = f"{name} of {token.form()}"
        self.take("|", f"'|' and the {what}")
        return read(self, what)

    def whole(self, what, least, most):
        """Read a whole number."""
        word = self.word()
        digits = word.lstrip("0") or "0"
        # Python refuses to read numbers of thousands of digits, with an error of its own.
        if not re.fullmatch("[0-9]+", word) or len(digits) > len(str(most)) or not least <= int(digits) <= most:
            raise self.error(f"a whole number from {least} to {most:,}, the {what}", self.start)
        return int(digits)

    def rate(self, what):
        """Read a number in [0, 1)."""
        word = self.word()
        if not RATE.fullmatch(word) or not float(word) < 1:
            raise self.error(f"a number from 0 to below 1, the {what}", self.start)
        return float(word)

    def choice(self, what, choices):
        """Read one of some words."""
        word = self.word()
        if word not in choices:
            raise self.error(f"one of {', '.join(choices)}, the {what}", self.start)
        return word
