"""Layers that learn.

Attention          a score and its projections                        nn/attention.py
LearnedScore       the tensors of a score by its name                 nn/learned_score.py
BidirectionalGRU   the encoder of RNNsearch                           nn/encoders.py
BahdanauDecoder    RNNsearch's decoder                                nn/bahdanau.py
LuongDecoder       attention after the step, input feeding            nn/luong.py
XuDecoder          Show, Attend and Tell's: a gate, a deep output     nn/xu.py
FixedVector, MeanVector   no attention: the source as one vector      nn/fixed.py
LocalAttention     a window, moving on or predicted (Luong)           nn/local.py
LocationSensitiveAttention   sees where it looked last                nn/location_sensitive.py
CoverageAttention  sees how much of each key is read; coverage_loss   nn/coverage.py
MonotonicAttention a walk that never goes back                        nn/monotonic.py
HardAttention      one place, drawn; trained with REINFORCE           nn/hard.py
AttentionPooling   a sequence as one vector, or a few                 nn/pooling.py
PointerAttention   weights over the inputs are the output             nn/pointer.py
PointerSentinel    ... or a part of it: over the last words           nn/pointer_sentinel.py
AttentionFlow      two texts that read each other (BiDAF, QANet)      nn/flow.py
SeparableConvolution   over words: each feature alone, then together  nn/separable.py
LSTMN              an LSTM that attends to its own past               nn/lstmn.py
GaussianGlimpse    DRAW's window over an image, to read and to write  nn/glimpse.py
MultiheadAttention   heads side by side, as torch's layer; a cache   nn/multihead.py, nn/cache.py
RelativeAttention    relative positions in keys and values (Shaw)    nn/relative.py
SinusoidalPositions, LearnedPositions, RotaryPositions               nn/positions.py
TransformerEncoder, TransformerEncoderLayer    as torch's stacks      nn/transformer_encoder.py
TransformerDecoder, TransformerDecoderLayer    and step by step       nn/transformer_decoder.py
"""

from regard.nn.attention import Attention
from regard.nn.bahdanau import BahdanauDecoder
from regard.nn.cache import KeyValueCache
from regard.nn.coverage import CoverageAttention, coverage_loss
from regard.nn.decoders import Encoded
from regard.nn.encoders import BidirectionalGRU, RecurrentEncoder, summary
from regard.nn.fixed import FixedVector, MeanVector
from regard.nn.flow import AttentionFlow, Flow
from regard.nn.glimpse import GaussianGlimpse
from regard.nn.hard import HardAttention
from regard.nn.learned_score import LearnedScore
from regard.nn.local import LocalAttention
from regard.nn.location_sensitive import LocationSensitiveAttention
from regard.nn.lstmn import LSTMN
from regard.nn.luong import LuongDecoder
from regard.nn.monotonic import MonotonicAttention, monotonic_alignment, monotonic_alignments
from regard.nn.multihead import MultiheadAttention
from regard.nn.pointer import PointerAttention
from regard.nn.pointer_sentinel import PointerSentinel
from regard.nn.pooling import AttentionPooling
from regard.nn.positions import LearnedPositions, RotaryPositions, SinusoidalPositions
from regard.nn.relative import RelativeAttention
from regard.nn.separable import SeparableConvolution
from regard.nn.transformer_decoder import TransformerDecoder, TransformerDecoderLayer
from regard.nn.transformer_encoder import TransformerEncoder, TransformerEncoderLayer
from regard.nn.xu import Annotated, XuDecoder, doubly_stochastic_loss

__all__ = [
    "LSTMN",
    "Annotated",
    "Attention",
    "AttentionFlow",
    "AttentionPooling",
    "BahdanauDecoder",
    "BidirectionalGRU",
    "CoverageAttention",
    "Encoded",
    "FixedVector",
    "Flow",
    "GaussianGlimpse",
    "HardAttention",
    "KeyValueCache",
    "LearnedPositions",
    "LearnedScore",
    "LocalAttention",
    "LocationSensitiveAttention",
    "LuongDecoder",
    "MeanVector",
    "MonotonicAttention",
    "MultiheadAttention",
    "PointerAttention",
    "PointerSentinel",
    "RecurrentEncoder",
    "RelativeAttention",
    "RotaryPositions",
    "SeparableConvolution",
    "SinusoidalPositions",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "XuDecoder",
    "coverage_loss",
    "doubly_stochastic_loss",
    "monotonic_alignment",
    "monotonic_alignments",
    "summary",
]
