"""The formula in plain Python loops and float64: no broadcasting, no code of the library.

weights = normalize(score(query, key) + bias, where mask allows);  output = weights @ value
"""

import math
from collections.abc import Callable

import numpy as np


def attend(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    score: Callable[..., float],
    bias: np.ndarray,
    allowed: np.ndarray,
    normalize: Callable[[list[float]], list[float]],
) -> tuple[np.ndarray, np.ndarray]:
    """Output and weights; all arrays of full rank; ``score(q, k, batch_index, i, j)`` of a pair."""
    *batch, n, _ = query.shape
    m = key.shape[-2]
    weights = np.zeros((*batch, n, m))
    output = np.zeros((*batch, n, value.shape[-1]))
    for b in np.ndindex(*batch):
        for i in range(n):
            visible = [j for j in range(m) if allowed[b][i, j] and bias[b][i, j] != -math.inf]
            scores = [score(query[b][i], key[b][j], b, i, j) + bias[b][i, j] for j in visible]
            for j, weight in zip(visible, normalize(scores), strict=True):
                weights[b][i, j] = weight
                output[b][i] += weight * value[b][j]
    return output, weights


def softmax(scores: list[float]) -> list[float]:
    if not scores:
        return []
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / math.fsum(powers) for power in powers]


def sparsemax(scores: list[float]) -> list[float]:
    """The threshold τ with Σ max(z − τ, 0) = 1, by trying every size of the support."""
    if not scores:
        return []
    falling = sorted(scores, reverse=True)
    for size in range(len(falling), 0, -1):
        tau = (math.fsum(falling[:size]) - 1) / size
        if falling[size - 1] > tau:
            return [max(score - tau, 0.0) for score in scores]
    raise AssertionError("a support of one always fits")


def entmax15(scores: list[float]) -> list[float]:
    """The threshold τ with Σ max(z/2 − τ, 0)² = 1, by halving the interval that it lies in."""
    if not scores:
        return []
    low, high = max(scores) / 2 - 1, max(scores) / 2
    for _ in range(200):
        middle = (low + high) / 2
        total = math.fsum(max(score / 2 - middle, 0.0) ** 2 for score in scores)
        low, high = (middle, high) if total > 1 else (low, middle)
    return [max(score / 2 - low, 0.0) ** 2 for score in scores]


def hard(scores: list[float]) -> list[float]:
    return [float(j == scores.index(max(scores))) for j in range(len(scores))]


def sigmoid(scores: list[float]) -> list[float]:
    return [1 / (1 + math.exp(-score)) for score in scores]


def sigmoid_less_log_n(scores: list[float]) -> list[float]:
    return [1 / (1 + len(scores) * math.exp(-score)) for score in scores]
