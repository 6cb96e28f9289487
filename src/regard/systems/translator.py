"""A translator: an encoder of the source, a decoder that looks at it, one token at a time."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.data.batching import Batch
from regard.data.copying import Copies
from regard.data.vocabulary import PAD, UNKNOWN
from regard.errors import KindError
from regard.nn.coverage import coverage_loss
from regard.nn.decoders import Written, chances_of
from regard.systems.loss import Loss
from regard.systems.nats import nats_of
from regard.systems.reinforce import reinforced
from regard.systems.translator_config import Config
from regard.systems.translator_output import Copying, Output
from regard.systems.translator_recurrent import RecurrentNetwork
from regard.systems.translator_transformer import TransformerNetwork

__all__ = ["Config", "State", "Translator"]


class State(NamedTuple):
    """Where a translation has come to: the network's state; the words ``(B, S)`` of the source, in
    the extended vocabulary if they may be copied; and as many columns ``(B, U)`` as the batch has
    numbers for unknown words."""

    network: Any
    words: Tensor
    unknown: Tensor


class Translator(nn.Module):
    """RNNsearch, Luong's translator, the encoder–decoder without attention, or the Transformer.

    Source:  Bahdanau, Cho, Bengio 2015 (arXiv:1409.0473); Luong, Pham, Manning 2015
             (arXiv:1508.04025); Cho et al. 2014 (arXiv:1406.1078); Vaswani et al. 2017
             (arXiv:1706.03762). Copying: See, Liu, Manning 2017 (arXiv:1704.04368). Scheduled
             sampling: Bengio et al. 2015 (arXiv:1506.03099)
    Departs: Luong's encoder is bidirectional here; sampled tokens are the likeliest, not drawn; see
             also the decoders

    Args:
        config: what it is made of.
        source_size, target_size: how many tokens either vocabulary has.

    Attributes:
        progress: the share of the training that is done, 0 to 1, which the trainer sets: by it
            teacher forcing falls. It is no part of the ``state_dict``.
    """

    def __init__(self, config: Config, source_size: int, target_size: int) -> None:
        super().__init__()
        self.config, self.progress, self.target_size = config, 0.0, target_size
        of = TransformerNetwork if config.attention == "transformer" else RecurrentNetwork
        self.network = of(config, source_size, target_size)
        embedding = self.network.target_embedding
        if config.tied:
            # As they are drawn, N(0, 1), vectors would make logits of many nats.
            nn.init.normal_(embedding.weight, std=config.width**-0.5)
            with torch.no_grad():
                embedding.weight[PAD].zero_()
        tied_to = embedding if config.tied else None
        self.output = Output(self.network.features, target_size, tied_to)
        self.copying = Copying(self.network.told) if config.copy else None

    @property
    def teacher_forcing(self) -> float:
        """The probability with which a true token is read now."""
        return 1 - (1 - self.config.teacher_forcing) * self.progress

    def loss(self, batch: Batch) -> Loss:
        """Nats of the true target tokens, each predicted from those before it.

        In training the terms of label smoothing, coverage and REINFORCE are part of the sum; in
        evaluation it is nats alone.

        Raises:
            KindError: a model that copies, and a batch without copies.
        """
        steps = batch.target_lengths - 1
        places = torch.arange(batch.target.shape[1] - 1, device=steps.device)
        real = places < steps[:, None]
        tokens = batch.target[:, :-1]
        written, tokens = self._written(batch, tokens)
        # Features of padding would cost as much as others: they never reach the output layer.
        where = real.flatten().nonzero()[:, 0]
        nats = self._nats(batch, written, tokens, where)
        total = nats.sum()
        if self.training:
            total = total + self._terms(written, nats, where, real)
        return Loss(total, steps.sum().to(total.dtype))

    def begin(
        self,
        source: Int[Tensor, "B S"],
        lengths: Int[Tensor, " B"],
        copies: Copies | None = None,
    ) -> State:
        """The state before the first token, of sources ``(B, S)``.

        Args:
            copies: what may be copied, for a model that copies (``data.copying.copies_of``).

        Raises:
            KindError: copies for a model that does not copy, or none for one that does.
        """
        self._expect(copies)
        unknown = source.new_zeros(len(source), 0 if copies is None else copies.unknown)
        words = source if copies is None else copies.source
        return State(self.network.begin(source, lengths), words, unknown)

    def step(
        self, tokens: Int[Tensor, " B"], state: State
    ) -> tuple[Float[Tensor, "B N"], State, Float[Tensor, "B S"]]:
        """Log-probabilities (nats) of the next token, the state after ``tokens``, and the weights
        over the source with which that next token is written (zeros without attention).

        N is the target vocabulary, and for a model that copies, the batch's largest number of
        unknown words besides; a token behind the vocabulary is read as the unknown one.
        """
        tokens = tokens.masked_fill(tokens >= self.target_size, UNKNOWN)
        written, network = self.network.step(tokens, state.network)
        weights = self._over(state.words, written)
        found = self._log_probabilities(written, tokens, weights, state)
        return found, State(network, state.words, state.unknown), weights

    @torch.no_grad()
    def align(self, batch: Batch) -> Float[Tensor, "B T S"]:
        """Forced decoding: the weights with which each true target token behind BEGIN is written
        ``(B, T − 1, S)``. Of the Transformer: the mean over the heads of the last layer's
        attention to the source."""
        tokens = batch.target[:, :-1]
        written = self.network.whole(
            batch.source, batch.source_lengths, tokens, return_weights=True
        )
        return self._over(batch.source, written)

    def _written(self, batch: Batch, tokens: Tensor) -> tuple[Written, Tensor]:
        """What the network says of the tokens behind those that it reads, and which it reads: the
        true ones, or some of its own."""
        self._expect(batch.copies)
        source = self._with_unknowns(batch.source)
        ratio = self.teacher_forcing if self.training else 1.0
        if ratio < 1:
            columns = 1 if self.config.sampling == "target" else tokens.shape[1]
            own = torch.rand(len(tokens), columns, device=tokens.device) >= ratio
            if bool(own.any()):
                own = own.expand(-1, tokens.shape[1])
                return self._sampled(source, batch, tokens, own)
        wanted = self.config.copy or self.config.alignment == "coverage"
        lengths = batch.source_lengths
        return self.network.whole(source, lengths, tokens, return_weights=wanted), tokens

    def _sampled(
        self, source: Tensor, batch: Batch, tokens: Tensor, own: Bool[Tensor, "B T"]
    ) -> tuple[Written, Tensor]:
        """One step after the other, where ``own`` from the likeliest token by the model itself."""
        words = source if batch.copies is None else batch.copies.source
        unknown = source.new_zeros(len(source), 0 if batch.copies is None else batch.copies.unknown)
        network: Any = self.network.begin(source, batch.source_lengths)
        last, steps, read = tokens[:, 0], [], []
        for t in range(tokens.shape[1]):
            written, network = self.network.step(last, network)
            steps.append(written)
            read.append(last)
            if t + 1 == tokens.shape[1]:
                break
            with torch.no_grad():
                state = State(network, words, unknown)
                weights = self._over(words, written)
                likeliest = self._log_probabilities(written, last, weights, state).argmax(-1)
                likeliest = likeliest.masked_fill(likeliest >= self.target_size, UNKNOWN)
            last = torch.where(own[:, t + 1], likeliest, tokens[:, t + 1])
        return _stacked(steps), torch.stack(read, 1)

    def _nats(
        self, batch: Batch, written: Written, tokens: Tensor, where: Int[Tensor, " N"]
    ) -> Float[Tensor, " N"]:
        """−log p of the true tokens at N places of the flattened target."""
        logits = self._logits(_at(written.features, where))
        if self.copying is None:
            truth = batch.target[:, 1:].flatten()[where]
            smoothing = self.config.label_smoothing if self.training else 0.0
            return nats_of(logits, truth, smoothing)
        copies, weights = batch.copies, written.weights
        assert copies is not None
        assert weights is not None
        if copies.target is None:
            raise KindError("the loss of a model that copies wants copies with their target")
        about = _at(self.network.about(tokens, written), where)
        source = copies.source[where // tokens.shape[1]]
        weights = _at(self._over(copies.source, written), where)
        truth = copies.target[:, 1:].flatten()[where]
        return -self.copying.log_likelihood(logits, about, weights, source, truth)

    def _terms(
        self, written: Written, nats: Tensor, where: Tensor, real: Bool[Tensor, "B T"]
    ) -> Float[Tensor, ""] | float:
        """What is minimised in training besides."""
        if self.config.alignment == "coverage":
            assert written.weights is not None
            weight = self.config.coverage_weight
            rereading = coverage_loss(written.weights, lengths=real.sum(1))
            return (1.0 if weight is None else weight) * rereading.sum()
        if written.chance is None:
            return 0.0
        return reinforced(self.network.decoder.attention, nats, where, written.chance, real)

    def _log_probabilities(
        self, written: Written, tokens: Tensor, weights: Tensor, state: State
    ) -> Tensor:
        logits = self._logits(written.features).float()
        if self.copying is None:
            return logits.log_softmax(-1)
        about = self.network.about(tokens, written)
        return self.copying.log_probabilities(logits, about, weights, state.words, state.unknown)

    def _logits(self, features: Tensor) -> Tensor:
        return self.output(features, self.network.target_embedding.weight)

    def _over(self, words: Int[Tensor, "B S"], written: Written) -> Tensor:
        """Weights over the whole source, also of what looks at a part of it, or at nothing."""
        weights = written.weights
        assert weights is not None
        if self.config.attention == "none":
            return weights.new_zeros(*weights.shape[:-1], words.shape[1])
        return F.pad(weights, (0, words.shape[1] - weights.shape[-1]))

    def _with_unknowns(self, source: Tensor) -> Tensor:
        if not self.training or not self.config.unknown_rate:
            return source
        lost = torch.rand(source.shape, device=source.device) < self.config.unknown_rate
        return source.masked_fill(lost & (source != PAD), UNKNOWN)

    def _expect(self, copies: Copies | None) -> None:
        if (copies is None) == self.config.copy:
            came = "came without" if copies is None else "came with"
            does = "copies" if self.config.copy else "does not copy"
            raise KindError(
                f"this translator {does}, and its sources {came} copies: an Encoding with "
                f"copy={self.config.copy} makes them"
            )


def _at(array: Float[Tensor, "B T N"], where: Int[Tensor, " N"]) -> Float[Tensor, "N ..."]:
    return array.flatten(0, 1).index_select(0, where)


def _stacked(steps: list[Written]) -> Written:
    """What was said step by step, as one."""

    def all_of(field: str) -> Tensor:
        return torch.stack([getattr(step, field) for step in steps], 1)

    said = [all_of(field) for field in ("features", "query", "context", "weights")]
    chance = chances_of(step.chance for step in steps)
    return Written(said[0], said[1], said[2], said[3], chance)
