"""Problems of the conformance suite that ask a wrong version, as it is found in the wild.

A law is worth something if it fails where the library would be wrong. So each trap's wrong version
is kept, written small, and ``caught`` puts the same law to three: the library, plain torch code
that is right, and the wrong version. The first two must pass, the third must not; the second
shows that it is the trap that fails, and not the way in which it is asked.

What each trap is, and where it was found, stands on top of its file. Trap 4 (monotonic attention's
parallel form) is in ``tests/nn/test_monotonic.py``.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from conformance.cases import MaskRow
from conformance.problem import Problem

Inputs = dict[str, Tensor]
Version = Callable[[Inputs, Tensor], tuple[Tensor, Tensor]]
"""Arrays of full rank by name, and what is allowed (True = may attend); output and weights."""

PLAIN = {
    "score": "scaled_dot",
    "mask": "none",
    "bias": "none",
    "normalizer": "softmax",
    "engine": "auto",
    "dtype": "float64",
    "layout": "heads",
    "size": "5x5",
    "features": "E>V",
}


class Asked(Problem):
    """A problem that asks ``version``, or the library where it is None.

    Args:
        version: what takes the place of ``regard.attend`` and ``regard.weights``.
        lengths: of the rows of the batch, where the mask knows lengths.
        rule: a row of masks in the place of one of the table.
        case: what differs from ``PLAIN``.
    """

    def __init__(
        self,
        version: Version | None,
        *,
        lengths: Sequence[int] | None = None,
        rule: MaskRow | None = None,
        **case: str,
    ) -> None:
        super().__init__(PLAIN | case)
        self.version = version
        if lengths is not None:
            self.setup.lengths = np.array(lengths)
        if rule is not None:
            self.mask_row = rule
        for said in ("allowed", "_oracle"):  # what the oracle said of the mask that was there
            self.__dict__.pop(said, None)

    def attend(self, inputs: Inputs, **changes: Any) -> Any:
        if self.version is None:
            return super().attend(inputs, **changes)
        output, weights = self.version(inputs, self._allowed(**changes))
        return (output, weights) if changes.get("return_weights") else output

    def ask_weights(self, inputs: Inputs, **changes: Any) -> Any:
        if self.version is None:
            return super().ask_weights(inputs, **changes)
        return self.version(inputs, self._allowed(**changes))[1]

    def _allowed(self, mask: Any = None, **_: Any) -> Tensor:
        return torch.as_tensor(self.allowed if mask is None else mask.allowed)


def caught(
    law: Callable[[Problem], None],
    wrong: Version,
    *,
    by: type[Exception] = AssertionError,
    **case: Any,
) -> None:
    """The library and right code keep the law, and the wrong version does not."""
    law(Asked(None, **case))
    law(Asked(right, **case))
    with pytest.raises(by):
        law(Asked(wrong, **case))


def scores(inputs: Inputs) -> Tensor:
    """Raw scores of plain code: scaled dot product, or additive where there is a weight."""
    query, key = inputs["query"], inputs["key"]
    if "weight" in inputs:
        raw = torch.tanh(query[..., :, None, :] + key[..., None, :, :]) @ inputs["weight"]
    else:
        raw = query @ key.mT / math.sqrt(query.shape[-1])
    return raw + inputs["bias"] if "bias" in inputs else raw


def right(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Attention in plain torch, with the care that the contract asks for."""
    blind, unseen = ~allowed.any(-1, keepdim=True), ~allowed.any(-2)[..., None]
    inputs = inputs | {
        "query": inputs["query"].masked_fill(blind, 0),
        "key": inputs["key"].masked_fill(unseen, 0),
        "value": inputs["value"].masked_fill(unseen, 0),
    }
    raw = scores(inputs).masked_fill(~allowed & ~blind, -math.inf)
    weights = raw.softmax(-1).masked_fill(~allowed, 0)
    return weights @ inputs["value"], weights


def careless(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Attention as it is mostly written."""
    weights = scores(inputs).masked_fill(~allowed, -math.inf).softmax(-1)
    return weights @ inputs["value"], weights
