"""Convolutions over the words of a text, of each feature alone and then of features together."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.errors import RangeError
from regard.nn.refusals import sizes
from regard.nn.source import cleared, expect, lengths_of


class SeparableConvolution(nn.Module):
    """A depthwise convolution, then a linear layer for each word.

        d_tf = Σ_k w_kf x_{t+k−(K−1)/2, f},   y_t = W d_t + b

    K·E + E² weights instead of K·E² of a convolution. Words before the first and behind the last
    are zeros, and so is padding.

    Source:  Chollet 2017 (arXiv:1610.02357), §1; over words: Kaiser, Gomez, Chollet 2018
             (arXiv:1706.03059), §2; in readers: Yu et al. 2018 (arXiv:1804.09541), §2.2
    Departs: one bias, behind both; no activation, which is the caller's
    Cost:    O(T·(K·E + E²)) time

    Args:
        features: E.
        kernel: K, odd: how many words are read at once.

    Raises:
        RangeError: sizes below 1, an even kernel.

    >>> SeparableConvolution(4, 3)(torch.zeros(2, 5, 4), [5, 2]).shape
    torch.Size([2, 5, 4])
    """

    def __init__(self, features: int, kernel: int) -> None:
        super().__init__()
        sizes("SeparableConvolution", features=features, kernel=kernel)
        if not kernel % 2:
            raise RangeError(
                f"the kernel of SeparableConvolution is odd, for it has a middle: {kernel}"
            )
        self.features, self.kernel = features, kernel
        self.depthwise = nn.Parameter(torch.empty(kernel, features))
        self.pointwise = nn.Linear(features, features)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew, so that a ReLU behind them keeps the mean square of ``tokens``
        (He et al. 2015, arXiv:1502.01852, §2.2). As torch draws those of a linear layer, a word
        would hardly hear of its neighbours at the beginning."""
        nn.init.uniform_(self.depthwise, -((3 / self.kernel) ** 0.5), (3 / self.kernel) ** 0.5)
        nn.init.kaiming_uniform_(self.pointwise.weight, nonlinearity="relu")
        nn.init.zeros_(self.pointwise.bias)

    def forward(
        self,
        tokens: Float[Tensor, "B T E"],
        lengths: Int[Tensor, " B"] | list[int] | None = None,
    ) -> Float[Tensor, "B T E"]:
        """``tokens`` and their neighbours; the rows behind ``lengths`` (None: all T) are not read,
        and not meant.

        Raises:
            ShapeError: tokens of other features, or another number of lengths than rows.
            KindError: lengths that are not integers.
        """
        expect(tokens, 3, self.features, "tokens (B, T, E)")
        if lengths is not None:
            tokens = cleared(tokens, lengths_of(tokens, lengths))
        # Sums of shifted products: torch's depthwise convolution takes three times as long.
        count, side = tokens.shape[1], self.kernel // 2
        wide = F.pad(tokens, (0, 0, side, side))
        found = wide[:, :count] * self.depthwise[0]
        for place in range(1, self.kernel):
            shifted = wide[:, place : place + count]
            found = torch.addcmul(found, shifted, self.depthwise[place].to(tokens.dtype))
        return self.pointwise(found)

    def extra_repr(self) -> str:
        return f"{self.features}, kernel={self.kernel}"
