"""Hard weights that are drawn, with the gradient of soft ones."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.errors import KindError, RangeError
from regard.normalizers.soft import hard, softmax


@dataclass(frozen=True)
class Gumbel:
    """One key, drawn with the probability that softmax gives it; straight-through gradient.

        w = one-hot of argmax(z + g),  g_j ~ Gumbel(0, 1);  ∂w/∂z taken as ∂ softmax((z + g)/τ)/∂z

    The argmax of z + g is a sample of softmax(z), whatever τ. Layers draw while they train, and in
    evaluation take ``hard``, the likeliest key; ``attend`` draws whenever it is asked to.

    Source:  Jang, Gu and Poole 2017 (arXiv:1611.01144), §2.1–2.2
    Departs: none
    Cost:    O(Q·K)

    Args:
        temperature: τ > 0: large is smooth and biased, small is exact and noisy.

    Raises:
        RangeError: a temperature that is not above 0.
        KindError: arrays of another library than torch, when called.

    >>> _ = torch.manual_seed(0)
    >>> Gumbel()(torch.tensor([[0.0, 9.0, 0.0]]), None)
    tensor([[0., 1., 0.]])
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.temperature, int | float):
            raise KindError(
                f"normalizers.Gumbel wants a number for its temperature, not {self.temperature!r}"
            )
        if not self.temperature > 0:
            raise RangeError(
                f"normalizers.Gumbel wants a temperature > 0, and it is {self.temperature}"
            )

    def __call__(
        self, scores: Float[Tensor, "*batch Q K"], allowed: Bool[Tensor, "*#batch Q K"] | None
    ) -> Float[Tensor, "*batch Q K"]:
        if not isinstance(scores, torch.Tensor):
            raise KindError(
                "normalizers.Gumbel draws with torch's generator and wants torch tensors, not a "
                f"{type(scores).__module__.split('.')[0]}.{type(scores).__name__}"
            )
        if allowed is not None:
            scores, allowed = torch.broadcast_tensors(scores, allowed)
        noisy: Any = scores - torch.empty_like(scores).exponential_().log()
        soft: Any = softmax(noisy / self.temperature, allowed)
        drawn: Any = hard(noisy, allowed)
        return drawn + (soft - soft.detach())
