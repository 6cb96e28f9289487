"""How a system is trained: what is not the Trainer's own business."""

from dataclasses import dataclass

from regard.errors import RangeError


@dataclass(frozen=True)
class Training:
    """How a system is trained.

    Attributes:
        batch_size: examples in a step.
        learning_rate: the highest; it rises over the first steps, then falls to 0 as a cosine.
        warm_up: share of the steps in which the learning rate rises.
        patience: validations without a better loss after which training ends.
        seed: of the first weights, the order of examples and dropout.
    """

    batch_size: int = 128
    learning_rate: float = 4e-3
    warm_up: float = 0.1
    patience: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("patience", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise RangeError(f"training.{name} is at least {least}: {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise RangeError(f"training.learning_rate is above 0: {self.learning_rate}")
        if not 0 <= self.warm_up < 1:
            raise RangeError(f"training.warm_up is a share, 0 ≤ share < 1: {self.warm_up}")
