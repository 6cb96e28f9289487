"""Additive attention on the CPU: fused kernels, compiled by Numba when they are first called.

compiled.py     how
lanes.py        vectors of numbers
exponential.py  exp of them
product.py      products of matrices
scores.py       the score, in tiles: the heart of it
slopes.py       its gradients
inputs.py       what kernels are given
forward.py  backward.py   the two passes over blocks of queries
forms.py        which form of the score is safe for the numbers of a call
problem.py  threads.py    a call as the kernels want it, and the threads that share it
operator.py     the kernels as operators of torch

Cost: O(Q·K·D) time, about three vector instructions a pair and feature forward; memory O(Q + K),
of each thread, and ``operator.SCORES_KEPT`` numbers.
"""

from jaxtyping import Float
from torch import Tensor

from regard.engines import additive
from regard.engines.call import Call

FEW = 4
"""Queries of a sequence, at most, for which tanh itself is as fast: keys are taken as they come."""


def refuse(call: Call) -> str | None:
    """Why this engine cannot take the call; None: it can."""
    reason = additive.refuse(call)
    if reason is not None:
        return reason
    if call.query.device.type != "cpu":
        return "it computes on the CPU only"
    return _broken()


def hesitate(call: Call) -> bool:
    """Whether another engine is as good: so few queries share no exponentials, and for one step of
    a decoder torch's own operations are quicker to begin."""
    return call.n_queries <= FEW


def attend(call: Call) -> Float[Tensor, "*batch Q V"]:
    """weights @ value, fused."""
    from regard.engines.additive_numba.operator import fused

    return additive.attend(call, fused)


_reasons: list[str | None] = []


def _broken() -> str | None:
    if not _reasons:  # not functools.cache, of which torch.compile warns
        _reasons.append(_tried())
    return _reasons[0]


def _tried() -> str | None:
    try:
        import regard.engines.additive_numba.operator  # noqa: F401
    except Exception as error:  # an installation can be broken in any way; streaming is not
        return f"Numba does not work here: {type(error).__name__}: {error}"
    return None
