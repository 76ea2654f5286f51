"""Networks from layouts, texts in which each word is a layer, as in the autoencoders of TMVA.

    Encoder={RESHAPE|1|1|4|FLAT,DENSE|2|SIGMOID}Decoder={DENSE|4|LINEAR}

`autoencoder` builds both networks, `encoder`, `decoder` and `network` build one, `describe` reads the tokens back from
a network. Layers are named by the place of their token: `1_reshape`, `2_dense`.

A layout is two lists of tokens; `Layout=` may stand before it, white space around each word and sign, and case does not
matter. Of a whole text of TMVA, `!H:V:Layout=...:...`, the other options are skipped. To a layout a row of a table is
the same as `(n,)` and as an image `(1, n, 1)`: where it begins with DENSE, or ends in the other form, a layer `row`
stands between them.

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
| `SYNCBNORM` | batch normalisation over all devices that train a network together (not a word of TMVA) |
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

from kerasgen.networks.layout.building import autoencoder, decoder, describe, encoder, network
from kerasgen.networks.layout.reader import Layout, parse

__all__ = ["Layout", "autoencoder", "decoder", "describe", "encoder", "network", "parse"]
