"""Models that are tables, for the tests of searches: every prefix has its own distribution."""

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from regard.data.vocabulary import BEGIN, END, PAD

CODES = 7919


class Memory(NamedTuple):
    """Of the sentence: must never be read from another sentence's row."""

    name: Tensor
    real: Tensor


class State(NamedTuple):
    source: Memory
    inner: tuple[Tensor, None]  # a code of the source and of the prefix


class Table:
    """Log-probabilities and weights that depend on the whole source and the whole prefix."""

    def __init__(self, size: int, seed: int, sharpness: float = 1.0) -> None:
        random = torch.Generator().manual_seed(seed)
        self.size = size
        self.logits = torch.randn(CODES, size, generator=random) * sharpness
        self.looks = torch.randn(CODES, 64, generator=random) * 2
        self.rows: list[int] = []
        self.read = 0

    def begin(self, source: Tensor, lengths: Tensor) -> State:
        self.read += len(source)
        self.rows = []
        real = torch.arange(source.shape[1]) < lengths[:, None]
        name = torch.zeros_like(lengths)
        for column, there in zip(source.T, real.T, strict=True):
            name = torch.where(there, (name * 31 + column + 1) % CODES, name)
        return State(Memory(name, real), (name.clone(), None))

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State, Tensor]:
        self.rows.append(len(tokens))
        name, real = state.source
        code = (state.inner[0] * 131 + tokens * 17 + name + 1) % CODES
        looks = self.looks[code, : real.shape[1]].masked_fill(~real, -torch.inf)
        state = State(state.source, (code, None))
        return self.logits[code].log_softmax(-1), state, looks.softmax(-1)


class Whole(NamedTuple):
    score: float
    tokens: tuple[int, ...]
    log_probability: float
    received: list[float]


def every(model: Table, source: list[int], limit: int, alpha=0.0, beta=0.0) -> list[Whole]:
    """All texts of at most ``limit`` tokens, one after the other, best first."""
    words = [token for token in range(model.size) if token not in (PAD, BEGIN, END)]
    texts = [
        (*text, END) for count in range(limit) for text in itertools.product(words, repeat=count)
    ]
    texts += itertools.product(words, repeat=limit)
    found = []
    for text in texts:
        total, received = 0.0, [0.0] * len(source)
        state = model.begin(torch.tensor([source]), torch.tensor([len(source)]))
        last = BEGIN
        for token in text:
            log_probabilities, state, weights = model.step(torch.tensor([last]), state)
            total += float(log_probabilities[0, token])
            received = [x + y for x, y in zip(received, weights[0].tolist(), strict=True)]
            last = token
        penalty = beta * sum(math.log(min(x, 1.0)) for x in received)
        score = total / ((5 + len(text)) / 6) ** alpha + penalty
        found.append(Whole(score, text, total, received))
    return sorted(found, reverse=True)


def padded(sources: list[list[int]]) -> tuple[Tensor, Tensor]:
    lengths = [len(source) for source in sources]
    rows = [source + [PAD] * (max(lengths) - len(source)) for source in sources]
    return torch.tensor(rows), torch.tensor(lengths)
