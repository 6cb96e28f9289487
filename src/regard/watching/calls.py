"""A call of an attention, as what its weights can be made of."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from regard.engines.call import Call
from regard.masks import Mask
from regard.normalizers import draws
from regard.scores import ScaledDot
from regard.watching.kept import Keeping, Kept
from regard.watching.sources import Formula, Given, Source
from regard.watching.telling import Make, tell


def of_product(
    query: Tensor,
    key: Tensor,
    *,
    allowed: Tensor | None = None,
    rule: Mask | None = None,
    score: Any = None,
    enable_gqa: bool = False,
) -> Make:
    """Softmax of a product of queries ``(…, Q, E)`` and keys ``(…, K, E)``.

    Args:
        allowed: booleans (True = may attend) or numbers to add, as torch's function takes them.
        rule: a mask besides.
        score: of ``regard.scores``; scaled dot product unless given.
        enable_gqa: whether heads of queries share heads of keys.
    """
    kind = query.device.type
    rounded = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None

    def make(keeping: Keeping) -> Source | str:
        reason = _beyond(query) or _beyond(key)
        if reason:
            return reason
        q, k, mask = _of_four(query), _of_four(key), allowed
        if mask is not None:
            mask = _of_four(_as_wide(mask, query))
        lead = q.shape[:-2]
        if not enable_gqa and lead != k.shape[:-2]:
            lead = torch.broadcast_shapes(lead, k.shape[:-2])  # slow
        return Formula(
            query=keeping.keep(q),
            key=keeping.keep(k),
            parts={"score": score or ScaledDot(), "mask": rule, "enable_gqa": enable_gqa},
            lead=tuple(lead),
            allowed=None if mask is None else keeping.keep(mask),
            rounded=rounded,
        )

    return make


def of_rows(rows: Tensor) -> Make:
    """Weights ``(*batch, Q, K)`` that a module made by itself."""

    def make(keeping: Keeping) -> Source | str:
        return _beyond(rows) or Given(keeping.keep(_of_four(rows)))

    return make


def of_attend(call: Call) -> Make:
    """A call of ``regard.attend``."""

    def make(keeping: Keeping) -> Source | str:
        if not isinstance(call.query, Tensor):
            return "arrays that are no tensors"
        reason = _beyond(call.query) or _beyond(call.key)
        if reason:
            return reason
        parts = call.parts
        if draws(parts.normalizer):
            return "weights that are drawn: they cannot be made again"
        return Formula(
            query=keeping.keep(call.query),
            key=keeping.keep(call.key),
            parts={
                "score": parts.score,
                "bias": parts.bias,
                "mask": parts.mask,
                "normalizer": parts.normalizer,
                "enable_gqa": call.groups > 1,
            },
            lead=call.batch,
            held=tuple(map(Kept.of, _tensors(parts))),
        )

    return make


class Own:
    """Tells of this library's own attentions; a ``witness.Witness``."""

    def call(self, call: Call) -> None:
        tell(of_attend(call))

    def rows(self, rows: Tensor) -> None:
        tell(of_rows(rows))


def _of_four(x: Tensor) -> Tensor:
    """With axes of batch and heads before the last two: where there are none they are 1, and where
    there are more, all before the heads are the batch."""
    if x.ndim == 4:
        return x
    if x.ndim < 4:
        return x[None, None] if x.ndim == 2 else x[:, None]
    return x.flatten(0, x.ndim - 4)


def _as_wide(mask: Tensor, query: Tensor) -> Tensor:
    """A mask with as many axes as the query; those of 1 stay so, where that is possible."""
    mask = mask[(None,) * (query.ndim - mask.ndim)]
    if query.ndim <= 4:
        return mask
    return mask.expand(*query.shape[:-2], *mask.shape[-2:])


def _beyond(x: Tensor) -> str:
    """Why nothing can be told of a tensor; empty where something can."""
    if type(x) is not Tensor and type(x) is not nn.Parameter:
        return f"tensors of the kind {type(x).__name__}"
    if x.is_nested or x.is_meta or torch._C._are_functorch_transforms_active():
        return "nested tensors, or those of torch.func or without numbers"
    return ""


def _tensors(part: Any) -> Iterator[Tensor]:
    """The tensors that a part of the formula holds, and parts of it do."""
    if isinstance(part, Tensor):
        yield part
    elif is_dataclass(part):
        for field in fields(part):
            yield from _tensors(getattr(part, field.name))
