"""The scores of the table. A new score is one row here.

A row says twice what the score does: how the library is asked for it, and a plain rule for one pair
(q, k vectors; b the index in the batch; i, j the query and the key), which the oracle loops over.
"""

import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch

from regard import scores


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


def head(b: tuple[int, ...]) -> Any:
    """The index of a pair's head."""
    return b[-1] if b else 0


def _nearness(q: Any, k: Any, strength: Any) -> Any:
    return -abs(q[..., :, None, :] - k[..., None, :, :]).sum(-1) * strength


def _of_head(tensor: Any, b: tuple[int, ...], own: int) -> Any:
    """The part of a pair's head, of ``own`` dimensions."""
    return tensor[head(b)] if tensor.ndim > own else tensor


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
        lambda q, k, t, b, i, j: q @ t["weight"].reshape(-1, len(q), len(k))[head(b)] @ k,
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
            for v, x, y in zip(t["weight"].reshape(-1, len(q))[head(b)], q, k, strict=True)
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
    "additive, relu": ScoreRow(
        lambda s: {"weight": (s.E,)},
        lambda t: scores.Additive(t["weight"], "relu"),
        lambda q, k, t, b, i, j: sum(
            v * max(x + y, 0.0) for v, x, y in zip(t["weight"], q, k, strict=True)
        ),
        lambda q, k, t: torch.relu(q[..., :, None, :] + k[..., None, :, :]) @ t["weight"],
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
        lambda q, k, t, b, i, j: -sum((q - k) ** 2) / (2 * t["sigma"].reshape(-1)[head(b)] ** 2),
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
    "trilinear per head": ScoreRow(
        lambda s: dict.fromkeys(
            ("key_weight", "query_weight", "product_weight"), (*s.batch[-1:], s.E)
        ),
        lambda t: scores.Trilinear(t["key_weight"], t["query_weight"], t["product_weight"]),
        lambda q, k, t, b, i, j: (
            _of_head(t["key_weight"], b, 1) @ k
            + _of_head(t["query_weight"], b, 1) @ q
            + _of_head(t["product_weight"], b, 1) @ (q * k)
        ),
        lambda q, k, t: (
            (k * t["key_weight"][..., None, :]).sum(-1)[..., None, :]
            + (q * t["query_weight"][..., None, :]).sum(-1)[..., :, None]
            + (q * t["product_weight"][..., None, :]) @ k.mT
        ),
        True,
    ),
    "symmetric_relu per head": ScoreRow(
        lambda s: {"projection": (*s.batch[-1:], 3, s.E), "diagonal": (*s.batch[-1:], 3)},
        lambda t: scores.SymmetricReLU(t["projection"], t["diagonal"]),
        lambda q, k, t, b, i, j: sum(
            d * max(u @ q, 0.0) * max(u @ k, 0.0)
            for d, u in zip(
                t["diagonal"].reshape(-1, 3)[head(b)],
                t["projection"].reshape(-1, 3, len(q))[head(b)],
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
    "location per head": ScoreRow(
        lambda s: {"weight": (*s.batch[-1:], s.E, s.K + 4)},
        lambda t: scores.Location(t["weight"]),
        lambda q, k, t, b, i, j: q @ _of_head(t["weight"], b, 2)[:, j],
        lambda q, k, t: q @ t["weight"][..., : k.shape[-2]],
        True,
        lambda features: 3,
    ),
    "soft cap of location": ScoreRow(
        lambda s: {"weight": (*s.batch[-1:], s.E, s.K + 4)},
        lambda t: scores.SoftCap(scores.Location(t["weight"]), 2.0),
        lambda q, k, t, b, i, j: 2 * math.tanh(q @ _of_head(t["weight"], b, 2)[:, j] / 2),
        lambda q, k, t: 2 * torch.tanh(q @ t["weight"][..., : k.shape[-2]] / 2),
        False,
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
