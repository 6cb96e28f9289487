"""Trap 5: the output depends on whether weights were asked for.

torch.nn.MultiheadAttention takes the fused kernel without weights and writes the formula out with
them. With a causal mask and padding on the left the first queries see nothing: 0 from the one, NaN
from the other. The first test shows the same two paths; law 7 catches them.
"""

from typing import Any

import pytest
import torch.nn.functional as F
from torch import Tensor

from conformance import laws
from conformance.cases import MaskRow
from regard import masks
from traps.asked import Asked, Inputs, careless, right

LEFT = [0, 2]  # tokens of padding on the left of each sequence

CAUSAL_AND_LEFT_PADDING = MaskRow(
    lambda s: masks.causal() & ~masks.padding(LEFT), lambda s, b, i, j: LEFT[b[0]] <= j <= i
)


class TwoPaths(Asked):
    """``fused`` gives the output that comes alone, ``version`` the one beside the weights."""

    def attend(self, inputs: Inputs, **changes: Any) -> Any:
        if changes.get("return_weights"):
            return super().attend(inputs, **changes)
        return fused(inputs, self._allowed(**changes))


def fused(inputs: Inputs, allowed: Tensor) -> Tensor:
    # A fully masked row is 0 in torch's kernels; right() is so on every version of torch.
    names = ("query", "key", "value")
    mask = allowed | ~allowed.any(-1, keepdim=True)
    output = F.scaled_dot_product_attention(*(inputs[name] for name in names), attn_mask=mask)
    return output.masked_fill(~allowed.any(-1, keepdim=True), 0)


def test_the_output_is_the_same_to_the_bit() -> None:
    laws.weights_mean_what_was_used(Asked(None, rule=CAUSAL_AND_LEFT_PADDING))
    laws.weights_mean_what_was_used(Asked(right, rule=CAUSAL_AND_LEFT_PADDING))
    two_paths = TwoPaths(careless, rule=CAUSAL_AND_LEFT_PADDING)
    laws.the_output_is_the_formula(two_paths)  # nothing is wrong with the output alone
    with pytest.raises(AssertionError):
        laws.weights_mean_what_was_used(two_paths)
