"""What each half of an annotation has read: docs/nn/encoders.md."""

import torch

from regard.nn import BidirectionalGRU
from regard.view import svg
from regard.view.alignment import Alignment

WORDS = ["I", "love", "you", "·", "·"]  # two places of padding
HIDDEN = 8


def draw() -> str:
    torch.manual_seed(0)
    encoder = BidirectionalGRU(4, HIDDEN).double()
    embedded = torch.randn(1, len(WORDS), 4, dtype=torch.float64)
    lengths = torch.tensor([sum(word != "·" for word in WORDS)])

    def annotations(embedded: torch.Tensor) -> torch.Tensor:
        return encoder(embedded, lengths).annotations[0]

    # (K, 2H, K, M): how each number of each annotation changes with each number of each token.
    slopes = torch.autograd.functional.jacobian(annotations, embedded)[:, :, 0].abs()
    halves = slopes.unflatten(1, (2, HIDDEN)).sum((2, 4))[: int(lengths)]
    onward, rearward = (half / half.sum(-1, keepdim=True) for half in halves.unbind(1))
    names = [f"{arrow}{word}" for arrow in "→←" for word in WORDS[: int(lengths)]]
    title = "What an annotation has read"
    drawn = Alignment(tuple(WORDS), tuple(names), torch.cat([onward, rearward]), title=title)
    return svg.heatmap(drawn, axes=("token", "annotation"), amount="share")
