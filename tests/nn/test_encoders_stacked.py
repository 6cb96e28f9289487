"""Stacked encoders equal torch's own on packed sequences, whatever the padding holds."""

from itertools import product

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from regard.errors import RangeError, UnknownName
from regard.nn import BidirectionalGRU
from regard.nn.encoders import RecurrentEncoder, summary

F64 = torch.float64
LENGTHS = [5, 1, 3]

each_kind = pytest.mark.parametrize(
    ("cell", "layers", "both"), list(product(["gru", "lstm"], [1, 2], [False, True]))
)


def pair(cell, layers, both):
    """Ours, and torch's module with the same numbers."""
    ours = RecurrentEncoder(3, 4, cell=cell, layers=layers, bidirectional=both).double()
    torchs = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
    theirs = torchs(3, 4, layers, batch_first=True, bidirectional=both).double()
    named = dict(theirs.named_parameters())
    for number, layer in enumerate(ours.layers):
        for half, suffix in ((layer.onward, ""), (layer.rearward, "_reverse")):
            for name, parameter in half.named_parameters() if half is not None else ():
                named[name.replace("l0", f"l{number}") + suffix].data.copy_(parameter.data)
    return ours, theirs


@each_kind
def test_equals_torch_on_packed_sequences(cell, layers, both):
    ours, theirs = pair(cell, layers, both)
    embedded = torch.randn(3, 6, 3, dtype=F64)
    packed = pack_padded_sequence(
        embedded, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False
    )
    states, last = theirs(packed)
    last = last[0] if cell == "lstm" else last
    expected, _ = pad_packed_sequence(states, batch_first=True)
    encoded = ours(embedded, LENGTHS)
    assert encoded.annotations.shape[-1] == ours.annotation
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(encoded.annotations[row, :length], expected[row, :length])
        assert not encoded.annotations[row, length:].any()
    torch.testing.assert_close(encoded.backward, last[-1])
    ends = torch.cat([last[-2], last[-1]], -1) if both else last[-1]
    torch.testing.assert_close(summary(encoded), ends)


@each_kind
def test_padding_changes_nothing_whatever_it_holds_in_both_passes(cell, layers, both):
    encoder, _ = pair(cell, layers, both)
    embedded, lengths, results = torch.randn(3, 5, 3, dtype=F64), [5, 2, 0], []
    for filling in (0.0, torch.nan):
        padded = embedded.clone()
        for row, length in enumerate(lengths):
            padded[row, length:] = filling
        encoder.zero_grad()
        encoded = encoder(padded.requires_grad_(), lengths)
        (encoded.annotations.square().sum() + summary(encoded).sin().sum()).backward()
        gradients = [padded.grad, *(p.grad.clone() for p in encoder.parameters())]
        results.append([encoded.annotations, encoded.backward, summary(encoded), *gradients])
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)
    assert not results[0][2][2].any()  # a row of none: zeros
    alone = encoder(embedded[1:2, :2])
    torch.testing.assert_close(summary(alone)[0], results[0][2][1])


def test_one_layer_of_gru_in_both_directions_is_the_encoder_of_rnnsearch():
    named = BidirectionalGRU(3, 4)
    assert {name.split(".")[0] for name in named.state_dict()} == {"onward", "rearward"}
    encoder, embedded = RecurrentEncoder(3, 4), torch.randn(2, 5, 3)
    encoder.layers[0].load_state_dict(named.state_dict())
    torch.testing.assert_close(encoder(embedded, [5, 2]), named(embedded, [5, 2]))


def test_dropout_falls_between_layers_only():
    torch.manual_seed(0)
    embedded = torch.randn(2, 4, 3)
    single = RecurrentEncoder(3, 4, dropout=0.9)
    torch.testing.assert_close(single(embedded), single.eval()(embedded), rtol=0, atol=0)
    double = RecurrentEncoder(3, 4, layers=2, dropout=0.9)
    in_training = double(embedded).annotations
    assert in_training.ne(0).all()  # the top layer's states are not dropped
    assert not torch.allclose(in_training, double(embedded).annotations)
    double.eval()
    torch.testing.assert_close(double(embedded), double(embedded), rtol=0, atol=0)


@each_kind
def test_a_source_of_nothing(cell, layers, both):
    encoder, _ = pair(cell, layers, both)
    nothing = encoder(torch.zeros(2, 0, 3, dtype=F64))
    assert nothing.annotations.shape == (2, 0, encoder.annotation)
    assert summary(nothing).tolist() == [[0.0] * encoder.annotation] * 2


def test_refuses():
    with pytest.raises(UnknownName, match="no cell is called 'rnn'; the cells are gru, lstm"):
        RecurrentEncoder(3, 4, cell="rnn")
    with pytest.raises(RangeError, match="RecurrentEncoder wants layers of at least 1"):
        RecurrentEncoder(3, 4, layers=0)
    with pytest.raises(RangeError, match="dropout is a probability"):
        RecurrentEncoder(3, 4, dropout=1.5)
