"""An additive score whose tanh works as an "and": docs/scores/additive.md."""

import torch

from pictures.plane import looks, vectors
from regard.scores import Additive

W = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])  # (D, E): is the query about drinking, about eating?
U = torch.tensor([[0.0, 1.0], [0.0, 1.0]])  # (D, F): is the key a drink?
V = torch.tensor([-1.0, 1.0])


def draw() -> str:
    query, key = vectors() @ W.T, vectors() @ U.T
    return looks(Additive(3 * V), "additive: vᵀ tanh(Wq + Uk)", query=query, key=key)
