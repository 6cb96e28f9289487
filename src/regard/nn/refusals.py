"""Arguments that are not taken: what to write instead of torch's, and what numbers must be."""

import operator
from typing import Any

import torch
from torch import Tensor

from regard.errors import KindError, RangeError

DENSE = "masks.dense(allowed) with True = may attend, which in torch means the opposite"
PADDING = "masks.padding(lengths): lengths are how many tokens each row of the batch has"

INSTEAD = {
    "attn_mask": f"mask={DENSE}; numbers to add go to bias=biases.dense(numbers)",
    "key_padding_mask": f"mask={PADDING}",
    "is_causal": "mask=masks.causal()",
    "need_weights": "return_weights=True",
    "average_attn_weights": "return_weights=True, and weights.mean(-3): they are given per head",
    "batch_first": "nothing, for the batch is first here; transpose inputs (Q, B, E) beforehand",
    "add_bias_kv": "a learned token at the end of key and value, as torch's layer appends one",
    "add_zero_attn": "a token of zeros at the end of what read takes, or normalizer='sigmoid'",
    "src_mask": f"mask={DENSE}",
    "src_key_padding_mask": f"mask={PADDING}",
    "tgt_mask": f"mask={DENSE}; a decoder is causal without it",
    "tgt_key_padding_mask": f"mask={PADDING}",
    "tgt_is_causal": "nothing, for a decoder is causal here",
    "memory_key_padding_mask": f"memory_mask={PADDING}",
    "memory_is_causal": "memory_mask=masks.causal()",
    "enable_nested_tensor": "nothing, for there are no nested tensors here",
    "mask_check": "nothing, for there are no nested tensors here",
    "device": "layer.to(device)",
    "dtype": "layer.to(dtype)",
}
"""Arguments of torch's layers that are not taken, and what to write."""


def refuse(who: str, given: dict[str, Any]) -> None:
    """Raise ``KindError`` if there is any argument that ``who`` does not take."""
    for name in given:
        if name in INSTEAD:
            raise KindError(f"{who} does not take torch's {name}: write {INSTEAD[name]}")
        raise KindError(f"{who} has no argument called {name!r}")


def sizes(who: str, **given: Any) -> None:
    """Raise unless each is a whole number of at least 1."""
    for name, size in given.items():
        if whole(who, name, size) < 1:
            raise RangeError(f"{who} wants {name} of at least 1, and it is {size}")


def whole(who: str, name: str, number: Any) -> int:
    """A whole number as an int, or ``KindError``."""
    try:
        return operator.index(number)
    except TypeError:
        raise KindError(f"{who} wants a whole number for {name}, and got {number!r}") from None


def integers(array: Any, what: str) -> Tensor:
    """A tensor of integers, or ``KindError``; ``what`` says what it is and its shape."""
    kind = array.dtype if isinstance(array, Tensor) else type(array).__name__
    if not isinstance(kind, torch.dtype) or kind == torch.bool or _has_fractions(kind):
        raise KindError(f"{what} are a tensor of integers, and came as {kind}")
    return array


def _has_fractions(kind: torch.dtype) -> bool:
    return kind.is_floating_point or kind.is_complex


def probability(dropout: float) -> float:
    """A dropout that is a probability, or ``RangeError``."""
    if not 0 <= dropout <= 1:
        raise RangeError(f"dropout is a probability, 0 ≤ p ≤ 1, and it is {dropout}")
    return dropout
