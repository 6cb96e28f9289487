"""Attention rollout: the layers' weights multiplied, a block of queries at a time."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from regard.errors import ShapeError
from regard.watching.layer import Layer, Rows, stretch

AT_ONCE = 2**24
"""Weights of a block."""


def rollout(layers: Sequence[Layer], queries: slice, batch: Rows) -> Float[Tensor, "B Q K"]:
    """As ``Watch.rollout``; the layers are those from the first to the last."""
    shapes = [layer.shape for layer in layers]
    if any(shape[2] != shape[3] or shape[::3] != shapes[0][::3] for shape in shapes):
        told = ", ".join(
            f"{layer.name} {shape}" for layer, shape in zip(layers, shapes, strict=True)
        )
        raise ShapeError(
            "a rollout is over self-attentions of the same tokens, and the layers are (batch, "
            f"heads, queries, keys): {told}; choose some with layers='encoder.*'"
        )
    count = shapes[0][3]
    asked = stretch(queries, count)
    # From the last layer down, so that rows that are not asked for are never made.
    found = torch.eye(count)[None, asked]
    for layer, (size, heads, *_) in zip(reversed(layers), reversed(shapes), strict=True):
        step = max(1, AT_ONCE // (size * heads * count))
        reached = None
        for first in range(0, count, step):
            rows = layer.weights(queries=slice(first, first + step), batch=batch).mean(1)
            rows = (
                rows + torch.eye(count, dtype=rows.dtype, device=rows.device)[first : first + step]
            )
            rows = rows / rows.sum(-1, keepdim=True)
            part = found[..., first : first + step].to(rows) @ rows
            reached = part if reached is None else reached + part
        assert reached is not None
        found = reached
    return found
