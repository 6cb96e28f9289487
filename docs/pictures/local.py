"""Two windows over the same source: docs/nn/local.md."""

import torch

from pictures import beside
from regard.nn import LocalAttention
from regard.view import svg
from regard.view.alignment import Alignment

STEPS, KEYS, FEATURES = 9, 12, 6
PLACES = (9.0, 10.2, 8.0, 1.5, 2.0, 3.6, 5.0, 6.4, 11.0)  # a clause that moved to the front


def draw() -> str:
    generator = torch.Generator().manual_seed(2)
    query = 0.8 * torch.randn(1, STEPS, FEATURES, generator=generator)
    key = torch.randn(1, KEYS, FEATURES, generator=generator)
    share = torch.tensor(PLACES) / KEYS
    query[0, :, 0] = torch.atanh(torch.logit(share) / 8)  # what W_p and v_p read
    key[..., 0] = 0  # and the score does not
    titles = {False: "local-m, D = 2: a key a step", True: "local-p, D = 2: where p_t is"}
    drawn = []
    for predictive, title in titles.items():
        attention = LocalAttention(FEATURES, window=2, predictive=predictive, score="dot")
        if predictive:
            _set(attention)
        with torch.no_grad():
            _, weights = attention(query, key, return_weights=True)
        source, target = (tuple(map(str, range(n))) for n in (KEYS, STEPS))
        drawn.append(svg.heatmap(Alignment(source, target, weights[0], title=title)))
    return beside(*drawn)


def _set(attention: LocalAttention) -> None:
    """p_t = S σ(8 tanh(h_t's first feature))."""
    with torch.no_grad():
        attention.predict.weight.copy_(torch.eye(FEATURES))
        attention.place.weight.zero_()
        attention.place.weight[0, 0] = 8
