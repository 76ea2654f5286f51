"""Networks are built from tokens, and tokens are read back from networks."""

import contextlib
import math
from typing import NamedTuple

import keras
from keras import layers

from kerasgen.networks.blocks.arguments import check_image_shape, one_of, positive_int, positive_ints
from kerasgen.networks.blocks.ends import POSTERIORS, image_inputs, latent_inputs, latent_outputs
from kerasgen.networks.layout.base import written
from kerasgen.networks.layout.limits import MAX_VALUES, MAX_WEIGHTS, error
from kerasgen.networks.layout.reader import Reader, parse
from kerasgen.networks.layout.tokens import SUFFIXES, TOKENS, BNorm, Dense, Dropout, Reshape, Residual

# Name of the layer between the two forms of a row.
ROW = "row"


def autoencoder(layout, image_shape, posterior=None):
    """Build the two networks of a layout.

    Args:
        layout: str `Encoder={...}Decoder={...}`, or `Layout`.
        image_shape: Tuple `(height, width, channels)`, or `(features,)` for rows of a table.
        posterior: None for one tensor of latents, or `"gaussian"` for the mean and log variance that a VAE needs: see
            `encoder`.

    Returns:
        Encoder and decoder, as the functions of these names give them: for
        `kerasgen.models.Autoencoder(*autoencoder(layout, image_shape))`, or on their own.

    Raises:
        ValueError: If the text is no layout, a token does not fit the shape that it is given, or the decoder does not
            give the image's shape. The error points at the token.

    Example:
        >>> text = "Encoder={RESHAPE|FLAT,DENSE|2|LINEAR}Decoder={DENSE|64|LINEAR,RESHAPE|1|8|8}"
        >>> model = kerasgen.models.VAE(*autoencoder(text, (8, 8, 1), posterior="gaussian"))
    """
    parse(layout)
    first = encoder(image_shape, None, layout=layout, posterior=posterior)
    return first, decoder(image_shape, first.outputs[0].shape[1], layout=layout)


def encoder(image_shape, latent_dim, *, layout, posterior=None, name="encoder"):
    """Build an encoder from a layout.

    Args:
        image_shape: Tuple `(height, width, channels)`, or `(features,)` for rows of a table.
        latent_dim: int, the dimensions of the latent space that the layout must give, or None for any.
        layout: str, a list of tokens such as `"RESHAPE|FLAT,DENSE|2|LINEAR"`; or a whole layout, of which the encoder
            is built.
        posterior: None for one tensor of latents, or `"gaussian"` for the mean and log variance that a VAE needs: two
            heads in the place of the last token, which must be `DENSE|units|LINEAR`.
        name: str. Name of the network. Defaults to `"encoder"`.

    Returns:
        A built `keras.Model`. Inputs: images `(batch, *image_shape)`. Outputs: latents `(batch, latent_dim)`, float32;
        with `posterior="gaussian"` `[mean, log_variance]` of that shape each.

    Raises:
        ValueError: If the text is no layout, a token does not fit the shape that it is given, or the last does not give
            a vector of `latent_dim`.

    Example:
        >>> text = "CONV|8|4|4|2|2|1|1|RELU,RESHAPE|FLAT,DENSE|16|LINEAR"
        >>> encoder((28, 28, 1), latent_dim=16, layout=text)(images)    # (batch, 16)
    """
    one_of("posterior", posterior, POSTERIORS)
    plan = _Plan(check_image_shape(image_shape, ranks=(1, 3)), layout, "encoder")
    if len(plan.shape) != 1:
        raise plan.wrong_end("an encoder to end in a vector of latents (add RESHAPE|FLAT)")
    if latent_dim is not None and plan.shape != (positive_int("latent_dim", latent_dim),):
        raise plan.wrong_end(f"an encoder to end in latent_dim={latent_dim} values")
    inputs, features = image_inputs(image_shape, None, flat=False)
    if posterior is None:
        return keras.Model(inputs, plan.build(features), name=name)
    if plan.tokens[-1] != Dense(*plan.shape, "LINEAR"):
        raise plan.wrong_end(f'DENSE|units|LINEAR as the last token with posterior="{posterior}"')
    plan.end_in_heads(posterior)
    features = plan.build(features, end_dtype=None)
    return keras.Model(inputs, latent_outputs(features, *plan.shape, posterior, None), name=name)


def decoder(image_shape, latent_dim, *, layout, name="decoder"):
    """Build a decoder from a layout.

    Most likelihoods map linear units to [0, 1] themselves: end in LINEAR, or give them the link `"identity"`.

    Args:
        image_shape: Tuple `(height, width, channels)`, or `(features,)` for rows of a table.
        latent_dim: int. Dimensions of the latent space.
        layout: str, a list of tokens such as `"DENSE|64|LINEAR,RESHAPE|1|8|8"`; or a whole layout, of which the decoder
            is built.
        name: str. Name of the network. Defaults to `"decoder"`.

    Returns:
        A built `keras.Model`. Inputs: latents `(batch, latent_dim)`. Outputs: `(batch, *image_shape)`, float32.

    Raises:
        ValueError: If the text is no layout, a token does not fit the shape that it is given, or the last does not give
            the image's shape.

    Example:
        >>> decoder((8, 8, 1), latent_dim=2, layout="DENSE|64|LINEAR,RESHAPE|1|8|8")(latents)    # (batch, 8, 8, 1)
    """
    image_shape = check_image_shape(image_shape, ranks=(1, 3))
    plan = _Plan((positive_int("latent_dim", latent_dim),), layout, "decoder")
    same_values = math.prod(plan.shape) == math.prod(image_shape)
    if same_values and plan.shape != image_shape and _is_row(plan.shape) and _is_row(image_shape):
        plan.end_as_row(image_shape)
    if plan.shape != image_shape:
        *size, depth = image_shape
        missing = Reshape(depth, *size) if size else Reshape(flat=True)
        remedy = f" (add {missing})" if same_values else ""
        raise plan.wrong_end(f"a decoder to end in the images' shape {image_shape}{remedy}")
    inputs, features = latent_inputs(latent_dim, None)
    return keras.Model(inputs, plan.build(features), name=name)


def network(layout, input_shape, name="network"):
    """Build one network of any kind.

    Args:
        layout: str, a list of tokens such as `"DENSE|8|RELU,DENSE|1|LINEAR"`.
        input_shape: Tuple `(height, width, channels)`, or `(features,)`.
        name: str. Name of the network. Defaults to `"network"`.

    Returns:
        A built `keras.Model`. Inputs: `(batch, *input_shape)`. Outputs: of the shape that the last token gives,
        float32.

    Raises:
        ValueError: If the text is no list of tokens, or one does not fit the shape that it is given.

    Example:
        >>> network("PADDING2D|1|0|1|0,CONV|4|2|2|1|1|0|0|RELU", (8, 8, 1)).output_shape
        (None, 8, 8, 4)
    """
    shape = positive_ints("input_shape", input_shape)
    if len(shape) not in (1, 3):
        raise ValueError(f"input_shape must be (features,) or (height, width, channels). Received: {input_shape!r}")
    plan = _Plan(shape, layout)
    inputs = keras.Input(shape, name="inputs")
    return keras.Model(inputs, plan.build(inputs), name=name)


def describe(network):
    """Read the tokens of a network that a function of this module built from its layers; it may have been saved since.

    Args:
        network: `keras.Model`.

    Returns:
        str, the list of tokens in canonical form. Heads `[mean, log_variance]` are the token that they stand for.

    Raises:
        ValueError: If the network has other layers than a layout makes.

    Example:
        >>> describe(network("dense|8|relu, dense|1|linear", (4,)))
        'DENSE|8|RELU,DENSE|1|LINEAR'
    """
    found = {layer.name: layer for layer in getattr(network, "layers", []) if type(layer) is not layers.InputLayer}
    tokens = _tokens_of(found)
    posterior = "gaussian" if found.keys() >= set(POSTERIORS["gaussian"]) else None
    if posterior:
        tokens = *tokens, Dense(getattr(found["mean"], "units", 0), "LINEAR")
    text = written(tokens)
    inputs = getattr(network, "inputs", None) or []
    # A network is a layout's if the layout that seems to be there makes just these layers.
    shape = tuple(inputs[0].shape[1:]) if len(inputs) == 1 else (None,)
    with contextlib.suppress(ValueError):
        if None not in shape:
            plan = _Plan(shape, text, "encoder" if ROW in found else None)
            if ROW in found and ROW not in plan.classes:
                plan.end_as_row(found[ROW].target_shape)
            if posterior:
                plan.end_in_heads(posterior)
            if plan.classes == {name: type(layer) for name, layer in found.items()}:
                return text
    names = ", ".join(list(found)[:10]) + (", ..." if len(found) > 10 else "")
    raise ValueError(
        "describe reads networks that kerasgen.networks.layout built, whose layers have names such as 1_conv, 2_dense. "
        f"Received: {getattr(network, 'name', network)!r}, with the layers {names or '(none)'}"
    )


def _tokens_of(found, prefix=""):
    """The tokens whose layers have names that begin with a prefix, from a dict of layers by name."""
    tokens = []
    while True:
        names = {f"{prefix}{len(tokens) + 1}_{word.lower()}": kind for word, kind in TOKENS.items()}
        name = next((name for name, kind in names.items() if type(found.get(name)) is kind.layer), None)
        if name is None:
            return tuple(tokens)
        if names[name] is Residual:
            tokens.append(Residual(_tokens_of(found, f"{name}_")))
        else:
            others = {suffix: found.get(f"{name}_{suffix}") for suffix in SUFFIXES}
            tokens.append(names[name].of(found[name], others))


def _is_row(shape):
    """Whether a shape is that of a row of a table, `(n,)`, or as an image of one row of pixels, `(1, n, 1)`."""
    return len(shape) == 1 or shape == (1, shape[1], 1)


def _wants_vector(tokens):
    """Whether the first token that is particular about shapes wants a vector."""
    for token in tokens:
        if isinstance(token, Residual):
            return _wants_vector(token.tokens)
        if not isinstance(token, (BNorm, Dropout)):
            return isinstance(token, Dense)
    return False


class _Step(NamedTuple):
    """A layer to be made: its name, the names of the steps that it follows, and its token's place in the whole list."""

    name: str
    layer: type
    options: dict
    weights: int
    sources: list
    place: int


class _Plan:
    """The layers of a network, by arithmetic alone: nothing is allocated before all sizes are known.

    Args:
        shape: Tuple, that of the input.
        layout: str or `Layout`.
        half: `"encoder"` or `"decoder"`, which may be a half of a whole layout; None where there must be a list.

    Attributes:
        tokens: Tuple, the whole list.
        steps: List of `_Step`, in an order in which they can be made.
        shape: Tuple, what the last token gives.
        classes: Dict from the name of each layer to its class.
    """

    def __init__(self, shape, layout, half=None):
        reader = Reader(layout)
        self.text = reader.text
        self.tokens = reader.half(half) if half else reader.all_tokens()
        self.steps = []
        self.heads = {}
        self.weights = 0
        self.place = 0
        start = "", shape
        if half == "encoder" and _wants_vector(self.tokens) and _is_row(shape):
            start = self.as_row(*start, (math.prod(shape),))
        self.end, self.shape = self.chain(self.tokens, *start)

    @property
    def classes(self):
        return {step.name: step.layer for step in self.steps} | self.heads

    def chain(self, tokens, source, shape, prefix=""):
        """Plan tokens after the step `source`, "" the input; return the last step's name and shape."""
        for place, token in enumerate(tokens, start=1):
            if not prefix:
                self.place = place
            source, shape = token.plan(self, f"{prefix}{place}_{token.kind().lower()}", source, shape)
        return source, shape

    def as_row(self, source, shape, wanted):
        """Plan a layer from `(n,)` to `(1, n, 1)`, or back: to a layout they are the same row of a table."""
        self.steps.append(_Step(ROW, layers.Reshape, {"target_shape": wanted}, 0, [source], self.place))
        return ROW, wanted

    def end_as_row(self, wanted):
        """End in the other form of a row."""
        self.end, self.shape = self.as_row(self.end, self.shape, wanted)

    def add(self, token, name, sources, part):
        """Plan one layer of a token; return its name and shape."""
        if math.prod(part.shape) > MAX_VALUES:
            expected = f"at most {MAX_VALUES:,} values of an image in a tensor"
            raise error(self.text, token.start, expected, part.shape)
        self.count(token, part.weights)
        name = f"{name}_{part.suffix}" if part.suffix else name
        layer = part.layer or token.layer
        self.steps.append(_Step(name, layer, part.options, part.weights, sources, self.place))
        return name, part.shape

    def count(self, token, weights):
        """Add to the number of weights."""
        self.weights += weights
        if self.weights > MAX_WEIGHTS:
            expected = f"at most {MAX_WEIGHTS:,} weights in a network"
            raise error(self.text, token.start, expected, f"{self.weights:,} up to this token")

    def end_in_heads(self, posterior):
        """Leave the last step out, a dense layer, for heads like it."""
        self.heads = dict.fromkeys(POSTERIORS[posterior], layers.Dense)
        last = self.steps.pop()
        self.count(self.tokens[-1], (len(self.heads) - 1) * last.weights)
        (self.end,) = last.sources

    def wrong_end(self, expected):
        """The error that something else was expected of the last token."""
        return error(self.text, self.tokens[-1].start, expected, f"{self.tokens[-1]}, which gives {self.shape}")

    def build(self, inputs, end_dtype="float32"):
        """Make the layers.

        Args:
            inputs: Tensor.
            end_dtype: Data type of the last token that has weights and of those after it: float32 whatever the dtype
                policy, since likelihoods are sums over pixels. None for the policy's.

        Returns:
            Tensor, what the last token gives.
        """
        tensors = {"": inputs}
        end = max((step.place for step in self.steps if step.weights), default=0)
        for step in self.steps:
            layer = step.layer(**step.options, name=step.name, dtype=end_dtype if step.place >= end else None)
            sources = [tensors[name] for name in step.sources]
            tensors[step.name] = layer(sources if len(sources) > 1 else sources[0])
        return tensors[self.end]
