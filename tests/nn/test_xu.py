"""The decoder of Show, Attend and Tell: as the paper has it, in plain loops; step as whole."""

import pytest
import torch

from regard.errors import KindError, RangeError, ShapeError
from regard.nn import (
    Annotated,
    HardAttention,
    LocalAttention,
    MeanVector,
    XuDecoder,
    doubly_stochastic_loss,
)

B, K, M, H, F, T = 3, 5, 4, 6, 8, 4

DECODERS = {
    "soft": lambda: XuDecoder(M, H, F),
    "dot": lambda: XuDecoder(M, H, F, score="dot"),
    "sparse": lambda: XuDecoder(M, H, F, normalizer="sparsemax"),
    "hard": lambda: XuDecoder(M, H, F, attention=HardAttention(H, F)).eval(),
    "mean": lambda: XuDecoder(M, H, F, attention=MeanVector(F)),
    "local": lambda: XuDecoder(M, H, F, attention=LocalAttention(H, F, window=1)),
}
each = pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)


def image(lengths=(5, 2, 4)):
    return Annotated(torch.randn(B, K, F, dtype=torch.float64), torch.tensor(lengths))


@each
def test_steps_equal_the_whole_and_the_keys_are_projected_once(make):
    decoder, source = make().double(), image()
    embedded = torch.randn(B, T, M, dtype=torch.float64)
    calls = []
    for layer in (getattr(decoder.attention, "score", None), decoder.bridge):
        key = getattr(layer, "key", layer)
        if isinstance(key, torch.nn.Module):
            key.register_forward_hook(lambda layer, *_: calls.append(layer))
    whole, weights = decoder(embedded, source, return_weights=True)
    assert len(calls) == len(set(calls))
    calls.clear()
    ready, state = decoder.begin(source)
    for t in range(T):
        features, state, row = decoder.step(embedded[:, t], state, ready, return_weights=True)
        torch.testing.assert_close(features, whole[:, t])
        torch.testing.assert_close(row, weights[:, t])
    assert len(calls) == len(set(calls))


def test_as_the_paper_has_it():
    """Weights and gate of the previous state, a deep output of the state after."""
    decoder, source = XuDecoder(M, H, F).double(), image()
    words = torch.randn(B, T, M, dtype=torch.float64)
    whole, weights = decoder(words, source, return_weights=True)
    score, into = decoder.attention.score, decoder.cell
    for b, length in enumerate(source.lengths.tolist()):
        a = source.annotations[b, :length]
        mean = sum(a[i] for i in range(length)) / length
        h, c = torch.tanh(decoder.initial(mean)).split(H)
        for t in range(T):
            e = torch.stack([score.weight @ torch.tanh(score.query(h) + score.key(x)) for x in a])
            alpha = torch.exp(e) / torch.exp(e).sum()
            beta = 1 / (1 + torch.exp(-(decoder.gate.weight[0] @ h + decoder.gate.bias[0])))
            z = beta * sum(alpha[i] * a[i] for i in range(length))
            gates = into.weight_ih @ torch.cat([words[b, t], z]) + into.bias_ih
            i, f, g, o = (gates + into.weight_hh @ h + into.bias_hh).split(H)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            features = words[b, t] + decoder.of_state(h) + decoder.of_context.weight @ z
            torch.testing.assert_close(weights[b, t, :length], alpha)
            assert not weights[b, t, length:].any()
            torch.testing.assert_close(whole[b, t], features)


@each
def test_what_does_not_count_changes_nothing(make):
    decoder, source = make().double(), image()
    embedded = torch.randn(B, T, M, dtype=torch.float64)
    whole = decoder(embedded, source)
    spoilt = source.annotations.clone()
    spoilt[1, 2:] = torch.nan
    torch.testing.assert_close(decoder(embedded, source._replace(annotations=spoilt)), whole)
    alone = Annotated(source.annotations[1:2, :2])
    torch.testing.assert_close(decoder(embedded[1:2], alone), whole[1:2])


@pytest.mark.parametrize("name", ["soft", "dot", "mean"])
def test_gradients(name):
    decoder = DECODERS[name]().double()
    embedded = torch.randn(B, 2, M, dtype=torch.float64, requires_grad=True)
    annotations, lengths = image()

    def run(embedded, annotations):
        return decoder(embedded, Annotated(annotations, lengths))

    assert torch.autograd.gradcheck(run, (embedded, annotations.requires_grad_()))
    decoder(embedded, image()).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in decoder.parameters())


@each
def test_a_caption_of_no_words(make):
    features, weights = make()(
        torch.zeros(B, 0, M), Annotated(torch.zeros(B, K, F)), return_weights=True
    )
    assert features.shape == (B, 0, M)
    assert weights.shape[:2] == (B, 0)


def test_the_mean_vector():
    annotations = torch.randn(2, 4, F)
    found = MeanVector(F)(annotations, torch.tensor([3, 0]))
    torch.testing.assert_close(found[0], annotations[0, :3].mean(0))
    assert not found[1].any()
    with pytest.raises(ShapeError, match=r"annotations \(B, K, F\) of 8 features"):
        MeanVector(F)(annotations[..., 1:], None)


def test_doubly_stochastic_loss_in_plain_loops():
    weights, lengths = torch.rand(B, T, K).softmax(-1), [4, 0, 2]
    found = doubly_stochastic_loss(weights, lengths)
    for b, length in enumerate(lengths):
        expected = 0.0
        for i in range(K):
            expected += (1 - sum(float(weights[b, t, i]) for t in range(length))) ** 2
        assert float(found[b]) == pytest.approx(expected, rel=1e-5)
    spoilt = weights.clone()
    spoilt[2, 2:] = torch.nan
    torch.testing.assert_close(doubly_stochastic_loss(spoilt, lengths), found)


def test_refuses():
    decoder, source = XuDecoder(M, H, F).double(), image()
    embedded = torch.randn(B, T, M, dtype=torch.float64)
    with pytest.raises(ShapeError, match=r"annotations \(B, K, F\) of 8 features"):
        decoder(embedded, source._replace(annotations=source.annotations[..., 1:]))
    with pytest.raises(KindError, match="lengths are whole numbers"):
        decoder(embedded, source._replace(lengths=torch.ones(B)))
    with pytest.raises(ShapeError, match="embedded has 2 rows in its batch"):
        decoder(embedded[:2], source)
    with pytest.raises(RangeError, match="XuDecoder wants hidden of at least 1"):
        XuDecoder(3, 0, 2)
    with pytest.raises(KindError, match="or MeanVector, not with Linear"):
        XuDecoder(3, 4, 2, attention=torch.nn.Linear(2, 2))
