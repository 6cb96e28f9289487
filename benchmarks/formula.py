"""The inputs of all contenders, and the formula written out, in blocks of queries.

Additive attention between B sequences of Q queries and K keys with D features, in the plain way:
scores vᵀ tanh(q + k), softmax, the mean of the values. It holds a (B, q, K, D) tensor for q queries
at a time, so that answers exist for lengths at which nothing else here could give them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

FEATURES_AT_ONCE = 2**24

Shape = Sequence[int]
"""B, Q, K, D."""


def title(shape: Shape, backward: bool | None = None) -> str:
    """What a table calls a shape, and what is done.

    >>> title([4, 512, 512, 64], False), title([32, 1, 50, 256])
    ('4×512×64 forward', '32×1×50, D=256')
    """
    batch, queries, keys, features = shape
    same = f"{batch}×{queries}×{features}"
    name = same if queries == keys else f"{batch}×{queries}×{keys}, D={features}"
    return name + {None: "", False: " forward", True: " forward+backward"}[backward]


def inputs(shape: Shape) -> list[np.ndarray]:
    """Query, key, value, v, and the gradient that the output gets: the same for all, float32."""
    batch, queries, keys, features = shape
    rng = np.random.default_rng(0)
    sizes = [(batch, n, features) for n in (queries, keys, keys)]
    sizes += [(features,), (batch, queries, features)]
    return [rng.standard_normal(size, dtype=np.float32) for size in sizes]


def additive(query: Tensor, key: Tensor, value: Tensor, v: Tensor) -> Tensor:
    """The broadcast that everybody writes."""
    scores = torch.tanh(query[..., :, None, :] + key[..., None, :, :]) @ v
    return torch.softmax(scores, -1) @ value


def scaled_dot(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query @ key.mT / query.shape[-1] ** 0.5
    return torch.softmax(scores, -1) @ value


def in_blocks(
    formula: Callable[..., Tensor],
    shape: Shape,
    backward: bool,
    dtype: torch.dtype = torch.float32,
) -> list[np.ndarray]:
    """The output, and with ``backward`` the gradients of query, key, value (and v)."""
    *arrays, cotangent = [torch.from_numpy(array).to(dtype) for array in inputs(shape)]
    batch, queries, keys, features = shape
    query, *others = arrays if formula is additive else arrays[:3]
    rows = max(1, FEATURES_AT_ONCE // (batch * keys * features))
    outputs: list[Tensor] = []
    query_gradients: list[Tensor] = []
    gradients = [torch.zeros_like(other) for other in others]
    for start in range(0, queries, rows):
        here = slice(start, start + rows)
        leaves = [query[:, here], *others]
        output, *parts = differentiated(formula, leaves, cotangent[:, here], backward)()
        outputs.append(output)
        if backward:
            query_gradients.append(parts[0])
            for gradient, part in zip(gradients, parts[1:], strict=True):
                gradient += part
    result = [torch.cat(outputs, 1)]
    if backward:
        result += [torch.cat(query_gradients, 1), *gradients]
    return [array.numpy() for array in result]


def differentiated(
    formula: Callable[..., Tensor], tensors: Sequence[Tensor], cotangent: Tensor, backward: bool
) -> Callable[[], Sequence[Any]]:
    """A call that gives ``formula(*tensors)``, and with ``backward`` the gradients of all."""
    leaves = [tensor.detach().requires_grad_(backward) for tensor in tensors]

    def forward() -> Sequence[Any]:
        with torch.no_grad():
            return (formula(*leaves),)

    def both() -> Sequence[Any]:
        output = formula(*leaves)
        return (output.detach(), *torch.autograd.grad(output, leaves, cotangent))

    return both if backward else forward
