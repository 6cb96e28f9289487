"""What the parts of a reader hand to each other."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.nn.encoders import Cell, RecurrentEncoder


class Text(NamedTuple):
    """A passage or a question of T words.

    Attributes:
        words: vectors of the words, each alone, ``(B, T, M)``; 0 in the padding.
        lengths: how many words there are, ``(B,)``.
        match: 1 for a word that stands in the question, ``(B, T, 1)``, which each of the
            question's own does; None: it is not told.
    """

    words: Float[Tensor, "B T M"]
    lengths: Int[Tensor, " B"]
    match: Float[Tensor, "B T 1"] | None

    @property
    def told(self) -> Tensor:
        """The vectors, and whether the word matches where that is told: ``(B, T, M or M + 1)``."""
        return self.words if self.match is None else torch.cat([self.words, self.match], -1)


class Looks(NamedTuple):
    """What looked at what: weights that sum to 1 over what may be seen; rows of padding are 0.

    Attributes:
        question: how each word of the passage looks at the question, ``(B, C, Q)``.
        passage: how the question looks at the passage, ``(B, 1, C)`` as a whole or ``(B, Q, C)``
            each of its words; None: it does not.
        own: how the passage looks at itself, ``(B, C, C)``; None: it does not.
    """

    question: Float[Tensor, "B C Q"]
    passage: Float[Tensor, "B N C"] | None
    own: Float[Tensor, "B C C"] | None


class Answered(NamedTuple):
    """Logits ``(B, C)`` of the first and of the last word of the answer, −∞ in the padding, and
    what looked at what, if it was asked for."""

    starts: Float[Tensor, "B C"]
    ends: Float[Tensor, "B C"]
    looks: Looks | None = None


class Dropout(nn.Module):
    """Drops features in training, the same ones of all words of a text, so that no word tells what
    another lost.

    Source:  Gal, Ghahramani 2016 (arXiv:1512.05287), §4
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, text: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
        if not self.training or not self.probability:
            return text
        return text * F.dropout(text.new_ones(len(text), 1, text.shape[-1]), self.probability)

    def extra_repr(self) -> str:
        return f"{self.probability}"


LOUDER = 3.0
"""What torch's first weights of what an LSTM reads are multiplied by."""


class Recurrent(nn.Module):
    """A recurrent layer in both directions, behind dropout: ``(B, T, 2H)``, 0 in the padding.

    The states of an LSTM begin a third as large as those of a GRU (0.13 and 0.36), and products of
    them, by which passage and question are compared, a ninth: so its input weights begin larger.
    """

    def __init__(self, features: int, hidden: int, cell: Cell, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.encoder = RecurrentEncoder(features, hidden, cell=cell)
        if cell == "lstm":
            with torch.no_grad():
                for name, weight in self.encoder.named_parameters():
                    if "weight_ih" in name:
                        weight *= LOUDER

    def forward(
        self, text: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H2"]:
        return self.encoder(self.dropout(text), lengths).annotations


class Place(nn.Module):
    """Logits ``(B, T)`` of the words, wᵀx_t, −∞ in the padding."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1, bias=False)

    def forward(
        self, text: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T"]:
        return within(self.linear(text)[..., 0], lengths)


def within(logits: Float[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T"]:
    """Logits with −∞ behind the lengths of their rows."""
    behind = torch.arange(logits.shape[1], device=logits.device) >= lengths[:, None]
    return logits.masked_fill(behind, -torch.inf)
