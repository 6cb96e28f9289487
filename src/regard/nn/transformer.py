"""What the layers of the Transformer's encoder and decoder have in common."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar, cast

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.errors import UnknownName
from regard.nn.refusals import probability, sizes

Activation: TypeAlias = str | Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}

Layer = TypeVar("Layer", bound=nn.Module)


class Sublayers(nn.Module):
    """The feed-forward part, and how a part is joined with what goes past it.

        post-norm (the paper's)    x ← norm(x + drop(f(x)))
        pre-norm                   x ← x + drop(f(norm(x)))
        feed-forward               f(x) = W₂ drop(act(W₁ x + b₁)) + b₂

    Source:  Vaswani et al. 2017 (arXiv:1706.03762), §3.1, §3.3, §5.4; pre-norm: Xiong et al. 2020
             (arXiv:2002.04745), Fig. 1b
    Departs: as torch's layers, it also drops out within the feed-forward part
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        dropout: float,
        activation: Activation,
        norm_first: bool,
        bias: bool,
    ) -> None:
        super().__init__()
        sizes("the feed-forward part", d_model=features, dim_feedforward=hidden)
        self.linear1 = nn.Linear(features, hidden, bias=bias)
        self.linear2 = nn.Linear(hidden, features, bias=bias)
        self.dropout, self.norm_first = probability(dropout), norm_first
        self.activation = _activation(activation)

    def _join(
        self,
        x: Float[Tensor, "*batch T E"],
        norm: nn.Module,
        part: Callable[[Tensor], Any],
    ) -> tuple[Float[Tensor, "*batch T E"], Any]:
        """x with a part's output added, and what the part gave besides."""
        given = part(norm(x) if self.norm_first else x)
        output, besides = given if isinstance(given, tuple) else (given, None)
        x = x + self._dropped(output)
        return x if self.norm_first else norm(x), besides

    def _feed_forward(self, x: Float[Tensor, "*batch T E"]) -> Float[Tensor, "*batch T E"]:
        return self.linear2(self._dropped(self.activation(self.linear1(x))))

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def copies(layer: Layer, count: int) -> Sequence[Layer]:
    """``count`` layers like the one given, each drawn anew.

    Copies that began with equal numbers, as torch's stacks do, would differ by their gradients
    only.
    """
    sizes("a stack", num_layers=count)
    layers = nn.ModuleList(copy.deepcopy(layer) for _ in range(count))
    for module in layers.modules():
        draw = getattr(module, "reset_parameters", None)
        if draw is not None:
            draw()
    return cast(Any, layers)  # a ModuleList knows not of what


def _activation(activation: Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(activation, str):
        return activation
    if activation not in ACTIVATIONS:
        raise UnknownName(
            f"no activation is called {activation!r}; there are {', '.join(ACTIVATIONS)}, and any "
            "function of a tensor"
        )
    return ACTIVATIONS[activation]
