"""The same walk in expectation and in fact: docs/nn/monotonic.md."""

import torch

from pictures import beside
from regard.nn import MonotonicAttention
from regard.view import svg
from regard.view.alignment import Alignment

STEPS, KEYS, PACE = 7, 11, 1.8


def draw() -> str:
    titles = {False: "in training: the expectation", True: "in evaluation: the walk"}
    return beside(*(_walk(hard, title) for hard, title in titles.items()))


def _walk(hard: bool, title: str) -> str:
    """p grows past the key that a steady pace would be at: e = 5 tanh(j − 1.8 t) + ½."""
    attention = MonotonicAttention(1, noise=0.0, hard=hard, offset=0.5)
    with torch.no_grad():
        for projection in (attention.score.query, attention.score.key):
            projection.weight.fill_(1)
        attention.score.weight.fill_(1)
        attention.score.gain.fill_(2)
        query, key = (torch.arange(float(n))[None, :, None] for n in (STEPS, KEYS))
        _, weights = attention(-PACE * query, key, return_weights=True)
    source, target = (tuple(map(str, range(n))) for n in (KEYS, STEPS))
    return svg.heatmap(Alignment(source, target, weights[0], title=title))
