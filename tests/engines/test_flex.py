"""The flex engine: what it gives FlexAttention, on any device, and which calls it takes.

No GPU is needed: what ``construct`` makes is computed by FlexAttention's plain code, which writes
all scores down, and which torch allows for debugging only, and so without gradients on the CPU.
"""

from typing import Any

import pytest
import torch
from torch.nn.attention import flex_attention as torch_flex
from torch.utils._python_dispatch import TorchDispatchMode

import regard
from conformance import pairwise
from conformance.cases import AXES, valid
from conformance.laws import close
from conformance.problem import Problem
from regard import biases, masks
from regard.engines import flex
from regard.engines.call import Call, Parts

TAKEN = {
    axis: [value for value in values if valid({"engine": "sdpa", axis: value})]
    for axis, values in AXES.items()
} | {"engine": ["sdpa"]}
CASES = [Problem(case, seed) for seed, case in enumerate(pairwise.covering(TAKEN, valid, seed=2))]

# torch's compiler looks at .grad of what it is given.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")


def call_of(query: Any, key: Any, value: Any, **keywords: Any) -> Call:
    parts = {"score": "scaled_dot", "bias": None, "mask": None, "normalizer": "softmax"}
    parts |= {name: keywords.pop(name) for name in list(keywords) if name in parts}
    return Call.of(query, key, value, Parts.of(**parts), **keywords)


def attend(*arrays: Any, **keywords: Any) -> torch.Tensor:
    call = call_of(*arrays, **keywords)
    output = flex.attend(call)
    return output[..., 0, :] if call.single else output


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_flex, "_validate_device", lambda *tensors: None)
    monkeypatch.setattr(torch_flex, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)
    monkeypatch.setattr(flex, "_compiled", lambda kind: torch_flex.flex_attention)


def test_every_mask_bias_and_layout_is_the_formula() -> None:
    for problem in CASES:
        inputs = problem.inputs(gradients=True)
        arrays = [inputs[name] for name in ("query", "key", "value")]
        output = attend(*arrays, **problem.parts(inputs))
        want, gradients = problem.eager(torch.float64)
        rough, rough_gradients = problem.eager(problem.dtype)
        close(output, want, problem.dtype, rough)
        got = problem.gradients_of(output, inputs)
        worst = max(abs(rough_gradients[n] - gradients[n]).max(initial=0.0) for n in gradients)
        for name, gradient in gradients.items():
            close(got[name], gradient, problem.dtype, gradient + worst, twice=True)


def test_what_nobody_sees_changes_nothing() -> None:
    for problem in CASES:
        results = []
        for poison in (0.0, torch.nan):
            inputs = problem.inputs()
            for name in ("key", "value"):
                inputs[name][torch.as_tensor(problem.unseen_keys(name))] = poison
            inputs["query"][torch.as_tensor(problem.blind_queries())] = poison
            tensors = {name: tensor.requires_grad_() for name, tensor in inputs.items()}
            arrays = [tensors[name] for name in ("query", "key", "value")]
            output = attend(*arrays, **problem.parts(tensors))
            gradients = problem.gradients_of(output, tensors)
            results.append([output.detach().double().numpy(), *gradients.values()])
        for clean, poisoned in zip(*results, strict=True):
            close(poisoned, clean, problem.dtype, twice=True)


def ids(count: int) -> torch.Tensor:
    return torch.arange(count) // 100


LONG_MASKS = {
    "window": masks.window(60, 30),
    "causal": masks.causal(),
    "from the start": masks.window(5, 5, align="start"),
    "positions": masks.causal(key_positions=torch.arange(420).flip(0)),
    "segments": masks.segments(ids(300), ids(420)),
    "segments & causal": masks.segments(ids(300), ids(420)) & masks.causal(),
    "lengths": masks.padding(torch.tensor([400, 7])) & masks.window(None, 3),
    "predicate": masks.predicate(lambda q, k: k * 2 > q),
    "nothing": ~masks.window(None, None),
    "everything": masks.window(None, None),
}


@pytest.mark.parametrize("name", LONG_MASKS)
def test_the_squares_that_are_skipped_are_those_of_torch(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flex.squares, "BOOLEANS", 1)  # a band for every row of squares
    query, key = torch.randn(2, 3, 300, 16), torch.randn(2, 3, 420, 16)
    call = call_of(query, key, key, mask=LONG_MASKS[name])
    got = flex.construct(call).block_mask
    want = torch_flex.create_block_mask(got.mask_mod, 2, 3, 300, 420, device="cpu")
    assert got.shape[-2:] == want.shape[-2:]
    for count, listed in (
        ("kv_num_blocks", "kv_indices"),
        ("full_kv_num_blocks", "full_kv_indices"),
        ("q_num_blocks", "q_indices"),
        ("full_q_num_blocks", "full_q_indices"),
    ):
        counts = getattr(want, count)
        assert torch.equal(getattr(got, count).expand_as(counts), counts)
        columns, expected = getattr(got, listed), getattr(want, listed)
        used = torch.arange(expected.shape[-1]) < counts[..., None]
        assert torch.equal(columns.expand_as(expected)[used], expected[used])
    output = flex.attend(call)
    reference = regard.attend(query, key, key, mask=LONG_MASKS[name], engine="reference")
    torch.testing.assert_close(output, reference, rtol=1e-5, atol=1e-5)


def test_nothing_of_size_q_times_k_is_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flex.squares, "BOOLEANS", 1)
    largest = [0]

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                largest[0] = max(largest[0], result.numel())
            return result

    x = torch.randn(4096, 16)
    mask = masks.window(200, 0) & masks.segments(torch.arange(4096) // 500)
    with Sizes():
        flex.construct(call_of(x, x, x, mask=mask))
    assert largest[0] <= 128 * 512  # a band of queries, the keys near it; 65536, as x is


def test_torch_compiles_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler can read every mask and bias; more kinds than it compiles one function for."""
    monkeypatch.undo()
    monkeypatch.setattr(torch_flex, "_validate_device", lambda *tensors: None)
    monkeypatch.setattr(flex, "BACKEND", "aot_eager")
    flex._compiled.cache_clear()
    x = torch.randn(2, 4, 6, 16, requires_grad=True)
    some = torch.where(torch.rand(4, 6, 6) < 0.2, -torch.inf, torch.randn(4, 6, 6))[None]
    kinds = [
        {"mask": masks.window(2, 0)},
        {"mask": masks.window(1, 0)},
        {"mask": masks.segments(ids(6)) & masks.padding(torch.tensor([4, 6]))},
        {"mask": masks.causal(query_positions=torch.arange(6), key_positions=torch.arange(6))},
        {"mask": masks.dense(torch.rand(2, 4, 6, 6) < 0.5)},
        {"mask": masks.predicate(lambda q, k: (q * k) % 3 != 0)},
        {"mask": masks.causal() | ~masks.padding(torch.tensor([4, 6]))},
        {"bias": biases.dense(torch.randn(6, 6))},
        {"bias": biases.dense(torch.randn(2, 1, 1, 6)), "mask": masks.causal()},
        {"bias": biases.dense(some)},
        {"bias": biases.dense(some), "mask": masks.window(2, 2)},
    ]
    for keywords in kinds:
        results = []
        for run in (attend, regard.attend):
            name = {} if run is attend else {"engine": "reference"}
            output = run(x, x, x, **keywords, **name)
            results.append([output, *torch.autograd.grad(output.pow(2).sum(), x)])
        for got, want in zip(*results, strict=True):
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
    flex._compiled.cache_clear()


def long(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Any:
    """Why a call of 2048 × 2048 on a GPU is refused."""
    monkeypatch.setattr(flex, "DEVICE", "cpu")  # no GPU has to be there
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)  # nor Triton
    features, dtype = changes.pop("features", 64), changes.pop("dtype", torch.bfloat16)
    x = torch.empty(2, 4, changes.pop("length", 2048), features, dtype=dtype)
    return flex.refuse(call_of(x, x, x, **changes))


def test_takes_windows_segments_and_biases_over_long_sequences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = biases.Dense(torch.empty(2048, 2048), False)
    assert long(monkeypatch, mask=masks.window(128, 0)) is None
    assert long(monkeypatch, mask=masks.window(128, 0) & masks.padding([3, 5])) is None
    assert long(monkeypatch, bias=values) is None
    assert long(monkeypatch, bias=values, score="cosine", mask=masks.causal()) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "needs no tile"),
        ({"mask": masks.causal()}, "needs no tile"),
        ({"mask": masks.padding([3, 5])}, "needs no tile"),
        ({"mask": masks.window(9, 0), "length": 512}, "too short"),
        ({"mask": masks.window(9, 0), "dtype": torch.float64}, "float32"),
        ({"mask": masks.window(9, 0), "features": 512}, "no room"),
        ({"mask": masks.window(9, 0), "dropout_p": 0.5}, "no dropout"),
        ({"bias": biases.dense(torch.zeros(1, 1).requires_grad_())}, "no fixed order"),
        ({"mask": masks.window(9, 0), "normalizer": "sparsemax"}, "not softmax"),
        ({"mask": masks.window(9, 0), "score": lambda q, k: q @ k.mT}, "not an inner product"),
        ({"mask": type("Own", (masks.Mask,), {"sized": False})()}, "a mask Own is not known"),
        (
            {"bias": type("Own", (biases.Bias,), {"tile": lambda *_: torch.zeros(1, 1)})()},
            "bias Own",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_refuses_with_the_reason(
    changes: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reason in long(monkeypatch, **changes)


@pytest.mark.parametrize(
    ("function", "taken"),
    [
        (lambda q, k: q >= k, True),
        (lambda q, k: torch.ones(8, 8, dtype=torch.bool)[q, k], True),
        (lambda q, k: torch.ones(len(q), len(k[0]), dtype=torch.bool), False),
        (lambda q, k: q >= k if q.max() > 0 else q < k, False),
        (lambda q, k: q - k, False),
    ],
)
def test_a_function_of_a_row_and_a_column_need_not_be_one_of_a_pair(
    function: Any, taken: bool
) -> None:
    x = torch.randn(8, 16)
    call = Call.of(x, x, x, Parts.of("dot", None, masks.causal(), "softmax"))
    assert flex.mods._takes_single_indices(call, masks.Predicate(function)) == taken


def test_on_the_cpu_it_is_refused() -> None:
    x = torch.randn(2, 8, 16)
    assert flex.refuse(call_of(x, x, x, mask=masks.window(1, 1))) == (
        "it computes on CUDA devices only"
    )
