"""QANet: convolutions and self-attention in the place of recurrent layers."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.masks import padding
from regard.nn.flow import AttentionFlow, begin_as_products
from regard.nn.multihead import MultiheadAttention
from regard.nn.positions import SinusoidalPositions
from regard.nn.separable import SeparableConvolution
from regard.nn.source import cleared
from regard.systems.reader_config import BLOCKS, CONVOLUTIONS, HEADS, KERNELS, Config
from regard.systems.reader_highway import Highways
from regard.systems.reader_text import Answered, Dropout, Looks, Place, Text


class QANet(nn.Module):
    """Convolutions, self-attention, and attention between passage and question.

        c, q = block(W highways(words)) of passage and question
        A = S̄ q,  B = S̄ S̿ᵀ c   (``nn.AttentionFlow``),   x = W [c; A; c ∘ A; c ∘ B]
        M_0 = blocks(x),  M_1 = blocks(M_0),  M_2 = blocks(M_1)   with the same weights
        p_start = softmax(wᵀ[M_0; M_1]),   p_end = softmax(wᵀ[M_0; M_2])

    Source:  Yu et al. 2018 (arXiv:1804.09541), §2
    Departs: 2H features, and fewer blocks, heads and convolutions unless they are asked for, for
             small data on a CPU; no layers are dropped at random (stochastic depth); dropout drops
             the same features of all words of a text; words are multiplied by √2H before positions
             are added, and w₃ of the flow begins with 1/√2H; a norm behind the last block of a
             pass, as pre-norm stacks have
    Cost:    O(C·K·H + C·H²) time a convolution, O(C²·H) a block

    Args:
        config: what it is made of.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        size, features = config.word + config.matched, 2 * config.hidden
        self.dropout = Dropout(config.dropout)
        self.highways = Highways(size)
        self.narrowed = nn.Linear(size, features)
        first, second = KERNELS if config.kernel is None else (config.kernel, config.kernel)
        self.context = Blocks(config, 1, first)
        self.flow = AttentionFlow(features, back="columns")
        begin_as_products(self.flow.score, features**-0.5)  # of words that have a norm
        self.read = nn.Linear(4 * features, features)
        self.model = Blocks(config, config.blocks or BLOCKS, second)
        self.start, self.end = Place(2 * features), Place(2 * features)

    def forward(self, passage: Text, question: Text, looks: bool = False) -> Answered:
        """Logits of first and last words; ``looks.own`` is the mean over the heads of the last
        block that the last word is found with."""
        lengths = passage.lengths
        c, q = self._encoded(passage), self._encoded(question)
        flow = self.flow(c, q, lengths, question.lengths)
        seen = torch.cat([c, flow.question, c * flow.question, c * flow.passage], -1)
        first, _ = self.model(self.read(self.dropout(seen)), lengths)
        second, _ = self.model(first, lengths)
        third, own = self.model(second, lengths, looks)
        starts = self.start(torch.cat([first, second], -1), lengths)
        ends = self.end(torch.cat([first, third], -1), lengths)
        found = None if own is None else Looks(flow.over_question, flow.over_passage, own)
        return Answered(starts, ends, found)

    def _encoded(self, text: Text) -> Float[Tensor, "B T F"]:
        words = self.narrowed(self.highways(self.dropout(text.told)))
        # Else positions would drown the words to which they are added, and like words would not be
        # alike (Vaswani et al. 2017, §3.4, does the same).
        return self.context(words * words.shape[-1] ** 0.5, text.lengths)[0]


class Blocks(nn.Module):
    """A stack of ``Block``, and a norm behind it."""

    def __init__(self, config: Config, count: int, kernel: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config, kernel) for _ in range(count))
        self.norm = nn.LayerNorm(2 * config.hidden)

    def forward(
        self, x: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"], looks: bool = False
    ) -> tuple[Float[Tensor, "B T F"], Float[Tensor, "B T T"] | None]:
        """The words as the last block tells them, and its weights if asked."""
        weights = None
        for block in self.blocks:
            x, weights = block(x, lengths, looks and block is self.blocks[-1])
        return self.norm(x), weights


class Block(nn.Module):
    """x ← x + PE;  x ← x + f(norm(x)) for f = the convolutions, self-attention and ReLU layers."""

    def __init__(self, config: Config, kernel: int) -> None:
        super().__init__()
        features, convolutions = 2 * config.hidden, config.convolutions or CONVOLUTIONS
        self.positions = SinusoidalPositions(features)
        self.convolutions = nn.ModuleList(
            SeparableConvolution(features, kernel) for _ in range(convolutions)
        )
        self.attention = MultiheadAttention(features, config.heads or HEADS)
        self.inner, self.outer = (nn.Linear(features, features) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(convolutions + 2))
        self.dropout = Dropout(config.dropout)

    def forward(
        self, x: Float[Tensor, "B T F"], lengths: Int[Tensor, " B"], looks: bool = False
    ) -> tuple[Float[Tensor, "B T F"], Float[Tensor, "B T T"] | None]:
        """The words, told of their neighbours and of each other, and the heads' mean weights."""
        x = self.positions(x)
        *before, third, fourth = self.norms
        for norm, convolution in zip(before, self.convolutions, strict=True):
            x = x + self.dropout(convolution(norm(x), lengths).relu())
        found = self.attention(third(x), mask=padding(lengths), return_weights=looks)
        read, weights = found if isinstance(found, tuple) else (found, None)
        x = x + self.dropout(read)
        x = x + self.dropout(self.outer(self.inner(fourth(x)).relu()))
        return x, None if weights is None else cleared(weights.mean(1), lengths)
