"""A call as the kernels want it: flat arrays, planes, threads' shares."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from regard.engines.additive_numba import FEW, threads
from regard.engines.additive_numba.forms import Extremes, are_short, extremes, forms, is_long
from regard.engines.additive_numba.inputs import Inputs
from regard.engines.additive_numba.lanes import WIDTH
from regard.engines.additive_operator import Folded

PER_THREAD = 2**20
"""Pairs times features that are worth another thread."""

FEW_COST = 8
"""How many times as much a pair and feature costs where queries are few."""

NOTHING = np.zeros(1, np.int32)


ANYTHING = Extremes(*[np.full(1, np.inf)] * 4)


class Problem:
    """One call's arrays, flat, and the forms of its scores.

    Where float32 is too coarse (``forms.is_long``, ``are_short``), all is computed in float64.
    """

    def __init__(self, call: Folded, *, backward: bool) -> None:
        query, key, value, weight = self.arrays = call[:4]
        self.planes = call.batch, call.heads
        features, activation, dropout_p = query.shape[3], call.activation, call.dropout_p
        small = flat(weight).reshape(-1, features).astype(np.float64)
        rows = [flat(array) for array in (query, key, value)]
        self.few = query.shape[2] <= FEW and features % WIDTH == 0
        found = extremes(*rows[:2], features) if backward or not self.few else ANYTHING
        narrow = query.dtype == torch.float32
        coarse = is_long(small, activation) or (backward and are_short(found, activation))
        self.widened = narrow and coarse
        if self.widened:
            rows, narrow = [row.astype(np.float64) for row in rows], False
        self.forms = forms(found, small, activation, call.negative_slope, narrow, self.few)
        maps = [plane_map(self.planes, tuple(array.shape[:2])) for array in self.arrays]
        span_map, span_step = maps[0], 0
        start = stop = NOTHING
        if call.start is not None and call.stop is not None:
            start, stop = flat(call.start), flat(call.stop)
            span_step = int(call.start.shape[2] > 1)
            span_map = plane_map(self.planes, tuple(call.start.shape[:2])) * call.start.shape[2]
        added, added_map, added_step = np.zeros(1, rows[0].dtype), maps[0], 0
        if call.added is not None:
            lead = call.added.shape
            wide = (
                call.added.expand(*lead[:3], key.shape[2])
                .to(torch.float32 if narrow else torch.float64)
                .reshape(-1)
            )
            # A vector may read beyond the last key; what it reads there is not used.
            added = torch.cat([wide, wide.new_zeros(WIDTH)]).detach().numpy()
            added_step, added_map = (
                int(lead[2] > 1),
                plane_map(self.planes, tuple(lead[:2])) * lead[2],
            )
        drawn = call.seed is not None
        self.inputs = Inputs(
            query=rows[0],
            key=rows[1],
            value=rows[2],
            query_plane=maps[0],
            key_plane=maps[1],
            value_plane=maps[2],
            weight_plane=maps[3],
            n_queries=query.shape[2],
            n_keys=key.shape[2],
            features=features,
            width=value.shape[3],
            spans=call.start is not None,
            start=start,
            stop=stop,
            span_plane=span_map,
            span_step=span_step,
            biased=call.added is not None,
            added=added,
            added_plane=added_map,
            added_step=added_step,
            seed=int(call.seed) if call.seed is not None else 0,
            threshold=min(int(dropout_p * 2**32), 2**32 - 1) if drawn else 0,
            grow=1.0 / (1.0 - dropout_p) if dropout_p < 1 else 0.0,
        )

    def runs(self) -> list[tuple[int, int]]:
        """Runs of rows, one a thread, of about equal cost."""
        x = self.inputs
        rows = self.planes[0] * self.planes[1] * x.n_queries
        if x.spans:
            seen = np.maximum(x.stop - x.start, 1)
            if x.span_step:
                each = seen.reshape(-1, x.n_queries)[x.span_plane // x.n_queries].reshape(-1)
            else:
                each = np.repeat(seen[x.span_plane], x.n_queries)
            ends = np.cumsum(each, dtype=np.float64)
        else:
            ends = None
        cost = (ends[-1] if ends is not None else float(rows) * x.n_keys) * x.features
        cost *= FEW_COST if self.few else 1
        parts = min(threads.count(cost, PER_THREAD), rows)
        if ends is None:
            cuts = [rows * part // parts for part in range(parts + 1)]
        else:
            inner = np.searchsorted(ends, ends[-1] * np.arange(1, parts) / parts) + 1
            cuts = [0, *inner.tolist(), rows]
        return [(first, last) for first, last in pairwise(cuts) if first < last]

    def shared(self, runs: list[tuple[int, int]]) -> list[bool]:
        """Of query, key, value, weight: whether two runs add to the same gradients."""
        x = self.inputs
        maps = (x.query_plane, x.key_plane, x.value_plane, x.weight_plane)
        if len(runs) == 1:
            return [False] * len(maps)
        parts = [(first // x.n_queries, -(-last // x.n_queries)) for first, last in runs]
        shares = []
        for which, planes in enumerate(maps):
            touched = [set(planes[first:last].tolist()) for first, last in parts]
            apart = sum(map(len, touched)) == len(set().union(*touched))
            # A plane cut in two has two runs of its own queries, and they do not meet.
            alone = which == 0 and len(np.unique(planes)) == len(planes)
            shares.append(not (apart or alone))
        return shares

    def room(self, scores: np.ndarray) -> np.ndarray:
        """Where scores are kept: nowhere, if they are computed in another precision."""
        return np.zeros(0, np.float64) if self.widened else scores


@lru_cache(maxsize=256)
def plane_map(planes: tuple[int, int], own: tuple[int, int]) -> np.ndarray:
    """Which of its own planes an array shows to each of ``planes``: (B, H) from fewer of either."""
    (batch, heads), (rows, few) = planes, own
    row = np.arange(batch) if rows == batch else np.zeros(batch, np.int64)
    head = np.arange(heads) * few // heads
    return (row[:, None] * few + head[None, :]).reshape(-1)


def flat(tensor: Tensor) -> np.ndarray:
    """A tensor's numbers, side by side."""
    return tensor.detach().contiguous().view(-1).numpy()
