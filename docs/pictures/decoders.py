"""Two decoders that learned to write a word backwards: docs/nn/decoders.md."""

import torch
from torch import Tensor, nn

from pictures import beside
from regard.nn import BahdanauDecoder, BidirectionalGRU, LuongDecoder
from regard.view import svg
from regard.view.alignment import Alignment

LETTERS = "abcdefgh"
WORD = "gabhde"
STEPS, ROWS, WIDTH = 140, 64, 24


def draw() -> str:
    return beside(
        _drawn(BahdanauDecoder(WIDTH, WIDTH, 2 * WIDTH), "Bahdanau: s before the letter asks"),
        _drawn(LuongDecoder(WIDTH, WIDTH, 2 * WIDTH), "Luong: h at the letter asks"),
    )


class _Speller(nn.Module):
    def __init__(self, decoder: BahdanauDecoder | LuongDecoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.source = nn.Embedding(len(LETTERS), WIDTH)
        self.target = nn.Embedding(len(LETTERS) + 1, WIDTH)  # the last one begins a word
        self.encoder = BidirectionalGRU(WIDTH, WIDTH)
        self.output = nn.Linear(WIDTH, len(LETTERS))

    def encoded(self, words: Tensor):
        lengths = torch.full(words.shape[:1], words.shape[1])
        return self.encoder(self.source(words), lengths)

    def loss(self, words: Tensor) -> Tensor:
        wanted = words.flip(1)
        fed = torch.cat([torch.full_like(wanted[:, :1], len(LETTERS)), wanted[:, :-1]], 1)
        found = self.output(self.decoder(self.target(fed), self.encoded(words)))
        return nn.functional.cross_entropy(found.flatten(0, 1), wanted.flatten())

    @torch.no_grad()
    def spelled(self, word: Tensor) -> tuple[str, Tensor]:
        source, state = self.decoder.begin(self.encoded(word))
        last, written, rows = torch.tensor([len(LETTERS)]), [], []
        for _ in range(word.shape[1]):
            step = self.decoder.step(self.target(last), state, source, return_weights=True)
            state, last = step.state, self.output(step.features).argmax(-1)
            written.append(LETTERS[int(last)])
            rows.append(step.weights[0])
        return "".join(written), torch.stack(rows)


def _drawn(decoder: BahdanauDecoder | LuongDecoder, title: str) -> str:
    # In float64, so that no machine draws another picture.
    torch.manual_seed(1)
    speller = _Speller(decoder)
    for parameter in speller.parameters():
        nn.init.uniform_(parameter, -0.2, 0.2)
    speller = speller.double()
    optimizer = torch.optim.Adam(speller.parameters(), 0.03)
    for _ in range(STEPS):
        words = torch.randint(len(LETTERS), (ROWS, len(WORD)))
        optimizer.zero_grad()
        speller.loss(words).backward()
        optimizer.step()
    written, weights = speller.spelled(torch.tensor([[LETTERS.index(x) for x in WORD]]))
    return svg.heatmap(Alignment(tuple(WORD), tuple(written), weights, title=title))
