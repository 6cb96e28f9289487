"""A machine reader whose words look for one another: docs/nn/lstmn.md."""

import torch

from regard.nn import LSTMN
from regard.view import svg
from regard.view.alignment import Alignment

WORDS = ["the", "old", "cook", "who", "tasted", "the", "soup", "smiled"]
ROLES = ("person", "verb", "article")
IS = {"cook": 0, "tasted": 1, "smiled": 1, "the": 2}
SEEKS = {"cook": 2, "who": 0, "tasted": 0, "soup": 1, "smiled": 0, "old": 2}


def draw() -> str:
    with torch.no_grad():
        *_, weights = _reader()(_sentence(), return_weights=True)
    title = "Each word over the words before it"
    return svg.heatmap(
        Alignment(tuple(WORDS), tuple(WORDS), weights[0], title=title), axes=("past", "token")
    )


def _sentence() -> torch.Tensor:
    """For each word the role it has and the role it seeks, and a 1 for the constants."""
    tokens = torch.zeros(1, len(WORDS), 2 * len(ROLES) + 1)
    tokens[..., -1] = 1
    for t, word in enumerate(WORDS):
        for table, start in ((IS, 0), (SEEKS, len(ROLES))):
            if word in table:
                tokens[0, t, start + table[word]] = 1
    return tokens


def _reader() -> LSTMN:
    """Set by hand: h_t holds the role of the word alone (the gates let in all that is new and keep
    nothing), and tanh works as an "and" of the role sought and the role found."""
    roles = len(ROLES)
    reader = LSTMN(2 * roles + 1, roles)
    eye = torch.eye(roles)
    with torch.no_grad():
        for parameter in reader.parameters():
            parameter.zero_()
        put, keep, show, _ = reader.gates_input.bias.view(4, roles)
        put += 20
        keep -= 20
        show += 20
        reader.gates_input.weight[3 * roles :, :roles] = 20 * eye
        reader.key.weight += 4 * eye / torch.tanh(torch.ones(()))  # h = tanh(tanh(20)) of the role
        reader.query_input.weight[:, roles : 2 * roles] = 4 * eye
        reader.query_input.weight[:, -1] = -6
        reader.weight += 3
    return reader
