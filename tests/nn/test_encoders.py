"""The bidirectional encoder equals torch's own on packed sequences."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from regard.nn import BidirectionalGRU


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
