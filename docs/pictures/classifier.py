"""The same sentence, shaded by the weights of four poolings: docs/systems/classifier.md."""

import torch

from pictures import beside
from regard.nn import AttentionPooling
from regard.systems.classifier_pooling import Attentive, Last, Max, Mean
from regard.view.shading import Shading
from regard.view.shading import svg as shaded

TOKENS = ["the", " plot", " was", " dull", ",", " but", " the", " music", " was", " wonderful", "."]
FEELING = {" dull": -1.0, " wonderful": 0.9}


def draw() -> str:
    annotations = _annotations()
    lengths = torch.tensor([len(TOKENS)])
    poolings = {
        "last": Last(3, both=False),
        "mean": Mean(3),
        "max": Max(3),
        "attention": Attentive(_attention()),
    }
    drawings = []
    for name, pooling in poolings.items():
        with torch.no_grad():
            weights = pooling(annotations, lengths).weights[0]
        drawings.append(shaded(Shading(TOKENS, weights, name)))
    return beside(*drawings, columns=1)


def _annotations() -> torch.Tensor:
    """Each token's praise, its blame, and a third feature that the turn has most of."""
    feelings = torch.tensor([FEELING.get(token, 0.0) for token in TOKENS])
    turn = torch.tensor([float(token == " but") for token in TOKENS])
    return torch.stack([feelings.clamp(min=0), (-feelings).clamp(min=0), turn], -1)[None]


def _attention() -> AttentionPooling:
    # Set by hand: the picture shows what a pooling's weight is, not what one happened to learn.
    pooling = AttentionPooling(3, hidden=1)
    with torch.no_grad():
        pooling.form.get_parameter("inner.weight").copy_(torch.tensor([[2.0, 2.0, 0.5]]))
        pooling.form.get_parameter("inner.bias").zero_()
        pooling.form.get_parameter("query").fill_(4.0)
    return pooling
