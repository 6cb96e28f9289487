"""Highways: layers that let each feature pass, or change it."""

from jaxtyping import Float
from torch import Tensor, nn


class Highways(nn.Module):
    """x ← g ∘ ReLU(W x + b) + (1 − g) ∘ x,  g = σ(W_g x + b_g), twice.

    Source:  Srivastava, Greff, Schmidhuber 2015 (arXiv:1505.00387), §2; two of them as in Seo et
             al. 2017 (arXiv:1611.01603), §2, layer 2
    Departs: gates begin with a bias of −1, as Srivastava advises, so that at first most passes

    Args:
        features: of x.
        layers: how many.
    """

    def __init__(self, features: int, layers: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(features, 2 * features) for _ in range(layers))
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            nn.init.constant_(layer.bias[features:], -1.0)

    def forward(self, x: Float[Tensor, "*batch M"]) -> Float[Tensor, "*batch M"]:
        for layer in self.layers:
            changed, gate = layer(x).chunk(2, -1)
            x = x.lerp(changed.relu(), gate.sigmoid())
        return x
