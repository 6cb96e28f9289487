"""The loss of hard attention in a system: what REINFORCE adds to the nats of a text."""

from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.nn.decoders import Chance
from regard.nn.hard import HardAttention


def reinforced(
    attention: object,
    nats: Float[Tensor, " N"],
    where: Int[Tensor, " N"],
    chance: Chance,
    real: Bool[Tensor, "B T"],
) -> Float[Tensor, ""]:
    """What is added to the nats of a batch of texts, ``HardAttention.loss``.

    Args:
        attention: the layer that drew.
        nats: −log p of N true tokens; where labels are smoothed, the smoothed ones.
        where: their places in the flattened ``(B, T)``.
        chance: of what was drawn, a number a token.
        real: which tokens count.
    """
    assert isinstance(attention, HardAttention)
    row = where // real.shape[1]
    likelihood = nats.detach().new_zeros(len(real)).index_add(0, row, -nats.detach())
    return attention.loss(likelihood, *(part * real for part in chance)).sum()
