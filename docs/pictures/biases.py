"""What biases do to weights: docs/biases.md."""

import torch

import regard
from pictures import beside
from regard import biases
from regard.biases import Bias
from regard.view import svg
from regard.view.alignment import Alignment

PLACES = tuple("abcdefghij")
HEADS = 8


def draw() -> str:
    alibi = biases.alibi(HEADS)
    # As training might leave them: the key before the query matters most, keys ahead hardly.
    behind, ahead = [-1.0, 0.0, -1.0, -3.0], [0.0, -2.0, -3.0, -4.0]
    buckets = biases.bucketed(torch.tensor(behind + ahead), max_distance=8)
    return beside(
        *(_factors(alibi, f"alibi(8), head {head}", head) for head in (1, 3, 5)),
        _factors(buckets, "bucketed, 8 numbers", 1),
        _factors(buckets + alibi, "bucketed + alibi(8), head 1", 1),
        _factors(buckets + alibi, "bucketed + alibi(8), head 3", 3),
    )


def _factors(bias: Bias, title: str, head: int) -> str:
    """e^bias: what the weights of equal scores are multiplied by."""
    x = torch.zeros(HEADS, len(PLACES), 1)
    factors = regard.weights(x, x, bias=bias, normalizer=lambda scores, _: scores.exp())
    return svg.heatmap(
        Alignment(PLACES, PLACES, factors[head - 1], title=title),
        axes=("key", "query"),
        amount="factor",
    )
