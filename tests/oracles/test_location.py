"""Location: the score of a place, whatever stands there."""

import math

import numpy as np
import torch

import regard
from regard import masks, scores


def test_is_softmax_of_a_linear_layer_cut_to_the_source(rng: np.random.Generator) -> None:
    """Luong et al. 2015, eq. 8, for a source of 4 where the longest has 7."""
    query, weight = rng.standard_normal((3, 5)), rng.standard_normal((7, 5))  # W_a: (places, E)
    got = regard.weights(query, np.zeros((4, 2)), score=scores.Location(weight.T))
    for i in range(3):
        powers = [math.exp(weight[j] @ query[i]) for j in range(4)]
        np.testing.assert_allclose(got[i], np.array(powers) / sum(powers), rtol=1e-13)


def test_what_keys_hold_changes_nothing() -> None:
    query, value, weight = torch.randn(2, 3, 5), torch.randn(2, 4, 2), torch.randn(5, 4)
    want = regard.attend(query, torch.zeros(2, 4, 6), value, score=scores.Location(weight))
    key = torch.full((2, 4, 6), torch.nan)
    assert torch.equal(regard.attend(query, key, value, score=scores.Location(weight)), want)


def test_blocks_and_tiles_know_their_places() -> None:
    """A window is computed in blocks that begin anywhere."""
    query, key, value = torch.randn(1300, 4), torch.randn(1300, 4), torch.randn(1300, 3)
    score, mask = scores.Location(torch.randn(4, 1300)), masks.window(3, 2)
    for s in (score, scores.SoftCap(score, 5.0)):
        want = regard.attend(query, key, value, score=s, mask=mask, engine="reference")
        torch.testing.assert_close(regard.attend(query, key, value, score=s, mask=mask), want)


def test_gradcheck() -> None:
    shapes = ((3, 2), (4, 5), (4, 2), (2, 6))
    tensors = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    assert torch.autograd.gradcheck(
        lambda q, k, v, w: regard.attend(q, k, v, score=scores.Location(w)), tensors
    )
