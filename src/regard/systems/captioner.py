"""A captioner: convolutions make a grid of an image, a decoder looks at it, one word at a time."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from regard.data.captioned_batch import CaptionBatch
from regard.data.vocabulary import PAD
from regard.nn.attention import Attention
from regard.nn.decoders import Written
from regard.nn.fixed import MeanVector
from regard.nn.hard import HardAttention
from regard.nn.learned_score import ALIKE
from regard.nn.source import Source
from regard.nn.xu import Annotated, XuDecoder, XuState, doubly_stochastic_loss
from regard.scores import canonical
from regard.systems.captioner_config import Config
from regard.systems.captioner_encoder import Grid, annotations_of, encoder_of, grid_of, warped
from regard.systems.loss import Loss
from regard.systems.nats import nats_of
from regard.systems.reinforce import reinforced

__all__ = ["Captioner", "Config", "State"]


class State(NamedTuple):
    """Where a caption has come to: the image made ready, and the decoder's state."""

    source: Source
    decoder: XuState


class Captioner(nn.Module):
    """Show, Attend and Tell.

        a_1 … a_K = places of encode(image),   features = decode(E y_{<t}, a)   (``nn.XuDecoder``)
        p(y_t | y_{<t}, image) = softmax(L_o features)
        loss = −log p(y | image) + λ Σ_i (1 − Σ_t α_ti)²            soft
        loss = −log p(y | s̃) + REINFORCE (``nn.HardAttention``)      hard

    Source:  Xu et al. 2015 (arXiv:1502.03044), §3–4
    Departs: the encoder is trained with the rest, where the paper takes the features of VGG as they
             are; and a place's annotation is told where it is, by a learned vector, which small
             convolutions know only near the border (``positions=False`` leaves it out)
    Cost:    that of the encoder, and O(T·K·D) for T words

    Args:
        config: what it is made of.
        size: S, pixels a side.
        channels: of the images, 1 or 3.
        vocabulary: how many tokens there are.
        encoder: gives a grid of features ``(B, F, rows, columns)`` of images ``(B, C, S, S)``
            from 0 to 1; None: that of the config.

    Attributes:
        grid: rows, columns and features of an image's annotations.

    Raises:
        KindError: an encoder that gives no grid.
        RangeError: images that are too small for the encoder.
    """

    def __init__(
        self,
        config: Config,
        size: int,
        channels: int,
        vocabulary: int,
        encoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder_of(config, channels, size) if encoder is None else encoder
        self.grid: Grid = grid_of(self.encoder, channels, size)
        features = self.grid.features
        self.places = nn.Parameter(torch.empty(self.grid.places, features))
        if config.positions:
            nn.init.normal_(self.places, std=features**-0.5)
        else:
            self.places.requires_grad_(False).zero_()
        self.embedding = nn.Embedding(vocabulary, config.embedding, padding_idx=PAD)
        attention = _attention(config, features)
        sizes = (config.embedding, config.hidden, features)
        self.decoder = XuDecoder(*sizes, attention=attention, dropout=config.dropout)
        self.output = nn.Linear(config.embedding, vocabulary)

    def loss(self, batch: CaptionBatch) -> Loss:
        """Nats of the true words, each predicted from the image and the words before it.

        In training the doubly stochastic penalty, REINFORCE's terms and label smoothing are part of
        the sum; in evaluation it is nats alone.
        """
        steps, truth = batch.target_lengths - 1, batch.target[:, 1:]
        real = torch.arange(truth.shape[1], device=steps.device) < steps[:, None]
        where = real.flatten().nonzero()[:, 0]
        written = self._written(batch)
        features = written.features.flatten(0, 1).index_select(0, where)
        smoothing = self.config.label_smoothing if self.training else 0.0
        nats = nats_of(self._logits(features), truth.flatten()[where], smoothing)
        total = nats.sum()
        if self.training and self.config.attention == "soft":
            assert written.weights is not None
            weight = self.config.doubly_stochastic
            penalty = doubly_stochastic_loss(written.weights, steps)
            total = total + (0.001 if weight is None else weight) * penalty.sum()
        if self.training and written.chance is not None:
            total = total + reinforced(self.decoder.attention, nats, where, written.chance, real)
        return Loss(total, steps.sum().to(total.dtype))

    def begin(self, images: UInt8[Tensor, "B C S S"], lengths: Any = None) -> State:
        """The state before the first word; all places of an image count, whatever ``lengths``."""
        return State(*self.decoder.begin(self._annotated(images)))

    def step(
        self, tokens: Int[Tensor, " B"], state: State
    ) -> tuple[Float[Tensor, "B N"], State, Float[Tensor, "B K"]]:
        """Log-probabilities (nats) of the next word, the state after ``tokens``, and the weights
        over the places with which that next word is written."""
        written, after = self.decoder.one(self._embedded(tokens), state.decoder, state.source)
        logits = self._logits(written.features).float()
        return logits.log_softmax(-1), State(state.source, after), self._over(written)

    @torch.no_grad()
    def align(self, batch: CaptionBatch) -> Float[Tensor, "B T K"]:
        """Forced decoding: the weights over the places with which each true word is written, END
        among them."""
        return self._over(self._written(batch))

    def _written(self, batch: CaptionBatch) -> Written:
        embedded = self._embedded(batch.target[:, :-1])
        return self.decoder.whole(embedded, self._annotated(batch.images))

    def _annotated(self, images: Tensor) -> Annotated:
        images = images.to(self.places.dtype) / 255
        if self.training and self.config.warp:
            images = warped(images, self.config.warp)
        grid = self.encoder(images)
        return Annotated(annotations_of(grid) + self.places)

    def _embedded(self, tokens: Tensor) -> Tensor:
        return self.embedding(tokens)

    def _logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def _over(self, written: Written) -> Tensor:
        """Weights over the places; of the mean, the same for each."""
        weights = written.weights
        assert weights is not None
        if self.config.attention == "mean":
            return weights.expand(*weights.shape[:-1], self.grid.places) / self.grid.places
        return weights


def _attention(config: Config, features: int) -> nn.Module:
    """What the decoder looks at an image with."""
    score = "additive" if config.score is None else canonical(config.score)
    # A score that compares like with like reads annotations of as many features as the state.
    read = config.hidden if score in ALIKE else features
    if config.attention == "mean":
        return MeanVector(features)
    if config.attention == "hard":
        given = {
            name: number
            for name in ("expectation", "reward_weight", "entropy_weight")
            if (number := getattr(config, name)) is not None
        }
        return HardAttention(config.hidden, read, score=score, **given)
    return Attention(config.hidden, read, score=score, normalizer=config.normalizer or "softmax")
