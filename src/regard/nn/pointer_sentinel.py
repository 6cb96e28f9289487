"""The pointer sentinel: attention over the last words, whose weights are a part of the output."""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.attention import weights
from regard.errors import ShapeError
from regard.grid import TORCH, Grid, shape_text
from regard.masks import dense, window
from regard.nn.refusals import sizes
from regard.nn.source import expect
from regard.witness import WITNESSES, told

SMALL = 0.1
"""Of a feature of b at first, without its sign."""


class LastWords(NamedTuple):
    """What a stretch leaves for the next: the states ``(B, M, H)`` after the last M words, which
    are less than L, and these words ``(B, M)``."""

    hidden: Tensor
    words: Tensor


class PointerSentinelWeights(NamedTuple):
    """Where each of T states points.

    Attributes:
        log_gate: ``(B, T)``, log g (nats): what is left to the vocabulary.
        log_weights: ``(B, T, K)``, log a (nats) of the K words that are there, −∞ for those that
            are no more, or not yet, in the window.
        words: ``(B, K)``, these words.
    """

    log_gate: Tensor
    log_weights: Tensor
    words: Tensor

    def log_share(self, truth: Int[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        """log Σ_{i: x_i = y} a_i of a word y for each state (nats); −∞ where it is not there."""
        same = self.words[:, None] == truth[..., None]
        found = torch.where(same, self.log_weights, -math.inf)
        there = (found > -math.inf).any(-1, keepdim=True)
        # A row of −∞ has gradients of NaN: it is given numbers, and what comes of them is dropped.
        total = torch.where(there, found, 0.0).logsumexp(-1, keepdim=True)
        return torch.where(there, total, -math.inf)[..., 0]

    def shares(self, vocabulary: int) -> Float[Tensor, "B T N"]:
        """Σ_{i: x_i = y} a_i of every word y."""
        given = self.log_weights.exp()
        places = self.words[:, None].expand(given.shape)
        none = given.new_zeros(*given.shape[:-1], vocabulary)
        return none.scatter_add(-1, places, given)


class PointerSentinel(nn.Module):
    """The pointer of a pointer sentinel mixture: it points at one of the last L words, or at a
    sentinel, which leaves the word to the vocabulary.

        q_t = tanh(W h_t + b),   z_i = q_tᵀ h_i  of the words x_i, t − L < i ≤ t
        [a; g] = softmax([z; q_tᵀ s])             s learned, the sentinel
        p(y) = g p_vocabulary(y) + Σ_{i: x_i = y} a_i

    h_i is the state that has read x_i, and h_t predicts x_{t+1}.

    Source:  Merity et al. 2017 (arXiv:1609.07843), §2.2–2.3
    Departs: at first b and s are such that g is about a half, where the window is full; with s near
             0, g is 1/(L + 1), and learning begins with shutting the pointer off. The first words
             of a text have fewer than L to point at; the paper does not say what is done there
    Cost:    O(T·(T + L)·H) time; memory O(T·(T + L))

    Args:
        features: H, of the states.
        window: L, how many words can be pointed at (100 in the paper).

    Raises:
        RangeError: a size below 1.

    >>> import torch
    >>> pointer = PointerSentinel(4, window=2)
    >>> _ = nn.init.zeros_(pointer.sentinel)
    >>> found, last = pointer(torch.zeros(1, 3, 4), torch.tensor([[7, 8, 7]]))
    >>> found.log_share(torch.tensor([[8, 8, 8]])).exp()
    tensor([[0.0000, 0.3333, 0.3333]], grad_fn=<ExpBackward0>)
    >>> found.log_gate.exp(), last.words
    (tensor([[0.5000, 0.3333, 0.3333]], grad_fn=<ExpBackward0>), tensor([[7]]))
    """

    def __init__(self, features: int, window: int = 100) -> None:
        super().__init__()
        sizes("PointerSentinel", features=features, window=window)
        self.features, self.window = features, window
        self.query = nn.Linear(features, features)
        self.sentinel = nn.Parameter(torch.empty(features))
        # States are near 0 at first, so q is tanh(b), and qᵀs what makes g a half of a full window.
        with torch.no_grad():
            sign = torch.randint(2, (features,)) * 2.0 - 1
            self.query.bias.copy_(SMALL * sign)
            self.sentinel.copy_(math.log(window + 1) / (math.tanh(SMALL) * features) * sign)

    def begin(self, batch: int) -> LastWords:
        """Before the first word: nothing to point at."""
        empty = self.sentinel.new_zeros(batch, 0, self.features)
        return LastWords(empty, torch.zeros(batch, 0, dtype=torch.long, device=empty.device))

    def forward(
        self,
        hidden: Float[Tensor, "B T H"],
        words: Int[Tensor, "B T"],
        last: LastWords | None = None,
    ) -> tuple[PointerSentinelWeights, LastWords]:
        """Where each state points, and what to give to the next call.

        Padding may only stand behind a row's words: no state points at what comes after it.

        Args:
            hidden: h.
            words: x, the numbers of the words that were read.
            last: of the call before, where the text goes on; None: it begins.

        Raises:
            ShapeError: states of other features, or another number of words than states.
        """
        expect(hidden, 3, self.features, "hidden (B, T, H)")
        if words.shape != hidden.shape[:2]:
            raise ShapeError(
                f"words are (B, T) = {shape_text(tuple(hidden.shape[:2]))}, one for each state, "
                f"and they are {shape_text(tuple(words.shape))}"
            )
        last = self.begin(len(words)) if last is None else last
        hidden_all = torch.cat([last.hidden.to(hidden.dtype), hidden], 1)
        words_all = torch.cat([last.words, words], 1)
        logs = self._log_weights(hidden, hidden_all)
        if WITNESSES:
            told(logs[..., 1:].exp())
        kept = max(hidden_all.shape[1] - (self.window - 1), 0)
        return (
            PointerSentinelWeights(logs[..., 0], logs[..., 1:], words_all),
            LastWords(hidden_all[:, kept:], words_all[:, kept:]),
        )

    def _log_weights(self, hidden: Tensor, past: Tensor) -> Tensor:
        """log of [g; a], ``(B, T, 1 + K)``, the sentinel first."""
        key = torch.cat([self.sentinel.to(past.dtype).expand(len(past), 1, -1), past], 1)
        sentinel = torch.zeros(1, key.shape[1], dtype=torch.bool, device=key.device)
        sentinel[:, 0] = True
        mask = window(before=self.window - 1, after=0) | dense(sentinel)
        raw: Any = weights(
            self.query(hidden).tanh(), key, score="dot", mask=mask, normalizer=_as_they_are
        )
        *batch, queries, keys = raw.shape
        grid = Grid(
            tuple(batch), queries, keys, range(queries), range(keys), TORCH, device=raw.device
        )
        seen: Bool[Tensor, "T K"] = torch.as_tensor(mask.tile(grid))
        wide = raw.to(torch.promote_types(raw.dtype, torch.float32))
        return torch.where(seen, wide, -math.inf).log_softmax(-1)


def _as_they_are(scores: Any, allowed: Any) -> Any:
    return scores  # the logarithm of a weight that is 0 in floating point would be lost
