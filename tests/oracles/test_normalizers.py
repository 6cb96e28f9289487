"""Each normalizer: numbers by hand, plain loops, wrong versions that must fail."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import regard
from oracles import plain
from regard import normalizers

ROWS = st.lists(st.floats(-20, 20), min_size=1, max_size=8)
SHIFTED = (0.0, 120.0, -120.0, 1e4, -1e4)


def test_softmax_by_hand() -> None:
    got = normalizers.softmax(np.log([[1.0, 2.0, 5.0]]), None)
    np.testing.assert_allclose(got, [[0.125, 0.25, 0.625]], rtol=1e-15)


def test_sparsemax_by_hand() -> None:
    got = normalizers.sparsemax(
        np.array([[1.0, 0.8, -1.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), None
    )
    np.testing.assert_allclose(got, [[0.6, 0.4, 0], [1, 0, 0], [1 / 3] * 3], atol=1e-15)


@given(ROWS)
def test_sparsemax_is_the_projection_onto_the_simplex(row: list[float]) -> None:
    for kind in (np.array, lambda x: torch.tensor(x, dtype=torch.float64)):
        got = np.asarray(normalizers.sparsemax(kind([row]), None))[0]
        np.testing.assert_allclose(got, plain.sparsemax(row), atol=1e-12)
    assert (got >= 0).all()
    assert abs(got.sum() - 1) < 1e-12


def test_entmax15_by_hand() -> None:
    """Of two keys, Peters et al. 2019: with z/2 = a, 0 the weights are (a ± √(2 − a²))² / 4."""
    gap = 0.5
    small = ((-gap + math.sqrt(2 - gap**2)) / 2) ** 2
    got = normalizers.entmax15(
        np.array([[2 * gap, 0.0, -9.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), None
    )
    np.testing.assert_allclose(got, [[1 - small, small, 0], [1, 0, 0], [1 / 3] * 3], atol=1e-15)


@given(ROWS)
def test_entmax15_is_what_the_bisection_finds(row: list[float]) -> None:
    for kind in (np.array, lambda x: torch.tensor(x, dtype=torch.float64)):
        got = np.asarray(normalizers.entmax15(kind([row]), None))[0]
        np.testing.assert_allclose(got, plain.entmax15(row), atol=1e-12)
    assert abs(got.sum() - 1) < 1e-12


@pytest.mark.parametrize("spread", [0.0, 1e-3, 0.1, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
def test_long_rows(name: str, spread: float) -> None:
    """They are searched in groups first; from a support of one key to one of all."""
    row = torch.randn(3, 5003, dtype=torch.float64) * spread
    got = normalizers.NORMALIZERS[name](row, None)
    for one, weights in zip(row.tolist(), got.tolist(), strict=True):
        np.testing.assert_allclose(weights, getattr(plain, name)(one), atol=1e-12)
    rough = normalizers.NORMALIZERS[name](row.float(), None)
    np.testing.assert_allclose(rough, normalizers.NORMALIZERS[name](row.float().double(), None),
                               atol=3e-6)  # fmt: skip


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch's own
@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
def test_gradients_of_sparse_weights(name: str) -> None:
    normalizer = normalizers.NORMALIZERS[name]
    raw = torch.randn(3, 5, dtype=torch.float64).requires_grad_()
    for allowed in (None, torch.rand(3, 5) < 0.6, torch.rand(2, 3, 5) < 0.6):
        check = {"check_forward_ad": True} if allowed is None else {}
        assert torch.autograd.gradcheck(lambda z, a=allowed: normalizer(z, a), raw, **check)
        assert torch.autograd.gradgradcheck(lambda z, a=allowed: normalizer(z, a), raw)


def test_a_batch_may_be_mapped() -> None:
    rows = torch.randn(4, 3, 5)
    for normalizer in (normalizers.sparsemax, normalizers.entmax15):
        want = normalizer(rows, None)
        assert torch.equal(torch.vmap(lambda z, n=normalizer: n(z, None))(rows), want)
        assert torch.equal(torch.vmap(lambda z, n=normalizer: n(z, None), 1, 1)(rows), want)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_have_room_for_long_rows(dtype: torch.dtype) -> None:
    for normalizer in (normalizers.sparsemax, normalizers.entmax15):
        weights = normalizer(torch.zeros(1, 1 << 17, dtype=dtype), None)
        assert weights.dtype == dtype
        assert abs(weights.double().sum().item() - 1) < 0.01


def test_hard_returns_the_row_that_matches() -> None:
    """Attention as a look-up: one-hot keys give the exact row."""
    keys, rows = torch.eye(4), torch.randn(4, 3)
    got = regard.attend(keys[2], keys, rows, score="dot", normalizer="hard")
    assert torch.equal(got, rows[2])
    cold = regard.attend(keys[2] * 1e3, keys, rows, score="dot")
    assert torch.equal(cold, rows[2])


def test_hard_of_equals_takes_the_first() -> None:
    assert normalizers.hard(torch.tensor([[1.0, 7.0, 7.0]]), None).tolist() == [[0, 1, 0]]


@pytest.mark.parametrize("name", normalizers.NORMALIZERS)
def test_a_row_of_nothing_is_zeros_and_passes_no_gradient(name: str) -> None:
    raw = torch.randn(2, 3, dtype=torch.float64).requires_grad_()
    allowed = torch.tensor([[False] * 3, [True, True, False]])
    got = normalizers.NORMALIZERS[name](raw, allowed)
    assert not got[0].any()
    if got.requires_grad:
        got.pow(2).sum().backward()
        assert raw.grad is not None
        assert not raw.grad[0].any()
        assert not raw.grad[1, 2].any()


@pytest.mark.parametrize("name", ["softmax", "sparsemax", "entmax15"])
def test_nan_is_told(name: str) -> None:
    assert normalizers.NORMALIZERS[name](torch.tensor([[math.nan, 1.0]]), None).isnan().any()


def _masked_times_vector(scores: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    # Trap 6, as it is found in the wild: masked scores become 0, and 0 is a score.
    weights = torch.softmax(scores * allowed, -1) * allowed
    return weights / (weights.sum(-1, keepdim=True) + 1e-13)


def _clamped_after_the_mask(scores: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    return torch.softmax(scores.masked_fill(~allowed, -1e4).clamp(min=-1e4), -1)


def _shift_changes_nothing(normalize, name: str) -> None:
    base = torch.tensor([[0.5, 2.0, 1.0]], dtype=torch.float64)
    allowed = torch.tensor([[True, True, False]])
    want = getattr(plain, name)(base[0, :2].tolist())
    for shift in SHIFTED:
        got = normalize(base + shift, allowed)[0]
        assert got[2] == 0
        np.testing.assert_allclose(got[:2], want, atol=1e-9)


@pytest.mark.parametrize("name", ["softmax", "sparsemax", "entmax15", "hard"])
def test_a_shift_of_scores_changes_nothing(name: str) -> None:
    _shift_changes_nothing(normalizers.NORMALIZERS[name], name)


@pytest.mark.parametrize("wrong", [_masked_times_vector, _clamped_after_the_mask])
def test_the_shift_catches_the_trap(wrong) -> None:
    with pytest.raises(AssertionError):
        _shift_changes_nothing(wrong, "softmax")


def test_float16_of_numpy_has_room_for_a_mask() -> None:
    """Half the lowest float16 is -32752; a score below it must still win over what is masked."""
    query, key = np.array([[-200.0]], np.float16), np.array([[200.0], [1.0]], np.float16)
    mask = regard.masks.padding(1)
    assert regard.weights(query, key, score="dot", mask=mask).tolist() == [[1.0, 0.0]]


def test_the_lowest_number_hides_no_more_than_it_says():
    """People add the lowest number to hide keys; a row of nothing else still attends."""
    lowest = torch.finfo(torch.float32).min
    scores = torch.tensor([[lowest, lowest, 0.0]])
    allowed = torch.tensor([[True, True, False]])
    for normalizer in (normalizers.softmax, normalizers.sparsemax, normalizers.entmax15):
        weights = normalizer(scores, allowed)
        torch.testing.assert_close(weights, torch.tensor([[0.5, 0.5, 0.0]]))
        assert weights[0, 2] == 0


@given(ROWS, st.integers(0, 3))
def test_sigmoid_less_log_n(row: list[float], hidden: int) -> None:
    """n counts what the query sees: keys behind a mask change nothing."""
    allowed = [True] * len(row) + [False] * hidden
    for kind in (np.array, torch.tensor):
        scores = kind([row + [9.0] * hidden], dtype=kind([1.5]).dtype)
        got = np.asarray(normalizers.sigmoid(scores, kind([allowed])))[0]
        want = [*plain.sigmoid_less_log_n(row), *[0.0] * hidden]
        np.testing.assert_allclose(got, want, atol=1e-6)
        if not hidden:
            np.testing.assert_allclose(np.asarray(normalizers.sigmoid(scores, None))[0], want,
                                       atol=1e-6)  # fmt: skip


def test_sigmoid_of_huge_scores() -> None:
    row = [[1e4, -1e4, 0.0]]
    for kind in (np.array, torch.tensor):
        np.testing.assert_allclose(normalizers.sigmoid(kind(row), None), [[1.0, 0.0, 0.25]])


def test_gradient_of_sigmoid() -> None:
    raw = torch.randn(3, 5, dtype=torch.float64).requires_grad_()
    for allowed in (None, torch.rand(3, 5) < 0.6, torch.rand(3, 1) < 0.6):
        assert torch.autograd.gradcheck(lambda z, a=allowed: normalizers.sigmoid(z, a), raw)


def test_gumbel_draws_what_softmax_says() -> None:
    torch.manual_seed(0)
    raw, count = torch.tensor([1.0, 0.0, -1.0, 5.0]), 20_000
    allowed = torch.tensor([True, True, True, False])
    drawn = normalizers.Gumbel(0.3)(raw.expand(count, 4), allowed)
    assert ((drawn == 0) | (drawn == 1)).all()
    assert (drawn.sum(-1) == 1).all()
    want = torch.softmax(raw[:3], 0)
    spread = (want * (1 - want) / count).sqrt()
    assert ((drawn.mean(0)[:3] - want).abs() < 4 * spread).all()
    assert not drawn[:, 3].any()


def test_the_gradient_of_gumbel_is_that_of_the_soft_sample() -> None:
    raw, upstream = torch.randn(3, 5, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    torch.manual_seed(7)
    noise = -torch.empty_like(raw).exponential_().log()
    soft = raw.clone().requires_grad_()
    (want,) = torch.autograd.grad(torch.softmax((soft + noise) / 0.5, -1), soft, upstream)
    torch.manual_seed(7)
    hard = raw.clone().requires_grad_()
    drawn = normalizers.Gumbel(0.5)(hard, None)
    assert torch.equal(drawn.argmax(-1), (raw + noise).argmax(-1))
    torch.testing.assert_close(torch.autograd.grad(drawn, hard, upstream)[0], want)


@pytest.mark.parametrize("dropout_p", [0.0, 0.5])
@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_weights_of_a_draw_are_those_that_were_used(dropout_p: float, engine: str) -> None:
    """Rule 7 where weights are drawn: asking for them changes neither the output nor what is drawn
    afterwards, and they are the sample itself."""
    if dropout_p and engine == "reference":
        return  # it has no dropout
    query, key, value = torch.randn(2, 1100, 4), torch.randn(2, 1100, 4), torch.randn(2, 1100, 4)
    how = {"normalizer": "gumbel", "dropout_p": dropout_p, "engine": engine}
    torch.manual_seed(3)
    alone = regard.attend(query, key, value, **how)
    next_draw = torch.rand(())
    torch.manual_seed(3)
    output, weights = regard.attend(query, key, value, **how, return_weights=True)
    assert torch.equal(output, alone)
    assert torch.equal(torch.rand(()), next_draw)
    assert (weights.sum(-1) == 1).all()
    want = weights @ value
    if dropout_p:  # a row is its value twice, or nothing
        want = torch.where(output == 0, 0.0, 2 * want)
    torch.testing.assert_close(output, want)


def test_the_backward_pass_of_a_draw_draws_the_same_again() -> None:
    query = torch.randn(1, 1500, 3, dtype=torch.float64).requires_grad_()
    value = torch.randn(1, 1500, 2, dtype=torch.float64).requires_grad_()
    torch.manual_seed(5)
    output, weights = regard.attend(query, query, value, normalizer="gumbel", return_weights=True)
    (got,) = torch.autograd.grad(output.sum(), value)
    torch.testing.assert_close(got, weights.sum(-2)[..., None].expand_as(value))


def test_what_a_draw_cannot_see_changes_nothing() -> None:
    """Rules 4 and 5, for the one normalizer that the table of the laws cannot hold."""
    query, key, value = torch.randn(2, 3, 4), torch.randn(2, 6, 4), torch.randn(2, 6, 2)
    mask = regard.masks.padding([4, 0])

    def drawn() -> tuple[torch.Tensor, ...]:
        leaves = [x.clone().requires_grad_() for x in (query, key, value)]
        torch.manual_seed(11)
        output = regard.attend(*leaves, normalizer="gumbel", mask=mask)
        return output, *torch.autograd.grad(output.square().sum(), leaves)

    clean = drawn()
    assert not clean[0][1].any()
    key[0, 4:], value[0, 4:], key[1], value[1] = torch.nan, torch.inf, torch.nan, torch.nan
    for got, want in zip(drawn(), clean, strict=True):
        assert torch.equal(got, want)
