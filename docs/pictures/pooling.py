"""Five ways to weigh the words of a sentence: docs/nn/pooling.md."""

import torch
from torch import Tensor

from regard.nn import AttentionPooling
from regard.view import svg
from regard.view.alignment import Alignment

WORDS = ["the", "plot", "was", "dull", "but", "the", "music", "was", "wonderful"]
FEELING = {"dull": -1.0, "wonderful": 1.0}
THINGS = ("plot", "music")

# Set by hand: the picture shows what each formula can say, not what it happened to learn.
FORMS = {
    # Strong feelings of either kind: tanh(x − b) + tanh(−x − b) is high where |x| is large.
    "length_free": {
        "inner.weight": [[3.0, 0, 0], [-3.0, 0, 0]],
        "inner.bias": [-3.0, -3.0],
        "query": [[4.0, 4.0]],
    },
    # Feelings, and the later the more: the bias of a position knows nothing of its word.
    "fixed": {"weight": [[2.0], [0], [0]], "bias": [[j / 4 - 1] for j in range(len(WORDS))]},
    # Feelings that the gate lets pass: the good ones.
    "gated": {"inner.weight": [[3.0, 0, 0]], "gate.weight": [[9.0, 0, 0]], "query": [[4.0]]},
    # One row for the turn and the bad feeling, one for the things.
    "structured": {
        "inner.weight": [[-2.0, 0, 2], [0, 2.0, 0]],
        "query": [[4.0, 0], [0, 4.0]],
    },
}
OPTIONS = {
    "length_free": {"hidden": 2},
    "fixed": {"length": len(WORDS)},
    "gated": {"hidden": 1},
    "structured": {"hidden": 2, "rows": 2},
}


def draw() -> str:
    found = {form: _weights(form).reshape(-1, len(WORDS)) for form in FORMS}
    names = tuple(
        f"{form}/{i}" if len(rows) > 1 else form
        for form, rows in found.items()
        for i in range(1, len(rows) + 1)
    )
    weights = torch.cat(list(found.values()))
    return svg.heatmap(
        Alignment(tuple(WORDS), names, weights, title="What each form pools"), axes=("word", "form")
    )


def _weights(form: str) -> Tensor:
    pooling = AttentionPooling(3, form=form, **OPTIONS[form])
    with torch.no_grad():
        for name, tensor in pooling.form.named_parameters():
            tensor.copy_(torch.tensor(FORMS[form][name]))
        return pooling(_sentence(), return_weights=True)[1]


def _sentence() -> Tensor:
    """Each word's feeling, −1 … 1, whether it is a thing, and whether it turns the sentence."""
    return torch.tensor(
        [[FEELING.get(w, 0.0), float(w in THINGS), float(w == "but")] for w in WORDS]
    )
