"""Trap 11: a sparse normalizer with a negative dimension rolls the wrong way.

The entmax package can sort the k largest numbers alone, and come back with twice k to the rows
whose support may be larger. To collect these rows it moves the dimension last, and counts a
negative one as ``X.dim() - dim`` where ``X.dim() + dim`` was meant: so the fault shows only where
the dimension is negative, is not −1, and the support is large.

The normalizers here take the last dimension of whole rows; another is moved there, by torch's
movedim. A test catches the trap where every dimension of every rank is named from both ends.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from oracles import plain
from regard import normalizers

Along = Callable[[Tensor, int], Tensor]


def moved(normalizer: str, count: Callable[[int, int], int] = lambda rank, dim: dim) -> Along:
    def along(x: Tensor, dim: int) -> Tensor:
        dim = dim if dim >= 0 else count(x.ndim, dim)
        return normalizers.NORMALIZERS[normalizer](x.movedim(dim, -1), None).movedim(-1, dim)

    return along


def rolled(count: Callable[[int, int], int]) -> Along:
    """Sparsemax of the k largest first; ``count(rank, dim)`` says which dimension is last."""

    def threshold(x: Tensor, dim: int, k: int) -> Tensor:
        k = min(k, x.shape[dim])
        falling = x.topk(k, dim=dim).values.movedim(dim, -1)
        sums = falling.cumsum(-1) - 1
        support = (torch.arange(1, k + 1) * falling > sums).sum(-1, keepdim=True)
        tau = (sums.gather(-1, support - 1) / support).movedim(-1, dim)
        if k < x.shape[dim] and (unsolved := (support == k)[..., 0]).any():
            rest = threshold(roll_last(x, dim)[unsolved], -1, 2 * k)
            roll_last(tau, dim)[unsolved] = rest
        return tau

    def roll_last(x: Tensor, dim: int) -> Tensor:
        last = dim if dim >= 0 else x.ndim - 1 if dim == -1 else count(x.ndim, dim)
        return x.permute([i for i in range(x.ndim) if i != last] + [last])

    return lambda x, dim: (x - threshold(x, dim, 1)).clamp(min=0)


def every_dim_of_every_rank(along: Along, normalizer: str) -> None:
    for rank in range(1, 5):
        x = torch.randn((3, 4, 2, 5)[:rank], dtype=torch.float64) * 0.3  # wide supports
        for dim in range(rank):
            want = np.apply_along_axis(
                lambda row: getattr(plain, normalizer)(row.tolist()), dim, x.numpy()
            )
            for name in (dim, dim - rank):
                np.testing.assert_allclose(along(x, name), want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("normalizer", ["softmax", "sparsemax", "entmax15", "hard"])
def test_every_dim(normalizer: str) -> None:
    every_dim_of_every_rank(moved(normalizer), normalizer)


def test_a_wrong_roll_is_caught() -> None:
    every_dim_of_every_rank(rolled(lambda rank, dim: rank + dim), "sparsemax")
    with pytest.raises(RuntimeError):  # entmax 1.3: out of the range, which torch refuses
        every_dim_of_every_rank(rolled(lambda rank, dim: rank - dim), "sparsemax")
    around = moved("sparsemax", lambda rank, dim: (rank - dim) % rank)
    with pytest.raises(AssertionError):  # the same, where nothing refuses it
        every_dim_of_every_rank(around, "sparsemax")


def test_positive_dims_would_hide_it() -> None:
    along = rolled(lambda rank, dim: rank - dim)
    x = torch.randn(3, 4, 5, dtype=torch.float64) * 0.3
    for dim in (0, 1, 2, -1):
        want = moved("sparsemax")(x, dim)
        np.testing.assert_allclose(along(x, dim), want, rtol=0, atol=1e-12)
