"""The decoders, as the papers write them, in plain loops; and step by step as all at once."""

import pytest
import torch

from regard.errors import KindError, RangeError, ShapeError
from regard.nn import BahdanauDecoder, Encoded, LuongDecoder
from regard.normalizers import entmax15

B, K, M, H, F, T = 3, 5, 4, 6, 8, 4

DECODERS = {
    "bahdanau": lambda: BahdanauDecoder(M, H, F),
    "luong general": lambda: LuongDecoder(M, H, F, layers=2),
    "luong dot": lambda: LuongDecoder(M, H, F, score="dot"),
    "luong concat": lambda: LuongDecoder(M, H, F, score="concat"),
    "luong location": lambda: LuongDecoder(M, H, F, score="location", places=K),
    "luong without feeding": lambda: LuongDecoder(M, H, F, input_feeding=False),
}


def encoded(lengths=(5, 2, 4), dtype=torch.float64):
    return Encoded(
        torch.randn(B, K, F, dtype=dtype), torch.tensor(lengths), torch.randn(B, H, dtype=dtype)
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
def test_steps_equal_the_whole_and_the_keys_are_projected_once(make, dtype, tolerance):
    decoder, source = make().to(dtype), encoded(dtype=dtype)
    embedded = torch.randn(B, T, M, dtype=dtype)
    calls = []
    for layer in (decoder.attention.score.key, getattr(decoder, "bridge", None)):
        if layer is not None:
            layer.register_forward_hook(lambda layer, *_: calls.append(layer))
    whole, weights = decoder(embedded, source, return_weights=True)
    assert torch.equal(decoder(embedded, source), whole)
    once = len(calls) // 2
    assert once == len(set(calls))
    calls.clear()
    ready, state = decoder.begin(source)
    for t in range(T):
        features, state, row = decoder.step(embedded[:, t], state, ready, return_weights=True)
        torch.testing.assert_close(features, whole[:, t], rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(row, weights[:, t], rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(row.sum(-1), torch.ones(B, dtype=dtype))
        assert not row[1, 2:].any()
    assert len(calls) == once


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
def test_a_target_of_no_words(make):
    features, weights = make()(
        torch.zeros(B, 0, M), encoded(dtype=torch.float32), return_weights=True
    )
    assert features.shape == (B, 0, H)
    assert weights.shape == (B, 0, K)
    assert make()(torch.zeros(B, 0, M), encoded(dtype=torch.float32)).shape == (B, 0, H)


@pytest.mark.parametrize("score", ["cosine", "distance", "trilinear", "fusionnet"])
def test_annotations_are_projected_for_scores_that_want_as_many_features(score):
    decoder = LuongDecoder(M, H, F, score=score, normalizer=entmax15)
    assert decoder(torch.zeros(B, T, M), encoded(dtype=torch.float32)).shape == (B, T, H)


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
def test_padding_and_the_rest_of_the_batch_change_nothing(make):
    decoder, source = make().double(), encoded()
    embedded = torch.randn(B, T, M, dtype=torch.float64)
    whole = decoder(embedded, source)
    spoilt = source.annotations.clone()
    spoilt[1, 2:] = torch.nan
    torch.testing.assert_close(decoder(embedded, source._replace(annotations=spoilt)), whole)
    alone = Encoded(source.annotations[1:2, :2], source.lengths[1:2], source.backward[1:2])
    torch.testing.assert_close(decoder(embedded[1:2], alone), whole[1:2])


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
def test_gradients(make):
    decoder = make().double()
    embedded = torch.randn(B, 2, M, dtype=torch.float64, requires_grad=True)
    annotations, lengths, backward = encoded()

    def run(embedded, annotations, backward):
        return decoder(embedded, Encoded(annotations, lengths, backward))

    inputs = (embedded, annotations.requires_grad_(), backward.requires_grad_())
    assert torch.autograd.gradcheck(run, inputs)
    decoder(embedded, encoded()).sum().backward()
    # The bias of a score under softmax would get none, and there is none.
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in decoder.parameters())


def test_bahdanau_as_the_paper_has_it():
    """Weights from the previous state, without bias, and a readout of the previous state."""
    decoder, source = BahdanauDecoder(M, H, F).double(), encoded()
    word = torch.randn(B, M, dtype=torch.float64)
    ready, state = decoder.begin(source)
    features, after, weights = decoder.step(word, state, ready, return_weights=True)
    a = decoder.attention.score
    assert a.query.bias is None
    assert a.key.bias is None
    for b, length in enumerate(source.lengths.tolist()):
        s = torch.tanh(decoder.initial(source.backward[b]))
        h = source.annotations[b, :length]
        e = torch.stack([a.weight @ torch.tanh(a.query(s) + a.key(h_j)) for h_j in h])
        alpha = torch.exp(e) / torch.exp(e).sum()
        context = sum(alpha[j] * h[j] for j in range(length))
        torch.testing.assert_close(weights[b, :length], alpha)
        pairs = decoder.deep(torch.cat([s, word[b], context]))
        maxout = torch.stack([torch.maximum(pairs[2 * i], pairs[2 * i + 1]) for i in range(H)])
        torch.testing.assert_close(features[b], maxout)
        torch.testing.assert_close(
            after.hidden[b], decoder.cell(torch.cat([word[b], context])[None], s[None])[0]
        )


def test_luong_as_the_paper_has_it():
    """Weights from the current state; h̃ is fed to the next step."""
    decoder, source = LuongDecoder(M, H, F).double(), encoded()
    words = torch.randn(B, 2, M, dtype=torch.float64)
    ready, state = decoder.begin(source)
    fed = torch.zeros(B, H, dtype=torch.float64)
    memory = (state.hidden.transpose(0, 1), state.cell.transpose(0, 1))
    for t in range(2):
        features, state, weights = decoder.step(words[:, t], state, ready, return_weights=True)
        top, memory = decoder.lstm(torch.cat([words[:, t], fed], -1)[:, None], memory)
        for b, length in enumerate(source.lengths.tolist()):
            h, current = source.annotations[b, :length], top[b, 0]
            alpha = (current @ decoder.attention.score.weight @ h.T).softmax(-1)
            torch.testing.assert_close(weights[b, :length], alpha)
            combined = decoder.combine.weight @ torch.cat([alpha @ h, current])
            torch.testing.assert_close(features[b], torch.tanh(combined))
        fed = features


@pytest.mark.parametrize("make", [DECODERS["bahdanau"], DECODERS["luong general"]])
def test_refuses(make):
    decoder, source = make().double(), encoded()
    embedded = torch.randn(B, T, M, dtype=torch.float64)
    with pytest.raises(ShapeError, match=r"embedded \(B, T, M\) of 4 features, and got \(3, 4\)"):
        decoder(embedded[:, 0], source)
    with pytest.raises(
        ShapeError, match="embedded has 2 rows in its batch, and what is read has 3"
    ):
        decoder(embedded[:2], source)
    with pytest.raises(
        ShapeError, match=r"annotations \(B, K, F\) of 8 features, and got \(3, 5, 7\)"
    ):
        decoder(embedded, source._replace(annotations=source.annotations[..., 1:]))
    with pytest.raises(ShapeError, match="backward has 1 rows"):
        decoder.begin(source._replace(backward=source.backward[:1]))
    with pytest.raises(KindError, match="lengths are whole numbers"):
        decoder.begin(source._replace(lengths=source.lengths.double()))
    ready, state = decoder.begin(source)
    with pytest.raises(ShapeError, match=r"embedded \(B, M\) of 4 features, and got \(3, 4, 4\)"):
        decoder.step(embedded, state, ready)
    alone = type(state)(*(x[:1] for x in state))
    with pytest.raises(ShapeError, match="state has 1 rows in its batch, and what is read has 3"):
        decoder.step(embedded[:, 0], alone, ready)


def test_refuses_to_be_made():
    with pytest.raises(RangeError, match="BahdanauDecoder wants hidden of at least 1, and it is 0"):
        BahdanauDecoder(3, 0, 2)
    with pytest.raises(RangeError, match="LuongDecoder wants layers of at least 1, and it is 0"):
        LuongDecoder(3, 4, 2, layers=0)
    with pytest.raises(RangeError, match="say places, the largest number of keys"):
        LuongDecoder(3, 4, 2, score="location")
    with pytest.raises(KindError, match="no use for places"):
        LuongDecoder(3, 4, 2, places=5)
