"""Two texts that look at each other: the attention flow of BiDAF, and QANet's form of it."""

from typing import Any, Literal, NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.errors import UnknownName
from regard.nn.learned_score import LearnedScore
from regard.nn.refusals import sizes
from regard.nn.source import cleared, expect, expect_rows, lengths_of
from regard.normalizers import softmax
from regard.scores import AnyScore
from regard.witness import told

Back = Literal["max", "columns"]


class Flow(NamedTuple):
    """What two texts read of each other; rows of padding are 0.

    Attributes:
        question: ũ or A ``(B, C, F)``, what each word of the passage read in the question.
        passage: h̃ ``(B, 1, F)``, or B ``(B, C, F)``: what the question read in the passage.
        over_question: the weights of the first, ``(B, C, Q)``.
        over_passage: those of the second, ``(B, 1, C)``, or the columns' weights ``(B, Q, C)``.
    """

    question: Tensor
    passage: Tensor
    over_question: Tensor
    over_passage: Tensor


class AttentionFlow(nn.Module):
    """A passage reads a question, and the question reads the passage, by the same scores.

        S_tj = score(h_t, u_j),   S̄ = softmax_j(S),   ũ_t = Σ_j S̄_tj u_j
        b = softmax_t(max_j S_tj),   h̃ = Σ_t b_t h_t                        back="max"
        S̿ = softmax_t(S),   B = S̄ S̿ᵀ h                                      back="columns"

    Source:  Seo et al. 2017 (arXiv:1611.01603), §2, layer 4, for "max"; Xiong, Zhong, Socher 2017
             (arXiv:1611.01604), §2.2, in the form of Yu et al. 2018 (arXiv:1804.09541), §2.2, for
             "columns"
    Departs: h̃ is given once, ``(B, 1, F)``, and not repeated for each word of the passage; of a
             trilinear score w₃ begins with 1 and not at random, so that the first scores are inner
             products and like words find each other: scores near 0 would begin as means, and what
             reads them learns to do without them
    Cost:    O(C·Q·F) time; the C × Q scores are kept, for both directions need them

    Args:
        features: F, of a word of the passage and of the question.
        score: as in ``nn.Attention``, of a word of the passage (the query) and one of the
            question (the key); w₁ of "trilinear" is the question's then.
        back: how the question reads the passage.

    Raises:
        RangeError: features below 1.
        UnknownName: another ``back``, or no score is called so.

    >>> flow = AttentionFlow(4)
    >>> found = flow(torch.zeros(1, 3, 4), torch.zeros(1, 2, 4))
    >>> found.question.shape, found.passage.shape, found.over_passage.tolist()[0][0][:2]
    (torch.Size([1, 3, 4]), torch.Size([1, 1, 4]), [0.333..., 0.333...])
    """

    def __init__(
        self, features: int, *, score: AnyScore | str = "trilinear", back: Back = "max"
    ) -> None:
        super().__init__()
        sizes("AttentionFlow", features=features)
        if back not in ("max", "columns"):
            raise UnknownName(f"back of AttentionFlow is 'max' or 'columns': {back!r}")
        self.features: int = features
        self.back: Back = back
        self.score = LearnedScore(score, features)
        if score == "trilinear":
            begin_as_products(self.score)

    def forward(
        self,
        passage: Float[Tensor, "B C F"],
        question: Float[Tensor, "B Q F"],
        passage_lengths: Int[Tensor, " B"] | list[int] | None = None,
        question_lengths: Int[Tensor, " B"] | list[int] | None = None,
    ) -> Flow:
        """What both read.

        Args:
            passage, question: vectors of their words.
            passage_lengths, question_lengths: how many words of each row count; None: all. A row
                without words reads nothing and is not read: its results are 0.

        Raises:
            ShapeError: other features, or rows that are not of one batch.
            KindError: lengths that are not integers.
        """
        expect(passage, 3, self.features, "passage (B, C, F)")
        expect(question, 3, self.features, "question (B, Q, F)")
        expect_rows(passage, question=question)
        lengths = lengths_of(passage, passage_lengths)
        others = lengths_of(question, question_lengths)
        passage, question = cleared(passage, lengths), cleared(question, others)
        here, there = _within(passage, lengths), _within(question, others)
        scores: Any = self.score()(self.score.query(passage), self.score.key(question))
        over_question = cleared(cast(Tensor, softmax(scores, there)), lengths)
        if self.back == "max":
            over_passage = _of_the_largest(scores, here, there)
            read = over_passage @ passage
        else:
            over_passage = cleared(cast(Tensor, softmax(scores.mT, here)), others)
            read = over_question @ (over_passage @ passage)
        return Flow(over_question @ question, read, told(over_question), told(over_passage))

    def extra_repr(self) -> str:
        return f"{self.features}, back={self.back!r}"


def begin_as_products(score: LearnedScore, scale: float = 1.0) -> None:
    """Let a trilinear score begin as an inner product, times ``scale``."""
    nn.init.constant_(score.get_parameter("product_weight"), scale)


def _within(array: Tensor, lengths: Tensor) -> Bool[Tensor, "B 1 N"]:
    places = torch.arange(array.shape[1], device=array.device)
    return (places < lengths[:, None])[:, None]


def _of_the_largest(scores: Tensor, here: Tensor, there: Tensor) -> Float[Tensor, "B 1 C"]:
    """Weights over the passage, of each word's largest score with a word of the question."""
    if not scores.shape[-1]:
        return scores.new_zeros(len(scores), 1, scores.shape[1])
    # The lowest number and not −∞: a question of no words makes weights that are then hidden.
    lowest = torch.finfo(scores.dtype).min
    largest = scores.masked_fill(~there, lowest).amax(-1)
    seen = here & there.any(-1, keepdim=True)
    return cast(Tensor, softmax(largest[:, None], seen))
