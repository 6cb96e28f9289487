"""From features to tokens: the output layer, and the copying of words of the source."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.systems.nats import nats_of

TINY = 1e-10
"""What an unknown word is taken to be worth that is nowhere looked at, so that its loss is
finite."""


class Output(nn.Module):
    """Logits of the target's tokens.

        W x + b                          or, tied,  E (P x) + b

    E has the tokens' own vectors, P brings features to their number (no P, if it is theirs).

    Source:  Press, Wolf 2017 (arXiv:1608.05859), for the tied one
    """

    def __init__(self, features: int, size: int, tied_to: nn.Embedding | None) -> None:
        super().__init__()
        self.tied = tied_to is not None
        self.project = nn.Identity()
        if tied_to is None:
            self.layer = nn.Linear(features, size)
            return
        if tied_to.embedding_dim != features:
            self.project = nn.Linear(features, tied_to.embedding_dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(
        self, features: Float[Tensor, "*batch R"], embedding: Float[Tensor, "N M"]
    ) -> Float[Tensor, "*batch N"]:
        """Logits; ``embedding`` are the tokens' vectors, which belong to another layer."""
        if not self.tied:
            return self.layer(features)
        return F.linear(self.project(features), embedding, self.bias)


class Copying(nn.Module):
    """The pointer–generator's mixture of writing and copying.

        p(w) = p_gen p_vocab(w) + (1 − p_gen) Σ_{j: x_j = w} α_j,  p_gen = σ(wᵀ told + b)

    Words count that are in the vocabulary, and words that only their row's source has, whose
    numbers are behind it (``data.copying``).

    Source:  See, Liu, Manning 2017 (arXiv:1704.04368), eq. 8–9
    Departs: none; ``told`` is what the network knows: context, state and last word's vector

    Args:
        told: how many numbers p_gen is made from.
    """

    def __init__(self, told: int) -> None:
        super().__init__()
        self.gate = nn.Linear(told, 1)

    def log_likelihood(
        self,
        logits: Float[Tensor, "N V"],
        told: Float[Tensor, "N G"],
        weights: Float[Tensor, "N S"],
        source: Int[Tensor, "N S"],
        truth: Int[Tensor, " N"],
    ) -> Float[Tensor, " N"]:
        """log p of N true words (nats), without the distributions over all others."""
        gate = self.gate(told)[:, 0].float()
        mass = (weights.float() * (source == truth[:, None])).sum(-1)
        known = truth < logits.shape[-1]
        # A known word is written besides: its floor is there for the logarithm alone.
        floor = torch.where(known, torch.finfo(mass.dtype).tiny, TINY)
        copied = F.logsigmoid(-gate) + torch.maximum(mass, floor).log()
        written = F.logsigmoid(gate) - nats_of(logits, torch.where(known, truth, 0))
        # logaddexp(−∞, x) would have no gradient to give.
        return torch.where(known, torch.logaddexp(written, copied), copied)

    def log_probabilities(
        self,
        logits: Float[Tensor, "B V"],
        told: Float[Tensor, "B G"],
        weights: Float[Tensor, "B S"],
        source: Int[Tensor, "B S"],
        unknown: Int[Tensor, "B U"],
    ) -> Float[Tensor, "B N"]:
        """log p of every word (nats): of the V of the vocabulary and of the U behind it."""
        written = torch.sigmoid(self.gate(told).float())
        p = F.pad(written * logits.softmax(-1), (0, unknown.shape[1]))
        return p.scatter_add(1, source, (1 - written) * weights.float()).log()
