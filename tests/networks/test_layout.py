"""Networks from layouts: the text, its errors, the mathematics of each token, and the way back to the text."""

import math
import re

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from kerasgen import models, presets
from kerasgen.engine import input_gradient
from kerasgen.networks import layout, mlp
from kerasgen.networks.layout import base, building, limits, tokens

TMVA = "Encoder={RESHAPE|1|1|4|FLAT,DENSE|2|SIGMOID}Decoder={DENSE|4|LINEAR}"
IMAGES = (
    "Encoder={CONV|4|3|3|2|2|1|1|RELU,BNORM,RESIDUAL{CONV|4|3|3|1|1|1|1|TANH,RESIDUAL{DROPOUT|0.1}},RESHAPE|FLAT,"
    "DENSE|2|LINEAR}Decoder={DENSE|16|LEAKYRELU,RESHAPE|4|2|2,TRANSCONV|2|4|4|2|2|1|1|SOFTSIGN,UPSAMPLE|2,"
    "PADDING2D|1|1|1|1,MAXPOOL|3|3|1|1,CONV|1|1|1|1|1|0|0|LINEAR}"
)
# Every token, and every layer that one may need.
EVERYTHING = (
    "PADDING2D|0|1|2|0,CONV|3|2|3|2|1|1|0|GAUSS,TRANSCONV|2|1|3|2|2|0|1|SYMMRELU,UPSAMPLE|2,"
    "RESIDUAL{MAXPOOL|1|1|2|2,BNORM,RESIDUAL{CONV|3|1|1|1|1|0|0|RELU}},RESHAPE|1|1|405|FLAT,DROPOUT|0,"
    "RESIDUAL{DENSE|5|TANH},RESHAPE|5|1|1,RESHAPE|FLAT,DENSE|2|LINEAR"
)
RNG = np.random.default_rng(0)
SETTINGS = {"derandomize": True, "deadline": None, "database": None}


def array(*shape):
    return RNG.standard_normal(shape).astype("float32")


def random_weights(network):
    network.set_weights([array(*weight.shape) for weight in network.weights])
    return network


def outputs(network, inputs):
    return ops.convert_to_numpy(network(ops.convert_to_tensor(inputs)))


def gradient(network, inputs, direction):
    """Of `<direction, network(inputs)>`."""
    direction = ops.convert_to_tensor(direction)
    return ops.convert_to_numpy(input_gradient(lambda x: network(x) * direction, inputs))


# The text.


@pytest.mark.parametrize("text", [TMVA, IMAGES])
def test_round_trip_of_the_text(text):
    read = layout.parse(text)
    assert str(read) == text and layout.parse(str(read)) == read


@pytest.mark.parametrize(
    "text",
    [
        "Layout=" + TMVA,
        TMVA.lower(),
        "LAYOUT = " + TMVA.upper(),
        "\n".join(re.split(r"([|,{}=])", " " + TMVA + "\t")),
        TMVA.replace("|2|", "|002|"),
    ],
)
def test_case_white_space_and_leading_zeros_do_not_matter(text):
    assert str(layout.parse(text)) == TMVA
    assert layout.parse(text) == layout.parse(TMVA) and hash(layout.parse(text)) == hash(layout.parse(TMVA))


@pytest.mark.parametrize(
    "text",
    [
        f"!H:V:Layout={TMVA}:",
        f"H:!V:VarTransform=N:Layout={TMVA}:TrainingStrategy=LearningRate=1e-1,Momentum=0.3|x=3",
        f"v : layout = {TMVA} :",
    ],
)
def test_the_other_options_of_tmva_are_skipped(text):
    assert str(layout.parse(text)) == TMVA
    assert layout.describe(layout.encoder((4,), 2, layout=text)) == "RESHAPE|1|1|4|FLAT,DENSE|2|SIGMOID"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"V:{TMVA}", "Encoder={tokens}, at character 1 "),
        (f"{TMVA}:V", "the end of the text after the decoder, at character 69 "),
        (f"!H:Layout={TMVA};V", "the end of the text after the decoder"),
        (f"!H:Layouts={TMVA}", "Encoder={tokens}, at character 1 "),
        ("!H:Layout=Encoder={DENSE|x}", "a whole number from 1 to .* at character 26 "),
    ],
)
def test_options_without_a_layout_are_errors(text, expected):
    with pytest.raises(ValueError, match=f"Expected {expected}"):
        layout.parse(text)


@pytest.mark.parametrize("shape", [(4,), (1, 4, 1)])
@pytest.mark.parametrize(
    "text",
    [
        TMVA,
        "Encoder={DENSE|3|TANH,DENSE|2|LINEAR}Decoder={DENSE|4|LINEAR,RESHAPE|1|1|4}",
        "Encoder={DROPOUT|0.1,RESIDUAL{BNORM,DENSE|4|TANH},DENSE|2|LINEAR}Decoder={DENSE|4|LINEAR}",
    ],
)
def test_both_forms_of_a_row_are_the_same_network(text, shape):
    """From the same weights the same numbers, and the same text back."""
    made = layout.autoencoder(text, shape)
    plain = layout.autoencoder(text, (4,))
    rows = array(5, 4)
    for network, other in zip(made, plain):
        random_weights(network).set_weights(random_weights(other).get_weights())
    codes = outputs(made[0], rows.reshape(5, *shape))
    np.testing.assert_array_equal(codes, outputs(plain[0], rows))
    decoded = outputs(made[1], codes)
    assert decoded.shape == (5, *shape)
    np.testing.assert_array_equal(decoded.reshape(5, 4), outputs(plain[1], codes))
    assert "Encoder={{{}}}Decoder={{{}}}".format(*map(layout.describe, made)) == text


def test_a_row_with_heads():
    encoder, _ = layout.autoencoder("Encoder={DENSE|2|LINEAR}Decoder={DENSE|4|LINEAR}", (1, 4, 1), "gaussian")
    assert encoder.output_shape == [(None, 2), (None, 2)] and layout.describe(encoder) == "DENSE|2|LINEAR"


def test_tokens_have_named_arguments():
    reshape, dense = layout.parse(TMVA).encoder
    assert reshape == tokens.Reshape(depth=1, height=1, width=4, flat=True)
    assert dense == tokens.Dense(units=2, activation="SIGMOID")
    assert layout.parse(layout.Layout((reshape, dense), (tokens.Dense(4, "LINEAR"),))) == layout.parse(TMVA)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("0", "0"), (".5", "0.5"), ("0.250", "0.25"), ("1e-7", "1E-07"), ("1e-999", "0"), ("00.5", "0.5")],
)
def test_rates(text, rate):
    assert str(layout.parse(f"Encoder={{DROPOUT|{text}}}Decoder={{BNORM}}").encoder[0]) == f"DROPOUT|{rate}"


sizes = st.integers(1, limits.MAX_SIZE)
margins = st.integers(0, limits.MAX_SIZE)
units = st.integers(1, limits.MAX_UNITS)
values = st.integers(1, limits.MAX_VALUES)
activations = st.sampled_from(sorted(base.ACTIVATIONS))
leaves = st.one_of(
    st.builds(tokens.Dense, units, activations),
    st.builds(tokens.Conv, units, sizes, sizes, sizes, sizes, margins, margins, activations),
    st.builds(tokens.TransConv, units, sizes, sizes, sizes, sizes, margins, margins, activations),
    st.builds(tokens.MaxPool, sizes, sizes, sizes, sizes),
    st.builds(tokens.Reshape, values, values, values, st.booleans()),
    st.just(tokens.Reshape(flat=True)),
    st.builds(tokens.Padding2D, margins, margins, margins, margins),
    st.just(tokens.BNorm()),
    st.just(tokens.SyncBNorm()),
    st.builds(tokens.Dropout, st.floats(0, 1, exclude_max=True)),
    st.builds(tokens.UpSample, sizes),
)


def lists(tokens):
    return st.lists(tokens, min_size=1, max_size=4).map(tuple)


nested = lists(leaves | st.builds(tokens.Residual, lists(leaves)))
layouts = st.builds(layout.Layout, *[lists(leaves | st.builds(tokens.Residual, nested))] * 2)


@hypothesis.settings(max_examples=150, **SETTINGS)
@hypothesis.given(layouts, st.randoms(use_true_random=False))
def test_round_trip_of_any_text(read, random):
    text = str(read)
    assert text == re.sub(r"\s", "", text) and layout.parse(text) == read and str(layout.parse(text)) == text

    def space(match):
        return random.choice(["", " ", "\n\t"]) + match.group() + random.choice(["", "  "])

    sloppy = "".join(random.choice([sign.lower(), sign.upper()]) for sign in re.sub(r"[|,{}=]|$", space, text))
    assert layout.parse("Layout=" + sloppy) == read


# Errors.


def assert_points(error, text, at, expected, received):
    """That an error shows a text that fits a line, with a caret under one character, and what was expected there."""
    lines = str(error).split("\n")
    assert len(lines) == 4
    assert re.search(expected, lines[0]) and lines[0].endswith(f", at character {at + 1} of the layout:")
    assert lines[1:3] == ["    " + text, "    " + " " * at + "^"]
    assert re.fullmatch(f"Received: {received}", lines[3])


@pytest.mark.parametrize(
    ("marked", "expected", "received"),
    [
        # The wrong character is the one after the mark.
        ("§", r"Encoder=\{tokens\}", "the end of the text"),
        ("  §", r"Encoder=\{tokens\}", "the end of the text"),
        ("Layout§", "'=' after Layout", "the end of the text"),
        ("Layout=§Layout=Encoder={BNORM}", r"Encoder=\{tokens\}", "'Layout'"),
        ("§DENSE|2|RELU", r"Encoder=\{tokens\}", "'DENSE'"),
        ("§Decoder={BNORM}Encoder={BNORM}", r"Encoder=\{tokens\}", "'Decoder'"),
        ("Encoder§{BNORM}", "'=' after Encoder", "'{'"),
        ("Encoder=§BNORM}", "'{' after Encoder=", "'BNORM'"),
        ("Encoder={§}Decoder={BNORM}", r"a token \(DENSE, CONV, .*RESIDUAL\)", "'}'"),
        ("Encoder={BNORM,§}Decoder={BNORM}", r"a token \(DENSE", "'}'"),
        ("Encoder={BNORM,§,BNORM}Decoder={BNORM}", r"a token \(DENSE", "','"),
        ("Encoder={§DENS|2|RELU}Decoder={BNORM}", r"a token \(DENSE", "'DENS'"),
        ("Encoder={§DEN\u017fE|2|RELU}Decoder={BNORM}", r"a token \(DENSE", "'DEN\u017fE'"),
        ("Encoder={§BNORM;BNORM}Decoder={BNORM}", "a token", "'BNORM;BNORM'"),
        ("Encoder={BNORM§", "',' and a token, or the '}' of Encoder", "the end of the text"),
        ("Encoder={BNORM §BNORM}Decoder={BNORM}", "',' and a token, or the '}' of Encoder", "'BNORM'"),
        ("Encoder={BNORM§|1}Decoder={BNORM}", "',' and a token, or the '}' of Encoder", r"'\|'"),
        ("Encoder={BNORM}§", r"Decoder=\{tokens\}", "the end of the text"),
        ("Encoder={BNORM}§,Decoder={BNORM}", r"Decoder=\{tokens\}", "','"),
        ("Encoder={BNORM}Decoder={BNORM§", "',' and a token, or the '}' of Decoder", "the end of the text"),
        ("Encoder={BNORM}Decoder={BNORM}§}", "the end of the text after the decoder", "'}'"),
        ("Encoder={BNORM}Decoder={BNORM} §x", "the end of the text after the decoder", "'x'"),
        # Arguments.
        ("Encoder={DENSE§}Decoder={BNORM}", r"'\|' and the units of DENSE\|units\|activation", "'}'"),
        ("Encoder={DENSE|2§,BNORM}Decoder={BNORM}", r"'\|' and the activation of DENSE", "','"),
        ("Encoder={DENSE|§|RELU}Decoder={BNORM}", "a whole number from 1 to 100,000, the units", r"'\|'"),
        ("Encoder={DENSE|§x|RELU}Decoder={BNORM}", "a whole number", "'x'"),
        ("Encoder={DENSE|§0|RELU}Decoder={BNORM}", "a whole number from 1 ", "'0'"),
        ("Encoder={DENSE|§-2|RELU}Decoder={BNORM}", "a whole number", "'-2'"),
        ("Encoder={DENSE|§+2|RELU}Decoder={BNORM}", "a whole number", r"'\+2'"),
        ("Encoder={DENSE|§2.0|RELU}Decoder={BNORM}", "a whole number", "'2.0'"),
        ("Encoder={DENSE|§1e1|RELU}Decoder={BNORM}", "a whole number", "'1e1'"),
        ("Encoder={DENSE|§1_0|RELU}Decoder={BNORM}", "a whole number", "'1_0'"),
        ("Encoder={DENSE|§٣|RELU}Decoder={BNORM}", "a whole number", "'٣'"),
        ("Encoder={DENSE|§²|RELU}Decoder={BNORM}", "a whole number", "'²'"),
        ("Encoder={DENSE|§100001|RELU}Decoder={BNORM}", "a whole number from 1 to 100,000", "'100001'"),
        ("Encoder={DENSE|2|§RELUU}Decoder={BNORM}", "one of LINEAR, RELU, .*, the activation", "'RELUU'"),
        ("Encoder={DENSE|2|§}Decoder={BNORM}", "one of LINEAR", "'}'"),
        ("Encoder={DENSE|2|RELU§|3}Decoder={BNORM}", "',' and a token", r"'\|'"),
        ("Encoder={CONV|§0|3|3|1|1|0|0|RELU}", "whole number from 1 .*the filters of CONV", "'0'"),
        ("Encoder={CONV|2|3|§1001|1|1|0|0|RELU}", "from 1 to 1,000, the kernel_width of CONV", "'1001'"),
        ("Encoder={CONV|2|3|3|§0|1|0|0|RELU}", "from 1 to 1,000, the stride_height", "'0'"),
        ("Encoder={CONV|2|3|3|1|1|0|§-1|RELU}", "from 0 to 1,000, the padding_width", "'-1'"),
        ("Encoder={TRANSCONV|2|3|3|1|1|0|0§}", "and the activation of TRANSCONV", "'}'"),
        ("Encoder={MAXPOOL|2|2§}", "and the stride_height of MAXPOOL", "'}'"),
        ("Encoder={PADDING2D|1|1|1|§1.5}", "from 0 to 1,000, the right of PADDING2D", "'1.5'"),
        ("Encoder={UPSAMPLE|§0}", "from 1 to 1,000, the factor of UPSAMPLE", "'0'"),
        ("Encoder={RESHAPE§}", r"'\|' and the depth, or FLAT, of RESHAPE", "'}'"),
        ("Encoder={RESHAPE|§FLAP}", r"a whole number .*the depth \(or FLAT\) of RESHAPE", "'FLAP'"),
        ("Encoder={RESHAPE|FLAT§|1|1|1}", "',' and a token", r"'\|'"),
        ("Encoder={RESHAPE|1|1§}", "and the width of RESHAPE", "'}'"),
        ("Encoder={RESHAPE|1|1|1| §1}", "FLAT, or the end", "'1'"),
        ("Encoder={RESHAPE|1|§100000001|1}", "from 1 to 100,000,000, the height", "'100000001'"),
        ("Encoder={DROPOUT|§nan}", r"a number from 0 to below 1, the rate of DROPOUT\|rate", "'nan'"),
        ("Encoder={DROPOUT|§inf}", "a number from 0", "'inf'"),
        ("Encoder={DROPOUT|§1}", "a number from 0", "'1'"),
        ("Encoder={DROPOUT|§1e999}", "a number from 0", "'1e999'"),
        ("Encoder={DROPOUT|§-0.1}", "a number from 0", "'-0.1'"),
        ("Encoder={DROPOUT|§.}", "a number from 0", "'.'"),
        ("Encoder={DROPOUT|§\u0660.\u0665}", "a number from 0", "'\u0660.\u0665'"),
        ("Encoder={RESIDUAL§,BNORM}", r"'\{' of RESIDUAL\{tokens\}", "','"),
        ("Encoder={RESIDUAL{§}}", "a token", "'}'"),
        ("Encoder={RESIDUAL{BNORM§", r"'}' of RESIDUAL\{tokens\}", "the end of the text"),
        ("Encoder={RESIDUAL{BNORM}§", "'}' of Encoder", "the end of the text"),
    ],
)
def test_a_wrong_text_is_pointed_at(marked, expected, received):
    text = marked.replace("§", "")
    with pytest.raises(ValueError) as caught:
        layout.parse(text)
    assert_points(caught.value, text, marked.index("§"), expected, received)


def test_a_long_text_is_shown_in_a_window_of_one_line():
    text = "Encoder={" + "BNORM,\n" * 20 + "NORM,\x00" + "BNORM," * 20
    with pytest.raises(ValueError) as caught:
        layout.parse(text)
    at = text.index("NORM,\x00")
    lines = str(caught.value).split("\n")
    assert len(lines) == 4 and lines[0].endswith(f"character {at + 1} of the layout:")
    assert lines[1].startswith("    ...") and lines[1].endswith("...") and len(lines[1]) < 120
    shown = text[at - 50 : at + 50].replace("\n", " ").replace("\x00", "?")
    assert lines[1].strip(" .") == shown.strip() and lines[1][lines[2].index("^") :].startswith("NORM,?")


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("A" * 20_001, 20_000, "at most 20,000 characters"),
        ("9" * 1_000_000, 20_000, "at most 20,000 characters"),
        ("Encoder={DENSE|" + "9" * 9_000 + "|RELU}", 15, "a whole number from 1 to 100,000"),
        ("Encoder={DENSE|" + "0" * 9_000 + "|RELU}", 15, "a whole number from 1 to 100,000"),
        ("Encoder={DROPOUT|" + "9" * 9_000 + "}", 17, "a number from 0 to below 1"),
        ("Encoder={" + "RESIDUAL{" * 1_000, 9 + 8 * 9, "RESIDUAL nested at most 8 deep"),
        ("Encoder={" + "BNORM," * 1_000, 9 + 200 * 6, "at most 200 tokens"),
        ("Encoder={" + "BNORM," * 149 + "BNORM}Decoder={" + "RESIDUAL{BNORM}," * 50, 1318, "at most 200 tokens"),
    ],
)
def test_limits_of_a_text(text, at, expected):
    with pytest.raises(ValueError, match=f"^Expected {expected}.*, at character {at + 1} of the layout:") as caught:
        layout.parse(text)
    assert len(str(caught.value)) < 500


def test_the_largest_layout_has_a_canonical_text():
    longest = ",TRANSCONV|100000" + "|1000" * 6 + "|LEAKYRELU"
    tokens = "RESIDUAL{" * 8 + "DROPOUT|1e-300" + "}" * 8 + longest * 91
    read = layout.parse(f"Encoder={{{tokens}}}Decoder={{{tokens}}}")
    assert layout.parse(str(read)) == read


@pytest.mark.parametrize("text", [None, 3, b"Encoder={BNORM}Decoder={BNORM}", ["BNORM"]])
def test_a_layout_is_a_text(text):
    for build in (layout.parse, lambda text: layout.network(text, (4,)), lambda text: layout.autoencoder(text, (4,))):
        with pytest.raises(ValueError, match=r"A layout is a text.*Received: "):
            build(text)


@pytest.mark.parametrize(
    ("marked", "shape", "expected", "received"),
    [
        ("§DENSE|2|RELU", (8, 8, 1), r"a vector for DENSE \(put RESHAPE\|FLAT", r"\(8, 8, 1\)"),
        ("BNORM,§conv|1|1|1|1|1|0|0|RELU", (8,), r"maps for CONV \(put RESHAPE\|depth", r"\(8,\)"),
        ("§TRANSCONV|1|1|1|1|1|0|0|RELU", (8,), "maps for TRANSCONV", r"\(8,\)"),
        ("§MAXPOOL|1|1|1|1", (8,), "maps for MAXPOOL", r"\(8,\)"),
        ("§UPSAMPLE|2", (8,), "maps for UPSAMPLE", r"\(8,\)"),
        ("§PADDING2D|1|1|1|1", (8,), "maps for PADDING2D", r"\(8,\)"),
        ("RESIDUAL{BNORM, §UPSAMPLE|2}", (8,), "maps for UPSAMPLE", r"\(8,\)"),
        (
            "§CONV|1|7|3|1|1|1|0|RELU",
            (4, 8, 1),
            r"hold a kernel of \(7, 3\), with a padding of \(1, 0\)",
            r"\(4, 8, 1\)",
        ),
        ("§MAXPOOL|2|9|1|1", (8, 8, 1), r"hold a window of \(2, 9\)", r"\(8, 8, 1\)"),
        (
            "§TRANSCONV|1|3|3|2|2|0|5|RELU",
            (4, 4, 1),
            r"kernel of \(3, 3\), strides of \(2, 2\) and a padding of \(0, 5\)",
            r"\(4, 4, 1\), of which it leaves \(9, -1\)",
        ),
        ("§RESHAPE|1|8|9", (8, 8, 1), r"72 values for RESHAPE\|1\|8\|9", r"\(8, 8, 1\), 64 values"),
        ("§RESHAPE|1|8|9|FLAT", (8, 8, 1), r"72 values for RESHAPE\|1\|8\|9\|FLAT", r"\(8, 8, 1\), 64 values"),
        ("§RESIDUAL{UPSAMPLE|2}", (4, 4, 1), "RESIDUAL", r"\(4, 4, 1\) before and \(8, 8, 1\) after them"),
        # 7 = ceil(10 / s) for no s.
        (
            "§RESIDUAL{CONV|1|4|1|1|1|0|0|TANH}",
            (10, 4, 1),
            "RESIDUAL",
            r"\(10, 4, 1\) before and \(7, 4, 1\) after them",
        ),
        ("§RESIDUAL{RESHAPE|FLAT}", (4, 4, 1), "RESIDUAL", r"\(4, 4, 1\) before and \(16,\) after them"),
        ("UPSAMPLE|1000,§UPSAMPLE|1000", (8, 8, 1), "at most 100,000,000 values", r"\(8000000, 8000000, 1\)"),
        ("§CONV|1|1|1|1|1|1000|1000|RELU", (8, 8, 30), "at most 100,000,000 values", r"\(2008, 2008, 30\)"),
        ("§TRANSCONV|30|1|1|999|999|1000|1000|RELU", (8, 8, 1), "at most 100,000,000 values", r"\(7992, 7992, 30\)"),
        ("DENSE|100000|TANH,§DENSE|1000|TANH", (1,), "at most 100,000,000 weights", "100,201,000 up to this token"),
        ("§CONV|10|1000|1000|1|1|1000|1000|TANH", (1, 1, 11), "at most 100,000,000 weights", "110,000,010 up to .*"),
        ("§RESIDUAL{DENSE|10000|TANH}", (9999,), "at most 100,000,000 weights", "199,990,000 up to this token"),
    ],
)
def test_a_token_that_does_not_fit_is_pointed_at_before_anything_is_made(
    marked, shape, expected, received, monkeypatch
):
    text = marked.replace("§", "")
    monkeypatch.setattr(keras.layers.Layer, "__init__", None)
    with pytest.raises(ValueError) as caught:
        layout.network(text, shape)
    assert_points(caught.value, text, marked.index("§"), expected, received)


@pytest.mark.parametrize(
    ("marked", "shape", "posterior", "expected", "received"),
    [
        (
            "Encoder={§BNORM}Decoder={BNORM}",
            (2, 2, 1),
            None,
            r"vector of latents \(add RESHAPE\|FLAT\)",
            r"BNORM, .*\(2, 2, 1\)",
        ),
        (
            "Encoder={§DENSE|2|TANH}Decoder={BNORM}",
            (4,),
            "gaussian",
            r"DENSE\|units\|LINEAR as the last",
            r"DENSE\|2\|TANH, .*",
        ),
        (
            "Encoder={DENSE|2|LINEAR,§BNORM}Decoder={BNORM}",
            (4,),
            "gaussian",
            r"DENSE\|units\|LINEAR as the last",
            "BNORM, .*",
        ),
    ],
)
def test_wrong_ends(marked, shape, posterior, expected, received):
    text = marked.replace("§", "")
    with pytest.raises(ValueError) as caught:
        layout.autoencoder(text, shape, posterior)
    assert_points(caught.value, text, marked.index("§"), expected, received)


@pytest.mark.parametrize(
    ("end", "shape", "remedy"),
    [
        ("DENSE|24|LINEAR", (2, 4, 3), r" \(add RESHAPE\|3\|2\|4\)"),
        ("RESHAPE|2|1|1", (2,), r" \(add RESHAPE\|FLAT\)"),
        ("DENSE|23|LINEAR", (2, 4, 3), ""),
        ("RESHAPE|2|1|1", (2, 4, 3), ""),
    ],
)
def test_a_decoder_must_give_the_shape_of_the_images(end, shape, remedy):
    text = f"BNORM,{end}"
    given = layout.network(text, (2,)).output_shape[1:]
    with pytest.raises(ValueError) as caught:
        layout.decoder(shape, 2, layout=text)
    expected = f"a decoder to end in the images' shape {re.escape(str(shape))}{remedy},"
    assert_points(caught.value, text, 6, expected, re.escape(f"{end}, which gives {given}"))
    if remedy:
        added = re.search(r"add (.*)\)$", remedy.replace("\\", "")).group(1)
        assert layout.decoder(shape, 2, layout=f"{text},{added}").output_shape == (None, *shape)


def test_latents_must_be_as_many_as_asked_for():
    assert layout.encoder((4,), 2, layout=TMVA).output_shape == (None, 2)
    with pytest.raises(ValueError, match=r"end in latent_dim=3 values, at character 29(.|\n)*Received: .*\(2,\)$"):
        layout.encoder((4,), 3, layout=TMVA)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: layout.autoencoder(TMVA, (4, 4)), r"image_shape .*Received: \(4, 4\)"),
        (lambda: layout.autoencoder(TMVA, 4), "image_shape .*Received: 4"),
        (lambda: layout.autoencoder(TMVA, (4,), "laplace"), "posterior .*gaussian.*Received: 'laplace'"),
        (lambda: layout.encoder((4,), 0, layout="DENSE|2|TANH"), "latent_dim .*Received: 0"),
        (lambda: layout.decoder((4,), None, layout="DENSE|4|LINEAR"), "latent_dim .*Received: None"),
        (lambda: layout.decoder((4, 4), 2, layout="DENSE|4|LINEAR"), r"image_shape .*Received: \(4, 4\)"),
        (lambda: layout.network("BNORM", (4, 4)), r"input_shape .*Received: \(4, 4\)"),
        (lambda: layout.network("BNORM", (0,)), r"input_shape .*Received: \(0,\)"),
        (lambda: layout.network(TMVA, (4,)), "Expected a token .*at character 1 of"),
        (lambda: layout.autoencoder("DENSE|2|TANH", (4,)), r"Expected Encoder=\{tokens\}, at character 1 of"),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


SIGNS = "0123456789|,{}=. -éΩ٣\n" + "".join(tokens.TOKENS) + "".join(base.ACTIVATIONS) + "FLATfl"


@st.composite
def mutated(draw):
    """A valid layout, in which some pieces are lost, doubled or replaced."""
    text = draw(st.sampled_from([TMVA, IMAGES]))
    for _ in range(draw(st.integers(1, 3))):
        first = draw(st.integers(0, len(text)))
        last = draw(st.integers(first, min(len(text), first + 12)))
        piece = draw(st.text(SIGNS, max_size=3) | st.sampled_from(["", text[first:last] * 2, *tokens.TOKENS]))
        text = text[:first] + piece + text[last:]
    return text


# A deadline of seconds, for what takes less than a millisecond: no text may hang.
@hypothesis.settings(max_examples=250, **SETTINGS | {"deadline": 5_000})
@hypothesis.given(st.text() | st.text(SIGNS) | mutated() | st.text(SIGNS).map("Encoder={{{}".format))
def test_any_text_is_a_layout_or_an_error(text):
    try:
        read = layout.parse(text)
    except ValueError as error:
        lines = str(error).split("\n")
        assert len(lines) == 4 and lines[2].strip() == "^" and lines[3].startswith("Received: ")
        assert len(str(error)) < 500 and str(error).encode()
    else:
        assert layout.parse(str(read)) == read


@hypothesis.settings(max_examples=60, **SETTINGS)
@hypothesis.given(mutated(), st.sampled_from([(4,), (8, 8, 1)]))
def test_any_text_is_built_or_an_error(text, shape):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "MAX_WEIGHTS", 2_000)
        patch.setattr(building, "MAX_VALUES", 2_000)
        try:
            networks = layout.autoencoder(text, shape)
        except ValueError as error:
            assert len(str(error).split("\n")) == 4
        else:
            assert str(layout.parse(text)) == "Encoder={{{}}}Decoder={{{}}}".format(*map(layout.describe, networks))


@pytest.mark.parametrize("limit", ["MAX_WEIGHTS", "MAX_VALUES"])
@pytest.mark.usefixtures("zero_weights")
def test_what_is_counted_before_is_what_is_made(limit, monkeypatch):
    def build(text):
        return layout.encoder((8, 8, 1), 2, layout=text, posterior="gaussian")

    for end in ("", ",BNORM,DENSE|2|LINEAR"):
        text = EVERYTHING + end
        made = build(text)
        tensors = [math.prod(layer.output.shape[1:]) for layer in made.layers]
        count = {"MAX_WEIGHTS": made.count_params(), "MAX_VALUES": max(tensors)}[limit]
        monkeypatch.setattr(building, limit, count)
        build(text)
        monkeypatch.setattr(building, limit, count - 1)
        with pytest.raises(ValueError, match=f"at most {count - 1:,} "):
            build(text)
        monkeypatch.undo()


# The mathematics, against matrices of loops.


def convolution_matrix(kernel, size, strides, padding):
    """The matrix of a convolution without bias, from maps `(height, width, channels)` to maps, both flattened."""
    *window, channels, filters = kernel.shape
    places = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, window, strides, padding)]
    matrix = np.zeros((*places, filters, *size, channels))
    for place in np.ndindex(*places):
        for offset in np.ndindex(*window):
            row, column = (i * s + a - p for i, s, a, p in zip(place, strides, offset, padding))
            if 0 <= row < size[0] and 0 <= column < size[1]:
                matrix[(*place, slice(None), row, column)] += kernel[offset].T
    return matrix.reshape(math.prod(places) * filters, -1), (*places, filters)


def geometry(kind, size, filters, kernel, strides, padding, activation="LINEAR"):
    """A network of one token on maps of two channels, with random weights."""
    numbers = "|".join(map(str, (filters, *kernel, *strides, *padding)))
    return random_weights(layout.network(f"{kind}|{numbers}|{activation}", (*size, 2)))


def assert_linear_map(network, matrix, bias, shape):
    """That a network is `x -> matrix x + bias`, and its gradient the transposed matrix."""
    images = array(3, *network.input_shape[1:])
    direction = array(3, *shape)
    expected = (images.reshape(3, -1) @ matrix.T).reshape(3, *shape) + bias
    assert network.output_shape[1:] == shape
    np.testing.assert_allclose(outputs(network, images), expected, rtol=1e-4, atol=1e-4)
    expected = (direction.reshape(3, -1) @ matrix).reshape(images.shape)
    np.testing.assert_allclose(gradient(network, images, direction), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "kernel", "strides", "padding"),
    [
        ((5, 6), (3, 2), (2, 1), (1, 0)),
        ((6, 5), (3, 3), (2, 2), (1, 1)),  # Some rows are seen by no kernel.
        ((7, 8), (1, 2), (3, 4), (0, 0)),
        ((4, 5), (2, 1), (3, 2), (1, 2)),
        ((3, 3), (5, 4), (1, 3), (2, 1)),
        ((2, 3), (2, 2), (1, 1), (3, 2)),
    ],
)
def test_a_convolution_is_its_matrix(size, kernel, strides, padding):
    network = geometry("CONV", size, 3, kernel, strides, padding)
    weights, bias = network.get_weights()
    matrix, shape = convolution_matrix(weights, size, strides, padding)
    assert_linear_map(network, matrix, bias, shape)


@pytest.mark.parametrize(
    ("size", "kernel", "strides", "padding"),
    [
        ((3, 2), (4, 4), (2, 2), (1, 1)),
        ((3, 4), (3, 2), (2, 1), (1, 0)),
        ((3, 2), (1, 2), (3, 4), (0, 0)),  # Between kernels there is the bias alone.
        ((3, 3), (2, 1), (3, 2), (1, 2)),
        ((2, 4), (5, 4), (1, 3), (2, 1)),
        ((3, 4), (2, 2), (2, 2), (2, 3)),
        ((1, 1), (3, 1), (4, 5), (1, 0)),
    ],
)
def test_a_transposed_convolution_is_the_transposed_matrix(size, kernel, strides, padding):
    network = geometry("TRANSCONV", size, 3, kernel, strides, padding)
    weights, bias = network.get_weights()
    large = tuple((n - 1) * s - 2 * p + k for n, k, s, p in zip(size, kernel, strides, padding))
    # Of the convolution that leads back: from these sizes and three channels to the input.
    matrix, shape = convolution_matrix(weights, large, strides, padding)
    assert shape == network.input_shape[1:]
    assert_linear_map(network, matrix.T, bias, (*large, 3))


def test_paddings_do_not_mix():
    """Padding with four margins before a convolution with its own is the convolution of a larger matrix."""
    network = random_weights(layout.network("PADDING2D|2|0|1|3,CONV|2|3|2|2|1|1|0|LINEAR", (4, 3, 2)))
    weights, bias = network.get_weights()
    matrix, shape = convolution_matrix(weights, (6, 7), (2, 1), (1, 0))
    places = np.pad(np.arange(24).reshape(4, 3, 2), ((2, 0), (1, 3), (0, 0)), constant_values=-1).reshape(-1)
    columns = [int(np.flatnonzero(places == index)[0]) for index in range(24)]
    assert_linear_map(network, matrix[:, columns], bias, shape)


@pytest.mark.parametrize("margins", [(1, 0, 2, 3), (0, 0, 0, 1), (0, 0, 0, 0)])
def test_padding_adds_zeros(margins):
    top, bottom, left, right = margins
    network = layout.network("PADDING2D|" + "|".join(map(str, margins)), (3, 4, 2))
    images = array(2, 3, 4, 2)
    padded = np.pad(images, ((0, 0), (top, bottom), (left, right), (0, 0)))
    np.testing.assert_array_equal(outputs(network, images), padded)
    direction = array(*padded.shape)
    inner = direction[:, top : top + 3, left : left + 4]
    np.testing.assert_array_equal(gradient(network, images, direction), inner)


def test_pooling_upsampling_and_reshaping():
    images = array(2, 5, 7, 3)
    pooled = outputs(layout.network("MAXPOOL|2|3|3|1", (5, 7, 3)), images)
    assert pooled.shape == (2, 2, 5, 3)
    for i, j in np.ndindex(2, 5):
        np.testing.assert_array_equal(pooled[:, i, j], images[:, 3 * i : 3 * i + 2, j : j + 3].max(axis=(1, 2)))
    large = outputs(layout.network("UPSAMPLE|3", (5, 7, 3)), images)
    np.testing.assert_array_equal(large, images.repeat(3, axis=1).repeat(3, axis=2))
    maps = outputs(layout.network("RESHAPE|7|3|5", (5, 7, 3)), images)
    np.testing.assert_array_equal(maps, images.reshape(2, 3, 5, 7))
    for text in ("RESHAPE|FLAT", "RESHAPE|7|3|5|FLAT"):
        np.testing.assert_array_equal(outputs(layout.network(text, (5, 7, 3)), images), images.reshape(2, -1))


def softened(x):
    return x / (1 + np.abs(x))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("LINEAR", lambda x: x),
        ("RELU", lambda x: np.maximum(x, 0)),
        ("LEAKYRELU", lambda x: np.where(x > 0, x, 0.2 * x)),
        ("SIGMOID", lambda x: 1 / (1 + np.exp(-x))),
        ("TANH", np.tanh),
        ("SYMMRELU", np.abs),
        ("SOFTSIGN", softened),
        ("GAUSS", lambda x: np.exp(-(x**2))),
    ],
)
def test_activations(name, function):
    values = array(4, 3)
    dense = random_weights(layout.network(f"DENSE|5|{name}", (3,)))
    kernel, bias = dense.get_weights()
    np.testing.assert_allclose(outputs(dense, values), function(values @ kernel + bias), rtol=1e-5, atol=1e-5)
    for kind in ("CONV", "TRANSCONV"):
        network = geometry(kind, (3, 3), 2, (1, 2), (2, 2), (0, 0), name)
        plain = geometry(kind, (3, 3), 2, (1, 2), (2, 2), (0, 0))
        plain.set_weights(network.get_weights())
        images = array(2, 3, 3, 2)
        np.testing.assert_allclose(outputs(network, images), function(outputs(plain, images)), rtol=1e-5, atol=1e-5)


def test_dropout_is_the_rate_of_what_is_dropped():
    network = layout.network("DROPOUT|0.9", (1000,))
    ones = ops.ones((4, 1000))
    kept = ops.convert_to_numpy(network(ones, training=True))
    assert 0.05 < (kept > 0).mean() < 0.15
    np.testing.assert_array_equal(outputs(network, ones), 1)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("RESIDUAL{DENSE|7|RELU,DENSE|5|LINEAR}", (5,)),
        ("RESIDUAL{CONV|2|3|3|1|1|1|1|RELU,RESIDUAL{CONV|2|1|1|1|1|0|0|TANH}}", (4, 3, 2)),
        ("RESIDUAL{DENSE|5|SYMMRELU,DROPOUT|0.5,RESIDUAL{RESIDUAL{DENSE|5|LINEAR}}}", (5,)),
    ],
)
def test_a_residual_block_with_zero_weights_is_the_identity(text, shape):
    network = layout.network(text, shape)
    network.set_weights([np.zeros_like(weight) for weight in network.get_weights()])
    images = array(2, *shape)
    np.testing.assert_array_equal(outputs(network, images), images)


def test_a_residual_block_on_vectors_adds_a_projection():
    network = random_weights(layout.network("RESIDUAL{DENSE|4|TANH}", (3,)))
    kernel, bias = (ops.convert_to_numpy(weight) for weight in network.get_layer("1_residual_1_dense").weights)
    (shortcut,) = (ops.convert_to_numpy(weight) for weight in network.get_layer("1_residual_shortcut").weights)
    values = array(2, 3)
    expected = np.tanh(values @ kernel + bias) + values @ shortcut
    np.testing.assert_allclose(outputs(network, values), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("inner", "size", "strides"),
    [
        ("CONV|3|3|3|2|1|1|1|TANH", (7, 4), (2, 1)),
        ("CONV|3|3|3|3|2|1|1|TANH", (7, 4), (3, 2)),
        ("CONV|3|1|1|1|1|0|0|TANH", (3, 3), (1, 1)),
        ("CONV|3|3|3|1|1|1|1|TANH,MAXPOOL|2|2|2|2", (6, 8), (2, 2)),
    ],
)
def test_a_residual_block_on_maps_adds_a_projection_with_the_stride_that_fits(inner, size, strides):
    network = random_weights(layout.network(f"RESIDUAL{{{inner}}}", (*size, 2)))
    chain = layout.network(inner, (*size, 2))
    chain.set_weights(network.get_weights()[:2])
    (kernel,) = (ops.convert_to_numpy(weight) for weight in network.get_layer("1_residual_shortcut").weights)
    assert kernel.shape == (1, 1, 2, 3)
    images = array(2, *size, 2)
    expected = outputs(chain, images) + images[:, :: strides[0], :: strides[1]] @ kernel[0, 0]
    np.testing.assert_allclose(outputs(network, images), expected, rtol=1e-4, atol=1e-4)


# From text to networks, and back.


@pytest.mark.parametrize(
    ("text", "shape"), [(TMVA, (4,)), (IMAGES, (8, 8, 1)), (f"Encoder={{{EVERYTHING}}}Decoder={{BNORM}}", None)]
)
@pytest.mark.usefixtures("zero_weights")
def test_round_trip_of_networks(text, shape):
    if shape is None:
        networks = layout.encoder((8, 8, 1), 2, layout=text), layout.network("BNORM", (2,))
    else:
        networks = layout.autoencoder(text, shape)
    assert "Encoder={{{}}}Decoder={{{}}}".format(*map(layout.describe, networks)) == text


@pytest.mark.parametrize("text", [EVERYTHING, "RESHAPE|FLAT,DENSE|2|LINEAR"])
@pytest.mark.parametrize("posterior", [None, "gaussian"])
def test_saved_networks(text, posterior, tmp_path):
    network = random_weights(layout.encoder((8, 8, 1), 2, layout=text, posterior=posterior))
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert layout.describe(loaded) == layout.describe(network) == text
    images = ops.convert_to_tensor(array(2, 8, 8, 1))
    for before, after in zip(keras.tree.flatten(network(images)), keras.tree.flatten(loaded(images))):
        np.testing.assert_array_equal(ops.convert_to_numpy(before), ops.convert_to_numpy(after))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("PADDING2D|1|1|2|2,CONV|1|3|5|1|1|0|0|RELU", (8, 8, 1)),
        ("CONV|1|3|5|1|1|1|2|RELU", (8, 8, 1)),
        ("PADDING2D|0|0|0|0,CONV|1|3|5|1|1|1|2|RELU", (8, 8, 1)),
        ("TRANSCONV|1|1|1|2|2|0|0|RELU", (8, 8, 1)),
        ("TRANSCONV|1|1|1|2|2|1|0|RELU", (8, 8, 1)),
        ("RESHAPE|FLAT", (8, 8, 1)),
        ("RESHAPE|1|8|8|FLAT", (8, 8, 1)),
        ("RESHAPE|1|8|8", (8, 8, 1)),
        ("RESHAPE|FLAT", (4,)),
        ("DROPOUT|0", (4,)),
        ("UPSAMPLE|1", (8, 8, 1)),
    ],
)
@pytest.mark.usefixtures("zero_weights")
def test_what_gives_the_same_is_told_apart(text, shape):
    assert layout.describe(layout.network(text, shape)) == text


def sequential(*layers):
    return keras.Sequential([keras.Input((4,)), *layers])


@pytest.mark.parametrize(
    "build",
    [
        lambda: mlp.encoder((4,), 2),
        lambda: sequential(keras.layers.Dense(2)),
        lambda: sequential(keras.layers.Dense(2, name="1_conv")),
        lambda: sequential(keras.layers.Dense(2, "gelu", name="1_dense")),
        lambda: sequential(keras.layers.Dense(2, name="1_dense"), keras.layers.Dense(2, name="3_dense")),
        lambda: sequential(keras.layers.Dense(2, name="1_dense"), keras.layers.Dense(2, name="logits")),
        lambda: sequential(keras.layers.Activation("relu", name="1_residual")),
        lambda: keras.Sequential([keras.layers.Dense(2, name="1_dense")]),
        lambda: keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3, name="1_conv")]),
        lambda: models.Autoencoder(*layout.autoencoder(TMVA, (4,))),
        lambda: keras.layers.Dense(2),
        lambda: "DENSE|2|TANH",
    ],
)
def test_other_networks_have_no_layout(build):
    with pytest.raises(ValueError, match=r"describe reads networks that kerasgen.networks.layout built.*Received: "):
        layout.describe(build())


@pytest.mark.usefixtures("zero_weights")
def test_names():
    encoder, decoder = layout.autoencoder(IMAGES, (8, 8, 1), posterior="gaussian")
    assert (encoder.name, decoder.name) == ("encoder", "decoder")
    assert [each.name for each in (*encoder.inputs, *decoder.inputs)] == ["image", "latents"]
    assert encoder.output_names == ["mean", "log_variance"]
    assert encoder.output_shape == [(None, 2), (None, 2)]
    assert [layer.name for layer in encoder.layers][:5] == [
        "image",
        "1_conv_padding",
        "1_conv",
        "2_bnorm",
        "3_residual_1_conv_padding",
    ]
    assert layout.encoder((4,), 2, layout="DENSE|2|TANH", name="recognition").name == "recognition"


def test_a_list_and_a_half_are_the_same_network():
    halves = TMVA[len("Encoder={") : -1].split("}Decoder={")
    builders = [(layout.encoder, "encoder"), (layout.decoder, "decoder")]
    for (build, name), half in zip(builders, halves):
        for text in (half, TMVA, layout.parse(TMVA)):
            network = build((4,), 2, layout=text)
            assert layout.describe(network) == half and network.name == name


@pytest.mark.usefixtures("zero_weights")
def test_mixed_precision_computes_in_half_and_answers_in_full():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        encoder, decoder = layout.autoencoder(IMAGES, (8, 8, 1), posterior="gaussian")
        plain = layout.network("DENSE|4|TANH,DENSE|4|LINEAR,RESHAPE|1|2|2", (3,))
    finally:
        keras.config.set_dtype_policy(policy)
    assert [each.dtype for each in (*encoder.outputs, *decoder.outputs, *plain.outputs)] == ["float32"] * 4
    assert encoder.get_layer("4_reshape").output.dtype == decoder.get_layer("6_maxpool").output.dtype == "float16"
    assert plain.get_layer("1_dense").output.dtype == "float16" and plain.get_layer("2_dense").output.dtype == "float32"


@st.composite
def fitting(draw, shape, depth=1, shrinks=False):
    """A list of small tokens that fits a shape, and the shape that it gives; with `shrinks` a projection fits, too."""
    texts = []

    def pair(least, most):
        return draw(st.integers(least, most)), draw(st.integers(least, most))

    for _ in range(draw(st.integers(1, 3))):
        *size, channels = shape
        activation = draw(activations)
        simple = ["BNORM", "DROPOUT|0.5"] + ["RESIDUAL"] * depth
        on_vectors = ["DENSE", "RESHAPE"]
        on_maps = ["CONV", "MAXPOOL"] if shrinks else ["CONV", "TRANSCONV", "MAXPOOL", "PADDING2D", "UPSAMPLE", "FLAT"]
        on_vectors = on_vectors[:1] if shrinks else on_vectors
        kind = draw(st.sampled_from([*simple, *(on_maps if size else on_vectors)]))
        if kind == "RESIDUAL":
            text, shape = draw(fitting(shape, 0, True))
            texts.append(f"RESIDUAL{{{text}}}")
        elif kind == "DENSE":
            shape = (draw(st.integers(1, 4)),)
            texts.append(f"DENSE|{shape[0]}|{activation}")
        elif kind == "RESHAPE":
            shape = (1, channels, 1)
            texts.append(f"RESHAPE|1|1|{channels}")
        elif kind == "FLAT":
            shape = (math.prod(shape),)
            texts.append(draw(st.sampled_from(["RESHAPE|FLAT", f"RESHAPE|1|{shape[0]}|1|FLAT"])))
        elif kind == "PADDING2D":
            (top, bottom), (left, right) = margins = pair(0, 2), pair(0, 2)
            shape = (size[0] + sum(margins[0]), size[1] + sum(margins[1]), channels)
            texts.append(f"PADDING2D|{top}|{bottom}|{left}|{right}")
        elif kind == "UPSAMPLE":
            shape = (2 * size[0], 2 * size[1], channels)
            texts.append("UPSAMPLE|2")
        elif kind == "TRANSCONV":
            kernel, strides, filters = pair(1, 3), pair(1, 3), draw(st.integers(1, 2))
            shape = (*((n - 1) * s + k for n, s, k in zip(size, strides, kernel)), filters)
            texts.append("|".join(map(str, ("TRANSCONV", filters, *kernel, *strides, 0, 0, activation))))
        elif kind in ("CONV", "MAXPOOL"):
            # An odd kernel with half of it as padding gives ceil(n / s).
            radius = pair(0, 1) if kind == "CONV" else (0, 0)
            strides, filters = pair(1, 3), draw(st.integers(1, 2)) if kind == "CONV" else channels
            kernel = [2 * each + 1 for each in radius]
            shape = (*(-(-n // s) for n, s in zip(size, strides)), filters)
            ends = ((filters,), (*radius, activation)) if kind == "CONV" else ((), ())
            texts.append("|".join(map(str, (kind, *ends[0], *kernel, *strides, *ends[1]))))
        else:
            texts.append(kind)
    return ",".join(texts), shape


@hypothesis.settings(max_examples=15, **SETTINGS)
@hypothesis.given(st.sampled_from([(3,), (4, 3, 2)]).flatmap(lambda shape: st.tuples(st.just(shape), fitting(shape))))
def test_any_layout_that_fits_is_built(case):
    given, (text, expected) = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            keras.initializers.GlorotUniform, "__call__", lambda self, shape, dtype=None: np.ones(shape, dtype)
        )
        network = layout.network(text, given)
    assert network.output_shape == (None, *expected) and layout.describe(network) == text
    given = outputs(network, np.full((2, *given), 0.5, "float32"))
    assert given.shape == (2, *expected) and given.dtype == "float32" and np.isfinite(given).all()


# Training.


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (TMVA.replace("SIGMOID", "LINEAR"), "rows"),
        (
            "Encoder={CONV|2|4|4|2|2|1|1|RELU,BNORM,RESHAPE|FLAT,RESIDUAL{DENSE|4|GAUSS},DENSE|2|LINEAR}"
            "Decoder={DENSE|16|SYMMRELU,RESHAPE|1|4|4,TRANSCONV|1|4|4|2|2|1|1|LINEAR}",
            "digits",
        ),
    ],
    ids=["rows", "digits"],
)
@pytest.mark.parametrize(("model_class", "posterior"), [(models.Autoencoder, None), (models.VAE, "gaussian")])
def test_training(text, data, model_class, posterior, digits):
    images = digits[0][:64] if data == "digits" else np.random.default_rng(0).uniform(size=(32, 4)).astype("float32")
    model = model_class(*layout.autoencoder(text, images.shape[1:], posterior), seed=0)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    first, second = model.fit(images, epochs=2, batch_size=8, verbose=0).history["loss"]
    assert second < first < np.inf


def test_a_preset_may_name_layouts():
    config = presets.get("vae")
    config["latent_dim"] = 2
    config["networks"] = {
        "encoder": {"builder": "layout.encoder", "layout": "RESHAPE|FLAT,DENSE|2|LINEAR", "posterior": "gaussian"},
        "decoder": {"builder": "layout.decoder", "layout": "DENSE|64|LINEAR,RESHAPE|1|8|8"},
    }
    model, _ = presets.load(config)
    assert layout.describe(model.encoder) == config["networks"]["encoder"]["layout"]
    assert layout.describe(model.decoder) == config["networks"]["decoder"]["layout"]
    with pytest.raises(ValueError, match="end in latent_dim=3 values"):
        presets.load(presets.override(config, "latent_dim", 3))
