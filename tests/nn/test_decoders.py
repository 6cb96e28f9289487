"""The decoders, as the papers write them, in plain loops; and step by step as all at once."""

import pytest
import torch

from regard.nn import BahdanauDecoder, Encoded, LuongDecoder

B, K, M, H, F, T = 3, 5, 4, 6, 8, 4

DECODERS = {
    "bahdanau": lambda: BahdanauDecoder(M, H, F),
    "luong general": lambda: LuongDecoder(M, H, F, layers=2),
    "luong dot": lambda: LuongDecoder(M, H, F, score="dot"),
    "luong concat": lambda: LuongDecoder(M, H, F, score="concat"),
    "luong without feeding": lambda: LuongDecoder(M, H, F, input_feeding=False),
}


def encoded(lengths=(5, 2, 4), dtype=torch.float64):
    return Encoded(
        torch.randn(B, K, F, dtype=dtype), torch.tensor(lengths), torch.randn(B, H, dtype=dtype)
    )


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
def test_steps_equal_the_whole(make):
    decoder, source = make().double(), encoded()
    embedded = torch.randn(B, T, M, dtype=torch.float64)
    whole = decoder(embedded, source)
    ready, state = decoder.begin(source)
    for t in range(T):
        features, state, weights = decoder.step(embedded[:, t], state, ready, return_weights=True)
        torch.testing.assert_close(features, whole[:, t])
        torch.testing.assert_close(weights.sum(-1), torch.ones(B, dtype=torch.float64))
        assert not weights[1, 2:].any()


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
