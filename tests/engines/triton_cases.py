"""Cases of Triton's kernels of additive attention, as a program that tells what each says.

Whether Triton interprets is settled when it is imported, so a process of its own runs them, on the
GPU or else in Triton's interpreter; ``test_additive_triton.py`` reads what it says.
"""

import json
import math
import sys
import traceback
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import regard
from regard import biases, masks, scores
from regard.engines.additive_triton import launch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": lambda x: torch.where(x < 0, 0 * x, x),
    "leaky_relu": lambda x: torch.where(x < 0, 0.2 * x, x),
}
SMALL = launch.Blocks(rows=16, cols=16, width=16, depth=16, warps=2)
"""Tiles so small that a few dozen queries and keys are several of them."""


def formula(
    inputs: dict[str, Any], activation: str, kept: Tensor | None = None, dropout_p: float = 0.0
) -> Tensor:
    """The output, as the textbook has it, in the dtype of the inputs."""
    query, value, added = inputs["query"], inputs["value"], inputs.get("added")
    repeats = query.shape[1] // value.shape[1]
    key, value = (x.repeat_interleave(repeats, 1) for x in (inputs["key"], value))
    pairs = ACTIVATIONS[activation](query[..., :, None, :] + key[..., None, :, :])
    scores = (pairs * inputs["weight"][:, None, None, :]).sum(-1)
    allowed = torch.ones_like(scores, dtype=torch.bool)
    if added is not None:
        allowed &= (added != -math.inf).broadcast_to(allowed.shape)
        scores = scores + added.masked_fill(added == -math.inf, 0.0)
    if inputs.get("start") is not None:
        at = torch.arange(key.shape[2], device=key.device)
        allowed &= (at >= inputs["start"][..., None]) & (at < inputs["stop"][..., None])
    # Not -inf, for rows without any key.
    lowest = torch.finfo(scores.dtype).min
    weights = scores.masked_fill(~allowed, lowest).softmax(-1) * allowed
    if kept is not None:
        weights = weights * kept / (1 - dropout_p)
    return weights @ value


def make(
    queries: int = 21,
    keys: int = 37,
    features: int = 10,
    values: int = 5,
    heads: int = 2,
    **more: Any,
) -> dict[str, Any]:
    """Random inputs, float32: B = 1 and one head of the keys unless ``more`` says otherwise."""
    generator = torch.Generator().manual_seed(more.pop("seed", 0))
    batch, groups = more.pop("batch", 1), more.pop("groups", 1)
    shapes = {
        "query": (batch, heads, queries, features),
        "key": (batch, groups, keys, features),
        "value": (batch, groups, keys, values),
        "weight": (more.pop("weights", heads), features),
        "grad": (batch, heads, queries, values),
    }
    inputs = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return {name: x.to(DEVICE) for name, x in (inputs | more).items()}


def run(
    inputs: dict[str, Any], activation: str, dropout_p: float = 0.0, needs_added: bool = True
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Output, lse and gradients of the kernels."""
    names = ("query", "key", "value", "weight", "added", "start", "stop")
    given = [inputs.get(name) for name in names]
    seed = torch.tensor(1234567890123, device=DEVICE)
    rest = (activation, 0.2, dropout_p, seed)
    output, lse = launch.forward(*given, *rest)
    grad = inputs["grad"].to(output.dtype)
    gradients = launch.backward(grad, *given, output, lse, *rest, needs_added)
    return output, lse, dict(zip(names, gradients, strict=False))


def check(
    inputs: dict[str, Any], activation: str = "tanh", tolerance: float = 1e-5, **more: Any
) -> tuple[Tensor, dict[str, Tensor]]:
    """Compare output and gradients with the formula in float64, relative to the largest number,
    or to twice the error of the formula in the inputs' own dtype."""

    def reference(dtype: torch.dtype) -> dict[str, Tensor]:
        learns = [name for name in ("query", "key", "value", "weight", "added") if name in inputs]
        exact = {name: inputs[name].detach().to(dtype).requires_grad_() for name in learns}
        output = formula({**inputs, **exact}, activation, **more)
        gradients = torch.autograd.grad(output, list(exact.values()), inputs["grad"].to(dtype))
        return {"output": output.detach()} | dict(zip(learns, gradients, strict=True))

    want, rough = reference(torch.float64), reference(inputs["query"].dtype)
    output, _, gradients = run(inputs, activation, more.get("dropout_p", 0.0))
    worst = max((rough[name] - want[name]).abs().max().item() for name in want)
    for name in want:
        got = output if name == "output" else gradients[name]
        like = inputs["query"] if name == "output" else inputs[name]
        assert (got.shape, got.dtype) == (want[name].shape, like.dtype), name
        error = (got - want[name]).abs().max().item()
        bound = max(tolerance * want[name].abs().max().item(), 2 * worst)
        assert error <= bound, f"{name}: error {error:.3g}, and {bound:.3g} is allowed"
    return output, gradients


def spans(pairs: list[tuple[int, int]]) -> dict[str, Tensor]:
    """start and stop of each query, shared by two heads without memory of their own."""
    start, stop = torch.tensor(pairs, dtype=torch.int32, device=DEVICE).T
    return {"start": start.expand(1, 2, -1), "stop": stop.expand(1, 2, -1)}


def sizes_and_activations() -> None:
    for number, features in enumerate((1, 3, 16, 40, 64)):
        activation = list(ACTIVATIONS)[number % 4]
        check(make(17 - 4 * number, 17, features, seed=number), activation)
    check(make(queries=17, keys=1, values=1, features=2), "tanh")
    check(make(queries=3, keys=18, values=33, features=2), "tanh")


def grouped_heads() -> None:
    check(make(batch=2, heads=4, groups=2, weights=1, queries=5, keys=18))
    check(make(batch=2, heads=2, groups=2, queries=17, keys=5), "sigmoid")


def in_the_blocks_that_calls_get() -> None:
    check(make(queries=40, keys=35, features=33), "tanh")
    check(make(queries=2, keys=70, features=5, heads=1), "leaky_relu")


def added_to_the_scores() -> None:
    for shape in ((2, 2, 17, 18), (1, 2, 17, 18), (2, 1, 17, 18), (1, 1, 17, 18)):
        added = torch.randn(shape)
        added[..., 3:9, 4:17] = -math.inf
        check(make(batch=2, queries=17, keys=18, features=2, added=added))
    for shape in ((1, 2, 1, 18), (2, 1, 1, 18), (1, 2, 5, 1)):
        check(make(batch=2, queries=5, keys=18, features=2, added=torch.randn(shape)), "relu")
    inputs = make(queries=3, keys=4, added=torch.randn(1, 1, 3, 4))
    assert run(inputs, "tanh", needs_added=False)[2]["added"].numel() == 0


def rows_where_minus_infinity_is_everywhere() -> None:
    added = torch.zeros(1, 1, 18, 20)
    added[..., 5, :] = -math.inf
    output, gradients = check(make(queries=18, keys=20, added=added))
    assert not output[..., 5, :].any()
    assert not gradients["query"][..., 5, :].any()


def spans_and_what_lies_outside() -> None:
    n = 33
    cases = {
        "causal": [(0, i + 1) for i in range(n)],
        "window": [(max(0, i - 6), min(n, i + 2)) for i in range(n)],
        "with a gap, and empty rows": [
            (3, 9) if i < 18 else (9, 9) if i < 22 else (25, 31) for i in range(n)
        ],
        "beyond the ends": [(-5, 3)] * n,
    }
    for number, (name, pairs) in enumerate(cases.items()):
        inputs = make(queries=n, keys=n, features=3, seed=number, **spans(pairs))
        output, gradients = check(inputs, list(ACTIVATIONS)[number])
        unseen = [j for j in range(n) if not any(a <= j < b for a, b in pairs)]
        blind = [i for i, (a, b) in enumerate(pairs) if a >= b]
        assert not output[:, :, blind].any()
        key, value = inputs["key"].clone(), inputs["value"].clone()
        query = inputs["query"].clone()
        key[:, :, unseen], value[:, :, unseen], query[:, :, blind] = math.nan, math.inf, math.nan
        dirty = {**inputs, "key": key, "value": value, "query": query}
        again, _, more = run(dirty, list(ACTIVATIONS)[number])
        assert torch.equal(again, output), name
        for letter in ("query", "key", "value", "weight"):
            assert torch.equal(more[letter], gradients[letter]), (name, letter)
        assert not more["key"][:, :, unseen].any()
        assert not more["query"][:, :, blind].any()


def magnitudes() -> None:
    for number, (q, k, w) in enumerate(
        [
            (1e-30, 1e-30, 1.0),
            (1e-3, 1e-3, 1e3),
            (1e4, 1e4, 1e-2),
            (1e4, 1.0, 1.0),
            (6.0, 6.0, 1.0),
            (1.0, 1.0, 1e2),
        ]
    ):
        inputs = make(queries=5, keys=18, features=6, heads=1, seed=number)
        scaled = {"query": q * inputs["query"], "key": k * inputs["key"]}
        check({**inputs, **scaled, "weight": w * inputs["weight"]}, list(ACTIVATIONS)[number % 2])
    # Equal and opposite: far from zero, and their sums are not.
    inputs = make(queries=5, keys=18, features=6, heads=1)
    far = 1e4 * torch.ones(6, device=DEVICE)
    check({**inputs, "query": inputs["query"] + far, "key": inputs["key"] - far})
    # All weights of one sign: the sums of r are large, and those of tanh are not.
    inputs = make(queries=5, keys=18, features=200, heads=1)
    check({**inputs, "weight": torch.ones(1, 200, device=DEVICE)})


def both_forms_of_tanh() -> None:
    from regard.engines.additive_triton.prepare import prepare

    inputs = make(batch=3, heads=1, queries=5, keys=18)
    scale = torch.tensor([1.0, 20.0, 1e-4], device=DEVICE)[:, None, None, None]
    inputs |= {"query": scale * inputs["query"], "key": scale * inputs["key"]}
    given = inputs["query"], inputs["key"], inputs["weight"]
    ready = prepare(*given, None, None, "tanh", (16, 16, 16))
    assert ready.fast.flatten().tolist() == [1, 0, 0]
    check(inputs)


def half_precision() -> None:
    for dtype, epsilon in ((torch.bfloat16, 2.0**-8), (torch.float16, 2.0**-11)):
        inputs = {name: x.to(dtype) for name, x in make(queries=18, features=8).items()}
        check(inputs, tolerance=6 * epsilon)
        inputs |= {"value": inputs["value"].float()}  # autocast
        output, _, gradients = run(inputs, "tanh")
        assert output.dtype == gradients["query"].dtype == dtype
        assert gradients["value"].dtype == torch.float32


def any_layout() -> None:
    inputs = make(batch=2, queries=17, keys=18, features=3, groups=2)
    plain = run(inputs, "tanh")
    twisted = {
        "query": inputs["query"].mT.contiguous().mT,
        "key": torch.stack([inputs["key"]] * 2, -1).flatten(-2)[..., ::2],
        "value": inputs["value"].transpose(1, 2).contiguous().transpose(1, 2),
        "grad": inputs["grad"].mT.contiguous().mT,
    }
    other = run(inputs | twisted, "tanh")
    for name, gradient in plain[2].items():
        assert torch.equal(gradient, other[2][name]), name
    assert torch.equal(plain[0], other[0])
    one = {name: inputs[name][:, :1].expand(2, 2, -1, -1) for name in ("query", "value")}
    check(inputs | one)


def dropout() -> None:
    n, p = 34, 0.3
    inputs = make(queries=n, keys=n, features=2, values=n)
    # With the identity as values the output is the weights, so what was dropped is seen.
    inputs["value"] = torch.eye(n, device=DEVICE).expand(1, 1, n, n)
    kept = run(inputs, "tanh", p)[0] != 0
    assert abs(kept.double().mean().item() - (1 - p)) < 4 * math.sqrt(p * (1 - p) / kept.numel())
    assert not torch.equal(kept[:, 0], kept[:, 1])
    check({**inputs, "value": make(keys=n, values=n)["value"]}, kept=kept, dropout_p=p)
    check(inputs, kept=kept, dropout_p=p)


def through_attend() -> None:
    """Every way in which a call is folded, and masks and biases in blocks."""
    lead = {"plain": ((2,), (2,)), "shared": ((2, 1), (3,)), "grouped": ((2, 4), (2, 2))}
    bias = torch.randn(5, 6, device=DEVICE).requires_grad_()
    lengths = torch.tensor([3, 6], device=DEVICE)
    parts: list[dict[str, Any]] = [
        {},
        {"mask": masks.causal() & masks.padding(lengths)},
        {"mask": masks.dense(torch.rand(5, 6, device=DEVICE) < 0.5)},
        {"bias": biases.dense(bias), "mask": masks.window(3, 1)},
    ]
    for name, (first, second) in lead.items():
        for part in parts:
            arrays = [
                torch.randn(*first, 5, 7),
                torch.randn(*second, 6, 7),
                torch.randn(*second, 6, 3),
            ]
            weight = torch.randn(7)
            results = []
            for engine, dtype in (("reference", torch.float64), ("additive_triton", torch.float32)):
                tensors = [x.to(DEVICE, dtype).requires_grad_() for x in (*arrays, weight)]
                output = regard.attend(
                    *tensors[:3], score=scores.Additive(tensors[3]), engine=engine,
                    enable_gqa=name == "grouped", **part,
                )  # fmt: skip
                wanted = [*tensors, *([bias] if "bias" in part else [])]
                results.append([output, *torch.autograd.grad(output.square().sum(), wanted)])
            for got, want in zip(results[1], results[0], strict=True):
                torch.testing.assert_close(got.double(), want.double(), rtol=1e-4, atol=1e-5)


def as_torch_checks_operators() -> None:
    x, weight = torch.randn(2, 2, 3, 4, device=DEVICE), torch.randn(1, 2, 1, 4, device=DEVICE)
    tensors = [t.requires_grad_() for t in (x, x.clone(), x.clone(), weight)]
    arguments = (*tensors, None, None, None, None, 2, 2, "tanh", 0.0, 0.0, False)
    from regard.engines.additive_triton import operator  # noqa: F401

    torch.library.opcheck(torch.ops.regard.additive_triton, arguments)


CASES = {
    case.__name__.replace("_", " "): case
    for case in (
        sizes_and_activations,
        grouped_heads,
        in_the_blocks_that_calls_get,
        added_to_the_scores,
        rows_where_minus_infinity_is_everywhere,
        spans_and_what_lies_outside,
        magnitudes,
        both_forms_of_tanh,
        half_precision,
        any_layout,
        dropout,
        through_attend,
        as_torch_checks_operators,
    )
}


def compile_for_hopper() -> None:
    """Everything up to the machine code, which no GPU is needed for; nothing is run."""
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver

    from regard.engines.additive_triton import kernels

    class Absent:
        def get_current_target(self) -> GPUTarget:
            return GPUTarget("cuda", 90, 32)

        def get_current_device(self) -> int:
            return 0

        def get_current_stream(self, device: int) -> int:
            return 0

    class Compiled:
        def __init__(self, kernel: Any) -> None:
            self.kernel = kernel

        def __getitem__(self, grid: tuple[int]) -> Callable[..., None]:
            return self.compile

        def compile(self, *args: Any, **options: Any) -> None:
            options |= {"ASSEMBLY": True, "PRECISION": "tf32x3", "maxnreg": 168}
            self.kernel.warmup(*args, grid=(1,), **options)

    driver.set_active(Absent())
    kernels.forward, kernels.backward = Compiled(kernels.forward), Compiled(kernels.backward)
    run(make(queries=1, keys=1, features=1, values=1, heads=1), "tanh")
    full = make(queries=64, keys=64, features=64, added=torch.zeros(1, 2, 64, 64))
    full |= spans([(0, i + 1) for i in range(64)])
    run({name: x.half() if x.is_floating_point() else x for name, x in full.items()}, "tanh", 0.1)
    launch.FULL = 1  # wide tiles
    run(make(queries=64, keys=128, features=64, values=64), "tanh")


def main(part: str) -> None:
    usual, said = launch.blocks, {}
    cases = CASES if part == "cases" else {part: compile_for_hopper}
    for name, case in cases.items():
        as_called = case in (in_the_blocks_that_calls_get, compile_for_hopper)
        launch.blocks = usual if as_called else lambda *args, **names: SMALL
        try:
            case()
            said[name] = ""
        except Exception:
            said[name] = traceback.format_exc()
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1])
