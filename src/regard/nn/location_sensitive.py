"""Location-sensitive attention: where to look depends on where the last step looked."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from regard.errors import RangeError
from regard.nn.recurrent import RecurrentAlignment, nothing_read
from regard.nn.source import Source
from regard.normalizers import Normalizer
from regard.normalizers import named as named_normalizer


class LocationState(NamedTuple):
    """The weights of the last step, or of all steps so far in sum: ``(B, K)``."""

    weights: Tensor


class LocationSensitiveAttention(RecurrentAlignment):
    """Additive attention that is told the last weights around each key.

        e_tj = vᵀ tanh(W s_t + V h_j + U f_tj + b),   f_t = F ∗ α_{t−1}

    F holds ``channels`` filters of ``kernel`` weights, centred at the key. With ``cumulative`` they
    run over Σ_{t'<t} α_{t'}.

    Source:  Chorowski, Bahdanau, Serdyuk, Cho, Bengio 2015 (arXiv:1506.07503), eq. 8–9; the sum:
             Shen et al. 2018, Tacotron 2 (arXiv:1712.05884), §2.2
    Departs: α_0 = 0, where the paper names no beginning (its authors' code puts all weight on the
             first key: give ``step`` a ``LocationState`` of your own for another). ∗ does not turn
             the learned filters around, as nowhere in torch.
    Cost:    O(K·(D + channels·kernel)) time a step; the keys are projected once. Memory of T steps
             in training: O(T·K·D), a step's features of more than 2²⁰ numbers are made again.

    Args:
        query_features: E, features of s.
        key_features: F, features of h; None: E.
        features: D; None: E.
        channels: how many filters (the paper's k).
        kernel: the width of a filter (keys; the paper's r); odd, so that it has a middle.
        cumulative: whether the filters run over the sum of all weights so far.
        normalizer: how scores become weights, as in ``attend``.

    Raises:
        RangeError: an even kernel, no channels.

    >>> import torch
    >>> layer = LocationSensitiveAttention(4, 6, channels=3, kernel=5)
    >>> source, state = layer.begin(torch.zeros(2, 7, 6), lengths=torch.tensor([7, 3]))
    >>> context, weights, state = layer.step(torch.zeros(2, 4), source, state)
    >>> context.shape, weights.shape
    (torch.Size([2, 6]), torch.Size([2, 7]))
    >>> layer(torch.zeros(2, 5, 4), torch.zeros(2, 7, 6)).shape
    torch.Size([2, 5, 6])
    """

    def __init__(
        self,
        query_features: int,
        key_features: int | None = None,
        *,
        features: int | None = None,
        channels: int = 10,
        kernel: int = 31,
        cumulative: bool = False,
        normalizer: Normalizer | str = "softmax",
    ) -> None:
        super().__init__("additive", query_features, key_features, features)
        if kernel < 1 or kernel % 2 == 0 or channels < 1:
            raise RangeError(
                "a filter has a middle and there is at least one: kernel is odd and ≥ 1, channels "
                f"≥ 1, and they are {kernel} and {channels}"
            )
        self.filters = nn.Conv1d(1, channels, kernel, padding=kernel // 2, bias=False)
        self.location = nn.Linear(channels, self.features)  # with b
        self.cumulative = cumulative
        self.normalizer = named_normalizer(normalizer)

    def first(self, source: Source) -> LocationState:
        return LocationState(nothing_read(source))

    def look(
        self, query: Float[Tensor, "B 1 D"], source: Source, state: LocationState
    ) -> tuple[Float[Tensor, "B 1 K"], LocationState]:
        around = self.filters(state.weights[:, None].to(self.filters.weight.dtype)).mT
        key = source.key + self.location(around)
        found = self.weigh(query, key, source, self.normalizer)
        now = found[:, 0]
        return found, LocationState(state.weights + now if self.cumulative else now)
