"""Trap 9: "Bahdanau attention" that is not the paper's.

Weights that ignore the encoder's outputs (pytorch/tutorials#2121), ReLU for tanh
(keon/seq2seq#28), a bias in the alignment model (OpenNMT-py#892), the current state instead of the
previous one (tensorflow/nmt#160), no W and no U (Keras' AdditiveAttention, tensorflow#39332).

All of them give weights of the right shape that sum to 1, and all of them learn something. The
oracle is the paper's App. A.1.2 in plain loops: e_ij = vᵀ tanh(W s_{i−1} + U h_j), and
α_i = softmax(e_i).
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from regard.nn import Attention, BahdanauDecoder, Encoded
from regard.nn.decoders import GRUState

B, K, M, H = 2, 4, 3, 5  # annotations have H features too, so that U may be left out
Alignment = Callable[[BahdanauDecoder, Tensor, Tensor, Tensor], Tensor]
"""α ``(B, K)`` of a decoder, the last word ``(B, M)``, s_{i−1} ``(B, H)``, h ``(B, K, H)``."""


def the_papers(decoder: BahdanauDecoder, state: Tensor, annotations: Tensor) -> np.ndarray:
    W, U, v = (x.detach().numpy() for x in tensors(decoder))
    alpha = np.zeros((B, K))
    for b in range(B):
        s, h = state[b].detach().numpy(), annotations[b].detach().numpy()
        energies = []
        for j in range(K):
            inner = [
                sum(W[d, a] * s[a] for a in range(H)) + sum(U[d, a] * h[j, a] for a in range(H))
                for d in range(H)
            ]
            energies.append(sum(v[d] * math.tanh(inner[d]) for d in range(H)))
        powers = [math.exp(e) for e in energies]
        alpha[b] = [power / sum(powers) for power in powers]
    return alpha


def is_bahdanaus(align: Alignment) -> None:
    decoder = BahdanauDecoder(M, H, H).double()
    annotations = torch.randn(B, K, H, dtype=torch.float64)
    encoded = Encoded(annotations, torch.full((B,), K), torch.randn(B, H, dtype=torch.float64))
    state = decoder.begin(encoded)[1].hidden
    word = torch.randn(B, M, dtype=torch.float64)
    got = align(decoder, word, state, annotations).detach()
    np.testing.assert_allclose(got.sum(-1), 1)
    np.testing.assert_allclose(got, the_papers(decoder, state, annotations), rtol=0, atol=1e-12)


def tensors(decoder: BahdanauDecoder) -> tuple[Tensor, Tensor, Tensor]:
    """W, U and v, by their shapes: the paper's alignment model has nothing else."""
    found = dict(decoder.attention.named_parameters())
    v = [x for x in found.values() if x.ndim == 1]
    W, U = (
        next(x for n, x in found.items() if x.ndim == 2 and word in n) for word in ("query", "key")
    )
    assert len(found) == 3
    assert len(v) == 1
    return W, U, v[0]


def projected(decoder: BahdanauDecoder, state: Tensor, annotations: Tensor) -> Tensor:
    W, U, _ = tensors(decoder)
    return (state @ W.T)[:, None] + annotations @ U.T


def ours(decoder, word, state, annotations) -> Tensor:
    source = decoder.begin(Encoded(annotations, torch.full((B,), K), state))[0]
    return decoder.step(word, GRUState(state), source, return_weights=True).weights


def ours_alone(decoder, word, state, annotations) -> Tensor:
    layer = Attention(H, score="bahdanau").double()
    layer.load_state_dict(decoder.attention.state_dict())
    return layer(state[:, None], annotations, return_weights=True)[1][:, 0]


def of_places_and_not_of_what_stands_there(decoder, word, state, annotations) -> Tensor:
    return torch.nn.Linear(M + H, K).double()(torch.cat([word, state], -1)).softmax(-1)


def relu(decoder, word, state, annotations) -> Tensor:
    return (projected(decoder, state, annotations).relu() @ tensors(decoder)[2]).softmax(-1)


def a_bias(decoder, word, state, annotations) -> Tensor:
    bias = torch.full((H,), 0.5, dtype=torch.float64)
    hidden = torch.tanh(projected(decoder, state, annotations) + bias)
    return (hidden @ tensors(decoder)[2]).softmax(-1)


def the_current_state(decoder, word, state, annotations) -> Tensor:
    """The cell takes the word and the last context, and its output asks."""
    context = annotations.mean(1)
    return ours(decoder, word, decoder.cell(torch.cat([word, context], -1), state), annotations)


def neither_w_nor_u(decoder, word, state, annotations) -> Tensor:
    return (torch.tanh(state[:, None] + annotations) @ tensors(decoder)[2]).softmax(-1)


@pytest.mark.parametrize("align", [ours, ours_alone])
def test_weights_are_the_papers(align: Alignment) -> None:
    is_bahdanaus(align)


@pytest.mark.parametrize(
    "align",
    [
        of_places_and_not_of_what_stands_there,
        relu,
        a_bias,
        the_current_state,
        neither_w_nor_u,
    ],
)
def test_weights_that_are_not(align: Alignment) -> None:
    with pytest.raises(AssertionError):
        is_bahdanaus(align)
