"""FusionNet: words are matched by all that is known of them, at every level of understanding."""

from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import attend, weights
from regard.masks import Mask, padding
from regard.nn.learned_score import LearnedScore
from regard.nn.source import cleared
from regard.scores import SymmetricReLU
from regard.systems.reader_config import Config
from regard.systems.reader_text import LOUDER, Answered, Dropout, Looks, Recurrent, Text, within


class FusionNet(nn.Module):
    """Fully-aware multi-level fusion.

        S(x, y) = ReLU(U x)ᵀ D ReLU(U y),  a U and a D for each of the five attentions
        ĝ_i = Σ_j α_ij g_j of the question's words,   D = 1
        C^l = biLSTM([g; match; ĝ]),  C^h = biLSTM(C^l);   Q^l = biLSTM(g),  Q^h = biLSTM(Q^l)
        Q^u = biLSTM([Q^l; Q^h]);   fused with HoW = [g; l; h] of both sides as query and key:
        Ĉ^l, Ĉ^h, Ĉ^u = what is read of Q^l, Q^h, Q^u
        V = biLSTM([C^l; C^h; Ĉ^l; Ĉ^h; Ĉ^u])
        V̂ = what V reads of V, with [g; C^l; C^h; Ĉ^l; Ĉ^h; Ĉ^u; V] as query and key
        C^u = biLSTM([V; V̂]),   answer from Q^u and C^u (``Pointers``)

    Source:  Huang et al. 2018 (arXiv:1711.07341), §3.1
    Departs: no CoVe, parts of speech, entities or frequencies; g has the features of the word's
             characters, which the paper does not read; input weights of LSTMs begin three
             times as large as torch's, those of the passage's with the question's; U begins so that
             it keeps the size of a history
    Cost:    O(C·H²) time of four recurrent layers, and O(C·(C + Q)·H) of five attentions

    Args:
        config: what it is made of.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        word, hidden, dropout = config.word, config.hidden, config.dropout
        self.dropout = Dropout(dropout)
        self.of_words = Aware(word, word, weighted=False)
        first = 2 * word + config.matched
        self.passage = Levels(first, hidden, dropout)
        self.question = Levels(word, hidden, dropout)
        begin_alike(self.passage, self.question)
        self.understood = Recurrent(4 * hidden, hidden, "lstm", dropout)
        history = word + 4 * hidden
        self.low, self.high, self.above = (Aware(history, 2 * hidden) for _ in range(3))
        self.fused = Recurrent(10 * hidden, hidden, "lstm", dropout)
        self.boost = Aware(history + 8 * hidden, 2 * hidden)
        self.final = Recurrent(4 * hidden, hidden, "lstm", dropout)
        self.pointers = Pointers(2 * hidden, dropout)

    def forward(self, passage: Text, question: Text, looks: bool = False) -> Answered:
        """Logits of first and last words; as for the question, ``looks`` are the weights of Q^u."""
        lengths, seen = passage.lengths, padding(question.lengths)
        g, _ = self.of_words(passage.words, question.words, question.words, seen)
        low, high = self.passage(torch.cat([passage.told, g], -1), passage)
        below, upper = self.question(question.words, question)
        understood = self.understood(torch.cat([below, upper], -1), question.lengths)
        query = self.dropout(torch.cat([passage.words, low, high], -1))
        key = self.dropout(torch.cat([question.words, below, upper], -1))
        read = [
            attention(query, key, value, seen)[0]
            for attention, value in ((self.low, below), (self.high, upper))
        ]
        above, over = self.above(query, key, understood, seen, looks)
        levels = torch.cat([low, high, *read, above], -1)
        fused = self.fused(levels, lengths)
        history = self.dropout(torch.cat([passage.words, levels, fused], -1))
        boosted, inward = self.boost(history, history, fused, padding(lengths), looks)
        final = self.final(torch.cat([fused, boosted], -1), lengths)
        starts, ends = self.pointers(
            Read(final, passage.lengths), Read(understood, question.lengths)
        )
        if over is None or inward is None:
            return Answered(starts, ends)
        return Answered(starts, ends, Looks(cleared(over, lengths), None, cleared(inward, lengths)))


class Read(NamedTuple):
    """What is understood of a text in the end: ``(B, T, F)``, and its lengths ``(B,)``."""

    words: Tensor
    lengths: Tensor


class Aware(nn.Module):
    """What a word reads of others by ReLU(U x)ᵀ D ReLU(U y), x and y being all that is known of
    the two.

    Args:
        history: features of x and y.
        features: of U x.
        weighted: whether there is a diagonal D to learn; else it is 1.
    """

    def __init__(self, history: int, features: int, *, weighted: bool = True) -> None:
        super().__init__()
        self.score = LearnedScore("symmetric_relu", history, features=features)
        self.score.diagonal.requires_grad_(weighted)
        # U keeps the mean square of a history, so that like words find each other.
        nn.init.normal_(self.score.get_parameter("projection"), std=history**-0.5)

    def forward(
        self,
        query: Float[Tensor, "B Q N"],
        key: Float[Tensor, "B K N"],
        value: Float[Tensor, "B K V"],
        mask: Mask,
        looks: bool = False,
    ) -> tuple[Float[Tensor, "B Q V"], Float[Tensor, "B Q K"] | None]:
        """What was read, and the weights if asked."""
        score = self.score()
        assert isinstance(score, SymmetricReLU)
        # A dot product of few features spares copies of long histories (the contract's rule 5).
        form = score.lower(query, key)
        read: Any = partial(attend, form.query, form.key, value, score="dot", mask=mask)
        return read(return_weights=True) if looks else (read(), None)


class Levels(nn.Module):
    """A text read twice: low and high understanding, ``(B, T, 2H)`` each."""

    def __init__(self, features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.low = Recurrent(features, hidden, "lstm", dropout)
        self.high = Recurrent(2 * hidden, hidden, "lstm", dropout)

    def forward(self, words: Float[Tensor, "B T F"], text: Text) -> tuple[Tensor, Tensor]:
        low = self.low(words, text.lengths)
        return low, self.high(low, text.lengths)


def begin_alike(passage: Levels, question: Levels) -> None:
    """Let the passage's LSTMs begin with the weights of the question's, so that like words among
    like words have like histories, which is what ``Aware`` looks for; what the passage alone reads
    begins quieter."""
    theirs = dict(question.named_parameters())
    with torch.no_grad():
        for name, weight in passage.named_parameters():
            width = theirs[name].shape[-1]
            weight[..., :width] = theirs[name]
            weight[..., width:] /= LOUDER


class Pointers(nn.Module):
    """The first word from the question, the last word from the question and the first.

        u = Σ_i β_i q_i,  β = softmax(wᵀ q_i);   p_start = softmax(uᵀ W_S c_i)
        v = GRU(u, Σ_i p_start,i c_i);           p_end = softmax(vᵀ W_E c_i)

    Source:  Huang et al. 2018 (arXiv:1711.07341), §3.1, "Output"
    Departs: none
    """

    def __init__(self, features: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.asked = nn.Parameter(torch.empty(1, features).uniform_(-1, 1) / features**0.5)
        self.start = LearnedScore("bilinear", features)
        self.end = LearnedScore("bilinear", features)
        self.cell = nn.GRUCell(features, features)

    def forward(self, passage: Read, question: Read) -> tuple[Tensor, Tensor]:
        """Logits ``(B, C)`` of the first and of the last word."""
        words, asked = self.dropout(passage.words), self.dropout(question.words)
        of_question, of_passage = padding(question.lengths), padding(passage.lengths)
        queries = self.asked.expand(len(asked), 1, -1)
        u = attend(queries, asked, asked, score="dot", mask=of_question)
        starts = self.start()(u, words)
        first = weights(u, words, score=self.start(), mask=of_passage) @ words
        v = self.cell(first[:, 0], u[:, 0])[:, None]
        ends = self.end()(v, words)
        lengths = passage.lengths
        return within(starts[:, 0], lengths), within(ends[:, 0], lengths)
