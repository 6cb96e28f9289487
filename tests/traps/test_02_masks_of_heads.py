"""Trap 2: the masks of a batch are applied to the wrong sequences.

Heads are folded into the batch, scores head by head and masks sequence by sequence, and the two
orders have the same length (sooftware/attentions; of the same class onnx#7274, opacus#825). Or
lengths of sequences meet the heads, where there are as many of the one as of the other.

A test catches it where each row of the batch has a length of its own.
"""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from conformance import laws
from regard import masks
from regard.nn import MultiheadAttention
from traps.asked import Asked, Inputs, caught, right


def batch_major(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Scores lie as (H·B, Q, K), the mask as (B·H, Q, K), and a view makes them fit."""
    batch, heads = allowed.shape[:2]
    folded = {
        name: array.transpose(0, 1).reshape(heads * batch, *array.shape[2:])
        for name, array in inputs.items()
    }
    mask = allowed.reshape(batch * heads, *allowed.shape[2:])
    output, weights = right(folded, mask)
    unfolded = (x.unflatten(0, (heads, batch)).transpose(0, 1) for x in (output, weights))
    return tuple(unfolded)  # pyright: ignore[reportReturnType]


def lengths_of_heads(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Lengths (B,) are made (B, 1, 1) and broadcast from the right: B meets H."""
    lengths = allowed[:, 0, 0, 0].sum(-1)
    mask = torch.arange(allowed.shape[-1]) < lengths[:, None, None]
    return right(inputs, mask.expand(allowed.shape))


@pytest.mark.parametrize(
    "law", [laws.the_output_is_the_formula, laws.a_row_does_not_know_its_batch]
)
def test_masks_follow_their_sequences(law) -> None:
    caught(law, batch_major, mask="padding", lengths=[5, 2])
    caught(law, batch_major, mask="causal & padding", lengths=[3, 4])


def test_equal_lengths_would_hide_it() -> None:
    laws.the_output_is_the_formula(Asked(batch_major, mask="padding", lengths=[3, 3]))


def test_lengths_belong_to_the_batch_where_there_are_as_many_heads() -> None:
    case = {"mask": "padding", "layout": "5-D", "lengths": [5, 2]}
    caught(laws.the_output_is_the_formula, lengths_of_heads, **case)
    caught(laws.a_row_does_not_know_its_batch, lengths_of_heads, **case)


def each_sequence_is_as_if_alone(attention: Callable[..., Tensor]) -> None:
    layer, states = MultiheadAttention(6, 3).double(), torch.randn(3, 5, 6, dtype=torch.float64)
    lengths = torch.tensor([5, 2, 3])
    together = attention(layer, states, lengths)
    for b, length in enumerate(lengths.tolist()):
        alone = attention(layer, states[b : b + 1, :length], lengths[b : b + 1])
        assert_close(together[b, :length], alone[0])


def ours(layer: MultiheadAttention, states: Tensor, lengths: Tensor) -> Tensor:
    return layer(states, mask=masks.padding(lengths))


def folded(layer: MultiheadAttention, states: Tensor, lengths: Tensor) -> Tensor:
    joined = F.linear(states, layer.in_proj_weight, layer.in_proj_bias).chunk(3, -1)
    heads = (x.unflatten(-1, (3, -1)).transpose(1, 2) for x in joined)
    keys = states.shape[1]
    allowed = (torch.arange(keys) < lengths[:, None])[:, None, None].expand(-1, 3, keys, -1)
    output, _ = batch_major(dict(zip(("query", "key", "value"), heads, strict=True)), allowed)
    return layer.out_proj(output.transpose(1, 2).flatten(-2))


def test_the_layer_keeps_sequences_apart() -> None:
    each_sequence_is_as_if_alone(ours)
    with pytest.raises(AssertionError):
        each_sequence_is_as_if_alone(folded)
