"""The table of cases. A new mask, bias or normalizer is one row here, a score in score_cases.py.

A row says twice what the part does: how the library is asked for it, and a plain rule for one pair
(q, k vectors; b the index in the batch; i, j the query and the key), which the oracle loops over.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch

from conformance.score_cases import SCORES, head
from oracles import plain
from regard import biases, masks


class Layout(NamedTuple):
    query: tuple[int, ...]
    key: tuple[int, ...]
    value: tuple[int, ...]
    enable_gqa: bool = False
    single: bool = False


LAYOUTS = {
    "flat": Layout((), (), ()),
    "single query": Layout((), (3,), (3,), single=True),
    "batch": Layout((2,), (2,), (2,)),
    "batch of 1": Layout((1, 2), (1, 2), (1, 2)),
    "heads": Layout((2, 3), (2, 3), (2, 3)),
    "5-D": Layout((2, 2, 2), (2, 2, 2), (2, 2, 2)),
    "broadcast": Layout((2, 3), (3,), (2, 1)),
    "broadcast query": Layout((), (2, 1), (3,)),
    "5-D broadcast": Layout((2, 1, 2), (2, 1), (1, 2, 1)),
    "shared heads": Layout((2, 4), (2, 2), (2, 2), enable_gqa=True),
    "shared heads, no batch": Layout((4,), (2,), (2,), enable_gqa=True),
    "shared heads, 5-D": Layout((2, 1, 4), (1, 2, 2), (2, 2, 2), enable_gqa=True),
}

SIZES = {"5x5": (5, 5), "3x7": (3, 7), "7x3": (7, 3), "1x6": (1, 6), "6x1": (6, 1), "2x2": (2, 2)}

FEATURES = {"E=V": (4, 4), "E>V": (4, 3), "E<V": (2, 5), "1": (1, 1), "E=Q=B": (2, 2)}

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class MaskRow(NamedTuple):
    """``ask(s)``: the library's mask; ``sees(s, b, i, j)``: whether query i sees key j."""

    ask: Callable[[SimpleNamespace], Any]
    sees: Callable[..., bool]


def _row(b: tuple[int, ...]) -> Any:
    """The batch is the leftmost dimension; without one there is a single row."""
    return b[:1]


MASKS: dict[str, MaskRow] = {
    "none": MaskRow(lambda s: None, lambda s, b, i, j: True),
    "causal": MaskRow(lambda s: masks.causal(), lambda s, b, i, j: j <= i + s.K - s.Q),
    "causal from the start": MaskRow(
        lambda s: masks.causal(align="start"), lambda s, b, i, j: j <= i
    ),
    "padding": MaskRow(
        lambda s: masks.padding(s.lengths), lambda s, b, i, j: j < s.lengths[_row(b)]
    ),
    "window": MaskRow(lambda s: masks.window(1, 0), lambda s, b, i, j: 0 <= i + s.K - s.Q - j <= 1),
    "window at positions": MaskRow(
        lambda s: masks.window(2, 1, query_positions=s.at_query, key_positions=s.at_key),
        lambda s, b, i, j: -2 <= s.at_key[_row(b)][j] - s.at_query[_row(b)][i] <= 1,
    ),
    "segments": MaskRow(
        lambda s: masks.segments(s.query_ids, s.key_ids),
        lambda s, b, i, j: s.query_ids[_row(b)][i] == s.key_ids[_row(b)][j],
    ),
    "dense": MaskRow(lambda s: masks.dense(s.plane), lambda s, b, i, j: s.plane[i, j]),
    "dense per head": MaskRow(lambda s: masks.dense(s.full), lambda s, b, i, j: s.full[b][i, j]),
    "dense per key": MaskRow(
        lambda s: masks.dense(s.full[..., :1, :]), lambda s, b, i, j: s.full[b][0, j]
    ),
    "dense per query": MaskRow(
        lambda s: masks.dense(s.plane[:, :1]), lambda s, b, i, j: s.plane[i, 0]
    ),
    "predicate": MaskRow(
        lambda s: masks.predicate(lambda q, k: (q + k) % 3 != 0),
        lambda s, b, i, j: (i + j) % 3 != 0,
    ),
    "causal & padding": MaskRow(
        lambda s: masks.causal() & masks.padding(s.lengths),
        lambda s, b, i, j: j <= i + s.K - s.Q and j < s.lengths[_row(b)],
    ),
    "two windows": MaskRow(
        lambda s: (
            masks.window(0, 0) | masks.window(0, 0, align="start") & ~masks.padding(s.lengths)
        ),
        lambda s, b, i, j: i + s.K - s.Q == j or (i == j and j >= s.lengths[_row(b)]),
    ),
    "not causal": MaskRow(lambda s: ~masks.causal(), lambda s, b, i, j: j > i + s.K - s.Q),
    "nothing": MaskRow(lambda s: ~masks.window(None, None), lambda s, b, i, j: False),
}


def _heads(s: SimpleNamespace) -> int:
    return s.batch[-1] if s.batch else 1


class BiasRow(NamedTuple):
    """``shape(s)``: of its numbers; ``ask(numbers, s)``: the library's bias; ``at(s, b, i, j)``:
    the place of a pair's number, and what it is multiplied by; the share of −∞; whether it learns;
    whether other keys move the positions."""

    shape: Callable[[SimpleNamespace], tuple[int, ...]]
    ask: Callable[[Any, SimpleNamespace], Any] = lambda numbers, s: biases.dense(numbers)
    at: Callable[..., tuple[Any, float]] | None = None
    ruled_out: float = 0.0
    learned: bool = False
    moves: bool = False


def _bucket(ahead: int) -> int:
    """T5's buckets, eight of them for both directions, up to distance 4: 0, 1, 2, 3 and beyond."""
    return min(abs(ahead), 2 + (abs(ahead) > 2)) + 4 * (ahead > 0)


BIASES: dict[str, BiasRow | None] = {
    "none": None,
    "plane": BiasRow(lambda s: (s.Q, s.K)),
    "full": BiasRow(lambda s: (*s.batch, s.Q, s.K)),
    "per head, some −∞": BiasRow(
        lambda s: (*(1 for _ in s.batch[:-1]), *s.batch[-1:], s.Q, s.K), ruled_out=0.4
    ),
    "learned": BiasRow(lambda s: (s.Q, s.K), learned=True),
    "alibi": BiasRow(
        lambda s: (_heads(s),),
        lambda numbers, s: biases.alibi(numbers),
        lambda s, b, i, j: ((head(b),), -abs(i + s.K - s.Q - j)),
        moves=True,
    ),
    "buckets, one way": BiasRow(
        lambda s: (_heads(s), 4),
        lambda numbers, s: biases.bucketed(numbers, bidirectional=False, max_distance=4),
        lambda s, b, i, j: ((head(b), _bucket(min(j - i - s.K + s.Q, 0))), 1.0),
        moves=True,
    ),
    "buckets, learned": BiasRow(
        lambda s: (_heads(s), 8),
        lambda numbers, s: biases.bucketed(numbers, max_distance=4, align="start"),
        lambda s, b, i, j: ((head(b), _bucket(j - i)), 1.0),
        learned=True,
    ),
}


class NormalizerRow(NamedTuple):
    ask: Any
    plain: Callable[[list[float]], list[float]]
    smooth: bool = True


def _sigmoid(z: Any, allowed: Any) -> Any:
    weights = 1 / (1 + (z.neg().exp() if isinstance(z, torch.Tensor) else np.exp(-z)))
    return weights if allowed is None else weights * allowed


NORMALIZERS: dict[str, NormalizerRow] = {
    "softmax": NormalizerRow("softmax", plain.softmax),
    "sparsemax": NormalizerRow("sparsemax", plain.sparsemax),
    "entmax15": NormalizerRow("entmax15", plain.entmax15),
    "hard": NormalizerRow("hard", plain.hard, smooth=False),
    "sigmoid": NormalizerRow("sigmoid", plain.sigmoid_less_log_n),
    "own": NormalizerRow(_sigmoid, plain.sigmoid),
}

ENGINES = (
    "auto", "reference", "numpy", "sdpa", "sdpa in blocks", "additive_numba",
    "additive_numba in blocks", "streaming", "streaming in blocks",
)  # fmt: skip

AXES = {
    "score": tuple(SCORES),
    "mask": tuple(MASKS),
    "bias": tuple(BIASES),
    "normalizer": tuple(NORMALIZERS),
    "engine": ENGINES,
    "dtype": tuple(DTYPES),
    "layout": tuple(LAYOUTS),
    "size": tuple(SIZES),
    "features": tuple(FEATURES),
}


def valid(case: dict[str, str]) -> bool:
    """Whether the parts of a (partial) case go together."""
    engine, score = case.get("engine", ""), case.get("score", "dot")
    if engine.startswith("sdpa"):
        able = SCORES[score].inner_product and case.get("normalizer", "softmax") == "softmax"
        if not able or "learned" in case.get("bias", ""):
            return False
        if score.startswith("distance") and case.get("dtype", "float64").endswith("16"):
            return False  # squares of halves lose digits; engine="auto" knows that, and streams
    if engine.startswith("additive") and not (score.startswith("additive") or "score" not in case):
        return False
    if engine.startswith("additive") and case.get("normalizer", "softmax") != "softmax":
        return False
    if engine == "numpy" and case.get("dtype") == "bfloat16":
        return False  # NumPy has no such numbers
    if case.get("normalizer") == "hard":
        if case.get("dtype", "float64").endswith("16"):
            return False  # rounding decides between scores that are almost equal
        if score.startswith("cosine") and case.get("features") == "1":
            return False  # all scores are 1 or -1
    return not (case.get("layout") == "single query" and case.get("size", "1x6") != "1x6")
