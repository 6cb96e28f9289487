"""The translator as one writes it in PyTorch: nn.GRU, nn.GRUCell, and a broadcast for a score.

It is what ``translate.py`` measures beside this library's: the same sizes, the same tensors (taken
from ours, so that both give the same losses and texts), the same optimizer. Padding is masked, the
target is forced, the vocabulary is asked once for a whole target, and keys are projected once.

additive   RNNsearch: a GRUCell, and tanh of a broadcast sum, step by step
dot        Luong's without input feeding: a GRU over the whole target, and two batched products
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PAD, BEGIN, END = 0, 2, 3


class Sizes(NamedTuple):
    """Sizes of both programs; ``tied``: the output layer has the target's vectors for weights,
    which wants as many features of a token as of a state."""

    source: int
    target: int
    embedding: int
    hidden: int
    dropout: float
    tied: bool = False


class PlainTranslator(nn.Module):
    """The parts that both have: embeddings, a bidirectional GRU, the output layer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        hidden = sizes.hidden
        self.source_embedding = nn.Embedding(sizes.source, sizes.embedding, padding_idx=PAD)
        self.target_embedding = nn.Embedding(sizes.target, sizes.embedding, padding_idx=PAD)
        self.encoder = nn.GRU(sizes.embedding, hidden, batch_first=True, bidirectional=True)
        self.initial = nn.Linear(hidden, hidden)
        self.dropout = nn.Dropout(sizes.dropout)
        self.output = nn.Linear(hidden, sizes.target)
        self.tied = sizes.tied
        if sizes.tied:
            self.output.weight = self.target_embedding.weight

    def take(self, ours: nn.Module) -> None:
        """The tensors of the library's model."""
        theirs = ours.state_dict()
        with torch.no_grad():
            for name, tensor in self.state_dict().items():
                end = _name_of_ours(name, tied=self.tied)
                (found,) = [value for key, value in theirs.items() if f".{key}".endswith(f".{end}")]
                tensor.copy_(found.view_as(tensor))

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Annotations, which places are padding, and the first state of the decoder."""
        embedded = self.dropout(self.source_embedding(source))
        packed = nn.utils.rnn.pack_padded_sequence(
            embedded, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, last = self.encoder(packed)
        annotations, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
        padding = torch.arange(annotations.shape[1], device=source.device) >= lengths[:, None]
        return annotations, padding, torch.tanh(self.initial(last[1]))

    def loss(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """Nats a token."""
        embedded = self.dropout(self.target_embedding(target[:, :-1]))
        features = self.features(embedded, *self.encode(source, lengths))
        logits = self.output(self.dropout(features))
        return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)

    def features(
        self, embedded: Tensor, annotations: Tensor, padding: Tensor, hidden: Tensor
    ) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define features")

    def prepared(self, annotations: Tensor) -> tuple[Tensor, ...]:
        """What is done to the source once."""
        raise NotImplementedError(f"{type(self).__name__} must define prepared")

    def step(
        self, embedded: Tensor, hidden: Tensor, source: tuple[Tensor, ...], padding: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Features of the next token, and the state."""
        raise NotImplementedError(f"{type(self).__name__} must define step")

    def next(self, tokens: Tensor, hidden: Tensor, source: tuple[Tensor, ...], padding: Tensor):
        embedded = self.target_embedding(tokens)
        features, hidden = self.step(embedded, hidden, source, padding)
        log_probabilities = self.output(features).log_softmax(-1)
        log_probabilities[:, [PAD, BEGIN]] = -torch.inf
        return log_probabilities, hidden


class PlainAdditive(PlainTranslator):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        hidden, annotation = sizes.hidden, 2 * sizes.hidden
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.key = nn.Linear(annotation, hidden, bias=False)
        self.v = nn.Linear(hidden, 1, bias=False)
        self.cell = nn.GRUCell(sizes.embedding + annotation, hidden)
        self.deep = nn.Linear(hidden + sizes.embedding + annotation, 2 * hidden)

    def prepared(self, annotations: Tensor) -> tuple[Tensor, ...]:
        return self.key(annotations), annotations

    def read(self, hidden: Tensor, source: tuple[Tensor, ...], padding: Tensor) -> Tensor:
        keys, annotations = source
        scores = self.v(torch.tanh(self.query(hidden)[:, None] + keys))[..., 0]
        weights = scores.masked_fill(padding, -torch.inf).softmax(-1)
        return torch.bmm(weights[:, None], annotations)[:, 0]

    def readout(self, hidden: Tensor, embedded: Tensor, context: Tensor) -> Tensor:
        return self.deep(torch.cat([hidden, embedded, context], -1)).unflatten(-1, (-1, 2)).amax(-1)

    def features(
        self, embedded: Tensor, annotations: Tensor, padding: Tensor, hidden: Tensor
    ) -> Tensor:
        source, hiddens, contexts = self.prepared(annotations), [], []
        for word in embedded.unbind(1):
            context = self.read(hidden, source, padding)
            hiddens.append(hidden)
            contexts.append(context)
            hidden = self.cell(torch.cat([word, context], -1), hidden)
        return self.readout(torch.stack(hiddens, 1), embedded, torch.stack(contexts, 1))

    def step(
        self, embedded: Tensor, hidden: Tensor, source: tuple[Tensor, ...], padding: Tensor
    ) -> tuple[Tensor, Tensor]:
        context = self.read(hidden, source, padding)
        features = self.readout(hidden, embedded, context)
        return features, self.cell(torch.cat([embedded, context], -1), hidden)


class PlainDot(PlainTranslator):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        hidden = sizes.hidden
        self.bridge = nn.Linear(2 * hidden, hidden)
        self.gru = nn.GRU(sizes.embedding, hidden, batch_first=True)
        self.combine = nn.Linear(2 * hidden, hidden, bias=False)

    def prepared(self, annotations: Tensor) -> tuple[Tensor, ...]:
        return (self.bridge(annotations),)

    def read(self, states: Tensor, source: tuple[Tensor, ...], padding: Tensor) -> Tensor:
        scores = torch.bmm(states, source[0].transpose(1, 2))
        weights = scores.masked_fill(padding[:, None], -torch.inf).softmax(-1)
        context = torch.bmm(weights, source[0])
        return torch.tanh(self.combine(torch.cat([context, states], -1)))

    def features(
        self, embedded: Tensor, annotations: Tensor, padding: Tensor, hidden: Tensor
    ) -> Tensor:
        states, _ = self.gru(embedded, hidden[None])
        return self.read(states, self.prepared(annotations), padding)

    def step(
        self, embedded: Tensor, hidden: Tensor, source: tuple[Tensor, ...], padding: Tensor
    ) -> tuple[Tensor, Tensor]:
        states, last = self.gru(embedded[:, None], hidden[None])
        return self.read(states, source, padding)[:, 0], last[0]


PLAIN: dict[str, type[PlainTranslator]] = {"additive": PlainAdditive, "dot": PlainDot}


@torch.inference_mode()
def greedy(
    model: PlainTranslator, source: Tensor, lengths: Tensor, limit: int
) -> Sequence[list[int]]:
    """A batch at once, until all rows have ended."""
    annotations, padding, hidden = model.encode(source, lengths)
    memory = model.prepared(annotations)
    last = torch.full_like(lengths, BEGIN)
    ended = torch.zeros_like(lengths, dtype=torch.bool)
    written = []
    while len(written) < limit and not bool(ended.all()):
        log_probabilities, hidden = model.next(last, hidden, memory, padding)
        last = log_probabilities.argmax(-1).masked_fill(ended, PAD)
        written.append(last)
        ended = ended | (last == END)
    rows = torch.stack(written, 1).tolist()
    return [[token for token in row if token not in (PAD, END)] for row in rows]


@torch.inference_mode()
def beam(
    model: PlainTranslator, source: Tensor, lengths: Tensor, limit: int, width: int
) -> list[list[int]]:
    """One sentence at a time, its beams as one batch: as tutorials have it. The rules are ours (no
    penalties): hypotheses that end among the best ``width`` are whole, ``width`` others go on,
    until none of them is likelier than the best whole one."""
    found = []
    for row, length in zip(source, lengths, strict=True):
        annotations, padding, hidden = model.encode(row[None, : int(length)], length[None])
        memory = model.prepared(annotations)
        texts, total = [[BEGIN]], torch.zeros(1)
        best, best_total = [], -float("inf")
        for step in range(limit):
            last = torch.tensor([text[-1] for text in texts])
            expanded = tuple(x.expand(len(texts), -1, -1) for x in memory)
            log_probabilities, hidden = model.next(last, hidden, expanded, padding)
            sums = total[:, None] + log_probabilities
            values, places = sums.flatten().topk(2 * width)
            size = log_probabilities.shape[1]
            going = []
            for rank, (value, place) in enumerate(
                zip(values.tolist(), places.tolist(), strict=True)
            ):
                parent, token = divmod(place, size)
                if token == END or step + 1 == limit:
                    if rank < width and value > best_total:
                        best, best_total = [*texts[parent], token], value
                elif len(going) < width:
                    going.append((parent, token, value))
            if not going or going[0][2] <= best_total:
                break
            texts = [[*texts[parent], token] for parent, token, _ in going]
            total = torch.tensor([value for _, _, value in going])
            hidden = hidden[[parent for parent, _, _ in going]]
        found.append([token for token in best[1:] if token != END])
    return found


def _name_of_ours(name: str, *, tied: bool) -> str:
    if name.startswith("encoder."):
        backward = name.endswith("_reverse")
        part = name.removeprefix("encoder.").removesuffix("_reverse")
        return f"{'rearward' if backward else 'onward'}.{part}"
    if tied and name.startswith("output."):
        return {"output.weight": "target_embedding.weight"}.get(name, name)
    begin, _, end = name.partition(".")
    names = {"query": "score.query", "key": "score.key", "v": "score", "output": "output.layer"}
    return f"{names.get(begin, begin)}.{end}"
