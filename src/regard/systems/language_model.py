"""Language models: an LSTM with and without a pointer sentinel, and the machine reader."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.data.streams import Stretch
from regard.data.vocabulary import BEGIN, PAD, UNKNOWN
from regard.nn.pointer_sentinel import LastWords, PointerSentinel, PointerSentinelWeights
from regard.systems.language_model_config import Config
from regard.systems.language_model_readers import MachineReader, Stack, detached, moved
from regard.systems.loss import Loss
from regard.systems.nats import nats_of

__all__ = ["Config", "LanguageModel", "Reading", "State", "Told"]


class State(NamedTuple):
    """What was read so far: the reader's state, the words that can be pointed at, and the last word
    ``(B,)``, where it was not read yet."""

    reader: Any
    past: LastWords | None
    last: Tensor | None = None


class Reading(NamedTuple):
    """T words that were read: states ``(B, T, H)``, where each points, the machine reader's weights
    ``(B, T, P + T)`` if they were asked, and what the next words need."""

    hidden: Tensor
    pointed: PointerSentinelWeights | None
    weights: Tensor | None
    state: State


class Told(NamedTuple):
    """What a model said of N true words, before it read them.

    Attributes:
        nats: −log p of each.
        likeliest: whether no word was likelier.
        gate: g, the vocabulary's part of the mixture; 1 without a pointer.
        share: of p, what the pointer gave; 0 without one.
    """

    nats: Float[Tensor, " N"]
    likeliest: Bool[Tensor, " N"]
    gate: Float[Tensor, " N"]
    share: Float[Tensor, " N"]


class LanguageModel(nn.Module):
    """The next word from all words before it.

        h_t = read(E x_t, h_{t−1})          a stack of LSTMs, or the machine reader (``nn.LSTMN``)
        p_vocabulary = softmax(E P h_t + b)
        p = p_vocabulary,   or   g p_vocabulary + pointer (``nn.PointerSentinel``)
        loss = −log p(y),   in training and with a pointer   − λ log(g + Σ_{i: x_i = y} a_i)

    A text is read in stretches. Between them the state is carried on, without its history:
    truncated back-propagation through time. Training and evaluation carry states of their own.

    Source:  Merity et al. 2017 (arXiv:1609.07843), §2; Cheng et al. 2016 (arXiv:1601.06733), §3.1;
             E in both places: Press and Wolf 2017 (arXiv:1608.05859), with their P
    Departs: the pointer's own loss adds to the mixture's; h is dropped before the output layer, not
             where it points; of a stretch every word is learned from, where the paper reads 100
             words back for the pointer and learns from the last; the machine reader forgets what is
             more than ``window`` words ago
    Cost:    O(B·T·(H² + N·E)); with N words the output layer is most of it

    Args:
        config: what it is made of.
        vocabulary: N, how many words there are.
    """

    def __init__(self, config: Config, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        sizes = (config.embedding, config.hidden)
        self.embedding = nn.Embedding(vocabulary, config.embedding, padding_idx=PAD)
        window = 100 if config.window is None else config.window
        if config.kind == "lstmn":
            self.reader = MachineReader(*sizes, window)
        else:
            self.reader = Stack(*sizes, config.depth, config.dropout)
        self.pointer = PointerSentinel(config.hidden, window) if config.kind == "pointer" else None
        same = config.embedding == config.hidden
        self.projection = nn.Identity() if same else nn.Linear(*sizes[::-1], bias=False)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.dropout = nn.Dropout(config.dropout)
        self._carried: dict[bool, State | None] = {True: None, False: None}
        self._judged = 0.0
        with torch.no_grad():
            self.embedding.weight.normal_(std=config.embedding**-0.5)
            self.embedding.weight[PAD] = 0.0

    @property
    def carried(self) -> State | None:
        """What the last stretch of the training left for the next."""
        return self._carried[True]

    @carried.setter
    def carried(self, state: State | None) -> None:
        self._carried[True] = state

    def loss(self, batch: Stretch) -> Loss:
        """Nats of the true words; in training with the pointer's own loss."""
        count = torch.tensor(float(len(batch.truth)), device=batch.words.device)
        if not self.training:
            told = self.told(batch)
            self._judged = float(told.likeliest.float().mean()) if len(batch.truth) else 0.0
            return Loss(told.nats.sum(), count)
        reading = self._next(batch)
        nats = nats_of(self._logits(_at(self.dropout(reading.hidden), batch)), batch.truth)
        if reading.pointed is None:
            return Loss(nats.sum(), count)
        gate, share = _gate_and_share(reading.pointed, batch)
        weight = 1.0 if self.config.pointer_loss is None else self.config.pointer_loss
        own = torch.logaddexp(gate, share).sum() if weight else 0.0
        return Loss(-torch.logaddexp(gate - nats, share).sum() - weight * own, count)

    @property
    def judged(self) -> float:
        """Of the last stretch whose loss was evaluated, the share of words that were likeliest: a
        stretch is read once."""
        return self._judged

    @torch.no_grad()
    def told(self, batch: Stretch) -> Told:
        """What is said of each true word of a stretch, which goes on from the last one that was
        told of, unless it begins.

        Words of equal probability: the lower number is the likeliest.
        """
        return self.tell(self._next(batch), batch)

    def tell(self, reading: Reading, batch: Stretch) -> Told:
        """The same, of what was read already."""
        logits = self._logits(_at(reading.hidden, batch)).float()
        nats = nats_of(logits, batch.truth)
        if reading.pointed is None:
            likeliest = logits.max(-1).indices == batch.truth
            return Told(nats, likeliest, torch.ones_like(nats), torch.zeros_like(nats))
        gate, share = _gate_and_share(reading.pointed, batch)
        mixed = torch.logaddexp(gate - nats, share)
        shares = _at(reading.pointed.shares(logits.shape[-1]), batch)
        p = torch.addcmul(shares, gate.exp()[:, None], logits.softmax(-1))
        likeliest = p.max(-1).indices == batch.truth
        return Told(-mixed, likeliest, gate.exp(), (share - mixed).exp())

    def read(
        self, words: Int[Tensor, "B T"], state: State | None, *, weights: bool = False
    ) -> Reading:
        """Words that follow those of ``state``; None: that begin a text."""
        state = State(None, None) if state is None else state
        found = self.reader(self.dropout(self.embedding(words)), state.reader, weights=weights)
        if self.pointer is None:
            return Reading(found.hidden, None, found.weights, State(found.state, None))
        pointed, past = self.pointer(found.hidden, words, state.past)
        return Reading(found.hidden, pointed, found.weights, State(found.state, past))

    def begin(self, source: Int[Tensor, "B S"], lengths: Any = None) -> State:
        """The state before the first new word, of texts that all have S words, one at least; the
        last word is not read yet."""
        state = State(None, None)
        if source.shape[1] > 1:
            state = self.read(source[:, :-1], None).state
        return state._replace(last=source[:, -1])

    def step(
        self, tokens: Int[Tensor, " B"], state: State
    ) -> tuple[Float[Tensor, "B N"], State, Float[Tensor, "B 0"]]:
        """Log-probabilities (nats) of the next word and the state after ``tokens``. BEGIN stands
        for the last word of the text that is continued; the unknown word cannot come."""
        if state.last is not None:
            tokens = torch.where(tokens == BEGIN, state.last, tokens)
        if state.reader is None:
            state = State(None, None)
        reading = self.read(tokens[:, None], state)
        logs = self._logits(reading.hidden[:, 0]).float().log_softmax(-1)
        if reading.pointed is not None:
            shares = reading.pointed.shares(logs.shape[-1])[:, 0]
            logs = torch.logaddexp(reading.pointed.log_gate + logs, shares.log())
        logs[:, UNKNOWN] = -torch.inf
        return logs, reading.state, logs.new_zeros(len(logs), 0)

    def _next(self, batch: Stretch) -> Reading:
        """The stretch read, from where the last one ended, unless it begins."""
        before = None if bool(batch.begins) else self._carried[self.training]
        reading = self.read(batch.words, moved(before, batch.words.device))
        self._carried[self.training] = detached(reading.state)
        return reading

    def _logits(self, hidden: Float[Tensor, "N H"]) -> Float[Tensor, "N V"]:
        return nn.functional.linear(self.projection(hidden), self.embedding.weight, self.bias)


def _at(rows: Float[Tensor, "B T D"], batch: Stretch) -> Float[Tensor, "N D"]:
    return rows.flatten(0, 1).index_select(0, batch.places)


def _gate_and_share(pointed: PointerSentinelWeights, batch: Stretch) -> tuple[Tensor, Tensor]:
    """log g, and log Σ a_i of the true word, of each."""
    truth = torch.full_like(batch.words, PAD).flatten()
    truth[batch.places] = batch.truth
    share = pointed.log_share(truth.view_as(batch.words))
    return pointed.log_gate.flatten()[batch.places], share.flatten()[batch.places]
