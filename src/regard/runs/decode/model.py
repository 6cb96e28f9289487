"""What a search asks of a model."""

from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.data.vocabulary import BEGIN, PAD


class Decoder(Protocol):
    """A model that says, step by step, what comes next.

    ``begin`` reads sources ``(B, S)``, or images, once; with ``copies``, where a model can copy
    words that it does not know. ``step`` takes the last tokens ``(B,)`` and gives log-probabilities
    ``(B, N)`` of the next (nats), the state after, and the weights ``(B, S)`` with which the next
    token is written. A state is a tree that ``select`` can take rows of.
    """

    def begin(self, source: Tensor, lengths: Tensor, /) -> Any: ...
    def step(self, tokens: Tensor, state: Any, /) -> tuple[Tensor, Any, Tensor]: ...


def begun(model: Any, source: Tensor, lengths: Tensor, copies: Any) -> Any:
    """The state before the first token."""
    if copies is None:
        return model.begin(source, lengths)
    return model.begin(source, lengths, copies)


def stepped(
    model: Decoder, tokens: Int[Tensor, " R"], state: Any
) -> tuple[Float[Tensor, "R N"], Any, Float[Tensor, "R S"]]:
    """A step of the model, where padding and BEGIN, which are no words, cannot come next: they are
    struck out of what the model gave, in place."""
    log_probabilities, state, weights = model.step(tokens, state)
    never = torch.tensor((PAD, BEGIN), device=tokens.device)
    return log_probabilities.float().index_fill_(1, never, -torch.inf), state, weights
