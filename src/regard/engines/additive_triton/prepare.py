"""Queries, keys and weight as the Triton kernels of additive attention read them.

The fast form of tanh (``additive_triton_tiles``) holds where exp(2q) exp(2k) of two pairs stays
among the float32 numbers, and errs by about 2e-7 whatever its argument. So for every batch row and
head of the keys it is decided, on the device, whether it is taken.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

RANGE = 21.0
"""Largest |q| + |k| of the fast form: (1 + exp(2·21))², and its inverse, are float32 numbers."""

WEIGHT = 20.0
"""Largest norm of w: the errors of the fast form, 2e-7 a feature, are then 4e-6 in a score."""

SPREAD = 1 / 8
"""Least |q| + |k|: of features that hardly vary, tanh is little more than these errors, and so is
the gradient of w."""


class Ready(NamedTuple):
    """What the kernels read in place of query, key and weight."""

    query: Float[Tensor, "B H D_ Q_"]
    key: Float[Tensor, "B G D_ K_"]
    weight: Float[Tensor, "H D_"]
    fast: Int[Tensor, "B G"]
    seen: Bool[Tensor, "B G K"] | None


def prepare(
    query: Tensor,
    key: Tensor,
    weight: Tensor,
    start: Tensor | None,
    stop: Tensor | None,
    activation: str,
    multiples: tuple[int, int, int],
) -> Ready:
    """Query and key with their features apart, in float32, padded to multiples of Q, K and D: in
    fast form exp(2 (q + c)) and exp(2 (k - c)), about a centre c of each feature.

    The fast form is taken for a batch row and a head of the keys if |q + c| + |k - c| stays within
    RANGE and is somewhere above SPREAD, and if the weight is within WEIGHT. The device decides; the
    host is not waited for. What is not seen is 0, and has no say.
    """
    B, H, Q, D = query.shape
    G, K = key.shape[1:3]
    factor = scale(activation)
    query, key = factor * query.float(), factor * key.float()
    weight = factor * weight.float().expand(H, D)
    seen = None
    q_low = q_high = query
    k_low = k_high = key
    if start is not None and stop is not None:
        sees = (start < stop)[..., None]
        seen = _seen(start, stop, G, K)
        query, key = query.where(sees, 0.0), key.where(seen[..., None], 0.0)
        q_low, q_high = (query.where(sees, x) for x in (torch.inf, -torch.inf))
        k_low, k_high = (key.where(seen[..., None], x) for x in (torch.inf, -torch.inf))
    if activation in ("tanh", "sigmoid"):
        q_low, q_high = (x.unflatten(1, (G, H // G)) for x in (q_low.amin(2), q_high.amax(2)))
        q_low, q_high = q_low.amin(2), q_high.amax(2)
        k_low, k_high = k_low.amin(2), k_high.amax(2)
        # A whole number: then adding it rounds little.
        centre = ((k_low + k_high) / 2).round().nan_to_num(0.0)
        reach = torch.maximum(q_high + centre, -q_low - centre)
        reach = reach + torch.maximum(k_high - centre, centre - k_low)
        fast = (reach <= RANGE).all(-1) & (reach.amax(-1) >= SPREAD)
        fast = fast & (weight.reshape(G, H // G, D).norm(dim=-1) <= WEIGHT).all(-1)
        form, centre = fast[:, :, None, None], centre[:, :, None]
        key = torch.where(form, torch.exp(2 * (key - centre)), key)
        form, centre = (x.repeat_interleave(H // G, 1) for x in (form, centre))
        query = torch.where(form, torch.exp(2 * (query + centre)), query)
    else:
        fast = torch.zeros(B, G, dtype=torch.bool, device=query.device)
    q_more, k_more, d_more = (-n % m for n, m in zip((Q, K, D), multiples, strict=True))
    return Ready(
        F.pad(query.mT, (0, q_more, 0, d_more)).contiguous(),
        F.pad(key.mT, (0, k_more, 0, d_more)).contiguous(),
        F.pad(weight, (0, d_more)).contiguous(),
        fast.int(),
        seen,
    )


def _seen(start: Tensor, stop: Tensor, groups: int, n_keys: int) -> Bool[Tensor, "B G K"]:
    """Which keys lie in some query's span: those before which more spans start than stop."""
    is_empty = start >= stop
    keys = torch.arange(n_keys, device=start.device, dtype=start.dtype)

    def before(ends: Tensor) -> Tensor:
        ends = ends.masked_fill(is_empty, 0).unflatten(1, (groups, -1)).flatten(2).sort().values
        return torch.searchsorted(ends, keys.expand(*ends.shape[:2], -1).contiguous(), right=True)

    return before(start) > before(stop)


def scale(activation: str) -> float:
    """Sigmoid is tanh, ½ + ½ tanh(½ x), and the softmax does not see the constant."""
    return 0.5 if activation == "sigmoid" else 1.0
