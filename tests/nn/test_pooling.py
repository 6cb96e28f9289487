"""``nn.AttentionPooling``: each form as its paper writes it, in plain NumPy."""

import numpy as np
import pytest
import torch

from regard import masks
from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.nn import AttentionPooling

OPTIONS = {
    "length_free": {"hidden": 3},
    "fixed": {"length": 5},
    "gated": {"hidden": 3},
    "structured": {"hidden": 3, "rows": 2},
    "multihead": {"heads": 2},
}
each_form = pytest.mark.parametrize("form", OPTIONS)


def make(form, features=4):
    pooling = AttentionPooling(features, form=form, **OPTIONS[form]).double()
    for parameter in pooling.parameters():  # also the biases that begin at 0
        torch.nn.init.normal_(parameter)
    return pooling


def softmax(x, axis):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def keras_layer(x, att_weight, att_bias):
    """The tutorials' layer: K.dot, K.squeeze, softmax over the steps, K.sum."""
    e = np.squeeze(np.tanh(np.dot(x, att_weight) + att_bias), axis=-1)
    alpha = np.expand_dims(softmax(e, -1), axis=-1)
    return np.sum(x * alpha, axis=1), alpha[..., 0]


def plain(form, t, h):
    """The energies (rows, K) of one sequence h (K, F), position by position."""
    if form == "length_free":
        return [[t["query"][0] @ np.tanh(t["inner.weight"] @ x + t["inner.bias"]) for x in h]]
    if form == "fixed":
        return [
            [np.tanh(x @ t["weight"][:, 0] + b) for x, b in zip(h, t["bias"][:, 0], strict=False)]
        ]
    if form == "gated":
        gate = [1 / (1 + np.exp(-(t["gate.weight"] @ x))) for x in h]
        inner = [np.tanh(t["inner.weight"] @ x) for x in h]
        return [[t["query"][0] @ (i * g) for i, g in zip(inner, gate, strict=True)]]
    if form == "multihead":
        return [[u @ x / 2 for x in h] for u in t["query"]]  # √4 features
    return t["query"] @ np.tanh(t["inner.weight"] @ h.T)


@each_form
@pytest.mark.parametrize("lengths", [None, [5, 2]])
def test_equals_the_paper_in_loops(form, lengths):
    pooling, x = make(form), torch.randn(2, 5, 4, dtype=torch.float64)
    tensors = {name: t.numpy() for name, t in pooling.form.state_dict().items()}
    mask = None if lengths is None else masks.padding(lengths)
    output, weights = pooling(x, mask=mask, return_weights=True)
    torch.testing.assert_close(pooling(x, mask=mask), output)
    for b, length in enumerate(lengths or [5, 5]):
        h = x[b, :length].numpy()
        alpha = softmax(np.array(plain(form, tensors, h)), -1)
        rows = output[b] if form == "structured" else output[b][None]
        looks = weights[b] if form in ("structured", "multihead") else weights[b][None]
        expected = alpha @ h
        if form == "multihead":  # each head pools what its own matrix makes of the words
            heads = zip(alpha, tensors["value"], strict=True)
            expected = np.concatenate(
                [sum(a * (w @ x) for a, x in zip(head, h, strict=True)) for head, w in heads]
            )[None]
        np.testing.assert_allclose(rows.detach(), expected, rtol=1e-10)
        np.testing.assert_allclose(looks[:, :length].detach(), alpha, rtol=1e-10)
        assert not looks[:, length:].any()


def test_fixed_is_the_keras_layer_of_the_tutorials():
    pooling, x = make("fixed"), torch.randn(3, 5, 4, dtype=torch.float64)
    weight, bias = (pooling.form.get_parameter(name) for name in ("weight", "bias"))
    assert weight.shape == (4, 1)
    assert bias.shape == (5, 1)
    output, alpha = keras_layer(x.numpy(), weight.detach().numpy(), bias.detach().numpy())
    got, weights = pooling(x, return_weights=True)
    np.testing.assert_allclose(got.detach(), output, rtol=1e-12)
    np.testing.assert_allclose(weights.detach(), alpha, rtol=1e-12)
    # The wrong version, softmax over the batch: the same comparison tells it apart.
    wrong = softmax(np.tanh(x.numpy() @ weight.detach().numpy() + bias.detach().numpy()), 0)
    assert np.abs(wrong[..., 0] - alpha).max() > 0.1


def test_fixed_pads_to_its_length_and_gives_each_position_its_own_bias():
    pooling, x = make("fixed"), torch.randn(2, 5, 4, dtype=torch.float64)
    short = pooling(x, mask=masks.padding([3, 5]))
    trimmed = AttentionPooling(4, form="fixed", length=3).double()
    trimmed.load_state_dict(
        {"form.weight": pooling.form.weight, "form.bias": pooling.form.bias[:3]}
    )
    torch.testing.assert_close(short[0], trimmed(x[:1, :3])[0])
    assert not torch.allclose(pooling(x), pooling(x.flip(1)))


@each_form
def test_padding_changes_nothing_whatever_it_holds_in_both_passes(form):
    pooling, lengths = make(form), [5, 2, 0]
    x = torch.randn(3, 5, 4, dtype=torch.float64)
    found = []
    for filling in (0.0, torch.nan, torch.inf):
        padded = x.clone()
        for b, length in enumerate(lengths):
            padded[b, length:] = filling
        padded.requires_grad_()
        pooling.zero_grad()
        output, weights = pooling(padded, mask=masks.padding(lengths), return_weights=True)
        (output.sin().sum() + weights.sin().sum()).backward()
        gradients = [p.grad.clone() for p in pooling.parameters()]
        found.append([output.detach(), weights.detach(), padded.grad, *gradients])
        assert not output[2].any()
        assert not weights[2].any()
        assert not padded.grad[1, 2:].any()
    for other in found[1:]:
        torch.testing.assert_close(found[0], other, rtol=0, atol=0)
    for b, length in enumerate(lengths):  # a batch of one is its row of the batch
        alone = pooling(x[b : b + 1], mask=masks.padding([length]))
        torch.testing.assert_close(alone[0], found[0][0][b])


@each_form
def test_gradients(form):
    pooling = make(form)
    x = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)

    def run(x, *_):
        return pooling(x, mask=masks.padding([5, 3]), return_weights=True)

    assert torch.autograd.gradcheck(run, (x, *pooling.parameters()))


def test_penalty():
    weights = torch.rand(2, 3, 5, dtype=torch.float64, requires_grad=True)
    expected = [
        sum((float(a[i] @ a[j]) - (i == j)) ** 2 for i in range(3) for j in range(3))
        for a in weights.detach()
    ]
    torch.testing.assert_close(
        AttentionPooling.penalty(weights).detach(), torch.tensor(expected, dtype=torch.float64)
    )
    assert torch.autograd.gradcheck(AttentionPooling.penalty, weights)
    assert AttentionPooling.penalty(torch.eye(3, 5)) == 0


@each_form
def test_leading_dimensions_halves_and_other_normalizers(form):
    pooling, x = make(form), torch.randn(2, 3, 5, 4, dtype=torch.float64)
    mask = masks.padding([[5, 2, 1], [4, 0, 3]])
    both = pooling(x, mask=mask)
    torch.testing.assert_close(both[1, 0], pooling(x[1], mask=masks.padding([4, 0, 3]))[0])
    single, weights = pooling(x[0, 0], return_weights=True)  # no batch at all
    torch.testing.assert_close(single, both[0, 0])
    if form != "multihead":
        expected = single if form == "structured" else single[None]
        looks = weights if form == "structured" else weights[None]
        torch.testing.assert_close(looks @ x[0, 0], expected)
    half = make(form).bfloat16()
    outputs = half(x.bfloat16(), mask=mask, return_weights=True)
    wide = half.double()(x.bfloat16().double(), mask=mask, return_weights=True)
    for a, b in zip(outputs, wide, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=0.03, atol=0.03)
    sparse = AttentionPooling(4, form=form, **OPTIONS[form], normalizer="sparsemax").double()
    torch.testing.assert_close(
        sparse(100 * x, return_weights=True)[1].sum(-1),
        torch.ones_like(sparse(x, return_weights=True)[1][..., 0]),
    )
    with torch.autocast("cpu", torch.bfloat16):
        assert make(form).float()(x.float(), mask=mask).isfinite().all()


def test_length_free_is_free_of_length():
    pooling = make("length_free")
    assert [tuple(pooling(torch.zeros(2, k, 4).double()).shape) for k in (0, 1, 9)] == [(2, 4)] * 3


def test_refuses():
    with pytest.raises(UnknownName, match="no pooling is called 'keras'; the forms are length_f"):
        AttentionPooling(4, form="keras")
    with pytest.raises(KindError, match="form='fixed' is made of length, and got nothing"):
        AttentionPooling(4, form="fixed")
    with pytest.raises(KindError, match="'gated' is made of hidden, and got hidden, rows"):
        AttentionPooling(4, form="gated", rows=2)
    with pytest.raises(RangeError, match="rows of at least 1, and it is 0"):
        AttentionPooling(4, form="structured", rows=0)
    with pytest.raises(RangeError, match="each of 3 heads an equal share of the features, and 4 f"):
        AttentionPooling(4, form="multihead", heads=3)
    with pytest.raises(ShapeError, match=r"a sequence \(\*batch, K, 4\), and got \(2, 5, 3\)"):
        AttentionPooling(4)(torch.zeros(2, 5, 3))
    with pytest.raises(ShapeError, match="each of 5 positions, and the sequence has 4: pad it"):
        AttentionPooling(4, form="fixed", length=5)(torch.zeros(2, 4, 4))
