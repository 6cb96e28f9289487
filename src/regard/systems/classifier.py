"""A classifier: tokens' vectors, an encoder, a pooling, and a linear layer for the classes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.data.labelled_batch import UNSEEN, ClassBatch
from regard.data.vocabulary import PAD, UNKNOWN
from regard.errors import KindError, RangeError
from regard.nn.encoders import RecurrentEncoder
from regard.nn.lstmn import LSTMN
from regard.nn.pooling import AttentionPooling
from regard.nn.source import cleared
from regard.systems.classifier_pooling import Attentive, Last, Max, Mean, Pooled
from regard.systems.loss import Loss

ATTENTIVE = {
    "attention": "length_free",
    "fixed": "fixed",
    "gated": "gated",
    "structured": "structured",
    "multihead": "multihead",
}
"""Poolings by attention, and what ``nn.AttentionPooling`` calls them."""

SEVERAL, PENALTY = 4, 0.1
"""Rows or heads, and the weight of the penalty, where none are given."""

INITIAL = 0.3
"""Standard deviation of tokens' vectors before training. With torch's 1, words seen once or twice
keep much of the vector that chance gave them."""


@dataclass(frozen=True)
class Config:
    """What a classifier is made of.

    Attributes:
        encoder: what reads the tokens' vectors: "lstm" or "gru" (onward), "bilstm" or "bigru" (in
            both directions), "lstmn" (the machine reader) or "none".
        layers: how many recurrent layers are stacked.
        embedding: features of a token's vector.
        hidden: features of a recurrent state, in each direction, and of the layer within
            "attention", "gated" and "structured".
        pooling: what becomes of the annotations: "last" (the last state), "mean", "max",
            "attention" (additive, for texts of any length), "fixed" (the Keras tutorials' layer,
            with a bias for each position: needs length), "gated", "structured" (several rows
            that a penalty keeps apart) or "multihead".
        heads: of "multihead"; null: 4.
        rows: of "structured"; null: 4.
        penalty: weight of the penalty of "structured"; null: 0.1.
        normalizer: how scores of attention become weights: "softmax", "sparsemax", "entmax15",
            "sigmoid", "hard" or "gumbel".
        dropout: probability with which, in training, a feature is dropped of tokens' vectors,
            between layers and of the pooled vector.
        unknown_rate: probability with which a token is read as unknown in training, so that
            unknown tokens mean something and no word alone decides.
        label_smoothing: share of the truth that is spread over all classes in training, so that
            probabilities stay honest.
        length: tokens to which texts are cut and padded; null: their own lengths.
        attend_padding: whether encoder and pooling read the padding up to length as if it were
            text, as Keras layers do without masking: the tutorials' experiment.
    """

    encoder: Literal["lstm", "bilstm", "gru", "bigru", "lstmn", "none"] = "bilstm"
    layers: int = 1
    embedding: int = 128
    hidden: int = 64
    pooling: Literal[
        "last", "mean", "max", "attention", "fixed", "gated", "structured", "multihead"
    ] = "attention"
    heads: int | None = None
    rows: int | None = None
    penalty: float | None = None
    normalizer: Literal["softmax", "sparsemax", "entmax15", "sigmoid", "hard", "gumbel"] = "softmax"
    dropout: float = 0.5
    unknown_rate: float = 0.1
    label_smoothing: float = 0.1
    length: int | None = None
    attend_padding: bool = False

    def __post_init__(self) -> None:
        for name in ("layers", "embedding", "hidden", "heads", "rows", "length"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise RangeError(f"model.{name} is at least 1: {number}")
        for name in ("dropout", "unknown_rate", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise RangeError(f"model.{name} is a probability below 1: {getattr(self, name)}")
        if self.penalty is not None and self.penalty < 0:
            raise RangeError(f"model.penalty is at least 0: {self.penalty}")
        for name, pooling in (
            ("heads", "multihead"),
            ("rows", "structured"),
            ("penalty", "structured"),
        ):
            if getattr(self, name) is not None and self.pooling != pooling:
                raise KindError(
                    f"model.{name} is of model.pooling={pooling}, and the pooling is {self.pooling}"
                )
        if self.pooling not in ATTENTIVE and self.normalizer != "softmax":
            raise KindError(
                f"model.normalizer={self.normalizer} makes weights of attention's scores, and "
                f"model.pooling={self.pooling} has none"
            )
        if self.encoder in ("lstmn", "none") and self.layers != 1:
            raise KindError(f"model.encoder={self.encoder} is not stacked: model.layers is 1")
        if self.length is None and (self.pooling == "fixed" or self.attend_padding):
            why = (
                "model.pooling=fixed has a bias for each position"
                if self.pooling == "fixed"
                else "model.attend_padding reads texts padded to one length"
            )
            raise KindError(f"{why}: give model.length, a number of tokens")
        if self.pooling == "multihead" and self.annotation % (self.heads or SEVERAL):
            raise RangeError(
                f"model.heads={self.heads or SEVERAL} share the {self.annotation} features of an "
                "annotation equally: take a number that divides them"
            )

    @property
    def annotation(self) -> int:
        """F, features of what the encoder says of a token."""
        if self.encoder == "none":
            return self.embedding
        return self.hidden * (2 if self.encoder.startswith("bi") else 1)


class Judgement(NamedTuple):
    """Logits ``(B, C)`` of the classes, and the weight ``(B, K)`` of each token that was read.

    K is the number of columns read: ``config.length`` with padding that is attended to, else the
    longest text of the batch, and no more than ``config.length``.
    """

    logits: Float[Tensor, "B C"]
    weights: Float[Tensor, "B K"]


class Classifier(nn.Module):
    """Embedding → encoder → pooling → classes.

        p(c | x) = softmax(W_c pool(encode(E x)) + b)

    Source:  the poolings and encoders have theirs; with an LSTM and "fixed", the text classifier of
             the Keras tutorials on attention
    Departs: one linear layer for two classes too, where the tutorials have one sigmoid; forget
             gates begin with a bias of 1, as in Keras (Jozefowicz, Zaremba, Sutskever 2015), and
             not with torch's

    Args:
        config: what it is made of.
        vocabulary_size: how many tokens there are.
        classes: C, how many labels there are.
    """

    def __init__(self, config: Config, vocabulary_size: int, classes: int) -> None:
        super().__init__()
        self.config = config
        # Padding that is read has a vector to learn, as in Keras without masking.
        unread = None if config.attend_padding else PAD
        self.embedding = nn.Embedding(vocabulary_size, config.embedding, padding_idx=unread)
        with torch.no_grad():
            self.embedding.weight *= INITIAL
        self.encoder = _encoder(config)
        self.pooling = _pooling(config)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(self.pooling.features, classes)

    def forward(self, text: Int[Tensor, "B K"], lengths: Int[Tensor, " B"]) -> Judgement:
        """Logits of texts, and where the model looked."""
        logits, pooled = self._judge(text, lengths)
        return Judgement(logits, pooled.weights)

    def loss(self, batch: ClassBatch) -> Loss:
        """Nats an example; an example whose label was not in the training part is not counted."""
        logits, pooled = self._judge(batch.text, batch.lengths)
        known = batch.labels != UNSEEN
        total = F.cross_entropy(
            logits.float(),
            batch.labels,
            ignore_index=UNSEEN,
            reduction="sum",
            label_smoothing=self.config.label_smoothing if self.training else 0.0,
        )
        if self.training and self.config.pooling == "structured" and pooled.rows is not None:
            weight = PENALTY if self.config.penalty is None else self.config.penalty
            total = total + weight * AttentionPooling.penalty(pooled.rows.float())[known].sum()
        return Loss(total, known.sum().to(total.dtype))

    def _judge(self, text: Tensor, lengths: Tensor) -> tuple[Tensor, Pooled]:
        text, lengths = self._fitted(self._with_unknowns(text), lengths)
        embedded = self.dropout(self.embedding(text))
        pooled = self.pooling(self._annotations(embedded, lengths), lengths)
        return self.output(self.dropout(pooled.vector)), pooled

    def _annotations(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        match self.encoder:
            case RecurrentEncoder():
                return self.encoder(embedded, lengths).annotations
            case LSTMN():
                return self.encoder(embedded, lengths)[0]
        return cleared(embedded, lengths)

    def _fitted(self, text: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The text cut to ``config.length``, and padded to it if the padding is read or its
        positions are counted."""
        config = self.config
        if config.length is None:
            return text, lengths
        text, lengths = text[:, : config.length], lengths.clamp(max=config.length)
        if config.attend_padding or config.pooling == "fixed":
            text = F.pad(text, (0, config.length - text.shape[1]), value=PAD)
        if config.attend_padding:
            lengths = torch.full_like(lengths, config.length)
        return text, lengths

    def _with_unknowns(self, text: Tensor) -> Tensor:
        if not self.training or not self.config.unknown_rate:
            return text
        lost = torch.rand(text.shape, device=text.device) < self.config.unknown_rate
        return text.masked_fill(lost & (text != PAD), UNKNOWN)


def _encoder(config: Config) -> RecurrentEncoder | LSTMN | None:
    match config.encoder:
        case "none":
            return None
        case "lstmn":
            return LSTMN(config.embedding, config.hidden)
    encoder = RecurrentEncoder(
        config.embedding,
        config.hidden,
        cell="lstm" if config.encoder.endswith("lstm") else "gru",
        layers=config.layers,
        bidirectional=config.encoder.startswith("bi"),
        dropout=config.dropout,
    )
    for part in encoder.modules():
        if isinstance(part, nn.LSTM):
            _remember(part)
    return encoder


def _remember(lstm: nn.LSTM) -> None:
    """Forget gates begin open, with a bias of 1 (torch has two biases, which are added)."""
    gate = slice(lstm.hidden_size, 2 * lstm.hidden_size)
    with torch.no_grad():
        for name, bias in (("bias_ih_l0", 1.0), ("bias_hh_l0", 0.0)):
            lstm.get_parameter(name)[gate] = bias


def _pooling(config: Config) -> Last | Mean | Max | Attentive:
    features = config.annotation
    simple: dict[str, Callable[[], Last | Mean | Max]] = {
        "last": lambda: Last(features, config.encoder.startswith("bi")),
        "mean": lambda: Mean(features),
        "max": lambda: Max(features),
    }
    if config.pooling in simple:
        return simple[config.pooling]()
    rows = (config.rows or SEVERAL) if config.pooling == "structured" else None
    return Attentive(
        AttentionPooling(
            features,
            form=ATTENTIVE[config.pooling],
            hidden=config.hidden if config.pooling not in ("fixed", "multihead") else None,
            length=config.length if config.pooling == "fixed" else None,
            rows=rows,
            heads=(config.heads or SEVERAL) if config.pooling == "multihead" else None,
            normalizer=config.normalizer,
        ),
        rows or 1,
    )
