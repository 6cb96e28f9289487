"""Hard attention: one place, drawn from the weights, and a loss that teaches where to look."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.attention import weights
from regard.errors import KindError, RangeError, ShapeError
from regard.grid import shape_text
from regard.masks import Mask
from regard.nn.learned_score import LearnedScore
from regard.nn.source import Source, expect, expect_rows
from regard.scores import AnyScore
from regard.witness import told


class Look(NamedTuple):
    """What hard attention looked at, and what its loss needs to know.

    context ``(B, Q, V)`` · weights α ``(B, Q, K)`` · sample s̃ ``(B, Q, K)``, what stood in the
    place of the weights: 1 at the place drawn, or α · log_prob, log p(s̃) ``(B, Q)`` (nats) ·
    entropy of α ``(B, Q)`` (nats) · expected ``(B,)``, whether s̃ is α in this row
    """

    context: Tensor
    weights: Tensor
    sample: Tensor
    log_prob: Tensor
    entropy: Tensor
    expected: Tensor


class HardAttention(nn.Module):
    """Hard attention of Show, Attend and Tell, trained with REINFORCE.

        α = softmax(score(q, k)),   s̃ ~ Multinoulli(α),   context = Σ_i s̃_i v_i
        loss = −λ_r (log p(y | s̃) − b) log p(s̃) − λ_e H[α],   log p(s̃) = Σ_i s̃_i log α_i
        b ← 0.9 b + 0.1 log p(y | s̃)

    ``loss`` is to be added to the negative log-likelihood −log p(y | s̃) of the row, which has the
    gradient of everything but the choice of the place. In training, with probability ½ per row, s̃
    is not drawn but its expectation α. Such a row learns through the context, as soft attention
    does, and the term with λ_r has no gradient there: Σ_i α_i ∂log α_i = ∂ Σ_i α_i = 0, the α_i
    before the logarithm being a sample, which is held fixed. In evaluation s̃ is the likeliest
    place.

    Source:  Xu et al. 2015 (arXiv:1502.03044), §4.1, eq. 10–12 and those after them
    Departs: b is that of the batches before: a baseline that has seen the sample it is subtracted
             from would bias the gradient. In b the mean over a batch's rows is log p(y | s̃_k). λ_r
             and λ_e, which the paper leaves open, are 1 and 0.002 (its authors' code) unless given.
    Cost:    O(Q·K·D) time, O(Q·K) memory for weights and samples

    Args:
        query_features: E.
        key_features: F; None: E.
        score: as in ``nn.Attention``; additive in the paper.
        features: D of the additive scores; None: E.
        places: of the location score, the largest number of keys.
        expectation: the probability with which a row takes α for s̃ in training.
        reward_weight: λ_r.
        entropy_weight: λ_e.

    Raises:
        RangeError: an expectation outside [0, 1], a size below 1.

    >>> attention = HardAttention(4, 6)
    >>> look = attention(torch.randn(2, 3, 4), torch.randn(2, 5, 6))
    >>> look.context.shape, look.log_prob.shape
    (torch.Size([2, 3, 6]), torch.Size([2, 3]))
    >>> log_likelihood = -look.context.square().sum((1, 2))  # of y; a model's, here a toy's
    >>> term = attention.loss(log_likelihood, look.log_prob, look.entropy)
    >>> (term - log_likelihood).mean().backward()
    """

    baseline: Tensor

    def __init__(
        self,
        query_features: int,
        key_features: int | None = None,
        *,
        score: AnyScore | str = "additive",
        features: int | None = None,
        places: int | None = None,
        expectation: float = 0.5,
        reward_weight: float = 1.0,
        entropy_weight: float = 0.002,
    ) -> None:
        super().__init__()
        if not 0.0 <= expectation <= 1.0:
            raise RangeError(f"expectation is a probability, 0 ≤ p ≤ 1, and it is {expectation}")
        self.query_features = query_features
        self.key_features = query_features if key_features is None else key_features
        self.score = LearnedScore(
            score, query_features, self.key_features, features=features, places=places
        )
        self.expectation = expectation
        self.reward_weight, self.entropy_weight = reward_weight, entropy_weight
        self.register_buffer("baseline", torch.zeros(()))

    def begin(
        self,
        key: Float[Tensor, "B K F"],
        value: Float[Tensor, "B K V"] | None = None,
        lengths: Int[Tensor, " B"] | list[int] | None = None,
    ) -> Source:
        """The source made ready, with its keys projected: once for all steps of a decoder.

        Args:
            key: annotations of the source.
            value: what contexts are made of; None: the keys.
            lengths: how many keys of each row count (tokens); None: all.

        Raises:
            ShapeError: shapes that do not fit; the message has the pattern and the shapes.
            KindError: lengths that are not integers.
        """
        expect(key, 3, self.key_features, "key (B, K, F)")
        return Source.of(self.score, key, value, lengths)

    def coins(self, source: Source) -> Bool[Tensor, " B"]:
        """Which rows take α for s̃, drawn anew; all False in evaluation. The paper throws one coin
        for a whole caption: a decoder draws them once and gives them to each ``read``."""
        chance = self.expectation if self.training else 0.0
        return torch.rand(len(source.key), device=source.key.device) < chance

    def read(
        self,
        query: Float[Tensor, "B Q E"],
        source: Source,
        *,
        mask: Mask | None = None,
        expected: Bool[Tensor, " B"] | None = None,
    ) -> Look:
        """``forward`` with a source that ``begin`` has made ready."""
        expect(query, 3, self.query_features, "query (B, Q, E)")
        expect_rows(source.key, query=query)
        expected = self.coins(source) if expected is None else expected
        if expected.dtype != torch.bool or expected.shape != source.lengths.shape:
            raise KindError(
                f"expected is one boolean per row of the batch, ({len(query)},), and it is "
                f"{expected.dtype} {shape_text(tuple(expected.shape))}"
            )
        alpha = weights(
            self.score.query(query),
            source.key,
            score=self.score(),
            mask=source.mask if mask is None else source.mask & mask,
        )
        assert isinstance(alpha, Tensor)
        sample = torch.where(expected[:, None, None], alpha, self._place(alpha.detach()))
        # Keys that a mask hides from all queries may hold NaN, and 0 · NaN is NaN.
        used = (alpha.detach() > 0).any(-2, keepdim=True).mT
        value = torch.where(used, source.value, 0.0)
        logs = torch.where(alpha > 0, alpha, 1.0).log()
        return Look(
            sample.to(value.dtype) @ value,
            alpha,
            told(sample),
            (sample.detach() * logs).sum(-1),
            -(alpha * logs).sum(-1),
            expected,
        )

    def forward(
        self,
        query: Float[Tensor, "B Q E"],
        key: Float[Tensor, "B K F"],
        value: Float[Tensor, "B K V"] | None = None,
        *,
        lengths: Int[Tensor, " B"] | list[int] | None = None,
        mask: Mask | None = None,
        expected: Bool[Tensor, " B"] | None = None,
    ) -> Look:
        """What the queries look at, each at one place.

        Args:
            lengths: how many keys of each row count (tokens); None: all.
            mask: which keys a query may see, besides; True = may attend.
            expected: which rows take α for the sample; None: ``coins``.

        Raises:
            ShapeError: shapes that do not fit.
            KindError: expected is not one boolean per row.
        """
        return self.read(query, self.begin(key, value, lengths), mask=mask, expected=expected)

    def loss(
        self,
        log_likelihood: Float[Tensor, " B"],
        log_prob: Float[Tensor, "B ..."],
        entropy: Float[Tensor, "B ..."],
    ) -> Float[Tensor, " B"]:
        """What is added to −log p(y | s̃) of each row; in training the baseline moves on.

        Args:
            log_likelihood: log p(y | s̃) (nats); held fixed here.
            log_prob, entropy: of all looks of a row, summed or not.

        Raises:
            ShapeError: not one number, or one per look, for each row of the batch.
        """
        rows = log_likelihood.shape
        if log_likelihood.ndim != 1 or not rows == log_prob.shape[:1] == entropy.shape[:1]:
            raise ShapeError(
                "loss wants log_likelihood (B,), log_prob (B, …) and entropy (B, …), and got "
                + ", ".join(shape_text(tuple(x.shape)) for x in (log_likelihood, log_prob, entropy))
            )
        reward = log_likelihood.detach() - self.baseline
        if self.training and len(reward):
            with torch.no_grad():
                self.baseline.mul_(0.9).add_(0.1 * log_likelihood.mean())
        log_prob, entropy = (x.reshape(len(x), -1).sum(1) for x in (log_prob, entropy))
        return -self.reward_weight * reward * log_prob - self.entropy_weight * entropy

    def _place(self, alpha: Float[Tensor, "B Q K"]) -> Float[Tensor, "B Q K"]:
        """1 at one place of each row, drawn or the likeliest; nowhere, where all is 0."""
        if not alpha.shape[-1]:
            return alpha
        if self.training:
            # The first of K exponential clocks with these rates; one of rate 0 never rings.
            ranks = alpha / torch.empty_like(alpha, dtype=torch.float32).exponential_()
        else:
            ranks = alpha
        chosen = torch.zeros_like(alpha).scatter(-1, ranks.argmax(-1, keepdim=True), 1.0)
        return chosen * (alpha > 0)
