"""Dot and scaled dot: hand-computed numbers."""

import numpy as np
import torch

import regard
from regard import scores

# Words, and three draws of numpy.random.seed(42): randint(3, size=(3, 3)).
WORDS = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
W_Q, W_K, W_V = (
    [[2, 0, 2], [2, 0, 0], [2, 1, 2]],
    [[2, 2, 2], [0, 2, 1], [0, 1, 1]],
    [
        [1, 1, 0],
        [0, 1, 1],
        [0, 0, 0],
    ],
)
PUBLISHED = """
[[0.98522025 1.74174051 0.75652026]
 [0.90965265 1.40965265 0.5       ]
 [0.99851226 1.75849334 0.75998108]
 [0.99560386 1.90407309 0.90846923]]
"""


def test_the_tutorial_to_all_printed_digits() -> None:
    query, key, value = (WORDS @ np.array(w, float) for w in (W_Q, W_K, W_V))
    assert str(regard.attend(query, key, value)) == PUBLISHED.strip()
    torch_output = regard.attend(*(torch.tensor(x) for x in (query, key, value)))
    assert str(torch_output.numpy()) == PUBLISHED.strip()


def test_the_draws_are_numpys() -> None:
    state = np.random.RandomState(42)
    for weights in (W_Q, W_K, W_V):
        np.testing.assert_array_equal(state.randint(3, size=(3, 3)), weights)


def test_dot_by_hand() -> None:
    raw = scores.Dot()(np.array([[2.0, 3.0]]), np.array([[4.0, 1.0], [0.0, -1.0]]))
    np.testing.assert_array_equal(raw, [[11.0, -3.0]])


def test_scale_by_hand() -> None:
    query, key = np.array([[2.0, 3.0, 0.0, 0.0]]), np.array([[4.0, 1.0, 5.0, 5.0]])
    assert scores.ScaledDot()(query, key) == 5.5
    assert scores.ScaledDot(scale=2.0)(query, key) == 22.0


def test_the_context_is_the_mix_that_the_weights_say() -> None:
    states = torch.randn(4, 5, dtype=torch.float64)
    weights = torch.tensor([[0.2, 0.3, 0.3, 0.2]], dtype=torch.float64)
    # Scores whose softmax is the weights: their logarithms, met by one-hot keys.
    got = regard.attend(weights.log(), torch.eye(4, dtype=torch.float64), states, score="dot")
    by_hand = 0.2 * states[0] + 0.3 * states[1] + 0.3 * states[2] + 0.2 * states[3]
    torch.testing.assert_close(got[0], by_hand, rtol=0, atol=1e-14)


def test_gradcheck() -> None:
    query, key, value = (torch.randn(2, 3, 4, dtype=torch.float64).requires_grad_() for _ in "qkv")
    for engine in ("sdpa", "streaming", "reference"):
        assert torch.autograd.gradcheck(
            lambda q, k, v, e=engine: regard.attend(q, k, v, engine=e, mask=regard.masks.causal()),
            (query, key, value),
        )
