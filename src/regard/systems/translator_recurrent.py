"""A recurrent encoder, and Bahdanau's or Luong's decoder: tokens in, features of the next out."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.data.vocabulary import PAD
from regard.nn.attention import Attention
from regard.nn.bahdanau import BahdanauDecoder
from regard.nn.coverage import CoverageAttention
from regard.nn.decoders import Encoded, Written
from regard.nn.encoders import RecurrentEncoder
from regard.nn.fixed import FixedVector
from regard.nn.hard import HardAttention
from regard.nn.local import LocalAttention
from regard.nn.luong import LuongDecoder
from regard.nn.source import Source
from regard.systems.translator_config import Config


class RecurrentState(NamedTuple):
    """A source made ready, and where the decoder has come to."""

    source: Source
    decoder: Any


class RecurrentNetwork(nn.Module):
    """RNNsearch, Luong's translator, or the encoder–decoder without attention.

    Attributes:
        features: how many the decoder gives for a token.
        told: how many numbers ``Written`` and the last token's vector say of a step besides: the
            context, the state that asked for it, and the vector.
    """

    def __init__(self, config: Config, source_size: int, target_size: int) -> None:
        super().__init__()
        width, hidden = config.width, config.hidden
        self.source_embedding = nn.Embedding(source_size, width, padding_idx=PAD)
        self.target_embedding = nn.Embedding(target_size, width, padding_idx=PAD)
        stack: Any = {"cell": config.memory, "layers": config.depth, "dropout": config.dropout}
        self.encoder = RecurrentEncoder(width, hidden, **stack)
        sizes = (width, hidden, 2 * hidden)
        stack["attention"] = attention = _attention(config)
        if config.attention == "luong":
            feeding = config.input_feeding is not False
            self.decoder = LuongDecoder(*sizes, input_feeding=feeding, **stack)
        else:
            self.decoder = BahdanauDecoder(*sizes, **stack)
        self.dropout = nn.Dropout(config.dropout)
        self.places = config.places
        self.features, self.told = hidden, int(attention.key_features) + hidden + width  # pyright: ignore[reportArgumentType]

    def whole(
        self,
        source: Int[Tensor, "B S"],
        lengths: Int[Tensor, " B"],
        tokens: Int[Tensor, "B T"],
        *,
        return_weights: bool = False,
    ) -> Written:
        """What is said of each token that follows one of ``tokens``."""
        embedded = self._embedded(tokens)
        encoded = self._encoded(source, lengths)
        return self._dropped(self.decoder.whole(embedded, encoded, return_weights=return_weights))

    def begin(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> RecurrentState:
        """The state before the first token."""
        return RecurrentState(*self.decoder.begin(self._encoded(source, lengths)))

    def step(
        self, tokens: Int[Tensor, " B"], state: RecurrentState
    ) -> tuple[Written, RecurrentState]:
        """What is said of the token that follows, and the state after ``tokens``."""
        written, after = self.decoder.one(self._embedded(tokens), state.decoder, state.source)
        return self._dropped(written), RecurrentState(state.source, after)

    def about(
        self, tokens: Int[Tensor, "*batch"], written: Written
    ) -> Float[Tensor, "*batch told"]:
        """What may say whether to copy: context, state, and the last token's vector."""
        embedded = self.target_embedding(tokens).to(written.query.dtype)
        return torch.cat([written.context.to(embedded.dtype), written.query, embedded], -1)

    def _embedded(self, tokens: Tensor) -> Tensor:
        return self.dropout(self.target_embedding(tokens))

    def _dropped(self, written: Written) -> Written:
        return written._replace(features=self.dropout(written.features))

    def _encoded(self, source: Tensor, lengths: Tensor) -> Encoded:
        encoded = self.encoder(self.dropout(self.source_embedding(source)), lengths)
        if self.places is None:
            return encoded
        near = encoded.annotations[:, : self.places]
        return Encoded(near, encoded.lengths.clamp(max=self.places), encoded.backward)


def _attention(config: Config) -> nn.Module:
    """What the decoder reads its source with."""
    hidden, annotation = config.hidden, 2 * config.hidden
    if config.attention == "none":
        return FixedVector(annotation)
    if config.alignment == "coverage":
        return CoverageAttention(hidden, annotation, normalizer=config.normalizer)
    of_score: Any = {"score": config.scored}
    read = hidden if config.alike else annotation
    if config.reach != "global":
        of_score |= {"window": config.window or 10, "predictive": config.reach == "local-p"}
        return LocalAttention(hidden, read, normalizer=config.normalizer, **of_score)
    of_score["places"] = config.places
    if config.alignment == "hard":
        return HardAttention(hidden, read, **of_score)
    return Attention(hidden, read, normalizer=config.normalizer, **of_score)
