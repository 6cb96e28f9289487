"""Normalized additive score: g vᵀ/‖v‖ tanh(q + k + b) + r."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float

from regard.errors import ShapeError
from regard.grid import Array, namespace, shape_text
from regard.scores.additive import Additive, AdditiveForm
from regard.scores.cosine import unit
from regard.scores.score import Score, heads_fit, same_library


@dataclass(frozen=True, eq=False)
class NormalizedAdditive(Score):
    """Normalized additive score (Raffel et al. 2017): g vᵀ/‖v‖ tanh(q + k + b) + r.

    The length of v and the level of the scores are two numbers of their own, so that what follows
    a sigmoid, as in monotonic attention, can begin in its steep part: there r starts negative.

    Source:  arXiv:1704.00784, §2.4        Also: bahdanau_norm
    Departs: W and U are not part of it: query and key come projected to the same D features
             (``nn.Attention`` owns the projections). Where v is 0 the score is r.
    Lowers:  additive, with the weight g v/‖v‖ and b added to the query; r is none to softmax
    Engine:  engines/additive_numba/scores.py on the CPU, engines/additive_triton/tiles.py on GPUs
    Cost:    O(Q·K·D) time

    Args:
        weight: v, ``(D,)``, or one per head, ``(H, D)``.
        gain: g, a number, a tensor without dimensions, or one number per head, ``(H,)``.
        bias: b, ``(D,)`` or ``(H, D)``; None: 0.
        offset: r, as ``gain``.

    >>> import numpy
    >>> score = NormalizedAdditive(numpy.array([3.0, 4.0]), gain=2.0, offset=-1.0)
    >>> score(numpy.array([[9.0, 0.0]]), numpy.array([[9.0, 0.0]])).round(4)
    array([[0.2]])
    """

    weight: Float[Array, "*heads D"]
    gain: Float[Array, "*heads"] | float = 1.0
    bias: Float[Array, "*heads D"] | None = None
    offset: Float[Array, "*heads"] | float = 0.0

    per_head: ClassVar[dict[str, int]] = {"weight": 1, "gain": 0, "bias": 1, "offset": 0}

    def __call__(
        self, query: Float[Array, "*batch Q D"], key: Float[Array, "*batch K D"]
    ) -> Float[Array, "*batch Q K"]:
        form = self.additive()
        if form.shift is not None:
            xp = namespace(query)
            query = query + xp.astype(form.shift, query.dtype, copy=False)[..., None, :]
        raw = form.score(query, key)
        return raw + (self.offset if _plain(self.offset) else _over(self.offset, raw, 2))

    def additive(self) -> AdditiveForm:
        gain = self.gain if _plain(self.gain) else _over(self.gain, self.weight, 1)
        weight = unit(self.weight) * gain
        if isinstance(self.offset, torch.Tensor) and self.offset.requires_grad:
            weight = weight + 0.0 * self.offset.sum()  # its gradient is 0, and not missing
        return AdditiveForm(Additive(weight), self.bias)

    @property
    def held(self) -> tuple[Any, ...]:
        return tuple(x for x in (self.weight, self.gain, self.bias, self.offset) if x is not None)

    def check(self, query: Array, key: Array, batch: tuple[int, ...]) -> None:
        Additive(self.weight).check(query, key, batch)
        for name, own in self.per_head.items():
            held, what = getattr(self, name), f"the {name} of scores.NormalizedAdditive"
            if held is None or _plain(held):
                continue
            same_library(what, held, query)
            shape = tuple(held.shape)
            if len(shape) < own or (own and shape[-1] != self.weight.shape[-1]):
                raise ShapeError(
                    f"{what} wants (D,) or (H, D) for a weight with D = {self.weight.shape[-1]} "
                    f"features, and it is {shape_text(shape)}"
                )
            heads_fit(what, shape[: len(shape) - own], batch)


def _plain(number: Any) -> bool:
    return isinstance(number, int | float)


def _over(number: Any, array: Any, behind: int) -> Any:
    """A number, or one per head, that broadcasts over the ``behind`` dimensions behind heads."""
    xp = namespace(array)
    number = xp.astype(number, array.dtype, copy=False)
    return number[(..., *(None,) * behind)] if number.ndim else number
