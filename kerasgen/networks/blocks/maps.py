"""Maps: the sizes that convolutions pass through, cropping, attention."""

from numbers import Integral

from kerasgen.layers import SelfAttention
from kerasgen.networks.blocks.arguments import positive_ints
from kerasgen.networks.blocks.channels_last import Cropping2D


def layer_sizes(filters, kernel_size, strides, padding):
    """Return filters, kernel sizes and strides, each a tuple of one a layer, or raise a `ValueError`."""
    filters = positive_ints("filters", filters)
    if not filters:
        raise ValueError(f"filters must name at least one convolution. Received: {filters!r}")
    if padding not in ("same", "valid"):
        raise ValueError(f'padding must be "same" or "valid". Received: {padding!r}')
    each = []
    for name, value in (("kernel_size", kernel_size), ("strides", strides)):
        values = positive_ints(name, (value,) * len(filters) if isinstance(value, Integral) else value)
        if len(values) != len(filters):
            raise ValueError(f"{name} must be an int or a tuple of {len(filters)}, one a layer. Received: {value!r}")
        each.append(values)
    return filters, *each


def growing_sizes(size, kernels, strides, padding):
    """Return the sizes `[height, width]` of the maps that transposed convolutions pass through, the last being `size`.

    Each is the smallest that covers the next: a transposed convolution gives `length * stride`, and without padding
    also what its kernel reaches beyond the stride.
    """
    sizes = [list(size)]
    for kernel, stride in zip(reversed(kernels), reversed(strides)):
        beyond = max(kernel - stride, 0) if padding == "valid" else 0
        sizes.insert(0, [max(1, -(-(length - beyond) // stride)) for length in sizes[0]])
    return sizes


def shrinking_heights(height, strides):
    """Return the height of the maps after each convolution of these strides, with padding."""
    heights = []
    for stride in strides:
        height = -(-height // stride)
        heights.append(height)
    return heights


def crop(features, size, name, dtype=None):
    """Crop maps to `size`, `(height, width)`, about their middle. No layer is added where nothing is left over."""
    extra = [have - want for have, want in zip(features.shape[1:3], size)]
    if not any(extra):
        return features
    return Cropping2D([(each // 2, each - each // 2) for each in extra], dtype=dtype, name=name)(features)


def attention_after(attention, heights, spectral_normalization):
    """Return a function that lets each place of some maps see all others.

    Args:
        attention: int or None. Height of the maps that get a `SelfAttention`, the first of this height; None for none.
        heights: Heights of the maps that could get one, in order.
        spectral_normalization: bool.

    Returns:
        Function of the features and of their place in `heights`; returns the features as they are at other places.

    Raises:
        ValueError: If no maps have this height.
    """
    if attention is not None and attention not in heights:
        raise ValueError(
            f"attention must be None or a height of maps, here one of {sorted(set(heights))}. Received: {attention!r}"
        )
    chosen = None if attention is None else heights.index(attention)

    def attend(features, index):
        if index != chosen:
            return features
        return SelfAttention(spectral_normalization=spectral_normalization, name="attention")(features)

    return attend
