"""The CPU's kernels of additive attention: each form of the score, blocks, threads, extremes."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import regard
from regard import biases, errors, masks, scores
from regard.engines import additive_operator
from regard.engines.additive_numba import operator
from regard.engines.additive_numba.problem import Problem
from regard.engines.additive_numba.scores import DIRECT, EIGHT, FOUR, ONE, RECTIFIER
from regard.engines.additive_operator import Folded


def tensors(
    queries: int = 70, keys: int = 530, features: int = 24, width: int = 20, scale: float = 1.0
) -> list[Tensor]:
    """Query, key, value and weight in float64: more than a block of either, no multiple of one."""
    shapes = (2, queries, features), (2, keys, features), (2, keys, width), (features,)
    return [
        torch.randn(shape, dtype=torch.float64) * (1.0 if i > 1 else scale)
        for i, shape in enumerate(shapes)
    ]


def results(inputs: list[Tensor], engine: str, dtype: torch.dtype, **parts: Any) -> list[Tensor]:
    """Output and gradients."""
    activation = parts.pop("activation", "tanh")
    given_ = [x.detach().to(dtype, copy=True).requires_grad_() for x in inputs]
    score = scores.Additive(given_[3], activation, 0.2)
    output = regard.attend(*given_[:3], score=score, engine=engine, **parts)
    upstream = torch.linspace(-1, 1, output.numel(), dtype=dtype).view(output.shape).cos()
    return [output, *torch.autograd.grad(output, given_, upstream)]


def agree(inputs: list[Tensor], dtype: torch.dtype = torch.float32, **parts: Any) -> None:
    inputs = [x.to(dtype).double() for x in inputs]  # all see the same numbers
    want = results(inputs, "reference", torch.float64, **parts)
    eager = results(inputs, "reference", dtype, **parts)
    got = results(inputs, "additive_numba", dtype, **parts)
    bound = {torch.float64: 1e-12, torch.float32: 1e-5}[dtype]
    for name, g, w, e in zip("oqkvw", got, want, eager, strict=True):
        largest = w.abs().max().clamp(min=1e-30)
        error, theirs = ((x.double() - w).abs().max() / largest for x in (g, e))
        # Gradients are rounded on their way forth and back: docs/design.md, the contract.
        most = bound if name == "o" else 2 * bound
        assert error <= max(most, 2 * theirs), f"{name}: {error:.2g}, eager {theirs:.2g}"


def folded(inputs: list[Tensor], activation: str = "tanh") -> Folded:
    query, key, value = (x.float()[:, None] for x in inputs[:3])
    weight = inputs[3].float()[None, None, None]
    return Folded(query, key, value, weight, *[None] * 4, 2, 1, activation, 0.2, 0.0)


@pytest.mark.parametrize(
    ("scale", "kinds"),
    [(1.0, (EIGHT, FOUR)), (2.5, (FOUR, ONE)), (4.0, (ONE, ONE)), (30.0, (DIRECT, DIRECT))],
)
@pytest.mark.parametrize("features", [24, 3, 19])
def test_each_form_of_the_score(scale: float, kinds: tuple[int, int], features: int) -> None:
    inputs = tensors(features=24, scale=scale)
    forms = Problem(folded(inputs), backward=True).forms
    assert (forms.scores.kind, forms.slopes.kind) == kinds
    inputs = [x[..., :features] if i != 2 else x for i, x in enumerate(inputs)]
    for dtype in (torch.float32, torch.float64):
        agree(inputs, dtype)


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "leaky_relu"])
@pytest.mark.parametrize("queries", [1, 70])
def test_each_activation(activation: str, queries: int) -> None:
    inputs = tensors(queries, features=32)
    kind = Problem(folded(inputs, activation), backward=True).forms.slopes.kind
    assert (kind == RECTIFIER) == (activation != "sigmoid")
    agree(inputs, activation=activation)


def test_a_weight_of_zeros_and_some_of_nothing() -> None:
    inputs = tensors()
    inputs[3][::2] = 0.0
    agree(inputs)
    inputs[3][:] = 0.0
    output = results(inputs, "additive_numba", torch.float32)[0]
    torch.testing.assert_close(output.double(), inputs[2].mean(1, keepdim=True).expand(2, 70, 20))


def test_numbers_too_coarse_for_float32_are_computed_in_float64() -> None:
    """kernels: |q|, |k| near 1e-3 with v near 1e3 lost 1.2e-3 of a score by cancellation."""
    inputs = tensors(scale=1e-3)
    inputs[3] *= 1e3
    assert Problem(folded(inputs), backward=False).widened
    agree(inputs)
    small = tensors(scale=1e-3)
    assert Problem(folded(small), backward=True).widened
    agree(small)


@pytest.mark.parametrize("queries", [1, 3, 4, 5])
@pytest.mark.parametrize("mask", [None, masks.window(9, 2), masks.padding([0, 300])], ids=str)
def test_few_queries(queries: int, mask: Any) -> None:
    agree(tensors(queries, 300, 32, 48), mask=mask)
    agree(tensors(queries, 300, 20, 5), mask=mask)


@pytest.mark.parametrize(
    "mask",
    [
        masks.causal(),
        masks.window(40, 3, align="start"),
        masks.window(3, 5, query_positions=torch.arange(70).flip(0) * 7),
        masks.causal() & masks.padding([3, 500]),
        masks.predicate(lambda q, k: (q * k) % 3 == 1),
        masks.segments(torch.arange(70) // 20, torch.arange(530) // 100),
    ],
    ids=["causal", "window", "positions", "causal & padding", "predicate", "segments"],
)
def test_masks_over_many_blocks(mask: Any) -> None:
    agree(tensors(), mask=mask)


def test_a_bias_that_learns_and_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regard.engines.blocks, "PAIRS_AT_ONCE", 4000)
    inputs, grads, bias = tensors(), [], torch.randn(70, 530)
    for engine, dtype in (("reference", torch.float64), ("additive_numba", torch.float32)):
        learned = bias.to(dtype).requires_grad_()
        output = regard.attend(
            *[x.to(dtype) for x in inputs[:3]], score=scores.Additive(inputs[3].to(dtype)),
            bias=biases.dense(learned), mask=masks.causal(), engine=engine,
        )  # fmt: skip
        grads.append(torch.autograd.grad(output.square().sum(), learned)[0])
    torch.testing.assert_close(grads[1].double(), grads[0], rtol=1e-4, atol=1e-5)


def test_scores_kept_and_scores_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = tensors()
    kept = results(inputs, "additive_numba", torch.float32, mask=masks.causal())
    monkeypatch.setattr(additive_operator, "SCORES_KEPT", 0)
    made = results(inputs, "additive_numba", torch.float32, mask=masks.causal())
    for one, other in zip(kept, made, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


MAGNITUDES = st.sampled_from([1e-30, 1e-8, 1e-3, 0.3, 2.0, 9.0, 41.0, 350.0, 1e4])


@settings(max_examples=60, deadline=None)
@given(
    MAGNITUDES,
    MAGNITUDES,
    MAGNITUDES,
    st.sampled_from(["free", "opposite", "mixed"]),
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
    st.sampled_from(["tanh", "sigmoid", "relu", "leaky_relu"]),
    st.sampled_from([1, 9]),
    st.integers(0, 10**6),
)
def test_finite_numbers_make_finite_numbers(
    q: float, k: float, v: float, kind: str, dtype: Any, activation: Any, queries: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    query, key = (torch.randn(n, 16, generator=generator) for n in (queries, 20))
    if kind == "opposite":  # q + k is 0, and its parts are as large as they get
        query, key = query.sign() * q, -query.sign()[torch.arange(20) % queries] * q
    elif kind == "mixed":
        query, key = query * torch.tensor([q, k] * 8), key * torch.tensor([k, q] * 8)
    else:
        query, key = query * q, key * k
    weight = torch.randn(16, generator=generator) * v
    value = torch.randn(20, 3, generator=generator)
    inputs = [x.to(dtype).requires_grad_() for x in (query, key, value, weight)]
    mask = masks.window(3, 1) & masks.padding(12)  # some rows see nothing
    score = scores.Additive(inputs[3], activation)
    output = regard.attend(*inputs[:3], score=score, mask=mask, engine="additive_numba")
    gradients = torch.autograd.grad(output.float().sum(), inputs)
    assert all(x.isfinite().all() for x in (output, *gradients))
    exact = [x.detach().double() for x in inputs]
    want = regard.attend(
        *exact[:3], score=scores.Additive(exact[3], activation), mask=mask, engine="reference"
    )
    eager = regard.attend(*inputs[:3], score=score, mask=mask, engine="reference")
    error, theirs = ((x.double() - want).abs().max() for x in (output, eager))
    # A score of some hundreds is rounded by more than 1e-5 however it is summed, and the plain code
    # may be right by luck: one rounding of the largest score is the floor, up to 2e-4.
    raw = scores.Additive(exact[3], activation)(*exact[:2]).abs().max()
    rounding = torch.finfo(torch.promote_types(dtype, torch.float32)).eps * raw * value.abs().max()
    assert error <= max(1e-5 if dtype.itemsize > 2 else 2**-6, 2 * theirs, min(rounding, 2e-4))


def test_dropout_is_the_same_in_both_passes() -> None:
    query, key = torch.randn(40, 8), torch.randn(300, 8)
    value = torch.eye(300).requires_grad_()
    score, rate = scores.Additive(torch.randn(8)), 0.3
    torch.manual_seed(3)
    call = {"score": score, "dropout_p": rate, "engine": "additive_numba"}
    used = regard.attend(query, key, value, **call)
    weights = regard.weights(query, key, score=score)
    kept = used != 0
    assert abs(kept.float().mean() - (1 - rate)) < 0.02
    torch.testing.assert_close(used, torch.where(kept, weights / (1 - rate), 0.0))
    (gradient,) = torch.autograd.grad(used.sum(), value)
    torch.testing.assert_close(gradient, used.detach().sum(0)[:, None].expand(300, 300))
    torch.manual_seed(3)
    assert torch.equal(regard.attend(query, key, value, **call), used)
    assert not torch.equal(regard.attend(query, key, value, **call), used)


def test_dropout_has_the_gradient_of_what_it_computed() -> None:
    inputs = [x.requires_grad_() for x in tensors(3, 5, 4, 2)]

    def function(*arrays: Tensor) -> Tensor:
        torch.manual_seed(0)
        return regard.attend(
            *arrays[:3], score=scores.Additive(arrays[3]), dropout_p=0.4, engine="additive_numba"
        )

    assert torch.autograd.gradcheck(function, inputs)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_as_torch_checks_operators(activation: str, keep: bool) -> None:
    query = torch.randn(2, 2, 3, 4, requires_grad=True)
    key, value = (torch.randn(2, 1, 5, n, requires_grad=True) for n in (4, 6))
    weight, added = torch.randn(1, 2, 1, 4, requires_grad=True), torch.randn(1, 1, 3, 5)
    start = torch.zeros(2, 1, 3, dtype=torch.int32)
    rest = (2, 2, activation, 0.1)
    arguments = (query, key, value, weight, added.requires_grad_(), start, start + 4, None, *rest)
    torch.library.opcheck(torch.ops.regard.additive_numba, (*arguments, 0.0, keep))
    seeded = (*arguments[:7], torch.tensor(5), *rest, 0.5, keep)
    torch.library.opcheck(torch.ops.regard.additive_numba, seeded)


torch.manual_seed(0)
BIG = tensors(200, 900, 32, 16)


def big() -> list[Tensor]:
    return BIG


def test_any_number_of_threads_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regard.engines.additive_numba.problem.PER_THREAD", 1)
    before, runs = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 7):
            torch.set_num_threads(threads)
            assert len(Problem(folded(big()), backward=False).runs()) == threads
            runs.append(results(big(), "additive_numba", torch.float32, mask=masks.causal()))
            again = results(big(), "additive_numba", torch.float32, mask=masks.causal())
            assert all(torch.equal(x, y) for x, y in zip(runs[-1], again, strict=True))
    finally:
        torch.set_num_threads(before)
    for other in runs[1:]:
        for one, two in zip(runs[0], other, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)


def test_gradients_that_threads_share_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One key for all of a batch, heads that share, one query for all: every thread has a part."""
    monkeypatch.setattr("regard.engines.additive_numba.problem.PER_THREAD", 1)
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)
    for query, key, value in (
        ((5, 2), (1, 1), (5, 1)),
        ((1, 2), (4, 2), (1, 2)),
        ((3, 4), (3, 2), (3, 2)),
    ):
        lead = zip((query, key, value), ((6, 8), (7, 8), (7, 3)), strict=True)
        inputs = [torch.randn(*a, *b, dtype=torch.float64) for a, b in lead]
        inputs.append(torch.randn(8, dtype=torch.float64))
        agree(inputs, torch.float64, enable_gqa=query == (3, 4))


def work(_: int = 0) -> float:
    return float(results(big(), "additive_numba", torch.float32)[0].detach().sum())


def test_many_threads_call_at_once() -> None:
    want = work()
    with ThreadPoolExecutor(4) as pool:
        assert all(abs(got - want) < 1e-3 for got in pool.map(work, range(8)))


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_workers_call_after_their_parent_did() -> None:
    """What torch's own pools do not survive: a worker must make its own threads."""
    want = work()
    PARENTS.extend(x.float() for x in big())
    loader = torch.utils.data.DataLoader(
        Rows(), num_workers=2, batch_size=None, multiprocessing_context="fork"
    )
    assert all(abs(got - want) < 1e-3 for got in loader)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert all(abs(got - want) < 1e-3 for got in pool.map_async(threaded, range(2)).get(60))


class Rows(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> float:
        if index >= len(self):
            raise IndexError
        return work()


PARENTS: list[Tensor] = []


def threaded(_: int) -> float:
    """With two threads of ours, and none of torch's, which it cannot have after a fork."""
    tensors_ = PARENTS
    operator.threads.torch = type("two", (), {"get_num_threads": staticmethod(lambda: 2)})
    call = Folded(
        *(x[:, None] for x in tensors_[:3]), tensors_[3][None, None, None], *[None] * 4,
        2, 1, "tanh", 0.0, 0.0,
    )  # fmt: skip
    return float(operator._forward(call, False)[0].numpy().sum())


BROKEN = """
import sys
sys.modules["numba"] = None
import torch, regard
from regard import scores
x = torch.randn(5, 4, requires_grad=True)
score = scores.Additive(torch.ones(4))
print(regard.plan(x, x, x, score=score))
regard.attend(x, x, x, score=score).sum().backward()
"""


def test_where_numba_is_broken_the_call_streams() -> None:
    run = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    lines = dict(line.split(maxsplit=1) for line in run.stdout.splitlines())
    assert lines["additive_numba"].startswith("cannot: Numba does not work here: ")
    assert lines["streaming"].startswith("takes it")


def test_importing_regard_leaves_numba_alone() -> None:
    program = "import sys, regard; print('numba' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"score": "dot"}, "not additive"),
        ({"normalizer": "sparsemax"}, "not softmax"),
        ({"score": scores.Additive(torch.ones(4), "leaky_relu", -0.1)}, "slope .* negative"),
    ],
)
def test_refuses_with_the_reason(keywords: Any, reason: str) -> None:
    x, usual = torch.randn(3, 4), {"score": scores.Additive(torch.ones(4))}
    with pytest.raises(errors.EngineError, match=reason):
        regard.attend(x, x, x, engine="additive_numba", **{**usual, **keywords})
    assert regard.attend(x, x, x, **{**usual, **keywords}).shape == (3, 4)


def test_the_second_derivative_is_not_there() -> None:
    inputs = [x.requires_grad_() for x in tensors(3, 4, 2, 2)]
    output = regard.attend(*inputs[:3], score=scores.Additive(inputs[3]), engine="additive_numba")
    (first,) = torch.autograd.grad(output.sum(), inputs[0], create_graph=True)
    with pytest.raises(RuntimeError, match="additive_numba_backward|does not require grad"):
        first.sum().backward()


def test_a_broken_file_of_the_cache_is_compiled_anew(tmp_path: Path) -> None:
    """What a full disk or a killed process leaves."""
    program = """
import numpy
from regard.engines.additive_numba.forms import extremes
x = numpy.ones(8, numpy.float32)
print(extremes(x, x, 4).q_high.tolist())
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment
        )
        assert run.stdout.strip() == "[1.0, 1.0, 1.0, 1.0]", run.stderr
        kept = list(tmp_path.rglob("*.nb*"))
        assert kept
        for file in kept:
            file.write_bytes(b"junk")
