"""What layers of this library attend to, against the weights that they give by themselves."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import regard
from regard import masks
from regard import nn as layers
from regard.data.batching import Encoding
from regard.data.pairs import Pair
from regard.data.vocabulary import Vocabulary
from regard.systems.translator import Config, Translator

SELF = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
OTHER = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
LENGTHS = [5, 3]

Case = tuple[nn.Module, Callable[[Any], Tensor]]


def heads(layer: Any) -> Tensor:
    mask = masks.causal() & masks.padding([6, 4])
    return layer(SELF, mask=mask, return_weights=True)[1]


CASES: dict[str, Callable[[], Case]] = {
    "multihead": lambda: (layers.MultiheadAttention(8, 2), heads),
    "multihead, grouped and additive": lambda: (
        layers.MultiheadAttention(8, 4, kv_heads=2, score="additive", normalizer="sparsemax"),
        heads,
    ),
    "relative": lambda: (layers.RelativeAttention(8, 2, max_distance=2), heads),
    "additive": lambda: (
        layers.Attention(8, 8),
        lambda layer: layer(SELF, OTHER, mask=masks.padding(LENGTHS), return_weights=True)[1],
    ),
    "local, predicted": lambda: (
        layers.LocalAttention(8, 8, window=2),
        lambda layer: layer(SELF, OTHER, lengths=LENGTHS, return_weights=True)[1],
    ),
    "hard": lambda: (
        layers.HardAttention(8, 8),
        lambda layer: layer(SELF, OTHER, lengths=LENGTHS).sample,
    ),
    "coverage": lambda: (
        layers.CoverageAttention(8, 8),
        lambda layer: layer(SELF, OTHER, lengths=LENGTHS, return_weights=True)[1],
    ),
    "pointer": lambda: (
        layers.PointerAttention(8, 8),
        lambda layer: layer(SELF, OTHER, lengths=LENGTHS).probabilities,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_layers(name: str) -> None:
    torch.manual_seed(0)
    layer, give = CASES[name]()
    with torch.no_grad(), regard.watch(layer.eval()) as seen:
        want = give(layer)
    want = want if want.ndim == 4 else want[:, None]
    torch.testing.assert_close(seen[0].weights(), want, rtol=0, atol=1e-6)
    torch.testing.assert_close(seen[0].key_totals(), want.sum(-2), rtol=0, atol=1e-5)
    some = seen[0].weights(heads=[-1], queries=slice(1, 3), batch=1)
    torch.testing.assert_close(some, want[1:, -1:, 1:3], rtol=0, atol=1e-6)


TRANSLATORS = {
    "bahdanau": {},
    "bahdanau hard": {"alignment": "hard"},
    "luong": {"attention": "luong"},
    "luong unfed": {"attention": "luong", "input_feeding": False},
    "luong local-m": {"attention": "luong", "reach": "local-m", "window": 2},
    "luong local-p unfed": {
        "attention": "luong",
        "reach": "local-p",
        "window": 2,
        "input_feeding": False,
    },
    "luong coverage": {"attention": "luong", "alignment": "coverage"},
    "transformer": {"attention": "transformer", "layers": 1, "heads": 2},
}
PAIRS = [Pair("abcab", "bca"), Pair("ab", "cab")]


@pytest.mark.parametrize("name", TRANSLATORS)
def test_translators(name: str) -> None:
    torch.manual_seed(0)
    words = Vocabulary.of([text for pair in PAIRS for text in pair], units="characters")
    encoding = Encoding(words, words)
    config = Config(hidden=8, embedding=8, **TRANSLATORS[name])
    model = Translator(config, len(words), len(words)).eval()
    with torch.no_grad(), regard.watch(model) as seen:
        want = model.align(encoding.batch(PAIRS))
    attention = "multihead_attn" if name == "transformer" else ""
    layer = [each for each in seen.layers if attention in each.name][-1]
    torch.testing.assert_close(layer.weights().mean(1), want, rtol=0, atol=1e-6)
