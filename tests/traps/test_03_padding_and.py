"""Trap 3: padding of queries and of keys, combined with AND where OR was meant.

Scores are hidden where the query is padding *and* the key is, ``(1 − m_i)(1 − m_j)``
(CyberZHG/keras-self-attention): a query that counts then sees all the padding.

A test catches it where rows hold both padding and queries that count.
"""

import pytest
from torch import Tensor

from conformance import laws
from traps.asked import Inputs, caught, right


def hidden_where_both_are(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    padding = ~allowed.any(-2)  # of self-attention: the same tokens are queries and keys
    return right(inputs, ~(padding[..., :, None] & padding[..., None, :]))


@pytest.mark.parametrize(
    "law", [laws.the_output_is_the_formula, laws.what_is_not_seen_changes_nothing]
)
def test_queries_that_count_see_no_padding(law) -> None:
    caught(law, hidden_where_both_are, layout="batch", mask="padding", lengths=[3, 4])
