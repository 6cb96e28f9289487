"""Reading a source whose keys repeat: docs/nn/location_sensitive.md."""

import torch

from pictures import beside
from regard.nn import LocationSensitiveAttention
from regard.nn.location_sensitive import LocationState
from regard.view import svg
from regard.view.alignment import Alignment

SOURCE = "abcabcabca"
LETTERS = sorted(set(SOURCE))


def draw() -> str:
    titles = {False: "content alone", True: "content, and the last weights"}
    return beside(*(_read(told, title) for told, title in titles.items()))


def _read(told: bool, title: str) -> str:
    """Every step asks for the next letter; each letter is there three times or more."""
    letters = torch.eye(len(LETTERS))[[LETTERS.index(letter) for letter in SOURCE]][None]
    attention = _attention(told)
    source, _ = attention.begin(letters)
    before_the_first = torch.zeros(1, len(SOURCE))
    before_the_first[:, 0] = 1  # the walk begins at the left
    state, rows = LocationState(before_the_first), []
    with torch.no_grad():
        for query in letters[0, 1:]:
            _, weights, state = attention.step(query[None], source, state)
            rows.append(weights[0])
    return svg.heatmap(Alignment(tuple(SOURCE), tuple(SOURCE[1:]), torch.stack(rows), title=title))


def _attention(told: bool) -> LocationSensitiveAttention:
    """Set by hand: tanh works as an "and" of letter sought, letter found and, where it is told, of
    weight at the key before."""
    size = len(LETTERS)
    attention = LocationSensitiveAttention(size, channels=1, kernel=3)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.zero_()
        attention.score.query.weight.copy_(2 * torch.eye(size))
        attention.score.key.weight.copy_(2 * torch.eye(size))
        attention.score.weight.fill_(3.5)
        attention.filters.weight[0, 0, 0] = 1  # of three keys, the one before
        attention.location.bias.fill_(-3)
        attention.location.weight.fill_(2.5 if told else 0)
    return attention
