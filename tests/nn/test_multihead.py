"""``MultiheadAttention``: torch's numbers, the paper's formula in loops, and the traps."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard import biases, masks
from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.nn import LearnedScore, MultiheadAttention, RelativeAttention, RotaryPositions

DOUBLE = torch.float64


def pair(embed_dim=8, heads=2, **options):
    """Torch's layer and ours with its numbers, loaded strictly."""
    theirs = torch.nn.MultiheadAttention(embed_dim, heads, batch_first=True, **options)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    ours = MultiheadAttention(embed_dim, heads, **options)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.mark.parametrize(
    "options",
    [{}, {"bias": False}, {"kdim": 6, "vdim": 10}, {"kdim": 6}, {"vdim": 6, "bias": False}],
    ids=str,
)
def test_equals_torch_in_outputs_weights_and_gradients(options):
    theirs, ours = pair(**options)
    lengths = torch.tensor([5, 2, 4])
    inputs = [
        torch.randn(3, n, f, requires_grad=True)
        for n, f in ((4, 8), (5, options.get("kdim", 8)), (5, options.get("vdim", 8)))
    ]
    hidden = torch.arange(5) >= lengths[:, None]
    want = theirs(*inputs, key_padding_mask=hidden, average_attn_weights=False)
    got = ours(*inputs, mask=masks.padding(lengths), return_weights=True)
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    grown = [
        torch.autograd.grad(out.square().sum(), [*inputs, *layer.parameters()])
        for out, layer in ((got[0], ours), (want[0], theirs))
    ]
    for one, other in zip(*grown, strict=True):
        assert (one - other).abs().max() <= 1e-5 * max(1.0, float(other.abs().max()))


def test_equals_torch_in_self_attention_and_without_a_batch():
    theirs, ours = pair()
    x = torch.randn(3, 5, 8)
    above = torch.ones(5, 5, dtype=torch.bool).triu(1)
    torch.testing.assert_close(
        ours(x, mask=masks.causal()), theirs(x, x, x, attn_mask=above)[0], atol=1e-5, rtol=0
    )
    alone, weights = ours(x[0], return_weights=True)
    want, theirs_weights = theirs(x[0], x[0], x[0], average_attn_weights=False)
    torch.testing.assert_close(alone, want, atol=1e-5, rtol=0)
    torch.testing.assert_close(weights, theirs_weights, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours(x[0], x[1]), ours(x[:1], x[1:2])[0])


SCORES = {
    "scaled_dot": lambda layer, h, q, k: q @ k / math.sqrt(len(q)),
    "dot": lambda layer, h, q, k: q @ k,
    "cosine": lambda layer, h, q, k: q @ k / (q.norm() * k.norm()),
    "additive": lambda layer, h, q, k: layer.score.weight[h] @ torch.tanh(q + k),
    "bilinear": lambda layer, h, q, k: q @ layer.score.weight[h] @ k,
    "trilinear": lambda layer, h, q, k: (
        layer.score.key_weight[h] @ k
        + layer.score.query_weight[h] @ q
        + layer.score.product_weight[h] @ (q * k)
    ),
}


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@pytest.mark.parametrize("score", SCORES)
def test_equals_the_formula_in_loops(score, kv_heads):
    """B == Q == H, so that a dimension taken for another would pass unseen in shapes only."""
    layer = MultiheadAttention(8, 4, kv_heads=kv_heads, score=score).double()
    torch.nn.init.normal_(layer.in_proj_bias)
    query, key = torch.randn(4, 4, 8, dtype=DOUBLE), torch.randn(4, 5, 8, dtype=DOUBLE)
    lengths = [5, 1, 3, 0]
    output, weights = layer(query, key, mask=masks.padding(lengths), return_weights=True)
    with torch.no_grad():
        rows = layer.in_proj_weight, layer.in_proj_bias
        size = kv_heads * 2
        (wq, wk, wv), (bq, bk, bv) = (part.split([8, size, size]) for part in rows)
        for b, length in enumerate(lengths):
            for i in range(4):
                contexts = []
                for h in range(4):
                    of_q, g = slice(2 * h, 2 * h + 2), h * kv_heads // 4
                    of_k = slice(2 * g, 2 * g + 2)
                    q = (wq @ query[b, i] + bq)[of_q]
                    ks = [(wk @ key[b, j] + bk)[of_k] for j in range(length)]
                    vs = [(wv @ key[b, j] + bv)[of_k] for j in range(length)]
                    raw = np.array([float(SCORES[score](layer, h, q, k)) for k in ks])
                    alpha = np.exp(raw) / np.exp(raw).sum()
                    np.testing.assert_allclose(weights[b, h, i, :length], alpha, atol=1e-12)
                    assert not weights[b, h, i, length:].any()
                    nothing = torch.zeros(2, dtype=DOUBLE)
                    contexts.append(sum((a * v for a, v in zip(alpha, vs, strict=True)), nothing))
                want = layer.out_proj(torch.cat(contexts))
                torch.testing.assert_close(output[b, i], want, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "options",
    [{}, {"score": "additive", "bias": False}, {"normalizer": "entmax15", "kv_heads": 1}],
    ids=str,
)
def test_gradients(options):
    layer = MultiheadAttention(4, 2, **options).double()
    x, key = (torch.randn(2, n, 4, dtype=DOUBLE, requires_grad=True) for n in (1, 2))

    def run(x, key, *_):
        return layer(x, key, mask=masks.padding([2, 1]))

    assert torch.autograd.gradcheck(run, (x, key, *layer.parameters()))


def test_gradients_of_self_attention():
    layer = MultiheadAttention(4, 2, kv_heads=1, rotary=RotaryPositions(2)).double()
    x = torch.randn(1, 3, 4, dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, *_: layer(x, mask=masks.causal()), (x, *layer.parameters())
    )


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 3),
    keys=st.integers(1, 5),
    queries=st.integers(1, 4),
    groups=st.sampled_from([1, 2, 4]),
    data=st.data(),
)
def test_what_stands_beside_a_row_changes_nothing(batch, keys, queries, groups, data):
    """Padding and batch invariance, a length of its own for each row, NaN in what is padded."""
    lengths = data.draw(st.lists(st.integers(0, keys), min_size=batch, max_size=batch))
    torch.manual_seed(batch * keys)
    layer = MultiheadAttention(8, 4, kv_heads=groups).double()
    query = torch.randn(batch, queries, 8, dtype=DOUBLE)
    key = torch.randn(batch, keys, 8, dtype=DOUBLE)
    key[torch.arange(keys) >= torch.tensor(lengths)[:, None]] = torch.nan
    key.requires_grad_()
    output, weights = layer(query, key, mask=masks.padding(lengths), return_weights=True)
    output.square().sum().backward()
    for b, length in enumerate(lengths):
        alone = layer(query[b : b + 1], key[b : b + 1, :length])
        torch.testing.assert_close(output[b], alone[0])
        if not length:  # a blind query: no context, the bias of W_O alone
            torch.testing.assert_close(output[b], layer.out_proj.bias.expand(queries, 8))
    assert weights.isfinite().all()
    assert key.grad is not None
    assert key.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


@pytest.mark.parametrize(
    "make",
    [
        MultiheadAttention,
        lambda e, h: MultiheadAttention(e, h, score="cosine"),
        lambda e, h: RelativeAttention(e, h, 2),
    ],
    ids=["dot", "cosine", "relative"],
)
def test_padding_that_is_query_and_key_may_hold_anything_where_it_is_blind(make):
    layer, ids = make(8, 2).double(), torch.tensor([[0, 0, 0, 1, 1]])
    x = torch.randn(1, 5, 8, dtype=DOUBLE)
    layer(x[:, :3]).sum().backward()
    want = {name: p.grad for name, p in layer.named_parameters()}
    layer.zero_grad()
    x[:, 3:] = torch.nan
    output = layer(x, mask=masks.segments(ids, ids) & masks.padding([3]))
    assert output.isfinite().all()
    output[:, :3].sum().backward()
    for name, parameter in layer.named_parameters():
        torch.testing.assert_close(parameter.grad, want[name], msg=name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MultiheadAttention(8, 2, normalizer="gumbel"),
        lambda: RelativeAttention(8, 2, 2, normalizer="gumbel"),
    ],
    ids=["multihead", "relative"],
)
def test_gumbel_draws_in_training_alone(make):
    layer, x = make(), torch.randn(2, 6, 8)
    assert not torch.equal(layer(x), layer(x))
    output, weights = layer.eval()(x, return_weights=True)
    assert torch.equal(output, layer(x))
    assert torch.equal(weights, (weights == weights.amax(-1, keepdim=True)).float())


def _is_padding_invariant(run):
    """Whether each row, cut to its own length, gives what it gave in the batch."""
    x, lengths = torch.randn(3, 6, 8), [6, 2, 4]
    whole = run(x, lengths)
    return all(
        torch.allclose(whole[b, :n], run(x[b : b + 1, :n], [n])[0], atol=1e-5)
        for b, n in enumerate(lengths)
    )


def test_masks_belong_to_the_batch_and_not_to_heads():
    """Trap 2: scores are folded heads first, the mask is repeated batch first."""
    layer = MultiheadAttention(8, 4).eval()

    def right(x, lengths):
        return layer(x, mask=masks.padding(lengths))

    def folded(x, lengths, fold_mask):
        count = x.shape[1]
        q, k, v = torch.nn.functional.linear(x, layer.in_proj_weight, layer.in_proj_bias).chunk(
            3, -1
        )
        # (B, N, H·D) → (H·B, N, D), as one tensor of scores
        q, k, v = (torch.cat(part.chunk(4, -1), 0) for part in (q, k, v))
        hidden = torch.arange(count) >= torch.tensor(lengths)[:, None]
        raw = (q @ k.mT / math.sqrt(2)).masked_fill(fold_mask(hidden)[:, None], -torch.inf)
        context = raw.softmax(-1).nan_to_num() @ v
        return layer.out_proj(torch.cat(context.chunk(4, 0), -1))

    def wrong(x, lengths):
        return folded(x, lengths, lambda hidden: hidden.repeat_interleave(4, 0))

    def mended(x, lengths):
        return folded(x, lengths, lambda hidden: hidden.repeat(4, 1))

    assert _is_padding_invariant(right)
    assert _is_padding_invariant(mended)
    assert not _is_padding_invariant(wrong)
    with pytest.raises(ShapeError, match="aligned to the leftmost dimensions"):
        layer(torch.zeros(3, 6, 8), mask=masks.padding([6, 2, 4, 1]))  # four heads, three rows
    with pytest.raises(ShapeError, match="leftmost"):
        layer(torch.zeros(6, 8), mask=masks.padding([6, 2, 4, 1]))


def _is_the_same_with_weights(run):
    plain, with_weights = run(False), run(True)
    return torch.allclose(plain, with_weights, equal_nan=False)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_asking_for_weights_changes_nothing():
    """Trap 5: torch's layer, causal and padded on the left, is NaN if weights are asked for."""
    theirs, ours = pair()
    x, before = torch.randn(2, 4, 8), torch.tensor([0, 2])
    above = torch.ones(4, 4, dtype=torch.bool).triu(1)
    hidden = torch.arange(4) < before[:, None]

    def wrong(need):
        return theirs(x, x, x, key_padding_mask=hidden, attn_mask=above, need_weights=need)[0]

    def right(need):
        mask = masks.causal() & ~masks.padding(before)
        output = ours(x, mask=mask, return_weights=need)
        return output[0] if need else output

    assert not _is_the_same_with_weights(wrong)
    assert _is_the_same_with_weights(right)
    torch.testing.assert_close(right(True)[0], theirs(x, x, x, attn_mask=above)[0][0])
    ours(x, mask=masks.causal() & ~masks.padding(before)).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in ours.parameters())


def test_dropout_in_training_alone():
    """Trap 10: dropout that stays on in evaluation."""

    class Wrong(MultiheadAttention):
        def attend(self, *args, **kwargs):
            self.training = True
            return super().attend(*args, **kwargs)

    def repeats(layer):
        return torch.equal(layer(x), layer(x))

    x = torch.randn(1, 8, 8)
    layer = MultiheadAttention(8, 2, dropout=0.5)
    assert not repeats(layer)
    assert repeats(layer.eval())
    assert not repeats(Wrong(8, 2, dropout=0.5).eval())


def test_bias_and_other_parts_reach_attend():
    layer = MultiheadAttention(8, 2, normalizer="sparsemax").double()
    x, values = torch.randn(2, 3, 8, dtype=DOUBLE), torch.randn(2, 2, 3, 3, dtype=DOUBLE)
    _, weights = layer(x, bias=biases.dense(values), return_weights=True)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 3, dtype=DOUBLE))
    assert not torch.allclose(weights, layer(x, return_weights=True)[1])
    dense = torch.rand(2, 2, 3, 3) < 0.5
    assert not layer(x, mask=masks.dense(dense), return_weights=True)[1][~dense].any()


def test_positions_of_each_row_turn_queries_and_keys():
    layer = MultiheadAttention(8, 2, rotary=RotaryPositions(4)).double()
    x, usual = torch.randn(2, 5, 8, dtype=DOUBLE), torch.arange(5)
    whole = layer(x)
    torch.testing.assert_close(layer(x, positions=usual + torch.tensor([[0], [70]])), whole)
    gaps = torch.stack([usual, torch.tensor([0, 1, 5, 6, 7])])
    spread = layer(x, positions=gaps)
    torch.testing.assert_close(spread[0], whole[0])
    assert not torch.allclose(spread[1], whole[1])
    # Masked keys in the gap keep the others in their places.
    padded = torch.zeros(1, 8, 8, dtype=DOUBLE)
    padded[:, gaps[1]] = x[1:]
    allowed = torch.zeros(1, 8, dtype=torch.bool).index_fill(1, gaps[1], True)
    torch.testing.assert_close(spread[1], layer(padded, mask=masks.dense(allowed))[0, gaps[1]])
    with torch.no_grad():
        cache = layer.allocate(2, 5)
        parts = [layer(x[:, p], cache=cache, positions=gaps[:, p]) for p in usual.split([3, 1, 1])]
        want = layer(x, mask=masks.causal(), positions=gaps)
    torch.testing.assert_close(torch.cat(parts, 1), want)
    torch.testing.assert_close(layer.read(x[:, 3:], layer.project(x)), whole[:, 3:])


def test_autocast():
    layer, x = MultiheadAttention(8, 2, kv_heads=1, rotary=RotaryPositions(4)), torch.randn(2, 5, 8)
    with torch.autocast("cpu", torch.bfloat16):
        halved = layer(x, mask=masks.padding([5, 2]))
    assert halved.dtype == torch.bfloat16
    torch.testing.assert_close(
        halved.float(), layer(x, mask=masks.padding([5, 2])), atol=0.02, rtol=0.05
    )


def test_torchs_arguments_are_refused_with_what_to_write():
    layer, x = MultiheadAttention(8, 2), torch.zeros(1, 2, 8)
    for name, says in {
        "attn_mask": "mask=masks.dense.*True = may attend",
        "key_padding_mask": "mask=masks.padding",
        "is_causal": "mask=masks.causal",
        "need_weights": "return_weights=True",
        "average_attn_weights": r"weights.mean\(-3\)",
    }.items():
        with pytest.raises(KindError, match=f"torch's {name}: write .*{says}"):
            layer(x, **{name: True})
    for name in ("batch_first", "add_bias_kv", "add_zero_attn", "device"):
        with pytest.raises(KindError, match=f"torch's {name}: write"):
            MultiheadAttention(8, 2, **{name: True})
    with pytest.raises(KindError, match="no argument called 'masc'"):
        layer(x, masc=None)
    with pytest.raises(KindError, match="write masks.dense"):
        layer(x, mask=torch.ones(2, 2, dtype=torch.bool))


def test_refuses_sizes_that_do_not_fit():
    with pytest.raises(ShapeError, match="multiple of num_heads.*10 is no multiple of 4"):
        MultiheadAttention(10, 4)
    with pytest.raises(ShapeError, match="multiple of kv_heads.*8 is no multiple of 3"):
        MultiheadAttention(16, 8, kv_heads=3)
    with pytest.raises(RangeError, match="kv_heads of at least 1, and it is 0"):
        MultiheadAttention(16, 8, kv_heads=0)
    with pytest.raises(ShapeError, match=r"rotary turns 8 features.*RotaryPositions\(4\)"):
        MultiheadAttention(8, 2, rotary=RotaryPositions(8))
    with pytest.raises(UnknownName, match="no score is called"):
        MultiheadAttention(8, 2, score="bahdanou")
    for dropout in (1.5, -1.0):
        with pytest.raises(RangeError, match="dropout is a probability, 0 ≤ p ≤ 1, and it is"):
            MultiheadAttention(8, 2, dropout=dropout)
    for heads in (None, 3):
        with pytest.raises(KindError, match=f"heads={heads}: write .*heads=2"):
            MultiheadAttention(8, 2, score=LearnedScore("additive", 4, heads=heads))
    with pytest.raises(RangeError, match=r"LearnedScore\('location', 4, heads=2, places=…\)"):
        MultiheadAttention(8, 2, score="location")
    layer = MultiheadAttention(8, 2, kdim=6)
    with pytest.raises(ShapeError, match=r"query \(…, Q, embed_dim\) of 8 features.*\(1, 2, 7\)"):
        layer(torch.zeros(1, 2, 7), torch.zeros(1, 2, 6), torch.zeros(1, 2, 8))
    with pytest.raises(ShapeError, match=r"key \(…, K, kdim\) of 6 features"):
        layer(torch.zeros(1, 2, 8), torch.zeros(1, 2, 8))
    with pytest.raises(ShapeError, match="kdim = vdim = embed_dim = 8, and they are 6 and 8"):
        layer(torch.zeros(1, 2, 8))
    with pytest.raises(ShapeError, match=r"give it one with query\[None\]"):
        MultiheadAttention(8, 2)(torch.zeros(2, 8), torch.zeros(3, 2, 8))
    with pytest.raises(KindError, match="positions are for rotary"):
        MultiheadAttention(8, 2)(torch.zeros(2, 8), positions=torch.arange(2))
