"""DocumentQA: attention in both directions, then the passage attends to itself; and the same
without attention, every weight alike."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.grid import Array
from regard.masks import Mask, padding, window
from regard.nn.attention import Attention
from regard.nn.flow import AttentionFlow, begin_as_products
from regard.nn.source import cleared
from regard.scores import AnyScore, Score
from regard.scores.score import InnerProduct
from regard.systems.reader_config import Config
from regard.systems.reader_text import Answered, Dropout, Looks, Place, Recurrent, Text


class DocumentQA(nn.Module):
    """The model of DocumentQA for one paragraph.

        h, u = biGRU(words) of passage and question,   ũ, h̃ = flow(h, u)   (``nn.AttentionFlow``)
        x = ReLU(W [h; ũ; h ∘ ũ; ũ ∘ h̃] + b)
        y = biGRU(x),   a_t = Σ_{s ≠ t} α_ts y_s by trilinear scores of its own
        x ← x + ReLU(W_a [y; a; y ∘ a] + b_a)
        s = biGRU(x),   p_start = softmax(wᵀ s)
        e = biGRU([x; s]),   p_end = softmax(wᵀ e)

    With ``attention="mean"`` all scores are 0, so that ũ is the mean of the question, h̃ that of the
    passage, and a_t that of all other words; the rest is as it is.

    Source:  Clark, Gardner 2018 (arXiv:1710.10723), §2.3, §3.1
    Departs: the passage is one paragraph, so nothing is normalised over several; w₃ of the
             trilinear scores begins with 1
    Cost:    O(C·H²) time of four recurrent layers, and O(C·(C + Q)·H) of attention

    Args:
        config: what it is made of.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        hidden, dropout = config.hidden, config.dropout
        score = Alike() if config.attention == "mean" else "trilinear"
        self.context = Recurrent(config.word + config.matched, hidden, "gru", dropout)
        self.flow = AttentionFlow(2 * hidden, score=score)
        self.dropout = Dropout(dropout)
        self.read = nn.Linear(8 * hidden, 2 * hidden)
        self.own = SelfRead(hidden, dropout, score)
        self.start = Recurrent(2 * hidden, hidden, "gru", dropout)
        self.end = Recurrent(4 * hidden, hidden, "gru", dropout)
        self.starts, self.ends = Place(2 * hidden), Place(2 * hidden)

    def forward(self, passage: Text, question: Text, looks: bool = False) -> Answered:
        """Logits of first and last words."""
        lengths = passage.lengths
        h = self.context(passage.told, lengths)
        u = self.context(question.told, question.lengths)
        flow = self.flow(self.dropout(h), self.dropout(u), lengths, question.lengths)
        read = flow.question
        seen = torch.cat([h, read, h * read, read * flow.passage], -1)
        x = self.read(seen).relu()
        told, own = self.own(x, lengths, looks)
        x = x + told
        start = self.start(x, lengths)
        end = self.end(torch.cat([x, start], -1), lengths)
        found = None if own is None else Looks(flow.over_question, flow.over_passage, own)
        return Answered(self.starts(start, lengths), self.ends(end, lengths), found)


class SelfRead(nn.Module):
    """ReLU(W [y; a; y ∘ a] + b), a what each word of y = biGRU(x) reads of the others."""

    def __init__(self, hidden: int, dropout: float, score: AnyScore | str) -> None:
        super().__init__()
        self.context = Recurrent(2 * hidden, hidden, "gru", dropout)
        self.attention = Attention(2 * hidden, score=score)
        if score == "trilinear":
            begin_as_products(self.attention.score)
        self.dropout = Dropout(dropout)
        self.read = nn.Linear(6 * hidden, 2 * hidden)

    def forward(
        self, x: Float[Tensor, "B C F"], lengths: Int[Tensor, " B"], looks: bool = False
    ) -> tuple[Float[Tensor, "B C F"], Float[Tensor, "B C C"] | None]:
        """What is to be added to x, and the weights if asked."""
        y = self.context(x, lengths)
        keys = self.dropout(y)
        mask = others(lengths)
        found = self.attention(keys, keys, mask=mask, return_weights=looks)
        a, weights = found if isinstance(found, tuple) else (found, None)
        told = self.read(torch.cat([y, a, y * a], -1)).relu()
        return told, None if weights is None else cleared(weights, lengths)


def others(lengths: Int[Tensor, " B"]) -> Mask:
    """Every word of a text but the one that looks."""
    return padding(lengths) & ~window(before=0, after=0)


class Alike(Score):
    """A score of 0 for every pair: what may be seen is seen alike."""

    def lower(
        self, query: Float[Array, "*batch Q E"], key: Float[Array, "*batch K E"]
    ) -> InnerProduct:
        return InnerProduct(query[..., :1] * 0.0, key[..., :1] * 0.0, 1.0)

    @property
    def held(self) -> tuple[Any, ...]:
        return ()
