"""Decoders with other cells, more layers, and other ways to read their source."""

import pytest
import torch
from torch.nn.functional import linear

from regard.errors import KindError, RangeError, ShapeError, UnknownName
from regard.nn import (
    Attention,
    BahdanauDecoder,
    CoverageAttention,
    Encoded,
    FixedVector,
    HardAttention,
    LocalAttention,
    LuongDecoder,
    PointerAttention,
)
from regard.nn.repeated import Repeated

B, K, M, H, F, T = 3, 7, 4, 6, 8, 5
LENGTHS = [7, 2, 4]

LOOKS = {
    "global": lambda: Attention(H, F, score="general"),
    "global of one's own": lambda: Attention(H, F, score=_pairs),
    "bridged": lambda: Attention(H, H, score="dot"),
    "local-m": lambda: LocalAttention(H, F, window=1, predictive=False),
    "local-p": lambda: LocalAttention(H, F, window=2),
    "hard": lambda: HardAttention(H, F),
    "coverage": lambda: CoverageAttention(H, F),
    "fixed": lambda: FixedVector(F),
}
DECODERS = {
    "bahdanau": lambda look: BahdanauDecoder(M, H, F, attention=look),
    "bahdanau lstm": lambda look: BahdanauDecoder(M, H, F, attention=look, cell="lstm", layers=3),
    "luong": lambda look: LuongDecoder(M, H, F, attention=look),
    "luong gru": lambda look: LuongDecoder(M, H, F, attention=look, cell="gru", layers=2),
    "luong unfed": lambda look: LuongDecoder(
        M, H, F, attention=look, input_feeding=False, layers=2
    ),
    "luong gru unfed": lambda look: LuongDecoder(
        M, H, F, attention=look, input_feeding=False, cell="gru"
    ),
}
every_look = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
every_decoder = pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)


def _pairs(query, key):
    return (query[..., :, None, :1] * key[..., None, :, :2]).sum(-1).sin()


def encoded(rows=B, size=K):
    annotations = torch.randn(rows, size, F, dtype=torch.float64)
    return Encoded(annotations, torch.tensor(LENGTHS[:rows]), torch.randn(rows, H).double())


@every_look
@every_decoder
def test_steps_equal_the_whole_in_any_company(make, look):
    decoder, source = make(look()).double().eval(), encoded()
    embedded = torch.randn(B, T, M, dtype=torch.float64)
    whole, weights = decoder(embedded, source, return_weights=True)
    torch.testing.assert_close(decoder(embedded, source), whole)
    ready, state = decoder.begin(source)
    for t in range(T):
        features, state, row = decoder.step(embedded[:, t], state, ready, return_weights=True)
        torch.testing.assert_close(features, whole[:, t])
        torch.testing.assert_close(row, weights[:, t])
    spoilt = source.annotations.clone()
    spoilt[1, 2:] = torch.nan
    torch.testing.assert_close(decoder(embedded, source._replace(annotations=spoilt)), whole)
    alone = Encoded(source.annotations[1:2, :2], source.lengths[1:2], source.backward[1:2])
    torch.testing.assert_close(decoder(embedded[1:2], alone), whole[1:2])
    none = decoder(embedded[:, :0], source, return_weights=True)
    assert none[0].shape == (B, 0, H)
    assert none[1].shape == (*weights.shape[:1], 0, *weights.shape[2:])


@every_decoder
def test_gradients_of_stacks(make):
    decoder, source = make(Attention(H, F, score="additive")).double(), encoded()
    embedded = torch.randn(B, 2, M, dtype=torch.float64, requires_grad=True)

    def run(embedded, annotations, backward):
        return decoder(embedded, Encoded(annotations, source.lengths, backward))

    inputs = (embedded, source.annotations.requires_grad_(), source.backward.requires_grad_())
    assert torch.autograd.gradcheck(run, inputs)
    decoder(embedded, source).sum().backward()
    whole = {name: p.grad.clone() for name, p in decoder.named_parameters()}
    decoder.zero_grad()
    ready, state = decoder.begin(source)
    for word in embedded.unbind(1):
        features, state, _ = decoder.step(word, state, ready)
        features.sum().backward(retain_graph=True)
    for name, p in decoder.named_parameters():
        assert p.grad.any()
        torch.testing.assert_close(p.grad, whole[name], msg=name)


@pytest.mark.parametrize("length", [2, 40])
def test_a_short_source_and_a_long_one_are_read_by_the_same_formula(length):
    """The gates' product with the context is made for each key, or for each word."""
    decoder = BahdanauDecoder(M, H, F).double()
    source = Encoded(
        *(torch.randn(1, length, F).double(), torch.tensor([length])), torch.randn(1, H).double()
    )
    embedded = torch.randn(1, 3, M, dtype=torch.float64)
    whole = decoder(embedded, source)
    ready, state = decoder.begin(source)
    for t in range(3):
        features, state, _ = decoder.step(embedded[:, t], state, ready)
        torch.testing.assert_close(features, whole[:, t])


def test_stacked_cells_are_torchs():
    decoder, source = BahdanauDecoder(M, H, F, cell="lstm", layers=2).double(), encoded()
    word = torch.randn(B, M, dtype=torch.float64)
    ready, state = decoder.begin(source)
    step = decoder.step(word, state, ready, return_weights=True)
    context = torch.einsum("bk,bkf->bf", step.weights, ready.value)
    low = decoder.cell(torch.cat([word, context], -1), (state.below[0], state.cells[0]))
    top = decoder.above[0](low[0], (state.hidden, state.cells[1]))
    torch.testing.assert_close(step.state.hidden, top[0])
    torch.testing.assert_close(step.state.below[0], low[0])
    torch.testing.assert_close(step.state.cells, (low[1], top[1]))


def test_the_fixed_vector_is_the_last_state_of_both_directions():
    annotations = torch.randn(3, 5, 6)
    found = FixedVector(6)(annotations, [5, 2, 0])
    for row, length in enumerate((5, 2)):
        expected = torch.cat([annotations[row, length - 1, :3], annotations[row, 0, 3:]])
        assert torch.equal(found[row], expected)
    assert not found[2].any()
    onward = FixedVector(6, directions=1)(annotations, [5, 2, 0])
    assert torch.equal(onward[1], annotations[1, 1])
    assert FixedVector(6)(annotations[:, :0], None).shape == (3, 6)
    decoder = BahdanauDecoder(M, H, F, attention=FixedVector(F)).double()
    source = encoded()
    first = decoder(torch.zeros(B, 1, M).double(), source)
    changed = source._replace(annotations=source.annotations.clone())
    changed.annotations[0, 1:6] = 0.0  # what lies between is not seen
    torch.testing.assert_close(decoder(torch.zeros(B, 1, M).double(), changed), first)


def test_dropout_is_of_training_alone():
    embedded, source = torch.randn(B, T, M).double(), encoded()
    for make in (
        lambda: BahdanauDecoder(M, H, F, layers=2, dropout=0.5),
        lambda: LuongDecoder(M, H, F, layers=2, dropout=0.5),
        lambda: LuongDecoder(M, H, F, layers=2, dropout=0.5, input_feeding=False),
        lambda: LuongDecoder(M, H, F, attention=Attention(H, F, dropout=0.5)),
    ):
        decoder = make().double()
        assert not torch.equal(decoder(embedded, source), decoder(embedded, source))
        decoder.eval()
        assert torch.equal(decoder(embedded, source), decoder(embedded, source))


@pytest.mark.parametrize("shared", [True, False])
def test_a_repeated_product_has_the_gradients_of_its_steps(shared):
    shape = (H, M) if shared else (B, M, H)
    inputs = [
        torch.randn(*size, dtype=torch.float64, requires_grad=True)
        for size in (shape, (H,), (T, B, M))
    ]
    if not shared:
        inputs[1] = None

    def plain(matrix, bias, x):
        said = [linear(row, matrix, bias) if shared else _rows(row, matrix) for row in x]
        return torch.stack(said[:-1]).sin()  # the last step goes nowhere

    def repeated(matrix, bias, x):
        product = Repeated(matrix, bias, batch=B, steps=T + 2)
        return torch.stack([product(row) for row in x][:-1]).sin()

    torch.testing.assert_close(repeated(*inputs), plain(*inputs))
    wanted = [x for x in inputs if x is not None]
    for one, other in zip(
        torch.autograd.grad(repeated(*inputs).sum(), wanted),
        torch.autograd.grad(plain(*inputs).sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    with torch.no_grad():
        torch.testing.assert_close(repeated(*inputs), plain(*inputs))


def _rows(row, matrix):
    return torch.einsum("bm,bmh->bh", row, matrix)


def test_refuses():
    with pytest.raises(UnknownName, match="cell is 'gru' or 'lstm', not 'rnn'"):
        BahdanauDecoder(M, H, F, cell="rnn")
    with pytest.raises(UnknownName, match="cell is 'gru' or 'lstm', not 'rnn'"):
        LuongDecoder(M, H, F, cell="rnn")
    with pytest.raises(KindError, match="not with PointerAttention"):
        BahdanauDecoder(M, H, F, attention=PointerAttention(H, F))
    with pytest.raises(RangeError, match="2 with as many features each"):
        FixedVector(5)
    with pytest.raises(RangeError, match="dropout is a probability"):
        LuongDecoder(M, H, F, dropout=1.5)
    with pytest.raises(ShapeError, match="annotations"):
        FixedVector(4)(torch.zeros(2, 3, 5), None)
