"""The loss over a vocabulary: nats of true tokens, from logits."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable


def nats_of(
    logits: Float[Tensor, "N V"], truth: Int[Tensor, " N"], smoothing: float = 0.0
) -> Float[Tensor, " N"]:
    """−Σ_w q(w) log p(w) of N true tokens (nats), with p = softmax(logits) and q = (1 − ε) · truth
    + ε / V. The same as torch's ``cross_entropy``, with each exponential taken once, not twice,
    and one array fewer as large as the logits.

    Source:  Szegedy et al. 2016 (arXiv:1512.00567), §7 (smoothing)
    Departs: gradients of gradients are refused

    >>> nats_of(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor([0.6931])
    """
    return _Nats.apply(logits, truth, smoothing)  # pyright: ignore[reportReturnType]


class _Nats(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, truth: Tensor, smoothing: float) -> Tensor:
        wide = torch.promote_types(logits.dtype, torch.float32)
        most = logits.amax(-1, keepdim=True).to(wide)
        wanted = logits.gather(-1, truth[:, None]).to(wide)
        if smoothing:
            mean = logits.mean(-1, keepdim=True, dtype=wide)
            wanted = torch.lerp(wanted, mean, smoothing)
        p = logits.to(wide, copy=True).sub_(most).exp_()
        total = p.sum(-1, keepdim=True)
        ctx.save_for_backward(p, total, truth)
        ctx.smoothing, ctx.dtype = smoothing, logits.dtype
        return (total.log() + (most - wanted))[:, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        p, total, truth = ctx.saved_tensors
        grad = grad[:, None]
        of_logits = p * (grad / total)
        if ctx.smoothing:
            of_logits.sub_(grad * (ctx.smoothing / p.shape[-1]))
        of_logits.scatter_add_(-1, truth[:, None], (ctx.smoothing - 1) * grad)
        return of_logits.to(ctx.dtype), None, None
