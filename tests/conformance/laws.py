"""The contract, one function a law. A law takes a problem and fails where the library breaks it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import regard
from conformance.problem import Problem
from regard import errors, masks

# Largest error allowed, relative to the largest number of the result, or a multiple of the error
# that the usual torch code makes in the same dtype; whichever is more.
TOLERANCE = {
    torch.float64: (1e-10, 0.0),
    torch.float32: (1e-5, 2.0),
    # Over a few numbers the usual code is sometimes right by luck, so roundings to the dtype are
    # the floor: of scores, weights and result.
    torch.bfloat16: (3 * 2.0**-8, 2.0),
    torch.float16: (3 * 2.0**-11, 2.0),
}


def close(
    got: Any,
    want: np.ndarray,
    dtype: torch.dtype,
    eager: np.ndarray | None = None,
    *,
    twice: bool = False,
) -> None:
    """Fail unless ``got`` is ``want`` within the table's tolerance; ``twice`` that, where two
    results of the library are compared and each may be off, or where a gradient is rounded on its
    way forth and back."""
    got = got.detach().double().numpy() if isinstance(got, torch.Tensor) else np.asarray(got)
    assert got.shape == want.shape
    relative, multiple = TOLERANCE[dtype]
    bound = relative * max(1.0, abs(want).max(initial=0.0))
    if eager is not None:
        bound = max(bound, multiple * abs(eager - want).max(initial=0.0))
    bound *= 2 if twice else 1
    error = abs(got - want).max(initial=0.0)
    assert error <= bound, f"error {error:.3g}, and {bound:.3g} is allowed"


def same_bits(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(_bits(one), _bits(other))


def _bits(array: Any) -> np.ndarray:
    return array.detach().double().numpy() if isinstance(array, torch.Tensor) else array


def the_output_is_the_formula(problem: Problem) -> None:
    """Rules 1, 2, 3: masks, positions and windows, as the oracle's loops understand them."""
    inputs = problem.inputs()
    output = problem.attend(inputs)
    assert type(output) is type(inputs["query"])
    assert output.dtype == inputs["query"].dtype
    close(output, problem.output, problem.dtype, problem.eager(problem.dtype)[0])


def the_gradient_is_the_formula(problem: Problem) -> None:
    """Rule 11: query, key, value, the score's tensors, a learned bias, what a function closes
    over."""
    if problem.case["engine"] == "numpy":
        return
    if problem.case["normalizer"] == "sparsemax" and problem.dtype.itemsize == 2:
        return  # rounding moves scores across the edge of the support, where the gradient jumps
    inputs = problem.inputs(gradients=True)
    got = problem.gradients_of(problem.attend(inputs), inputs)
    want, rough = problem.eager(torch.float64)[1], problem.eager(problem.dtype)[1]
    worst = max(abs(rough[name] - want[name]).max(initial=0.0) for name in want)
    for name in want:  # one sum, such as a scale's gradient, is right or wrong by luck: pool them
        close(got[name], want[name], problem.dtype, want[name] + worst, twice=True)


def weights_mean_what_was_used(problem: Problem) -> None:
    """Rule 7, and weights are 0 exactly where the mask says no."""
    inputs = problem.inputs()
    output, weights = problem.attend(inputs, return_weights=True)
    same_bits(output, problem.attend(inputs))
    if not problem.value_is_wider:
        same_bits(weights, problem.ask_weights(inputs))
    close(weights, problem.weights, problem.dtype, problem.eager_weights(problem.dtype))
    full = weights[..., None, :] if problem.layout.single else weights
    assert not _bits(full)[~problem.allowed].any()
    mixed = _bits(full) @ problem.full("value")
    mixed = mixed[..., 0, :] if problem.layout.single else mixed
    eager = problem.eager(problem.dtype)[0] - problem.output + mixed
    close(output, mixed, problem.dtype, eager, twice=True)


def weights_of_some_queries(problem: Problem) -> None:
    """Rows asked for are the rows of the whole; masks see them at their places."""
    if problem.layout.single or problem.value_is_wider:
        return
    inputs = problem.inputs()
    whole = problem.ask_weights(inputs)
    for rows in (slice(1, 3), slice(-1, None), slice(2, 2)):
        some = problem.ask_weights(inputs, queries=rows)
        close(some, _bits(whole[..., rows, :]), problem.dtype)


def weights_of_some_heads(problem: Problem) -> None:
    """Heads asked for are those of the whole, in the order asked for."""
    if not problem.batch or problem.value_is_wider:
        return
    inputs, count = problem.inputs(), problem.batch[-1]
    axis = -2 if problem.layout.single else -3
    whole = problem.ask_weights(inputs)
    for heads in ([count - 1], [0, -1, 0], slice(1, None), slice(0, 0)):
        numbers = np.arange(count)[heads]
        some = problem.ask_weights(inputs, heads=heads)
        want = np.take(_bits(whole), numbers, axis)
        close(some, want, problem.dtype, twice=True)


def the_largest_weights_and_the_totals_are_the_weights(problem: Problem) -> None:
    """Nothing is rounded otherwise, nothing left out; equals stand in the order of their keys."""
    if problem.value_is_wider:
        return
    inputs = problem.inputs()
    whole = _bits(problem.ask_weights(inputs))
    rows = whole[..., None, :] if problem.layout.single else whole
    allowed = problem.allowed
    arrays = inputs["query"], inputs["key"]
    totals = regard.key_totals(*arrays, **problem.parts(inputs))
    rough = rows.sum(-2) + abs(problem.eager_weights(problem.dtype) - problem.weights).max()
    close(totals, rows.sum(-2), problem.dtype, rough, twice=True)
    for k in (1, 3, problem.m + 2):
        found = regard.top_weights(*arrays, k, **problem.parts(inputs))
        assert type(found.weights) is type(inputs["query"])
        assert "int64" in str(found.indices.dtype)
        some, places = _bits(found.weights), np.asarray(found.indices)
        if problem.layout.single:
            some, places = some[..., None, :], places[..., None, :]
        ranked = np.where(allowed, rows, -np.inf)
        want = -np.sort(-ranked, -1)[..., :k]
        seen = np.isfinite(want)
        assert ((places[..., : problem.m] >= 0) == seen).all()
        assert (places[..., problem.m :] == -1).all()
        close(some[..., : problem.m], np.where(seen, want, 0.0), problem.dtype, twice=True)
        theirs = np.take_along_axis(rows, np.where(places < 0, 0, places), -1)
        close(some, np.where(places < 0, 0.0, theirs), problem.dtype, twice=True)
        for one, other in zip(range(k - 1), range(1, k), strict=True):
            here, there = places[..., one], places[..., other]
            assert (some[..., one] >= some[..., other]).all()
            equal = (some[..., one] == some[..., other]) & (there >= 0)
            assert (here < there)[equal].all()


def modes_agree(problem: Problem) -> None:
    """Without gradients memory is used again and tiles are smaller; the numbers are the same."""
    if problem.case["engine"] == "numpy":
        return
    inputs = problem.inputs()
    output = _bits(problem.attend(inputs))
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            other = problem.attend(inputs)
        close(other, output, problem.dtype, twice=True)
    if not problem.value_is_wider:
        arrays, parts = (inputs["query"], inputs["key"]), problem.parts(inputs)
        totals = _bits(regard.key_totals(*arrays, **parts))
        weights = _bits(regard.top_weights(*arrays, 2, **parts).weights)
        with torch.no_grad():
            close(regard.key_totals(*arrays, **parts), totals, problem.dtype, twice=True)
            some = regard.top_weights(*arrays, 2, **parts).weights
            close(some, weights, problem.dtype, twice=True)


def blind_queries_get_zeros(problem: Problem) -> None:
    """Rule 4: zero output, zero gradient."""
    inputs = problem.inputs(gradients=True)
    output = problem.attend(inputs)
    full = output[..., None, :] if problem.layout.single else output
    assert not _bits(full)[~problem.allowed.any(-1)].any()
    if problem.case["engine"] != "numpy":
        gradients = problem.gradients_of(output, inputs)
        assert not gradients["query"][problem.blind_queries()].any()
        for name in ("key", "value"):
            assert not gradients[name][problem.unseen_keys(name)].any()


def what_is_not_seen_changes_nothing(problem: Problem) -> None:
    """Rule 5: whatever unseen keys and values, and blind queries, hold."""
    clean, results = problem.inputs(gradients=True), []
    hidden = {
        "query": problem.blind_queries(),
        "key": problem.unseen_keys("key"),
        "value": problem.unseen_keys("value"),
    }
    for poison in (None, np.array([np.nan]), np.array([np.inf, 3e4, -3e38])):
        inputs = {name: _clone(array) for name, array in clean.items()}
        if poison is not None:
            for name, rows in hidden.items():
                _poison(inputs[name], rows, poison)
        with np.errstate(all="ignore"):
            output = problem.attend(inputs)
        gradients = {}
        if problem.case["engine"] != "numpy":
            gradients = problem.gradients_of(output, inputs)
        results.append((output, gradients))
    output, gradients = results[0]
    for other, its_gradients in results[1:]:
        close(other, _bits(output), problem.dtype)
        for name, gradient in gradients.items():
            close(its_gradients[name], gradient, problem.dtype)


def _poison(array: Any, rows: np.ndarray, poison: np.ndarray) -> None:
    if isinstance(array, torch.Tensor):
        with torch.no_grad():
            some = array[torch.as_tensor(rows)]
            array[torch.as_tensor(rows)] = torch.as_tensor(np.resize(poison, some.shape)).to(array)
    else:
        with np.errstate(all="ignore"):
            array[rows] = np.resize(poison, array[rows].shape)


def _clone(array: Any) -> Any:
    if isinstance(array, torch.Tensor):
        return array.detach().clone().requires_grad_(array.requires_grad)
    return array.copy()


def masking_is_deleting(problem: Problem) -> None:
    """Rule 6: keys behind a mask might as well not be there."""
    row = problem.bias_row
    if row is not None and row.moves:
        return  # positions are not kept
    inputs, more = problem.inputs(), 3
    longer = dict(inputs)
    for name, axis, number in (("key", -2, 7.0), ("value", -2, 7.0), ("bias", -1, 9.0)):
        if name in inputs and not (name == "bias" and row is not None and row.at is not None):
            longer[name] = _lengthened(inputs[name], axis, more, number)
    none = np.zeros((*problem.allowed.shape[:-1], more), bool)
    mask = masks.dense(np.concatenate([problem.allowed, none], -1))
    short = problem.attend(inputs, mask=masks.dense(problem.allowed))
    eager = problem.eager(problem.dtype)[0] - problem.output + _bits(short)
    close(problem.attend(longer, mask=mask), _bits(short), problem.dtype, eager, twice=True)


def _lengthened(array: Any, axis: int, more: int, number: float) -> Any:
    xp = torch if isinstance(array, torch.Tensor) else np
    shape = list(array.shape)
    shape[axis] = more
    return xp.concatenate([array, xp.full(shape, number, dtype=array.dtype)], axis)


def a_row_does_not_know_its_batch(problem: Problem) -> None:
    """Rule 6: a batch of one equals its row of the batch."""
    if not problem.batch or problem.layout.single or problem.case["engine"] == "numpy":
        return
    if problem.groups > 1 and len(problem.batch) == 1:
        return  # the leftmost dimension is the heads
    inputs, rank = problem.inputs(), len(problem.batch)
    whole = _bits(problem.attend(inputs, mask=masks.dense(problem.allowed)))
    for b in range(problem.batch[0]):
        row = {name: _row(array, b, rank, name, problem) for name, array in inputs.items()}
        alone = problem.attend(row, mask=masks.dense(problem.allowed[b : b + 1]))
        eager = problem.eager(problem.dtype)[0][b : b + 1] - problem.output[b : b + 1]
        want = whole[b : b + 1]
        close(alone, want, problem.dtype, eager + want, twice=True)


def _row(array: Any, b: int, rank: int, name: str, problem: Problem) -> Any:
    """What of an input belongs to row b of the batch."""
    if name in problem.score.tensors(problem.setup) and name != "scale":
        score = problem.score.ask(problem.tensors())
        own = getattr(getattr(score, "score", score), "per_head", {}).get(name, array.ndim)
        return array[b : b + 1] if rank == 1 and array.ndim > own else array  # of each head
    if name == "bias" and problem.bias_row.at is not None:
        return array[b : b + 1] if rank == 1 else array
    here = array.ndim - {"scale": 1}.get(name, 2) == rank
    return array[b : b + 1] if here and array.shape[0] > 1 else array


def inputs_stay_as_they_are(problem: Problem) -> None:
    """Rule 8: never modified, in any layout of memory; rule 10: the same bits again."""
    inputs = problem.inputs()
    before = {name: _clone(array) for name, array in inputs.items()}
    output = problem.attend(inputs)
    for name, array in inputs.items():
        same_bits(array, before[name])
    same_bits(output, problem.attend(inputs))
    strewn = {name: _strewn(array) for name, array in inputs.items()}
    eager = problem.eager(problem.dtype)[0] - problem.output + _bits(output)
    close(problem.attend(strewn), _bits(output), problem.dtype, eager, twice=True)


def _strewn(array: Any) -> Any:
    if not array.ndim:
        return array
    xp = torch if isinstance(array, torch.Tensor) else np
    wide = xp.stack([array, xp.full_like(array, 5.0)], -1).reshape(*array.shape[:-1], -1)
    return wide[..., ::2]


def the_plan_is_kept(problem: Problem) -> None:
    """Rule 9: what plan says is what attend does; the others say why not, and raise."""
    inputs = problem.inputs()
    arrays = [inputs[name] for name in ("query", "key", "value")]
    plan = regard.plan(*arrays, **problem.parts(inputs))
    chosen = regard.plan(*arrays, **problem.parts(inputs), engine=problem.engine)
    assert problem.engine in ("auto", chosen.engine)
    assert plan.engine not in plan.refusals
    for name, reason in plan.refusals.items():
        with pytest.raises(errors.EngineError, match=reason[:20].replace("(", ".")):
            problem.attend(inputs, engine=name)
    same_bits(problem.attend(inputs, engine="auto"), problem.attend(inputs, engine=plan.engine))


LAWS: tuple[Callable[[Problem], None], ...] = (
    the_output_is_the_formula,
    the_gradient_is_the_formula,
    weights_mean_what_was_used,
    weights_of_some_queries,
    weights_of_some_heads,
    the_largest_weights_and_the_totals_are_the_weights,
    modes_agree,
    blind_queries_get_zeros,
    what_is_not_seen_changes_nothing,
    masking_is_deleting,
    a_row_does_not_know_its_batch,
    inputs_stay_as_they_are,
    the_plan_is_kept,
)
