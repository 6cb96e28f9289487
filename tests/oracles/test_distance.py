"""Distance: kernel regression by hand, and digits far from the origin."""

import math

import numpy as np
import pytest
import torch

import regard
from regard import masks, scores


def test_kernel_regression_by_loops(rng: np.random.Generator) -> None:
    """Nadaraya and Watson's estimator, written as they have it."""
    query, key, value, width = rng.random((3, 2)), rng.random((6, 2)), rng.random((6, 1)), 0.3
    got = regard.attend(query, key, value, score=scores.Distance(width))
    for i in range(3):
        kernel = [math.exp(-sum((query[i] - k) ** 2) / (2 * width**2)) for k in key]
        want = sum(w * v for w, v in zip(kernel, value, strict=True)) / sum(kernel)
        np.testing.assert_allclose(got[i], want, rtol=1e-13)


@pytest.mark.parametrize("offset", [0.0, 100.0, 1e4])
@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_no_digits_are_lost_far_from_the_origin(offset: float, spread: float) -> None:
    """Uncentred, the inner-product form is off by 1.8e-2 at an offset of 100; centred it is fine
    there, and where the keys themselves are far apart the call streams."""
    clusters = torch.randn(1, 1, 8, 8).repeat_interleave(5, 2) * spread + offset
    key = clusters + torch.randn(1, 1, 40, 8)
    query, value = key[:, :, :30] + torch.randn(1, 1, 30, 8), torch.randn(1, 1, 40, 8)
    score = scores.Distance()
    want = regard.attend(query.double(), key.double(), value.double(), score=score)
    got = regard.attend(query, key, value, score=score)
    apart = torch.cdist(query.double(), key.double())
    eager = torch.softmax(-(apart.float() ** 2) / 2, -1) @ value
    allowed = max(1e-5, 2 * (eager - want).abs().max().item())
    assert (got - want).abs().max() <= allowed
    engine = regard.plan(query, key, value, score=score).engine
    assert engine == ("sdpa" if spread == 1.0 else "streaming")
    # What is refused here is what goes wrong: the form of a spread this wide has lost its digits.
    forced = regard.attend(query, key, value, score=score, engine="sdpa")
    assert ((forced - want).abs().max() > allowed) == (spread == 100.0)


def test_float64_keeps_its_digits_too() -> None:
    key = torch.randn(5, 4, dtype=torch.float64)
    key[0] += 1e5
    value = torch.randn(5, 3, dtype=torch.float64)
    output = regard.attend(key + 0.1, key, value, score="distance")
    want = regard.attend(key + 0.1, key, value, score="distance", engine="reference")
    assert (output - want).abs().max() < 1e-10


def test_halves_are_refused_by_the_fused_kernel() -> None:
    x = torch.randn(3, 4).bfloat16()
    refusals = regard.plan(x, x, x, score="distance").refusals
    assert refusals["sdpa"] == "the score would lose digits as an inner product of halves"


def test_padding_far_away_takes_no_digits() -> None:
    key, query, value = torch.randn(1, 9, 4), torch.randn(1, 5, 4), torch.randn(1, 9, 4)
    mask, score = masks.padding([6]), scores.Distance()
    want = regard.attend(query, key[:, :6], value[:, :6], score=score)
    key[:, 6:] = 3e4
    for engine in ("sdpa", "auto"):
        got = regard.attend(query, key, value, score=score, mask=mask, engine=engine)
        torch.testing.assert_close(got, want, atol=1e-5, rtol=0)


def test_gradcheck() -> None:
    query, key, value = (torch.randn(1, 1, 3, 4, dtype=torch.float64) for _ in "qkv")
    width = torch.rand((), dtype=torch.float64) + 0.5
    tensors = [x.requires_grad_() for x in (query, key, value, width)]
    for engine in ("sdpa", "streaming"):
        assert torch.autograd.gradcheck(
            lambda q, k, v, w, e=engine: regard.attend(q, k, v, score=scores.Distance(w), engine=e),
            tensors,
        )


def test_memory_of_pairs_is_not_held() -> None:
    """Streaming cuts differences, which are features of pairs, into tiles."""
    query = torch.randn(1, 400, 64) * 1e3
    seen = []

    class Watched(scores.Distance):
        def __call__(self, query, key):
            seen.append(query.shape[-2] * key.shape[-2] * key.shape[-1])
            return super().__call__(query, key)

    with torch.no_grad():
        regard.attend(query, query, query, score=Watched())
    assert len(seen) > 10
    assert max(seen) < 400 * 400 * 64 / 10
