"""``nn.LSTMN``: the machine reader against its equations, token by token."""

import math

import pytest
import torch

from regard.errors import KindError, RangeError, ShapeError
from regard.nn import LSTMN


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def plain(reader, sequence):
    """The paper's equations for one sequence (T, E), number by number."""
    t = {name: p.detach() for name, p in reader.named_parameters()}
    size = reader.hidden
    tape, attended, rows = [], torch.zeros(size, dtype=torch.float64), []
    for x in sequence:
        scores = [
            t["weight"]
            @ torch.tanh(
                t["key.weight"] @ h
                + t["query_input.weight"] @ x
                + t["query_attended.weight"] @ attended
            )
            for h, _ in tape
        ]
        total = sum(math.exp(a) for a in scores)
        s = [math.exp(a) / total for a in scores]
        zero = torch.zeros(size, dtype=torch.float64)
        attended = sum((w * h for w, (h, _) in zip(s, tape, strict=True)), zero)
        past = sum((w * c for w, (_, c) in zip(s, tape, strict=True)), zero)
        z = (
            t["gates_input.weight"] @ x
            + t["gates_input.bias"]
            + t["gates_attended.weight"] @ attended
        )
        cell, hidden = zero.clone(), zero.clone()
        for n in range(size):
            put, keep, show = (sigmoid(z[k * size + n]) for k in range(3))
            cell[n] = keep * past[n] + put * math.tanh(z[3 * size + n])
            hidden[n] = show * math.tanh(cell[n])
        tape.append((hidden, cell))
        rows.append(s)
    return [h for h, _ in tape], [c for _, c in tape], rows


def make():
    return LSTMN(3, 4, score_features=5).double(), torch.randn(3, 6, 3, dtype=torch.float64)


def test_equals_the_paper_in_loops():
    reader, x = make()
    lengths = [6, 3, 0]
    hidden, cell, weights = reader(x, lengths, return_weights=True)
    for b, length in enumerate(lengths):
        h, c, rows = plain(reader, x[b, :length])
        for t in range(length):
            torch.testing.assert_close(hidden[b, t], h[t])
            torch.testing.assert_close(cell[b, t], c[t])
            expected = torch.tensor(rows[t] + [0.0] * (6 - t), dtype=torch.float64)
            torch.testing.assert_close(weights[b, t], expected)
        assert not hidden[b, length:].any()
        assert not cell[b, length:].any()
        assert not weights[b, length:].any()
    for with_weights, without in zip((hidden, cell), reader(x, lengths), strict=True):
        assert torch.equal(with_weights, without)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
def test_step_by_step_equals_forward(dtype, tolerance):
    reader, x = make()
    reader, x = reader.to(dtype), x.to(dtype)
    hidden, cell, weights = reader(x, return_weights=True)
    state = reader.begin(3)
    for t in range(6):
        step = reader.step(x[:, t], state, return_weights=True)
        state = step.state
        torch.testing.assert_close(step.hidden, hidden[:, t], rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(step.cell, cell[:, t], rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(step.weights, weights[:, t, :t], rtol=tolerance, atol=tolerance)
    turned = type(state)(*(part[[2, 0, 1]] for part in state))  # as a beam search does
    after, before = reader.step(x[[2, 0, 1], 0], turned), reader.step(x[:, 0], state)
    torch.testing.assert_close(after.hidden, before.hidden[[2, 0, 1]])


def test_each_state_is_projected_once():
    reader, x = make()
    sizes = []
    for layer in (reader.key, reader.query_input):
        layer.register_forward_hook(lambda _, inputs, __: sizes.append(tuple(inputs[0].shape)))
    reader(x)
    assert sizes == [(3, 6, 3), *[(3, 4)] * 6]  # all x_t at once, each h_i when it is there
    sizes.clear()
    state = reader.begin(3)
    for t in range(6):
        state = reader.step(x[:, t], state).state
    assert sizes.count((3, 4)) == 6


def test_gradients():
    reader = LSTMN(2, 2, score_features=3).double()
    x = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)

    def run(x, *_):
        return reader(x, [4, 2], return_weights=True)

    assert torch.autograd.gradcheck(run, (x, *reader.parameters()))
    assert torch.autograd.gradgradcheck(lambda x: reader(x)[0], x)


def test_memory_that_is_shared_keeps_the_gradients_of_copies():
    reader, x = make()
    forward, _ = reader(x)
    state, outputs = reader.begin(3), []
    for t in range(6):
        step = reader.step(x[:, t], state)  # with copies of the tape
        state = step.state
        outputs.append(step.hidden)
    parameters = list(reader.parameters())
    shared = torch.autograd.grad(forward.square().sum(), parameters)
    copied = torch.autograd.grad(torch.stack(outputs, 1).square().sum(), parameters)
    torch.testing.assert_close(shared, copied)


def test_transforms_of_torch():
    reader, x = make()
    parameters = dict(reader.named_parameters())

    def loss(parameters, row):
        hidden, _ = torch.func.functional_call(reader, parameters, (row[None],))
        return hidden.square().sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, x)
    loss(parameters, x[1]).backward()
    for name, parameter in parameters.items():
        torch.testing.assert_close(each[name][1], parameter.grad)


def run_by_copies(reader, x):
    state = reader.begin(len(x))
    for token in x.unbind(1):
        state = reader.step(token, state).state
    return state


@pytest.mark.parametrize(("run", "linear"), [(LSTMN.forward, True), (run_by_copies, False)])
def test_training_holds_memory_linear_in_the_length(run, linear):
    held = {}

    def weigh(tensor):
        if tensor.shape[-1] == 16:  # [h; c]: not what the engine keeps of a step, which is bounded
            storage = tensor.untyped_storage()
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    reader, totals = LSTMN(2, 8, score_features=3), []
    for length in (20, 80):
        held.clear()
        with torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor):
            kept = run(reader, torch.randn(1, length, 2))
        totals.append(sum(held.values()))
        del kept
    assert (totals[1] < 6 * totals[0]) == linear  # 4 is linear, 16 quadratic


def test_padding_changes_nothing_whatever_it_holds_in_both_passes():
    reader, x = make()
    lengths, results = [6, 2, 0], []
    for filling in (0.0, torch.nan, torch.inf):
        padded = x.clone()
        for b, length in enumerate(lengths):
            padded[b, length:] = filling
        padded.requires_grad_()
        reader.zero_grad()
        found = reader(padded, lengths, return_weights=True)
        sum(part.sin().sum() for part in found).backward()
        gradients = [padded.grad, *(p.grad.clone() for p in reader.parameters())]
        assert not padded.grad[2].any()
        results.append([*(part.detach() for part in found), *gradients])
    for other in results[1:]:
        torch.testing.assert_close(results[0], other, rtol=0, atol=0)
    alone, _ = reader(x[1:2, :2])
    torch.testing.assert_close(alone[0], results[0][0][1, :2])


def test_no_tokens_at_all():
    reader, _ = make()
    hidden, cell, weights = reader(torch.zeros(2, 0, 3).double(), return_weights=True)
    assert hidden.shape == cell.shape == (2, 0, 4)
    assert weights.shape == (2, 0, 0)


def test_refuses():
    reader, x = make()
    with pytest.raises(ShapeError, match=r"tokens \(B, T, E\) of 3 features, and got \(3, 6, 2\)"):
        reader(x[..., :2])
    with pytest.raises(ShapeError, match=r"token \(B, E\) of 3 features, and got \(3, 6, 3\)"):
        reader.step(x, reader.begin(3))
    with pytest.raises(ShapeError, match=r"one per row of the batch, \(3,\), and they are \(\)"):
        reader(x, 6)
    with pytest.raises(KindError, match="lengths are whole numbers"):
        reader(x, [6.0, 2.0, 1.0])
    with pytest.raises(ShapeError, match="token has 3 rows in its batch, and what is read has 1"):
        reader.step(x[:, 0], reader.begin(1))
    for sizes in ((0, 4), (3, 0)):
        with pytest.raises(RangeError, match="of at least 1, and it is 0"):
            LSTMN(*sizes)


def test_a_window_forgets_what_is_before_it():
    reader, x = make()
    cut = LSTMN(3, 4, score_features=5, window=2).double()
    cut.load_state_dict(reader.state_dict())
    found = cut.read(x, return_weights=True)
    state = cut.begin(3)
    for t in range(6):
        step = reader.step(x[:, t], state, return_weights=True)  # which keeps all
        key, memory = (tape[:, -2:] for tape in step.state[:2])
        torch.testing.assert_close(found.hidden[:, t], step.hidden)
        torch.testing.assert_close(found.weights[:, t, max(t - 2, 0) : t], step.weights)
        assert not found.weights[:, t, : max(t - 2, 0)].any()
        state = type(state)(key, memory, step.state.attended)
    assert found.state.key.shape[1] == 2
    torch.testing.assert_close(found.state, state)


@pytest.mark.parametrize("window", [None, 2])
def test_what_is_read_in_parts_is_what_is_read_at_once(window):
    reader = LSTMN(3, 4, window=window).double()
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    whole, first = reader.read(x), reader.read(x[:, :4])
    second = reader.read(x[:, 4:], first.state, return_weights=True)
    torch.testing.assert_close(torch.cat([first.hidden, second.hidden], 1), whole.hidden)
    torch.testing.assert_close(second.state, whole.state)
    ones = torch.ones(2, 2, dtype=torch.float64)
    torch.testing.assert_close(second.weights.sum(-1), ones)
    parameters = list(reader.parameters())
    parts = torch.autograd.grad(second.hidden.sum(), parameters)
    torch.testing.assert_close(parts, torch.autograd.grad(whole.hidden[:, 4:].sum(), parameters))
