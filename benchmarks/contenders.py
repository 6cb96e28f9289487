"""Who computes attention here: regard, and its peers in torch; ``keras_contenders`` has the others.

Each is a maker (see ``process``): for a shape (B, Q, K, D) it gives the call, which gives the
output, and with ``backward`` the gradients of query, key, value (and v).
"""

import torch
import torch.nn.functional as F
from formula import Shape, additive, differentiated, inputs
from process import Call
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

import regard
from regard import scores

FUSED = "aten::_scaled_dot_product_flash_attention_for_cpu"


def regard_additive(shape: Shape, backward: bool) -> Call:
    def attend(query: Tensor, key: Tensor, value: Tensor, v: Tensor) -> Tensor:
        return regard.attend(query, key, value, score=scores.Additive(v))

    *tensors, cotangent = map(torch.from_numpy, inputs(shape))
    return differentiated(attend, tensors, cotangent, backward)


def eager(shape: Shape, backward: bool) -> Call:
    """The broadcast, as torch runs it."""
    *tensors, cotangent = map(torch.from_numpy, inputs(shape))
    return differentiated(additive, tensors, cotangent, backward)


def compiled(shape: Shape, backward: bool) -> Call:
    """The broadcast, as torch.compile makes it for just this shape."""
    *tensors, cotangent = map(torch.from_numpy, inputs(shape))
    return differentiated(torch.compile(additive, dynamic=False), tensors, cotangent, backward)


def flex(shape: Shape, backward: bool) -> Call:
    """FlexAttention, which has no additive score: its ``score_mod`` ignores the inner product and
    adds the features up one by one, for a reduction there does not compile."""
    from torch.nn.attention.flex_attention import flex_attention  # slow to import

    compiled_flex = torch.compile(flex_attention, dynamic=False)
    features = shape[-1]

    def attend(query: Tensor, key: Tensor, value: Tensor, v: Tensor) -> Tensor:
        def score_mod(score: Tensor, batch: Tensor, _: Tensor, i: Tensor, j: Tensor) -> Tensor:
            for d in range(features):
                score = score + v[d] * torch.tanh(query[batch, i, d] + key[batch, j, d])
            return score

        # Its own inner product is of zeros, and as narrow as it takes.
        nothing = [torch.zeros(*tensor.shape[:2], 16)[:, None] for tensor in (query, key)]
        return compiled_flex(*nothing, value[:, None], score_mod=score_mod)[:, 0]

    *tensors, cotangent = map(torch.from_numpy, inputs(shape))
    return differentiated(attend, tensors, cotangent, backward)


def sdpa(shape: Shape, backward: bool) -> Call:
    """Torch's fused kernel for the dot product, on the same numbers, in four dimensions."""
    query, key, value, _, cotangent = map(torch.from_numpy, inputs(shape))
    heads = [tensor[:, None] for tensor in (query, key, value)]
    attend = F.scaled_dot_product_attention
    return differentiated(attend, heads, cotangent[:, None], backward)


def is_fused(call: Call, backward: bool) -> bool:
    """Whether a call runs torch's fused kernel in every pass that it has, as the profiler saw."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        call()
    ran = {event.key for event in record.key_averages()}
    return FUSED in ran and (not backward or FUSED + "_backward" in ran)
