"""What a language model may be made of, and what does not go together."""

import math
from dataclasses import dataclass
from typing import Literal

from regard.errors import KindError, RangeError

OWNERS: dict[str, tuple[str, ...]] = {
    "layers": ("pointer", "lstm"),
    "window": ("pointer", "lstmn"),
    "pointer_loss": ("pointer",),
}
"""Options that are null, or of some kinds of model."""


@dataclass(frozen=True)
class Config:
    """What a language model is made of. What is null has the value that its text says.

    Attributes:
        kind: "pointer" (a pointer sentinel mixture: an LSTM that can point at words before), "lstm"
            (the same without the pointer) or "lstmn" (the machine reader: an LSTM that attends to
            its own past).
        embedding: features of a word's vector.
        hidden: features of the state. Where they are not as many as the embedding's, a projection
            stands between the state and the output layer.
        layers: of the LSTM; null: 2. The machine reader has one.
        window: words before that can be pointed at, or that are attended to; null: 100.
        pointer_loss: in training, what the pointer's own loss counts; null: 1.
        dropout: probability with which a feature is dropped in training: of embeddings, between
            layers, and of states before the output layer.
    """

    kind: Literal["pointer", "lstm", "lstmn"] = "pointer"
    embedding: int = 128
    hidden: int = 256
    layers: int | None = None
    window: int | None = None
    pointer_loss: float | None = None
    dropout: float = 0.4

    @property
    def depth(self) -> int:
        """How many layers."""
        return (self.layers or 2) if self.kind != "lstmn" else 1

    def __post_init__(self) -> None:
        """Raises:
        RangeError: a number outside its range.
        KindError: options that do not go together.
        """
        for name in ("embedding", "hidden", "layers", "window"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise RangeError(f"model.{name} is at least 1: {number}")
        if not 0 <= self.dropout < 1:
            raise RangeError(f"model.dropout is a probability below 1: {self.dropout}")
        if self.pointer_loss is not None and not 0 <= self.pointer_loss < math.inf:
            raise RangeError(f"model.pointer_loss is a number, 0 or more: {self.pointer_loss}")
        for name, kinds in OWNERS.items():
            if getattr(self, name) is not None and self.kind not in kinds:
                raise KindError(
                    f"model.{name} is of model.kind={' or '.join(kinds)}, and it is {self.kind}: "
                    "leave it null"
                )
