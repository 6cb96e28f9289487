"""Trap 6: masks that are numbers among the scores.

``softmax(scores · mask) · mask`` gives hidden keys the score 0 (AllenNLP's masked_softmax): where
those that count lie near −120, all weights vanish. Clamping after the mask (ESPnet) lifts hidden
scores, or sinks the others, to the same number: padding gets weight.

A shift of all scores changes no weight of a normalizer that is invariant to it. So a test catches
both by the scores of a problem, shifted.
"""

import pytest
import torch
from torch import Tensor

from conformance import laws
from traps.asked import Asked, Inputs, Version, right, scores

SHIFTS = (120.0, -120.0, 1e4, -1e4)


class Shifted(Asked):
    """The library is asked with a bias that the oracle does not know: the same everywhere."""

    shift = 0.0

    def inputs(self, *, gradients: bool = False) -> Inputs:
        inputs = super().inputs(gradients=gradients)
        return inputs | {"bias": inputs["bias"] + self.shift}


def times_the_mask(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    weights = (scores(inputs) * allowed).softmax(-1) * allowed
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-13)
    return weights @ inputs["value"], weights


def clamped_after_the_mask(inputs: Inputs, allowed: Tensor) -> tuple[Tensor, Tensor]:
    weights = scores(inputs).masked_fill(~allowed, -1e4).clamp(min=-1e4).softmax(-1)
    return weights @ inputs["value"], weights


def shifts_change_nothing(version: Version | None, normalizer: str = "softmax") -> None:
    for engine in ("auto", "streaming") if version is None else ("auto",):
        problem = Shifted(
            version,
            mask="padding",
            lengths=[3, 2],
            bias="plane",
            normalizer=normalizer,
            engine=engine,
        )
        for problem.shift in SHIFTS:
            laws.the_output_is_the_formula(problem)
            assert not problem.ask_weights(problem.inputs())[~torch.tensor(problem.allowed)].any()


@pytest.mark.parametrize("normalizer", ["softmax", "sparsemax", "entmax15", "hard"])
def test_a_shift_of_all_scores_changes_nothing(normalizer: str) -> None:
    shifts_change_nothing(None, normalizer)


@pytest.mark.parametrize("wrong", [times_the_mask, clamped_after_the_mask])
def test_the_shift_catches_the_trap(wrong: Version) -> None:
    shifts_change_nothing(right)
    with pytest.raises(AssertionError):
        shifts_change_nothing(wrong)
