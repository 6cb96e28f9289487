"""Computing again instead of keeping: the same gradients, to any order, and nothing else moves."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

import regard
from conformance.test_laws import small_blocks
from regard import masks, scores
from regard.engines.recompute import remembered

CPU = torch.device("cpu")


def again(function: Any, *arguments: Tensor) -> Any:
    return remembered(function, *arguments, device=CPU, draws=False)


def test_it_is_called_again_for_every_backward_pass() -> None:
    calls: list[int] = []
    x = torch.randn(3, 4, dtype=torch.float64).requires_grad_()

    def function(x: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(1)
        return x.exp().tanh(), x.sin()

    first, second = again(function, x)
    got = torch.autograd.grad(first.sum() + second.sum(), x, retain_graph=True)
    want = torch.autograd.grad(x.exp().tanh().sum() + x.sin().sum(), x)
    torch.testing.assert_close(got, want)
    assert len(calls) == 2
    torch.testing.assert_close(torch.autograd.grad(first.sum() + second.sum(), x), want)
    assert len(calls) == 3


@pytest.mark.parametrize("normalizer", ["softmax", "sparsemax", "entmax15"])
@pytest.mark.parametrize("score", ["dot", "additive", "own"])
def test_gradients_of_gradients(
    score: str, normalizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    query, key, value = (torch.randn(5, 2, dtype=torch.float64).requires_grad_() for _ in "qkv")
    weight = torch.randn(2, dtype=torch.float64).requires_grad_()
    part: Any = {"additive": scores.Additive(weight), "own": lambda q, k: q @ (weight * k).mT}

    def call(query: Tensor, key: Tensor, value: Tensor, weight: Tensor) -> Tensor:
        return regard.attend(
            query, key, value, score=part.get(score, "dot"), normalizer=normalizer,
            mask=masks.causal(), engine="streaming",
        )  # fmt: skip

    assert torch.autograd.gradgradcheck(call, (query, key, value, weight))


def test_autocast_of_the_forward_pass_holds_in_the_backward_pass() -> None:
    x = torch.randn(4, 4, requires_grad=True)
    seen: list[torch.dtype] = []

    def function(x: Tensor) -> Tensor:
        product = x @ x
        seen.append(product.dtype)
        return product.exp()

    with torch.autocast("cpu", torch.bfloat16):
        inside = again(function, x)
    outside = again(function, x)
    inside.sum().backward()
    with torch.autocast("cpu", torch.bfloat16):
        outside.sum().backward()
    assert seen == [torch.bfloat16, torch.float32, torch.bfloat16, torch.float32]


def test_what_is_drawn_is_drawn_again_and_nothing_else_moves() -> None:
    x = torch.ones(1000, requires_grad=True)
    output = remembered(lambda x: (x * torch.rand(1000)).exp(), x, device=CPU, draws=True)
    torch.rand(7)
    after = torch.get_rng_state()
    (gradient,) = torch.autograd.grad(output.sum(), x)
    torch.testing.assert_close(gradient, output.detach().log() * output.detach())
    assert torch.equal(after, torch.get_rng_state())


def test_a_function_that_computes_something_else_is_told() -> None:
    calls: list[int] = []

    def function(x: Tensor) -> Tensor:
        calls.append(1)
        return x.exp().sin() if len(calls) == 1 else x * 2

    output = again(function, torch.ones(3, requires_grad=True))
    with pytest.raises(RuntimeError, match="must compute the same each time"):
        output.sum().backward()


def test_no_compiler_is_brought_in() -> None:
    """torch's own checkpoint imports it: a second, and 130 MiB."""
    program = (
        "import sys, torch, regard; x = torch.randn(1200, 4, requires_grad=True)\n"
        "regard.attend(x, x, x, normalizer='entmax15').sum().backward()\n"
        "assert x.grad is not None and 'torch._dynamo' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
