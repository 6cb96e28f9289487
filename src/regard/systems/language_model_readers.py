"""What reads a text word after word: a stack of LSTMs, or the machine reader."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.nn.lstm import LSTM
from regard.nn.lstmn import LSTMN


class Read(NamedTuple):
    """The states ``(B, T, H)`` of T words, what the next words need, and of the machine reader the
    weights ``(B, T, P + T)`` over P words before and these, if they were asked."""

    hidden: Tensor
    state: Any
    weights: Tensor | None = None


class StackState(NamedTuple):
    """h and c of every layer, ``(B, layers, H)``."""

    hidden: Tensor
    cell: Tensor


class Stack(nn.Module):
    """LSTMs on one another, with dropout between.

    Args:
        features: E, of a word's vector.
        hidden: H.
        layers: how many.
        dropout: probability with which a feature is dropped between layers, in training.
    """

    def __init__(self, features: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.lstm = LSTM(
            features, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0
        )

    def forward(
        self, words: Float[Tensor, "B T E"], state: StackState | None, *, weights: bool = False
    ) -> Read:
        """The states of words that follow those of ``state``; None: that begin. There are no
        weights."""
        before = None
        if state is not None:
            before = tuple(part.to(words.dtype).transpose(0, 1).contiguous() for part in state)
        hidden, after = self.lstm(words, before)
        return Read(hidden, StackState(*(part.transpose(0, 1) for part in after)))


class MachineReader(nn.Module):
    """``nn.LSTMN`` over the last ``window`` words."""

    def __init__(self, features: int, hidden: int, window: int) -> None:
        super().__init__()
        self.lstmn = LSTMN(features, hidden, window=window)

    def forward(self, words: Float[Tensor, "B T E"], state: Any, *, weights: bool = False) -> Read:
        """As ``Stack``'s, with weights if asked."""
        found = self.lstmn.read(words, state, return_weights=weights)
        return Read(found.hidden, found.state, found.weights)


def detached(state: Any) -> Any:
    """A tree of tuples and tensors without its history: no gradient goes back into it."""
    if isinstance(state, Tensor):
        return state.detach()
    if isinstance(state, tuple):
        parts = [detached(part) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return state


def moved(state: Any, device: torch.device) -> Any:
    """The same on a device."""
    if isinstance(state, Tensor):
        return state.to(device)
    if isinstance(state, tuple):
        parts = [moved(part, device) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return state
