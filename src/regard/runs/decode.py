"""From a model that knows the next token to a whole text: the searches.

A model is anything with ``begin(source, lengths) -> state`` and
``step(tokens, state) -> (log_probabilities, state, weights)``.
"""

from typing import Any, NamedTuple, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.data.vocabulary import BEGIN, END, PAD


class Decoder(Protocol):
    """What a search needs of a model."""

    def begin(self, source: Tensor, lengths: Tensor) -> Any: ...
    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any, Tensor]: ...


class Decoded(NamedTuple):
    """Tokens ``(B, T)`` (PAD behind END), the log-probability ``(B,)`` of each row (nats), and
    for every token the weights ``(B, T, S)`` over the source with which it was written."""

    tokens: Int[Tensor, "B T"]
    log_probability: Float[Tensor, " B"]
    weights: Float[Tensor, "B T S"]


@torch.inference_mode()
def greedy(
    model: Decoder, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"], max_length: int
) -> Decoded:
    """The likeliest token, again and again, until END or ``max_length`` tokens.

    Cost: one step of the model a token of the longest result.
    """
    state = model.begin(source, lengths)
    last = torch.full_like(lengths, BEGIN)
    ended = torch.zeros_like(lengths, dtype=torch.bool)
    total = torch.zeros(len(lengths), device=source.device)
    tokens, weights = [], []
    while len(tokens) < max_length and not bool(ended.all()):
        log_probabilities, state, weight = model.step(last, state)
        # Padding and BEGIN are no words: a model that favours them is not to be followed.
        log_probabilities[:, [PAD, BEGIN]] = -torch.inf
        best, last = log_probabilities.max(-1)
        last = last.masked_fill(ended, PAD)
        total += best.masked_fill(ended, 0.0)
        tokens.append(last)
        weights.append(weight)
        ended = ended | (last == END)
    if not tokens:
        empty = source.new_zeros((len(lengths), 0))
        return Decoded(empty, total, torch.zeros(*empty.shape, source.shape[1]))
    return Decoded(torch.stack(tokens, 1), total, torch.stack(weights, 1))
