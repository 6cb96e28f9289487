"""Functions of rows through which padding may pass, whatever it holds."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.grid import traced


class Projection(nn.Linear):
    """torch's linear layer, for rows of which some may be NaN or infinite.

        y = W x + b

    Such a row gives NaN, which masks then keep away from everything, and passes no gradient: with
    torch's layer 0 · NaN would make NaN of the whole gradient of W.

    Departs: none, for finite rows
    Cost:    that of torch's layer, and a look at the rows

    >>> layer = Projection(2, 1, bias=False)
    >>> layer(torch.tensor([[1.0, torch.inf], [0.0, 0.0]])).nansum().backward()
    >>> layer.weight.grad
    tensor([[0., 0.]])
    """

    def forward(self, input: Float[Tensor, "*batch F"]) -> Float[Tensor, "*batch D"]:
        return linear(input, self.weight, self.bias)


def linear(
    x: Float[Tensor, "*batch F"], weight: Float[Tensor, "D F"], bias: Float[Tensor, " D"] | None
) -> Float[Tensor, "*batch D"]:
    """``x Wᵀ + b``, as ``Projection`` has it."""
    return by_rows(lambda x: F.linear(x, weight, bias), x)


def by_rows(
    function: Callable[[Tensor], Tensor], x: Float[Tensor, "*batch F"]
) -> Float[Tensor, "*batch D"]:
    """``function(x)``, row by row; rows that are not finite give NaN and pass no gradient."""
    if not torch.is_grad_enabled() or _finite(x):
        return function(x)
    good = x.isfinite().all(-1, keepdim=True)
    return torch.where(good, function(torch.where(good, x, 0.0)), torch.nan)


def _finite(x: Tensor) -> bool:
    # Asking a GPU would make it wait.
    known = x.device.type == "cpu" and not traced(x)
    return known and bool(torch.linalg.vector_norm(x.detach()).isfinite())
