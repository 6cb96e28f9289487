"""Layers that learn.

Attention          a score and its projections                        nn/attention.py
BidirectionalGRU   the encoder of RNNsearch                           nn/encoders.py
BahdanauDecoder    RNNsearch's decoder                                nn/decoders.py
LuongDecoder       global attention, input feeding                    nn/decoders.py
"""

from regard.nn.attention import Attention
from regard.nn.decoders import BahdanauDecoder, Encoded, LuongDecoder
from regard.nn.encoders import BidirectionalGRU

__all__ = ["Attention", "BahdanauDecoder", "BidirectionalGRU", "Encoded", "LuongDecoder"]
