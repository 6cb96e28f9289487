"""Peers that are hard to install, as their documentation says they are, in plain loops and NumPy.

These are no peers, and no measurement: they prove that the lines of docs/coming-from.md mean what
the peers' documentation says. Where a peer is installed, the same lines are run with it.
"""

import math
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch

Sees = Callable[[int, int, int, int], bool]  # (query, key, Q, K) -> may it see?


def modules(peer: str) -> dict[str, Any]:
    """Modules to import in the peer's place, by name."""
    if peer == "flash_attn":
        return {"flash_attn": _module("flash_attn", flash_attn_func=flash_attn_func)}
    if peer == "xformers":
        ops = _module(
            "xformers.ops",
            memory_efficient_attention=memory_efficient_attention,
            LowerTriangularMask=lambda: lambda i, j, n, m: j <= i,
            fmha=SimpleNamespace(attn_bias=ATTN_BIAS),
        )
        return {"xformers": _module("xformers", ops=ops), "xformers.ops": ops}
    if peer == "tensorflow_addons":
        seq2seq = SimpleNamespace(BahdanauAttention=Bahdanau, LuongAttention=Luong)
        return {
            "tensorflow": _module("tensorflow", zeros=np.zeros),
            "tensorflow_addons": _module("tensorflow_addons", seq2seq=seq2seq),
        }
    return {}


def _module(name: str, **holds: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(holds)
    return module


def _attend(query, key, value, sees: Sees, scale: float | None) -> torch.Tensor:
    """(B, S, H, D), pair by pair; heads of queries share heads of keys; blind rows are 0."""
    batch, n, heads, features = query.shape
    m, shared = key.shape[1:3]
    scale = 1 / math.sqrt(features) if scale is None else scale
    output = torch.zeros(batch, n, heads, value.shape[-1])
    for b, i, h in np.ndindex(batch, n, heads):
        kept = [j for j in range(m) if sees(i, j, n, m)]
        of = h * shared // heads
        if kept:
            raw = torch.stack([scale * (query[b, i, h] @ key[b, j, of]) for j in kept])
            output[b, i, h] = raw.softmax(0) @ value[b, kept, of]
    return output


def flash_attn_func(
    q, k, v, dropout_p=0.0, softmax_scale=None, causal=False, window_size=(-1, -1)
) -> torch.Tensor:
    """ "Query at position i will only attend to keys between [i + seqlen_k - seqlen_q -
    window_size[0], i + seqlen_k - seqlen_q + window_size[1]] inclusive"; -1 is infinite."""
    left, right = window_size

    def sees(i: int, j: int, n: int, m: int) -> bool:
        place = i + m - n
        within = (left < 0 or place - left <= j) and (right < 0 or j <= place + right)
        return within and (not causal or j <= place)

    return _attend(q, k, v, sees, softmax_scale)


def memory_efficient_attention(query, key, value, attn_bias=None, p=0.0, scale=None):
    return _attend(query, key, value, attn_bias or (lambda *_: True), scale)


def _of_lengths(lengths: list[int]) -> Sees:
    ids = np.repeat(range(len(lengths)), lengths)
    return lambda i, j, n, m: ids[i] == ids[j]


ATTN_BIAS = SimpleNamespace(
    LowerTriangularFromBottomRightMask=lambda: lambda i, j, n, m: j <= i + m - n,
    # "q - window_left <= k + s <= q + window_right, with s = num_queries - num_keys"
    LocalAttentionFromBottomRightMask=lambda window_left, window_right: (
        lambda i, j, n, m: i - window_left <= j + n - m <= i + window_right
    ),
    BlockDiagonalMask=SimpleNamespace(from_seqlens=_of_lengths),
)


class Bahdanau:
    """v tanh(query W + memory U), softmax over the first ``memory_sequence_length`` of them."""

    def __init__(self, units, memory, memory_sequence_length) -> None:
        self.memory, self.lengths = memory, memory_sequence_length
        rng = np.random.default_rng(1)
        self.memory_layer = SimpleNamespace(kernel=rng.standard_normal((memory.shape[-1], units)))
        self.query_layer = SimpleNamespace(kernel=rng.standard_normal((6, units)))
        self.attention_v = rng.standard_normal(units)

    def score(self, query: np.ndarray, memory: np.ndarray) -> float:
        hidden = np.tanh(query @ self.query_layer.kernel + memory @ self.memory_layer.kernel)
        return float((self.attention_v * hidden).sum())

    def __call__(self, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
        alignments = np.zeros(self.memory.shape[:2])
        for b, length in enumerate(self.lengths):
            raw = [self.score(inputs[0][b], self.memory[b, j]) for j in range(length)]
            alignments[b, :length] = np.exp(raw) / np.exp(raw).sum()
        return alignments, alignments


class Luong(Bahdanau):
    """query · (memory W)."""

    def score(self, query: np.ndarray, memory: np.ndarray) -> float:
        return float(query @ (memory @ self.memory_layer.kernel))
