"""Do peers that compute the same thing give the same numbers?

Claims: outputs, weights and gradients are at most 1e-5 apart from those of torch's attention and
Transformer stacks, of Keras' three attention layers (on torch), and of the entmax package.

Run:    python benchmarks/agreement.py [--full] [--json] [--strict]
Method: both sides get the same float32 numbers; a layer of torch gives its state_dict, Keras'
        layers get weights that are drawn for both. Rows of the batch have different lengths, so
        that masks count. Gradients are those of every input and of every weight, from a random
        gradient of the output. A difference is absolute, and relative to the largest number of its
        array where that is above 1 (a weight's gradient is a sum over all tokens). Nothing is
        timed; ends with 1 where anything is further apart. ``--full`` takes ten times the tokens.
"""

import importlib
import importlib.util
import math
import os
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from answers import Disagreement
from keras_contenders import missing
from process import Call, Remote
from report import Report, main
from torch import Tensor

import regard
from regard import masks, nn, scores

LIMIT = 1e-5
BATCH, HEADS, FEATURES, LAYERS = 3, 4, 32, 2
LEFT_OUT = "flash-attention, xformers and TensorFlow Addons are left out: nothing here can run them"

Answers = list[Tensor]
"""The output, the weights (of no number where the peer gives none), and the gradients."""


class Numbers:
    """What both sides compute with, drawn in the same order."""

    def __init__(self, tokens: int) -> None:
        self.rng = np.random.default_rng(0)
        queries, keys = tokens // 2, tokens
        self.lengths = torch.tensor([keys, keys // 2, 3])
        self.below = torch.arange(keys) < self.lengths[:, None]
        self.query = self.draw(BATCH, queries, FEATURES)
        self.key, self.value = (self.draw(BATCH, keys, FEATURES) for _ in range(2))

    def draw(self, *shape: int, scale: float = 1.0) -> Tensor:
        numbers = torch.from_numpy(self.rng.standard_normal(shape, np.float32) * np.float32(scale))
        return numbers.requires_grad_()

    def heads(self) -> list[Tensor]:
        """Query, key and value ``(B, H, …, E/H)``, leaves of their own."""
        split = (x.detach().unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in self.inputs())
        return [x.contiguous().requires_grad_() for x in split]

    def inputs(self) -> list[Tensor]:
        return [self.query, self.key, self.value]

    def answers(self, output: Tensor, weights: Tensor | None, leaves: Sequence[Tensor]) -> Answers:
        upstream = np.random.default_rng(1).standard_normal(output.shape, np.float32)
        gradients = torch.autograd.grad(output, leaves, torch.from_numpy(upstream))
        weights = torch.zeros(0) if weights is None else weights
        return [x.detach() for x in (output, weights, *gradients)]


def scaled_dot_product(numbers: Numbers, ours: bool) -> Answers:
    leaves = numbers.heads()
    if ours:
        mask = masks.padding(numbers.lengths) & masks.causal()
        return numbers.answers(regard.attend(*leaves, mask=mask), None, leaves)
    queries, keys = leaves[0].shape[-2], leaves[1].shape[-2]
    end = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    mask = end & numbers.below[:, None, None]
    return numbers.answers(F.scaled_dot_product_attention(*leaves, attn_mask=mask), None, leaves)


def multihead(numbers: Numbers, ours: bool) -> Answers:
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(FEATURES, HEADS, batch_first=True)
    layer: Any = _like(theirs, nn.MultiheadAttention(FEATURES, HEADS)) if ours else theirs
    if ours:
        given = {"mask": masks.padding(numbers.lengths), "return_weights": True}
    else:
        given = {"key_padding_mask": ~numbers.below, "average_attn_weights": False}
    output, weights = layer(*numbers.inputs(), **given)
    return numbers.answers(output, weights, [*numbers.inputs(), *_parameters(layer)])


def encoder(numbers: Numbers, ours: bool, norm_first: bool) -> Answers:
    torch.manual_seed(0)
    sizes, options = (FEATURES, HEADS, 2 * FEATURES), {"dropout": 0.0, "norm_first": norm_first}
    part = torch.nn.TransformerEncoderLayer(*sizes, **options, batch_first=True)
    theirs = torch.nn.TransformerEncoder(part, LAYERS, enable_nested_tensor=False)
    if ours:
        layer = nn.TransformerEncoder(nn.TransformerEncoderLayer(*sizes, **options), LAYERS)
        stack: Any = _like(theirs, layer)
        output = stack(numbers.key, mask=masks.padding(numbers.lengths))
    else:
        stack = theirs
        output = stack(numbers.key, src_key_padding_mask=~numbers.below)
    return numbers.answers(output, None, [numbers.key, *_parameters(stack)])


def decoder(numbers: Numbers, ours: bool, norm_first: bool) -> Answers:
    torch.manual_seed(0)
    sizes, options = (FEATURES, HEADS, 2 * FEATURES), {"dropout": 0.0, "norm_first": norm_first}
    part = torch.nn.TransformerDecoderLayer(*sizes, **options, batch_first=True)
    theirs = torch.nn.TransformerDecoder(part, LAYERS)
    if ours:
        layer = nn.TransformerDecoder(nn.TransformerDecoderLayer(*sizes, **options), LAYERS)
        stack: Any = _like(theirs, layer)
        given: dict[str, Any] = {"memory_mask": masks.padding(numbers.lengths)}
    else:
        stack = theirs
        tokens = numbers.query.shape[1]
        given = {
            "tgt_mask": torch.ones(tokens, tokens).triu(1).bool(),
            "memory_key_padding_mask": ~numbers.below,
        }
    output = stack(numbers.query, numbers.key, **given)
    return numbers.answers(output, None, [numbers.query, numbers.key, *_parameters(stack)])


def sparse(numbers: Numbers, ours: bool, normalizer: str) -> Answers:
    query, key, value = leaves = numbers.heads()
    if ours:
        mask = masks.padding(numbers.lengths)
        read = regard.attend(*leaves, normalizer=normalizer, mask=mask, return_weights=True)
        return numbers.answers(*read, leaves)
    normalize = getattr(importlib.import_module("entmax"), normalizer)
    raw = (query @ key.mT) / query.shape[-1] ** 0.5
    weights = normalize(raw.masked_fill(~numbers.below[:, None, None], -torch.inf))
    return numbers.answers(weights @ value, weights, leaves)


def keras_attention(numbers: Numbers, ours: bool) -> Answers:
    if ours:
        mask = masks.padding(numbers.lengths)
        read = regard.attend(*numbers.inputs(), score="dot", mask=mask, return_weights=True)
        return numbers.answers(*read, numbers.inputs())
    return _of_keras(numbers, _keras().layers.Attention(), [])


def keras_additive(numbers: Numbers, ours: bool) -> Answers:
    weight = numbers.draw(FEATURES)
    if ours:
        read = regard.attend(
            *numbers.inputs(),
            score=scores.Additive(weight),
            mask=masks.padding(numbers.lengths),
            return_weights=True,
        )
        return numbers.answers(*read, [*numbers.inputs(), weight])
    return _of_keras(numbers, _keras().layers.AdditiveAttention(), [weight])


def keras_multihead(numbers: Numbers, ours: bool) -> Answers:
    """Kernels (E, H, E/H) and (H, E/H, E); the gradients too come back in these shapes."""
    split = FEATURES // HEADS
    shapes = [(FEATURES, HEADS, split), (HEADS, split)] * 3
    shapes += [(HEADS, split, FEATURES), (FEATURES,)]
    held = [numbers.draw(*shape, scale=FEATURES**-0.5) for shape in shapes]
    if not ours:
        layer = _keras().layers.MultiHeadAttention(HEADS, split)
        return _of_keras(numbers, layer, held)
    wq, bq, wk, bk, wv, bv, wo, bo = held
    given = {
        "in_proj_weight": torch.cat([w.flatten(1).T for w in (wq, wk, wv)]),
        "in_proj_bias": torch.cat([b.flatten() for b in (bq, bk, bv)]),
        "out_proj.weight": wo.flatten(0, 1).T,
        "out_proj.bias": bo,
    }
    arguments = {"mask": masks.padding(numbers.lengths), "return_weights": True}
    layer = nn.MultiheadAttention(FEATURES, HEADS)
    read = torch.func.functional_call(layer, given, tuple(numbers.inputs()), arguments)
    return numbers.answers(*read, [*numbers.inputs(), *held])


CASES: dict[str, tuple[str, Callable[..., Answers], dict[str, Any]]] = {
    "scaled_dot_product_attention": ("torch", scaled_dot_product, {}),
    "MultiheadAttention": ("torch", multihead, {}),
    "TransformerEncoder": ("torch", encoder, {"norm_first": False}),
    "TransformerEncoder, pre-norm": ("torch", encoder, {"norm_first": True}),
    "TransformerDecoder": ("torch", decoder, {"norm_first": False}),
    "TransformerDecoder, pre-norm": ("torch", decoder, {"norm_first": True}),
    "Attention": ("keras", keras_attention, {}),
    "AdditiveAttention": ("keras", keras_additive, {}),
    "MultiHeadAttention": ("keras", keras_multihead, {}),
    "sparsemax": ("entmax", sparse, {"normalizer": "sparsemax"}),
    "entmax15": ("entmax", sparse, {"normalizer": "entmax15"}),
}


def answers_of(case: str, tokens: int, ours: bool) -> Call:
    """A case's answers, as a call; Keras has a process of its own."""
    _, compute, options = CASES[case]
    return lambda: compute(Numbers(tokens), ours, **options)


def _like(theirs: torch.nn.Module, layer: torch.nn.Module) -> torch.nn.Module:
    layer.load_state_dict(theirs.state_dict())
    return layer


def _parameters(layer: torch.nn.Module) -> list[Tensor]:
    return [tensor for _, tensor in sorted(layer.named_parameters())]


def _keras() -> Any:
    os.environ["KERAS_BACKEND"] = "torch"
    return importlib.import_module("keras")


def _of_keras(numbers: Numbers, layer: Any, held: Sequence[Tensor]) -> Answers:
    query, key, value = numbers.inputs()
    if layer.__class__.__name__ == "MultiHeadAttention":
        layer.build(query.shape, value.shape, key.shape)
        given: Any = (query, value, key)
        mask: dict[str, Any] = {"attention_mask": numbers.below[:, None]}
    else:
        layer.build([query.shape, value.shape, key.shape])
        given, mask = ([query, value, key],), {"mask": [None, numbers.below]}
    for weight, tensor in zip(layer.weights, held, strict=True):
        weight.assign(tensor.detach())
    read = layer(*given, **mask, return_attention_scores=True)
    return numbers.answers(*read, [query, key, value, *(weight.value for weight in layer.weights)])


def apart(ours: Sequence[Any], theirs: Sequence[Any]) -> float | None:
    """The largest difference; None where there is nothing to compare, and NaN is infinitely far."""
    found = []
    for pair in zip(ours, theirs, strict=True):
        one, other = (np.asarray(x, dtype=np.float64) for x in pair)
        if one.shape != other.shape:
            return float("inf")
        if one.size:
            difference = abs(one - other).max() / max(1.0, abs(other).max())
            found.append(float(np.nan_to_num(difference, nan=np.inf)))
    return max(found, default=None)


def measure(report: Report) -> None:
    tokens = 470 if report.full else 47
    far: list[str] = []
    for case, (peer, _, _) in CASES.items():
        if (peer == "keras" and missing("torch")) or importlib.util.find_spec(peer) is None:
            report.note(f"{peer} is not installed: pip install '.[dev,bench]'")
            report.claim(f"{peer}, {case}", None, LIMIT, unit="apart")
            continue
        ours = answers_of(case, tokens, True)()
        if peer == "keras":
            with Remote(answers_of, case=case, tokens=tokens, ours=False) as remote:
                theirs: Sequence[Any] = remote.answers()
        else:
            theirs = answers_of(case, tokens, False)()
        if len(theirs[1]) == 0:
            ours[1] = torch.zeros(0)
        parts = {"output": slice(0, 1), "weights": slice(1, 2), "gradients": slice(2, None)}
        found = {name: apart(ours[part], theirs[part]) for name, part in parts.items()}
        worst = max(distance for distance in found.values() if distance is not None)
        if math.isfinite(worst):
            report.row(peer=f"{peer} {metadata.version(peer)}", case=case, **found)
            report.claim(f"{peer}, {case}", worst, LIMIT, unit="apart")
        if worst > LIMIT:
            far.append(f"{peer}, {case}: {worst:.2g}")
    report.note(LEFT_OUT)
    if far:
        raise Disagreement(f"more than {LIMIT:g} apart: {'; '.join(far)}")


if __name__ == "__main__":
    main(__file__, __doc__, measure)
