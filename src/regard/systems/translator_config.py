"""What a translator may be made of, and what does not go together."""

from dataclasses import dataclass
from typing import Literal

from regard.errors import KindError, RangeError
from regard.nn.learned_score import ALIKE
from regard.scores import canonical

SCORES = {"bahdanau": "additive", "luong": "general", "transformer": "scaled_dot"}
"""The score of each attention, where none is given."""

RECURRENT = ("none", "bahdanau", "luong")
READING = ("bahdanau", "luong", "transformer")

OWNERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "score": ("attention", READING),
    "places": ("score", ("location", "luong_location")),
    "window": ("reach", ("local-m", "local-p")),
    "coverage_weight": ("alignment", ("coverage",)),
    "input_feeding": ("attention", ("luong",)),
    "cell": ("attention", RECURRENT),
    "heads": ("attention", ("transformer",)),
    "feed_forward": ("attention", ("transformer",)),
}
"""Options that are null, or of some choices of another option."""

NUMBERS = ("places", "window", "layers", "embedding", "hidden", "heads", "feed_forward")


@dataclass(frozen=True)
class Config:
    """What a translator is made of. What is null has the value that its text says.

    Attributes:
        attention: whose decoder: "none" (the source as one vector, given to every step),
            "bahdanau" (attention before the state moves), "luong" (attention after it) or
            "transformer".
        score: how a query is matched with a key: any score of ``nn.LearnedScore``, or an author's
            name of one ("dot", "general", "concat", "location", "cosine", …); null: additive for
            bahdanau, general for luong, scaled_dot for transformer.
        places: of the location score, the largest number of source tokens that are looked at;
            those behind are not, as in the paper.
        reach: "global", or a window of the source that moves on by a token a step ("local-m") or
            is predicted ("local-p").
        window: of local reach, how many tokens to each side; null: 10.
        alignment: "soft"; "hard" (one place, drawn in training, with REINFORCE); or "coverage"
            (told how much of each token has been read).
        coverage_weight: of the loss for rereading, in training; null: 1.
        normalizer: how scores become weights: "softmax", "sparsemax", "entmax15", "sigmoid",
            "hard" or "gumbel".
        input_feeding: whether luong's decoder is told what it attended to last; null: true.
        cell: "gru" or "lstm", on both sides; null: lstm for luong, else gru.
        layers: how many are stacked on each side; null: 1, for transformer 3 (in the paper 6).
        embedding: features of a token's vector; null: 64, for transformer hidden.
        hidden: features of a recurrent state, in each direction of the encoder; of transformer
            d_model.
        heads: of transformer; null: 4.
        feed_forward: features within transformer's feed-forward parts; null: 4 · hidden.
        dropout: probability with which a feature is dropped in training.
        unknown_rate: probability with which a source token is read as unknown in training, so
            that unknown tokens mean something.
        tied: whether target tokens have one vector, read and written.
        copy: whether words of the source may be copied, unknown ones included (pointer–generator).
        label_smoothing: share of the truth that is spread over all tokens in training.
        teacher_forcing: with what probability the true last token is read at the end of training;
            it falls to it from 1, in proportion to the training done. Else the likeliest by the
            model itself is.
        sampling: whether that is drawn for each "token" (scheduled sampling) or for each "target"
            as a whole; null: token.
    """

    attention: Literal["none", "bahdanau", "luong", "transformer"] = "bahdanau"
    score: str | None = None
    places: int | None = None
    reach: Literal["global", "local-m", "local-p"] = "global"
    window: int | None = None
    alignment: Literal["soft", "hard", "coverage"] = "soft"
    coverage_weight: float | None = None
    normalizer: Literal["softmax", "sparsemax", "entmax15", "sigmoid", "hard", "gumbel"] = "softmax"
    input_feeding: bool | None = None
    cell: Literal["gru", "lstm"] | None = None
    layers: int | None = None
    embedding: int | None = None
    hidden: int = 128
    heads: int | None = None
    feed_forward: int | None = None
    dropout: float = 0.1
    unknown_rate: float = 0.01
    tied: bool = False
    copy: bool = False
    label_smoothing: float = 0.0
    teacher_forcing: float = 1.0
    sampling: Literal["token", "target"] | None = None

    def __post_init__(self) -> None:
        self._expect_numbers()
        if self.score is not None:
            canonical(self.score)
        for name, (other, choices) in OWNERS.items():
            if getattr(self, name) is not None and getattr(self, other) not in choices:
                has = getattr(self, other)
                raise KindError(
                    f"model.{name} is of model.{other}={'|'.join(choices)}, and "
                    f"model.{other} is {'null' if has is None else has}"
                )
        refusal = self._refusal()
        if refusal is not None:
            raise KindError(refusal)
        if self.attention == "transformer":
            self._expect_heads()

    @property
    def scored(self) -> str:
        """The score's name in the library."""
        return canonical(self.score or SCORES.get(self.attention, "additive"))

    @property
    def alike(self) -> bool:
        """Whether the score wants as many features of a key as of a query."""
        return self.scored in ALIKE

    @property
    def width(self) -> int:
        """Features of a token's vector."""
        return self.embedding or (self.hidden if self.attention == "transformer" else 64)

    @property
    def depth(self) -> int:
        """How many layers are stacked on each side."""
        return self.layers or (3 if self.attention == "transformer" else 1)

    @property
    def memory(self) -> Literal["gru", "lstm"]:
        """The recurrent cell."""
        return self.cell or ("lstm" if self.attention == "luong" else "gru")

    def _expect_numbers(self) -> None:
        for name in NUMBERS:
            number = getattr(self, name)
            if number is not None and number < 1:
                raise RangeError(f"model.{name} is at least 1: {number}")
        for name in ("dropout", "unknown_rate", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise RangeError(f"model.{name} is a probability below 1: {getattr(self, name)}")
        if not 0 <= self.teacher_forcing <= 1:
            raise RangeError(f"model.teacher_forcing is a probability: {self.teacher_forcing}")
        if self.coverage_weight is not None and self.coverage_weight < 0:
            raise RangeError(f"model.coverage_weight is at least 0: {self.coverage_weight}")

    def _expect_heads(self) -> None:
        heads = self.heads or 4
        if self.hidden % heads or self.hidden % 2:
            raise RangeError(
                f"model.hidden={self.hidden} is shared by model.heads={heads} heads, and by sines "
                "and cosines: take an even number that the heads divide"
            )
        if self.width != self.hidden:
            raise RangeError(
                "a transformer's tokens have as many features as its layers: model.embedding is "
                f"model.hidden={self.hidden} or null, and it is {self.embedding}"
            )

    def _refusal(self) -> str | None:
        """Why some choices do not go together, if they do not."""
        whole, soft = self.reach == "global", self.alignment == "soft"
        for wrong, why in (
            (
                self.attention == "none"
                and not (whole and soft and self.normalizer == "softmax" and not self.copy),
                "model.attention=none looks nowhere: it has no reach, alignment, normalizer or "
                "copying of its own",
            ),
            (
                self.attention == "transformer" and not (whole and soft),
                "model.reach and model.alignment are of recurrent decoders; a transformer's "
                "attention is global and soft",
            ),
            (
                not whole and not soft,
                f"model.alignment={self.alignment} looks at the whole source: "
                f"model.reach={self.reach} goes with model.alignment=soft",
            ),
            (
                self.alignment == "coverage"
                and self.score is not None
                and self.scored != "additive",
                f"model.alignment=coverage has the additive score, not {self.score}",
            ),
            (
                self.alignment == "hard" and self.normalizer != "softmax",
                "model.alignment=hard draws its place from a softmax: model.normalizer is softmax, "
                f"not {self.normalizer}",
            ),
            (
                self.score is not None and self.scored == "location" and self.places is None,
                "model.score=location has a weight for each place: give model.places, the longest "
                "source that is looked at (tokens)",
            ),
            (
                self.scored == "location" and (not whole or self.attention == "transformer"),
                "model.score=location knows the places of a whole source, for one head: take "
                "model.reach=global, and bahdanau or luong",
            ),
            (
                self.copy and (not whole or self.normalizer == "sigmoid"),
                "model.copy wants weights that sum to 1: model.reach=global, and another "
                "model.normalizer than sigmoid",
            ),
            (
                self.copy and self.label_smoothing > 0,
                "model.label_smoothing spreads the truth over the vocabulary, which model.copy "
                "goes beyond: take one of them",
            ),
            (
                self.attention == "transformer" and self.teacher_forcing < 1,
                "model.teacher_forcing below 1 reads a target step by step, which a transformer "
                "does not in training",
            ),
            (
                self.sampling is not None and self.teacher_forcing == 1,
                f"model.sampling={self.sampling} says how the model's own tokens are mixed in: "
                "give model.teacher_forcing, a number below 1",
            ),
        ):
            if wrong:
                return why
        return None
