"""The Transformer as a translator's network: tokens in, features of the next out."""

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.data.vocabulary import PAD
from regard.masks import padding
from regard.nn.cache import KeyValueCache
from regard.nn.decoders import Written
from regard.nn.positions import SinusoidalPositions
from regard.nn.transformer_decoder import (
    DecoderState,
    LayerState,
    TransformerDecoder,
    TransformerDecoderLayer,
)
from regard.nn.transformer_encoder import TransformerEncoder, TransformerEncoderLayer
from regard.systems.translator_config import Config


class TransformerState:
    """A decoder's caches, which grow as they fill up; steps write into them."""

    def __init__(self, decoder: DecoderState) -> None:
        self.decoder = decoder

    def reorder(self, rows: Int[Tensor, " N"], *, memory: bool = True) -> "TransformerState":
        """As ``DecoderState.reorder``."""
        return TransformerState(self.decoder.reorder(rows, memory=memory))

    def roomy(self) -> DecoderState:
        """The caches with room for one more token: twice as large, where they were full."""
        cache = self.decoder.layers[0].cache
        if cache.length == cache.capacity:
            layers = tuple(layer._replace(cache=_doubled(layer)) for layer in self.decoder.layers)
            self.decoder = DecoderState(layers)
        return self.decoder


def _doubled(layer: LayerState) -> KeyValueCache:
    key, value = layer.cache.projected
    batch, heads, length, features = key.shape
    sizes = (batch, heads, 2 * length, features)
    grown = KeyValueCache(*sizes, dtype=key.dtype, device=key.device)
    grown.append(key, value)
    return grown


class TransformerNetwork(nn.Module):
    """The Transformer, post-norm as in the paper.

    Embeddings are drawn from N(0, 1/d), so that times √d they are as large as the sinusoids; the
    weights that are given are the mean over the heads of the last layer's attention to the source.

    Source:  Vaswani et al. 2017 (arXiv:1706.03762), §3
    Departs: the two sides' embeddings are not shared; dropout also within layers, as in torch's

    Attributes:
        features: how many the decoder gives for a token.
        told: how many numbers these features and the last token's vector are.
    """

    def __init__(self, config: Config, source_size: int, target_size: int) -> None:
        super().__init__()
        features = config.hidden
        self.source_embedding = _embedding(source_size, features)
        self.target_embedding = _embedding(target_size, features)
        self.positions = SinusoidalPositions(features)
        sizes = (features, config.heads or 4, config.feed_forward or 4 * features)
        options: Any = {
            "dropout": config.dropout,
            "score": config.scored,
            "normalizer": config.normalizer,
        }
        self.encoder = TransformerEncoder(TransformerEncoderLayer(*sizes, **options), config.depth)
        self.decoder = TransformerDecoder(TransformerDecoderLayer(*sizes, **options), config.depth)
        self.dropout = nn.Dropout(config.dropout)
        self.features, self.told = features, 2 * features

    def whole(
        self,
        source: Int[Tensor, "B S"],
        lengths: Int[Tensor, " B"],
        tokens: Int[Tensor, "B T"],
        *,
        return_weights: bool = False,
    ) -> Written:
        """What is said of each token that follows one of ``tokens``."""
        said = self.decoder(
            self._embedded(self.target_embedding, tokens),
            self._encoded(source, lengths),
            memory_mask=padding(lengths),
            return_weights=return_weights,
        )
        if not return_weights:
            return _written(said, None)
        features, layers = said
        return _written(features, layers[-1].memory.mean(1))

    def begin(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> TransformerState:
        """The state before the first token. Gradients are not recorded: see ``KeyValueCache``."""
        memory = self._encoded(source, lengths)
        room = source.shape[1] + 16
        return TransformerState(
            self.decoder.begin(memory, capacity=room, memory_mask=padding(lengths))
        )

    def step(
        self, tokens: Int[Tensor, " B"], state: TransformerState
    ) -> tuple[Written, TransformerState]:
        """What is said of the token that follows; ``tokens`` are written into the state."""
        held = state.roomy()
        embedded = self._embedded(self.target_embedding, tokens[:, None], held.length)
        features, layers = self.decoder.step(embedded, held, return_weights=True)
        return _written(features[:, 0], layers[-1].memory[:, :, 0].mean(1)), state

    def about(
        self, tokens: Int[Tensor, "*batch"], written: Written
    ) -> Float[Tensor, "*batch told"]:
        """What may say whether to copy: the features, and the last token's vector."""
        embedded = self.target_embedding(tokens) * math.sqrt(self.features)
        return torch.cat([written.features, embedded.to(written.features.dtype)], -1)

    def _encoded(self, source: Tensor, lengths: Tensor) -> Tensor:
        return self.encoder(self._embedded(self.source_embedding, source), mask=padding(lengths))

    def _embedded(self, embedding: nn.Embedding, tokens: Tensor, offset: int = 0) -> Tensor:
        scaled = embedding(tokens) * math.sqrt(self.features)
        return self.dropout(self.positions(scaled, offset=offset))


def _written(features: Tensor, weights: Tensor | None) -> Written:
    """The features are the state that asks, and hold what was read."""
    return Written(features, features, features, weights)


def _embedding(size: int, features: int) -> nn.Embedding:
    embedding = nn.Embedding(size, features, padding_idx=PAD)
    nn.init.normal_(embedding.weight, std=features**-0.5)
    with torch.no_grad():
        embedding.weight[PAD].zero_()
    return embedding
