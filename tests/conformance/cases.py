"""The table of cases. A new score, mask, bias or normalizer is one row here.

A row says twice what the part does: how the library is asked for it, and a plain rule for one pair
(q, k vectors; b the index in the batch; i, j the query and the key), which the oracle loops over.
"""

import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch

from oracles import plain
from regard import biases, masks, scores


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


class ScoreRow(NamedTuple):
    """``tensors(s)``: shapes of what the score holds; ``ask(tensors)``: the library's score;
    ``pair(q, k, t, b, i, j)``: the number; ``eager(q, k, t)``: the usual torch code."""

    tensors: Callable[[SimpleNamespace], dict[str, tuple[int, ...]]]
    ask: Callable[[dict[str, Any]], Any]
    pair: Callable[..., float]
    eager: Callable[..., torch.Tensor]
    inner_product: bool
    key_features: Callable[[int], int] = lambda features: features


def _cos(q: Any, k: Any) -> float:
    norms = math.sqrt(q @ q) * math.sqrt(k @ k)
    return float(q @ k) / norms if norms else 0.0


def _eager_cos(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    return (q / q.norm(dim=-1, keepdim=True)) @ (k / k.norm(dim=-1, keepdim=True)).mT


def _eager_additive(q: torch.Tensor, k: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.tanh(q[..., :, None, :] + k[..., None, :, :]) @ weight


def _eager_distance(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    return -(q[..., :, None, :] - k[..., None, :, :]).square().sum(-1)


def _head(b: tuple[int, ...]) -> Any:
    return b[-1] if b else 0


def _nearness(q: Any, k: Any, strength: Any) -> Any:
    return -abs(q[..., :, None, :] - k[..., None, :, :]).sum(-1) * strength


def _heads(s: SimpleNamespace) -> int:
    return s.batch[-1] if s.batch else 1


SCORES: dict[str, ScoreRow] = {
    "dot": ScoreRow(
        lambda s: {},
        lambda t: "dot",
        lambda q, k, t, b, i, j: q @ k,
        lambda q, k, t: q @ k.mT,
        True,
    ),
    "scaled_dot": ScoreRow(
        lambda s: {},
        lambda t: "scaled_dot",
        lambda q, k, t, b, i, j: q @ k / math.sqrt(len(q)),
        lambda q, k, t: q @ k.mT / q.shape[-1] ** 0.5,
        True,
    ),
    "scaled_dot, scale 0.7": ScoreRow(
        lambda s: {},
        lambda t: scores.ScaledDot(0.7),
        lambda q, k, t, b, i, j: q @ k * 0.7,
        lambda q, k, t: q @ k.mT * 0.7,
        True,
    ),
    "bilinear": ScoreRow(
        lambda s: {"weight": (s.E, s.E + 1)},
        lambda t: scores.Bilinear(t["weight"]),
        lambda q, k, t, b, i, j: q @ t["weight"] @ k,
        lambda q, k, t: q @ t["weight"] @ k.mT,
        True,
        lambda features: features + 1,
    ),
    "bilinear per head": ScoreRow(
        lambda s: {"weight": (*s.batch[-1:], s.E, s.E)},
        lambda t: scores.Bilinear(t["weight"]),
        lambda q, k, t, b, i, j: q @ t["weight"].reshape(-1, len(q), len(k))[_head(b)] @ k,
        lambda q, k, t: q @ t["weight"] @ k.mT,
        True,
    ),
    "additive": ScoreRow(
        lambda s: {"weight": (s.E,)},
        lambda t: scores.Additive(t["weight"]),
        lambda q, k, t, b, i, j: sum(
            v * math.tanh(x + y) for v, x, y in zip(t["weight"], q, k, strict=True)
        ),
        lambda q, k, t: _eager_additive(q, k, t["weight"]),
        False,
    ),
    "additive per head": ScoreRow(
        lambda s: {"weight": (*s.batch[-1:], s.E)},
        lambda t: scores.Additive(t["weight"]),
        lambda q, k, t, b, i, j: sum(
            v * math.tanh(x + y)
            for v, x, y in zip(t["weight"].reshape(-1, len(q))[_head(b)], q, k, strict=True)
        ),
        lambda q, k, t: (
            torch.tanh(q[..., :, None, :] + k[..., None, :, :])
            * t["weight"].reshape(*t["weight"].shape[:-1], 1, 1, -1)
        ).sum(-1),
        False,
    ),
    "additive, leaky_relu": ScoreRow(
        lambda s: {"weight": (s.E,)},
        lambda t: scores.Additive(t["weight"], "leaky_relu", 0.2),
        lambda q, k, t, b, i, j: sum(
            v * (x + y if x + y > 0 else 0.2 * (x + y))
            for v, x, y in zip(t["weight"], q, k, strict=True)
        ),
        lambda q, k, t: (
            torch.nn.functional.leaky_relu(q[..., :, None, :] + k[..., None, :, :], 0.2)
            @ t["weight"]
        ),
        False,
    ),
    "additive, sigmoid": ScoreRow(
        lambda s: {"weight": (s.E,)},
        lambda t: scores.Additive(t["weight"], "sigmoid"),
        lambda q, k, t, b, i, j: sum(
            v / (1 + math.exp(-x - y)) for v, x, y in zip(t["weight"], q, k, strict=True)
        ),
        lambda q, k, t: torch.sigmoid(q[..., :, None, :] + k[..., None, :, :]) @ t["weight"],
        False,
    ),
    "cosine": ScoreRow(
        lambda s: {},
        lambda t: "cosine",
        lambda q, k, t, b, i, j: _cos(q, k),
        lambda q, k, t: _eager_cos(q, k),
        True,
    ),
    "cosine, learned scale": ScoreRow(
        lambda s: {"scale": ()},
        lambda t: scores.Cosine(t["scale"]),
        lambda q, k, t, b, i, j: t["scale"] * _cos(q, k),
        lambda q, k, t: t["scale"] * _eager_cos(q, k),
        True,
    ),
    "cosine, scale per query": ScoreRow(
        lambda s: {"scale": (*s.batch, s.Q)},
        lambda t: scores.Cosine(t["scale"]),
        lambda q, k, t, b, i, j: t["scale"][b][i] * _cos(q, k),
        lambda q, k, t: t["scale"][..., None] * _eager_cos(q, k),
        True,
    ),
    "distance": ScoreRow(
        lambda s: {"sigma": ()},
        lambda t: scores.Distance(t["sigma"]),
        lambda q, k, t, b, i, j: -sum((q - k) ** 2) / (2 * t["sigma"] ** 2),
        lambda q, k, t: _eager_distance(q, k) / (2 * t["sigma"] ** 2),
        True,
    ),
    "distance per head": ScoreRow(
        lambda s: {"sigma": s.batch[-1:]},
        lambda t: scores.Distance(t["sigma"]),
        lambda q, k, t, b, i, j: -sum((q - k) ** 2) / (2 * t["sigma"].reshape(-1)[_head(b)] ** 2),
        lambda q, k, t: _eager_distance(q, k) / (2 * t["sigma"][..., None, None] ** 2),
        True,
    ),
    "trilinear": ScoreRow(
        lambda s: dict.fromkeys(("key_weight", "query_weight", "product_weight"), (s.E,)),
        lambda t: scores.Trilinear(t["key_weight"], t["query_weight"], t["product_weight"]),
        lambda q, k, t, b, i, j: (
            t["key_weight"] @ k + t["query_weight"] @ q + t["product_weight"] @ (q * k)
        ),
        lambda q, k, t: (
            (k @ t["key_weight"])[..., None, :]
            + (q @ t["query_weight"])[..., :, None]
            + (q * t["product_weight"]) @ k.mT
        ),
        True,
    ),
    "symmetric_relu per head": ScoreRow(
        lambda s: {"projection": (*s.batch[-1:], 3, s.E), "diagonal": (*s.batch[-1:], 3)},
        lambda t: scores.SymmetricReLU(t["projection"], t["diagonal"]),
        lambda q, k, t, b, i, j: sum(
            d * max(u @ q, 0.0) * max(u @ k, 0.0)
            for d, u in zip(
                t["diagonal"].reshape(-1, 3)[_head(b)],
                t["projection"].reshape(-1, 3, len(q))[_head(b)],
                strict=True,
            )
        ),
        lambda q, k, t: (
            ((q @ t["projection"].mT).relu() * t["diagonal"][..., None, :])
            @ (k @ t["projection"].mT).relu().mT
        ),
        True,
    ),
    "location": ScoreRow(
        lambda s: {"weight": (s.E, s.K + 4)},
        lambda t: scores.Location(t["weight"]),
        lambda q, k, t, b, i, j: q @ t["weight"][:, j],
        lambda q, k, t: q @ t["weight"][:, : k.shape[-2]],
        True,
        lambda features: 3,
    ),
    "additive, normalized": ScoreRow(
        lambda s: {"weight": (s.E,), "gain": (), "bias_of_score": (s.E,), "offset": ()},
        lambda t: scores.NormalizedAdditive(
            t["weight"], t["gain"], t["bias_of_score"], t["offset"]
        ),
        lambda q, k, t, b, i, j: (
            t["gain"]
            * sum(
                v * math.tanh(x + y + z)
                for v, x, y, z in zip(t["weight"], q, k, t["bias_of_score"], strict=True)
            )
            / math.sqrt(sum(t["weight"] ** 2))
            + t["offset"]
        ),
        lambda q, k, t: (
            t["gain"] * _eager_additive(q + t["bias_of_score"], k, t["weight"] / t["weight"].norm())
            + t["offset"]
        ),
        False,
    ),
    "soft cap": ScoreRow(
        lambda s: {},
        lambda t: scores.SoftCap(scores.Dot(), 2.0),
        lambda q, k, t, b, i, j: 2 * math.tanh(q @ k / 2),
        lambda q, k, t: 2 * torch.tanh(q @ k.mT / 2),
        False,
    ),
    "soft cap of own function": ScoreRow(
        lambda s: {"strength": ()},
        lambda t: scores.SoftCap(partial(_nearness, strength=t["strength"]), 3.0),
        lambda q, k, t, b, i, j: 3 * math.tanh(-sum(abs(q - k)) * t["strength"] / 3),
        lambda q, k, t: 3 * torch.tanh(_nearness(q, k, t["strength"]) / 3),
        False,
    ),
    "own function": ScoreRow(
        lambda s: {"strength": ()},
        lambda t: partial(_nearness, strength=t["strength"] * 2),
        lambda q, k, t, b, i, j: -sum(abs(q - k)) * t["strength"] * 2,
        lambda q, k, t: _nearness(q, k, t["strength"] * 2),
        False,
    ),
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
        lambda s, b, i, j: ((_head(b),), -abs(i + s.K - s.Q - j)),
        moves=True,
    ),
    "buckets, learned": BiasRow(
        lambda s: (_heads(s), 8),
        lambda numbers, s: biases.bucketed(numbers, max_distance=4, align="start"),
        lambda s, b, i, j: ((_head(b), _bucket(j - i)), 1.0),
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
