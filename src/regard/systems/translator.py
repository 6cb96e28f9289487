"""A translator: an encoder of the source, a decoder that attends to it, one word at a time."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.data.batching import Batch
from regard.data.vocabulary import PAD, UNKNOWN
from regard.errors import RangeError
from regard.nn.decoders import BahdanauDecoder, LuongDecoder, Source
from regard.nn.encoders import BidirectionalGRU


@dataclass(frozen=True)
class Config:
    """What a translator is made of.

    Attributes:
        attention: whose decoder: "bahdanau" (GRU, attention before the state moves) or "luong"
            (LSTM, attention after it).
        score: how Luong's decoder matches: "dot", "general" or "concat"; Bahdanau's is additive.
        input_feeding: whether Luong's decoder is told what it attended to last.
        normalizer: how scores become weights: "softmax", "sparsemax" or "hard".
        embedding: features of a token's vector.
        hidden: features of a recurrent state, in each direction of the encoder.
        dropout: probability with which a feature is dropped in training.
        unknown_rate: probability with which a source token is read as unknown in training, so
            that unknown tokens mean something.
    """

    attention: Literal["bahdanau", "luong"] = "bahdanau"
    score: Literal["dot", "general", "concat"] = "general"
    input_feeding: bool = True
    normalizer: Literal["softmax", "sparsemax", "hard"] = "softmax"
    embedding: int = 64
    hidden: int = 128
    dropout: float = 0.1
    unknown_rate: float = 0.01

    def __post_init__(self) -> None:
        for name in ("embedding", "hidden"):
            if getattr(self, name) < 1:
                raise RangeError(f"model.{name} is at least 1 feature: {getattr(self, name)}")
        for name in ("dropout", "unknown_rate"):
            if not 0 <= getattr(self, name) < 1:
                raise RangeError(f"model.{name} is a probability below 1: {getattr(self, name)}")


class State(NamedTuple):
    """Where a translation has come to: every tensor's first dimension is the batch."""

    source: Source
    decoder: Any


class Translator(nn.Module):
    """RNNsearch, or Luong's translator with global attention, by its config.

    Source:  Bahdanau, Cho, Bengio 2015 (arXiv:1409.0473); Luong, Pham, Manning 2015
             (arXiv:1508.04025)
    Departs: Luong's encoder is bidirectional here; see also the decoders

    Args:
        config: what it is made of.
        source_size, target_size: how many tokens either vocabulary has.
    """

    def __init__(self, config: Config, source_size: int, target_size: int) -> None:
        super().__init__()
        self.config = config
        self.source_embedding = nn.Embedding(source_size, config.embedding, padding_idx=PAD)
        self.target_embedding = nn.Embedding(target_size, config.embedding, padding_idx=PAD)
        self.encoder = BidirectionalGRU(config.embedding, config.hidden)
        sizes = (config.embedding, config.hidden, 2 * config.hidden)
        if config.attention == "bahdanau":
            self.decoder = BahdanauDecoder(*sizes, normalizer=config.normalizer)
        else:
            self.decoder = LuongDecoder(
                *sizes,
                score=config.score,
                input_feeding=config.input_feeding,
                normalizer=config.normalizer,
            )
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.hidden, target_size)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Nats a target token, each predicted from the true tokens before it."""
        source = self._with_unknowns(batch.source)
        encoded = self._encode(source, batch.source_lengths)
        embedded = self.dropout(self.target_embedding(batch.target[:, :-1]))
        logits = self.output(self.dropout(self.decoder(embedded, encoded)))
        return F.cross_entropy(
            logits.flatten(0, 1), batch.target[:, 1:].flatten(), ignore_index=PAD
        )

    def begin(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> State:
        """The state before the first token, of sources ``(B, S)``."""
        return State(*self.decoder.begin(self._encode(source, lengths)))

    def step(
        self, tokens: Int[Tensor, " B"], state: State
    ) -> tuple[Float[Tensor, "B N"], State, Float[Tensor, "B S"]]:
        """Log-probabilities of the next token, the state after ``tokens``, and the weights over
        the source with which that next token is written."""
        embedded = self.target_embedding(tokens)
        step = self.decoder.step(embedded, state.decoder, state.source, return_weights=True)
        assert step.weights is not None
        logits = self.output(step.features)
        return logits.log_softmax(-1), State(state.source, step.state), step.weights

    def _encode(self, source: Tensor, lengths: Tensor):
        return self.encoder(self.dropout(self.source_embedding(source)), lengths)

    def _with_unknowns(self, source: Tensor) -> Tensor:
        if not self.training or not self.config.unknown_rate:
            return source
        lost = torch.rand(source.shape, device=source.device) < self.config.unknown_rate
        return source.masked_fill(lost & (source != PAD), UNKNOWN)
