"""A fused kernel of additive attention as an operator of torch, with all that torch asks of one:
shapes without numbers (``torch.compile``, ``torch.export``), a gradient, a rule for ``vmap``.

Arrays come folded to a batch and heads, ``(B, H, …)``; of either an array may have fewer, 1 or a
divisor, and is then shared. Nothing that is shared is copied.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.engines.additive import planes
from regard.engines.call import Call
from regard.grid import traced
from regard.scores import Additive

SCORES_KEPT = 2**20
"""Scores that a forward pass may leave for its backward pass: 4 MiB. Calls with more pairs make
them again."""


class Folded(NamedTuple):
    """A call, folded; the operator's first arguments."""

    query: Float[Tensor, "B H Q D"]
    key: Float[Tensor, "B G K D"]
    value: Float[Tensor, "B G K V"]
    weight: Float[Tensor, "B H 1 D"]
    added: Float[Tensor, "B H Q K"] | None
    start: Int[Tensor, "B H Q"] | None
    stop: Int[Tensor, "B H Q"] | None
    seed: Int[Tensor, ""] | None
    batch: int
    heads: int
    activation: str
    negative_slope: float
    dropout_p: float


class Kernel(NamedTuple):
    """``forward(call, keep)`` gives output, log-sum-exps and scores (empty unless ``keep``);
    ``backward(call, grad, output, lse, scores, needs_added)`` the gradients of the first five."""

    forward: Callable[[Folded, bool], tuple[Tensor, Tensor, Tensor]]
    backward: Callable[..., tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]
    keeps_scores: bool
    lse: torch.dtype


def register(name: str, kernel: Kernel) -> Callable[..., Tensor]:
    """``regard::name`` and ``regard::name_backward``; gives the function that calls them."""

    def shapes(call: Folded, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
        lead, rows = (call.batch, call.heads), call.query.shape[2]
        return (
            call.query.new_empty((*lead, rows, call.value.shape[-1])),
            call.query.new_empty((*lead, rows), dtype=kernel.lse),
            call.query.new_empty((*lead, rows, call.key.shape[2]) if keep else (0,)),
        )

    @torch.library.custom_op(f"regard::{name}", mutates_args=())
    def forward(
        query: Tensor, key: Tensor, value: Tensor, weight: Tensor, added: Tensor | None,
        start: Tensor | None, stop: Tensor | None, seed: Tensor | None, batch: int, heads: int,
        activation: str, negative_slope: float, dropout_p: float, keep: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        call = Folded(
            query, key, value, weight, added, start, stop, seed, batch, heads,
            activation, negative_slope, dropout_p,
        )  # fmt: skip
        return kernel.forward(call, keep)

    @forward.register_fake
    def _(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        return shapes(Folded(*arguments[:-1]), arguments[-1])

    @torch.library.custom_op(f"regard::{name}_backward", mutates_args=())
    def backward(
        query: Tensor, key: Tensor, value: Tensor, weight: Tensor, added: Tensor | None,
        start: Tensor | None, stop: Tensor | None, seed: Tensor | None, batch: int, heads: int,
        activation: str, negative_slope: float, dropout_p: float,
        grad: Tensor, output: Tensor, lse: Tensor, scores: Tensor, needs_added: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        call = Folded(
            query, key, value, weight, added, start, stop, seed, batch, heads,
            activation, negative_slope, dropout_p,
        )  # fmt: skip
        return kernel.backward(call, grad, output, lse, scores, needs_added)

    @backward.register_fake
    def _(*arguments: Any) -> tuple[Tensor, ...]:
        call, needs_added = Folded(*arguments[:13]), arguments[-1]
        added = call.query.new_empty(
            call.added.shape if needs_added and call.added is not None else (0,)
        )
        return (*(x.new_empty(x.shape) for x in call[:4]), added)

    def save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs[:8], *output)
        ctx.options = inputs[8:13]
        ctx.set_materialize_grads(False)

    def differentiate(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Any, ...]:
        *tensors, output, lse, scores = ctx.saved_tensors
        if grad is None:
            return (None,) * 14
        needs_added = ctx.needs_input_grad[4]
        *grads, added = backward(*tensors, *ctx.options, grad, output, lse, scores, needs_added)
        return (*grads, added if needs_added else None, *(None,) * 9)

    forward.register_autograd(differentiate, setup_context=save)
    forward.register_vmap(_vmapped(forward, 8))
    backward.register_vmap(_vmapped(backward, 8))

    def fused(
        call: Call, query: Tensor, key: Tensor, value: Tensor, weight: Tensor,
        added: Tensor | None, start: Tensor | None, stop: Tensor | None,
    ) -> Float[Tensor, "B H Q V"]:  # fmt: skip
        score, (batch, heads) = call.parts.score, planes(call)
        assert isinstance(score, Additive)
        # Drawn on the way in, so that what is computed again in a backward pass draws the same.
        seed = torch.randint(2**62, ()) if call.dropout_p else None
        pairs = batch * heads * query.shape[2] * key.shape[2]
        tensors = (query, key, value, weight, added)
        recorded = call.wants_gradients and any(x is not None and x.requires_grad for x in tensors)
        keep = kernel.keeps_scores and recorded and pairs <= SCORES_KEPT
        if not recorded and type(query) is Tensor and not traced(query):
            # Nobody watches: the operator would only add its own time, as much as a small call's.
            alone = Folded(
                query, key, value, weight, added, start, stop, seed, batch, heads,
                score.activation, float(score.negative_slope), float(call.dropout_p),
            )  # fmt: skip
            return kernel.forward(alone, False)[0]
        return forward(
            query, key, value, weight, added, start, stop, seed, batch, heads,
            score.activation, float(score.negative_slope), float(call.dropout_p), keep,
        )[0]  # fmt: skip

    return fused


def _vmapped(operator: Callable[..., Any], tensors: int) -> Callable[..., Any]:
    """The rule for ``torch.vmap``: its dimension becomes part of the batch."""

    def rule(info: Any, dims: tuple[int | None, ...], *arguments: Any) -> tuple[Any, Any]:
        batch, size = arguments[tensors], info.batch_size

        def folded(x: Any, dim: int | None) -> Any:
            if not isinstance(x, Tensor) or x.ndim == 0 or x.shape == (0,):
                return x
            if dim is None:
                if x.shape[0] == 1:
                    return x
                return x.expand(size, *x.shape).reshape(-1, *x.shape[1:])
            x = x.movedim(dim, 0)
            if x.ndim == 2 and x.shape[1] == 0:
                return x[0]
            x = x.expand(size, batch, *x.shape[2:]) if x.shape[1] != batch else x
            return x.reshape(-1, *x.shape[2:])

        flat = [folded(x, dim) for x, dim in zip(arguments, dims, strict=True)]
        flat[tensors] = batch * size
        results = operator(*flat)
        return tuple(
            x.reshape(size, -1, *x.shape[1:]) if x.ndim > 1 else x for x in results
        ), tuple(0 if x.ndim > 1 else None for x in results)

    return rule
