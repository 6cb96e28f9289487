"""``regard.Memory``: attention as a database."""

import math
import timeit

import numpy as np
import pytest
import torch

import regard
from memory.made import objects, same, vectors
from regard import Memory, scores
from regard.errors import KindError, RangeError, ShapeError


@pytest.mark.parametrize(
    "sharp", [{"normalizer": "hard"}, {"score": scores.Cosine(1000.0)}, {"top_k": 1}]
)
def test_one_hot_keys_give_exactly_the_row(sharp):
    values = torch.randn(5, 3)
    memory = Memory()
    memory.add(torch.eye(5), values)
    for row in range(5):
        assert torch.equal(memory.read(torch.eye(5)[row], **sharp), values[row])
    assert torch.equal(memory.read(torch.eye(5), **sharp), values)


@pytest.mark.parametrize("score", ["cosine", "dot", "scaled_dot"])
def test_a_read_is_attention_over_the_rows(score):
    memory, query = vectors(), torch.randn(2, 5, 4).double()
    read, weights = memory.read(query, score=score, normalizer="sparsemax", return_weights=True)
    for b in range(2):
        for q in range(5):
            alone, one = memory.read(query[b, q], score=score, return_weights=True)
            norms = query[b, q].norm() * memory.keys.norm(dim=-1)
            scale = {"cosine": norms, "dot": 1.0, "scaled_dot": 2.0}[score]
            expected = (memory.keys @ query[b, q] / scale).softmax(0)
            torch.testing.assert_close(one, expected)
            torch.testing.assert_close(alone, expected @ memory.values)
            torch.testing.assert_close(weights[b, q] @ memory.values, read[b, q])


def test_top_k_averages_the_best_rows():
    memory, query = vectors(), torch.randn(2, 4).double()
    read, (weights, indices) = memory.read(query, top_k=2, return_weights=True)
    torch.testing.assert_close(memory.read(query, top_k=2), read)
    _, every = memory.read(query, return_weights=True)
    for q in range(2):
        best = sorted(range(6), key=lambda j: -every[q, j])[:2]
        assert indices[q].tolist() == best
        shares = every[q, best] / every[q, best].sum()
        torch.testing.assert_close(weights[q], shares)
        torch.testing.assert_close(read[q], shares @ memory.values[best])
    torch.testing.assert_close(memory.read(query, top_k=99), memory.read(query))


def test_objects_come_in_falling_order_with_their_shares():
    memory = objects()
    reading = memory.read([0.1, 0.2, 0.9])
    assert reading.objects == ["plain", ["a", 1, None, 2.5], {"city": "Köln"}]
    assert reading.indices.tolist() == [2, 1, 0]
    assert float(reading.weights.sum()) == pytest.approx(1)
    best = memory.read([0.1, 0.2, 0.9], top_k=1)
    assert best.objects == ["plain"]
    torch.testing.assert_close(best.weights, reading.weights[:1])  # of all rows, not of the best
    many = memory.read([[[1.0, 0, 0], [0, 1, 0]]], top_k=2)
    assert many.weights.shape == many.indices.shape == (1, 2, 2)
    assert [names[0] for names in many.objects[0]] == [{"city": "Köln"}, ["a", 1, None, 2.5]]
    reading.objects[1].append("changed")
    assert memory.values[1] == ["a", 1, None, 2.5]


def test_a_score_may_rule_rows_out():
    def only_the_first(query, key):
        return torch.where(key[..., None, :, 0] == 1, query[..., :, None, 0], -math.inf)

    reading = objects().read([1.0, 1, 1], score=only_the_first, top_k=2)
    assert reading.objects == [{"city": "Köln"}, None]
    assert reading.weights.tolist() == [1, 0]


def test_select_is_the_exact_match():
    memory = Memory()
    memory.add([[1, 0], [0.1, 0.2], [1, 0]], ["a", "b", "c"])
    assert memory.select([1, 0]) == ["a", "c"]
    assert memory.select(np.array([0.1, 0.2])) == ["b"]
    assert memory.select([1, 1e-9]) == []
    assert memory.select([math.nan, 0]) == []
    assert memory.select([[1, 0], [2, 0]]) == [["a", "c"], []]
    numbers = vectors()
    assert torch.equal(numbers.select(numbers.keys[2]), numbers.values[2:3])
    assert numbers.select(torch.zeros(4)).shape == (0, 3)
    assert Memory().select([1, 2]) == []


BIG = 2**24 + 1  # float32 does not hold it
HUGE = 2**53 + 1  # nor float64 this


def test_integers_are_compared_exactly():
    memory = Memory()
    memory.add(torch.tensor([[BIG], [BIG + 2]]), ["a", "b"])
    assert memory.select(torch.tensor([[BIG - 1], [BIG], [BIG + 2]])) == [[], ["a"], ["b"]]
    assert memory.select([BIG]) == ["a"]
    memory.add([[2.0**53], [2.0**63]], ["c", "d"])
    assert memory.select(torch.tensor([HUGE])) == []
    assert memory.select([2**63 - 1]) == memory.select(np.array([2**63 + 1], np.uint64)) == []
    assert memory.select([2**53]) == ["c"]
    for rows in (torch.tensor([[HUGE]]), [HUGE], np.array([[HUGE]]), [[1], [HUGE]]):
        with pytest.raises(RangeError, match=f"keys: .*float64.* not hold the integer {HUGE}"):
            Memory().add(rows, ["x"])
    with pytest.raises(RangeError, match=f"query: .*not hold the integer {HUGE}"):
        memory.read(torch.tensor([HUGE]))
    with pytest.raises(RangeError, match=f"query: .*not hold the integer {HUGE}"):
        Memory().select([HUGE, 0.5])  # NumPy would round it, beside a float


def test_floats_are_compared_exactly():
    single, half = Memory(), Memory()
    single.add(torch.tensor([[0.1, 0.2]]), ["a"])
    assert single.select(torch.tensor([0.1, 0.2])) == ["a"]
    assert single.select([0.1, 0.2]) == []  # 0.1 is another number in float64
    half.add(torch.tensor([[1.0, 2.0]]).half(), ["a"])
    assert half.select([1, 2]) == ["a"]
    assert half.select([[1, 2.0001], [1, 1e6], [1, math.inf]]) == [[], [], []]
    assert half.select(torch.tensor([1.0, 2.0], dtype=torch.bfloat16)) == ["a"]


def test_gradients_reach_the_query_and_the_score_and_leave_rows_alone():
    keys = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    values = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    memory = Memory()
    memory.add(keys, values)
    query = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)

    def run(query, weight):
        score = scores.Bilinear(weight)
        return memory.read(query, score=score), memory.read(query, score=score, top_k=2)

    assert torch.autograd.gradcheck(run, (query, weight))
    output = memory.read(query)
    memory.add(keys, values)  # rows that come later do not disturb a read that is under way
    output.sum().backward()
    assert query.grad.abs().sum() > 0
    assert keys.grad is None


# Adding


def test_rows_are_copies_whatever_they_came_as():
    key, value = np.eye(2)[::-1], np.ones((2, 3), dtype=np.int64)
    memory = Memory()
    memory.add(key, value)
    memory.add(torch.tensor([True, True]), torch.zeros(3, dtype=torch.float16))
    memory.add([torch.zeros(2), torch.ones(2)], torch.zeros(2, 3))
    assert memory.keys.dtype == memory.values.dtype == torch.float64
    before = memory.keys.clone()
    key[:], value[:] = 9, 9
    assert torch.equal(memory.keys, before)
    assert memory.values[:2].eq(1).all()
    assert len(memory) == 5
    frozen = np.eye(2)
    frozen.setflags(write=False)
    memory.add(frozen, frozen @ np.ones((2, 3)))


@pytest.mark.parametrize("make", [list, np.array, torch.tensor])
def test_integers_and_lists_become_float64(make):
    memory = Memory()
    memory.add(make([[0, 1], [1, 0]]), torch.eye(2))
    memory.add([[0.1, 0.2]], torch.ones(1, 2))
    assert memory.keys.dtype == memory.values.dtype == torch.float64
    assert memory.select([0.1, 0.2]).tolist() == [[1, 1]]


def test_len_of_many_pieces_is_that_of_one():
    def seconds():
        return min(timeit.repeat(lambda: len(memory), number=20, repeat=9))

    memory = Memory()
    memory.add([0.0], "a")
    one = seconds()
    while len(memory) < 3000:
        memory.add([0.0], "a")
    assert seconds() < 50 * one  # and not 3000 times


def test_repr_and_len():
    assert repr(Memory()) == "Memory(empty)"
    assert len(Memory()) == 0
    assert repr(vectors()) == "Memory(6 rows: keys of 4 features, values of 3)"
    one = Memory()
    one.add([1.0, 2.0], ["one object"])
    assert repr(one) == "Memory(1 row: keys of 2 features, objects)"
    assert one.values == [["one object"]]


def test_a_row_at_a_time_copies_no_row_twice(monkeypatch):
    copied, cat = [], torch.cat
    monkeypatch.setattr(torch, "cat", lambda parts, *a: copied.append(len(parts)) or cat(parts, *a))
    memory = Memory()
    for n in range(500):
        memory.add(torch.tensor([1.0, n]), torch.tensor([float(n)]))
    assert copied == []
    assert memory.keys[:, 1].tolist() == list(range(500))
    assert sum(copied) == 1000  # keys and values, once each
    memory.read([1.0, 1.0])
    assert sum(copied) == 1000


REFUSED = {
    "features": (lambda: ([[1.0, 2]], ["x"]), ShapeError, "have 3 features, and these have 2"),
    "rank": (lambda: ([[[1.0, 2, 3]]], ["x"]), ShapeError, r"\(N, F\), .* came as \(1, 1, 3\)"),
    "words": (lambda: (["key"], ["x"]), KindError, "keys must be numbers"),
    "ragged": (lambda: ([[1.0], [1, 2]], ["x", "y"]), KindError, "keys must be numbers"),
    "complex": (lambda: (torch.ones(1, 3) * 1j, ["x"]), KindError, "keys must be real numbers"),
    "nan": (lambda: ([[math.nan, 0, 0]], ["x"]), RangeError, "keys must be finite"),
    "large": (lambda: (torch.ones(1, 3).double() * 1e300, ["x"]), RangeError, "in torch.float32"),
    "integer": (lambda: (torch.full((1, 3), BIG), ["x"]), RangeError, f"the integer {BIG}"),
    "dtypes": (lambda: ([torch.ones(3), torch.ones(3).int()], ["x"]), KindError, "several dtypes"),
    "too few": (lambda: (torch.eye(3), ["x"]), ShapeError, "3 keys came with 1 objects"),
    "no list": (lambda: (torch.eye(3), "xyz"), KindError, "a list of objects, not str"),
    "kind": (lambda: (torch.eye(3), torch.eye(3)), KindError, "are objects, and these are vec"),
    "set": (lambda: (torch.eye(3), ["x", {1, 2}, "y"]), KindError, "object 1 is not for JSON"),
    "tensor": (lambda: (torch.eye(3)[:1], [torch.ones(2)]), KindError, "object 0 is not for JSON"),
    "NaN": (lambda: (torch.eye(3)[:1], [math.nan]), KindError, "object 0 is not for JSON"),
    "circle": (lambda: (torch.eye(3)[:1], [circle()]), KindError, "object 0 is not for JSON"),
}


def circle():
    loop: list = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize("case", REFUSED)
def test_rows_that_are_refused_leave_the_memory_as_it_was(case):
    memory, before = objects(), objects()
    arguments, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        memory.add(*arguments())
    assert same(memory, before)
    assert len(memory) == len(memory.values) == 3


def test_vectors_that_are_refused_leave_the_memory_as_it_was():
    memory = vectors()
    for value in (torch.zeros(2, 4), torch.zeros(3, 3), torch.zeros(2)):
        with pytest.raises(ShapeError, match=r"values are \(N, V\) = \(2, 3\), one row for each"):
            memory.add(torch.zeros(2, 4), value)
    with pytest.raises(KindError, match="values of this memory are vectors, and these are objects"):
        memory.add(torch.zeros(2, 4), ["a", "b"])
    for value in (math.nan, math.inf):
        with pytest.raises(RangeError, match="values must be finite in torch.float64"):
            memory.add(torch.zeros(1, 4), torch.tensor([[0, value, 0]]))
    with pytest.raises(RangeError, match=f"values: torch.float64.* not hold the integer {HUGE}"):
        memory.add(torch.zeros(1, 4), torch.tensor([[0, HUGE, 0]]))
    with pytest.raises(RangeError, match="values must be finite in torch.float16"):
        Memory().add(torch.eye(2).half(), torch.tensor([[1e5], [2.0]]))
    assert len(memory) == len(memory.values) == 6


def test_reads_that_are_refused():
    with pytest.raises(RangeError, match="the memory is empty"):
        Memory().read([1.0])
    with pytest.raises(ShapeError, match=r"have 4 features: query is \(F,\).* came as \(3,\)"):
        vectors().read([1.0, 2, 3])
    with pytest.raises(RangeError, match="^top_k is .* at least 1, and it is 0"):
        vectors().read(torch.zeros(4), top_k=0)
    for top_k in (1.5, True, "2"):
        with pytest.raises(
            KindError, match=f"^top_k is .* an integer or None, and it is {top_k!r}"
        ):
            vectors().read(torch.zeros(4), top_k=top_k)
    assert objects().read([1, 0, 0], top_k=np.int64(2)).indices.tolist() == [0, 1]
    for query in ([math.nan, 0, 0, 0], [0, 0, 0, -math.inf]):
        with pytest.raises(RangeError, match="query must be finite in torch.float64"):
            vectors().read(query)
    half = Memory()
    half.add(torch.eye(2).half(), ["a", "b"])
    with pytest.raises(RangeError, match="query must be finite in torch.float16"):
        half.read(torch.tensor([1e6, 0]))
    with pytest.raises(regard.errors.UnknownName, match="no score is called 'cosinus'"):
        vectors().read(torch.zeros(4), score="cosinus")
