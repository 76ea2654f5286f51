"""The words of layouts: what each does to the shape that it is given."""

import math
from dataclasses import dataclass

from keras import layers

from kerasgen.layers import SynchronizedBatchNormalization
from kerasgen.networks.layout.base import ACTIVATION_NAMES, ACTIVATIONS, Part, Token, choice, rate, whole, written
from kerasgen.networks.layout.limits import MAX_SIZE, MAX_UNITS, MAX_VALUES, error

# Whatever `keras.config.image_data_format()` says.
CHANNELS_LAST = {"data_format": "channels_last"}


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
            **CHANNELS_LAST,
        }
        return Part(options, (*size, self.filters), (math.prod(self.kernel) * channels + 1) * self.filters)

    def parts(self, shape, wrong):
        """Padding, if any, and a convolution."""
        *size, channels = self.maps(shape, wrong)
        size = [length + 2 * padding for length, padding in zip(size, self.padding)]
        if any(self.padding):
            options = {"padding": self.padding, **CHANNELS_LAST}
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
            options = {"cropping": cropping, **CHANNELS_LAST}
            yield Part(options, (*left, self.filters), suffix="crop", layer=layers.Cropping2D)


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
        yield Part({"pool_size": window, "strides": strides, **CHANNELS_LAST}, (*size, channels))


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
        yield Part({"padding": padding, **CHANNELS_LAST}, (height + sum(padding[0]), width + sum(padding[1]), channels))


@dataclass(frozen=True)
class BNorm(Token):
    """`BNORM`."""

    layer = layers.BatchNormalization

    def parts(self, shape, wrong):
        """One layer."""
        yield Part({}, shape, 4 * shape[-1])


@dataclass(frozen=True)
class SyncBNorm(BNorm):
    """`SYNCBNORM`."""

    layer = SynchronizedBatchNormalization


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
        yield Part({"size": self.factor, **CHANNELS_LAST}, (height * self.factor, width * self.factor, channels))


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
        options |= {"filters": after[2], "kernel_size": 1, "strides": strides, **CHANNELS_LAST}
        return Part(options, after, before[2] * after[2], "shortcut", layers.Conv2D)


TOKENS = {
    each.kind(): each
    for each in (Dense, Conv, TransConv, MaxPool, Reshape, Padding2D, BNorm, SyncBNorm, Dropout, UpSample, Residual)
}
SUFFIXES = "padding", "crop", "maps"


def places(size, window, strides):
    """How many places a window has in maps, down and across."""
    return [(length - k) // s + 1 for length, k, s in zip(size, window, strides)]
