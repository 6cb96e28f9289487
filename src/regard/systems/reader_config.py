"""What a reader may be made of, and what does not go together."""

from dataclasses import dataclass
from typing import Literal

from regard.errors import KindError, RangeError

OF_QANET = ("heads", "blocks", "convolutions", "kernel")
"""Options that are null, or of QANet."""

HEADS, BLOCKS, CONVOLUTIONS = 4, 2, 2
"""Of QANet, where none are given; its paper has 8, 7, and 4 and 2."""

KERNELS = (7, 5)
"""Of QANet's embedding encoder and of its model encoder, as in its paper."""

CHARACTER_FEATURES = 32
"""Of the characters' convolution, where none are given."""


@dataclass(frozen=True)
class Config:
    """What a reader is made of. What is null has the value that its text says.

    Attributes:
        attention: how passage and question look at each other, and all that belongs to it:
            "bidaf", "documentqa", "fusionnet", "qanet", or "mean" (none: documentqa with every
            weight alike).
        embedding: features of a word's vector.
        characters: features of a character's vector; 0: words alone are read.
        character_features: features that the convolution makes of a word's characters; null: 32.
        hidden: H, features of each direction of a recurrent layer; of qanet half of a word's
            features.
        match: whether a word of the passage is told if it stands in the question; null: as the
            papers have it, for fusionnet alone.
        heads: of qanet, of its self-attention; null: 4 (its paper has 8).
        blocks: of qanet, of its model encoder; null: 2 (its paper has 7).
        convolutions: of qanet, in each block; null: 2 (its paper has 4 in the embedding encoder).
        kernel: of qanet, words that a convolution reads at once, odd; null: 7 in the embedding
            encoder and 5 in the model encoder.
        dropout: probability with which a feature is dropped in training, of a whole text at once,
            before each layer that mixes words.
    """

    attention: Literal["bidaf", "documentqa", "fusionnet", "qanet", "mean"] = "documentqa"
    embedding: int = 64
    characters: int = 16
    character_features: int | None = None
    hidden: int = 64
    match: bool | None = None
    heads: int | None = None
    blocks: int | None = None
    convolutions: int | None = None
    kernel: int | None = None
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Raises:
        RangeError: a number outside its range.
        KindError: options that do not go together.
        """
        for name in ("embedding", "hidden", "character_features", *OF_QANET):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise RangeError(f"model.{name} is at least 1: {number}")
        if self.characters < 0:
            raise RangeError(f"model.characters is at least 0: {self.characters}")
        if not 0 <= self.dropout < 1:
            raise RangeError(f"model.dropout is a probability below 1: {self.dropout}")
        for name in OF_QANET:
            if getattr(self, name) is not None and self.attention != "qanet":
                raise KindError(
                    f"model.{name} is of model.attention=qanet, and it is {self.attention}: "
                    "leave it null"
                )
        if not self.characters and self.character_features is not None:
            raise KindError(
                "model.character_features are made of characters, and model.characters=0 reads "
                "none: leave it null"
            )
        if self.kernel is not None and not self.kernel % 2:
            raise RangeError(f"model.kernel is odd, for it has a middle: {self.kernel}")
        if self.attention == "qanet" and 2 * self.hidden % (self.heads or HEADS):
            raise RangeError(
                f"model.heads={self.heads or HEADS} share the 2 · model.hidden = "
                f"{2 * self.hidden} features of a word equally: take a number that divides them"
            )

    @property
    def letters(self) -> int:
        """Features that are made of a word's characters."""
        if not self.characters:
            return 0
        return CHARACTER_FEATURES if self.character_features is None else self.character_features

    @property
    def word(self) -> int:
        """M, features of a word before it is told what stands around it."""
        return self.embedding + self.letters

    @property
    def matched(self) -> int:
        """Features that tell whether a word stands in the question: 1 or 0."""
        return int(self.attention == "fusionnet" if self.match is None else self.match)
