"""A product that a loop makes at every step, with the gradient of its matrix made once.

Left to autograd, T steps make T products for the gradient of a matrix, and add T arrays of its
size. Here a step's product takes the matrix as a constant, and the matrix gets its gradient from
all steps together, in one product, when the last of them has had its own.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from regard.engines.call import autocasts


class Repeated:
    """x ↦ A x + b, for so many steps.

    Args:
        matrix: A ``(G, I)``, or one for each row of the batch ``(B, I, G)`` (then x ↦ x A).
        bias: b ``(G,)`` or None.
        batch, steps: rows of x, and how often at most.

    Departs: gradients of gradients are refused

    >>> matrix = torch.tensor([[2.0, 1.0]], requires_grad=True)
    >>> product = Repeated(matrix, None, batch=1, steps=2)
    >>> x = torch.tensor([[1.0, 3.0]])
    >>> (product(x) + product(2 * x)).sum().backward()
    >>> matrix.grad
    tensor([[3., 9.]])
    """

    def __init__(self, matrix: Tensor, bias: Tensor | None, *, batch: int, steps: int) -> None:
        if autocasts(matrix.device.type):
            matrix = matrix.to(torch.get_autocast_dtype(matrix.device.type))
            bias = None if bias is None else bias.to(matrix.dtype)
        self.matrix, self.bias = matrix.detach(), bias
        self.kept: list[Tensor] = []
        self.slots: list[Tensor] | None = None
        if torch.is_grad_enabled() and matrix.requires_grad:
            slots: Any = _Together.apply(matrix, bias, self.kept, batch, steps)
            self.slots = list(slots.unbind(0))

    def __call__(self, x: Float[Tensor, "B I"]) -> Float[Tensor, "B G"]:
        x = x.to(self.matrix.dtype)
        if self.slots is None:
            if self.matrix.ndim == 2:
                return F.linear(x, self.matrix, self.bias)
            return (x[:, None] @ self.matrix)[:, 0]
        slot = self.slots[len(self.kept)]
        self.kept.append(x.detach())
        if self.matrix.ndim == 2:
            return torch.addmm(slot, x, self.matrix.T)
        return torch.baddbmm(slot[:, None], x[:, None], self.matrix)[:, 0]


class _Together(torch.autograd.Function):
    """b for every step ``(T, B, G)``, whose gradients are those of all products."""

    @staticmethod
    def forward(
        ctx: Any, matrix: Tensor, bias: Tensor | None, kept: list[Tensor], batch: int, steps: int
    ) -> Tensor:
        ctx.kept, ctx.shared, ctx.biased = kept, matrix.ndim == 2, bias is not None
        features = matrix.shape[0 if ctx.shared else -1]
        if bias is None:
            return matrix.new_zeros(steps, batch, features)
        return bias.expand(steps, batch, features).clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not ctx.kept:
            return None, None, None, None, None
        grad = grad[: len(ctx.kept)]
        inputs = torch.stack(ctx.kept)
        if ctx.shared:
            of_matrix = grad.flatten(0, 1).T @ inputs.flatten(0, 1)
        else:
            of_matrix = inputs.permute(1, 2, 0) @ grad.transpose(0, 1)
        of_bias = grad.sum((0, 1)) if ctx.biased else None
        return of_matrix, of_bias, None, None, None
