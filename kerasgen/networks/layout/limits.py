"""What a layout may ask for, and the error that points at a character of it."""

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
