"""The machine reader: an LSTM that attends to its own past."""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.attention import attend
from regard.nn.refusals import sizes
from regard.nn.source import cleared, expect, expect_rows, lengths_of
from regard.scores import Additive


class LSTMNState(NamedTuple):
    """The tape of t tokens, keys W_h h_i ``(B, t, D)`` and memories [h_i; c_i] ``(B, t, 2H)``, and
    what was last read of it, h̃ ``(B, H)``."""

    key: Tensor
    memory: Tensor
    attended: Tensor


class LSTMNStep(NamedTuple):
    """h_t and c_t ``(B, H)``, the state after them, and the weights ``(B, t − 1)`` over the past
    tokens if they were asked."""

    hidden: Tensor
    cell: Tensor
    state: LSTMNState
    weights: Tensor | None


class LSTMNRead(NamedTuple):
    """h and c of T tokens ``(B, T, H)``, the state after them, and the weights ``(B, T, P + T)``
    over P tokens before and these, if they were asked."""

    hidden: Tensor
    cell: Tensor
    state: LSTMNState
    weights: Tensor | None


class LSTMN(nn.Module):
    """The machine reader: an LSTM whose memory is a tape of all past states, read by attention.

        a_i = vᵀ tanh(W_h h_i + W_x x_t + W_h̃ h̃_{t−1}),  i < t
        s   = softmax(a)
        h̃_t = Σ_i s_i h_i,   c̃_t = Σ_i s_i c_i
        i_t, f_t, o_t = σ(W [h̃_t, x_t]),   ĉ_t = tanh(W [h̃_t, x_t])
        c_t = f_t ∘ c̃_t + i_t ∘ ĉ_t
        h_t = o_t ∘ tanh(c_t)

    Source:  Cheng, Dong, Lapata 2016 (arXiv:1601.06733), §3.1
    Departs: the first token, which has no past, reads zeros (h̃_1 = c̃_1 = 0, and h̃_0 = 0: the
             paper says nothing of it); the gates have a bias, as torch's LSTM does. One layer:
             the stack of §3.1 and the fusions of §3.2 are not part of it.
    Cost:    O(T²·(D + H)) time; memory O(T·(D + H)), for the tape is not copied from token to token
             (``step`` copies it); in training the engine keeps at most 4 MiB more of each token

    Args:
        features: E, of x_t.
        hidden: H.
        score_features: D; None: H.
        window: how many of the last tokens are read at most, and kept on the tape; None: all, as in
            the paper.

    Raises:
        RangeError: a size below 1.

    >>> import torch
    >>> reader = LSTMN(3, 4)
    >>> hidden, cell, weights = reader(torch.zeros(1, 3, 3), return_weights=True)
    >>> hidden.shape, weights[0, 1]
    (torch.Size([1, 3, 4]), tensor([1., 0., 0.], grad_fn=<SelectBackward0>))
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        score_features: int | None = None,
        window: int | None = None,
    ) -> None:
        super().__init__()
        score_features = hidden if score_features is None else score_features
        sizes("LSTMN", features=features, hidden=hidden, score_features=score_features)
        if window is not None:
            sizes("LSTMN", window=window)
        self.features, self.hidden, self.window = features, hidden, window
        self.key = nn.Linear(hidden, score_features, bias=False)
        self.query_input = nn.Linear(features, score_features, bias=False)
        self.query_attended = nn.Linear(hidden, score_features, bias=False)
        self.weight = nn.Parameter(torch.empty(score_features).uniform_(-1, 1))
        self.gates_input = nn.Linear(features, 4 * hidden)
        self.gates_attended = nn.Linear(hidden, 4 * hidden, bias=False)
        with torch.no_grad():
            self.weight /= math.sqrt(score_features)

    def begin(self, batch: int) -> LSTMNState:
        """The state before the first token: an empty tape, in the dtype of the parameters."""
        empty = self.weight.new_zeros
        return LSTMNState(
            empty(batch, 0, len(self.weight)),
            empty(batch, 0, 2 * self.hidden),
            empty(batch, self.hidden),
        )

    def step(
        self, token: Float[Tensor, "B E"], state: LSTMNState, *, return_weights: bool = False
    ) -> LSTMNStep:
        """One token further: ``token`` is x_t.

        Raises:
            ShapeError: a token of other features, or a state of another batch.
        """
        expect(token, 2, self.features, "token (B, E)")
        expect_rows(state.key, token=token)
        attended, memory, weights = self._read(
            self.query_input(token), self.gates_input(token), state, return_weights
        )
        hidden, cell = memory.chunk(2, -1)
        key = _longer(state.key, self.key(hidden))
        tape = _longer(state.memory, memory)
        return LSTMNStep(hidden, cell, self._kept(LSTMNState(key, tape, attended)), weights)

    def forward(
        self,
        tokens: Float[Tensor, "B T E"],
        lengths: Int[Tensor, " B"] | list[int] | None = None,
        *,
        return_weights: bool = False,
    ) -> tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]:
        """h and c of every token, both ``(B, T, H)``, and the weights ``(B, T, T)`` if asked: row
        t over the tokens before t, so zero on the diagonal and above it.

        Args:
            tokens: x.
            lengths: how many tokens each row has; behind them all results are 0. None: all T.
            return_weights: give the weights too.

        Raises:
            ShapeError: tokens of other features, or another number of lengths than rows.
            KindError: lengths that are not integers.
        """
        expect(tokens, 3, self.features, "tokens (B, T, E)")
        lengths = lengths_of(tokens, lengths)
        found = self.read(cleared(tokens, lengths), return_weights=return_weights)
        hidden, cell = cleared(torch.cat(found[:2], -1), lengths).chunk(2, -1)
        if found.weights is None:
            return hidden, cell
        return hidden, cell, cleared(found.weights, lengths)

    def read(
        self,
        tokens: Float[Tensor, "B T E"],
        state: LSTMNState | None = None,
        *,
        return_weights: bool = False,
    ) -> LSTMNRead:
        """Several tokens further: ``step`` again and again, without a copy of the tape at each.

        Args:
            tokens: x.
            state: after the tokens before; None: these are the first.
            return_weights: give the weights too.

        Raises:
            ShapeError: tokens of other features, or a state of another batch.
        """
        expect(tokens, 3, self.features, "tokens (B, T, E)")
        state = self.begin(len(tokens)) if state is None else state
        expect_rows(state.key, tokens=tokens)
        (batch, count), past = tokens.shape[:2], state.key.shape[1]
        queries, gates, rows = self.query_input(tokens), self.gates_input(tokens), []
        keys, memories = (x.new_empty(batch, past + count, x.shape[-1]) for x in state[:2])
        for memory, tape in zip((keys, memories), state[:2], strict=True):
            memory[:, :past] = tape.detach()
        # torch.func sees no memory that is shared.
        write: Any = _longer if torch._C._are_functorch_transforms_active() else _Written.apply
        for t in range(count):
            seen = self._kept(state)
            attended, memory, row = self._read(queries[:, t], gates[:, t], seen, return_weights)
            key = self.key(memory[:, : self.hidden])
            state = LSTMNState(
                write(state.key, key, keys), write(state.memory, memory, memories), attended
            )
            if row is not None:
                lost = past + t - seen.key.shape[1]
                rows.append(nn.functional.pad(row, (lost, count - t)))
        hidden, cell = state.memory[:, past:].chunk(2, -1)
        weights = None
        if return_weights:
            weights = torch.stack(rows, 1) if rows else tokens.new_zeros(batch, 0, past)
        return LSTMNRead(hidden, cell, self._kept(state), weights)

    def _kept(self, state: LSTMNState) -> LSTMNState:
        """The state with as much of the tape as is read."""
        if self.window is None or state.key.shape[1] <= self.window:
            return state
        key, memory = (tape[:, -self.window :] for tape in state[:2])
        return LSTMNState(key, memory, state.attended)

    def _read(
        self, query: Tensor, gates: Tensor, state: LSTMNState, return_weights: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """h̃_t, [h_t; c_t] and the weights, from W_x x_t and the token's part of the gates."""
        found: Any = attend(
            (query + self.query_attended(state.attended))[:, None],
            state.key,
            state.memory,
            score=Additive(self.weight),
            return_weights=return_weights,
        )
        read, weights = found if return_weights else (found, None)
        attended, past = read[:, 0].chunk(2, -1)
        put, keep, show, new = (gates + self.gates_attended(attended)).chunk(4, -1)
        cell = keep.sigmoid() * past + put.sigmoid() * new.tanh()
        hidden = show.sigmoid() * cell.tanh()
        memory = torch.cat([hidden, cell], -1)
        return attended, memory, None if weights is None else weights[:, 0]


def _longer(tape: Tensor, row: Tensor, memory: Tensor | None = None) -> Tensor:
    """A copy of the tape with one row more."""
    return torch.cat([tape, row[:, None]], 1)


class _Written(torch.autograd.Function):
    """A tape with one row more, in memory that was set aside for all of them.

    To autograd each length of the tape is a tensor of its own, though all share one memory: a row
    that is written lies behind what the earlier ones show. Copies would be quadratic in T.
    """

    @staticmethod
    def forward(ctx: Any, tape: Tensor, row: Tensor, memory: Tensor) -> Tensor:  # noqa: ARG004
        count = tape.shape[1]
        memory.data[:, count] = row
        return memory.data[:, : count + 1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ARG004
        (gradient,) = gradients
        return gradient[:, :-1], gradient[:, -1], None
