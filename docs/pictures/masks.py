"""Which keys each query may see: docs/masks.md."""

import torch

import regard
from pictures import beside
from regard import masks
from regard.masks import Mask
from regard.view import svg
from regard.view.alignment import Alignment


def draw() -> str:
    return beside(
        _sees(masks.causal(), "causal()"),
        _sees(masks.window(2, 1), "window(2, 1)"),
        _sees(masks.padding([5]), "padding([5])"),
        _sees(masks.segments([0, 0, 0, 1, 1, 2, 2, 2]), "segments(ids)"),
        _sees(masks.causal() & masks.padding([5]), "causal() & padding([5])"),
        _sees(masks.causal() & ~masks.window(2, 0), "causal() & ~window(2, 0)"),
    )


def _sees(mask: Mask, title: str, tokens: str = "abcdefgh") -> str:
    x = torch.zeros(1, len(tokens), 1)
    seen = regard.weights(x, x, mask=mask)[0] > 0
    return svg.heatmap(
        Alignment(tuple(tokens), tuple(tokens), seen, title=title),
        axes=("key", "query"),
        amount="seen",
    )
