"""What every normalizer is: a function of scores of whole rows and of what is allowed."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from regard.grid import namespace, traced

Normalizer: TypeAlias = Callable[[Any, Any], Any]


def hidden(scores: Any, allowed: Any, *, in_place: bool = False) -> Any:
    """Scores with −∞ where not allowed: what stood there, NaN included, is gone."""
    if allowed is None:
        return scores
    if in_place and allowed.ndim <= scores.ndim:
        wide = torch.broadcast_shapes(allowed.shape, scores.shape)
        if wide == scores.shape:
            return scores.masked_fill_(~allowed, -math.inf)
    return namespace(scores).where(allowed, scores, -math.inf)


def best(scores: Any) -> tuple[Any, Any]:
    """The largest score of each row, ``(…, Q, 1)``, and which rows have none: all is −∞."""
    largest = namespace(scores).max(constant(scores), axis=-1, keepdims=True)
    return largest, largest == -math.inf


def constant(array: Any) -> Any:
    """The array, as a number that no gradient passes."""
    return array.detach() if isinstance(array, torch.Tensor) else array


def may_be_any(truths: Any) -> bool:
    """False where none is true; where asking costs (a GPU would have to wait), True."""
    if isinstance(truths, torch.Tensor) and (truths.device.type != "cpu" or traced(truths)):
        return True
    return bool(truths.any())
