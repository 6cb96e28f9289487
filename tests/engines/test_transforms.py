"""What torch's transforms make of each engine: the table in docs/engines.md, a test for each word.

``torch.compile`` runs on ``aot_eager`` here, which traces both passes without numbers and then
computes them as they are: what can go wrong is in the tracing, and kernels take long to compile.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounter
from torch.func import grad, vmap

import regard
from conformance.test_laws import small_blocks
from regard import biases, errors, masks, scores

ENGINES = ("reference", "sdpa", "sdpa in blocks", "streaming", "streaming in blocks")
FUSED = "additive_numba"
PARTS: dict[str, Callable[[Tensor, Tensor], dict[str, Any]]] = {
    "plain": lambda lengths, values: {},
    "causal": lambda lengths, values: {"mask": masks.causal()},
    "both": lambda lengths, values: {"mask": masks.causal() & masks.padding(lengths)},
    "bias": lambda lengths, values: {"bias": biases.dense(values)},
    "positions": lambda lengths, values: {
        "mask": masks.window(2, 1, key_positions=torch.arange(values.shape[-1]).flip(0))
    },
}
every_part = pytest.mark.parametrize("parts", PARTS)


@pytest.fixture
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The engine's name; "in blocks": of a few pairs each, as for long sequences."""
    torch._dynamo.reset()
    if request.param.endswith("in blocks"):
        small_blocks(monkeypatch)
    return request.param.removesuffix(" in blocks")


def of(*engines: str) -> Any:
    return pytest.mark.parametrize("engine", engines, indirect=True)


def function(name: str, parts: str, **keywords: Any) -> Callable[..., Tensor]:
    """``f(query, key, value, weight, lengths, values)``: masks and biases are made inside."""

    def attend(query: Tensor, key: Tensor, value: Tensor, weight: Tensor, *given: Tensor) -> Tensor:
        # The fused kernel and streaming: what they are for. The others: what they can.
        is_additive = name in (FUSED, "streaming")
        score = scores.Additive(weight) if is_additive else scores.Bilinear(torch.diag(weight))
        more = {"score": score, "engine": name} | PARTS[parts](*given) | keywords
        return regard.attend(query, key, value, **more)

    return attend


def inputs(
    lead: tuple[int, ...] = (), batch: int = 2, n: int = 5, m: int = 6
) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(0)
    shapes = ((batch, n, 4), (batch, m, 4), (batch, m, 3), (4,))
    tensors = [
        torch.randn(*lead, *shape, dtype=torch.float64, generator=random) for shape in shapes
    ]
    lengths = torch.randint(0, m + 1, (*lead, batch), generator=random)
    values = torch.randn(*lead, n, m, dtype=torch.float64, generator=random)
    return (*(tensor.requires_grad_() for tensor in tensors), lengths, values)


def same(got: Tensor, want: Tensor, tensors: tuple[Tensor, ...]) -> None:
    """Fail unless output and gradients agree."""
    torch.testing.assert_close(got, want)
    asked = [tensor for tensor in tensors if tensor.requires_grad]
    for one, other in zip(
        torch.autograd.grad(got.pow(2).sum(), asked),
        torch.autograd.grad(want.pow(2).sum(), asked),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


# torch.compile


@of(*ENGINES, FUSED)
@every_part
def test_compiles_whole_both_passes(engine: str, parts: str) -> None:
    given, attend = inputs(), function(engine, parts)
    compiled = torch.compile(attend, backend="aot_eager", fullgraph=True)
    same(compiled(*given), attend(*given), given)


@of("reference", "sdpa", "streaming", FUSED)
def test_compiles_once_for_all_batches_and_again_for_another_length(engine: str) -> None:
    attend, count = function(engine, "both"), CompileCounter()
    compiled = torch.compile(attend, backend=count, fullgraph=True, dynamic=True)
    frames = []
    for batch, n, m in ((12, 5, 7), (8, 5, 7), (10, 6, 9), (12, 6, 9)):
        given = inputs(batch=batch, n=n, m=m)
        same(compiled(*given), attend(*given), given)
        frames.append(count.frame_count)
    assert frames == [1, 1, 2, 2]


@of("sdpa")
def test_compiles_once_for_all_lengths_where_there_is_no_mask(engine: str) -> None:
    attend, count = function(engine, "plain"), CompileCounter()
    compiled = torch.compile(attend, backend=count, fullgraph=True, dynamic=True)
    for n, m in ((5, 7), (6, 9), (12, 8)):
        given = inputs(n=n, m=m)
        same(compiled(*given), attend(*given), given)
    assert count.frame_count == 1


@of("reference", "streaming", FUSED)
def test_compiles_a_bias_that_learns(engine: str) -> None:
    given, attend = inputs(), function(engine, "bias")
    given[-1].requires_grad_()
    compiled = torch.compile(attend, backend="aot_eager", fullgraph=True)
    same(compiled(*given), attend(*given), given)


@of("reference", "streaming")
def test_compiles_a_function_and_what_it_closes_over(engine: str) -> None:
    strength = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)

    def near(query: Tensor, key: Tensor) -> Tensor:
        return -(query[..., :, None, :] - key[..., None, :, :]).abs().sum(-1) * strength

    attend = function(engine, "causal", score=near)
    compiled = torch.compile(attend, backend="aot_eager", fullgraph=True)
    given = inputs()
    same(compiled(*given), attend(*given), (*given[:3], strength))


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch looks at it where it breaks off
@of("reference", "streaming")
@pytest.mark.parametrize("normalizer", ["sparsemax", "entmax15"])
def test_a_search_is_not_compiled_but_goes_on_as_it_is(engine: str, normalizer: str) -> None:
    attend, given = function(engine, "causal", normalizer=normalizer), inputs()
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(attend, backend="aot_eager", fullgraph=True)(*given)
    torch._dynamo.reset()
    same(torch.compile(attend, backend="aot_eager")(*given), attend(*given), given)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch's own
def test_compiles_to_machine_code() -> None:
    attend, given = function("sdpa", "both"), inputs()
    same(torch.compile(attend, fullgraph=True)(*given), attend(*given), given)


# torch.export


@of(*ENGINES, FUSED)
@every_part
def test_exports(engine: str, parts: str) -> None:
    attend, given = function(engine, parts), tuple(x.detach() for x in inputs())

    class Model(torch.nn.Module):
        def forward(self, *given: Tensor) -> Tensor:
            return attend(*given)

    program = torch.export.export(Model(), given, strict=False)
    others = tuple(x.detach().flip(0) for x in given)
    torch.testing.assert_close(program.module()(*others), attend(*others))


# torch.func


@of("reference", "streaming", "streaming in blocks", FUSED)
@every_part
def test_vmap_is_a_loop(engine: str, parts: str) -> None:
    attend, given = function(engine, parts), inputs((3,))
    loop = torch.stack([attend(*row) for row in zip(*given, strict=True)])
    same(vmap(attend)(*given), loop, given)


@of("reference", "streaming", "streaming in blocks")
@every_part
def test_gradients_of_each_row_by_vmap_of_grad(engine: str, parts: str) -> None:
    attend, given = function(engine, parts), inputs((3,))
    each = vmap(grad(lambda *row: attend(*row).pow(2).sum(), argnums=(0, 1, 2, 3)))
    got = each(*(x.detach() for x in given))
    for number, row in enumerate(zip(*given, strict=True)):
        want = torch.autograd.grad(attend(*row).pow(2).sum(), row[:4])
        for one, other in zip(got, want, strict=True):
            torch.testing.assert_close(one[number], other)


@pytest.mark.parametrize(
    ("name", "transform", "reason"),
    [
        ("sdpa", vmap, "no rule for the transforms of torch.func"),
        ("sdpa", lambda f: grad(lambda *x: f(*x).sum()), "no rule for the transforms"),
        (FUSED, lambda f: grad(lambda *x: f(*x).sum()), "gradients of torch.func"),
    ],
)
def test_where_a_fused_kernel_is_refused_another_engine_takes_the_call(
    name: str, transform: Callable[..., Any], reason: str
) -> None:
    given = tuple(x.detach() for x in inputs((2,)))
    if transform is not vmap:
        given = tuple(x[0] for x in given)
    with pytest.raises(errors.EngineError, match=reason):
        transform(function(name, "both"))(*given)
    auto = transform(function(name, "both", engine="auto"))(*given)
    torch.testing.assert_close(auto, transform(function(name, "both", engine="reference"))(*given))


# Second derivatives


@of("reference", "streaming", "streaming in blocks")
@every_part
def test_second_derivatives(engine: str, parts: str) -> None:
    *tensors, lengths, values = inputs(n=3, m=4)
    attend = function(engine, parts)
    assert torch.autograd.gradgradcheck(lambda *x: attend(*x, lengths, values), tensors)


@pytest.mark.parametrize(
    ("engine", "message"), [("sdpa", "not implemented"), (FUSED, "no autograd formula")]
)
def test_fused_kernels_have_no_second_derivative_and_say_so(engine: str, message: str) -> None:
    given = inputs()
    output = function(engine, "both")(*given)
    (gradient,) = torch.autograd.grad(output.pow(2).sum(), given[0], create_graph=True)
    with pytest.raises(RuntimeError, match=message):
        gradient.sum().backward()


# Shapes without numbers


@of("reference", "sdpa", "streaming", "streaming in blocks")
@pytest.mark.parametrize("parts", ["plain", "causal", "bias"])
def test_shapes_on_the_meta_device(engine: str, parts: str) -> None:
    given = [x.detach().to("meta", torch.float32).requires_grad_() for x in inputs()]
    output = function(engine, parts)(*given[:-1], given[-1].detach())
    assert (output.device.type, output.shape) == ("meta", (2, 5, 3))
    output.sum().backward()
    assert given[0].grad is not None


def test_on_the_meta_device_additive_attention_streams() -> None:
    given = [x.detach().to("meta", torch.float32) for x in inputs()]
    with pytest.raises(errors.EngineError, match="on the CPU only"):
        function(FUSED, "both")(*given)
    assert function("streaming", "both", engine="auto")(*given).device.type == "meta"


@of("sdpa", "streaming")
@pytest.mark.parametrize(
    "bias",
    [
        lambda values: biases.alibi(2),
        lambda values: biases.alibi(values[0, :2].exp()),
        lambda values: biases.bucketed(values[:2, :4], max_distance=3),
        lambda values: biases.bucketed(values[0, :4], bidirectional=False, max_distance=4),
    ],
)
def test_biases_of_positions_compile_whole(engine: str, bias: Callable[..., Any]) -> None:
    def attend(query: Tensor, key: Tensor, value: Tensor, weight: Tensor, *given: Tensor) -> Tensor:
        return regard.attend(query, key, value, bias=bias(given[1].detach()), engine=engine)

    tensors = inputs()
    compiled = torch.compile(attend, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(*tensors), attend(*tensors))
