"""What a search has found, and how it is put together from the steps of the model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from regard.data.vocabulary import END, UNKNOWN


class Hypothesis(NamedTuple):
    """A text that a model may have meant.

    Attributes:
        tokens: their numbers, without END.
        log_probability: of the tokens and of END (nats).
        score: by which hypotheses are ranked: the log-probability with its penalties.
        weights: with which each token was written, over the source's tokens.
        ended: whether END came; otherwise the text was cut at its largest length.
    """

    tokens: list[int]
    log_probability: float
    score: float
    weights: Float[Tensor, "T S"]
    ended: bool


class Decoded(NamedTuple):
    """Tokens ``(B, T)`` (PAD behind END), the log-probability ``(B,)`` of each row (nats), and
    for every token the weights ``(B, T, S)`` over the source with which it was written (0 behind
    END)."""

    tokens: Int[Tensor, "B T"]
    log_probability: Float[Tensor, " B"]
    weights: Float[Tensor, "B T S"]


class End(NamedTuple):
    """A hypothesis that is whole: the last token, and the step and row of the batch that wrote
    it."""

    step: int
    row: int
    token: int
    log_probability: float
    score: float


@dataclass
class History:
    """The steps of a search: who each row was at the step before, which token it read, and the
    weights ``(R, S)`` of what it wrote. Tokens and weights are stored once, not for each
    hypothesis, however often the rows branch."""

    origins: list[list[int]] = field(default_factory=list)
    tokens: list[list[int]] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)

    def add(self, origins: Tensor, tokens: Tensor, weights: Tensor) -> None:
        self.origins.append(origins.tolist())
        self.tokens.append(tokens.tolist())
        self.weights.append(weights)

    def path(self, end: End) -> list[int]:
        """The row of a hypothesis at each step up to its last."""
        rows = [end.row]
        for step in range(end.step, 0, -1):
            rows.append(self.origins[step][rows[-1]])
        return rows[::-1]

    def written(self, end: End, path: Sequence[int]) -> list[int]:
        """Its tokens; what it read at each step but the first, and its last one."""
        read = [self.tokens[step][path[step]] for step in range(1, len(path))]
        return [*read, end.token]

    def looked(self, paths: Sequence[Sequence[int]]) -> Float[Tensor, "H T S"]:
        """The weights of each path, 0 behind its end."""
        longest = max(map(len, paths))
        found = self.weights[0].new_zeros(len(paths), longest, self.weights[0].shape[1])
        for step in range(longest):
            there = [place for place, path in enumerate(paths) if len(path) > step]
            rows = [paths[place][step] for place in there]
            found[there, step] = self.weights[step][rows]
        return found.cpu()

    def hypotheses(
        self, ends: Sequence[Sequence[End]], lengths: Sequence[int]
    ) -> list[list[Hypothesis]]:
        """Those of each sentence, whose source has so many tokens."""
        paths = [self.path(end) for row in ends for end in row]
        weights = iter(self.looked(paths)) if paths else iter(())
        rows = iter(paths)
        found = []
        for own, length in zip(ends, lengths, strict=True):
            found.append([self._made(end, next(rows), next(weights)[:, :length]) for end in own])
        return found

    def _made(self, end: End, path: Sequence[int], weights: Tensor) -> Hypothesis:
        tokens, ended = self.written(end, path), end.token == END
        tokens = tokens[:-1] if ended else tokens
        kept = weights[: len(tokens)].clone()
        return Hypothesis(tokens, end.log_probability, end.score, kept, ended)


def unknown_sources(hypothesis: Hypothesis) -> dict[int, int]:
    """For each place where an unknown token was written, the place in the source with the largest
    weight: whose word takes its place.

    Source:  Luong, Sutskever et al. 2015 (arXiv:1410.8206), §3; by weights: Jean et al. 2015
             (arXiv:1412.2007), §3.3
    Departs: the word is copied as it is; no dictionary is asked first

    >>> import torch
    >>> weights = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    >>> unknown_sources(Hypothesis([7, UNKNOWN], -1.0, -1.0, weights, True))
    {1: 1}
    """
    places = [place for place, token in enumerate(hypothesis.tokens) if token == UNKNOWN]
    if not places or not hypothesis.weights.shape[1]:
        return {}
    best = hypothesis.weights[places].argmax(-1).tolist()
    return dict(zip(places, best, strict=True))
