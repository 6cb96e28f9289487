"""The bidirectional encoder equals torch's own on packed sequences."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from regard.errors import KindError, RangeError, ShapeError
from regard.nn import BidirectionalGRU

F64 = torch.float64


def test_equals_torch_on_packed_sequences():
    ours = BidirectionalGRU(3, 4)
    theirs = nn.GRU(3, 4, batch_first=True, bidirectional=True)
    for half, suffix in ((ours.onward, ""), (ours.rearward, "_reverse")):
        for name, parameter in half.named_parameters():
            dict(theirs.named_parameters())[name + suffix].data.copy_(parameter.data)
    lengths = torch.tensor([5, 1, 3])
    embedded = torch.randn(3, 6, 3)
    packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
    states, last = theirs(packed)
    expected, _ = pad_packed_sequence(states, batch_first=True)
    encoded = ours(embedded, lengths)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(encoded.annotations[row, :length], expected[row, :length])
    torch.testing.assert_close(encoded.backward, last[1])


def test_gradients():
    encoder = BidirectionalGRU(2, 3).double()
    embedded = torch.randn(3, 4, 2, dtype=F64, requires_grad=True)

    def run(embedded, *_):
        annotations, _, backward = encoder(embedded, [4, 2, 0])
        return annotations, backward

    assert torch.autograd.gradcheck(run, (embedded, *encoder.parameters()))


def test_padding_changes_nothing_whatever_it_holds_in_both_passes():
    encoder = BidirectionalGRU(2, 3).double()
    embedded, lengths, results = torch.randn(3, 5, 2, dtype=F64), [5, 2, 0], []
    for filling in (0.0, torch.nan, torch.inf):
        padded = embedded.clone()
        for row, length in enumerate(lengths):
            padded[row, length:] = filling
        encoder.zero_grad()
        annotations, _, backward = encoder(padded.requires_grad_(), lengths)
        (annotations.square().sum() + backward.sum()).backward()
        gradients = [padded.grad, *(p.grad.clone() for p in encoder.parameters())]
        results.append([annotations, backward, *gradients])
    for other in results[1:]:
        torch.testing.assert_close(results[0], other, rtol=0, atol=0)
    annotations, backward, *_ = results[0]
    assert not annotations[1, 2:].any()
    assert not annotations[2].any()
    assert not backward[2].any()  # of a row of none: zeros, and not the state at its padding
    alone = encoder(embedded[1:2, :2])
    torch.testing.assert_close(alone.annotations[0], annotations[1, :2])
    torch.testing.assert_close(alone.backward[0], backward[1])


def test_lengths_as_they_come():
    encoder, embedded = BidirectionalGRU(2, 3), torch.randn(2, 4, 2)
    whole = encoder(embedded)
    assert whole.lengths.tolist() == [4, 4]
    for lengths in ([4, 4], [9, 4], torch.tensor([4, 5], dtype=torch.int32)):
        found = encoder(embedded, lengths)
        assert found.lengths.tolist() == [4, 4]
        torch.testing.assert_close(found.annotations, whole.annotations)
    nothing = encoder(embedded[:, :0])
    assert nothing.annotations.shape == (2, 0, 6)
    assert nothing.backward.tolist() == [[0.0] * 3] * 2


def test_refuses():
    encoder, embedded = BidirectionalGRU(2, 3), torch.zeros(2, 4, 2)
    with pytest.raises(
        ShapeError, match=r"embedded \(B, K, M\) of 2 features, and got \(2, 4, 3\)"
    ):
        encoder(torch.zeros(2, 4, 3))
    with pytest.raises(ShapeError, match=r"one per row of the batch, \(2,\), and they are \(3,\)"):
        encoder(embedded, [4, 3, 2])
    with pytest.raises(KindError, match="lengths are whole numbers"):
        encoder(embedded, torch.tensor([4.0, 2.5]))
    with pytest.raises(
        RangeError, match="BidirectionalGRU wants hidden of at least 1, and it is 0"
    ):
        BidirectionalGRU(2, 0)
