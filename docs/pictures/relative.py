"""Three heads that know distances alone: docs/nn/relative.md."""

import torch

from pictures import beside
from regard.nn import RelativeAttention
from regard.view import svg
from regard.view.alignment import Alignment

PLACES = tuple("abcdefgh")
HEADS = ("one before", "one behind", "two or more before")


def draw() -> str:
    with torch.no_grad():
        _, weights = _layer()(torch.zeros(len(PLACES), 9), return_weights=True)
    pictures = [
        svg.heatmap(
            Alignment(PLACES, PLACES, rows, title=f"head {h}: {what}"), axes=("key", "query")
        )
        for h, (rows, what) in enumerate(zip(weights, HEADS, strict=True), 1)
    ]
    return beside(*pictures)


def _layer() -> RelativeAttention:
    """Set by hand: tokens say nothing, head h asks for the h-th feature, and the table has it at
    the distance −1, at 1, and at −2, which all keys share that are further away."""
    layer = RelativeAttention(9, 3, max_distance=2)
    with torch.no_grad():
        layer.in_proj_bias[:9] = 8 * torch.eye(3).flatten()
        layer.key_table.zero_()
        for feature, distance in enumerate((-1, 1, -2)):
            layer.key_table[distance + 2, feature] = 1
    return layer
