"""How tokens are read from a text."""

import re
from dataclasses import dataclass

from kerasgen.networks.layout.base import written
from kerasgen.networks.layout.limits import MAX_CHARACTERS, MAX_NESTING, MAX_TOKENS, error
from kerasgen.networks.layout.tokens import TOKENS

# Options of TMVA before the layout: `!H:V:VarTransform=N:`.
OPTIONS = re.compile(r"(?:[^:{}]*:)*?(?=\s*LAYOUT\s*=)", re.IGNORECASE | re.ASCII)
# What reads up to a sign or white space.
WORD = re.compile(r"[^\s|,{}=]*")
RATE = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(E[+-]?[0-9]+)?")


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

    def skip_options(self):
        """Go to `Layout=`, past what stands before it in a text of TMVA."""
        options = OPTIONS.match(self.text)
        self.at = options.end() if options else 0

    def half(self, name):
        """Read all of the text: a layout, of which one half is wanted, or a list of tokens."""
        self.skip_options()
        word = self.word()
        self.at = 0
        return getattr(self.layout(), name) if word in ("LAYOUT", "ENCODER", "DECODER") else self.all_tokens()

    def layout(self):
        """Read all of the text, a layout; the options of TMVA on either side of `Layout=` are not looked at."""
        self.skip_options()
        named = self.skip("LAYOUT")
        if named:
            self.take("=", "'=' after Layout")
        halves = []
        for name in ("Encoder", "Decoder"):
            if not self.skip(name.upper()):
                raise self.error(f"{name}={{tokens}}")
            self.take("=", f"'=' after {name}")
            self.take("{", f"'{{' after {name}=")
            halves.append(self.tokens())
            self.take("}", f"',' and a token, or the '}}' of {name}")
        if self.next() and not (named and self.next() == ":"):
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
