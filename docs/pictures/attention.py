"""One attention that knows a dictionary: docs/nn/attention.md."""

import torch

from regard.nn import Attention
from regard.view import svg
from regard.view.alignment import Alignment

ENGLISH = ["the", "European", "Economic", "Area"]
FRENCH = ["la", "zone", "économique", "européenne"]
MEANS = {"la": "the", "zone": "Area", "économique": "Economic", "européenne": "European"}


def draw() -> str:
    """Words are one-hot; W of qᵀ W k, set by hand, holds which word means which."""
    attention = Attention(len(FRENCH), len(ENGLISH), score="bilinear")
    dictionary = [[5.0 * (MEANS[word] == other) for other in ENGLISH] for word in FRENCH]
    with torch.no_grad():
        attention.score.weight.copy_(torch.tensor(dictionary))
        words = torch.eye(len(ENGLISH))
        weights = attention(torch.eye(len(FRENCH)), words, return_weights=True)[1]
    title = 'nn.Attention(score="bilinear")'
    return svg.heatmap(Alignment(tuple(ENGLISH), tuple(FRENCH), weights, title=title))
