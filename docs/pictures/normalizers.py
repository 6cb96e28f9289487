"""One row of scores under every normalizer: docs/normalizers.md."""

import torch

import regard
from pictures import beside
from regard.normalizers import NORMALIZERS
from regard.view import svg
from regard.view.alignment import Alignment

SCORES = (2.0, 1.5, 1.0, 0.5, 0.0, -1.0)


def draw() -> str:
    torch.manual_seed(2)  # of the samples that gumbel draws
    return beside(_weights(1.0, "weights of these scores"), _weights(3.0, "of three times these"))


def _weights(scale: float, title: str) -> str:
    query, key = torch.ones(1, 1), scale * torch.tensor(SCORES)[:, None]
    rows = [regard.weights(query, key, score="dot", normalizer=name)[0] for name in NORMALIZERS]
    keys = tuple(f"{score:g}".replace("-", "−") for score in SCORES)
    return svg.heatmap(
        Alignment(keys, tuple(NORMALIZERS), torch.stack(rows), title=title),
        axes=("key", "normalizer"),
    )
