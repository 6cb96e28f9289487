"""BiDAF: attention in both directions flows into a model of the passage."""

import torch
from torch import nn

from regard.nn.flow import AttentionFlow, begin_as_products
from regard.systems.reader_config import Config
from regard.systems.reader_highway import Highways
from regard.systems.reader_text import Answered, Dropout, Looks, Place, Recurrent, Text


class Bidaf(nn.Module):
    """Bi-directional attention flow.

        h, u = biLSTM(highways(words)) of passage and question
        ũ, h̃ = flow(h, u)   (``nn.AttentionFlow``),   G = [h; ũ; h ∘ ũ; h ∘ h̃]
        M = biLSTM(biLSTM(G)),   M² = biLSTM(M)
        p_start = softmax(wᵀ[G; M]),   p_end = softmax(wᵀ[G; M²])

    Source:  Seo et al. 2017 (arXiv:1611.01603), §2
    Departs: dropout drops the same features of all words of a text; w₃ begins with 4;
             input weights of LSTMs begin three times as large as torch's, gates of highways closed
    Cost:    O(C·H²) time of five recurrent layers, and O(C·Q·H) of the flow

    Args:
        config: what it is made of.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        size, hidden, dropout = config.word + config.matched, config.hidden, config.dropout
        self.highways = Highways(size)
        self.context = Recurrent(size, hidden, "lstm", dropout)
        self.flow = AttentionFlow(2 * hidden)
        begin_as_products(self.flow.score, 4.0)  # the states of LSTMs begin small
        self.model = nn.ModuleList(
            Recurrent(features, hidden, "lstm", dropout) for features in (8 * hidden, 2 * hidden)
        )
        self.further = Recurrent(2 * hidden, hidden, "lstm", dropout)
        self.dropout = Dropout(dropout)
        self.start, self.end = Place(10 * hidden), Place(10 * hidden)

    def forward(self, passage: Text, question: Text, looks: bool = False) -> Answered:
        """Logits of first and last words."""
        lengths = passage.lengths
        h = self.context(self.highways(passage.told), lengths)
        u = self.context(self.highways(question.told), question.lengths)
        flow = self.flow(h, u, lengths, question.lengths)
        seen = torch.cat([h, flow.question, h * flow.question, h * flow.passage], -1)
        modelled = seen
        for layer in self.model:
            modelled = layer(modelled, lengths)
        further = self.further(modelled, lengths)
        starts = self.start(self.dropout(torch.cat([seen, modelled], -1)), lengths)
        ends = self.end(self.dropout(torch.cat([seen, further], -1)), lengths)
        found = Looks(flow.over_question, flow.over_passage, None) if looks else None
        return Answered(starts, ends, found)
