"""Additive attention on the GPU: fused kernels in Triton.

tiles.py     the score of a tile and its gradients: the heart of it
kernels.py   the two passes
prepare.py   exponentials, and which form of the score is safe, on the device
launch.py    tiles and grids; what it costs
operator.py  the kernels as operators of torch
"""

import importlib.util

import torch
from jaxtyping import Float
from torch import Tensor

from regard.engines import additive
from regard.engines.call import Call
from regard.scores import Additive, NormalizedAdditive


def refuse(call: Call) -> str | None:
    """Why this engine cannot take the call; None: it can."""
    reason = additive.refuse(call)
    if reason is not None:
        return reason
    from regard.engines.additive_triton.launch import interpreted

    query, score = call.query, call.parts.score
    assert isinstance(score, Additive | NormalizedAdditive)
    if query.device.type != "cuda" and not interpreted():
        return "it computes on CUDA devices only"
    if query.dtype == torch.float64:
        return "it computes in float32"
    if score.weight.ndim > 2 and score.weight.shape[0] != 1:
        return "the weight is another for each row of the batch"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    return None


def attend(call: Call) -> Float[Tensor, "*batch Q V"]:
    """weights @ value, fused."""
    from regard.engines.additive_triton.operator import fused

    return additive.attend(call, fused)
