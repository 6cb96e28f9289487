"""A decoder that writes a word backwards, a letter at a time: docs/nn/transformer.md."""

import torch
from torch import Tensor

from pictures import beside
from regard.nn import SinusoidalPositions, TransformerDecoderLayer
from regard.view import svg
from regard.view.alignment import Alignment

SOURCE = "regard"
TARGET = SOURCE[::-1]
FEATURES, BASE = 16, 20.0


@torch.no_grad()
def draw() -> str:
    layer, size = _layer(), len(SOURCE)
    waves = SinusoidalPositions(FEATURES, base=BASE)(torch.zeros(1, size, FEATURES))
    places = torch.cat([waves, -waves], -1)  # of mean 0, so that a norm leaves their direction
    state = layer.begin(places, capacity=size)
    own, memory = torch.zeros(size, size), torch.zeros(size, size)
    for t in range(size):
        _, weights = layer.step(places[:, t : t + 1], state, return_weights=True)
        own[t, : t + 1], memory[t] = weights.own[0, 0, 0], weights.memory[0, 0, 0]
    before = ("<s>", *TARGET[:-1])
    return beside(
        svg.heatmap(Alignment(before, tuple(TARGET), own, title="over the target so far")),
        svg.heatmap(Alignment(tuple(SOURCE), tuple(TARGET), memory, title="over the memory")),
    )


def _layer() -> TransformerDecoderLayer:
    """Set by hand, from positions alone. A wave's next value is its last one turned: so a query can
    ask for the place before its own, and, turned about, for the place as far from the end."""
    layer = TransformerDecoderLayer(2 * FEATURES, 1, 1).eval()
    for name, parameter in layer.named_parameters():
        torch.nn.init.constant_(parameter, float(name.startswith("norm") and "weight" in name))
    eye, nothing = torch.eye(2 * FEATURES), torch.zeros(2 * FEATURES, 2 * FEATURES)
    for attention, query in (
        (layer.self_attn, _turned(1, shift=-1)),
        (layer.multihead_attn, _turned(-1, shift=len(SOURCE) - 1)),
    ):
        attention.in_proj_weight.copy_(torch.cat([4 * query, eye, nothing]))
    return layer


def _turned(direction: int, shift: int) -> Tensor:
    """The matrix that makes PE(direction · p + shift) of PE(p)."""
    waves = BASE ** -(torch.arange(0, FEATURES, 2) / FEATURES)
    blocks = [
        torch.tensor([[direction * c, s], [-direction * s, c]])
        for c, s in zip((shift * waves).cos().tolist(), (shift * waves).sin().tolist(), strict=True)
    ]
    return torch.block_diag(*blocks, *blocks)
