"""How a system is trained: what is not the Trainer's own business."""

from dataclasses import dataclass
from typing import Literal

from regard.errors import RangeError


@dataclass(frozen=True)
class Training:
    """How a system is trained.

    Attributes:
        batch_size: examples in a step, of all processes together.
        batch_tokens: tokens in a step at most, padding counted, of all processes together: long
            texts come in smaller batches; null: no limit.
        learning_rate: the highest; it rises over the first steps, then falls.
        schedule: how it falls: "cosine" to 0 at the end, "inverse_sqrt" as the Transformer's paper
            has it, or "constant": not at all.
        warm_up: share of the training in which the learning rate rises; inverse_sqrt needs one.
        weight_decay: of AdamW; with 0, Adam.
        patience: validations without a better loss after which training ends.
        keep: whose weights the run keeps: of the validation with the lowest loss ("best"), or of
            the latest ("last"), which is better where few texts are there to choose by.
        checkpoint_steps: steps after which the state is written, for --resume.
        seed: of the first weights, the order of examples and dropout.
    """

    batch_size: int = 128
    batch_tokens: int | None = None
    learning_rate: float = 4e-3
    schedule: Literal["cosine", "inverse_sqrt", "constant"] = "cosine"
    warm_up: float = 0.1
    weight_decay: float = 0.0
    patience: int = 5
    keep: Literal["best", "last"] = "best"
    checkpoint_steps: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("batch_size", 1),
            ("batch_tokens", 1),
            ("patience", 1),
            ("checkpoint_steps", 1),
            ("seed", 0),
        ):
            number = getattr(self, name)
            if number is not None and number < least:
                raise RangeError(f"training.{name} is at least {least}: {number}")
        if not self.learning_rate > 0:
            raise RangeError(f"training.learning_rate is above 0: {self.learning_rate}")
        if not 0 <= self.warm_up < 1:
            raise RangeError(f"training.warm_up is a share, 0 ≤ share < 1: {self.warm_up}")
        if self.schedule == "inverse_sqrt" and not self.warm_up:
            raise RangeError(
                "training.schedule=inverse_sqrt falls from where the warm-up ends: "
                "training.warm_up is above 0"
            )
        if self.weight_decay < 0:
            raise RangeError(f"training.weight_decay is at least 0: {self.weight_decay}")
