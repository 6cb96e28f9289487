"""Three heads that look for different things in one sentence: docs/nn/multihead.md."""

import torch
from torch import Tensor

from pictures import beside
from regard.nn import MultiheadAttention
from regard.view import svg
from regard.view.alignment import Alignment

WORDS = ["the", "dog", "saw", "the", "cat", "and", "it", "ran"]
ROLES = {"dog": 0, "cat": 0, "saw": 1, "it": 2, "ran": 1}
SEEKS = {"saw": 0, "it": 0, "ran": 2}
SIZE = len(WORDS)
HEADS = ("the same word", "the word before", "who is meant")


def draw() -> str:
    with torch.no_grad():
        _, weights = _layer()(_sentence(), return_weights=True)
    pictures = [
        svg.heatmap(
            Alignment(tuple(WORDS), tuple(WORDS), rows, title=f"head {h}: {what}"),
            axes=("key", "query"),
        )
        for h, (rows, what) in enumerate(zip(weights, HEADS, strict=True), 1)
    ]
    return beside(*pictures)


def _sentence() -> Tensor:
    """For each word: which word it is, its place, and the roles that it has and seeks."""
    words, parts = sorted(set(WORDS)), []
    for place, word in enumerate(WORDS):
        token = torch.zeros(3, SIZE)
        token[0, words.index(word)] = 1
        token[1, place] = 1
        for table, start in ((ROLES, 0), (SEEKS, 4)):
            if word in table:
                token[2, start + table[word]] = 1
        parts.append(token.flatten())
    return torch.stack(parts)


def _layer() -> MultiheadAttention:
    """Set by hand: head h reads the h-th part of a token, as a query and as a key."""
    layer = MultiheadAttention(3 * SIZE, 3)
    eye, before = torch.eye(SIZE), torch.eye(SIZE).roll(-1, 0)
    before[-1] = 0  # the first word has none before it
    seeks = torch.eye(SIZE).roll(-4, 0)
    seeks[4:] = 0  # what is sought is compared with what is there, and not the other way round
    with torch.no_grad():
        query = torch.block_diag(eye, before, seeks)
        key = torch.eye(3 * SIZE)
        layer.in_proj_weight.copy_(torch.cat([12 * query, key, key]))
    return layer
